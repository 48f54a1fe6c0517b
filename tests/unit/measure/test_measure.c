/* test_measure.c - every kind against numbers worked out by hand; what turning, moving and mirroring must not
 * change. */
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

static const struct measure_kind *kind_named(const char *name)
{
    for (int i = 0; i < measure_kind_count; i++)
        if (!strcmp(name, measure_names[i]))
            return &measure_kinds[i];
    return NULL;
}

/* A film whose pixels are 2 wide and 1 high would give other numbers, so each test says its own. */
static struct measure_result run(const char *name, struct measure_input in)
{
    struct error error = { 0 };
    struct measure_result result;
    const struct measure_kind *kind = kind_named(name);
    assert_non_null(kind);
    if (!measure(kind, &in, &result, &error))
        fail_msg("%s: %s", name, error.message);
    return result;
}

static void refused(const char *name, struct measure_input in, const char *part)
{
    struct error error = { 0 };
    struct measure_result result;
    assert_false(measure(kind_named(name), &in, &result, &error));
    assert_int_equal(error.code, E_INVALID);
    if (!strstr(error.message, part))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, error.message, part);
}

static void is(struct measure_result result, int index, const char *name, double value)
{
    assert_true(index < result.count);
    assert_string_equal(result.values[index].name, name);
    if (!(fabs(result.values[index].value - value) < 1e-9))
        fail_msg("%s is %.12g, not %.12g", name, result.values[index].value, value);
}

static void lengths(void **state)
{
    (void)state;
    is(run("line", (struct measure_input){ POINTS({ 1, 2 }, { 4, 6 }), 1, 1 }), 0, "length", 5);
    is(run("line", (struct measure_input){ POINTS({ 1, 2 }, { 4, 6 }), 0.5, 0.25 }), 0, "length", hypot(1.5, 1));
    is(run("polyline", (struct measure_input){ POINTS({ 0, 0 }, { 3, 4 }, { 3, 10 }), 2, 2 }), 0, "length", 22);
    is(run("polyline", (struct measure_input){ POINTS({ 5, 5 }, { 5, 5 }), 1, 1 }), 0, "length", 0);
    refused("line", (struct measure_input){ POINTS({ 1, 1 }, { 1, 1 }), 1, 1 }, "coincide");
    refused("line", (struct measure_input){ POINTS({ 1, 1 }), 1, 1 }, "2 points");
    refused("line", (struct measure_input){ POINTS({ 1, 1 }, { NAN, 1 }), 1, 1 }, "finite");
    refused("line", (struct measure_input){ POINTS({ 1, 1 }, { 1, INFINITY }), 1, 1 }, "finite");
}

static void areas(void **state)
{
    (void)state;
    struct measure_result r =
        run("polygon", (struct measure_input){ POINTS({ 0, 0 }, { 4, 0 }, { 4, 3 }), .column = 0.5, .row = 2 });
    is(r, 0, "area", 6);
    is(r, 1, "perimeter", 2 + 6 + hypot(2, 6));
    r = run("polygon", (struct measure_input){ POINTS({ 4, 3 }, { 4, 0 }, { 0, 0 }), .column = 0.5, .row = 2 });
    is(r, 0, "area", 6);
    r = run("polygon", (struct measure_input){ POINTS({ 0, 0 }, { 2, 2 }, { 2, 0 }, { 0, 2 }), 1, 1 });
    is(r, 0, "area", 0); /* a bow tie: the two halves cancel */
    r = run("rectangle", (struct measure_input){ POINTS({ 5, 7 }, { 1, 2 }), .column = 0.5, .row = 2 });
    is(r, 0, "area", 20);
    is(r, 1, "perimeter", 24);
    refused("rectangle", (struct measure_input){ POINTS({ 5, 7 }, { 5, 2 }), 1, 1 }, "one line");
    refused("polygon", (struct measure_input){ POINTS({ 5, 7 }, { 5, 2 }), 1, 1 }, "3 to 4096 points");
}

