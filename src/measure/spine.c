/* spine.c - measurements of spine films. The names and signs are those of the Scoliosis Research Society's terminology
 * and of the Spinal Deformity Study Group's manual (O'Brien, Kuklo, Blanke, Lenke: Radiographic Measurement Manual,
 * 2008), except that lordosis is positive where it is lordotic; each row of catalogue.c says its own.
 *
 * Lateral films are turned so that x grows towards the patient's front, frontal ones so that x grows towards the
 * patient's right; y grows downwards. A slope is then the turn from the x axis, positive where the far end is lower. */
#include "measure/compute.h"

#include <math.h>

/* The point with x towards the patient's front. */
static struct measure_point lateral(const struct measure_input *in, int64_t index)
{
    struct measure_point p = measure_scaled(in, index);
    return (struct measure_point){ in->facing == SIDE_RIGHT ? p.x : -p.x, p.y };
}

/* The point with x towards the patient's right. */
static struct measure_point frontal(const struct measure_input *in, int64_t index)
{
    struct measure_point p = measure_scaled(in, index);
    return (struct measure_point){ in->patient_left == SIDE_RIGHT ? -p.x : p.x, p.y };
}

static struct measure_point between(struct measure_point a, struct measure_point b)
{
    return (struct measure_point){ (a.x + b.x) / 2, (a.y + b.y) / 2 };
}

static struct measure_point from_to(struct measure_point a, struct measure_point b)
{
    return (struct measure_point){ b.x - a.x, b.y - a.y };
}

static bool differ(struct measure_point a, struct measure_point b, struct error *error)
{
    return measure_distance(a, b) > 0 || error_set(error, E_INVALID, "two points of one line coincide");
}

/* ---- frontal ---- */

/* Two endplates, each drawn from the same side of the patient. Drawn crosswise, the lines that join their ends meet,
 * and the angle would be 180 degrees less it; so that is refused. */
bool compute_cobb(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point a = measure_scaled(in, 0), b = measure_scaled(in, 1);
    struct measure_point c = measure_scaled(in, 2), d = measure_scaled(in, 3);
    if (!differ(a, b, error) || !differ(c, d, error))
        return false;
    if (measure_segments_cross(a, c, b, d))
        return error_set(error, E_INVALID, "the two endplates run in opposite directions: begin both on the same side");
    values[0] = fabs(measure_turn(from_to(a, b), from_to(c, d)));
    return true;
}

static bool left_is_left(const struct measure_input *in, int64_t left, int64_t right, struct error *error)
{
    return frontal(in, left).x < frontal(in, right).x ||
           error_set(error, E_INVALID,
                     "the patient's left point must lie nearer to the image's %s side than the right one",
                     measure_sides[in->patient_left - 1]);
}

/* Patient's left end, right end. Positive where the left is higher. */
bool compute_end_to_end_tilt(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!left_is_left(in, 0, 1, error))
        return false;
    values[0] = measure_turn((struct measure_point){ 1, 0 }, from_to(frontal(in, 0), frontal(in, 1)));
    return true;
}

bool compute_obliquity(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    values[1] = frontal(in, 1).y - frontal(in, 0).y;
    return compute_end_to_end_tilt(in, values, error);
}

/* How far the first point lies to the patient's right of the vertical through the second. */
bool compute_shift_from_second(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = frontal(in, 0).x - frontal(in, 1).x;
    return true;
}

bool compute_trunk_shift(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    values[0] = between(frontal(in, 0), frontal(in, 1)).x - frontal(in, 2).x;
    return left_is_left(in, 0, 1, error);
}

/* ---- lateral ---- */

/* The endplate from its posterior point `index` to the anterior one after it. */
static bool endplate(const struct measure_input *in, int64_t index, struct measure_point *out, struct error *error)
{
    struct measure_point posterior = lateral(in, index), anterior = lateral(in, index + 1);
    if (anterior.x < posterior.x)
        return error_set(error, E_INVALID,
                         "facing %s, the anterior point of an endplate must lie %s of the posterior one",
                         measure_sides[in->facing - 1], measure_sides[in->facing - 1]);
    *out = from_to(posterior, anterior);
    return differ(posterior, anterior, error);
}

static double slope_of(struct measure_point endplate)
{
    return measure_turn((struct measure_point){ 1, 0 }, endplate);
}

bool compute_slope(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point plate;
    if (!endplate(in, 0, &plate, error))
        return false;
    values[0] = slope_of(plate);
    return true;
}

bool compute_kyphosis(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point upper, lower;
    if (!endplate(in, 0, &upper, error) || !endplate(in, 2, &lower, error))
        return false;
    values[0] = slope_of(upper) - slope_of(lower);
    return true;
}

bool compute_lordosis(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!compute_kyphosis(in, values, error))
        return false;
    values[0] = -values[0];
    return true;
}

/* Posterior and anterior end of the S1 endplate, centres of one or both femoral heads. The plate's middle and the way
 * from there to the hip axis (the middle of both centres). */
static bool pelvis(const struct measure_input *in, struct measure_point *plate, struct measure_point *to_hips,
                   struct error *error)
{
    if (!endplate(in, 0, plate, error))
        return false;
    struct measure_point middle = between(lateral(in, 0), lateral(in, 1));
    struct measure_point hips = in->count == 4 ? between(lateral(in, 2), lateral(in, 3)) : lateral(in, 2);
    *to_hips = from_to(middle, hips);
    return measure_distance(middle, hips) > 0 ||
           error_set(error, E_INVALID, "the hip axis coincides with the middle of the sacral endplate");
}

/* From straight down to the hip axis, positive where the hips lie in front of the sacrum. In this turned plane (x
 * forward, y down) going from down to forward is against measure_turn's sense. */
static double tilt_of(struct measure_point to_hips)
{
    return -measure_turn((struct measure_point){ 0, 1 }, to_hips);
}

bool compute_pelvic_tilt(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point plate, to_hips;
    if (!pelvis(in, &plate, &to_hips, error))
        return false;
    values[0] = tilt_of(to_hips);
    return true;
}

/* From the plate's perpendicular, not by adding the other two, so that PI = PT + SS can be checked. */
bool compute_pelvic_incidence(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point plate, to_hips;
    if (!pelvis(in, &plate, &to_hips, error))
        return false;
    values[0] = -measure_turn((struct measure_point){ -plate.y, plate.x }, to_hips);
    values[1] = tilt_of(to_hips);
    values[2] = slope_of(plate);
    values[3] = remainder(values[0] - (values[1] + values[2]), 360);
    return true;
}

bool compute_sva(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = lateral(in, 0).x - lateral(in, 1).x;
    return true;
}
