/* Our JPEG decoder against an encoder written here (lossless: predictors, depths, components, restarts, point
 * transform), and against libjpeg-turbo where both can decode. */
#include "dicom/jpeg.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- a lossless encoder ---- */

struct picture {
    int columns, rows, count, precision;
    int predictor, low, restart_rows;
    bool apart;      /* a scan for each component */
    bool long_codes; /* a table of lengths 1 to 16, else all have 5 bits */
    uint16_t *samples;
};

struct writer {
    unsigned char *at;
    ptrdiff_t len;
    unsigned pending;
    int bits;
};

static void put(struct writer *w, int byte)
{
    w->at[w->len++] = (unsigned char)byte;
}

static void put_word(struct writer *w, int word)
{
    put(w, word >> 8);
    put(w, word & 0xFF);
}

static void put_bits(struct writer *w, unsigned value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        w->pending = w->pending << 1 | (value >> i & 1);
        if (++w->bits < 8)
            continue;
        put(w, (int)(w->pending & 0xFF));
        if ((w->pending & 0xFF) == 0xFF)
            put(w, 0);
        w->bits = 0;
    }
}

static void flush_bits(struct writer *w)
{
    while (w->bits)
        put_bits(w, 1, 1);
}

static void put_difference(struct writer *w, const struct picture *p, int difference)
{
    difference = (int16_t)difference;
    int size = 0, magnitude = difference < 0 ? -difference : difference;
    while (magnitude >> size)
        size++;
    if (!p->long_codes)
        put_bits(w, (unsigned)size, 5);
    else if (size < 16)
        put_bits(w, 0xFFFFFFFEu, size + 1);
    else
        put_bits(w, 0xFFFF, 16);
    if (size < 16)
        put_bits(w, (unsigned)(difference < 0 ? difference - 1 : difference), size);
}

static int sample(const struct picture *p, int x, int y, int i)
{
    return p->samples[(y * p->columns + x) * p->count + i] >> p->low;
}

static int prediction(const struct picture *p, int x, int y, int i)
{
    bool first = y == 0 || (p->restart_rows && y % p->restart_rows == 0);
    if (x == 0)
        return first ? 1 << (p->precision - p->low - 1) : sample(p, x, y - 1, i);
    int a = sample(p, x - 1, y, i);
    if (first)
        return a;
    int b = sample(p, x, y - 1, i), c = sample(p, x - 1, y - 1, i);
    int all[] = { 0, a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1 };
    return all[p->predictor];
}

static void put_scan(struct writer *w, const struct picture *p, int from, int to)
{
    put_word(w, 0xFFDA);
    put_word(w, 6 + 2 * (to - from));
    put(w, to - from);
    for (int i = from; i < to; i++)
        put_word(w, (i + 1) << 8);
    put(w, p->predictor);
    put_word(w, p->low);
    for (int y = 0; y < p->rows; y++) {
        if (y && p->restart_rows && y % p->restart_rows == 0) {
            flush_bits(w);
            put_word(w, 0xFFD0 + (y / p->restart_rows - 1) % 8);
        }
        for (int x = 0; x < p->columns; x++)
            for (int i = from; i < to; i++)
                put_difference(w, p, sample(p, x, y, i) - prediction(p, x, y, i));
    }
    flush_bits(w);
}

static struct str encoded(const struct picture *p)
{
    struct writer w = { .at = malloc((size_t)(p->columns * p->rows * p->count) * 10 + 1000) };
    put_word(&w, 0xFFD8);
    put_word(&w, 0xFFC4);
    put_word(&w, 2 + 17 + 17);
    put(&w, 0);
    for (int length = 1; length <= 16; length++)
        put(&w, p->long_codes ? (length < 16 ? 1 : 2) : length == 5 ? 17 : 0);
    for (int size = 0; size <= 16; size++)
        put(&w, size);
    put_word(&w, 0xFFC3);
    put_word(&w, 8 + 3 * p->count);
    put(&w, p->precision);
    put_word(&w, p->rows);
    put_word(&w, p->columns);
    put(&w, p->count);
    for (int i = 0; i < p->count; i++) {
        put(&w, i + 1);
        put_word(&w, 0x1100);
    }
    if (p->restart_rows) {
        put_word(&w, 0xFFDD);
        put_word(&w, 4);
        put_word(&w, p->restart_rows * p->columns);
    }
    for (int i = 0; i < (p->apart ? p->count : 1); i++)
        put_scan(&w, p, p->apart ? i : 0, p->apart ? i + 1 : p->count);
    put_word(&w, 0xFFD9);
    return (struct str){ (char *)w.at, w.len };
}

static struct pixel_format format_of(const struct picture *p)
{
    return (struct pixel_format){
        .syntax = dicom_syntax_find(S("1.2.840.10008.1.2.4.57")),
        .rows = p->rows,
        .columns = p->columns,
        .frames = 1,
        .samples = p->count,
        .bits_allocated = p->precision > 8 ? 16 : 8,
        .bits_stored = p->precision,
        .high_bit = p->precision - 1,
        .photometric = p->count == 1 ? MONOCHROME2 : RGB,
    };
}

