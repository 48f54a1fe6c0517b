/* histogram.c - how often each value occurs, and the moments of the values. Of colour: of its luminance, 0 to 255. */
#include "raster/picture.h"

#include <math.h>

struct tally {
    struct histogram *out;
    double scale; /* bins per unit of value */
    double origin, sum,
        squares; /* of differences from origin, which keeps the digits of large numbers that differ little */
};

static void tally_begin(struct tally *tally, struct histogram *out, double low, double high)
{
    *out = (struct histogram){ .low = low, .high = high, .min = INFINITY, .max = -INFINITY };
    *tally = (struct tally){ .out = out, .scale = 256 / (high - low), .origin = low };
}

static void tally_add(struct tally *tally, double value)
{
    struct histogram *out = tally->out;
    int bin = (int)((value - out->low) * tally->scale);
    double from_origin = value - tally->origin;
    out->bins[bin < 0 ? 0 : bin > 255 ? 255 : bin]++;
    out->count++;
    out->min = value < out->min ? value : out->min;
    out->max = value > out->max ? value : out->max;
    tally->sum += from_origin;
    tally->squares += from_origin * from_origin;
}

static void tally_end(struct tally *tally)
{
    struct histogram *out = tally->out;
    double count = (double)out->count, mean = tally->sum / count, variance = tally->squares / count - mean * mean;
    out->mean = tally->origin + mean;
    out->sd = variance > 0 ? sqrt(variance) : 0;
}

static bool histogram_of_grey(const struct samples *samples, const struct sample_layout *layout,
                              const struct presentation *presentation, struct histogram *out, struct error *error)
{
    struct tally tally;
    double low, high;
    if (!lut_check(&presentation->modality, "modality LUT", error))
        return false;
    if (!value_range(samples, layout, presentation, &low, &high))
        return error_set(error, E_INVALID, "no pixel of the picture has a value: there is nothing but padding");
    if (!(low < high))
        high = low + 1;
    /* The greatest that tally_add can make of them is the sum of squares. */
    double span = high - low, squares = span * span * (double)(layout->width * layout->height);
    if (!isfinite(256 / span) || !isfinite(squares))
        return error_set(error, E_INVALID, "the values of the picture are too large or too close for a histogram");
    struct sample_meanings *meanings = sample_meanings_new(samples, presentation, error);
    if (!meanings)
        return false;
    tally_begin(&tally, out, low, high);
    for (int64_t i = 0; i < layout->width * layout->height; i++) {
        double value = sample_meaning(meanings, i);
        if (!isnan(value))
            tally_add(&tally, value);
    }
    tally_end(&tally);
    sample_meanings_free(meanings);
    return true;
}

static bool histogram_of_colour(const struct samples *samples, const struct presentation *presentation,
                                struct histogram *out, struct error *error)
{
    struct picture_rows rows;
    struct tally tally;
    uint8_t *row = NULL;
    bool ok = rows_open(&rows, samples, presentation, false, error);
    if (ok) {
        row = malloc((size_t)rows.width * 3);
        ok = row != NULL;
        if (!ok)
            error_set(error, E_TOO_LARGE, "there is no memory for a row of the picture");
    }
    if (ok)
        tally_begin(&tally, out, 0, 256);
    for (int64_t y = 0; ok && y < rows.height; y++) {
        rows.draw8(&rows, y, row);
        for (int64_t x = 0; x < rows.width; x++) /* CCIR 601, times 2^16 */
            tally_add(&tally, (19595 * row[3 * x] + 38470 * row[3 * x + 1] + 7471 * row[3 * x + 2] + 32768) >> 16);
    }
    if (ok)
        tally_end(&tally);
    free(row);
    rows_release(&rows);
    return ok;
}

bool histogram(const struct samples *samples, const struct presentation *presentation, struct histogram *out,
               struct error *error)
{
    struct sample_layout layout;
    if (!sample_layout_of(samples, &layout, error))
        return false;
    if (layout.samples != 1 || layout.photometric == PALETTE_COLOR)
        return histogram_of_colour(samples, presentation, out, error);
    return histogram_of_grey(samples, &layout, presentation, out, error);
}
