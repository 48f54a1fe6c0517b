/* heat_map.h - where a network found its evidence, drawn on the picture or alone.
 *
 *     struct heat_map map = { .grid = &evidence, .placement = &ready.placement, .colours = COLOURS_INFERNO,
 *                             .opacity = 0.4, .blended = true, .outline = &lungs };
 *     heat_map_draw(&map, &canvas);                        // RGB, changed in place
 *     heat_map_png(c, &canvas, &png)
 *
 *   grid (28 x 28, 0 to 1, over the whole input) --placement, bilinear between centres of cells--> frame
 *         --stretched to the canvas--> colour --blended by `opacity`--> canvas
 *
 * It says where the network found evidence; it finds no lesions, and no answer calls it so. What of the frame the input
 * did not hold (FIT_CROP) is 0. Blended, each pixel is (1 - a) picture + a colour with a = opacity x value: where there
 * is no evidence the picture stays as it is. Alone, the canvas is the colours themselves.
 *
 * `outline`: the border of another grid at 0.5, drawn as a line.
 *
 * Pure functions over pixels; the canvas is the caller's, of any size: the frame's shape.
 */
#ifndef ROENTGEN_HEAT_MAP_H
#define ROENTGEN_HEAT_MAP_H

#include "diagnosis/answer.h"

enum heat_colours { COLOURS_INFERNO = 1, COLOURS_VIRIDIS, COLOURS_GREY };
extern const char *const heat_colour_names[]; /* "inferno", "viridis", "grey"; ends with NULL */

struct canvas {
    int64_t width, height;
    uint8_t *at; /* R, G, B; rows without gaps */
};

struct heat_map {
    const struct grid *grid; /* NULL: only the outline */
    const struct placement *placement;
    enum heat_colours colours;
    double opacity;             /* 0 to 1 */
    bool blended;               /* false: alone */
    const struct grid *outline; /* NULL: none */
};
void heat_map_draw(const struct heat_map *map, struct canvas *canvas);
/* The grid's value at a place of the frame, in pixels of it. */
double heat_map_value(const struct grid *grid, const struct placement *placement, double x, double y);
void heat_colour(enum heat_colours colours, double value, uint8_t rgb[3]);

/* A canvas of a film, greys as R = G = B; film_of_query gives one of any size. */
bool canvas_of_film(struct call *c, const struct film *film, struct canvas *out);
bool heat_map_png(struct call *c, const struct canvas *canvas, struct str *png);

#endif
