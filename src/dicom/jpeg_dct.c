/* jpeg_dct.c - the scans of DCT processes (T.81 annexes F and G): Huffman-coded coefficients of 8 x 8 blocks. */
#include "dicom/jpeg.h"

struct dct_scan {
    struct jpeg_bits bits;
    const struct jpeg_scan *parameters;
    const struct jpeg_huffman *dc[JPEG_COMPONENTS_MAX], *ac[JPEG_COMPONENTS_MAX];
    int32_t last_dc[JPEG_COMPONENTS_MAX];
    int64_t band_ends; /* blocks to come without coefficients in this band (EOBRUN) */
};

/* Coefficients outside 16 bits come from damaged data alone. */
static int16_t narrow(int64_t value)
{
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

/* The bits are in a local of each function below: the compiler then keeps the window in a register. */
static inline int32_t dc_next(struct dct_scan *scan, struct jpeg_bits *bits, int i)
{
    int size = jpeg_symbol(bits, scan->dc[i]);
    jpeg_bits_fill(bits);
    int difference = jpeg_extend(jpeg_bits_take(bits, size), size);
    return scan->last_dc[i] = narrow(scan->last_dc[i] + difference);
}

/* F.2.2 */
static void block_sequential(struct dct_scan *scan, int i, int16_t *block)
{
    struct jpeg_bits bits = scan->bits;
    const struct jpeg_huffman *table = scan->ac[i];
    jpeg_bits_fill(&bits);
    block[0] = (int16_t)dc_next(scan, &bits, i);
    for (int k = 1; k < 64; k++) {
        jpeg_bits_fill(&bits);
        int symbol = jpeg_symbol(&bits, table), run = symbol >> 4, size = symbol & 15;
        if (size == 0) {
            if (run < 15)
                break;
            k += 15;
            continue;
        }
        k += run;
        block[jpeg_zigzag[k]] = (int16_t)jpeg_extend(jpeg_bits_take(&bits, size), size);
    }
    scan->bits = bits;
}

/* G.1.2.1 */
static void block_dc(struct dct_scan *scan, int i, int16_t *block)
{
    jpeg_bits_fill(&scan->bits);
    if (scan->parameters->high == 0)
        block[0] = narrow(dc_next(scan, &scan->bits, i) * (INT64_C(1) << scan->parameters->low));
    else if (jpeg_bits_take(&scan->bits, 1))
        block[0] = (int16_t)(block[0] | 1 << scan->parameters->low);
}

static inline int64_t band_end(struct jpeg_bits *bits, int run)
{
    return (INT64_C(1) << run) + jpeg_bits_take(bits, run);
}

/* G.1.2.2 */
static void block_ac_first(struct dct_scan *scan, int16_t *block)
{
    if (scan->band_ends > 0) {
        scan->band_ends--;
        return;
    }
    struct jpeg_bits bits = scan->bits;
    int last = scan->parameters->spectral_last, low = scan->parameters->low;
    for (int k = scan->parameters->spectral_first; k <= last; k++) {
        jpeg_bits_fill(&bits);
        int symbol = jpeg_symbol(&bits, scan->ac[0]), run = symbol >> 4, size = symbol & 15;
        if (size == 0 && run < 15) {
            scan->band_ends = band_end(&bits, run) - 1;
            break;
        }
        k += run;
        if (size)
            block[jpeg_zigzag[k]] = narrow(jpeg_extend(jpeg_bits_take(&bits, size), size) * (INT64_C(1) << low));
    }
    scan->bits = bits;
}

/* Passes over `zeros` coefficients without history, giving one more bit to those that have one; returns where the next
 * without history is. */
static inline __attribute__((always_inline)) int pass_over(struct jpeg_bits *bits, int16_t *block, int k, int last,
                                                           int zeros, int bit)
{
    for (; k <= last; k++) {
        int16_t *coefficient = &block[jpeg_zigzag[k]];
        if (*coefficient == 0) {
            if (zeros-- == 0)
                break;
            continue;
        }
        if (bits->count < 1)
            jpeg_bits_fill(bits);
        if (jpeg_bits_take(bits, 1) && !((*coefficient < 0 ? -*coefficient : *coefficient) & bit))
            *coefficient = narrow(*coefficient + (*coefficient < 0 ? -bit : bit));
    }
    return k;
}

/* G.1.2.3 */
static void block_ac_refine(struct dct_scan *scan, int16_t *block)
{
    struct jpeg_bits bits = scan->bits;
    int k = scan->parameters->spectral_first, last = scan->parameters->spectral_last;
    int bit = 1 << scan->parameters->low;
    while (scan->band_ends == 0 && k <= last) {
        jpeg_bits_fill(&bits);
        int symbol = jpeg_symbol(&bits, scan->ac[0]), run = symbol >> 4, size = symbol & 15;
        if (size == 0 && run < 15) {
            scan->band_ends = band_end(&bits, run);
            break;
        }
        int value = size == 0 ? 0 : jpeg_bits_take(&bits, 1) ? bit : -bit;
        k = pass_over(&bits, block, k, last, run, bit);
        if (k <= last && value)
            block[jpeg_zigzag[k]] = (int16_t)value;
        k++;
    }
    if (scan->band_ends > 0) {
        pass_over(&bits, block, k, last, 64, bit);
        scan->band_ends--;
    }
    scan->bits = bits;
}

static void block_decode(struct dct_scan *scan, enum jpeg_process process, int i, int16_t *block)
{
    if (process == JPEG_SEQUENTIAL)
        block_sequential(scan, i, block);
    else if (scan->parameters->spectral_first == 0)
        block_dc(scan, i, block);
    else if (scan->parameters->high == 0)
        block_ac_first(scan, block);
    else
        block_ac_refine(scan, block);
}

/* The blocks of one MCU of an interleaved scan (A.2.3). */
static void unit_decode(struct dct_scan *scan, const struct jpeg_image *image, int64_t mcu_x, int64_t mcu_y)
{
    for (int i = 0; i < scan->parameters->count; i++) {
        const struct jpeg_component *component = &image->components[scan->parameters->component[i]];
        for (int v = 0; v < component->v; v++)
            for (int h = 0; h < component->h; h++) {
                int64_t x = mcu_x * component->h + h, y = mcu_y * component->v + v;
                block_decode(scan, image->process, i, component->coefficients + (y * component->padded_x + x) * 64);
            }
    }
}

bool jpeg_dct_scan(struct jpeg_reader *reader, struct error *error)
{
    const struct jpeg_image *image = &reader->image;
    const struct jpeg_component *only = &image->components[reader->scan.component[0]];
    bool alone =
        reader->scan.count == 1; /* its blocks follow each other row by row, those for padding left out (A.2.2) */
    int64_t units_x = alone ? only->blocks_x : only->padded_x / only->h;
    int64_t units_y = alone ? only->blocks_y : only->padded_y / only->v;
    struct dct_scan scan = { .parameters = &reader->scan };
    for (int i = 0; i < reader->scan.count; i++) {
        scan.dc[i] = &reader->dc[reader->scan.dc_table[i] & 3];
        scan.ac[i] = &reader->ac[reader->scan.ac_table[i] & 3];
    }
    int64_t left = 0;
    for (int64_t y = 0; y < units_y; y++) {
        for (int64_t x = 0; x < units_x; x++, left--) {
            if (left == 0) {
                bool first = x == 0 && y == 0;
                if (jpeg_bits_overrun(&scan.bits))
                    return jpeg_data_ended(reader, error);
                if (!jpeg_interval(reader, !first, &scan.bits, error))
                    return false;
                left = reader->restart_interval ? reader->restart_interval : units_x * units_y;
                memset(scan.last_dc, 0, sizeof(scan.last_dc));
                scan.band_ends = 0;
            }
            if (alone)
                block_decode(&scan, image->process, 0, only->coefficients + (y * only->padded_x + x) * 64);
            else
                unit_decode(&scan, image, x, y);
        }
        if (jpeg_bits_overrun(&scan.bits))
            return jpeg_data_ended(reader, error);
    }
    return true;
}
