/* test_keypoints.c - constructed key points, whose measurements are those of the same points drawn by hand; points that
 * must not be used; tensors that are none. */
#include "measuring.h"

#include "measure/keypoints.h"

#include <stdio.h>

struct found {
    struct keypoint_measurement items[KEYPOINT_MEASUREMENTS_MAX];
    int count;
};

static struct keypoint_layout layout_named(const char *name)
{
    struct keypoint_layout layout;
    assert_true(keypoint_layout_named(str_from(name), &layout));
    return layout;
}

static struct found found_of(const struct keypoint_layout *layout, const struct keypoint *points,
                             const struct keypoint_film *film)
{
    struct found found;
    found.count = keypoints_measure(layout, points, film, found.items);
    return found;
}

static const struct keypoint_measurement *item_of(const struct found *found, const char *kind, enum measure_side side)
{
    for (int i = 0; i < found->count; i++)
        if (!strcmp(found->items[i].kind->name, kind) && found->items[i].laterality == side)
            return &found->items[i];
    return NULL;
}

static const struct keypoint_measurement *measured(const struct found *found, const char *kind, enum measure_side side)
{
    const struct keypoint_measurement *item = item_of(found, kind, side);
    if (!item || !item->result.count)
        fail_msg("%s: %s", kind, item ? item->remark : "not told");
    return item;
}

static void missing(const struct found *found, const char *kind, const char *part)
{
    const struct keypoint_measurement *item = item_of(found, kind, SIDE_UNKNOWN);
    if (!item || item->result.count || !strstr(item->remark, part))
        fail_msg("%s: \"%s\" lacks \"%s\"", kind, item ? item->remark : "not told", part);
}

/* A spine that curves: each vertebra 40 by 24, 40 below the one above, turned by its slope about its centre. */
static struct measure_point corner_of(struct measure_point centre, double slope, int corner, int side)
{
    double x = (corner == UPPER_FIRST || corner == LOWER_FIRST ? -20 : 20) * side,
           y = corner <= UPPER_SECOND ? -12 : 12;
    double c = cos(slope * M_PI / 180), s = sin(slope * M_PI / 180);
    return (struct measure_point){ centre.x + x * c - side * y * s, centre.y + side * x * s + y * c };
}

static double slope_of_level(int level)
{
    return level <= LEVEL_C7    ? -20 + 8 * level
           : level <= LEVEL_T12 ? 25 - 4 * (level - LEVEL_T1)
                                : -20 + 12 * (level - LEVEL_L1);
}

static struct measure_point centre_of_level(int level, int side)
{
    return (struct measure_point){ 500 + side * 60 * sin(level * 0.4), 60 + 40 * level };
}

/* side 1: facing right. Confidences fall from 0.99 by a thousandth each. */
static void put_lateral(const struct keypoint_layout *layout, int side, struct keypoint points[KEYPOINTS_MAX])
{
    for (int i = 0; i < layout->count; i++) {
        int landmark = layout->landmarks[i], level = landmark / VERTEBRA_CORNERS;
        struct measure_point p = { 500 + side * (60 + 20 * (landmark - FEMORAL_HEAD)), 1120 };
        if (landmark < LANDMARK_PAIRS)
            p = corner_of(centre_of_level(level, side), slope_of_level(level), landmark % VERTEBRA_CORNERS, side);
        points[i] = (struct keypoint){ p.x, p.y, 0.99 - 0.001 * i };
    }
}

static struct keypoint_film film(void)
{
    return (struct keypoint_film){ .columns = 1000,
                                   .rows = 1300,
                                   .column = 0.5,
                                   .row = 0.5,
                                   .threshold = 0.5,
                                   .facing = SIDE_RIGHT,
                                   .patient_left = SIDE_RIGHT,
                                   .standing = true };
}

static void is_value(const struct keypoint_measurement *item, int index, double value)
{
    if (!(fabs(item->result.values[index].value - value) < 1e-9))
        fail_msg("%s is %.12g, not %.12g", item->kind->name, item->result.values[index].value, value);
}

