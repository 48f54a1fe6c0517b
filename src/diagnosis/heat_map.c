/* heat_map.c - a grid stretched over the frame, coloured, laid on a picture of it. */
#include "diagnosis/heat_map.h"

#include <math.h>

double heat_map_value(const struct grid *grid, const struct placement *placement, double x, double y)
{
    double across, down;
    placement_to_input(placement, x, y, &across, &down);
    const double slack = 1e-6; /* what a product of sizes rounds */
    if (!(across >= -slack && across <= (double)placement->input_width + slack && down >= -slack &&
          down <= (double)placement->input_height + slack))
        return 0;
    double column = across / (double)placement->input_width * (double)grid->width - 0.5;
    double row = down / (double)placement->input_height * (double)grid->height - 0.5;
    column = fmin(fmax(column, 0), (double)(grid->width - 1)); /* beyond the outermost centres: as there */
    row = fmin(fmax(row, 0), (double)(grid->height - 1));
    int64_t left = (int64_t)column, top = (int64_t)row;
    int64_t right = left + (left + 1 < grid->width), bottom = top + (top + 1 < grid->height);
    double x_share = column - (double)left, y_share = row - (double)top;
    const float *upper = grid->at + top * grid->width, *lower = grid->at + bottom * grid->width;
    double above = (double)upper[left] * (1 - x_share) + (double)upper[right] * x_share;
    double below = (double)lower[left] * (1 - x_share) + (double)lower[right] * x_share;
    return above * (1 - y_share) + below * y_share;
}

/* The value under the middle of a pixel of the canvas. */
static double value_under(const struct heat_map *map, const struct grid *grid, const struct canvas *canvas, int64_t x,
                          int64_t y)
{
    return heat_map_value(grid, map->placement,
                          ((double)x + 0.5) * (double)map->placement->frame_width / (double)canvas->width,
                          ((double)y + 0.5) * (double)map->placement->frame_height / (double)canvas->height);
}

static void paint(const struct heat_map *map, double value, uint8_t *pixel)
{
    uint8_t colour[3];
    value = fmin(fmax(value, 0), 1);
    double share = map->blended ? fmin(fmax(map->opacity, 0), 1) * value : 1;
    heat_colour(map->colours, value, colour);
    for (int i = 0; i < 3; i++)
        pixel[i] = (uint8_t)(pixel[i] * (1 - share) + colour[i] * share + 0.5);
}

/* ---- the outline ---- */

static const double outline_at = 0.5;
static const uint8_t outline_colour[3] = { 64, 224, 208 };
enum { OUTLINE_PIXELS = 700 }; /* the line is one pixel wide for each so many of the canvas' shorter side */

static bool is_inside(const struct heat_map *map, const struct canvas *canvas, int64_t x, int64_t y)
{
    return value_under(map, map->outline, canvas, x, y) >= outline_at;
}

/* Does the border run between this place, which is inside, and one so far from it? The canvas' edge is no border. */
static bool is_at_border(const uint8_t *inside, const struct canvas *canvas, int64_t x, int64_t y, int64_t reach)
{
    for (int i = 0; i < 9; i++) {
        int64_t to_x = x + (i % 3 - 1) * reach, to_y = y + (i / 3 - 1) * reach;
        if (to_x >= 0 && to_x < canvas->width && to_y >= 0 && to_y < canvas->height &&
            !inside[to_y * canvas->width + to_x])
            return true;
    }
    return false;
}

static void draw_outline(const struct heat_map *map, struct canvas *canvas)
{
    int64_t pixels = canvas->width * canvas->height;
    int64_t shorter = canvas->width < canvas->height ? canvas->width : canvas->height;
    int64_t reach = 1 + shorter / OUTLINE_PIXELS;
    uint8_t *inside = malloc((size_t)pixels);
    if (!inside)
        abort();
    for (int64_t i = 0; i < pixels; i++)
        inside[i] = is_inside(map, canvas, i % canvas->width, i / canvas->width);
    for (int64_t i = 0; i < pixels; i++)
        if (inside[i] && is_at_border(inside, canvas, i % canvas->width, i / canvas->width, reach))
            memcpy(canvas->at + 3 * i, outline_colour, sizeof(outline_colour));
    free(inside);
}

void heat_map_draw(const struct heat_map *map, struct canvas *canvas)
{
    for (int64_t y = 0; map->grid && y < canvas->height; y++)
        for (int64_t x = 0; x < canvas->width; x++)
            paint(map, value_under(map, map->grid, canvas, x, y), canvas->at + 3 * (y * canvas->width + x));
    if (map->outline)
        draw_outline(map, canvas);
}

/* ---- canvas ---- */

bool canvas_of_film(struct call *c, const struct film *film, struct canvas *out)
{
    int64_t pixels = film->width * film->height;
    if (!hold_more(&c->hold, pixels * 3, &c->error))
        return false;
    uint8_t *at = arena_try_alloc(&c->arena, pixels * 3);
    if (!at)
        return fail(c, E_UNAVAILABLE, "there is no memory for a picture of this size");
    for (int64_t i = 0; i < pixels; i++)
        for (int channel = 0; channel < 3; channel++)
            at[3 * i + channel] = film->at[i * film->channels + (film->channels == 3 ? channel : 0)];
    *out = (struct canvas){ film->width, film->height, at };
    return true;
}

enum { PNG_BESIDE_MAX = 1 << 20 }; /* what a PNG has beside its pixels: heads, ends of rows, what deflate adds */

bool heat_map_png(struct call *c, const struct canvas *canvas, struct str *png)
{
    struct text text;
    text_init(&text, canvas->width * canvas->height * 4 + PNG_BESIDE_MAX);
    bool ok = render_png(canvas->at, canvas->width, canvas->height, 3, &text, &c->error) &&
              hold_more(&c->hold, text.len, &c->error);
    if (ok)
        *png = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return ok;
}
