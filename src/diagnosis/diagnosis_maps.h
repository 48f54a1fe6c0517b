/* diagnosis_maps.h - the grids of a result, as they are kept: where the model found evidence, what it looked at, and
 * how the frame lay in its input. Private to diagnosis/ and for who draws them.
 *
 *     maps_put(&text, &maps);
 *     maps_read(c, json, &maps)
 */
#ifndef ROENTGEN_DIAGNOSIS_MAPS_H
#define ROENTGEN_DIAGNOSIS_MAPS_H

#include "diagnosis/answer.h"
#include "base/text.h"

struct diagnosis_maps {
    struct grid evidence, region; /* at NULL: there is none */
    struct placement placement;
};
enum { MAPS_BYTES_MAX = 1 << 20 };
/* Grids of more cells than 256 x 256 are left out. */
void maps_put(struct text *out, struct diagnosis_maps *maps, struct arena *arena);
bool maps_read(struct call *c, struct str json, struct diagnosis_maps *out);

#endif