/* ---- what is measured ---- */

static void a_lateral_spine(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("spine_lateral");
    struct keypoint points[KEYPOINTS_MAX];
    assert_int_equal(layout.count, SPINE_LEVELS * VERTEBRA_CORNERS + 2);
    for (int side = -1; side <= 1; side += 2) {
        struct keypoint_film in = film();
        in.facing = side > 0 ? SIDE_RIGHT : SIDE_LEFT;
        put_lateral(&layout, side, points);
        struct found found = found_of(&layout, points, &in);
        assert_int_equal(found.count, 13);
        is_value(measured(&found, "t1_slope", SIDE_UNKNOWN), 0, 25);
        is_value(measured(&found, "cervical_lordosis", SIDE_UNKNOWN), 0, 40);
        is_value(measured(&found, "ts_cl", SIDE_UNKNOWN), 0, -15);
        is_value(measured(&found, "thoracic_kyphosis", SIDE_UNKNOWN), 0, 4 * (LEVEL_T12 - LEVEL_T4));
        is_value(measured(&found, "lumbar_lordosis", SIDE_UNKNOWN), 0, 60);
        is_value(measured(&found, "sacral_slope", SIDE_UNKNOWN), 0, 40);
        const struct keypoint_measurement *pi = measured(&found, "pelvic_incidence", SIDE_UNKNOWN);
        is_value(pi, 3, 0);
        is_value(measured(&found, "pi_ll", SIDE_UNKNOWN), 0, pi->result.values[0].value - 60);
        /* The same as by hand: the centres of C7 and of both heads' middle. */
        struct measure_point c7 = centre_of_level(LEVEL_C7, side), p[5] = { c7 };
        p[1] = corner_of(centre_of_level(LEVEL_S1, side), 40, UPPER_FIRST, side);
        is_value(measured(&found, "sva", SIDE_UNKNOWN), 0, side * (c7.x - p[1].x) * 0.5);
        p[2] = corner_of(centre_of_level(LEVEL_S1, side), 40, UPPER_SECOND, side);
        p[3] = (struct measure_point){ 500 + side * 60, 1120 };
        p[4] = (struct measure_point){ 500 + side * 80, 1120 };
        struct measure_input hand = told("global_tilt", p, 5, 0.5, 0.5);
        hand.facing = in.facing;
        const struct keypoint_measurement *gt = measured(&found, "global_tilt", SIDE_UNKNOWN);
        is_value(gt, 0, run("global_tilt", hand).values[0].value);
        assert_int_equal(gt->count, 5);
        assert_int_equal(gt->used_count, 8);
        assert_int_equal(gt->used[0], LEVEL_C7 * VERTEBRA_CORNERS);
        assert_true(fabs(gt->confidence - points[97].confidence) < 1e-12); /* the last of its points has the lowest */
        assert_string_equal(measured(&found, "thoracic_kyphosis", SIDE_UNKNOWN)->label, "T4-T12");
    }
}

/* A curve to the side: T1 tilts by 10 degrees and T5 by 20, lower on the image's right, L1 by 25 the other way. */
static double tilt_of_level(int level)
{
    return level == LEVEL_T1 ? 10 : level == LEVEL_T1 + 4 ? 20 : level == LEVEL_L1 ? -25 : 0;
}

static void put_frontal(const struct keypoint_layout *layout, struct keypoint points[KEYPOINTS_MAX])
{
    for (int i = 0; i < layout->count; i++) {
        int level = layout->landmarks[i] / VERTEBRA_CORNERS;
        struct measure_point p =
            corner_of((struct measure_point){ 500 + (level == LEVEL_C7 ? 30 : 0), 60 + 40 * level },
                      tilt_of_level(level), layout->landmarks[i] % VERTEBRA_CORNERS, 1);
        points[i] = (struct keypoint){ p.x, p.y, 0.9 };
    }
}

