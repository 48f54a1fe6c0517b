/* test_render.c - samples of every kind to pixels computed by hand; sizes; encodings; what cannot be shown. */
#include "raster/tone.h"

#include <png.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct presentation *r;

static int begin(void **state)
{
    (void)state;
    r = calloc(1, sizeof(*r));
    r->slope = 1;
    r->pixel_aspect = 1;
    r->format = PICTURE_PNG;
    r->quality = 90;
    r->bits = 8;
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(r);
    return 0;
}

static struct samples grey(const void *at, ptrdiff_t bytes, int64_t columns, int allocated, int stored, bool is_signed)
{
    struct samples s = { .at = at, .bytes = bytes };
    s.format = (struct pixel_format){ .columns = columns,
                                      .rows = bytes * 8 / allocated / columns,
                                      .frames = 1,
                                      .samples = 1,
                                      .bits_allocated = allocated,
                                      .bits_stored = stored,
                                      .high_bit = stored - 1,
                                      .is_signed = is_signed,
                                      .photometric = MONOCHROME2 };
    s.decoded = (struct decoded_format){ MONOCHROME2, stored, is_signed };
    return s;
}

static struct samples colour(const uint8_t *at, ptrdiff_t bytes, int64_t columns, enum photometric photometric)
{
    struct samples s = grey(at, bytes, columns, 8, 8, false);
    s.format.samples = 3;
    s.format.rows = bytes / (photometric == YBR_FULL_422 ? 2 : 3) / columns;
    s.format.photometric = s.decoded.photometric = photometric;
    return s;
}

static struct text rendered(const struct samples *s, int64_t *width, int64_t *height)
{
    struct text out;
    struct error error = { 0 };
    text_init(&out, 64 << 20);
    if (!render(s, r, &out, width, height, &error))
        fail_msg("%s", error.message);
    return out;
}

/* As PNG and back. `pixel_bytes`: 1 grey, 3 RGB, 2 grey of 16 bits. */
static void decoded(const struct samples *s, int pixel_bytes, int64_t *width, int64_t *height, void *pixels,
                    size_t room)
{
    struct text out = rendered(s, width, height);
    png_image png = { .version = PNG_IMAGE_VERSION };
    assert_int_equal(png_image_begin_read_from_memory(&png, out.at, (size_t)out.len), 1);
    assert_int_equal(png.width, *width);
    assert_int_equal(png.height, *height);
    assert_int_equal(png.format & (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_LINEAR),
                     pixel_bytes == 3   ? PNG_FORMAT_FLAG_COLOR
                     : pixel_bytes == 2 ? PNG_FORMAT_FLAG_LINEAR
                                        : 0);
    png.format = pixel_bytes == 3 ? PNG_FORMAT_RGB : pixel_bytes == 2 ? PNG_FORMAT_LINEAR_Y : PNG_FORMAT_GRAY;
    assert_true(PNG_IMAGE_SIZE(png) <= room);
    assert_int_equal(png_image_finish_read(&png, NULL, pixels, 0, NULL), 1);
    text_release(&out);
}

/* Stored value of sample `index` (pixel * samples + channel). */
static double value_at(const struct samples *s, int64_t index)
{
    struct sample_layout layout;
    struct error error = { 0 };
    assert_true(sample_layout_of(s, &layout, &error));
    return sample_read(&layout, s->at, index);
}

static void shows(const struct samples *s, const uint8_t *pixels, size_t count)
{
    uint8_t is[256];
    int64_t width, height;
    decoded(s, s->format.samples == 3 || s->decoded.photometric == PALETTE_COLOR ? 3 : 1, &width, &height, is, 256);
    assert_int_equal(width, s->format.columns);
    assert_int_equal(height, s->format.rows);
    assert_memory_equal(is, pixels, count);
}
#define SHOWS(s, ...) shows((s), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void refuses(const struct samples *s, enum error_code code)
{
    struct text out;
    struct error error = { 0 };
    int64_t width = -1, height = -1;
    text_init(&out, 1 << 20);
    assert_false(render(s, r, &out, &width, &height, &error));
    assert_int_equal(error.code, code);
    assert_true(strlen(error.message) > 10);
    assert_true(width == -1 && height == -1);
    text_release(&out);
}

/* ---- grey ---- */

