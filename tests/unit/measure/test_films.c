/* test_films.c - neck, balance, hips, legs, foot and chest against numbers worked out by hand; what their definitions
 * say of each other; what is refused. */
#include "measuring.h"

#define DEGREES (180 / M_PI)
#define SLOPE(x, y) (atan2(y, x) * DEGREES)

/* Facing right. */
static void neck(void **state)
{
    (void)state;
    /* C2 rises by 3 in 4 towards the front, C7 falls by 3 in 4. */
    both_views("cervical_lordosis", POINTS({ 500, 100 }, { 540, 70 }, { 480, 400 }, { 520, 430 }), 1, 1, 0,
               "cervical_lordosis", 2 * SLOPE(4, 3));
    both_views("cervical_lordosis", POINTS({ 500, 100 }, { 540, 130 }, { 480, 400 }, { 520, 400 }), 1, 1, 0,
               "cervical_lordosis", -SLOPE(4, 3));
    both_views("c2_c7_sva", POINTS({ 560, 100 }, { 500, 400 }), 0.5, 3, 0, "c2_c7_sva", 30);
    both_views("c2_c7_sva", POINTS({ 480, 100 }, { 500, 400 }), 0.5, 3, 0, "c2_c7_sva", -10);
    /* C2 level, C7 falls by 45 degrees, T1 by 60 in pixels that are sqrt(3) times as high as wide. */
    for (int i = 0; i < 3; i++)
        both_views(
            "ts_cl",
            POINTS({ 500, 100 }, { 540, 100 }, { 480, 300 }, { 510, 300 + 30 / sqrt(3) }, { 470, 400 }, { 510, 440 }),
            1, sqrt(3), i, (const char *const[]){ "ts_cl", "t1_slope", "cervical_lordosis" }[i],
            (const double[]){ 15, 60, 45 }[i]);
    struct measure_input in = told("ts_cl", POINTS({ 1, 1 }, { 2, 1 }, { 1, 2 }, { 2, 2 }, { 2, 3 }, { 1, 3 }), 1, 1);
    refused("ts_cl", in, "right of the posterior");
    in.standing = false;
    refused("ts_cl", in, "standing");
    refused("cervical_lordosis", told("cervical_lordosis", POINTS({ 1, 1 }, { 1, 1 }, { 1, 2 }, { 2, 2 }), 1, 1),
            "coincide");
}

