/* ramp.h - 16-bit grey drawn without a table: most pictures' brightness is a straight line between black and white.
 * Private to raster/.
 *
 *     struct ramp ramp;
 *     if (ramp_open(&ramp, &tone, &layout))
 *         ramp_draw(&ramp, words, out, width);        // the very values that tone_table would have given
 *
 *   stored words -> value, cut to [low, high] -> times factor, plus offset -> 0 to 255
 *
 * It is computed in single precision, many pixels at once, where the table is made in double precision: ramp_open draws
 * every value of the slope and compares, so that no pixel differs.
 */
#ifndef ROENTGEN_RASTER_RAMP_H
#define ROENTGEN_RASTER_RAMP_H

#include "raster/tone.h"

struct ramp {
    int left, right; /* what is not stored is shifted out of the word: up, then down with its sign */
    uint16_t flip;   /* unsigned values are moved by half their range, so that they have a sign too */
    int16_t low, high;
    float factor, offset;
};

/* False: this picture needs the table (a LUT, a sigmoid, padding that the window does not make black, a slope of many
 * values). */
bool ramp_open(struct ramp *ramp, const struct tone *tone, const struct sample_layout *layout);
void ramp_draw(const struct ramp *ramp, const void *words, uint8_t *out, int64_t count);

#endif
