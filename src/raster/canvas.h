/* canvas.h - a picture being made: rows drawn from samples, resampled, encoded. Private to raster/.
 *
 *     rows_open(&rows, samples, rendering, 8, &error)       picture_rows: draws any row of the picture on demand
 *     canvas_draw(&canvas, &rows, width, height, &error)    canvas: all rows, at the wanted size
 *     encode_jpeg(&canvas, 90, out, &error)
 *     canvas_release(&canvas); rows_release(&rows)
 *
 * Grey or RGB; 8 bits a channel, or 16 in the machine's byte order.
 */
#ifndef ROENTGEN_RASTER_CANVAS_H
#define ROENTGEN_RASTER_CANVAS_H

#include "raster/ramp.h"

struct picture_rows {
    int64_t width, height;
    int channels; /* 1 or 3 */
    /* Row `y`, from 0: width * channels values, 0 to 255 or 0 to 65535. */
    void (*draw8)(const struct picture_rows *rows, int64_t y, uint8_t *out);
    void (*draw16)(const struct picture_rows *rows, int64_t y, uint16_t *out);
    /* What they draw from. */
    const void *at;
    struct sample_layout layout;
    const struct rendering *rendering;
    struct tone tone;
    struct ramp ramp;
    void *table;      /* grey: brightness of each stored value, as wide as what is drawn */
    uint8_t *palette; /* RGB of each stored value */
};
bool rows_open(struct picture_rows *rows, const struct samples *samples, const struct rendering *rendering, bool deep,
               struct error *error);
void rows_release(struct picture_rows *rows);
/* colour.c: chooses draw8 and makes its tables. */
bool rows_open_colour(struct picture_rows *rows, struct error *error);

struct canvas {
    int64_t width, height;
    int channels, bits; /* 1 or 3; 8 or 16 */
    ptrdiff_t stride;   /* bytes from row to row */
    unsigned char *at;
};
/* Resamples unless it has that size already. E_TOO_LARGE when there is no memory for it. */
bool canvas_draw(struct canvas *canvas, const struct picture_rows *rows, int64_t width, int64_t height, int bits,
                 struct error *error);
void canvas_release(struct canvas *canvas);
/* scale.c */
bool canvas_resample(struct canvas *canvas, const struct picture_rows *rows, struct error *error);

bool encode_jpeg(const struct canvas *canvas, int quality, struct text *out, struct error *error);
bool encode_png(const struct canvas *canvas, struct text *out, struct error *error);
bool encode_webp(const struct canvas *canvas, int quality, struct text *out, struct error *error);

#endif
