/* mask_draw.c - masks over a picture of their frame, or alone. */
#include "diagnosis/mask.h"

#include "base/value.h"

#include <string.h>

/* Colours that people who see fewer of them tell apart, too (M. Okabe, K. Ito: Color Universal Design, 2008); the
 * brighter ones first, for films are dark. */
static const int64_t palette[] = { 0x56B4E9, 0xE69F00, 0x009E73, 0xF0E442, 0xCC79A7, 0xD55E00, 0x0072B2 };
enum { PALETTE = sizeof(palette) / sizeof(palette[0]) };
enum { OUTLINE_PIXELS = 700 }; /* the line is one pixel wide for each so many of the canvas' shorter side */

/* A mask on the canvas. `inside` is 1 or 0 for each pixel of that; the box is around those of 1. */
struct drawing {
    struct canvas *canvas;
    int64_t *column; /* of the mask, under the middle of each of the canvas */
    uint8_t *inside;
    int64_t left, right, top, bottom; /* the last ones are beyond */
};

static int64_t under_middle(int64_t at, int64_t size, int64_t canvas_size)
{
    return (2 * at + 1) * size / (2 * canvas_size);
}

/* Most labels are in few rows: those without a bit are passed over by bytes. */
static bool has_any(struct str bits, int64_t from, int64_t count)
{
    for (int64_t i = from / 8; i <= (from + count - 1) / 8; i++)
        if (bits.at[i])
            return true;
    return false;
}

static void unpack_row(struct drawing *d, struct str bits, int64_t from, int64_t y)
{
    uint8_t *inside = d->inside + y * d->canvas->width;
    for (int64_t x = 0; x < d->canvas->width; x++) {
        inside[x] = mask_has(bits, from + d->column[x]);
        if (!inside[x])
            continue;
        d->left = x < d->left ? x : d->left;
        d->right = x < d->right ? d->right : x + 1;
        d->top = y < d->top ? y : d->top;
        d->bottom = y + 1;
    }
}

static void unpack(struct drawing *d, const struct mask *mask, struct str bits)
{
    const struct canvas *canvas = d->canvas;
    d->left = canvas->width;
    d->top = canvas->height;
    d->right = d->bottom = 0;
    for (int64_t x = 0; x < canvas->width; x++)
        d->column[x] = under_middle(x, mask->width, canvas->width);
    for (int64_t y = 0; y < canvas->height; y++) {
        int64_t from = under_middle(y, mask->height, canvas->height) * mask->width;
        if (has_any(bits, from, mask->width))
            unpack_row(d, bits, from, y);
        else
            memset(d->inside + y * canvas->width, 0, (size_t)canvas->width);
    }
}

/* Is a place that far from this one, which is inside, outside of it? The canvas' edge is no border. */
static bool is_at_border(const struct drawing *d, int64_t x, int64_t y, int64_t reach)
{
    for (int i = 0; i < 9; i++) {
        int64_t to_x = x + (i % 3 - 1) * reach, to_y = y + (i / 3 - 1) * reach;
        if (to_x >= 0 && to_x < d->canvas->width && to_y >= 0 && to_y < d->canvas->height &&
            !d->inside[to_y * d->canvas->width + to_x])
            return true;
    }
    return false;
}

static void paint(uint8_t *pixel, int64_t colour, double share)
{
    for (int i = 0; i < 3; i++) {
        double wanted = (double)(colour >> (16 - 8 * i) & 0xFF);
        pixel[i] = (uint8_t)(pixel[i] * (1 - share) + wanted * share + 0.5);
    }
}

static void draw(const struct drawing *d, const struct mask_style *style, int64_t colour)
{
    int64_t width = d->canvas->width;
    int64_t shorter = width < d->canvas->height ? width : d->canvas->height;
    int64_t reach = 1 + shorter / OUTLINE_PIXELS;
    double share = style->blended ? style->opacity : 1;
    for (int64_t y = d->top; y < d->bottom; y++)
        for (int64_t x = d->left; x < d->right; x++)
            if (d->inside[y * width + x] && (!style->outline || is_at_border(d, x, y, reach)))
                paint(d->canvas->at + 3 * (y * width + x), colour, share);
}

static bool begin(struct call *c, struct canvas *canvas, struct drawing *d)
{
    int64_t pixels = canvas->width * canvas->height;
    if (!hold_more(&c->hold, pixels, &c->error))
        return false;
    *d = (struct drawing){ .canvas = canvas,
                           .column = arena_array(&c->arena, int64_t, canvas->width),
                           .inside = arena_try_alloc(&c->arena, pixels) };
    return d->inside || fail(c, E_UNAVAILABLE, "there is no memory for a picture of this size");
}

bool masks_draw(struct call *c, const struct list *masks, const struct mask_style *style, struct canvas *canvas)
{
    struct drawing d;
    if (!begin(c, canvas, &d))
        return false;
    if (!style->blended)
        memset(canvas->at, 0, (size_t)(canvas->width * canvas->height * 3));
    struct str bits = STR_NULL;
    for (ptrdiff_t i = 0; i < masks->count; i++) {
        const struct mask *mask = (const struct mask *)masks->items + i;
        int64_t own = palette[mask->place % PALETTE];
        if (!mask->pixels)
            continue;
        if (!mask_bits(c, mask, &bits))
            return false;
        unpack(&d, mask, bits);
        draw(&d, style, style->colour == INTEGER_NULL ? own : style->colour);
    }
    return true;
}