static void a_window_of_signed_12_bits_with_garbage_above(void **state)
{
    (void)state;
    /* -1024, -1, 0, 51, 99, 100 in 12 bits; HU = stored; 51 of the 100 from 0 to 99 is 51 / 99 * 255 = 131.36 */
    const uint16_t at[] = { 0xFC00, 0x5FFF, 0xA000, 0xF033, 0x1063, 0x2064 };
    struct samples s = grey(at, sizeof(at), 3, 16, 12, true);
    r->voi = VOI_LINEAR;
    r->center = 50;
    r->width = 100;
    SHOWS(&s, 0, 0, 0, 131, 255, 255);
    s.decoded.photometric = MONOCHROME1;
    SHOWS(&s, 255, 255, 255, 124, 0, 0);
    r->invert = true;
    SHOWS(&s, 0, 0, 0, 131, 255, 255);
}

/* All values of 16 bits go through a table; each pixel must be what its value alone becomes. */
static void a_table_says_what_each_value_does(void **state)
{
    (void)state;
    enum { SIDE = 256 };
    static uint16_t at[SIDE * SIDE];
    static uint8_t pixels[SIDE * SIDE];
    struct samples s = grey(at, sizeof(at), SIDE, 16, 16, false);
    for (int i = 0; i < SIDE * SIDE; i++)
        at[i] = (uint16_t)(i * 40503); /* odd: every value once */
    r->slope = 0.25;
    r->intercept = -1024.5;
    r->center = 100;
    r->width = 1234;
    r->padding_low = -40000;
    r->padding_high = -2000;
    for (int way = 0; way < 48; way++) {
        static const enum voi_function functions[] = { VOI_NONE, VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID };
        struct sample_layout layout;
        struct tone tone;
        struct error error = { 0 };
        int64_t width, height;
        r->voi = functions[way % 4];
        s.decoded.is_signed = way & 4;
        r->invert = way & 8;
        r->has_padding = way & 16;
        s.decoded.bits_stored = way & 32 ? 13 : 16;
        assert_true(sample_layout_of(&s, &layout, &error) && sample_table_pays(&layout));
        assert_true(tone_open(&tone, &s, &layout, r, &error));
        decoded(&s, 1, &width, &height, pixels, sizeof(pixels));
        for (int i = 0; i < SIDE * SIDE; i++) {
            double should = tone_of(&tone, value_at(&s, i)) * 255;
            if (!(fabs(pixels[i] - should) <= 0.5 + 1e-9))
                fail_msg("way %d: %d (%g) is %d, not %g", way, at[i], value_at(&s, i), pixels[i], should);
        }
    }
}

static void stored_bits_may_lie_higher(void **state)
{
    (void)state;
    const uint16_t at[] = { 0x0007, 0x8010, 0xFFFF };
    struct samples s = grey(at, sizeof(at), 3, 16, 12, false);
    s.format.high_bit = 15;
    r->voi = VOI_LINEAR;
    r->center = 2048;
    r->width = 4096;
    SHOWS(&s, 0, 128 /* 2049 / 4095 * 255 */, 255);
}

static void rescale_comes_before_the_window(void **state)
{
    (void)state;
    const uint8_t at[] = { 0, 10, 20, 30 };
    struct samples s = grey(at, sizeof(at), 4, 8, 8, false);
    r->slope = -0.5; /* 100, 95, 90, 85 */
    r->intercept = 100;
    r->voi = VOI_LINEAR_EXACT;
    r->center = 92.5;
    r->width = 15;
    SHOWS(&s, 255, 170, 85, 0);
}

static void the_full_range_is_of_what_is_there_without_padding(void **state)
{
    (void)state;
    const int16_t at[] = { -2000, -100, 0, 100, -1999, 5 };
    struct samples s = grey(at, sizeof(at), 6, 16, 16, true);
    r->has_padding = true;
    r->padding_low = -2000;
    r->padding_high = -1999;
    SHOWS(&s, 0, 0, 128, 255, 0, 134 /* 105 / 200 * 255 = 133.9 */);
    r->invert = true;
    SHOWS(&s, 0, 255, 128, 0, 0, 121);
    r->has_padding = false;
    r->invert = false;
    SHOWS(&s, 0, 231, 243, 255, 0, 243 /* 2005 / 2100 * 255 = 243.5 less a little */);
}

