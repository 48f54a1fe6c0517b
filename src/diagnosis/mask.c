/* mask.c - from the cells of a model's answer to the pixels of the frame. */
#include "diagnosis/mask.h"

#include "base/crypto.h"

#include <math.h>
#include <zlib.h>

enum { DEFLATE_LEVEL = 6 };

/* Between which two cells of a line the middle of a pixel lies, and how far. */
struct between {
    int64_t first, second; /* first < 0: outside of the input */
    double share;
};

static struct between between_cells(double at, int64_t input, int64_t cells)
{
    const double slack = 1e-6; /* what a product of sizes rounds */
    if (!(at >= -slack && at <= (double)input + slack))
        return (struct between){ -1, -1, 0 };
    double cell = at / (double)input * (double)cells - 0.5;
    cell = fmin(fmax(cell, 0), (double)(cells - 1)); /* beyond the outermost centres: as there */
    int64_t first = (int64_t)cell;
    return (struct between){ first, first + (first + 1 < cells), cell - (double)first };
}

/* Of two that are equal it is just that. */
static double mixed(double first, double second, double share)
{
    return first + (second - first) * share;
}

struct making {
    const struct grid *grid;
    const struct placement *placement;
    double threshold;
    struct between *across; /* of each column of the frame */
    double *line;           /* of each column of the grid: between two of its rows */
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

static void make_row(struct making *m, struct mask *out, int64_t y)
{
    const struct placement *p = m->placement;
    struct between down = between_cells(((double)y + 0.5) * p->scale_y + p->top, p->input_height, m->grid->height);
    if (down.first < 0)
        return;
    const float *upper = m->grid->at + down.first * m->grid->width;
    const float *lower = m->grid->at + down.second * m->grid->width;
    for (int64_t i = 0; i < m->grid->width; i++)
        m->line[i] = mixed((double)upper[i], (double)lower[i], down.share);
    for (int64_t x = 0; x < out->width; x++) {
        const struct between *across = &m->across[x];
        if (across->first < 0)
            continue;
        double value = mixed(m->line[across->first], m->line[across->second], across->share);
        out->most = fmax(out->most, value);
        if (value >= m->threshold)
            note(m, out, x, y, value);
    }
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
    const struct placement *p = m->placement;
    for (int64_t x = 0; x < out->width; x++)
        m->across[x] = between_cells(((double)x + 0.5) * p->scale_x + p->left, p->input_width, m->grid->width);
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
    struct making m = { .grid = grid, .placement = placement, .threshold = threshold };
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