static void a_frontal_spine(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("whole_spine_frontal");
    struct keypoint points[KEYPOINTS_MAX];
    put_frontal(&layout, points);
    struct keypoint_film in = film();
    struct found found = found_of(&layout, points, &in);
    assert_int_equal(found.count, 3);
    const struct keypoint_measurement *cobb = measured(&found, "cobb", SIDE_UNKNOWN);
    is_value(cobb, 0, 45);
    assert_string_equal(cobb->label, "T5-L1");
    assert_string_equal(cobb->remark, "");
    /* C7 lies towards the image's right, which is the patient's left, by 30 pixels. */
    is_value(measured(&found, "csvl_distance", SIDE_UNKNOWN), 0, -15);
    is_value(measured(&found, "t1_tilt", SIDE_UNKNOWN), 0, -10);
    in.patient_left = SIDE_LEFT;
    found = found_of(&layout, points, &in);
    is_value(measured(&found, "csvl_distance", SIDE_UNKNOWN), 0, 15);
    is_value(measured(&found, "t1_tilt", SIDE_UNKNOWN), 0, 10);
    is_value(measured(&found, "cobb", SIDE_UNKNOWN), 0, 45);
    /* Without L1 the curve is as large as the others let it, and says what it did without. */
    points[(LEVEL_L1 - LEVEL_C7) * VERTEBRA_CORNERS].confidence = 0.1;
    found = found_of(&layout, points, &in);
    cobb = measured(&found, "cobb", SIDE_UNKNOWN);
    is_value(cobb, 0, 20);
    assert_string_equal(cobb->remark, "not found: l1");
    /* Most common layout of published films: seventeen vertebrae. */
    layout = layout_named("spine_frontal");
    assert_int_equal(layout.count, 68);
    put_frontal(&layout, points);
    found = found_of(&layout, points, &in);
    assert_int_equal(found.count, 2);
    is_value(measured(&found, "cobb", SIDE_UNKNOWN), 0, 45);
    for (int i = 4; i < layout.count; i++)
        points[i].x = NAN;
    found = found_of(&layout, points, &in);
    missing(&found, "cobb", "fewer than two");
}

static void legs_of_both_sides(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("legs_frontal");
    struct keypoint points[KEYPOINTS_MAX];
    /* Head, its top, knee, ankle, plafond, condyles, plateau; the left leg on the image's right, its ankle outwards. */
    static const struct measure_point left[] = { { 700, 120 }, { 700, 100 }, { 700, 500 }, { 740, 900 }, { 740, 890 },
                                                 { 750, 490 }, { 650, 490 }, { 750, 510 }, { 650, 510 } };
    for (int i = 0; i < 9; i++) {
        points[i] = (struct keypoint){ left[i].x, left[i].y, 0.9 };
        points[9 + i] = (struct keypoint){ 1000 - left[i].x, left[i].y + (i == 1 ? 10 : 0), 0.8 };
    }
    points[9 + 3].x = 1000 - 660; /* the right ankle further in */
    struct keypoint_film in = film();
    struct found found = found_of(&layout, points, &in);
    assert_int_equal(found.count, 9);
    is_value(measured(&found, "hip_knee_ankle_angle", SIDE_LEFT), 0, atan(0.1) * 180 / M_PI);
    is_value(measured(&found, "hip_knee_ankle_angle", SIDE_RIGHT), 0, -atan(0.1) * 180 / M_PI);
    is_value(measured(&found, "mldfa", SIDE_LEFT), 0, 90);
    is_value(measured(&found, "mpta", SIDE_RIGHT), 0, 90 - atan(0.1) * 180 / M_PI);
    is_value(measured(&found, "jlca", SIDE_LEFT), 0, 0);
    is_value(measured(&found, "leg_length_difference", SIDE_UNKNOWN), 0, (hypot(40, 790) - hypot(40, 780)) * 0.5);
    assert_true(fabs(measured(&found, "mldfa", SIDE_LEFT)->confidence - 0.9) < 1e-12);
    /* A lying patient's legs have their bones' angles, and not the angles of legs that bear weight. */
    in.standing = false;
    found = found_of(&layout, points, &in);
    measured(&found, "mpta", SIDE_LEFT);
    missing(&found, "leg_length_difference", "standing");
    /* Told that the film hangs the other way, every leg lies on the wrong side. */
    in = film();
    in.patient_left = SIDE_LEFT;
    found = found_of(&layout, points, &in);
    for (int i = 0; i < found.count; i++)
        assert_true(found.items[i].result.count == 0 || !strcmp(found.items[i].kind->name, "hip_knee_ankle_angle"));
}