static void one_value_alone_lies_where_its_bits_put_it(void **state)
{
    (void)state;
    const uint8_t at[] = { 51, 51 };
    struct samples s = grey(at, sizeof(at), 2, 8, 8, false);
    SHOWS(&s, 51, 51);
    const uint8_t ones[] = { 1, 1, 1 }, zeros[] = { 0, 0 };
    s = grey(ones, sizeof(ones), 3, 8, 1, false);
    SHOWS(&s, 255, 255, 255);
    s = grey(zeros, sizeof(zeros), 2, 8, 1, false);
    SHOWS(&s, 0, 0);
}

static void brightness_stays_as_it_is(void **state)
{
    (void)state;
    const uint8_t at[] = { 10, 100 };
    const uint16_t deep[] = { 1000, 2000 };
    struct samples s = grey(at, sizeof(at), 2, 8, 8, false);
    r->voi = VOI_AS_IS;
    SHOWS(&s, 10, 100);
    s = grey(deep, sizeof(deep), 2, 16, 16, false);
    SHOWS(&s, 0, 255);
}

static void luts_replace_rescale_and_window(void **state)
{
    (void)state;
    const int16_t at[] = { -5, -2, -1, 0, 9 };
    struct samples s = grey(at, sizeof(at), 5, 16, 16, true);
    r->slope = 1000;
    r->modality = (struct lut){ .count = 3, .first = -2, .bits = 16, .entries = { 40, 20, 30 } };
    r->voi = VOI_LUT;
    r->voi_lut = (struct lut){ .count = 21, .first = 20, .bits = 12 };
    for (int i = 0; i < 21; i++)
        r->voi_lut.entries[i] = (uint16_t)(i * 4095 / 20);
    SHOWS(&s, 255, 255, 0, 127 /* 2047 / 4095 */, 127);
    r->voi = VOI_NONE;
    SHOWS(&s, 255, 255, 0, 128, 128);
}

static void wide_and_floating_values_need_no_table(void **state)
{
    (void)state;
    const uint32_t wide[] = { 0, 4000000000u, 2000000000u };
    const int32_t negative[] = { -2000000000, 0, 2000000000 };
    const float real[] = { -1.5f, NAN, 0.5f, INFINITY, -0.5f };
    const double reals[] = { 1e-6, 3e-6, 2.1e-6 };
    struct samples s = grey(wide, sizeof(wide), 3, 32, 32, false);
    SHOWS(&s, 0, 255, 128);
    s = grey(negative, sizeof(negative), 3, 32, 32, true);
    SHOWS(&s, 0, 128, 255);
    s = grey(real, sizeof(real), 5, 32, 32, false);
    s.format.kind = SAMPLE_FLOAT;
    SHOWS(&s, 0, 0, 255, 255, 128);
    s = grey(reals, sizeof(reals), 3, 64, 64, false);
    s.format.kind = SAMPLE_DOUBLE;
    SHOWS(&s, 0, 255, 140);
}

static void sixteen_bits_keep_them(void **state)
{
    (void)state;
    const uint16_t at[] = { 0, 1, 4095, 2048 };
    uint16_t is[4];
    int64_t width, height;
    struct samples s = grey(at, sizeof(at), 4, 16, 12, false);
    r->voi = VOI_LINEAR;
    r->center = 2048;
    r->width = 4096;
    r->bits = 16;
    decoded(&s, 2, &width, &height, is, sizeof(is));
    assert_int_equal(is[0], 0);
    assert_int_equal(is[1], 16); /* 65535 / 4095 = 16.004 */
    assert_int_equal(is[2], 65535);
    assert_int_equal(is[3], 32776); /* 2048 * 16.00366 = 32775.5 */
}

/* ---- colour ---- */

static void rgb_stays_and_ybr_becomes_rgb(void **state)
{
    (void)state;
    const uint8_t rgb[] = { 1, 2, 3, 250, 251, 252 };
    /* Red, green, blue, white and grey in CCIR 601: Y = 0.299 R + 0.587 G + 0.114 B and so on. */
    const uint8_t ybr[] = { 76, 85, 255, 150, 44, 21, 29, 255, 107, 255, 128, 128, 77, 128, 128 };
    const uint8_t pairs[] = { 100, 200, 128, 128, 76, 76, 85, 255 };
    struct samples s = colour(rgb, sizeof(rgb), 2, RGB);
    SHOWS(&s, 1, 2, 3, 250, 251, 252);
    r->invert = true;
    SHOWS(&s, 254, 253, 252, 5, 4, 3);
    r->invert = false;
    s = colour(ybr, sizeof(ybr), 5, YBR_FULL);
    SHOWS(&s, 254, 0, 0, 0, 255, 1, 0, 0, 254, 255, 255, 255, 77, 77, 77);
    s = colour(pairs, sizeof(pairs), 4, YBR_FULL_422);
    SHOWS(&s, 100, 100, 100, 200, 200, 200, 254, 0, 0, 254, 0, 0);
}

