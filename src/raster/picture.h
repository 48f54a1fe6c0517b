/* picture.h - a picture being made: rows drawn from samples, at the size wanted, encoded. Private to raster/.
 *
 *     bool ok = rows_open(&rows, samples, presentation, false, &error) &&
 *               picture_draw(&picture, &rows, width, height, 8, &error) && encode_jpeg(&picture, 90, &out, &error);
 *     rows_release(&rows);           // both take what was zeroed and never opened
 *     picture_release(&picture);
 *
 *   samples --rows (drawn when asked for)--> picture (all of them, resampled if need be) --encode--> bytes
 *
 * Grey or RGB; 8 bits a channel, or 16 in the machine's byte order. Rows refer to the samples and the presentation,
 * which outlive them; a picture has memory of its own and refers to nothing. What fails leaves both to be released.
 */
#ifndef ROENTGEN_RASTER_PICTURE_H
#define ROENTGEN_RASTER_PICTURE_H

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
    const struct presentation *presentation;
    const struct colour_profile *profile;                                           /* NULL: none */
    void (*draw_colours)(const struct picture_rows *rows, int64_t y, uint8_t *out); /* as the file has them */
    struct tone tone;
    struct ramp ramp;
    void *table;      /* grey: brightness of each stored value, as wide as what is drawn */
    uint8_t *palette; /* RGB of each stored value */
};
/* `deep`: draw16 will be called, else draw8. E_INVALID for samples that cannot be shown so. */
bool rows_open(struct picture_rows *rows, const struct samples *samples, const struct presentation *presentation,
               bool deep, struct error *error);
void rows_release(struct picture_rows *rows);
/* colour.c: chooses draw8 and makes its tables. */
bool rows_open_colour(struct picture_rows *rows, struct error *error);

struct picture {
    int64_t width, height;
    int channels, bits; /* 1 or 3; 8 or 16 */
    ptrdiff_t stride;   /* bytes from row to row */
    unsigned char *at;
};
/* Resamples unless it has that size already. E_TOO_LARGE when there is no memory for it. */
bool picture_draw(struct picture *picture, const struct picture_rows *rows, int64_t width, int64_t height, int bits,
                  struct error *error);
void picture_release(struct picture *picture);
/* scale.c */
bool picture_resample(struct picture *picture, const struct picture_rows *rows, struct error *error);

bool encode_jpeg(const struct picture *picture, int quality, struct text *out, struct error *error);
bool encode_png(const struct picture *picture, struct text *out, struct error *error);
bool encode_webp(const struct picture *picture, int quality, struct text *out, struct error *error);

#endif
