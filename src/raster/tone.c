/* tone.c - the grey pipeline (PS3.3 C.11.1, C.11.2; PS3.4 N.2), value by value and as a table. */
#include "raster/tone.h"

#include <math.h>

static double table_value(const struct value_table *table, double stored)
{
    double index = stored - table->first;
    return index >= 0 && index < table->count ? table->values[(int32_t)index] : NAN;
}

double meaning_of(const struct presentation *presentation, double stored)
{
    if (presentation->world.count)
        return table_value(&presentation->world, stored);
    if (presentation->has_range && !(stored >= presentation->range_low && stored <= presentation->range_high))
        return NAN;
    if (presentation->modality.count)
        return (double)lut_entry(&presentation->modality, stored);
    return stored * presentation->slope + presentation->intercept;
}

bool is_padding(const struct presentation *presentation, double stored)
{
    return presentation->has_padding && stored >= presentation->padding_low && stored <= presentation->padding_high;
}

struct range {
    double low, high;
};

static void range_add(struct range *range, double value)
{
    if (!isfinite(value))
        return;
    if (value < range->low)
        range->low = value;
    if (value > range->high)
        range->high = value;
}

/* Which of the up to 65536 values occur is noted first, so that tables are asked once for each. */
static void range_by_table(const struct samples *samples, const struct sample_layout *layout,
                           const struct presentation *presentation, unsigned char *seen, struct range *range)
{
    int64_t pixels = layout->width * layout->height, values = (int64_t)1 << layout->bits;
    if (layout->bytes == 1) {
        const uint8_t *at = samples->at;
        for (int64_t i = 0; i < pixels; i++)
            seen[at[i] >> layout->shift & (values - 1)] = 1;
    } else {
        for (int64_t i = 0; i < pixels; i++)
            seen[sample_word(samples->at, i) >> layout->shift & (values - 1)] = 1;
    }
    for (int64_t bits = 0; bits < values; bits++) {
        double stored = sample_number(layout, (uint64_t)bits);
        if (seen[bits] && !is_padding(presentation, stored))
            range_add(range, meaning_of(presentation, stored));
    }
}

bool value_range(const struct samples *samples, const struct sample_layout *layout,
                 const struct presentation *presentation, double *low, double *high)
{
    struct range range = { INFINITY, -INFINITY };
    unsigned char *seen = sample_table_pays(layout) ? calloc(LUT_ENTRIES_MAX, 1) : NULL;
    if (seen) {
        range_by_table(samples, layout, presentation, seen, &range);
        free(seen);
    } else {
        for (int64_t i = 0; i < layout->width * layout->height; i++) {
            double stored = sample_read(layout, samples->at, i);
            if (!is_padding(presentation, stored))
                range_add(&range, meaning_of(presentation, stored));
        }
    }
    if (!(range.low <= range.high))
        return false;
    *low = range.low;
    *high = range.high;
    return true;
}

/* A picture of one value only has no range of its own: it is shown where the value lies among those that its bits could
 * hold. */
static void possible_range(const struct sample_layout *layout, const struct presentation *presentation, double *low,
                           double *high)
{
    double least = layout->is_signed ? -ldexp(1, layout->bits - 1) : 0;
    double greatest = ldexp(1, layout->is_signed ? layout->bits - 1 : layout->bits) - 1;
    if (layout->kind != SAMPLE_INTEGER)
        least = 0, greatest = 1;
    double a = meaning_of(presentation, least), b = meaning_of(presentation, greatest);
    *low = a < b ? a : b;
    *high = a < b ? b : a;
}

static void use_full_range(struct tone *tone, const struct samples *samples, const struct sample_layout *layout)
{
    double low = 0, high = 0;
    /* Of a bitmap 0 is black and 1 white, even where only one of them occurs. */
    bool is_brightness = layout->bits == 1 || (tone->voi == VOI_AS_IS && layout->bits <= 8);
    if (is_brightness || !value_range(samples, layout, tone->presentation, &low, &high) || !(low < high))
        possible_range(layout, tone->presentation, &low, &high);
    if (!(low < high) || !isfinite(high - low))
        low = 0, high = 1;
    tone->voi = VOI_LINEAR_EXACT;
    tone->width = high - low;
    tone->center = low + tone->width / 2;
}

bool tone_open(struct tone *tone, const struct samples *samples, const struct sample_layout *layout,
               const struct presentation *presentation, struct error *error)
{
    *tone = (struct tone){ .presentation = presentation,
                           .voi = presentation->voi,
                           .center = presentation->center,
                           .width = presentation->width,
                           .flip = presentation->invert != (layout->photometric == MONOCHROME1) };
    if (!lut_check(&presentation->modality, "modality LUT", error) ||
        !lut_check(&presentation->voi_lut, "VOI LUT", error))
        return false;
    if (!isfinite(presentation->slope) || !isfinite(presentation->intercept))
        return error_set(error, E_INVALID, "Rescale Slope and Intercept must be numbers");
    if (tone->voi == VOI_LUT)
        return presentation->voi_lut.count > 0 || error_set(error, E_INVALID, "the picture has no VOI LUT");
    if (tone->voi != VOI_NONE && tone->voi != VOI_AS_IS)
        return window_check(tone->voi, tone->center, tone->width, error);
    use_full_range(tone, samples, layout);
    return true;
}