static void deep_colour_is_cut_to_its_upper_bits(void **state)
{
    (void)state;
    const uint16_t at[] = { 0xABCD, 0x00FF, 0xFF00 }, twelve[] = { 0xFABC, 0x000F, 0x0FFF };
    struct samples s = grey(at, sizeof(at), 1, 16, 16, false);
    s.format.samples = 3;
    s.format.rows = 1;
    s.decoded.photometric = RGB;
    SHOWS(&s, 0xAB, 0x00, 0xFF);
    s.at = twelve;
    s.decoded.bits_stored = s.format.bits_stored = 12;
    s.format.high_bit = 11;
    SHOWS(&s, 0xAB, 0x00, 0xFF);
}

static void palettes_map_beyond_their_ends(void **state)
{
    (void)state;
    const int8_t at[] = { -128, -2, -1, 0, 127 };
    struct samples s = grey(at, sizeof(at), 5, 8, 8, true);
    s.decoded.photometric = PALETTE_COLOR;
    for (int i = 0; i < 3; i++)
        r->palette[i] = (struct lut){ .count = 2, .first = -1, .bits = i == 1 ? 8 : 16 };
    r->palette[0].entries[0] = 0x1234;
    r->palette[0].entries[1] = 0xFF00;
    r->palette[1].entries[0] = 7;
    r->palette[1].entries[1] = 9;
    r->palette[2].entries[1] = 0x80FF;
    SHOWS(&s, 0x12, 7, 0, 0x12, 7, 0, 0x12, 7, 0, 0xFF, 9, 0x80, 0xFF, 9, 0x80);
    r->palette[2].count = 0;
    refuses(&s, E_INVALID);
}

/* ---- sizes ---- */

static void the_picture_fits_its_box(void **state)
{
    (void)state;
    static const struct {
        int columns, rows;
        double aspect;
        int box_width, box_height;
        bool enlarge;
        int width, height;
    } rows[] = {
        { 100, 50, 1, 0, 0, false, 100, 50 },     { 100, 50, 1, 10, 10, false, 10, 5 },
        { 100, 50, 1, 0, 10, false, 20, 10 },     { 100, 50, 1, 10, 0, false, 10, 5 },
        { 100, 50, 1, 300, 300, false, 100, 50 }, { 100, 50, 1, 300, 300, true, 300, 150 },
        { 100, 50, 2, 0, 0, false, 100, 100 },    { 100, 50, 0.5, 0, 0, false, 200, 50 },
        { 100, 50, 2, 50, 50, false, 50, 50 },    { 200, 1, 1, 10, 10, false, 10, 1 },
        { 3, 7, 1.3, 0, 0, false, 3, 9 },         { 1, 1, 1, 64, 64, true, 64, 64 },
    };
    uint8_t *at = malloc(200 * 50), *pixels = malloc(1 << 20);
    memset(at, 77, 200 * 50);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct samples s = grey(at, rows[i].columns * rows[i].rows, rows[i].columns, 8, 8, false);
        int64_t width, height;
        r->voi = VOI_AS_IS;
        r->pixel_aspect = rows[i].aspect;
        r->box_width = rows[i].box_width;
        r->box_height = rows[i].box_height;
        r->enlarge = rows[i].enlarge;
        decoded(&s, 1, &width, &height, pixels, 1 << 20);
        assert_int_equal(width, rows[i].width);
        assert_int_equal(height, rows[i].height);
        for (int64_t p = 0; p < width * height; p++) /* the weights of each pixel sum to 1 */
            assert_int_equal(pixels[p], 77);
    }
    free(at);
    free(pixels);
}