static void hips_foot_and_chest(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("pelvis_frontal");
    static const struct keypoint pelvis[] = { { 700, 300, 0.9 }, { 300, 300, 0.9 }, { 730, 260, 0.9 },
                                              { 260, 270, 0.9 }, { 600, 400, 0.9 }, { 400, 400, 0.9 },
                                              { 610, 350, 0.2 }, { 390, 350, 0.9 }, { 800, 90, 0.9 },
                                              { 200, 100, 0.9 } };
    struct keypoint_film in = film();
    struct found found = found_of(&layout, pelvis, &in);
    assert_int_equal(found.count, 7);
    is_value(measured(&found, "centre_edge_angle", SIDE_LEFT), 0, atan(0.75) * 180 / M_PI);
    is_value(measured(&found, "centre_edge_angle", SIDE_RIGHT), 0, atan(4.0 / 3) * 180 / M_PI);
    is_value(measured(&found, "sharp_angle", SIDE_LEFT), 0, atan(140.0 / 130) * 180 / M_PI);
    is_value(measured(&found, "pelvic_obliquity", SIDE_UNKNOWN), 1, 5);
    assert_string_equal(item_of(&found, "acetabular_index", SIDE_RIGHT)->remark,
                        "triradiate_left: confidence 0.20 is below 0.50");
    layout = layout_named("chest_frontal");
    static const struct keypoint chest[] = { { 700, 600, 1 }, { 420, 550, 0.5 }, { 850, 640, 0.7 }, { 150, 650, 0.6 } };
    found = found_of(&layout, chest, &in);
    is_value(measured(&found, "cardiothoracic_ratio", SIDE_UNKNOWN), 0, 0.4);
    assert_true(found.count == 1 && found.items[0].confidence == 0.5);
    layout = layout_named("foot");
    static const struct keypoint foot[] = { { 300, 900, 1 }, { 300, 600, 1 }, { 300, 580, 1 },
                                            { 390, 460, 1 }, { 380, 900, 1 }, { 410, 600, 1 } };
    found = found_of(&layout, foot, &in);
    is_value(measured(&found, "hallux_valgus", SIDE_UNKNOWN), 0, atan(0.75) * 180 / M_PI);
    assert_int_equal(found.count, 1);
}

/* ---- what is not ---- */