static void ellipses(void **state)
{
    (void)state;
    struct measure_result r = run("ellipse", (struct measure_input){ POINTS({ 0, 0 }, { 10, 6 }), 1, 1 });
    is(r, 0, "area", M_PI * 15);
    is(r, 1, "perimeter", 25.526998863398126); /* semi-axes 5 and 3, 4 a E(e) */
    r = run("ellipse", (struct measure_input){ POINTS({ 0, 0 }, { 10, 20 }), .column = 2, .row = 1 });
    is(r, 0, "area", M_PI * 100); /* square pixels or not: in millimetres it is a circle */
    is(r, 1, "perimeter", M_PI * 20);
    /* Turned by 30 degrees: the same. */
    double c = cos(M_PI / 6), s = sin(M_PI / 6);
    r = run("ellipse", (struct measure_input){ POINTS({ 20 - 5 * c, 20 - 5 * s }, { 20 + 5 * c, 20 + 5 * s },
                                                      { 20 + 3 * s, 20 - 3 * c }, { 20 - 3 * s, 20 + 3 * c }),
                                               1, 1 });
    is(r, 0, "area", M_PI * 15);
    is(r, 1, "perimeter", 25.526998863398126);
    refused("ellipse", (struct measure_input){ POINTS({ 0, 0 }, { 10, 6 }, { 1, 1 }), 1, 1 }, "2 points");
    refused("ellipse", (struct measure_input){ POINTS({ 0, 0 }, { 10, 0 }, { 9, 1 }, { 9, 3 }), 1, 1 }, "halve");
    refused("ellipse", (struct measure_input){ POINTS({ 0, 0 }, { 10, 0 }, { 3, 0 }, { 7, 0 }), 1, 1 }, "no area");
    refused("ellipse", (struct measure_input){ POINTS({ 3, 3 }, { 3, 3 }), 1, 1 }, "no area");
}

static void angles(void **state)
{
    (void)state;
    is(run("angle", (struct measure_input){ POINTS({ 10, 0 }, { 0, 0 }, { 0, 10 }), 1, 1 }), 0, "angle", 90);
    is(run("angle", (struct measure_input){ POINTS({ 10, 0 }, { 0, 0 }, { -10, 0 }), 1, 1 }), 0, "angle", 180);
    /* 45 degrees in pixels, but rows are sqrt(3) times as far apart as columns. */
    is(run("angle", (struct measure_input){ POINTS({ 10, 0 }, { 0, 0 }, { 10, 10 }), .column = 1, .row = sqrt(3) }), 0,
       "angle", 60);
    refused("angle", (struct measure_input){ POINTS({ 1, 1 }, { 1, 1 }, { 2, 2 }), 1, 1 }, "vertex");
    refused("angle", (struct measure_input){ POINTS({ 2, 2 }, { 1, 1 }, { 1, 1 }), 1, 1 }, "vertex");
}

static void cobb(void **state)
{
    (void)state;
    /* Upper endplate falls by 3 in 4, lower one rises by 3 in 4. */
    is(run("cobb", (struct measure_input){ POINTS({ 0, 0 }, { 40, 30 }, { 0, 130 }, { 40, 100 }), 1, 1 }), 0,
       "cobb_angle", 2 * atan(0.75) * 180 / M_PI);
    is(run("cobb", (struct measure_input){ POINTS({ 40, 30 }, { 0, 0 }, { 40, 100 }, { 0, 130 }), 1, 1 }), 0,
       "cobb_angle", 2 * atan(0.75) * 180 / M_PI);
    /* Past 90 degrees it stays what it is. */
    is(run("cobb", (struct measure_input){ POINTS({ 0, 0 }, { 10, 20 }, { 0, 120 }, { 10, 100 }), 1, 1 }), 0,
       "cobb_angle", 2 * atan(2) * 180 / M_PI);
    is(run("cobb", (struct measure_input){ POINTS({ 0, 0 }, { 9, 1 }, { 0, 50 }, { 9, 51 }), 1, 1 }), 0, "cobb_angle",
       0);
    is(run("cobb",
           (struct measure_input){ POINTS({ 0, 0 }, { 10, 10 }, { 0, 50 }, { 10, 50 }), .column = 1, .row = sqrt(3) }),
       0, "cobb_angle", 60);
    refused("cobb", (struct measure_input){ POINTS({ 0, 0 }, { 40, 30 }, { 40, 100 }, { 0, 130 }), 1, 1 }, "opposite");
    refused("cobb", (struct measure_input){ POINTS({ 0, 0 }, { 0, 0 }, { 0, 130 }, { 40, 100 }), 1, 1 }, "coincide");
    refused("cobb", (struct measure_input){ POINTS({ 0, 0 }, { 40, 30 }, { 9, 130 }, { 9, 130 }), 1, 1 }, "coincide");
}

