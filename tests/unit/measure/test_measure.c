/* test_measure.c - every kind against numbers worked out by hand; what turning, moving and mirroring must not
 * change. */
#include "measuring.h"

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
            struct measure_input a = { plain, count, 1, 1, .facing = SIDE_RIGHT };
            struct measure_input b = { other, count, 1, 1, .facing = SIDE_RIGHT };
            is(run(names[n], b), 0, run(names[n], a).values[0].name, run(names[n], a).values[0].value);
        }
        struct measure_input line = { plain, 2, 1, 1 };
        struct measure_input turned = { other, 2, 1, 1 };
        is(run("line", turned), 0, "length", run("line", line).values[0].value);
    }
}

/* Points as they lie in a patient who looks to the right, whose left is on the right; of the left side. Of the other
 * kinds two columns of points will do, the second in front of the first or to the right of it. */
static const struct {
    const char *name;
    struct measure_point points[MEASURE_NAMED_MAX];
} typical[] = {
    { "ts_cl", { { 100, 90 }, { 160, 100 }, { 100, 290 }, { 160, 330 }, { 90, 330 }, { 150, 370 } } },
    { "pi_ll", { { 100, 90 }, { 160, 80 }, { 90, 290 }, { 150, 330 }, { 170, 500 }, { 190, 510 } } },
    { "t1_pelvic_angle", { { 130, 40 }, { 90, 490 }, { 150, 530 }, { 170, 700 }, { 190, 710 } } },
    { "global_tilt", { { 130, 40 }, { 90, 490 }, { 150, 530 }, { 170, 700 }, { 190, 710 } } },
    { "centre_edge_angle", { { 500, 300 }, { 550, 210 }, { 100, 310 } } },
    { "sharp_angle", { { 430, 350 }, { 550, 240 }, { 170, 360 } } },
    { "acetabular_index", { { 430, 350 }, { 520, 310 }, { 170, 360 } } },
    { "leg_length_difference", { { 500, 100 }, { 470, 900 }, { 100, 110 }, { 130, 890 } } },
    { "hip_knee_ankle_angle", { { 500, 100 }, { 480, 500 }, { 470, 900 } } },
    { "mldfa", { { 500, 100 }, { 480, 500 }, { 530, 510 }, { 430, 520 } } },
    { "mpta", { { 480, 520 }, { 470, 900 }, { 530, 515 }, { 430, 525 } } },
    { "jlca", { { 530, 500 }, { 430, 505 }, { 530, 530 }, { 430, 520 } } },
    { "hallux_valgus", { { 200, 600 }, { 160, 300 }, { 165, 280 }, { 200, 150 }, { 290, 600 }, { 280, 260 } } },
    { "cardiothoracic_ratio", { { 700, 600 }, { 420, 550 }, { 850, 640 }, { 150, 650 } } },
};

static void put_typical(const struct measure_kind *kind, uint64_t *seed, struct measure_point out[MEASURE_NAMED_MAX])
{
    for (int i = 0; i < MEASURE_NAMED_MAX; i++)
        out[i] = (struct measure_point){ (i % 2 == 1) != (kind->view == VIEW_FRONTAL) ? 160 : 100, (i / 2) * 200 };
    for (size_t t = 0; t < sizeof(typical) / sizeof(typical[0]); t++)
        if (!strcmp(typical[t].name, kind->name))
            memcpy(out, typical[t].points, sizeof(typical[t].points));
    for (int i = 0; i < MEASURE_NAMED_MAX; i++)
        out[i] =
            (struct measure_point){ out[i].x + random_between(seed, -5, 5), out[i].y + random_between(seed, -9, 9) };
}