static void points_that_must_not_be_used(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("spine_lateral");
    struct keypoint points[KEYPOINTS_MAX];
    const int corner = LEVEL_C7 * VERTEBRA_CORNERS;
    static const struct {
        struct keypoint wrong;
        const char *words;
    } cases[] = {
        { { NAN, 300, 0.9 }, "c7_upper_posterior: its place is no finite number" },
        { { 480, INFINITY, 0.9 }, "no finite number" },
        { { 480, 300, NAN }, "no number from 0 to 1" },
        { { 480, 300, 1.5 }, "no number from 0 to 1" },
        { { 480, 300, -0.1 }, "no number from 0 to 1" },
        { { 480, 300, 0.49 }, "confidence 0.49 is below 0.50" },
        { { -1, 300, 0.9 }, "outside the film" },
        { { 480, 1e30, 0.9 }, "outside the film" },
        { { 900, 300, 0.9 }, "crossed, or lie on exchanged sides" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct keypoint_film in = film();
        put_lateral(&layout, 1, points);
        points[corner] = cases[i].wrong;
        struct found found = found_of(&layout, points, &in);
        missing(&found, "sva", cases[i].words);
        missing(&found, "global_tilt", cases[i].words);
        const struct keypoint_measurement *item = item_of(&found, "sva", SIDE_UNKNOWN);
        assert_true(item->count == 0 && item->used_count == 0 && item->confidence == 0);
        measured(&found, "pelvic_incidence", SIDE_UNKNOWN); /* which has nothing to do with it */
    }
}

static void impossible_spines(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("spine_lateral");
    struct keypoint points[KEYPOINTS_MAX], other;
    struct keypoint_film in = film();
    in.facing = SIDE_LEFT; /* the film shows the opposite */
    put_lateral(&layout, 1, points);
    struct found found = found_of(&layout, points, &in);
    for (int i = 0; i < found.count; i++)
        assert_int_equal(found.items[i].result.count, 0);
    missing(&found, "t1_slope",
            "t1_upper_posterior: the corners of this vertebra are crossed, or lie on exchanged sides");
    in.facing = SIDE_UNKNOWN;
    found = found_of(&layout, points, &in);
    missing(&found, "t1_slope", "facing");
    /* T1 and T4 taken for each other. */
    in = film();
    for (int i = 0; i < VERTEBRA_CORNERS; i++) {
        other = points[LEVEL_T1 * VERTEBRA_CORNERS + i];
        points[LEVEL_T1 * VERTEBRA_CORNERS + i] = points[LEVEL_T4 * VERTEBRA_CORNERS + i];
        points[LEVEL_T4 * VERTEBRA_CORNERS + i] = other;
    }
    found = found_of(&layout, points, &in);
    missing(&found, "t1_slope", "does not lie between");
    missing(&found, "thoracic_kyphosis", "does not lie between");
    measured(&found, "lumbar_lordosis", SIDE_UNKNOWN);
    /* One head is not the hip axis. */
    put_lateral(&layout, 1, points);
    points[layout.count - 1].confidence = 0;
    found = found_of(&layout, points, &in);
    missing(&found, "pelvic_tilt", "femoral_head_right: confidence 0.00");
    /* All points at one place. */
    for (int i = 0; i < layout.count; i++)
        points[i] = (struct keypoint){ 500, 500, 1 };
    found = found_of(&layout, points, &in);
    assert_int_equal(found.count, 13);
    for (int i = 0; i < found.count; i++)
        assert_true(found.items[i].result.count == 0 && found.items[i].remark[0]);
}

/* Whatever numbers come: every measurement is finite or says why it is none. */
static void any_numbers(void **state)
{
    (void)state;
    static const double odd[] = { NAN, INFINITY, -INFINITY, 0, -0.0, 1e308, -1e308, 0.5, 1, 999 };
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        struct keypoint_layout layout = layout_named(keypoint_layouts[round % 9]);
        struct keypoint points[KEYPOINTS_MAX];
        struct keypoint_film in = film();
        for (int i = 0; i < layout.count * 3; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            double value = (double)(seed >> 40) / (i % 3 == 2 ? 16777216.0 : 16777.216);
            if (seed >> 32 & 15)
                value = fmod(value, 1000);
            else
                value = odd[(seed >> 20) % 10];
            *(i % 3 == 0 ? &points[i / 3].x : i % 3 == 1 ? &points[i / 3].y : &points[i / 3].confidence) = value;
        }
        in.facing = (enum measure_side)(seed >> 50) % 3;
        in.patient_left = (enum measure_side)(seed >> 52) % 3;
        in.threshold = round % 2 ? 0 : 0.5;
        struct found found = found_of(&layout, points, &in);
        assert_in_range(found.count, 1, KEYPOINT_MEASUREMENTS_MAX);
        for (int i = 0; i < found.count; i++) {
            assert_true(found.items[i].result.count > 0 || found.items[i].remark[0]);
            for (int v = 0; v < found.items[i].result.count; v++)
                assert_true(isfinite(found.items[i].result.values[v].value));
        }
    }
}

/* ---- layouts ---- */

