/* measure.h - what is measured on an image, from points: lengths, angles, areas, and the measurements of films of the
 * spine, hips, legs, feet and chest.
 *
 *     const struct measure_kind *kind = measure_kind_at(i);                         // measure_names[i] is "cobb"
 *     struct measure_input in = { points, 4, .column = 0.168, .row = 0.168 };       // mm between pixels
 *     struct measure_result result;
 *     if (!measure(kind, &in, &result, &error)) ...                                 // words for the client
 *     result.values[0]: "cobb_angle", 41.3, MEASURE_DEGREES
 *
 * Coordinates are those of PS3.3 C.10.5.1.2 (and of SCOORD, C.18.6.1.2): x to the right, y down, in pixels, 0\0 the
 * outer corner of the first pixel, 1\1 that pixel's opposite corner, columns\rows the outer corner of the last. The
 * centre of the first pixel is 0.5\0.5.
 *
 *     0     1     2   x ->
 *   0 +-----+-----+
 *     |  .  |  .  |      . = pixel centres: (0.5, 0.5), (1.5, 0.5)
 *   1 +-----+-----+
 *   y
 *
 * Pixels need not be square: every point is first scaled by `column` (size of a pixel across) and `row` (down), so
 * angles are right too. Without millimetres `column` is 1 and `row` the pixel's height in widths (1 for square ones):
 * lengths are then in pixels.
 *
 * Sides. A film does not tell which way the patient faces; the client must. Lateral films: `facing` is the side of the
 * image that the patient's front points to. Frontal films: `patient_left` is the side of the image where the patient's
 * left is (right when seen from the front, as radiologists hang films; left when seen from behind, as spine surgeons
 * do). Frontal measurements ask for it even where the named points alone would settle the sign, so that exchanged sides
 * are noticed. Measurements of one of two hips or legs also ask which, the patient's left or right (`laterality`), and
 * those that are defined on films of the standing patient alone ask whether it is one (`standing`).
 *
 * All functions are pure. Each kind is one row of a table (rows.h) beside what computes it; docs/measurements.md draws
 * them.
 */
#ifndef ROENTGEN_MEASURE_H
#define ROENTGEN_MEASURE_H

#include "base/error.h"

enum { MEASURE_POINTS_MAX = 4096, MEASURE_NAMED_MAX = 6, MEASURE_VALUES_MAX = 4 };

struct measure_point {
    double x, y;
};

enum measure_side { SIDE_UNKNOWN, SIDE_LEFT, SIDE_RIGHT };
extern const char *const measure_sides[]; /* measure_sides[SIDE_LEFT - 1] is "left" */

/* What the client must say beside the points. */
enum measure_view { VIEW_ANY, VIEW_LATERAL /* facing */, VIEW_FRONTAL /* patient_left */ };
extern const char *const measure_views[]; /* index + 1 as above */

enum measure_unit { MEASURE_LENGTH, MEASURE_AREA, MEASURE_DEGREES, MEASURE_RATIO };

/* Which pixels belong to the figure. */
enum measure_region { REGION_NONE, REGION_POINT, REGION_POLYGON, REGION_RECTANGLE, REGION_ELLIPSE };

struct measure_input {
    const struct measure_point *points;
    int64_t count;
    double column, row; /* size of a pixel across and down, above 0 */
    enum measure_side facing, patient_left, laterality;
    bool standing;
};

struct measure_result {
    struct {
        const char *name;
        double value;
        enum measure_unit unit;
    } values[MEASURE_VALUES_MAX];
    int count;
};

/* In two languages, English first. */
struct measure_words {
    const char *en, *zh;
};

struct measure_value_row {
    const char *name;
    enum measure_unit unit;
    struct measure_words doc; /* what it is, and what its sign means */
};

