/* jpeg_lossless.c - the lossless process (T.81 annex H): each sample is its neighbours' prediction and a Huffman-coded
 * difference.
 *
 *    C B      the predictors are made of A, B and C, which are known already
 *    A x
 */
#include "dicom/jpeg.h"

struct lossless {
    struct jpeg_bits bits;
    const struct jpeg_huffman *tables[JPEG_COMPONENTS_MAX]; /* of the scan's components */
    int offsets[JPEG_COMPONENTS_MAX];                       /* of their samples in a pixel */
    int count, stride;                                      /* components of the scan, samples of a pixel */
    int64_t columns;
    int low; /* point transform */
};

/* A difference takes at most 32 bits and mostly fewer than 12. Filling the window is what the next one waits for, so
 * `often` false does it only where it must be done. */
static inline __attribute__((always_inline)) int difference(struct jpeg_bits *bits, const struct jpeg_huffman *table,
                                                            bool often)
{
    if (often || __builtin_expect(bits->count < 32, 0))
        jpeg_bits_fill(bits);
    int32_t both = table->difference[bits->window >> (64 - JPEG_LOOKAHEAD)];
    if (__builtin_expect(both != 0, 1)) {
        jpeg_bits_skip(bits, both & 0xFF);
        return both >> 16;
    }
    int size = jpeg_symbol(bits, table);
    return size == 16 ? 32768 : jpeg_extend(jpeg_bits_take(bits, size), size);
}

/* T.81 table H.1 */
static inline __attribute__((always_inline)) int predict(int predictor, int a, int b, int c)
{
    switch (predictor) {
    case 1:
        return a;
    case 2:
        return b;
    case 3:
        return c;
    case 4:
        return a + b - c;
    case 5:
        return a + ((b - c) >> 1);
    case 6:
        return b + ((a - c) >> 1);
    default:
        return (a + b) >> 1;
    }
}

/* One row of one component, after its first sample; `above` is the row over it. Samples are kept without the point
 * transform's zeros until the scan is done. */
static inline __attribute__((always_inline)) void row_alone(struct lossless *scan, uint16_t *row, const uint16_t *above,
                                                            int stride, int predictor)
{
    struct jpeg_bits bits = scan->bits;
    const struct jpeg_huffman *table = scan->tables[0];
    int a = row[0], c = above[0];
    int64_t x = 1;
    for (; x + 1 < scan->columns; x += 2) {
        int b = above[x * stride], d = above[(x + 1) * stride];
        a = (uint16_t)(predict(predictor, a, b, c) + difference(&bits, table, true));
        row[x * stride] = (uint16_t)a;
        a = (uint16_t)(predict(predictor, a, d, b) + difference(&bits, table, false));
        row[(x + 1) * stride] = (uint16_t)a;
        c = d;
    }
    if (x < scan->columns)
        row[x * stride] = (uint16_t)(predict(predictor, a, above[x * stride], c) + difference(&bits, table, true));
    scan->bits = bits;
}

static inline __attribute__((always_inline)) void row_together(struct lossless *scan, uint16_t *row,
                                                               const uint16_t *above, int predictor)
{
    struct jpeg_bits bits = scan->bits;
    int stride = scan->stride, count = scan->count;
    int a[JPEG_COMPONENTS_MAX], c[JPEG_COMPONENTS_MAX];
    for (int i = 0; i < count; i++) {
        a[i] = row[scan->offsets[i]];
        c[i] = above[scan->offsets[i]];
    }
    for (int64_t x = 1; x < scan->columns; x++) {
        row += stride;
        above += stride;
        for (int i = 0; i < count; i++) {
            int b = above[scan->offsets[i]];
            a[i] = (uint16_t)(predict(predictor, a[i], b, c[i]) + difference(&bits, scan->tables[i], i % 2 == 0));
            c[i] = b;
            row[scan->offsets[i]] = (uint16_t)a[i];
        }
    }
    scan->bits = bits;
}

static inline __attribute__((always_inline)) void row_decode(struct lossless *scan, uint16_t *row,
                                                             const uint16_t *above, int predictor)
{
    if (scan->count == 1 && scan->stride == 1)
        row_alone(scan, row, above, 1, predictor);
    else if (scan->count == 1)
        row_alone(scan, row + scan->offsets[0], above + scan->offsets[0], scan->stride, predictor);
    else
        row_together(scan, row, above, predictor);
}

/* H.1.2.1: the first row of a scan or restart interval is predicted from the left, the first column from above. The
 * predictor is a constant in each of the loops that this makes. */
static void row_predicted(struct lossless *scan, uint16_t *row, const uint16_t *above, int predictor)
{
    for (int i = 0; i < scan->count; i++)
        row[scan->offsets[i]] = (uint16_t)(above[scan->offsets[i]] + difference(&scan->bits, scan->tables[i], true));
    switch (predictor) {
    case 1:
        row_decode(scan, row, above, 1);
        break;
    case 2:
        row_decode(scan, row, above, 2);
        break;
    case 3:
        row_decode(scan, row, above, 3);
        break;
    case 4:
        row_decode(scan, row, above, 4);
        break;
    case 5:
        row_decode(scan, row, above, 5);
        break;
    case 6:
        row_decode(scan, row, above, 6);
        break;
    default:
        row_decode(scan, row, above, 7);
    }
}

static void row_first(struct lossless *scan, uint16_t *row, int precision)
{
    for (int i = 0; i < scan->count; i++)
        row[scan->offsets[i]] =
            (uint16_t)((1 << (precision - scan->low - 1)) + difference(&scan->bits, scan->tables[i], true));
    row_decode(scan, row, row, 1); /* does not look above */
}

/* H.1.2.1: the samples that are to come are shifted by the point transform. */
static void point_transform(const struct lossless *scan, uint16_t *samples, int64_t pixels)
{
    for (int i = 0; i < scan->count; i++)
        for (int64_t at = scan->offsets[i]; at < pixels * scan->stride; at += scan->stride)
            samples[at] = (uint16_t)(samples[at] << scan->low);
}

bool jpeg_lossless_scan(struct jpeg_reader *reader, uint16_t *samples, struct error *error)
{
    const struct jpeg_image *image = &reader->image;
    struct lossless scan = {
        .count = reader->scan.count, .stride = image->count, .columns = image->columns, .low = reader->scan.low
    };
    for (int i = 0; i < scan.count; i++) {
        scan.offsets[i] = reader->scan.component[i];
        scan.tables[i] = &reader->dc[reader->scan.dc_table[i]];
    }
    int64_t interval = reader->restart_interval;
    if (interval % image->columns) /* H.1.1 */
        return error_set(error, E_INVALID, "the lossless JPEG's restart interval of %lld is not whole rows of %lld",
                         (long long)interval, (long long)image->columns);
    int64_t rows_each = interval ? interval / image->columns : image->rows;
    for (int64_t y = 0; y < image->rows; y++) {
        uint16_t *row = samples + y * image->columns * scan.stride;
        if (y % rows_each == 0) {
            if (!jpeg_interval(reader, y > 0, &scan.bits, error))
                return false;
            row_first(&scan, row, image->precision);
        } else {
            row_predicted(&scan, row, row - image->columns * scan.stride, reader->scan.spectral_first);
        }
        if (jpeg_bits_overrun(&scan.bits))
            return jpeg_data_ended(reader, error);
    }
    if (scan.low)
        point_transform(&scan, samples, image->rows * image->columns);
    return true;
}