static void layouts_by_name(void **state)
{
    (void)state;
    struct keypoint_layout known, own;
    struct error error = { 0 };
    char names[KEYPOINTS_MAX][LANDMARK_NAME_MAX];
    struct str list[KEYPOINTS_MAX];
    for (int n = 0; keypoint_layouts[n]; n++) {
        known = layout_named(keypoint_layouts[n]);
        for (int i = 0; i < known.count; i++)
            list[i] = str_from(keypoint_landmark_name(known.landmarks[i], known.view, names[i]));
        assert_true(keypoint_layout_of(known.view, list, known.count, &own, &error));
        assert_int_equal(own.count, known.count);
        assert_memory_equal(own.landmarks, known.landmarks, (size_t)known.count);
    }
    assert_false(keypoint_layout_named(S("spine"), &known));
    assert_string_equal(keypoint_landmark_name(LEVEL_T12 * VERTEBRA_CORNERS + LOWER_SECOND, VIEW_LATERAL, names[0]),
                        "t12_lower_anterior");
    assert_string_equal(keypoint_landmark_name(LEVEL_T1 * VERTEBRA_CORNERS, VIEW_FRONTAL, names[0]), "t1_upper_left");
    list[0] = S("knee_left");
    list[1] = S("knee_left");
    assert_false(keypoint_layout_of(VIEW_FRONTAL, list, 2, &own, &error));
    assert_string_equal(error.message, "key point 2 comes twice");
    for (int i = 0; i < 3; i++) {
        error = (struct error){ 0 };
        list[0] = (const struct str[]){ S("t1_upper_posterior"), S(""), STR_NULL }[i];
        assert_false(keypoint_layout_of(VIEW_FRONTAL, list, 1, &own, &error));
        assert_string_equal(error.message, "key point 1 is no landmark of frontal films");
    }
    for (int i = 0; i < 2; i++) {
        error = (struct error){ 0 };
        assert_false(keypoint_layout_of(VIEW_FRONTAL, list, i * (KEYPOINTS_MAX + 1), &own, &error));
        assert_string_equal(error.message, "a layout has 1 to 128 key points");
    }
}

static void layouts_are_documented(void **state)
{
    (void)state;
    static const char *const documents[] = { "measurements.md", "measurements.zh-CN.md" };
    static char text[200000], path[4096], name[64];
    for (int d = 0; d < 2; d++) {
        snprintf(path, sizeof(path), "%s/../../docs/%s", getenv("ROENTGEN_TEST_DATA"), documents[d]);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        fclose(file);
        for (int n = 0; keypoint_layouts[n]; n++) {
            snprintf(name, sizeof(name), "| `%s` | %d |", keypoint_layouts[n], layout_named(keypoint_layouts[n]).count);
            if (!strstr(text, name))
                fail_msg("%s lacks %s", documents[d], name);
        }
    }
}

/* ---- a network's output ---- */

/* Two detections of four points of a chest; the second is the better one. The input of 640 x 640 holds a film of
 * 1000 x 1300 at 0.48 with 80 to its left and 8 above. */
static void put_pose(float values[2 * 17], bool by_column)
{
    static const float rows[2][17] = {
        { 300, 300, 9, 9, 0.4F, 1, 1, 1, 2, 2, 1, 3, 3, 1, 4, 4, 1 },
        { 300, 300, 9, 9, 0.8F, 416, 296, 0.9F, 281.6F, 272, 0.7F, 488, 315.2F, 0.6F, 152, 320, 0.95F },
    };
    for (int row = 0; row < 2; row++)
        for (int i = 0; i < 17; i++)
            values[by_column ? i * 2 + row : row * 17 + i] = rows[row][i];
}

