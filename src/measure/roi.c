/* roi.c - which pixels a figure holds, row by row. */
#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>

enum { CROSSING_WORK = 8 }; /* what a crossing costs, in pixels */

/* Half-open ranges of pixel numbers: those whose centre i + 0.5 lies in [from, to). */
static int64_t first_centre(double from)
{
    return (int64_t)ceil(from - 0.5);
}

static int64_t clamp(int64_t n, int64_t max)
{
    return n < 0 ? 0 : n > max ? max : n;
}

static bool take_work(int64_t *work, double cost, struct error *error)
{
    if (cost > (double)*work)
        return error_set(error, E_INVALID,
                         "the outlines hold more pixels and corners than are measured at once; send fewer at a time");
    *work -= (int64_t)cost;
    return true;
}

/* ---- polygons: the edges that a row's centre line crosses ---- */

struct edge {
    int64_t first, end; /* rows whose centre lies in [y of the upper end, y of the lower end) */
    double x, y, slope; /* upper end; dx per dy */
};

static int by_first_row(const void *a, const void *b)
{
    const struct edge *p = a, *q = b;
    return (p->first > q->first) - (p->first < q->first);
}

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static int64_t find_edges(const struct roi *roi, struct edge *edges)
{
    int64_t count = 0;
    for (int64_t i = 0; i < roi->count; i++) {
        struct measure_point a = roi->points[i], b = roi->points[(i + 1) % roi->count];
        if (a.y > b.y) {
            struct measure_point swap = a;
            a = b;
            b = swap;
        }
        struct edge e = { clamp(first_centre(a.y), roi->rows), clamp(first_centre(b.y), roi->rows), a.x, a.y, 0 };
        if (e.first >= e.end)
            continue;
        e.slope = (b.x - a.x) / (b.y - a.y);
        edges[count++] = e;
    }
    qsort(edges, (size_t)count, sizeof(*edges), by_first_row);
    return count;
}

static double polygon_work(const struct roi *roi, const struct edge *edges, int64_t count)
{
    double crossings = 0, left = roi->points[0].x, right = left, rows = 0;
    for (int64_t i = 0; i < roi->count; i++) {
        left = fmin(left, roi->points[i].x);
        right = fmax(right, roi->points[i].x);
    }
    int64_t end = 0;
    for (int64_t i = 0; i < count; i++) {
        crossings += (double)(edges[i].end - edges[i].first);
        if (edges[i].end > end)
            end = edges[i].end;
    }
    rows = count ? (double)(end - edges[0].first) : 0;
    return crossings * CROSSING_WORK + rows * (right - left + 1);
}

static bool visit_polygon(const struct roi *roi, int64_t *work, struct arena *arena,
                          void (*span)(void *context, int64_t row, int64_t from, int64_t to), void *context,
                          struct error *error)
{
    struct edge *edges = arena_array(arena, struct edge, roi->count);
    int64_t *active = arena_array(arena, int64_t, roi->count), actives = 0, next = 0;
    double *crossings = arena_array(arena, double, roi->count);
    int64_t count = find_edges(roi, edges);
    if (!take_work(work, polygon_work(roi, edges, count), error))
        return false;
    for (int64_t row = count ? edges[0].first : roi->rows; next < count || actives; row++) {
        for (; next < count && edges[next].first <= row; next++)
            active[actives++] = next;
        int64_t kept = 0;
        for (int64_t i = 0; i < actives; i++) {
            const struct edge *e = &edges[active[i]];
            if (e->end <= row)
                continue;
            crossings[kept] = e->x + ((double)row + 0.5 - e->y) * e->slope;
            active[kept++] = active[i];
        }
        actives = kept;
        qsort(crossings, (size_t)actives, sizeof(*crossings), by_value);
        for (int64_t i = 0; i + 1 < actives; i += 2) {
            int64_t from = clamp(first_centre(crossings[i]), roi->columns),
                    to = clamp(first_centre(crossings[i + 1]), roi->columns);
            if (from < to)
                span(context, row, from, to);
        }
    }
    return true;
}

/* ---- ellipses ----
 *
 * With the semi-diameters a and b, D = a.x b.y - a.y b.x and A = a.y^2 + b.y^2, the line at height Y above the centre
 * lies inside between (Y (a.x a.y + b.x b.y) -+ |D| sqrt(A - Y^2)) / A. */
static bool visit_ellipse(const struct roi *roi, int64_t *work,
                          void (*span)(void *context, int64_t row, int64_t from, int64_t to), void *context,
                          struct error *error)
{
    const struct measure_point *p = roi->points;
    struct measure_point centre = { (p[0].x + p[1].x) / 2, (p[0].y + p[1].y) / 2 };
    struct measure_point a = { (p[1].x - p[0].x) / 2, 0 }, b = { 0, (p[1].y - p[0].y) / 2 };
    if (roi->count == 4) {
        a.y = b.y;
        b = (struct measure_point){ (p[3].x - p[2].x) / 2, (p[3].y - p[2].y) / 2 };
    }
    double height = a.y * a.y + b.y * b.y, cross = a.x * a.y + b.x * b.y, d = fabs(a.x * b.y - a.y * b.x);
    double half = sqrt(height), half_width = sqrt(a.x * a.x + b.x * b.x);
    int64_t first = clamp(first_centre(centre.y - half), roi->rows),
            end = clamp((int64_t)floor(centre.y + half - 0.5) + 1, roi->rows);
    if (!take_work(work, (double)(end > first ? end - first : 0) * (2 * half_width + 1), error))
        return false;
    for (int64_t row = first; row < end && d > 0; row++) {
        double y = (double)row + 0.5 - centre.y, reach = d * sqrt(fmax(height - y * y, 0)) / height;
        double middle = centre.x + y * cross / height;
        int64_t from = clamp(first_centre(middle - reach), roi->columns),
                to = clamp((int64_t)floor(middle + reach - 0.5) + 1, roi->columns);
        if (from < to)
            span(context, row, from, to);
    }
    return true;
}

bool roi_visit(const struct roi *roi, int64_t *work, struct arena *arena,
               void (*span)(void *context, int64_t row, int64_t from, int64_t to), void *context, struct error *error)
{
    struct roi box = *roi;
    const struct measure_point *p = roi->points;
    switch (roi->region) {
    case REGION_NONE:
        return true;
    case REGION_POINT: {
        int64_t column = clamp((int64_t)p->x, roi->columns - 1), row = clamp((int64_t)p->y, roi->rows - 1);
        span(context, row, column, column + 1);
        return true;
    }
    case REGION_RECTANGLE:
        box.points = (struct measure_point[]){ p[0], { p[1].x, p[0].y }, p[1], { p[0].x, p[1].y } };
        box.count = 4;
        return visit_polygon(&box, work, arena, span, context, error);
    case REGION_POLYGON:
        return visit_polygon(roi, work, arena, span, context, error);
    case REGION_ELLIPSE:
        return visit_ellipse(roi, work, span, context, error);
    }
    return true;
}

/* ---- statistics ---- */

void roi_stats_add(struct roi_stats *stats, double value)
{
    if (!stats->count++) {
        *stats = (struct roi_stats){ 1, value, 0, value, value };
        return;
    }
    double delta = value - stats->mean;
    stats->mean += delta / (double)stats->count;
    stats->squares += delta * (value - stats->mean);
    stats->min = fmin(stats->min, value);
    stats->max = fmax(stats->max, value);
}

double roi_stats_sd(const struct roi_stats *stats)
{
    return stats->count ? sqrt(stats->squares / (double)stats->count) : 0;
}
