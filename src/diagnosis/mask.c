/* mask.c - from the cells of a model's answer to the pixels of the frame. */
#include "diagnosis/mask.h"

#include "base/crypto.h"

#include <math.h>
#include <zlib.h>

enum { DEFLATE_LEVEL = 6 };

static const double slack = 1e-6; /* what a product of sizes rounds */

/* One side of frame, input and grid. */
struct side {
    double scale, before; /* as the placement has them */
    int64_t input, cells;
};

/* In cells; `at` in pixels of the frame. */
static double cell_at(const struct side *side, double at)
{
    return (at * side->scale + side->before) / (double)side->input * (double)side->cells;
}

/* Of which cells of a line a pixel is made: of two, between whose middles its own lies; where cells are smaller than
 * pixels, of all whose middles lie in it, so that none is lost. */
struct reach {
    int64_t first, last; /* first < 0: none */
    double share;        /* of the last of two; NaN: the highest counts */
};

static struct reach reach_of(const struct side *side, int64_t pixel)
{
    double cells = side->scale / (double)side->input * (double)side->cells;
    if (cells > 1 + slack) {
        double first = fmax(ceil(cell_at(side, (double)pixel) - 0.5), 0);
        double end = fmin(ceil(cell_at(side, (double)(pixel + 1)) - 0.5), (double)side->cells);
        return first < end ? (struct reach){ (int64_t)first, (int64_t)end - 1, NAN } : (struct reach){ -1, -1, 0 };
    }
    double at = ((double)pixel + 0.5) * side->scale + side->before;
    if (!(at >= -slack && at <= (double)side->input + slack))
        return (struct reach){ -1, -1, 0 };
    double cell = cell_at(side, (double)pixel + 0.5) - 0.5;
    cell = fmin(fmax(cell, 0), (double)(side->cells - 1)); /* beyond the outermost centres: as there */
    int64_t first = (int64_t)cell;
    return (struct reach){ first, first + (first + 1 < side->cells), cell - (double)first };
}

/* Of two that are equal it is just that. */
static double mixed(double first, double second, double share)
{
    return first + (second - first) * share;
}

struct making {
    const struct grid *grid;
    struct side wide, high;
    double threshold;
    struct reach *across; /* of each column of the frame */
    double *line;         /* of each column of the grid: what its rows make there */
    unsigned char *bits;
    int64_t left, top, right, bottom; /* of those within, inclusive */
    double sum;
};

static void note(struct making *m, struct mask *out, int64_t x, int64_t y, double value)
{
    int64_t pixel = y * out->width + x;
    m->bits[pixel / 8] = (unsigned char)(m->bits[pixel / 8] | 1u << (pixel % 8));
    m->left = out->pixels && m->left < x ? m->left : x;
    m->right = out->pixels && m->right > x ? m->right : x;
    m->top = out->pixels ? m->top : y;
    m->bottom = y;
    m->sum += value;
    out->pixels++;
}

static double value_of(const double *line, const struct reach *reach)
{
    if (!isnan(reach->share))
        return mixed(line[reach->first], line[reach->last], reach->share);
    double most = line[reach->first];
    for (int64_t i = reach->first + 1; i <= reach->last; i++)
        most = fmax(most, line[i]);
    return most;
}

static void make_line(struct making *m, const struct reach *down)
{
    const float *first = m->grid->at + down->first * m->grid->width;
    const float *last = m->grid->at + down->last * m->grid->width;
    for (int64_t x = 0; x < m->grid->width; x++)
        m->line[x] = isnan(down->share) ? (double)first[x] : mixed((double)first[x], (double)last[x], down->share);
    for (int64_t y = down->first + 1; isnan(down->share) && y <= down->last; y++)
        for (int64_t x = 0; x < m->grid->width; x++)
            m->line[x] = fmax(m->line[x], (double)m->grid->at[y * m->grid->width + x]);
}

static void make_row(struct making *m, struct mask *out, int64_t y)
{
    struct reach down = reach_of(&m->high, y);
    if (down.first < 0)
        return;
    make_line(m, &down);
    for (int64_t x = 0; x < out->width; x++) {
        if (m->across[x].first < 0)
            continue;
        double value = value_of(m->line, &m->across[x]);
        if (value >= m->threshold)
            note(m, out, x, y, value);
    }
}