static void the_best_detection(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("chest_frontal");
    struct keypoint_scaling scaling = { 0.48, 0.48, 80, 8 };
    struct keypoint points[KEYPOINTS_MAX];
    struct keypoint_film in = film();
    float values[2 * 17];
    double score = 0;
    for (int by_column = 0; by_column < 2; by_column++) {
        struct pose_tensor pose = { values, 2, 17, by_column };
        struct error error = { 0 };
        put_pose(values, by_column);
        assert_true(keypoints_of_pose(&pose, &layout, &scaling, 0.5, points, &score, &error));
        assert_true(fabs(score - 0.8) < 1e-6);
        assert_true(fabs(points[0].x - 700) < 1e-3 && fabs(points[0].y - 600) < 1e-3);
        assert_true(fabs(points[3].x - 150) < 1e-3 && fabs(points[3].y - 650) < 1e-3);
        struct found found = found_of(&layout, points, &in);
        const struct keypoint_measurement *ratio = measured(&found, "cardiothoracic_ratio", SIDE_UNKNOWN);
        assert_true(fabs(ratio->result.values[0].value - 0.4) < 1e-6 && fabs(ratio->confidence - 0.6) < 1e-6);
    }
}

static void outputs_that_are_none(void **state)
{
    (void)state;
    struct keypoint_layout layout = layout_named("chest_frontal");
    struct keypoint points[KEYPOINTS_MAX];
    float values[2 * 17];
    static const struct {
        float first, second;
        int64_t detections, width;
        struct keypoint_scaling scaling;
        const char *words;
    } cases[] = {
        { 0.4F, 0.45F, 2, 17, { 1, 1, 0, 0 }, "score of 0.45 is below 0.50" },
        { NAN, 7, 2, 17, { 1, 1, 0, 0 }, "none of the 2 detections has a score from 0 to 1" },
        { 0.9F, 0.9F, 0, 17, { 1, 1, 0, 0 }, "detected nothing" },
        { 0.9F, 0.9F, 2, 16, { 1, 1, 0, 0 }, "16 values for each detection, 4 key points take 17" },
        { 0.9F, 0.9F, -1, 17, { 1, 1, 0, 0 }, "-1 detections" },
        { 0.9F, 0.9F, 1000001, 17, { 1, 1, 0, 0 }, "at most 1000000" },
        { 0.9F, 0.9F, 2, 17, { 0, 1, 0, 0 }, "finite scale" },
        { 0.9F, 0.9F, 2, 17, { 1, NAN, 0, 0 }, "finite scale" },
        { 0.9F, 0.9F, 2, 17, { 1, 1, INFINITY, 0 }, "finite scale" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pose_tensor pose = { values, cases[i].detections, cases[i].width, false };
        struct error error = { 0 };
        double score = -1;
        put_pose(values, false);
        values[4] = cases[i].first;
        values[17 + 4] = cases[i].second;
        assert_false(keypoints_of_pose(&pose, &layout, &cases[i].scaling, 0.5, points, &score, &error));
        assert_true(error.code == E_INVALID && score == -1);
        if (!strstr(error.message, cases[i].words))
            fail_msg("\"%s\" lacks \"%s\"", error.message, cases[i].words);
    }
    /* A score that is none does not hide the one that is; a place that is none is told of its measurement. */
    struct pose_tensor pose = { values, 2, 17, false };
    struct error error = { 0 };
    struct keypoint_film in = film();
    double score;
    put_pose(values, false);
    values[4] = NAN;
    values[17 + 5] = NAN;
    assert_true(
        keypoints_of_pose(&pose, &layout, &(struct keypoint_scaling){ 1, 1, 0, 0 }, 0.5, points, &score, &error));
    struct found found = found_of(&layout, points, &in);
    missing(&found, "cardiothoracic_ratio", "heart_border_left: its place is no finite number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lateral_spine),
        cmocka_unit_test(a_frontal_spine),
        cmocka_unit_test(legs_of_both_sides),
        cmocka_unit_test(hips_foot_and_chest),
        cmocka_unit_test(points_that_must_not_be_used),
        cmocka_unit_test(impossible_spines),
        cmocka_unit_test(any_numbers),
        cmocka_unit_test(layouts_by_name),
        cmocka_unit_test(layouts_are_documented),
        cmocka_unit_test(the_best_detection),
        cmocka_unit_test(outputs_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
