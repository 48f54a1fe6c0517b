/* geometry.c - plane geometry on points that were scaled to square units. */
#include "measure/measure.h"

#include <math.h>

#define DEGREES (180 / M_PI)

struct measure_point measure_scaled(const struct measure_input *in, int64_t index)
{
    return (struct measure_point){ in->points[index].x * in->column, in->points[index].y * in->row };
}

double measure_distance(struct measure_point a, struct measure_point b)
{
    return hypot(b.x - a.x, b.y - a.y);
}

double measure_path(const struct measure_input *in, bool closed)
{
    double length = 0;
    for (int64_t i = 1; i < in->count; i++)
        length += measure_distance(measure_scaled(in, i - 1), measure_scaled(in, i));
    if (closed)
        length += measure_distance(measure_scaled(in, in->count - 1), measure_scaled(in, 0));
    return length;
}

/* From the first point, so that a small figure far from the origin loses no digits. */
double measure_polygon_area(const struct measure_input *in)
{
    struct measure_point origin = measure_scaled(in, 0);
    double twice = 0;
    for (int64_t i = 1; i + 1 < in->count; i++) {
        struct measure_point a = measure_scaled(in, i), b = measure_scaled(in, i + 1);
        twice += (a.x - origin.x) * (b.y - origin.y) - (b.x - origin.x) * (a.y - origin.y);
    }
    return fabs(twice) / 2;
}

double measure_turn(struct measure_point from, struct measure_point to)
{
    return atan2(from.x * to.y - from.y * to.x, from.x * to.x + from.y * to.y) * DEGREES;
}

double measure_ellipse_area(struct measure_point a, struct measure_point b)
{
    return M_PI * fabs(a.x * b.y - a.y * b.x);
}

/* The semi-axes are the singular values p >= q of the matrix [a b]: p^2 + q^2 is the sum of its squares, p q its
 * determinant. The perimeter is 4 p E(e), E by the arithmetic-geometric mean (Abramowitz and Stegun 17.6), exact to the
 * last digits in a few steps. */
double measure_ellipse_perimeter(struct measure_point a, struct measure_point b)
{
    double squares = a.x * a.x + a.y * a.y + b.x * b.x + b.y * b.y, product = fabs(a.x * b.y - a.y * b.x);
    double sum = sqrt(squares + 2 * product), difference = sqrt(fmax(squares - 2 * product, 0));
    double p = (sum + difference) / 2, q = (sum - difference) / 2;
    if (q < p * 1e-9)
        return 4 * p;
    double m = 1, g = q / p, lost = (1 - g * g) / 2, power = 0.5;
    while (m - g > 1e-15) {
        double half = (m - g) / 2, mean = (m + g) / 2;
        g = sqrt(m * g);
        m = mean;
        power *= 2;
        lost += power * half * half;
    }
    return 2 * M_PI * p * (1 - lost) / m;
}

/* On which side of the line ab is p? */
static int side(struct measure_point a, struct measure_point b, struct measure_point p)
{
    double turn = (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
    return (turn > 0) - (turn < 0);
}

static bool within_box(struct measure_point a, struct measure_point b, struct measure_point p)
{
    return p.x >= fmin(a.x, b.x) && p.x <= fmax(a.x, b.x) && p.y >= fmin(a.y, b.y) && p.y <= fmax(a.y, b.y);
}

bool measure_segments_cross(struct measure_point a, struct measure_point b, struct measure_point c,
                            struct measure_point d)
{
    int abc = side(a, b, c), abd = side(a, b, d), cda = side(c, d, a), cdb = side(c, d, b);
    if (abc * abd < 0 && cda * cdb < 0)
        return true;
    return (abc == 0 && within_box(a, b, c)) || (abd == 0 && within_box(a, b, d)) ||
           (cda == 0 && within_box(c, d, a)) || (cdb == 0 && within_box(c, d, b));
}