/* The cells that lie on the frame, if only by a part. */
static void lying_on(const struct side *side, int64_t pixels, int64_t *first, int64_t *end)
{
    *first = (int64_t)fmax(floor(cell_at(side, 0) + slack), 0);
    *end = (int64_t)fmin(ceil(cell_at(side, (double)pixels) - slack), (double)side->cells);
}

static double highest(const struct making *m, const struct mask *mask)
{
    int64_t left, right, top, bottom;
    double most = 0;
    lying_on(&m->wide, mask->width, &left, &right);
    lying_on(&m->high, mask->height, &top, &bottom);
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = left; x < right; x++)
            most = fmax(most, (double)m->grid->at[y * m->grid->width + x]);
    return most;
}

static bool pack(struct call *c, const unsigned char *bits, int64_t bytes, struct mask *out)
{
    uLongf len = compressBound((uLong)bytes);
    unsigned char *room = malloc(len);
    bool ok = room && compress2(room, &len, bits, (uLong)bytes, DEFLATE_LEVEL) == Z_OK;
    if (!ok)
        fail(c, E_UNAVAILABLE, "there is no memory for a mask of this size");
    else if (len > MASK_BYTES_MAX)
        ok = fail(c, E_INVALID, "the model gave a mask that is too ragged to be kept");
    else if ((ok = hold_more(&c->hold, (int64_t)len * 7 / 3, &c->error))) {
        out->packed = arena_copy(&c->arena, (struct str){ (const char *)room, (ptrdiff_t)len });
        out->kept = crypto_base64(out->packed, &c->arena);
    }
    free(room);
    return ok;
}

static bool make(struct call *c, struct making *m, struct mask *out)
{
    out->most = highest(m, out);
    for (int64_t x = 0; x < out->width; x++)
        m->across[x] = reach_of(&m->wide, x);
    for (int64_t y = 0; y < out->height; y++)
        make_row(m, out, y);
    if (out->pixels) {
        out->mean = m->sum / (double)out->pixels;
        out->box = (struct finding_box){ (double)m->left, (double)m->top, (double)(m->right - m->left + 1),
                                         (double)(m->bottom - m->top + 1) };
    }
    return pack(c, m->bits, (out->width * out->height + 7) / 8, out);
}

bool mask_of_grid(struct call *c, const struct grid *grid, const struct placement *placement, double threshold,
                  struct mask *out)
{
    int64_t width = placement->frame_width, height = placement->frame_height;
    *out = (struct mask){ .width = width, .height = height, .box = { NAN, NAN, NAN, NAN }, .mean = NAN };
    struct making m = { .grid = grid, .threshold = threshold };
    m.wide = (struct side){ placement->scale_x, placement->left, placement->input_width, grid->width };
    m.high = (struct side){ placement->scale_y, placement->top, placement->input_height, grid->height };
    m.across = malloc((size_t)width * sizeof(*m.across));
    m.line = malloc((size_t)grid->width * sizeof(*m.line));
    m.bits = calloc((size_t)(width * height + 7) / 8, 1);
    bool ok = m.across && m.line && m.bits ? make(c, &m, out)
                                           : fail(c, E_UNAVAILABLE, "there is no memory for a mask of this size");
    free(m.across);
    free(m.line);
    free(m.bits);
    return ok;
}

bool mask_bits(struct call *c, const struct mask *mask, struct str *bits)
{
    int64_t pixels, bytes;
    if (mask->width < 1 || mask->height < 1 || __builtin_mul_overflow(mask->width, mask->height, &pixels))
        return fail(c, E_INTERNAL, "what is kept of a mask cannot be read");
    bytes = pixels / 8 + (pixels % 8 != 0);
    bool has_room = bits->at && bits->len == bytes;
    if (!has_room && !hold_more(&c->hold, bytes, &c->error))
        return false;
    unsigned char *at = has_room ? (unsigned char *)bits->at : arena_try_alloc(&c->arena, (ptrdiff_t)bytes);
    if (!at)
        return fail(c, E_UNAVAILABLE, "there is no memory for a mask of this size");
    uLongf len = (uLongf)bytes;
    if (uncompress(at, &len, (const Bytef *)mask->packed.at, (uLong)mask->packed.len) != Z_OK || (int64_t)len != bytes)
        return fail(c, E_INTERNAL, "what is kept of a mask cannot be read");
    *bits = (struct str){ (const char *)at, (ptrdiff_t)bytes };
    return true;
}
