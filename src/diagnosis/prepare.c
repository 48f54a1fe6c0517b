/* prepare.c - a film fitted into the model's input.
 *
 *   rows of the film --down, by taps--> one as wide as the film --across, by taps--> a row of the input
 *
 * Each side on its own: `inner` pixels of the input show the whole side of the frame, and begin `offset` pixels into
 * it. Squashed, inner is the input's side; with borders (letterbox) it is less and the offset more than 0; cut off
 * (crop) it is more and the offset less than 0.
 */
#include "diagnosis/prepare.h"

#include "base/crypto.h"

#include <assert.h>
#include <math.h>

/* ---- where the frame lies ---- */

struct side {
    int64_t frame, input, inner, offset;
};

static int64_t at_least_one(double size)
{
    return size < 1 ? 1 : (int64_t)floor(size + 0.5);
}

/* Half of what is over, down to a whole pixel: what is odd is right and below. */
static int64_t half_down(int64_t n)
{
    return n >= 0 ? n / 2 : -((1 - n) / 2);
}

static bool sides_of(const struct film *film, const struct card_input *input, struct side *across, struct side *down,
                     struct error *error)
{
    if (film->width < 1 || film->height < 1 || input->width < 1 || input->height < 1 ||
        (film->channels != 1 && film->channels != 3) || !(film->pixel_aspect > 0 && isfinite(film->pixel_aspect)))
        return error_set(error, E_INVALID, "the image has no pixels that a model could take");
    *across = (struct side){ film->width, input->width, input->width, 0 };
    *down = (struct side){ film->height, input->height, input->height, 0 };
    if (input->fit == FIT_SQUASH)
        return true;
    double wide = (double)film->width, high = (double)film->height * film->pixel_aspect;
    double by_width = (double)input->width / wide, by_height = (double)input->height / high;
    bool inside = input->fit == FIT_LETTERBOX;
    double scale = (by_width < by_height) == inside ? by_width : by_height;
    across->inner = at_least_one(wide * scale);
    down->inner = at_least_one(high * scale);
    across->offset = half_down(across->input - across->inner);
    down->offset = half_down(down->input - down->inner);
    return true;
}

bool placement_of(const struct film *film, const struct card_input *input, struct placement *out, struct error *error)
{
    struct side across = { 0 }, down = { 0 };
    if (!sides_of(film, input, &across, &down, error))
        return false;
    *out = (struct placement){ (double)across.inner / (double)across.frame,
                               (double)down.inner / (double)down.frame,
                               (double)across.offset,
                               (double)down.offset,
                               film->width,
                               film->height,
                               input->width,
                               input->height };
    return true;
}

void placement_to_frame(const struct placement *placement, double x, double y, double *frame_x, double *frame_y)
{
    *frame_x = (x - placement->left) / placement->scale_x;
    *frame_y = (y - placement->top) / placement->scale_y;
}

void placement_to_input(const struct placement *placement, double x, double y, double *input_x, double *input_y)
{
    *input_x = x * placement->scale_x + placement->left;
    *input_y = y * placement->scale_y + placement->top;
}

/* ---- taps: which pixels of the frame make one of the input, and by how much ---- */

struct taps {
    int64_t stride;
    int64_t *first;
    int32_t *count; /* 0: it lies in the border */
    double *weights;
};

static void area_tap(struct taps *taps, const struct side *side, int64_t at, int64_t inner)
{
    double from = (double)(inner * side->frame) / (double)side->inner;
    double to = (double)((inner + 1) * side->frame) / (double)side->inner;
    int64_t first = (int64_t)floor(from), end = (int64_t)ceil(to);
    end = end > side->frame ? side->frame : end;
    taps->first[at] = first;
    taps->count[at] = (int32_t)(end - first);
    for (int64_t i = first; i < end; i++)
        taps->weights[at * taps->stride + i - first] =
            fmax(fmin(to, (double)(i + 1)) - fmax(from, (double)i), 0) * (double)side->inner / (double)side->frame;
}

static void bilinear_tap(struct taps *taps, const struct side *side, int64_t at, int64_t inner)
{
    double middle = ((double)inner + 0.5) * (double)side->frame / (double)side->inner - 0.5;
    middle = fmin(fmax(middle, 0), (double)(side->frame - 1));
    int64_t first = (int64_t)middle;
    taps->first[at] = first;
    taps->count[at] = first + 1 < side->frame ? 2 : 1;
    taps->weights[at * taps->stride] = taps->count[at] == 2 ? 1 - (middle - (double)first) : 1;
    if (taps->count[at] == 2)
        taps->weights[at * taps->stride + 1] = middle - (double)first;
}