struct measure_kind {
    const char *name;
    struct measure_words title;
    enum measure_view view;
    bool sided;    /* one of two: laterality */
    bool standing; /* of the standing patient alone */
    enum measure_region region;
    int min_points, max_points;
    struct measure_words
        points[MEASURE_NAMED_MAX]; /* names in their order; none where points have no names (outlines) */
    const char *lines; /* how named points are joined in a drawing (measure_outline); NULL: as the figure's name says */
    struct measure_value_row values[MEASURE_VALUES_MAX]; /* all that `compute` may give */
    /* Fills result->values by name and number, in the rows' order; points are checked as far as count and sides go. */
    bool (*compute)(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error);
    const char *source; /* the definition that was published; NULL: a plain figure */
    struct measure_words doc;
};

const struct measure_kind *measure_kind_at(int index); /* 0 <= index < measure_kind_count */
extern const int measure_kind_count;
extern const char *const measure_names[]; /* the rows' names in their order, as choices */

/* E_INVALID with words: too few points, a missing side, points that coincide or stand in the wrong order. */
bool measure(const struct measure_kind *kind, const struct measure_input *in, struct measure_result *out,
             struct error *error);

/* ---- geometry.c ---- */

/* The point, in units of `column` and `row`. */
struct measure_point measure_scaled(const struct measure_input *in, int64_t index);
double measure_distance(struct measure_point a, struct measure_point b);
double measure_path(const struct measure_input *in, bool closed); /* length of the line through all points */
double measure_polygon_area(const struct measure_input *in);      /* shoelace formula, without sign */
/* Degrees from one direction to another, -180 (not reached) to 180; positive from x towards y. */
double measure_turn(struct measure_point from, struct measure_point to);
/* The ellipse with the conjugate semi-diameters a and b: an affine picture of the circle, so pixels that are not square
 * keep it an ellipse. */
double measure_ellipse_area(struct measure_point a, struct measure_point b);
double measure_ellipse_perimeter(struct measure_point a, struct measure_point b);
/* Do the segments ab and cd have a point in common? */
bool measure_segments_cross(struct measure_point a, struct measure_point b, struct measure_point c,
                            struct measure_point d);

/* ---- outline.c: the lines that a figure is drawn with ----
 *
 * Of the plain figures what their names say; of the others `lines`, words of two ends: "0-1" a line from the first
 * point to the second, "01-2" from the middle of the first two to the third, "0L1" the plumb line from the first to the
 * height of the second, and from there to it. An end of points that were left out is none, and so is its line.
 */
enum { MEASURE_STROKES_MAX = 4, MEASURE_ELLIPSE_POINTS = 64 };

struct measure_stroke {
    const struct measure_point *points; /* one: a mark; more: a line through them */
    int64_t count;
    bool is_closed;
};
/* The number of strokes; 0: nothing is drawn (words). Points that had to be made are in the arena. */
int measure_outline(const struct measure_kind *kind, const struct measure_point *points, int64_t count,
                    struct arena *arena, struct measure_stroke out[MEASURE_STROKES_MAX]);

/* ---- roi.c: the pixels of a figure ----
 *
 * A pixel belongs to it when its centre does. Polygon and rectangle: even-odd rule; a centre exactly on the outline
 * belongs when the inside lies to its right (or below, on horizontal edges), so that two regions that share an edge
 * share no pixel. Ellipse: centres on the outline belong. Point: the pixel it lies in. Pixels are found row by row;
 * what lies outside the image does not exist.
 */
enum { ROI_WORK_MAX = 100000000 }; /* pixels and (times 8) crossings of rows and edges: about a second */

struct roi {
    enum measure_region region;
    const struct measure_point *points;
    int64_t count, columns, rows;
};
/* Calls `span` for pixels [from, to) of a row, rows and spans ascending. Takes what it costs off *work; E_INVALID when
 * that would become negative, before anything is visited. */
bool roi_visit(const struct roi *roi, int64_t *work, struct arena *arena,
               void (*span)(void *context, int64_t row, int64_t from, int64_t to), void *context, struct error *error);

/* Mean and spread in one pass (Welford), so that large offsets lose no digits. */
struct roi_stats {
    int64_t count;
    double mean, squares, min, max;
};
void roi_stats_add(struct roi_stats *stats, double value);
double roi_stats_sd(const struct roi_stats *stats); /* of the pixels themselves: divided by n, not n - 1 */

#endif
