/* colour.c - RGB, YBR and palette colour to RGB of 8 bits (PS3.3 C.7.6.3.1.2), and on to sRGB.
 *
 * No modality or VOI transformation applies to colour (PS3.4 N.2): what the file holds is what is shown, cut to its
 * upper 8 bits.
 */
#include "raster/colour_profile.h"
#include "raster/picture.h"

/* The upper 8 bits: 0xAB00 and 0xABAB are both 0xAB. Fewer than 8 are stretched. */
static uint8_t upper8(uint64_t value, int bits)
{
    if (bits >= 8)
        return (uint8_t)(value >> (bits - 8));
    return (uint8_t)(value * 255 / ((1u << bits) - 1));
}

static uint8_t clamp8(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* YBR_FULL is CCIR 601's luminance and colour differences, each from 0 to 255, as in JFIF. Coefficients times 2^16. */
static void ybr_to_rgb(uint8_t *at, int64_t pixels)
{
    enum { ONE = 1 << 16, HALF = ONE / 2, CR_R = 91881, CB_G = 22554, CR_G = 46802, CB_B = 116130 };
    for (int64_t i = 0; i < pixels; i++, at += 3) {
        int y = at[0] * ONE + HALF, cb = at[1] - 128, cr = at[2] - 128;
        at[0] = clamp8((y + CR_R * cr) >> 16);
        at[1] = clamp8((y - CB_G * cb - CR_G * cr) >> 16);
        at[2] = clamp8((y + CB_B * cb) >> 16);
    }
}

static void invert(const struct picture_rows *rows, uint8_t *at)
{
    if (rows->presentation->invert)
        for (int64_t i = 0; i < rows->width * 3; i++)
            at[i] = (uint8_t)(255 - at[i]);
}

static bool is_ybr(enum photometric photometric)
{
    return photometric == YBR_FULL || photometric == YBR_FULL_422 || photometric == YBR_ICT;
}

static void draw_colour(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    const struct sample_layout *layout = &rows->layout;
    int64_t values = rows->width * 3, from = y * values;
    if (layout->bytes == 1 && layout->bits == 8)
        memcpy(out, (const uint8_t *)rows->at + from, (size_t)values);
    else
        for (int64_t i = 0; i < values; i++)
            out[i] = upper8(sample_bits(layout, rows->at, from + i), layout->bits);
    if (is_ybr(layout->photometric))
        ybr_to_rgb(out, rows->width);
}

/* Y1 Y2 Cb Cr for two pixels of a row, one after another through the frame; both get the colour that was sampled with
 * the first. */
static void draw_subsampled(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    const uint8_t *at = rows->at;
    int64_t pixels = rows->width * rows->height;
    for (int64_t x = 0; x < rows->width; x++) {
        int64_t pixel = y * rows->width + x, pair = pixel / 2;
        bool is_whole = 2 * pair + 1 < pixels; /* an odd number of pixels ends in half a pair */
        out[3 * x] = at[4 * pair + pixel % 2];
        out[3 * x + 1] = is_whole ? at[4 * pair + 2] : 128;
        out[3 * x + 2] = is_whole ? at[4 * pair + 3] : 128;
    }
    ybr_to_rgb(out, rows->width);
}

static void draw_palette(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    for (int64_t x = 0; x < rows->width; x++)
        memcpy(out + 3 * x, rows->palette + 3 * sample_bits(&rows->layout, rows->at, y * rows->width + x), 3);
}

static void draw_shown(const struct picture_rows *rows, int64_t y, uint8_t *out)
{
    rows->draw_colours(rows, y, out);
    if (rows->profile)
        colour_profile_apply(rows->profile, out, out, rows->width);
    invert(rows, out);
}

static bool open_palette(struct picture_rows *rows, struct error *error)
{
    static const char *const names[] = { "red palette", "green palette", "blue palette" };
    const struct lut *luts = rows->presentation->palette;
    for (int i = 0; i < 3; i++) {
        if (!lut_check(&luts[i], names[i], error))
            return false;
        if (!luts[i].count)
            return error_set(error, E_INVALID, "the picture is PALETTE COLOR, but the file has no %s", names[i]);
    }
    if (!sample_fits_table(&rows->layout))
        return error_set(error, E_INVALID, "a palette has 16 bits at most, the samples have %d", rows->layout.bits);
    int32_t values = (int32_t)1 << rows->layout.bits;
    rows->palette = malloc((size_t)values * 3);
    if (!rows->palette)
        return error_set(error, E_TOO_LARGE, "there is no memory for the palette");
    for (int32_t value = 0; value < values; value++)
        for (int i = 0; i < 3; i++) {
            double stored = sample_number(&rows->layout, (uint64_t)value);
            rows->palette[3 * value + i] = upper8(lut_entry(&luts[i], stored), luts[i].bits);
        }
    rows->draw_colours = draw_palette;
    return true;
}

bool rows_open_colour(struct picture_rows *rows, struct error *error)
{
    const struct sample_layout *layout = &rows->layout;
    rows->channels = 3;
    rows->draw8 = draw_shown;
    if (layout->kind != SAMPLE_INTEGER)
        return error_set(error, E_INVALID, "colour in floating-point numbers cannot be shown");
    if (layout->samples == 1)
        return open_palette(rows, error);
    if (layout->photometric == YBR_PARTIAL_420 || layout->photometric == YBR_RCT)
        return error_set(error, E_INVALID, "decoded pixels in %s cannot be shown",
                         layout->photometric == YBR_RCT ? "YBR_RCT" : "YBR_PARTIAL_420");
    if (layout->samples != 3)
        return error_set(error, E_INVALID, "pixels of %d samples (CMYK, ARGB) cannot be shown", layout->samples);
    rows->draw_colours = layout->subsampled ? draw_subsampled : draw_colour;
    return true;
}
