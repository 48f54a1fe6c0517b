/* outline.c - from the points of a figure to the lines that it is drawn with. */
#include "measure/measure.h"

#include <math.h>
#include <string.h>

static struct measure_point middle(struct measure_point a, struct measure_point b)
{
    return (struct measure_point){ (a.x + b.x) / 2, (a.y + b.y) / 2 };
}

static int corners_of(const struct measure_point *p, struct arena *arena, struct measure_stroke *out)
{
    struct measure_point *corners = arena_array(arena, struct measure_point, 4);
    corners[0] = p[0];
    corners[1] = (struct measure_point){ p[1].x, p[0].y };
    corners[2] = p[1];
    corners[3] = (struct measure_point){ p[0].x, p[1].y };
    *out = (struct measure_stroke){ corners, 4, true };
    return 1;
}

/* Conjugate semi-diameters make an ellipse as the axes of a circle do, however the pixels are stretched. */
static int ellipse_of(const struct measure_point *p, int64_t count, struct arena *arena, struct measure_stroke *out)
{
    bool has_axes = count == 4;
    struct measure_point centre = middle(p[0], p[1]), a = { (p[1].x - p[0].x) / 2, 0 },
                         b = { 0, (p[1].y - p[0].y) / 2 };
    if (has_axes) {
        a.y = b.y;
        b = (struct measure_point){ (p[3].x - p[2].x) / 2, (p[3].y - p[2].y) / 2 };
    }
    struct measure_point *at = arena_array(arena, struct measure_point, MEASURE_ELLIPSE_POINTS);
    for (int i = 0; i < MEASURE_ELLIPSE_POINTS; i++) {
        double turn = 2 * acos(-1) * i / MEASURE_ELLIPSE_POINTS;
        at[i] = (struct measure_point){ centre.x + cos(turn) * a.x + sin(turn) * b.x,
                                        centre.y + cos(turn) * a.y + sin(turn) * b.y };
    }
    *out = (struct measure_stroke){ at, MEASURE_ELLIPSE_POINTS, true };
    return 1;
}

/* One end of a line: a point, or what lies between two; of two of which one was left out the other. */
static const char *take_end(const char *word, const struct measure_point *points, int64_t count,
                            struct measure_point *out, bool *is_there)
{
    *is_there = false;
    for (; *word >= '0' && *word <= '9'; word++) {
        int64_t index = *word - '0';
        if (index >= count)
            continue;
        *out = *is_there ? middle(*out, points[index]) : points[index];
        *is_there = true;
    }
    return word;
}

static int lines_of(const char *words, const struct measure_point *points, int64_t count, struct arena *arena,
                    struct measure_stroke out[MEASURE_STROKES_MAX])
{
    int made = 0;
    while (*words && made < MEASURE_STROKES_MAX) {
        struct measure_point *at = arena_array(arena, struct measure_point, 3);
        bool has_from, has_to;
        words = take_end(words, points, count, &at[0], &has_from);
        bool is_plumb = *words == 'L';
        words = take_end(words + 1, points, count, &at[1], &has_to);
        if (is_plumb) {
            at[2] = at[1];
            at[1] = (struct measure_point){ at[0].x, at[2].y };
        }
        if (has_from && has_to)
            out[made++] = (struct measure_stroke){ at, is_plumb ? 3 : 2, false };
        while (*words == ' ')
            words++;
    }
    return made;
}

int measure_outline(const struct measure_kind *kind, const struct measure_point *points, int64_t count,
                    struct arena *arena, struct measure_stroke out[MEASURE_STROKES_MAX])
{
    if (count < kind->min_points || !strcmp(kind->name, "text"))
        return 0;
    if (kind->lines)
        return lines_of(kind->lines, points, count, arena, out);
    if (kind->region == REGION_RECTANGLE)
        return corners_of(points, arena, out);
    if (kind->region == REGION_ELLIPSE)
        return ellipse_of(points, count, arena, out);
    *out = (struct measure_stroke){ points, count, kind->region == REGION_POLYGON };
    return 1;
}