/* Stripes finer than the pixels of the smaller picture become grey, not other stripes; a ramp stays a ramp. */
static void reducing_averages(void **state)
{
    (void)state;
    enum { SIDE = 240 };
    static uint8_t at[SIDE * SIDE], pixels[SIDE * SIDE];
    struct samples s = grey(at, sizeof(at), SIDE, 8, 8, false);
    int64_t width, height;
    r->voi = VOI_AS_IS;
    for (int side = 10; side <= 80; side += 7) {
        r->box_width = r->box_height = side;
        for (int i = 0; i < SIDE * SIDE; i++)
            at[i] = (i % SIDE + i / SIDE) % 2 ? 255 : 0;
        decoded(&s, 1, &width, &height, pixels, sizeof(pixels));
        for (int64_t i = 0; i < width * height; i++)
            assert_in_range(pixels[i], 124, 131);
        for (int i = 0; i < SIDE * SIDE; i++)
            at[i] = (uint8_t)(i % SIDE);
        decoded(&s, 1, &width, &height, pixels, sizeof(pixels));
        for (int64_t x = 2; x < width - 2; x++) {
            double should = ((double)x + 0.5) * SIDE / (double)width - 0.5;
            assert_true(fabs(pixels[x] - should) <= 1.5);
        }
    }
}

static void enlarging_interpolates(void **state)
{
    (void)state;
    const uint8_t at[] = { 0, 80, 160, 240 };
    uint8_t pixels[64];
    int64_t width, height;
    struct samples s = grey(at, sizeof(at), 4, 8, 8, false);
    r->voi = VOI_AS_IS;
    r->box_width = 16;
    r->enlarge = true;
    decoded(&s, 1, &width, &height, pixels, sizeof(pixels));
    assert_int_equal(width, 16);
    for (int x = 1; x < 16; x++)
        assert_true(pixels[x] >= pixels[x - 1]);
    for (int x = 6; x < 10; x++) /* a cubic continues a straight line: 0, 80, 160, 240 is 80 (x + 0.5) / 4 - 40 */
        assert_true(fabs(pixels[x] - (20 * (x + 0.5) - 40)) <= 1);
}

/* ---- encodings ---- */

static void encodings_are_what_they_say(void **state)
{
    (void)state;
    static uint8_t at[64 * 48];
    struct samples s = grey(at, sizeof(at), 64, 8, 8, false);
    int64_t width, height;
    for (size_t i = 0; i < sizeof(at); i++)
        at[i] = (uint8_t)(i * 7);
    r->voi = VOI_AS_IS;
    r->format = PICTURE_JPEG;
    struct text out = rendered(&s, &width, &height);
    const unsigned char *jpeg = (const unsigned char *)out.at;
    assert_memory_equal(jpeg, "\xFF\xD8\xFF\xE0", 4);
    assert_memory_equal(jpeg + out.len - 2, "\xFF\xD9", 2);
    ptrdiff_t frame = str_find(text_str(&out), S("\xFF\xC0"));
    assert_int_equal(jpeg[frame + 9], 1); /* components of SOF0 */
    text_release(&out);
    for (r->quality = 80; r->quality <= 100; r->quality += 20) {
        r->format = PICTURE_WEBP;
        out = rendered(&s, &width, &height);
        assert_memory_equal(out.at, "RIFF", 4);
        assert_memory_equal(out.at + 8, r->quality == 100 ? "WEBPVP8L" : "WEBPVP8 ", 8);
        text_release(&out);
    }
}

