/* measuring.h - what tests of measurements share: asking by name, and what must come of it. */
#ifndef ROENTGEN_TEST_MEASURING_H
#define ROENTGEN_TEST_MEASURING_H

#include "measure/measure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POINTS(...) \
    (const struct measure_point[]){ __VA_ARGS__ }, \
        (int64_t)(sizeof((const struct measure_point[]){ __VA_ARGS__ }) / sizeof(struct measure_point))

static inline const struct measure_kind *kind_named(const char *name)
{
    for (int i = 0; i < measure_kind_count; i++)
        if (!strcmp(name, measure_names[i]))
            return measure_kind_at(i);
    return NULL;
}

/* A film whose pixels are 2 wide and 1 high would give other numbers, so each test says its own. */
static inline struct measure_result run(const char *name, struct measure_input in)
{
    struct error error = { 0 };
    struct measure_result result;
    const struct measure_kind *kind = kind_named(name);
    assert_non_null(kind);
    if (!measure(kind, &in, &result, &error))
        fail_msg("%s: %s", name, error.message);
    return result;
}

static inline void refused(const char *name, struct measure_input in, const char *part)
{
    struct error error = { 0 };
    struct measure_result result;
    assert_false(measure(kind_named(name), &in, &result, &error));
    assert_int_equal(error.code, E_INVALID);
    if (!strstr(error.message, part))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, error.message, part);
}

static inline void is(struct measure_result result, int index, const char *name, double value)
{
    assert_true(index < result.count);
    assert_string_equal(result.values[index].name, name);
    if (!(fabs(result.values[index].value - value) < 1e-9))
        fail_msg("%s is %.12g, not %.12g", name, result.values[index].value, value);
}

/* What the client says of a patient who looks to the right, or whose left is on the right; of the left hip or leg. */
static inline struct measure_input told(const char *name, const struct measure_point *points, int64_t count,
                                        double column, double row)
{
    const struct measure_kind *kind = kind_named(name);
    return (struct measure_input){ .points = points,
                                   .count = count,
                                   .column = column,
                                   .row = row,
                                   .facing = kind->view == VIEW_LATERAL ? SIDE_RIGHT : SIDE_UNKNOWN,
                                   .patient_left = kind->view == VIEW_FRONTAL ? SIDE_RIGHT : SIDE_UNKNOWN,
                                   .laterality = kind->sided ? SIDE_LEFT : SIDE_UNKNOWN,
                                   .standing = kind->standing };
}

/* The same patient seen from the front (left on image right) and from behind: points mirrored, values equal. So does
 * the right leg of a patient who is its mirror image. */
static inline void both_views(const char *name, const struct measure_point *points, int64_t count, double column,
                              double row, int index, const char *value, double expected)
{
    struct measure_point mirrored[MEASURE_NAMED_MAX];
    for (int64_t i = 0; i < count; i++)
        mirrored[i] = (struct measure_point){ 1000 - points[i].x, points[i].y };
    struct measure_input in = told(name, points, count, column, row), other = told(name, mirrored, count, column, row);
    is(run(name, in), index, value, expected);
    other.facing = other.facing ? SIDE_LEFT : SIDE_UNKNOWN;
    other.patient_left = other.patient_left ? SIDE_LEFT : SIDE_UNKNOWN;
    is(run(name, other), index, value, expected);
    if (!other.laterality)
        return;
    other.patient_left = SIDE_RIGHT;
    other.laterality = SIDE_RIGHT;
    is(run(name, other), index, value, expected);
}

#endif
