/* scale.c - another size: whole pixels are averaged first, then a cubic filter does the rest.
 *
 *   rows of 16 bits --sum blocks of bx x by--> small rows --filter down--> one row --filter across--> canvas
 *                                              (a ring of the last few)
 *
 * Reducing by r, blocks of about r / 2 are averaged, which is cheap, and the cubic (Keys 1981, a = -1/2: Catmull-Rom), widened by what is
 * left of the ratio, keeps edges sharp without aliasing. Enlarging, the same cubic interpolates. Only a few rows are in memory at once.
 */
#include "raster/canvas.h"

#include <math.h>

/* For each position of the output: `count` weights for the input from first[position] on. They sum to 1. */
struct taps {
    int64_t count;
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
    taps->first = malloc((size_t)positions * sizeof(*taps->first));
    taps->weights = calloc((size_t)(positions * taps->count), sizeof(*taps->weights));
    if (!taps->first || !taps->weights)
        return false;
    for (int64_t i = 0; i < positions; i++)
        weigh(taps->weights + i * taps->count, &taps->first[i], taps->count, ((double)i + 0.5) * ratio - 0.5, stretch,
              length);
    return true;
}

struct scaler {
    const struct picture_rows *rows;
    int64_t block_x, block_y;
    int64_t width, height; /* of the small rows; how many */
    struct taps across, down;
    uint16_t *row;  /* as drawn */
    uint32_t *sums; /* of a block's rows */
    float *ring;    /* down.count small rows; row y is at y modulo that */
    int64_t next;   /* small row to be made next */
    float *mixed;   /* the row filtered down */
};

/* Makes the next small row from block_y drawn ones. */
static void make_row(struct scaler *s)
{
    int channels = s->rows->channels;
    int64_t values = s->rows->width * channels, from = s->next * s->block_y, to = from + s->block_y;
    if (to > s->rows->height)
        to = s->rows->height;
    memset(s->sums, 0, (size_t)values * sizeof(*s->sums));
    for (int64_t y = from; y < to; y++) {
        s->rows->draw16(s->rows, y, s->row);
        for (int64_t i = 0; i < values; i++)
            s->sums[i] += s->row[i];
    }
    float *out = s->ring + s->next % s->down.count * s->width * channels;
    for (int64_t x = 0; x < s->width; x++) {
        int64_t begin = x * s->block_x, end = begin + s->block_x < s->rows->width ? begin + s->block_x : s->rows->width;
        float share = 1 / (float)((end - begin) * (to - from));
        for (int c = 0; c < channels; c++) {
            uint64_t sum = 0;
            for (int64_t i = begin; i < end; i++)
                sum += s->sums[i * channels + c];
            out[x * channels + c] = (float)sum * share;
        }
    }
    s->next++;
}

static void filter_down(struct scaler *s, int64_t y)
{
    int64_t values = s->width * s->rows->channels, first = s->down.first[y];
    const float *weights = s->down.weights + y * s->down.count;
    while (s->next < first + s->down.count)
        make_row(s);
    memset(s->mixed, 0, (size_t)values * sizeof(*s->mixed));
    for (int64_t k = 0; k < s->down.count; k++) {
        const float *row = s->ring + (first + k) % s->down.count * values;
        float weight = weights[k];
        for (int64_t i = 0; i < values; i++)
            s->mixed[i] += weight * row[i];
    }
}

static float filter_across(const struct scaler *s, int64_t x, int channel)
{
    int channels = s->rows->channels;
    const float *weights = s->across.weights + x * s->across.count;
    const float *at = s->mixed + s->across.first[x] * channels + channel;
    float sum = 0;
    for (int64_t k = 0; k < s->across.count; k++)
        sum += weights[k] * at[k * channels];
    return sum < 0 ? 0 : sum > 65535 ? 65535 : sum;
}

static void scale(struct scaler *s, struct canvas *canvas)
{
    for (int64_t y = 0; y < canvas->height; y++) {
        unsigned char *row = canvas->at + y * canvas->stride;
        uint16_t *row16 = (uint16_t *)(void *)row;
        filter_down(s, y);
        for (int64_t x = 0; x < canvas->width; x++)
            for (int c = 0; c < canvas->channels; c++) {
                float value = filter_across(s, x, c);
                if (canvas->bits == 8)
                    row[x * canvas->channels + c] = (uint8_t)(value * (1 / 257.0f) + 0.5f);
                else
                    row16[x * canvas->channels + c] = (uint16_t)(value + 0.5f);
            }
    }
}

static int64_t block_of(int64_t from, int64_t to)
{
    return from / to >= 4 ? from / to / 2 : 1;
}

bool canvas_resample(struct canvas *canvas, const struct picture_rows *rows, struct error *error)
{
    struct scaler s = { .rows = rows,
                        .block_x = block_of(rows->width, canvas->width),
                        .block_y = block_of(rows->height, canvas->height) };
    s.width = (rows->width + s.block_x - 1) / s.block_x;
    s.height = (rows->height + s.block_y - 1) / s.block_y;
    size_t values = (size_t)(rows->width * rows->channels), small = (size_t)(s.width * rows->channels);
    bool ok = taps_make(&s.across, (double)rows->width / (double)s.block_x, s.width, canvas->width) &&
              taps_make(&s.down, (double)rows->height / (double)s.block_y, s.height, canvas->height) &&
              (s.row = malloc(values * sizeof(*s.row))) && (s.sums = malloc(values * sizeof(*s.sums))) &&
              (s.ring = malloc(small * (size_t)s.down.count * sizeof(*s.ring))) &&
              (s.mixed = malloc(small * sizeof(*s.mixed)));
    if (ok)
        scale(&s, canvas);
    else
        error_set(error, E_TOO_LARGE, "there is no memory to change the picture's size");
    free(s.across.first);
    free(s.across.weights);
    free(s.down.first);
    free(s.down.weights);
    free(s.row);
    free(s.sums);
    free(s.ring);
    free(s.mixed);
    return ok;
}