double tone_of(const struct tone *tone, double stored)
{
    double value = meaning_of(tone->presentation, stored);
    if (isnan(value) || is_padding(tone->presentation, stored))
        return 0;
    double y = tone->voi == VOI_LUT ? lut_brightness(&tone->presentation->voi_lut, value)
                                    : window_apply(tone->voi, tone->center, tone->width, value);
    return tone->flip ? 1 - y : y;
}

bool tone_line(const struct tone *tone, double *factor, double *offset)
{
    bool halves = tone->voi == VOI_LINEAR;
    double middle = halves ? tone->center - 0.5 : tone->center, span = halves ? tone->width - 1 : tone->width;
    if (tone->presentation->modality.count || tone->presentation->world.count || tone->presentation->has_range ||
        !(span > 0) || (!halves && tone->voi != VOI_LINEAR_EXACT))
        return false;
    *factor = tone->presentation->slope / span;
    *offset = (tone->presentation->intercept - middle) / span + 0.5;
    if (tone->flip) {
        *factor = -*factor;
        *offset = 1 - *offset;
    }
    return fabs(*factor) < 1e200 && fabs(*offset) < 1e200; /* no sum of them overflows */
}

static inline uint16_t affine(int32_t stored, double factor, double offset, double white)
{
    double y = stored * factor + offset;
    y = y < 0 ? 0 : y;
    return (uint16_t)(int32_t)((y > white ? white : y) + 0.5);
}

/* The index where `y` is reached, kept between `from` and `to`. */
static int32_t index_of(double y, int32_t from, int32_t to, int32_t shift, double factor, double offset)
{
    double index = (y - offset) / factor - shift;
    return !(index > from) ? from : index < to ? (int32_t)index : to;
}

static int32_t within(int32_t index, int32_t from, int32_t to)
{
    return index < from ? from : index > to ? to : index;
}

static void fill(uint16_t *out, int32_t from, int32_t to, uint16_t value)
{
    for (int32_t bits = from; bits < to; bits++)
        out[bits] = value;
}

/* Entries `from` to `to` are of the stored values that differ from their index by `shift`. Most of 65536 lie on one
 * side of the window or the other, where all are alike; two more are computed on each side than should be needed. */
static void fill_affine(uint16_t *restrict out, int32_t from, int32_t to, int32_t shift, double factor, double offset,
                        double white)
{
    if (from == to)
        return;
    int32_t a = index_of(0, from, to, shift, factor, offset), b = index_of(white, from, to, shift, factor, offset);
    int32_t begin = within((a < b ? a : b) - 2, from, to), end = within((a < b ? b : a) + 3, from, to);
    fill(out, from, begin, affine(from + shift, factor, offset, white));
    for (int32_t bits = begin; bits < end; bits++)
        out[bits] = affine(bits + shift, factor, offset, white);
    fill(out, end, to, affine(to - 1 + shift, factor, offset, white));
}

static void blacken_padding(const struct presentation *presentation, const struct sample_layout *layout, uint16_t *out)
{
    int64_t values = (int64_t)1 << layout->bits, least = layout->is_signed ? -values / 2 : 0;
    int64_t from = (int64_t)ceil(fmax(presentation->padding_low, (double)least));
    int64_t to = (int64_t)floor(fmin(presentation->padding_high, (double)(least + values - 1)));
    for (int64_t stored = from; stored <= to; stored++)
        out[stored & (values - 1)] = 0;
}

void tone_line_shades(double factor, double offset, int32_t stored, int32_t count, uint8_t *out)
{
    for (int32_t i = 0; i < count; i++)
        out[i] = (uint8_t)affine(stored + i, factor * 255, offset * 255, 255);
}

void tone_table(const struct tone *tone, const struct sample_layout *layout, int white, uint16_t *out)
{
    int32_t values = (int32_t)1 << layout->bits, negative = layout->is_signed ? values / 2 : values;
    double factor, offset;
    if (tone_line(tone, &factor, &offset)) {
        fill_affine(out, 0, negative, 0, factor * white, offset * white, white);
        fill_affine(out, negative, values, -values, factor * white, offset * white, white);
        if (tone->presentation->has_padding)
            blacken_padding(tone->presentation, layout, out);
        return;
    }
    for (int32_t bits = 0; bits < values; bits++)
        out[bits] = (uint16_t)(tone_of(tone, sample_number(layout, (uint64_t)bits)) * white + 0.5);
}