static void taps_make(struct arena *arena, const struct side *side, unsigned resample, struct taps *taps)
{
    assert(side->inner > 0);
    taps->stride = resample == RESAMPLE_AREA ? side->frame / side->inner + 3 : 2;
    taps->first = arena_array(arena, int64_t, side->input);
    taps->count = arena_array(arena, int32_t, side->input);
    taps->weights = arena_array(arena, double, side->input * taps->stride);
    for (int64_t at = 0; at < side->input; at++) {
        int64_t inner = at - side->offset;
        if (inner < 0 || inner >= side->inner)
            continue;
        if (resample == RESAMPLE_AREA)
            area_tap(taps, side, at, inner);
        else
            bilinear_tap(taps, side, at, inner);
    }
}

/* ---- resampled ---- */

struct fitting {
    const struct film *film;
    const struct card_input *input;
    struct side across, down;
    struct taps by_column, by_row;
    int planes;       /* that are worked on: of a grey film one, whatever the input has */
    double *down_row; /* as wide as the film, its channels side by side: of the rows of the film that make one */
    double *line;     /* the same, one plane after another */
    double *row;      /* of the input, one plane after another, 0 to 1 */
};

/* Down comes first: its sums stand side by side, which a processor makes several at a time. */
static void add_row(double *restrict sums, const uint8_t *restrict bytes, double weight, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        sums[i] += weight * bytes[i];
}

static void split_channels(struct fitting *f)
{
    int64_t width = f->film->width;
    for (int64_t x = 0; x < width; x++) {
        const double *pixel = f->down_row + 3 * x;
        if (f->planes == 1)
            f->line[x] = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        else
            for (int plane = 0; plane < 3; plane++)
                f->line[plane * width + x] = pixel[plane];
    }
}

/* The rows of the film that row `y` of the input covers, as one: in f->line. */
static void make_line(struct fitting *f, int64_t y)
{
    const struct taps *taps = &f->by_row;
    int64_t values = f->film->width * f->film->channels;
    memset(f->down_row, 0, (size_t)values * sizeof(*f->down_row));
    for (int32_t i = 0; i < taps->count[y]; i++)
        add_row(f->down_row, f->film->at + (taps->first[y] + i) * values, taps->weights[y * taps->stride + i], values);
    if (f->film->channels == 3)
        split_channels(f);
}

static double sum_of(const double *at, const double *weights, int32_t count)
{
    double sum = 0;
    for (int32_t i = 0; i < count; i++)
        sum += weights[i] * at[i];
    return sum;
}

/* Row `y` of the input, 0 to 1, in f->row. */
static void make_row(struct fitting *f, int64_t y)
{
    const struct taps *taps = &f->by_column;
    int64_t width = f->input->width;
    if (f->by_row.count[y])
        make_line(f, y);
    for (int plane = 0; plane < f->planes; plane++)
        for (int64_t x = 0; x < width; x++) {
            double *out = f->row + plane * width + x;
            if (!f->by_row.count[y] || !taps->count[x]) {
                *out = f->input->padding;
                continue;
            }
            const double *at = f->line + plane * f->film->width + taps->first[x];
            double bright = sum_of(at, taps->weights + x * taps->stride, taps->count[x]) / 255;
            *out = f->input->bone == BONE_DARK ? 1 - bright : bright;
        }
}

/* ---- numbers ---- */

/* IEEE 754 binary16, to the nearest, ties to even. */
static uint16_t half_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x47800000) /* 65536 and more, and what is no number */
        return (uint16_t)(sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
    if (magnitude < 0x38800000) { /* less than 2^-14: steps of 2^-24 */
        float steps = (value < 0 ? -value : value) * 16777216.0f;
        return (uint16_t)(sign | (uint32_t)lrintf(steps));
    }
    uint32_t rounded = magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | rounded >> 13);
}

static void put_number(void *at, int64_t index, unsigned type, double value)
{
    if (type == CARD_UINT8)
        ((uint8_t *)at)[index] = (uint8_t)(fmin(fmax(value, 0), 255) + 0.5);
    else if (type == CARD_FLOAT16)
        ((uint16_t *)at)[index] = half_of((float)value);
    else
        ((float *)at)[index] = (float)value;
}