static void round_trip(struct picture p, uint32_t seed)
{
    int count = p.columns * p.rows * p.count;
    p.samples = malloc((size_t)count * 2);
    for (int i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        /* Noise of all sizes of difference. */
        uint32_t value = (seed >> 8 & 0xFFFF) >> (seed >> 28) << p.low;
        p.samples[i] = (uint16_t)(value & ((1u << p.precision) - 1) & ~((1u << p.low) - 1));
    }
    struct str bytes = encoded(&p);
    struct pixel_format format = format_of(&p);
    struct decoded_format decoded;
    struct error error = { 0 };
    ptrdiff_t len = pixel_frame_bytes(&format);
    unsigned char *out = malloc((size_t)len);
    if (!frame_decode(&format, bytes, 0, out, len, &decoded, &error))
        fail_msg("predictor %d, %d bits: %s", p.predictor, p.precision, error.message);
    assert_int_equal(decoded.bits_stored, p.precision);
    for (int i = 0; i < count; i++) {
        int got = format.bits_allocated == 8 ? out[i] : ((uint16_t *)(void *)out)[i];
        if (got != p.samples[i])
            fail_msg("predictor %d, %d bits: sample %d is %d, not %d", p.predictor, p.precision, i, got, p.samples[i]);
    }
    /* Cut anywhere, it is refused: no sample is made up. */
    for (ptrdiff_t cut = bytes.len - 3; cut > 0; cut -= 1 + bytes.len / 40) {
        error_clear(&error);
        assert_false(frame_decode(&format, str_slice(bytes, 0, cut), 0, out, len, &decoded, &error));
        assert_int_equal(error.code, E_INVALID);
    }
    free(out);
    free((void *)(uintptr_t)bytes.at);
    free(p.samples);
}

static void lossless_predictors(void **state)
{
    (void)state;
    for (int predictor = 1; predictor <= 7; predictor++)
        for (int precision = 2; precision <= 16; precision++) {
            struct picture p = { 37, 19, 1, precision, .predictor = predictor, .long_codes = precision & 1 };
            round_trip(p, (uint32_t)(predictor * 16 + precision));
        }
}

static void lossless_components_restarts_and_shifts(void **state)
{
    (void)state;
    for (int predictor = 1; predictor <= 7; predictor++) {
        round_trip((struct picture){ 21, 17, 3, 8, .predictor = predictor }, 1);
        round_trip((struct picture){ 21, 17, 3, 16, .predictor = predictor, .restart_rows = 2 }, 2);
        round_trip((struct picture){ 21, 17, 3, 12, .predictor = predictor, .apart = true, .restart_rows = 1 }, 3);
        round_trip((struct picture){ 21, 17, 4, 8, .predictor = predictor, .apart = true, .long_codes = true }, 4);
        round_trip((struct picture){ 21, 17, 1, 12, .predictor = predictor, .low = 3 }, 5);
        round_trip((struct picture){ 1, 9, 1, 16, .predictor = predictor }, 6);
        round_trip((struct picture){ 9, 1, 1, 16, .predictor = predictor }, 7);
    }
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    struct picture p = { 8, 8, 1, 12, .predictor = 1, .samples = calloc(64, 2) };
    struct str bytes = encoded(&p);
    uint16_t out[64 * 4];
    struct decoded_format decoded;
    struct pixel_format formats[3] = { format_of(&p), format_of(&p), format_of(&p) };
    formats[0].rows = 7;
    formats[1].samples = 3;
    formats[2].bits_allocated = formats[2].bits_stored = 8;
    const char *words[3] = { "Rows (0028,0010)", "Samples per Pixel (0028,0002)", "Bits Allocated (0028,0100)" };
    for (int i = 0; i < 3; i++) {
        struct error error = { 0 };
        assert_false(frame_decode(&formats[i], bytes, 0, out, pixel_frame_bytes(&formats[i]), &decoded, &error));
        assert_int_equal(error.code, E_INVALID);
        assert_non_null(strstr(error.message, words[i]));
    }
    free((void *)(uintptr_t)bytes.at);
    free(p.samples);
}

/* Our decoder keeps one bit less between the passes of the transform, for 12-bit samples' sake: two apart at most.
 * Chrominance that is subsampled is not interpolated, so only what is not is compared. */
static void dct_as_libjpeg_turbo(void **state)
{
    (void)state;
    static const char *const files[] = {
        "ct_transfer_syntaxes/CTImage.dcm_JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50.dcm",
        "SC_rgb_small_odd_jpeg.dcm",
        "SC_jpeg_no_color_transform_2.dcm",
        "examples_ybr_color.dcm",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[4200];
        struct test_file file;
        struct test_frame frame;
        struct frame_source source;
        snprintf(path, sizeof(path), "%s/dicom/%s", getenv("ROENTGEN_TEST_DATA"), files[i]);
        assert_true(test_file_open(&file, path));
        assert_true(test_frame_decode(&file, 1, &frame));
        assert_true(pixel_frame(file.object, &frame.format, 1, &file.arena, &source, &frame.error));
        struct str bytes = test_frame_joined(&source);
        struct jpeg_image image;
        assert_true(jpeg_header(bytes, &image, &frame.error));
        unsigned char *own = malloc((size_t)frame.bytes);
        assert_true(jpeg_own_decode(&frame.format, bytes, own, &frame.decoded, &frame.error));
        for (ptrdiff_t k = 0; k < frame.bytes; k++) {
            const struct jpeg_component *component = &image.components[k % image.count];
            if (component->h == image.h_max && component->v == image.v_max)
                assert_in_range(own[k] - frame.samples[k] + 2, 0, 4);
        }
        free(own);
        free((void *)(uintptr_t)bytes.at);
        free(frame.samples);
        test_file_close(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_predictors),
        cmocka_unit_test(lossless_components_restarts_and_shifts),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(dct_as_libjpeg_turbo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
