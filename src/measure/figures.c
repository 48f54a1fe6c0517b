/* figures.c - what the plain figures give: lengths, areas, angles. */
#include "measure/compute.h"

#include <math.h>

bool compute_nothing(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)in, (void)values, (void)error;
    return true;
}

bool compute_line(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    values[0] = measure_path(in, false);
    return values[0] > 0 || error_set(error, E_INVALID, "the two ends of the line coincide");
}

bool compute_polyline(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = measure_path(in, false);
    return true;
}

bool compute_polygon(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = measure_polygon_area(in);
    values[1] = measure_path(in, true);
    return true;
}

bool compute_rectangle(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point a = measure_scaled(in, 0), b = measure_scaled(in, 1);
    double width = fabs(b.x - a.x), height = fabs(b.y - a.y);
    values[0] = width * height;
    values[1] = 2 * (width + height);
    return values[0] > 0 || error_set(error, E_INVALID, "the two corners lie on one line along the image's side");
}

/* Two points: opposite corners of the box around it. Four: the ends of one axis and of the other. */
bool compute_ellipse(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (in->count == 3)
        return error_set(error, E_INVALID, "an ellipse has 2 points (corners of its box) or 4 (ends of its axes)");
    const struct measure_point *p = in->points;
    struct measure_point first = measure_scaled(in, 0), second = measure_scaled(in, 1);
    struct measure_point a = { (second.x - first.x) / 2, 0 }, b = { 0, (second.y - first.y) / 2 };
    if (in->count == 4) {
        if (fabs(p[0].x + p[1].x - p[2].x - p[3].x) > 2 || fabs(p[0].y + p[1].y - p[2].y - p[3].y) > 2)
            return error_set(error, E_INVALID, "the two axes of the ellipse do not halve each other");
        struct measure_point third = measure_scaled(in, 2), fourth = measure_scaled(in, 3);
        a.y = b.y;
        b = (struct measure_point){ (fourth.x - third.x) / 2, (fourth.y - third.y) / 2 };
    }
    values[0] = measure_ellipse_area(a, b);
    values[1] = measure_ellipse_perimeter(a, b);
    return values[0] > 0 || error_set(error, E_INVALID, "the ellipse has no area");
}

bool compute_angle(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point a = measure_scaled(in, 0), vertex = measure_scaled(in, 1), b = measure_scaled(in, 2);
    if (measure_distance(a, vertex) <= 0 || measure_distance(b, vertex) <= 0)
        return error_set(error, E_INVALID, "an end of the angle coincides with its vertex");
    values[0] = fabs(measure_turn((struct measure_point){ a.x - vertex.x, a.y - vertex.y },
                                  (struct measure_point){ b.x - vertex.x, b.y - vertex.y }));
    return true;
}