/* The same patient seen from the front (left on image right) and from behind: points mirrored, values equal. */
static void both_views(const char *name, const struct measure_point *points, int64_t count, double column, double row,
                       int index, const char *value, double expected)
{
    struct measure_point mirrored[MEASURE_NAMED_MAX];
    for (int64_t i = 0; i < count; i++)
        mirrored[i] = (struct measure_point){ 1000 - points[i].x, points[i].y };
    enum measure_view view = kind_named(name)->view;
    struct measure_input in = { points, count, column, row };
    struct measure_input other = { mirrored, count, column, row };
    in.facing = view == VIEW_LATERAL ? SIDE_RIGHT : SIDE_UNKNOWN;
    other.facing = view == VIEW_LATERAL ? SIDE_LEFT : SIDE_UNKNOWN;
    in.patient_left = view == VIEW_FRONTAL ? SIDE_RIGHT : SIDE_UNKNOWN;
    other.patient_left = view == VIEW_FRONTAL ? SIDE_LEFT : SIDE_UNKNOWN;
    is(run(name, in), index, value, expected);
    is(run(name, other), index, value, expected);
}

/* Seen from the front: the patient's left is on the image's right. */
static void frontal(void **state)
{
    (void)state;
    both_views("t1_tilt", POINTS({ 540, 90 }, { 500, 120 }), 1, 1, 0, "t1_tilt", atan(0.75) * 180 / M_PI);
    both_views("t1_tilt", POINTS({ 540, 120 }, { 500, 90 }), 1, 1, 0, "t1_tilt", -atan(0.75) * 180 / M_PI);
    both_views("csvl_distance", POINTS({ 480, 100 }, { 500, 900 }), 0.5, 0.5, 0, "csvl_distance", 10);
    both_views("csvl_distance", POINTS({ 530, 100 }, { 500, 900 }), 0.5, 9, 0, "csvl_distance", -15);
    both_views("apical_vertebral_translation", POINTS({ 440, 400 }, { 500, 900 }), 0.25, 1, 0,
               "apical_vertebral_translation", 15);
    both_views("trunk_shift", POINTS({ 600, 400 }, { 380, 410 }, { 500, 900 }), 0.5, 1, 0, "trunk_shift", 5);
    both_views("shoulder_obliquity", POINTS({ 700, 100 }, { 300, 140 }), 0.5, 0.5, 1, "shoulder_height", 20);
    both_views("shoulder_obliquity", POINTS({ 700, 140 }, { 300, 100 }), 1, 10, 0, "shoulder_angle", -45);
    both_views("pelvic_obliquity", POINTS({ 700, 900 }, { 600, 800 }), 1, 1, 0, "pelvic_obliquity", -45);
    both_views("pelvic_obliquity", POINTS({ 700, 900 }, { 600, 800 }), 1, 2, 1, "pelvic_height", -200);
    struct measure_input in = { POINTS({ 540, 90 }, { 500, 120 }), 1, 1 };
    refused("t1_tilt", in, "patient_left");
    in.patient_left = SIDE_LEFT;
    refused("t1_tilt", in, "image's left side");
    refused("pelvic_obliquity", in, "image's left side");
    refused("trunk_shift",
            (struct measure_input){ POINTS({ 5, 4 }, { 5, 9 }, { 1, 1 }), 1, 1, .patient_left = SIDE_RIGHT },
            "image's right side");
}