static void put_row(const struct fitting *f, int64_t y, void *at)
{
    const struct card_input *input = f->input;
    for (int channel = 0; channel < input->channels; channel++) {
        const double *plane = f->row + (f->planes == 1 ? 0 : channel) * input->width;
        for (int64_t x = 0; x < input->width; x++) {
            double value = input->low + plane[x] * (input->high - input->low);
            int64_t index = input->layout == LAYOUT_NHWC ? (y * input->width + x) * input->channels + channel
                                                         : (channel * input->height + y) * input->width + x;
            put_number(at, index, input->type, (value - input->mean[channel]) / input->deviation[channel]);
        }
    }
}

struct tally {
    double sum, squares;
    int64_t bins[PREPARED_BINS], count;
};

static void count_row(const struct fitting *f, struct tally *tally)
{
    int64_t values = f->input->width * f->planes;
    for (int64_t i = 0; i < values; i++) {
        double value = f->row[i];
        int bin = (int)(value * PREPARED_BINS);
        tally->sum += value;
        tally->squares += value * value;
        tally->bins[bin < 0 ? 0 : bin >= PREPARED_BINS ? PREPARED_BINS - 1 : bin]++;
    }
    tally->count += values;
}

static void tally_end(const struct tally *tally, struct prepared *out)
{
    double count = (double)tally->count;
    out->mean = tally->sum / count;
    out->deviation = sqrt(fmax(tally->squares / count - out->mean * out->mean, 0));
    for (int i = 0; i < PREPARED_BINS; i++)
        out->histogram[i] = (double)tally->bins[i] / count;
}

/* ---- the whole ---- */

static void digest(struct call *c, const struct film *film, char out[SHA256_TEXT + 1])
{
    char md5[MD5_TEXT + 1];
    struct digests *digests = digests_new_sha256();
    struct str head =
        arena_format(&c->arena, "%" PRId64 " %" PRId64 " %d\n", film->width, film->height, film->channels);
    digests_update(digests, head.at, head.len);
    digests_update(digests, film->at, (ptrdiff_t)(film->width * film->height * film->channels));
    digests_finish(digests, md5, out);
    digests_free(digests);
}

static void *open_tensor(struct call *c, const struct card_input *input, struct tensor *out)
{
    static const enum tensor_type types[] = {
        [CARD_FLOAT32] = TENSOR_FP32, [CARD_FLOAT16] = TENSOR_FP16, [CARD_UINT8] = TENSOR_UINT8
    };
    int64_t h = input->height, w = input->width, channels = input->channels;
    out->info = (struct tensor_info){ input->name, types[input->type], { 4, { 1, channels, h, w } } };
    if (input->layout == LAYOUT_NHWC)
        out->info.shape = (struct tensor_shape){ 4, { 1, h, w, channels } };
    int64_t bytes = tensor_bytes(&out->info);
    void *at = hold_more(&c->hold, bytes, &c->error) ? arena_alloc(&c->arena, (ptrdiff_t)bytes) : NULL;
    out->bytes = (struct str){ at, (ptrdiff_t)bytes };
    return at;
}

bool prepare(struct call *c, const struct film *film, const struct card_input *input, struct prepared *out)
{
    struct fitting f = { .film = film, .input = input };
    struct tally tally = { 0 };
    if (!placement_of(film, input, &out->placement, &c->error) || !sides_of(film, input, &f.across, &f.down, &c->error))
        return false;
    void *at = open_tensor(c, input, &out->tensor);
    if (!at)
        return false;
    f.planes = film->channels == 3 && input->channels == 3 ? 3 : 1;
    taps_make(&c->arena, &f.across, input->resample, &f.by_column);
    taps_make(&c->arena, &f.down, input->resample, &f.by_row);
    f.down_row = arena_array(&c->arena, double, film->width * film->channels);
    f.line = film->channels == 1 ? f.down_row : arena_array(&c->arena, double, film->width *f.planes);
    f.row = arena_array(&c->arena, double, input->width *f.planes);
    for (int64_t y = 0; y < input->height; y++) {
        make_row(&f, y);
        put_row(&f, y, at);
        count_row(&f, &tally);
    }
    tally_end(&tally, out);
    digest(c, film, out->pixels_sha256);
    return true;
}