/* For who goes on with the pixels: as they are drawn, rows without gaps. */
static void rows_are_what_a_png_would_show(void **state)
{
    (void)state;
    static uint8_t at[7 * 5 * 3];
    int64_t width, height;
    for (size_t i = 0; i < sizeof(at); i++)
        at[i] = (uint8_t)(i * 37);
    struct samples s = grey(at, 7 * 5, 7, 8, 8, false);
    r->voi = VOI_AS_IS;
    r->invert = true;
    r->format = PICTURE_RAW;
    struct text out = rendered(&s, &width, &height);
    assert_int_equal(out.len, width * height);
    for (int i = 0; i < 7 * 5; i++)
        assert_int_equal((uint8_t)out.at[i], 255 - at[i]);
    text_release(&out);
    r->invert = false;
    s.bytes = sizeof(at);
    s.format.samples = 3;
    s.format.photometric = s.decoded.photometric = RGB;
    out = rendered(&s, &width, &height);
    assert_int_equal(out.len, sizeof(at));
    assert_memory_equal(out.at, at, sizeof(at));
    text_release(&out);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    static uint8_t at[64 * 64];
    struct samples s = grey(at, sizeof(at), 64, 8, 8, false), one_row = grey(at, 64, 64, 8, 8, false);
    for (size_t i = 0; i < sizeof(at); i++)
        at[i] = (uint8_t)(i * i * 31);
    for (int format = PICTURE_JPEG; format <= PICTURE_RAW; format++) {
        struct text out;
        struct error error = { 0 };
        int64_t width, height;
        r->format = (enum picture_format)format;
        text_init(&out, 50);
        assert_false(render(&s, r, &out, &width, &height, &error));
        assert_int_equal(error.code, E_TOO_LARGE);
        text_release(&out);
    }
    r->box_width = 20000; /* too wide; of one row it is not large besides */
    r->enlarge = true;
    r->format = PICTURE_WEBP;
    refuses(&one_row, E_INVALID);
    r->pixel_aspect = 1100;
    r->enlarge = false;
    r->box_width = 0;
    refuses(&s, E_INVALID);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const uint8_t at[16] = { 0 };
    const struct samples good = grey(at, sizeof(at), 4, 8, 8, false);
    struct samples s;
#define REFUSES_SAMPLES(change) s = good, change, refuses(&s, E_INVALID)
    REFUSES_SAMPLES(s.bytes = 15);
    REFUSES_SAMPLES(s.at = NULL);
    REFUSES_SAMPLES(s.format.rows = 0);
    REFUSES_SAMPLES(s.format.columns = 65536);
    REFUSES_SAMPLES(s.format.samples = 4);
    REFUSES_SAMPLES(s.format.bits_allocated = 65);
    REFUSES_SAMPLES(s.decoded.bits_stored = 9);
    REFUSES_SAMPLES(s.decoded.bits_stored = 0);
    REFUSES_SAMPLES(s.format.kind = SAMPLE_FLOAT);
    REFUSES_SAMPLES((s.format.samples = 3, s.format.rows = 1, s.decoded.photometric = YBR_RCT));
    const struct presentation kept = { .slope = 1, .quality = 90, .bits = 8, .pixel_aspect = 1 };
#define REFUSES_PRESENTATION(change) \
    memcpy(r, &kept, offsetof(struct presentation, modality)), change, refuses(&good, E_INVALID)
    REFUSES_PRESENTATION(r->bits = 12);
    REFUSES_PRESENTATION((r->bits = 16, r->format = PICTURE_JPEG));
    REFUSES_PRESENTATION(r->quality = 0);
    REFUSES_PRESENTATION(r->box_width = -1);
    REFUSES_PRESENTATION(r->pixel_aspect = 0);
    REFUSES_PRESENTATION(r->pixel_aspect = NAN);
    REFUSES_PRESENTATION(r->slope = INFINITY);
    REFUSES_PRESENTATION((r->voi = VOI_LINEAR, r->width = 0));
    REFUSES_PRESENTATION(r->voi = VOI_LUT);
    REFUSES_PRESENTATION(r->modality.count = 65537);
    r->modality.count = 0;
}

static void sample_values(void **state)
{
    (void)state;
    const uint16_t at[] = { 0xF7FF, 0x0800 };
    struct samples s = grey(at, sizeof(at), 2, 16, 12, true);
    assert_true(value_at(&s, 0) == 2047);
    assert_true(value_at(&s, 1) == -2048);
    const double reals[] = { -1.25e300 };
    s = grey(reals, sizeof(reals), 1, 64, 64, false);
    s.format.kind = SAMPLE_DOUBLE;
    assert_true(value_at(&s, 0) == -1.25e300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
        EACH(a_window_of_signed_12_bits_with_garbage_above),
        EACH(a_table_says_what_each_value_does),
        EACH(stored_bits_may_lie_higher),
        EACH(rescale_comes_before_the_window),
        EACH(the_full_range_is_of_what_is_there_without_padding),
        EACH(one_value_alone_lies_where_its_bits_put_it),
        EACH(brightness_stays_as_it_is),
        EACH(luts_replace_rescale_and_window),
        EACH(wide_and_floating_values_need_no_table),
        EACH(sixteen_bits_keep_them),
        EACH(rgb_stays_and_ybr_becomes_rgb),
        EACH(deep_colour_is_cut_to_its_upper_bits),
        EACH(palettes_map_beyond_their_ends),
        EACH(the_picture_fits_its_box),
        EACH(reducing_averages),
        EACH(enlarging_interpolates),
        EACH(encodings_are_what_they_say),
        EACH(rows_are_what_a_png_would_show),
        EACH(what_is_too_large_is_refused),
        EACH(what_makes_no_sense_is_refused),
        EACH(sample_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