/* Stretched pixels with the spacing that undoes it: nothing changes, nor where the figure stands on the film. */
static void spacing_undoes_stretched_pixels(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int k = 0; k < measure_kind_count; k++) {
        const struct measure_kind *kind = measure_kind_at(k);
        for (int round = 0; round < 200; round++) {
            struct measure_point square[MEASURE_NAMED_MAX], stretched[MEASURE_NAMED_MAX];
            double column = random_between(&seed, 0.1, 2), row = random_between(&seed, 0.1, 2);
            double x = random_between(&seed, -500, 500), y = random_between(&seed, -500, 500);
            put_typical(kind, &seed, square);
            for (int i = 0; i < MEASURE_NAMED_MAX; i++)
                stretched[i] = (struct measure_point){ (square[i].x + x) / column, (square[i].y + y) / row };
            int64_t count = kind->min_points > 2 ? kind->min_points : kind->max_points < 2 ? 1 : 2;
            if (round % 2 && kind->max_points <= MEASURE_NAMED_MAX && strcmp(kind->name, "ellipse") != 0)
                count = kind->max_points;
            struct measure_result one = run(kind->name, told(kind->name, square, count, 1, 1)),
                                  two = run(kind->name, told(kind->name, stretched, count, column, row));
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
        struct measure_input in = { p, 4, random_between(&seed, 0.1, 3), random_between(&seed, 0.1, 3),
                                    .facing = SIDE_RIGHT };
        struct measure_result r = run("pelvic_incidence", in);
        is(r, 3, "pi_check", 0);
        struct measure_input plate = in;
        plate.count = 2;
        is(run("sacral_slope", plate), 0, "sacral_slope", r.values[2].value);
        is(run("pelvic_tilt", in), 0, "pelvic_tilt", r.values[1].value);
    }
}

/* The tables themselves. Plain figures come first; all others have been published. */
static void every_row_is_whole(void **state)
{
    (void)state;
    static const char *const figures[] = { "point",     "line",    "polyline", "polygon",
                                           "rectangle", "ellipse", "angle",    "text" };
    for (int k = 0; k < measure_kind_count; k++) {
        const struct measure_kind *kind = measure_kind_at(k);
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
        assert_true(kind->view == VIEW_FRONTAL || !kind->sided);
        assert_int_equal(kind->source != NULL, k >= (int)(sizeof(figures) / sizeof(figures[0])));
        for (int i = 0; i < MEASURE_VALUES_MAX && kind->values[i].name; i++)
            assert_true(kind->values[i].doc.en && kind->values[i].doc.zh);
    }
    assert_null(measure_names[measure_kind_count]);
}

/* What is drawn of points that lie all over the place: no stroke without its points. */
static void outlines(void **state)
{
    (void)state;
    struct arena arena;
    struct measure_point points[MEASURE_NAMED_MAX];
    struct measure_stroke strokes[MEASURE_STROKES_MAX];
    arena_init(&arena);
    for (int i = 0; i < MEASURE_NAMED_MAX; i++)
        points[i] = (struct measure_point){ 10 * i, i * i };
    for (int k = 0; k < measure_kind_count; k++) {
        const struct measure_kind *kind = measure_kind_at(k);
        for (int64_t count = 0; count <= MEASURE_NAMED_MAX && count <= kind->max_points; count++) {
            int made = measure_outline(kind, points, count, &arena, strokes);
            bool is_drawn = count >= kind->min_points && strcmp(kind->name, "text") != 0;
            assert_int_equal(made > 0, is_drawn);
            for (int i = 0; i < made; i++)
                assert_true(strokes[i].count >= (kind->max_points == 1 ? 1 : 2));
        }
        assert_int_equal(kind->lines != NULL, kind->points[0].en && kind->max_points > 1 && !kind->region);
    }
    assert_int_equal(measure_outline(kind_named("trunk_shift"), points, 3, &arena, strokes), 2);
    assert_true(strokes[1].count == 3 && strokes[1].points[0].x == 5 && strokes[1].points[1].x == 5);
    assert_true(strokes[1].points[1].y == 4 && strokes[1].points[2].x == 20);
    assert_int_equal(measure_outline(kind_named("pelvic_tilt"), points, 3, &arena, strokes), 2);
    assert_true(strokes[1].points[1].x == 20); /* one femoral head */
    assert_int_equal(measure_outline(kind_named("centre_edge_angle"), points, 2, &arena, strokes), 1);
    points[2] = (struct measure_point){ 5, 0 };
    points[3] = (struct measure_point){ 5, 8 };
    points[1] = (struct measure_point){ 10, 4 };
    points[0] = (struct measure_point){ 0, 4 };
    assert_int_equal(measure_outline(kind_named("ellipse"), points, 4, &arena, strokes), 1);
    for (int64_t i = 0; i < strokes[0].count; i++) {
        double x = (strokes[0].points[i].x - 5) / 5, y = (strokes[0].points[i].y - 4) / 4;
        assert_true(fabs(x * x + y * y - 1) < 1e-9);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlines),
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
