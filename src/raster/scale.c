/* scale.c - another size: whole pixels are averaged first, then a cubic filter does the rest.
 *
 *   rows of 16 bits --average of bx x by pixels--> small rows --filter down--> one row --filter across--> picture
 *                                              (a ring of the last few)
 *
 * Reducing by r, blocks of about r / 2 are averaged, which is cheap, and the cubic (Keys 1981, a = -1/2: Catmull-Rom),
 * widened by what is left of the ratio, keeps edges sharp without aliasing. Enlarging, the same cubic interpolates.
 * Only a few rows are in memory at once.
 */
#include "raster/picture.h"

#include <math.h>

enum { LANES = 4 };

/* For each position of the output: `count` weights for the input from first[position] on. They sum to 1. In memory
 * there are `stride` of them, those past `count` 0, so that four can be taken at once. */
struct taps {
    int64_t count, stride;
    int64_t *first;
    float *weights;
};

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* What lies past an edge is the edge's own pixel. */
static void weigh(float *weights, int64_t *first, int64_t count, double center, double stretch, int64_t length)
{
    int64_t from = (int64_t)ceil(center - 2 * stretch), to = (int64_t)floor(center + 2 * stretch);
    int64_t begin = from < 0 ? 0 : from > length - count ? length - count : from;
    double sum = 0;
    for (int64_t i = from; i <= to; i++)
        sum += cubic(((double)i - center) / stretch);
    for (int64_t i = from; i <= to; i++) {
        int64_t inside = i < 0 ? 0 : i >= length ? length - 1 : i;
        weights[inside - begin] += (float)(cubic(((double)i - center) / stretch) / sum);
    }
    *first = begin;
}

/* `span` of the input's `length` pixels are covered: the last one may be of a block that was not whole. */
static bool taps_make(struct taps *taps, double span, int64_t length, int64_t positions)
{
    double ratio = span / (double)positions, stretch = ratio > 1 ? ratio : 1;
    int64_t count = (int64_t)ceil(4 * stretch) + 1;
    taps->count = count < length ? count : length;
    taps->stride = (taps->count + LANES - 1) / LANES * LANES;
    taps->first = malloc((size_t)positions * sizeof(*taps->first));
    taps->weights = calloc((size_t)(positions * taps->stride), sizeof(*taps->weights));
    if (!taps->first || !taps->weights)
        return false;
    for (int64_t i = 0; i < positions; i++)
        weigh(taps->weights + i * taps->stride, &taps->first[i], taps->count, ((double)i + 0.5) * ratio - 0.5, stretch,
              length);
    return true;
}

struct scaler {
    const struct picture_rows *rows;
    int64_t block_x, block_y;
    int64_t width, height; /* of the small rows; how many */
    struct taps across, down;
    uint16_t *row;    /* as drawn */
    uint32_t *sums;   /* of a block's rows */
    float *halves[2]; /* a small row becoming small */
    float *ring;      /* down.count small rows; row y is at y modulo that */
    int64_t next;     /* small row to be made next */
    float *mixed;     /* the row filtered down */
    float *line;      /* the row filtered across as well */
};

static void add_row(uint32_t *restrict sums, const uint16_t *restrict row, int64_t values)
{
    for (int64_t i = 0; i < values; i++)
        sums[i] += row[i];
}

/* Neighbours become one; the last of an odd number stays as it is. */
static void halve(float *restrict out, const float *restrict in, int64_t width, int channels)
{
    int64_t pairs = width / 2;
    if (channels == 1)
        for (int64_t x = 0; x < pairs; x++)
            out[x] = (in[2 * x] + in[2 * x + 1]) * 0.5f;
    else
        for (int64_t x = 0; x < pairs; x++)
            for (int c = 0; c < 3; c++)
                out[3 * x + c] = (in[6 * x + c] + in[6 * x + 3 + c]) * 0.5f;
    if (width % 2)
        memcpy(out + pairs * channels, in + (width - 1) * channels, (size_t)channels * sizeof(*out));
}

/* Makes the next small row from block_y drawn ones. Their sum fits: a block has at most 16384 rows. */
static void make_row(struct scaler *s)
{
    int channels = s->rows->channels;
    int64_t values = s->rows->width * channels, from = s->next * s->block_y, to = from + s->block_y;
    if (to > s->rows->height)
        to = s->rows->height;
    memset(s->sums, 0, (size_t)values * sizeof(*s->sums));
    for (int64_t y = from; y < to; y++) {
        s->rows->draw16(s->rows, y, s->row);
        add_row(s->sums, s->row, values);
    }
    float *in = s->halves[0], *out = s->halves[1], share = 1 / (float)(to - from);
    for (int64_t i = 0; i < values; i++)
        in[i] = (float)(int32_t)s->sums[i] * share;
    int64_t width = s->rows->width;
    for (int64_t block = s->block_x; block > 1; block /= 2, width = (width + 1) / 2) {
        halve(out, in, width, channels);
        float *swap = in;
        in = out;
        out = swap;
    }
    memcpy(s->ring + s->next % s->down.count * s->width * channels, in, (size_t)(width * channels) * sizeof(*in));
    s->next++;
}

