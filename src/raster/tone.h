/* tone.h - from the stored value of a grey pixel to a brightness between 0 (black) and 1 (white). Private to raster/.
 *
 *     struct tone tone;
 *     if (!tone_open(&tone, samples, &layout, presentation, &error)) ...
 *     double brightness = tone_of(&tone, stored);
 *
 *   stored -> meaning_of -> window_apply or lut -> flip (MONOCHROME1, inversion) -> brightness
 *
 * Padding and not-a-number are black whatever is flipped.
 */
#ifndef ROENTGEN_RASTER_TONE_H
#define ROENTGEN_RASTER_TONE_H

#include "raster/layout.h"

struct tone {
    const struct presentation *presentation;
    enum voi_function voi; /* never VOI_NONE nor VOI_AS_IS: these become a VOI_LINEAR_EXACT window */
    double center, width;
    bool flip;
};

/* E_INVALID for a window without width, a lookup table that is none. With VOI_NONE looks at all samples. */
bool tone_open(struct tone *tone, const struct samples *samples, const struct sample_layout *layout,
               const struct presentation *presentation, struct error *error);
double tone_of(const struct tone *tone, double stored);
/* tone_of for all 2^bits values, times `white`, rounded; index: sample_bits. */
void tone_table(const struct tone *tone, const struct sample_layout *layout, int white, uint16_t *out);
/* Brightness is stored * factor + offset, cut to 0..1 (padding apart), where that is all there is to it: most
 * pictures. */
bool tone_line(const struct tone *tone, double *factor, double *offset);
/* tone_table's 0 to 255 of such a line, for `count` values from `stored` on. */
void tone_line_shades(double factor, double offset, int32_t stored, int32_t count, uint8_t *out);

/* window.c: 0 to 1 (PS3.3 C.11.2.1.2, C.11.2.1.3). */
double window_apply(enum voi_function function, double center, double width, double value);
bool window_check(enum voi_function function, double center, double width, struct error *error);

/* lut.c */
bool lut_check(const struct lut *lut, const char *name, struct error *error);
uint16_t lut_entry(const struct lut *lut, double value); /* the last or first entry for values outside */
double lut_brightness(const struct lut *lut, double value);

/* tone.c */
double meaning_of(const struct presentation *presentation, double stored); /* NaN: nothing */
bool is_padding(const struct presentation *presentation, double stored);
/* Least and greatest of what the samples stand for; false: nothing but padding, or all stand for nothing. */
bool value_range(const struct samples *samples, const struct sample_layout *layout,
                 const struct presentation *presentation, double *low, double *high);

#endif
