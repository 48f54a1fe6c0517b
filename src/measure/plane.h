/* plane.h - points as the patient stands, whichever way the film hangs; private to measure/.
 *
 *     lateral film     x grows towards the patient's front       plane_lateral
 *     frontal film     x grows towards the patient's right       plane_frontal
 *     one limb or hip  x grows away from the patient's middle    plane_outward
 *
 * y grows downwards in all of them. A turn (measure_turn) is then positive from the x axis downwards: the line falls
 * towards the front, the right or the outside. So each sign is decided once, and a film that hangs the other way gives
 * the same.
 */
#ifndef ROENTGEN_MEASURE_PLANE_H
#define ROENTGEN_MEASURE_PLANE_H

#include "measure/measure.h"

struct measure_point plane_lateral(const struct measure_input *in, int64_t index);
struct measure_point plane_frontal(const struct measure_input *in, int64_t index);
struct measure_point plane_outward(const struct measure_input *in, int64_t index);

struct measure_point plane_between(struct measure_point a, struct measure_point b); /* the middle */
struct measure_point plane_from_to(struct measure_point a, struct measure_point b); /* the way from a to b */

/* E_INVALID with words where two points that make a line coincide ... */
bool plane_differ(struct measure_point a, struct measure_point b, struct error *error);
/* ... the patient's left point does not lie to the left of the right one ... */
bool plane_left_is_left(const struct measure_input *in, int64_t left, int64_t right, struct error *error);
/* ... or the one that has to lie further outward does not. */
bool plane_outer_is_outer(const struct measure_input *in, int64_t outer, int64_t inner, struct error *error);

#endif
