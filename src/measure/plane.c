/* plane.c - points turned to the patient's sides. */
#include "measure/plane.h"

struct measure_point plane_lateral(const struct measure_input *in, int64_t index)
{
    struct measure_point p = measure_scaled(in, index);
    return (struct measure_point){ in->facing == SIDE_RIGHT ? p.x : -p.x, p.y };
}

struct measure_point plane_frontal(const struct measure_input *in, int64_t index)
{
    struct measure_point p = measure_scaled(in, index);
    return (struct measure_point){ in->patient_left == SIDE_RIGHT ? -p.x : p.x, p.y };
}

struct measure_point plane_outward(const struct measure_input *in, int64_t index)
{
    struct measure_point p = plane_frontal(in, index);
    return (struct measure_point){ in->laterality == SIDE_RIGHT ? p.x : -p.x, p.y };
}

struct measure_point plane_between(struct measure_point a, struct measure_point b)
{
    return (struct measure_point){ (a.x + b.x) / 2, (a.y + b.y) / 2 };
}

struct measure_point plane_from_to(struct measure_point a, struct measure_point b)
{
    return (struct measure_point){ b.x - a.x, b.y - a.y };
}

bool plane_differ(struct measure_point a, struct measure_point b, struct error *error)
{
    return measure_distance(a, b) > 0 || error_set(error, E_INVALID, "two points of one line coincide");
}

bool plane_left_is_left(const struct measure_input *in, int64_t left, int64_t right, struct error *error)
{
    return plane_frontal(in, left).x < plane_frontal(in, right).x ||
           error_set(error, E_INVALID,
                     "the patient's left point must lie nearer to the image's %s side than the right one",
                     measure_sides[in->patient_left - 1]);
}

bool plane_outer_is_outer(const struct measure_input *in, int64_t outer, int64_t inner, struct error *error)
{
    return plane_outward(in, outer).x > plane_outward(in, inner).x ||
           error_set(error, E_INVALID,
                     "on the patient's %s side, with the patient's left at the image's %s, point %d must lie nearer to "
                     "the image's %s side than point %d",
                     measure_sides[in->laterality - 1], measure_sides[in->patient_left - 1], (int)outer + 1,
                     measure_sides[in->laterality == SIDE_LEFT ? in->patient_left - 1 : 2 - in->patient_left],
                     (int)inner + 1);
}
