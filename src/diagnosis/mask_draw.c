/* mask_draw.c - masks over a picture of their frame, or alone. */
#include "diagnosis/mask.h"

#include "base/value.h"

#include <string.h>

/* Colours that people who see fewer of them tell apart, too (M. Okabe, K. Ito: Color Universal Design, 2008); the
 * brighter ones first, for films are dark. */
static const int64_t palette[] = { 0x56B4E9, 0xE69F00, 0x009E73, 0xF0E442, 0xCC79A7, 0xD55E00, 0x0072B2 };
enum { PALETTE = sizeof(palette) / sizeof(palette[0]) };
enum { OUTLINE_PIXELS = 700 }; /* the line is one pixel wide for each so many of the canvas' shorter side */

static bool has(const struct mask *mask, struct str bits, const struct canvas *canvas, int64_t x, int64_t y)
{
    int64_t column = (2 * x + 1) * mask->width / (2 * canvas->width);
    int64_t row = (2 * y + 1) * mask->height / (2 * canvas->height);
    return mask_has(bits, row * mask->width + column);
}

/* Is a place that far from this one, which is inside, outside of it? The canvas' edge is no border. */
static bool is_at_border(const struct mask *mask, struct str bits, const struct canvas *canvas, int64_t x, int64_t y)
{
    int64_t shorter = canvas->width < canvas->height ? canvas->width : canvas->height;
    int64_t reach = 1 + shorter / OUTLINE_PIXELS;
    for (int i = 0; i < 9; i++) {
        int64_t to_x = x + (i % 3 - 1) * reach, to_y = y + (i / 3 - 1) * reach;
        if (to_x >= 0 && to_x < canvas->width && to_y >= 0 && to_y < canvas->height &&
            !has(mask, bits, canvas, to_x, to_y))
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

static void draw(const struct mask *mask, struct str bits, const struct mask_style *style, int64_t colour,
                 struct canvas *canvas)
{
    double share = style->blended ? style->opacity : 1;
    for (int64_t y = 0; y < canvas->height; y++)
        for (int64_t x = 0; x < canvas->width; x++)
            if (has(mask, bits, canvas, x, y) && (!style->outline || is_at_border(mask, bits, canvas, x, y)))
                paint(canvas->at + 3 * (y * canvas->width + x), colour, share);
}

bool masks_draw(struct call *c, const struct list *masks, const struct mask_style *style, struct canvas *canvas)
{
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
        draw(mask, bits, style, style->colour == INTEGER_NULL ? own : style->colour, canvas);
    }
    return true;
}