/* Facing right; the hips 100 below and 100 in front of the middle of a plate that falls by 3 in 4: PT 45, PI 81.87. */
static void balance(void **state)
{
    (void)state;
    both_views("pi_ll", POINTS({ 500, 100 }, { 540, 100 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0, "pi_ll",
               45);
    both_views("pi_ll", POINTS({ 500, 100 }, { 540, 130 }, { 480, 485 }, { 520, 515 }, { 580, 590 }, { 620, 610 }), 1,
               1, 1, "pelvic_incidence", 45 + SLOPE(4, 3));
    both_views("pi_ll", POINTS({ 500, 100 }, { 540, 130 }, { 480, 485 }, { 520, 515 }, { 580, 590 }, { 620, 610 }), 1,
               1, 2, "lumbar_lordosis", 0);
    /* T1 straight above the hip axis: the angle is the pelvic tilt; above the sacrum's middle: less. */
    both_views("t1_pelvic_angle", POINTS({ 600, 100 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0,
               "t1_pelvic_angle", 45);
    both_views("t1_pelvic_angle", POINTS({ 500, 100 }, { 480, 485 }, { 520, 515 }, { 590, 600 }, { 610, 600 }), 1, 1, 0,
               "t1_pelvic_angle", 45 - SLOPE(500, 100));
    both_views("t1_pelvic_angle", POINTS({ 200, 200 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0,
               "t1_pelvic_angle", 0);
    /* C7 straight above the sacrum's middle: the angle is the pelvic tilt; 300 in front at a height of 400: more. */
    both_views("global_tilt", POINTS({ 500, 100 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0, "global_tilt",
               45);
    both_views("global_tilt", POINTS({ 800, 100 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0, "global_tilt",
               45 + SLOPE(4, 3));
    both_views("global_tilt", POINTS({ 100, 100 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1, 0, "global_tilt",
               0);
    refused("t1_pelvic_angle",
            told("t1_pelvic_angle", POINTS({ 600, 600 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1), "coincide");
    refused("global_tilt", told("global_tilt", POINTS({ 500, 500 }, { 480, 485 }, { 520, 515 }, { 600, 600 }), 1, 1),
            "coincide");
    refused("global_tilt", told("global_tilt", POINTS({ 500, 100 }, { 480, 485 }, { 520, 515 }, { 500, 500 }), 1, 1),
            "hip axis");
    refused("pi_ll", told("pi_ll", POINTS({ 500, 100 }, { 540, 100 }, { 480, 485 }, { 520, 515 }), 1, 1), "5 to 6");
}

/* The left hip on the image's right. */
static void hips(void **state)
{
    (void)state;
    both_views("centre_edge_angle", POINTS({ 700, 300 }, { 730, 260 }, { 300, 300 }), 1, 1, 0, "centre_edge_angle",
               SLOPE(40, 30));
    both_views("centre_edge_angle", POINTS({ 700, 300 }, { 670, 260 }, { 300, 300 }), 1, 1, 0, "centre_edge_angle",
               -SLOPE(40, 30));
    both_views("centre_edge_angle", POINTS({ 700, 300 }, { 730, 260 }), 1, 1, 0, "centre_edge_angle", SLOPE(40, 30));
    /* The pelvis hangs by 45 degrees on this side, and the edge lies straight above the head. */
    both_views("centre_edge_angle", POINTS({ 700, 700 }, { 700, 600 }, { 300, 300 }), 1, 1, 0, "centre_edge_angle",
               -45);
    both_views("sharp_angle", POINTS({ 600, 400 }, { 640, 370 }, { 400, 400 }), 1, 1, 0, "sharp_angle", SLOPE(4, 3));
    both_views("sharp_angle", POINTS({ 600, 400 }, { 640, 370 }), 1, 1, 0, "sharp_angle", SLOPE(4, 3));
    both_views("sharp_angle", POINTS({ 600, 600 }, { 640, 600 }, { 400, 400 }), 1, 1, 0, "sharp_angle", 45);
    both_views("acetabular_index", POINTS({ 600, 400 }, { 640, 390 }, { 400, 400 }), 1, 3, 0, "acetabular_index",
               SLOPE(4, 3));
    both_views("acetabular_index", POINTS({ 600, 400 }, { 640, 430 }, { 400, 400 }), 1, 1, 0, "acetabular_index",
               -SLOPE(4, 3));
    struct measure_input in = told("sharp_angle", POINTS({ 600, 400 }, { 640, 430 }), 1, 1);
    refused("sharp_angle", in, "above the tip");
    in.laterality = SIDE_RIGHT;
    refused("sharp_angle", in,
            "right side, with the patient's left at the image's right, point 2 must lie nearer to the "
            "image's left side than point 1");
    in.laterality = SIDE_UNKNOWN;
    refused("sharp_angle", in, "laterality");
    refused("centre_edge_angle", told("centre_edge_angle", POINTS({ 7, 3 }, { 9, 9 }), 1, 1), "above the centre");
    refused("centre_edge_angle", told("centre_edge_angle", POINTS({ 7, 3 }, { 7, 3 }), 1, 1), "coincide");
    refused("centre_edge_angle", told("centre_edge_angle", POINTS({ 7, 3 }, { 8, 1 }, { 9, 3 }), 1, 1), "point 1");
    refused("acetabular_index", told("acetabular_index", POINTS({ 7, 3 }, { 8, 1 }), 1, 1), "3 points");
}

/* The left leg on the image's right. */
static void legs(void **state)
{
    (void)state;
    both_views("leg_length_difference", POINTS({ 700, 100 }, { 760, 900 }, { 300, 120 }, { 300, 900 }), 0.5, 0.5, 0,
               "leg_length_difference", hypot(30, 400) - 390);
    both_views("leg_length_difference", POINTS({ 700, 100 }, { 760, 900 }, { 300, 120 }, { 300, 900 }), 0.5, 0.5, 2,
               "leg_length_right", 390);
    both_views("leg_length_difference", POINTS({ 700, 100 }, { 700, 800 }, { 300, 100 }, { 300, 900 }), 1, 1, 0,
               "leg_length_difference", -100);
    /* The ankle 100 further out than straight below, at 400: valgus; further in: varus. */
    both_views("hip_knee_ankle_angle", POINTS({ 600, 100 }, { 600, 500 }, { 700, 900 }), 1, 1, 0,
               "hip_knee_ankle_angle", SLOPE(4, 1));
    both_views("hip_knee_ankle_angle", POINTS({ 600, 100 }, { 600, 500 }, { 500, 900 }), 1, 1, 0,
               "hip_knee_ankle_angle", -SLOPE(4, 1));
    both_views("hip_knee_ankle_angle", POINTS({ 600, 100 }, { 640, 500 }, { 680, 900 }), 1, 1, 0,
               "hip_knee_ankle_angle", 0);
    /* The line falls by 1 in 10 outwards from the knee: the angle on its upper, outer side grows. */
    both_views("mldfa", POINTS({ 600, 100 }, { 600, 500 }, { 650, 510 }, { 550, 500 }), 1, 1, 0, "mldfa",
               90 + SLOPE(10, 1));
    both_views("mldfa", POINTS({ 640, 100 }, { 600, 500 }, { 650, 500 }, { 550, 500 }), 1, 1, 0, "mldfa",
               90 - SLOPE(10, 1));
    /* Inwards it falls by 1 in 10, and the angle on its lower, inner side shrinks: varus. */
    both_views("mpta", POINTS({ 600, 500 }, { 600, 900 }, { 650, 500 }, { 550, 510 }), 1, 1, 0, "mpta",
               90 - SLOPE(10, 1));
    both_views("mpta", POINTS({ 600, 500 }, { 640, 900 }, { 650, 500 }, { 550, 500 }), 1, 1, 0, "mpta",
               90 + SLOPE(10, 1));
    both_views("jlca", POINTS({ 650, 490 }, { 550, 490 }, { 650, 510 }, { 550, 500 }), 1, 1, 0, "jlca", SLOPE(10, 1));
    both_views("jlca", POINTS({ 650, 490 }, { 550, 490 }, { 650, 500 }, { 550, 510 }), 1, 1, 0, "jlca", -SLOPE(10, 1));
}

static void legs_refused(void **state)
{
    (void)state;
    struct measure_input in = told("hip_knee_ankle_angle", POINTS({ 6, 1 }, { 6, 5 }, { 6, 5 }), 1, 1);
    refused("hip_knee_ankle_angle", in, "point 3 must lie below point 2");
    in.standing = false;
    refused("hip_knee_ankle_angle", in, "standing");
    in.laterality = SIDE_UNKNOWN;
    refused("hip_knee_ankle_angle", in, "laterality");
    in.patient_left = SIDE_UNKNOWN;
    refused("hip_knee_ankle_angle", in, "patient_left");
    refused("mldfa", told("mldfa", POINTS({ 6, 1 }, { 6, 5 }, { 5, 5 }, { 7, 5 }), 1, 1), "point 3 must lie nearer");
    refused("mldfa", told("mldfa", POINTS({ 6, 5 }, { 6, 1 }, { 7, 5 }, { 5, 5 }), 1, 1), "below");
    refused("mpta", told("mpta", POINTS({ 6, 1 }, { 6, 5 }, { 5, 1 }, { 5, 1 }), 1, 1), "point 3 must lie nearer");
    refused("jlca", told("jlca", POINTS({ 7, 1 }, { 5, 1 }, { 5, 2 }, { 7, 2 }), 1, 1), "point 3 must lie nearer");
    refused("leg_length_difference",
            told("leg_length_difference", POINTS({ 3, 1 }, { 3, 9 }, { 7, 1 }, { 7, 9 }), 1, 1), "right side");
    refused("leg_length_difference",
            told("leg_length_difference", POINTS({ 7, 1 }, { 7, 9 }, { 3, 9 }, { 3, 1 }), 1, 1), "below");
}

static double random_between(uint64_t *seed, double low, double high)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (double)(*seed >> 11) / 9007199254740992.0;
}

/* What is missing to a straight leg comes from the tibia, the femur and the joint: HKA = MPTA - mLDFA - JLCA, where
 * femur and tibia share the knee's centre. */
static void deviations_of_a_leg_add_up(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 5000; round++) {
        struct measure_point hip = { random_between(&seed, 500, 700), 100 }, knee = { 600, 500 },
                             ankle = { random_between(&seed, 500, 700), 900 };
        struct measure_point p[4];
        for (int i = 0; i < 4; i++)
            p[i] = (struct measure_point){ i % 2 ? 550 : 650, random_between(&seed, 490, 510) };
        double hka =
            run("hip_knee_ankle_angle", told("hip_knee_ankle_angle", POINTS(hip, knee, ankle), 1, 1)).values[0].value;
        double mldfa = run("mldfa", told("mldfa", POINTS(hip, knee, p[0], p[1]), 1, 1)).values[0].value;
        double mpta = run("mpta", told("mpta", POINTS(knee, ankle, p[2], p[3]), 1, 1)).values[0].value;
        is(run("jlca", told("jlca", p, 4, 1, 1)), 0, "jlca", mpta - mldfa - hka);
    }
}

/* Global tilt is pelvic tilt and the tilt of C7 against the vertical; a T1 at the same place as C7 gives less. */
static void tilts_add_up(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (int round = 0; round < 5000; round++) {
        struct measure_point c7 = { random_between(&seed, 300, 700), random_between(&seed, 0, 200) };
        struct measure_point p[5] = { c7,
                                      { 480, random_between(&seed, 470, 500) },
                                      { 520, 515 },
                                      { random_between(&seed, 400, 650), 600 },
                                      { random_between(&seed, 400, 650), 640 } };
        double pt = run("pelvic_tilt", told("pelvic_tilt", p + 1, 4, 1, 1)).values[0].value;
        double lean = SLOPE((p[1].y + p[2].y) / 2 - c7.y, c7.x - 500),
               inclination = SLOPE(620 - c7.y, c7.x - (p[3].x + p[4].x) / 2);
        is(run("global_tilt", told("global_tilt", p, 5, 1, 1)), 0, "global_tilt", pt + lean);
        is(run("t1_pelvic_angle", told("t1_pelvic_angle", p, 5, 1, 1)), 0, "t1_pelvic_angle", pt + inclination);
    }
}

/* However the foot lies: the second metatarsal tells the outer side. */
static void feet(void **state)
{
    (void)state;
    /* The first metatarsal straight up, the toe leaning 3 in 4 to the second, which parts from the first by 1 in 10. */
    const struct measure_point foot[6] = { { 0, 0 }, { 0, -300 }, { 0, -320 }, { 90, -440 }, { 80, 0 }, { 110, -300 } };
    for (int turn = 0; turn < 360; turn += 15)
        for (int mirror = -1; mirror <= 1; mirror += 2) {
            struct measure_point p[6];
            double c = cos(turn / DEGREES), s = sin(turn / DEGREES);
            for (int i = 0; i < 6; i++)
                p[i] = (struct measure_point){ 500 + mirror * (foot[i].x * c - foot[i].y * s),
                                               500 + foot[i].x * s + foot[i].y * c };
            struct measure_result r = run("hallux_valgus", told("hallux_valgus", p, 6, 1, 1));
            is(r, 0, "hallux_valgus_angle", SLOPE(4, 3));
            is(r, 1, "intermetatarsal_angle", SLOPE(10, 1));
        }
    is(run("hallux_valgus",
           told("hallux_valgus", POINTS({ 0, 0 }, { 0, -300 }, { 0, -320 }, { -90, -440 }, { 80, 0 }, { 80, -300 }), 1,
                1)),
       0, "hallux_valgus_angle", -SLOPE(4, 3));
    refused("hallux_valgus",
            told("hallux_valgus", POINTS({ 0, 0 }, { 0, -9 }, { 0, -9 }, { 1, -12 }, { -1, 0 }, { 2, -9 }), 1, 1),
            "one side");
    refused("hallux_valgus",
            told("hallux_valgus", POINTS({ 0, 0 }, { 0, -9 }, { 1, -12 }, { 0, -9 }, { 2, 0 }, { 2, -9 }), 1, 1),
            "opposite");
    refused("hallux_valgus",
            told("hallux_valgus", POINTS({ 0, 0 }, { 0, -9 }, { 1, -9 }, { 1, -9 }, { 2, 0 }, { 2, -9 }), 1, 1),
            "coincide");
}

static void hearts(void **state)
{
    (void)state;
    static const char *const names[] = { "cardiothoracic_ratio", "heart_width", "chest_width" };
    for (int i = 0; i < 3; i++)
        both_views("cardiothoracic_ratio", POINTS({ 700, 600 }, { 420, 550 }, { 850, 640 }, { 150, 650 }), 0.5, 9, i,
                   names[i], (const double[]){ 0.4, 140, 350 }[i]);
    assert_int_equal(kind_named("cardiothoracic_ratio")->values[0].unit, MEASURE_RATIO);
    refused("cardiothoracic_ratio", told("cardiothoracic_ratio", POINTS({ 9, 6 }, { 4, 5 }, { 8, 6 }, { 1, 6 }), 1, 1),
            "between those of the chest");
    refused("cardiothoracic_ratio", told("cardiothoracic_ratio", POINTS({ 4, 6 }, { 7, 5 }, { 8, 6 }, { 1, 6 }), 1, 1),
            "right side");
    refused("cardiothoracic_ratio", told("cardiothoracic_ratio", POINTS({ 7, 6 }, { 4, 5 }, { 8, 6 }, { 8, 6 }), 1, 1),
            "right side");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neck),         cmocka_unit_test(balance),      cmocka_unit_test(hips),
        cmocka_unit_test(legs),         cmocka_unit_test(legs_refused), cmocka_unit_test(deviations_of_a_leg_add_up),
        cmocka_unit_test(tilts_add_up), cmocka_unit_test(feet),         cmocka_unit_test(hearts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
