/* jpeg_own.c - a frame through our own JPEG decoder: memory, scans, and samples in the order of DICOM. */
#include "dicom/jpeg.h"

static bool image_check(const struct jpeg_image *image, struct error *error)
{
    bool lossless = image->process == JPEG_LOSSLESS;
    for (int i = 0; i < image->count; i++) {
        const struct jpeg_component *component = &image->components[i];
        if (lossless && image->count > 1 && (component->h != 1 || component->v != 1))
            return error_set(error, E_UNSUPPORTED_TYPE, "lossless JPEG with subsampled components is not decoded");
        if (image->h_max % component->h || image->v_max % component->v)
            return error_set(error, E_UNSUPPORTED_TYPE,
                             "JPEG whose components are subsampled by broken numbers is not decoded");
    }
    if (!lossless && image->precision != 12 && image->precision != 8)
        return error_set(error, E_INVALID, "a JPEG frame of %d bits that is not lossless", image->precision);
    return true;
}

/* What the smallest codestream of such a picture takes: one bit a sample in the lossless process, one a block with DCT.
 * Nothing is allocated for a frame that cannot be whole. */
static bool length_check(struct str encoded, const struct jpeg_image *image, struct error *error)
{
    int64_t least = image->rows * image->columns * image->count / (image->process == JPEG_LOSSLESS ? 8 : 64 * 8);
    if (encoded.len < least)
        return error_set(error, E_INVALID, "%lld bytes of JPEG cannot hold a frame of %lld x %lld pixels",
                         (long long)encoded.len, (long long)image->columns, (long long)image->rows);
    return true;
}

/* Every component must have come; in progressive DCT its first coefficients. */
static bool scans_decode(struct jpeg_reader *reader, uint16_t *lossless, struct error *error)
{
    unsigned seen = 0, all = (1u << reader->image.count) - 1;
    for (int scans = 0;; scans++) {
        bool found;
        if (!jpeg_next_scan(reader, &found, error))
            return false;
        if (!found)
            break;
        if (scans == JPEG_SCANS_MAX)
            return error_set(error, E_INVALID, "the JPEG frame has more than %d scans", JPEG_SCANS_MAX);
        unsigned these = 0;
        for (int i = 0; i < reader->scan.count; i++)
            these |= 1u << reader->scan.component[i];
        bool once = reader->image.process != JPEG_PROGRESSIVE;
        if (once && (seen & these))
            return error_set(error, E_INVALID, "the JPEG frame has a component in two scans");
        if (once || (reader->scan.spectral_first == 0 && reader->scan.high == 0))
            seen |= these;
        if (!(lossless ? jpeg_lossless_scan(reader, lossless, error) : jpeg_dct_scan(reader, error)))
            return false;
        if (once && seen == all)
            break;
    }
    if (seen != all)
        return error_set(error, E_INVALID, "the JPEG frame ends before all of its components came");
    return true;
}

static void *allocate(int64_t bytes)
{
    void *memory = calloc(1, (size_t)bytes);
    if (!memory)
        abort();
    return memory;
}

static bool quantization_check(const struct jpeg_reader *reader, struct error *error)
{
    for (int i = 0; i < reader->image.count; i++)
        if (!reader->quantization_defined[reader->image.components[i].quantization])
            return error_set(error, E_INVALID, "the JPEG frame has no quantization table %d",
                             reader->image.components[i].quantization);
    return true;
}

/* Rows of samples of one component, which may be subsampled: each then stands for its neighbours as well. */
static void component_samples(const struct jpeg_reader *reader, int i, int width, char *out)
{
    const struct jpeg_image *image = &reader->image;
    const struct jpeg_component *component = &image->components[i];
    int64_t columns = image->columns, wide = component->padded_x * 8;
    int across = image->h_max / component->h, down = image->v_max / component->v;
    uint16_t *rows = allocate(wide * 8 * 2), *row = allocate(columns * 2);
    for (int64_t y = 0; y < image->rows; y++) {
        int64_t line = y / down;
        if (y % (8 * down) == 0)
            jpeg_dct_row(component, reader->quantization[component->quantization], image->precision, line / 8, rows);
        const uint16_t *from = rows + line % 8 * wide;
        if (across > 1) {
            for (int64_t x = 0; x < columns; x++)
                row[x] = from[x / across];
            from = row;
        }
        char *to = out + (y * columns * image->count + i) * width;
        if (image->count == 1)
            samples_widen_u16(from, columns, width, to);
        else
            for (int64_t x = 0; x < columns; x++)
                samples_widen_u16(from + x, 1, width, to + x * image->count * width);
    }
    free(row);
    free(rows);
}

static bool dct_decode(struct jpeg_reader *reader, int width, void *out, struct error *error)
{
    struct jpeg_image *image = &reader->image;
    for (int i = 0; i < image->count; i++)
        image->components[i].coefficients =
            allocate(image->components[i].padded_x * image->components[i].padded_y * 64 * 2);
    bool ok = scans_decode(reader, NULL, error) && quantization_check(reader, error);
    for (int i = 0; i < image->count; i++) {
        if (ok)
            component_samples(reader, i, width, out);
        free(image->components[i].coefficients);
    }
    return ok;
}

static bool lossless_decode(struct jpeg_reader *reader, int width, void *out, struct error *error)
{
    int64_t samples = reader->image.rows * reader->image.columns * reader->image.count;
    if (width == 2)
        return scans_decode(reader, out, error);
    uint16_t *decoded = allocate(samples * 2);
    bool ok = scans_decode(reader, decoded, error);
    if (ok)
        samples_widen_u16(decoded, samples, width, out);
    free(decoded);
    return ok;
}

bool jpeg_own_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                     struct error *error)
{
    (void)decoded;
    struct jpeg_reader *reader = allocate(sizeof(*reader));
    reader->bytes = encoded;
    reader->at = 2;
    bool ok = jpeg_header(encoded, &reader->image, error) && image_check(&reader->image, error) &&
              length_check(encoded, &reader->image, error);
    if (ok) {
        reader->unstuffed = allocate(encoded.len + 8);
        int width = sample_bytes(format);
        ok = reader->image.process == JPEG_LOSSLESS ? lossless_decode(reader, width, out, error)
                                                    : dct_decode(reader, width, out, error);
    }
    free(reader->unstuffed);
    free(reader);
    return ok;
}