/* Facing right. */
static void lateral(void **state)
{
    (void)state;
    both_views("t1_slope", POINTS({ 500, 100 }, { 540, 130 }), 1, 1, 0, "t1_slope", atan(0.75) * 180 / M_PI);
    both_views("sacral_slope", POINTS({ 500, 100 }, { 540, 140 }), 1, sqrt(3), 0, "sacral_slope", 60);
    both_views("thoracic_kyphosis", POINTS({ 500, 100 }, { 540, 130 }, { 480, 400 }, { 520, 370 }), 1, 1, 0,
               "thoracic_kyphosis", 2 * atan(0.75) * 180 / M_PI);
    both_views("lumbar_lordosis", POINTS({ 500, 100 }, { 540, 70 }, { 480, 400 }, { 520, 430 }), 1, 1, 0,
               "lumbar_lordosis", 2 * atan(0.75) * 180 / M_PI);
    both_views("sva", POINTS({ 560, 100 }, { 500, 900 }), 0.5, 3, 0, "sva", 30);
    both_views("sva", POINTS({ 460, 100 }, { 500, 900 }), 0.5, 3, 0, "sva", -20);
    /* Hips 100 below and 100 in front of the middle of a plate that falls by 3 in 4. */
    both_views("pelvic_tilt", POINTS({ 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0, "pelvic_tilt", 45);
    both_views("pelvic_tilt", POINTS({ 480, 485 }, { 520, 515 }, { 580, 590 }, { 620, 610 }), 1, 1, 0, "pelvic_tilt",
               45);
    both_views("pelvic_tilt", POINTS({ 480, 485 }, { 520, 515 }, { 400, 600 }), 1, 1, 0, "pelvic_tilt", -45);
    both_views("pelvic_incidence", POINTS({ 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0, "pelvic_incidence",
               45 + atan(0.75) * 180 / M_PI);
    both_views("pelvic_incidence", POINTS({ 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 3, "pi_check", 0);
    struct measure_input in = { POINTS({ 500, 100 }, { 540, 130 }), 1, 1 };
    refused("sacral_slope", in, "facing");
    in.facing = SIDE_LEFT;
    refused("sacral_slope", in, "left of the posterior");
    in = (struct measure_input){ POINTS({ 480, 485 }, { 520, 515 }, { 500, 500 }), 1, 1, .facing = SIDE_RIGHT };
    refused("pelvic_incidence", in, "hip axis");
    in = (struct measure_input){ POINTS({ 4, 4 }, { 4, 4 }, { 5, 5 }), 1, 1, .facing = SIDE_RIGHT };
    refused("pelvic_tilt", in, "coincide");
}

/* ---- what must hold for any points ---- */

static double random_between(uint64_t *seed, double low, double high)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(*seed >> 11) / 9007199254740992.0;
}

static struct measure_point moved(struct measure_point p, double turn, double x, double y)
{
    return (struct measure_point){ p.x * cos(turn) - p.y * sin(turn) + x, p.x * sin(turn) + p.y * cos(turn) + y };
}

static void turning_and_moving_changes_no_angle(void **state)
{
    (void)state;
    static const char *const names[] = { "angle", "cobb", "thoracic_kyphosis", "lumbar_lordosis", "pelvic_incidence" };
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        struct measure_point plain[4], other[4];
        double tilt = random_between(&seed, -0.3, 0.3), x = random_between(&seed, -500, 500);
        for (int i = 0; i < 4; i++)
            plain[i] = (struct measure_point){ (i % 2 ? 60 : 0) + random_between(&seed, -5, 5),
                                               (i / 2) * 200 + random_between(&seed, -15, 15) };
        for (int i = 0; i < 4; i++)
            other[i] = moved(plain[i], tilt, x, -x);
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            int64_t count = n == 0 ? 3 : 4;
            struct measure_input a = { plain, count, 1, 1, SIDE_RIGHT, SIDE_UNKNOWN };
            struct measure_input b = { other, count, 1, 1, SIDE_RIGHT, SIDE_UNKNOWN };
            is(run(names[n], b), 0, run(names[n], a).values[0].name, run(names[n], a).values[0].value);
        }
        struct measure_input line = { plain, 2, 1, 1, SIDE_UNKNOWN, SIDE_UNKNOWN };
        struct measure_input turned = { other, 2, 1, 1, SIDE_UNKNOWN, SIDE_UNKNOWN };
        is(run("line", turned), 0, "length", run("line", line).values[0].value);
    }
}

/* Stretched pixels with the spacing that undoes it: nothing changes. */
static void spacing_undoes_stretched_pixels(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int k = 0; k < measure_kind_count; k++) {
        const struct measure_kind *kind = &measure_kinds[k];
        for (int round = 0; round < 200; round++) {
            struct measure_point square[4], stretched[4];
            double column = random_between(&seed, 0.1, 2), row = random_between(&seed, 0.1, 2);
            for (int i = 0; i < 4; i++) {
                square[i] = (struct measure_point){ (i % 2 ? 160 : 100) + random_between(&seed, -5, 5),
                                                    (i / 2) * 200 + random_between(&seed, -15, 15) };
                stretched[i] = (struct measure_point){ square[i].x / column, square[i].y / row };
            }
            int64_t count = kind->min_points > 2 ? kind->min_points : kind->max_points < 2 ? 1 : 2;
            struct measure_input a = { square, count, 1, 1, SIDE_RIGHT, SIDE_LEFT };
            struct measure_input b = { stretched, count, column, row, SIDE_RIGHT, SIDE_LEFT };
            struct measure_result one = run(kind->name, a), two = run(kind->name, b);
            assert_int_equal(one.count, two.count);
            for (int i = 0; i < one.count; i++)
                if (!(fabs(one.values[i].value - two.values[i].value) < 1e-6))
                    fail_msg("%s", one.values[i].name);
        }
    }
}

static void incidence_is_tilt_and_slope(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 10000; round++) {
        struct measure_point p[4] = { { random_between(&seed, 0, 100), random_between(&seed, 0, 500) },
                                      { random_between(&seed, 101, 300), random_between(&seed, 0, 500) },
                                      { random_between(&seed, -500, 900), random_between(&seed, 501, 900) },
                                      { random_between(&seed, -500, 900), random_between(&seed, 501, 900) } };
        struct measure_input in = {
            p, 4, random_between(&seed, 0.1, 3), random_between(&seed, 0.1, 3), SIDE_RIGHT, SIDE_UNKNOWN
        };
        struct measure_result r = run("pelvic_incidence", in);
        is(r, 3, "pi_check", 0);
        struct measure_input plate = in;
        plate.count = 2;
        is(run("sacral_slope", plate), 0, "sacral_slope", r.values[2].value);
        is(run("pelvic_tilt", in), 0, "pelvic_tilt", r.values[1].value);
    }
}

/* The table itself. */
static void every_row_is_whole(void **state)
{
    (void)state;
    for (int k = 0; k < measure_kind_count; k++) {
        const struct measure_kind *kind = &measure_kinds[k];
        assert_ptr_equal(kind_named(kind->name), kind);
        assert_string_equal(measure_names[k], kind->name);
        assert_true(kind->title.en && kind->title.zh && kind->doc.en && kind->doc.zh && kind->compute);
        assert_true(kind->min_points >= 1 && kind->max_points >= kind->min_points);
        int named = 0;
        while (named < MEASURE_NAMED_MAX && kind->points[named].en) {
            assert_non_null(kind->points[named].zh);
            named++;
        }
        assert_true(named == 0 || named == kind->max_points);
        assert_true(kind->view == VIEW_ANY || named > 0);
        for (int i = 0; i < MEASURE_VALUES_MAX && kind->values[i].name; i++)
            assert_true(kind->values[i].doc.en && kind->values[i].doc.zh);
    }
    assert_null(measure_names[measure_kind_count]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(areas),
        cmocka_unit_test(ellipses),
        cmocka_unit_test(angles),
        cmocka_unit_test(cobb),
        cmocka_unit_test(frontal),
        cmocka_unit_test(lateral),
        cmocka_unit_test(turning_and_moving_changes_no_angle),
        cmocka_unit_test(spacing_undoes_stretched_pixels),
        cmocka_unit_test(incidence_is_tilt_and_slope),
        cmocka_unit_test(every_row_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