static void add_weighted(float *restrict mixed, const float *restrict row, float weight, int64_t values)
{
    for (int64_t i = 0; i < values; i++)
        mixed[i] += weight * row[i];
}

static void filter_down(struct scaler *s, int64_t y)
{
    int64_t values = s->width * s->rows->channels, first = s->down.first[y];
    const float *weights = s->down.weights + y * s->down.stride;
    while (s->next < first + s->down.count)
        make_row(s);
    memset(s->mixed, 0, (size_t)values * sizeof(*s->mixed));
    for (int64_t k = 0; k < s->down.count; k++)
        add_weighted(s->mixed, s->ring + (first + k) % s->down.count * values, weights[k], values);
}

/* Four taps at once. Past the end of `mixed` there are zeros for the last. */
static void filter_across_grey(const struct scaler *s, int64_t width)
{
    for (int64_t x = 0; x < width; x++) {
        const float *weights = s->across.weights + x * s->across.stride, *at = s->mixed + s->across.first[x];
        float sums[LANES] = { 0 };
        for (int64_t k = 0; k < s->across.stride; k += LANES)
            for (int lane = 0; lane < LANES; lane++)
                sums[lane] += weights[k + lane] * at[k + lane];
        s->line[x] = sums[0] + sums[1] + sums[2] + sums[3];
    }
}

static void filter_across_colour(const struct scaler *s, int64_t width)
{
    for (int64_t x = 0; x < width; x++) {
        const float *weights = s->across.weights + x * s->across.stride, *at = s->mixed + s->across.first[x] * 3;
        float sums[3] = { 0 };
        for (int64_t k = 0; k < s->across.count; k++)
            for (int c = 0; c < 3; c++)
                sums[c] += weights[k] * at[3 * k + c];
        memcpy(s->line + 3 * x, sums, sizeof(sums));
    }
}

/* The cubic overshoots at edges: what leaves the range is cut. */
static int32_t whole(float value, float white)
{
    float scaled = value * (white / 65535.0f) + 0.5f;
    scaled = scaled < 0 ? 0 : scaled;
    return (int32_t)(scaled > white ? white : scaled);
}

static void scale(struct scaler *s, struct picture *picture)
{
    int64_t values = picture->width * picture->channels;
    for (int64_t y = 0; y < picture->height; y++) {
        uint8_t *restrict row = picture->at + y * picture->stride;
        uint16_t *restrict row16 = (uint16_t *)(void *)row;
        const float *restrict line = s->line;
        filter_down(s, y);
        if (picture->channels == 1)
            filter_across_grey(s, picture->width);
        else
            filter_across_colour(s, picture->width);
        if (picture->bits == 8)
            for (int64_t i = 0; i < values; i++)
                row[i] = (uint8_t)whole(line[i], 255);
        else
            for (int64_t i = 0; i < values; i++)
                row16[i] = (uint16_t)whole(line[i], 65535);
    }
}

/* A power of two, so that halving makes it; about half of the ratio or less. */
static int64_t block_of(int64_t from, int64_t to)
{
    int64_t block = 1;
    while (from / to >= 4 * block)
        block *= 2;
    return block;
}

bool picture_resample(struct picture *picture, const struct picture_rows *rows, struct error *error)
{
    struct scaler s = { .rows = rows,
                        .block_x = block_of(rows->width, picture->width),
                        .block_y = block_of(rows->height, picture->height) };
    s.width = (rows->width + s.block_x - 1) / s.block_x;
    s.height = (rows->height + s.block_y - 1) / s.block_y;
    size_t values = (size_t)(rows->width * rows->channels), small = (size_t)(s.width * rows->channels);
    bool ok = taps_make(&s.across, (double)rows->width / (double)s.block_x, s.width, picture->width) &&
              taps_make(&s.down, (double)rows->height / (double)s.block_y, s.height, picture->height) &&
              (s.row = malloc(values * sizeof(*s.row))) && (s.sums = malloc(values * sizeof(*s.sums))) &&
              (s.halves[0] = malloc(values * sizeof(float))) && (s.halves[1] = malloc(values * sizeof(float))) &&
              (s.line = malloc((size_t)(picture->width * picture->channels) * sizeof(*s.line))) &&
              (s.ring = malloc(small * (size_t)s.down.count * sizeof(*s.ring))) &&
              (s.mixed = calloc(small + LANES, sizeof(*s.mixed)));
    if (ok)
        scale(&s, picture);
    else
        error_set(error, E_TOO_LARGE, "there is no memory to change the picture's size");
    free(s.across.first);
    free(s.across.weights);
    free(s.down.first);
    free(s.down.weights);
    free(s.row);
    free(s.sums);
    free(s.halves[0]);
    free(s.halves[1]);
    free(s.line);
    free(s.ring);
    free(s.mixed);
    return ok;
}
