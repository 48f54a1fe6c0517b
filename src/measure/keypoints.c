/* keypoints.c - which of a model's points can be used, which measurements they make, and what these give. */
#include "measure/keypoints.h"

#include "base/names.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- which points can be used ---- */

enum flaw { FLAW_NONE, FLAW_NUMBER, FLAW_CONFIDENCE, FLAW_UNSURE, FLAW_OUTSIDE, FLAW_SHAPE, FLAW_ORDER };
static const char *const flaws[] = { "its place is no finite number",
                                     "its confidence is no number from 0 to 1",
                                     "confidence",
                                     "lies outside the film",
                                     "the corners of this vertebra are crossed, or lie on exchanged sides",
                                     "this vertebra does not lie between those above and below it",
                                     NULL };
NAMES_REACH(flaws, FLAW_ORDER);

struct finding {
    const struct keypoint_layout *layout;
    const struct keypoint *points;
    const struct keypoint_film *film;
    int at[LANDMARKS]; /* number of the model's point, -1: the layout has none */
    enum flaw flaws[LANDMARKS];
};

static enum flaw flaw_of(const struct keypoint *p, const struct keypoint_film *film)
{
    if (!isfinite(p->x) || !isfinite(p->y))
        return FLAW_NUMBER;
    if (!(p->confidence >= 0 && p->confidence <= 1))
        return FLAW_CONFIDENCE;
    if (!(p->confidence >= film->threshold))
        return FLAW_UNSURE;
    bool is_inside = p->x >= 0 && p->y >= 0 && p->x <= (double)film->columns && p->y <= (double)film->rows;
    return is_inside ? FLAW_NONE : FLAW_OUTSIDE;
}

/* Of vertebrae that are told by the image's sides, FIRST is the patient's right where the patient's left is the image's
 * right. */
static int landmark_at(const struct keypoint_layout *layout, const struct keypoint_film *film, int number)
{
    int landmark = layout->landmarks[number];
    bool is_turned = layout->by_image && landmark < LANDMARK_PAIRS && film->patient_left == SIDE_RIGHT;
    return is_turned ? landmark ^ 1 : landmark;
}

static bool is_usable(const struct finding *f, int landmark)
{
    return f->at[landmark] >= 0 && f->flaws[landmark] == FLAW_NONE;
}

static struct measure_point place_of(const struct finding *f, int landmark)
{
    const struct keypoint *p = &f->points[f->at[landmark]];
    return (struct measure_point){ p->x, p->y };
}

static int usable_corners(const struct finding *f, int level)
{
    int usable = 0;
    for (int corner = 0; corner < VERTEBRA_CORNERS; corner++)
        usable += is_usable(f, level * VERTEBRA_CORNERS + corner);
    return usable;
}

static void blame(struct finding *f, int level, enum flaw flaw)
{
    for (int corner = 0; corner < VERTEBRA_CORNERS; corner++)
        if (is_usable(f, level * VERTEBRA_CORNERS + corner))
            f->flaws[level * VERTEBRA_CORNERS + corner] = flaw;
}

/* +1: FIRST lies on the image's left, so that a walk around the corners turns right; -1: on its right; 0: not told. */
static int sense_of(const struct finding *f)
{
    if (f->layout->view == VIEW_LATERAL)
        return f->film->facing == SIDE_RIGHT ? 1 : f->film->facing == SIDE_LEFT ? -1 : 0;
    return f->film->patient_left == SIDE_LEFT ? 1 : f->film->patient_left == SIDE_RIGHT ? -1 : 0;
}

/* At each of its corners the outline turns the same way: it is not crossed, and not dented. */
static bool has_a_shape(const struct finding *f, int level)
{
    static const int walk[] = { UPPER_FIRST, UPPER_SECOND, LOWER_SECOND, LOWER_FIRST };
    int sense = sense_of(f), turns = 0;
    struct measure_point p[VERTEBRA_CORNERS];
    for (int i = 0; i < VERTEBRA_CORNERS; i++)
        p[i] = place_of(f, level * VERTEBRA_CORNERS + walk[i]);
    for (int i = 0; i < VERTEBRA_CORNERS; i++) {
        struct measure_point a = p[i], b = p[(i + 1) % VERTEBRA_CORNERS], c = p[(i + 2) % VERTEBRA_CORNERS];
        double turn = (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x);
        turns += (turn > 0) - (turn < 0);
    }
    return sense ? turns == sense * VERTEBRA_CORNERS : abs(turns) == VERTEBRA_CORNERS;
}

static double height_of(const struct finding *f, int level)
{
    double sum = 0;
    for (int corner = 0; corner < VERTEBRA_CORNERS; corner++)
        if (is_usable(f, level * VERTEBRA_CORNERS + corner))
            sum += place_of(f, level * VERTEBRA_CORNERS + corner).y;
    return sum / usable_corners(f, level);
}

static void check_vertebrae(struct finding *f)
{
    bool is_disordered[SPINE_LEVELS] = { false };
    int above = -1;
    for (int level = 0; level < SPINE_LEVELS; level++)
        if (usable_corners(f, level) == VERTEBRA_CORNERS && !has_a_shape(f, level))
            blame(f, level, FLAW_SHAPE);
    for (int level = 0; level < SPINE_LEVELS; level++) {
        if (!usable_corners(f, level))
            continue;
        if (above >= 0 && height_of(f, level) <= height_of(f, above))
            is_disordered[level] = is_disordered[above] = true;
        above = level;
    }
    for (int level = 0; level < SPINE_LEVELS; level++)
        if (is_disordered[level])
            blame(f, level, FLAW_ORDER);
}

static void find_points(struct finding *f)
{
    for (int i = 0; i < LANDMARKS; i++)
        f->at[i] = -1;
    for (int i = 0; i < f->layout->count; i++) {
        int landmark = landmark_at(f->layout, f->film, i);
        f->at[landmark] = i;
        f->flaws[landmark] = flaw_of(&f->points[i], f->film);
    }
    check_vertebrae(f);
}

/* ---- what makes a measurement ---- */

/* How a point is made of landmarks: it is one; the middle of a vertebra, or of its upper endplate; of a pair the one on
 * the side that is measured, or the other. */
enum making { NO_POINT, ONE, CENTRE, PLATE_MIDDLE, HERE, THERE };

struct place {
    uint8_t making, landmark;
};

struct recipe {
    const char *kind, *label;
    struct place points[MEASURE_NAMED_MAX];
};

#define CORNER(LEVEL, NAME) \
    { \
        ONE, (LEVEL)*VERTEBRA_CORNERS + (NAME) \
    }
#define UPPER_PLATE(LEVEL) CORNER(LEVEL, UPPER_FIRST), CORNER(LEVEL, UPPER_SECOND)
#define LOWER_PLATE(LEVEL) CORNER(LEVEL, LOWER_FIRST), CORNER(LEVEL, LOWER_SECOND)
#define CENTRE_OF(LEVEL) \
    { \
        CENTRE, (LEVEL)*VERTEBRA_CORNERS \
    }
#define PELVIS \
    UPPER_PLATE(LEVEL_S1), { ONE, FEMORAL_HEAD }, \
    { \
        ONE, FEMORAL_HEAD + 1 \
    }
#define LEFT_AND_RIGHT(PAIR) \
    { ONE, PAIR }, \
    { \
        ONE, (PAIR) + 1 \
    }

static const char cobb[] = "cobb";

/* clang-format off */
static const struct recipe recipes[] = {
    { "cervical_lordosis", "", { LOWER_PLATE(LEVEL_C2), LOWER_PLATE(LEVEL_C7) } },
    { "c2_c7_sva", "", { CENTRE_OF(LEVEL_C2), CORNER(LEVEL_C7, UPPER_FIRST) } },
    { "t1_slope", "", { UPPER_PLATE(LEVEL_T1) } },
    { "ts_cl", "", { LOWER_PLATE(LEVEL_C2), LOWER_PLATE(LEVEL_C7), UPPER_PLATE(LEVEL_T1) } },
    { "thoracic_kyphosis", "T4-T12", { UPPER_PLATE(LEVEL_T4), LOWER_PLATE(LEVEL_T12) } },
    { "lumbar_lordosis", "", { UPPER_PLATE(LEVEL_L1), UPPER_PLATE(LEVEL_S1) } },
    { "sacral_slope", "", { UPPER_PLATE(LEVEL_S1) } },
    { "pelvic_tilt", "", { PELVIS } },
    { "pelvic_incidence", "", { PELVIS } },
    { "pi_ll", "", { UPPER_PLATE(LEVEL_L1), PELVIS } },
    { "sva", "", { CENTRE_OF(LEVEL_C7), CORNER(LEVEL_S1, UPPER_FIRST) } },
    { "t1_pelvic_angle", "", { CENTRE_OF(LEVEL_T1), PELVIS } },
    { "global_tilt", "", { CENTRE_OF(LEVEL_C7), PELVIS } },
    { cobb, "", { { NO_POINT, 0 } } }, /* its points are looked for */
    { "t1_tilt", "", { UPPER_PLATE(LEVEL_T1) } },
    { "csvl_distance", "", { CENTRE_OF(LEVEL_C7), { PLATE_MIDDLE, LEVEL_S1 * VERTEBRA_CORNERS } } },
    { "shoulder_obliquity", "", { LEFT_AND_RIGHT(SHOULDER) } },
    { "pelvic_obliquity", "", { LEFT_AND_RIGHT(ILIAC_CREST) } },
    { "centre_edge_angle", "", { { HERE, FEMORAL_HEAD }, { HERE, ACETABULAR_EDGE }, { THERE, FEMORAL_HEAD } } },
    { "sharp_angle", "", { { HERE, TEARDROP }, { HERE, ACETABULAR_EDGE }, { THERE, TEARDROP } } },
    { "acetabular_index", "", { { HERE, TRIRADIATE }, { HERE, ACETABULAR_EDGE }, { THERE, TRIRADIATE } } },
    { "leg_length_difference", "", { { ONE, FEMORAL_HEAD_TOP }, { ONE, TIBIAL_PLAFOND }, { ONE, FEMORAL_HEAD_TOP + 1 },
                                     { ONE, TIBIAL_PLAFOND + 1 } } },
    { "hip_knee_ankle_angle", "", { { HERE, FEMORAL_HEAD }, { HERE, KNEE }, { HERE, ANKLE } } },
    { "mldfa", "", { { HERE, FEMORAL_HEAD }, { HERE, KNEE }, { HERE, CONDYLE_LATERAL }, { HERE, CONDYLE_MEDIAL } } },
    { "mpta", "", { { HERE, KNEE }, { HERE, ANKLE }, { HERE, PLATEAU_LATERAL }, { HERE, PLATEAU_MEDIAL } } },
    { "jlca", "", { { HERE, CONDYLE_LATERAL }, { HERE, CONDYLE_MEDIAL }, { HERE, PLATEAU_LATERAL },
                    { HERE, PLATEAU_MEDIAL } } },
    { "hallux_valgus", "", { { ONE, FIRST_METATARSAL_BASE }, { ONE, FIRST_METATARSAL_HEAD }, { ONE, PHALANX_BASE },
                             { ONE, PHALANX_HEAD }, { ONE, SECOND_METATARSAL_BASE },
                             { ONE, SECOND_METATARSAL_HEAD } } },
    { "cardiothoracic_ratio", "", { LEFT_AND_RIGHT(HEART_BORDER), LEFT_AND_RIGHT(RIB_EDGE) } },
};
/* clang-format on */

static const struct measure_kind *kind_named(const char *name)
{
    int number = 0;
    while (strcmp(measure_names[number], name) != 0)
        number++;
    return measure_kind_at(number);
}

/* The landmarks that make a point: their number, how many. */
static int landmarks_of(struct place place, enum measure_side laterality, int out[VERTEBRA_CORNERS])
{
    int count = place.making == CENTRE ? VERTEBRA_CORNERS : place.making == PLATE_MIDDLE ? 2 : 1;
    int shift =
        (place.making == HERE && laterality == SIDE_RIGHT) || (place.making == THERE && laterality == SIDE_LEFT);
    for (int i = 0; i < count; i++)
        out[i] = place.landmark + shift + i;
    return count;
}

static bool layout_has(const struct finding *f, struct place place, enum measure_side laterality)
{
    int landmarks[VERTEBRA_CORNERS], count = landmarks_of(place, laterality, landmarks);
    bool all = true;
    for (int i = 0; i < count; i++)
        all &= f->at[landmarks[i]] >= 0;
    return all;
}

/* ---- one measurement ---- */

static void use(const struct finding *f, int landmark, struct keypoint_measurement *out)
{
    double confidence = f->points[f->at[landmark]].confidence;
    assert(out->used_count < KEYPOINTS_USED_MAX);
    out->used[out->used_count++] = (uint8_t)f->at[landmark];
    out->confidence = out->used_count == 1 ? confidence : fmin(out->confidence, confidence);
}

static void tell_flaw(const struct finding *f, int landmark, struct keypoint_measurement *out)
{
    char name[LANDMARK_NAME_MAX];
    enum flaw flaw = f->flaws[landmark];
    int told = snprintf(out->remark, sizeof(out->remark), "%s: %s",
                        keypoint_landmark_name(landmark, f->layout->view, name), flaws[flaw - 1]);
    if (flaw == FLAW_UNSURE)
        snprintf(out->remark + told, sizeof(out->remark) - (size_t)told, " %.2f is below %.2f",
                 f->points[f->at[landmark]].confidence, f->film->threshold);
}

/* The next point of the measurement. False, with the reason, where a landmark cannot be used. */
static bool add_point(const struct finding *f, struct place place, struct keypoint_measurement *out)
{
    int landmarks[VERTEBRA_CORNERS], count = landmarks_of(place, out->laterality, landmarks);
    struct measure_point sum = { 0, 0 };
    for (int i = 0; i < count; i++) {
        if (!is_usable(f, landmarks[i])) {
            tell_flaw(f, landmarks[i], out);
            return false;
        }
        struct measure_point p = place_of(f, landmarks[i]);
        sum = (struct measure_point){ sum.x + p.x, sum.y + p.y };
        use(f, landmarks[i], out);
    }
    out->points[out->count++] = (struct measure_point){ sum.x / count, sum.y / count };
    return true;
}

static bool compute(const struct finding *f, struct keypoint_measurement *out)
{
    const struct keypoint_film *film = f->film;
    struct measure_input in = { out->points,  out->count,         film->column,    film->row,
                                film->facing, film->patient_left, out->laterality, film->standing };
    struct error error = { 0 };
    if (measure(out->kind, &in, &out->result, &error))
        return true;
    snprintf(out->remark, sizeof(out->remark), "%s", error.message);
    return false;
}

static void fill(const struct finding *f, const struct recipe *recipe, struct keypoint_measurement *out)
{
    snprintf(out->label, sizeof(out->label), "%s", recipe->label);
    for (int i = 0; i < out->kind->max_points; i++) {
        if (i >= out->kind->min_points && !layout_has(f, recipe->points[i], out->laterality))
            break;
        if (!add_point(f, recipe->points[i], out)) {
            out->count = out->used_count = 0;
            out->confidence = 0;
            return;
        }
    }
    compute(f, out);
}

/* Can it be made of this layout at all? */
static bool applies(const struct finding *f, const struct recipe *recipe, const struct measure_kind *kind,
                    enum measure_side laterality)
{
    bool all = kind->view == VIEW_ANY || kind->view == f->layout->view;
    for (int i = 0; i < kind->min_points; i++)
        all &= layout_has(f, recipe->points[i], laterality);
    return all;
}

/* ---- the Cobb angle ---- */

static bool has_vertebra(const struct finding *f, int level)
{
    bool all = true;
    for (int corner = 0; corner < VERTEBRA_CORNERS; corner++)
        all &= f->at[level * VERTEBRA_CORNERS + corner] >= 0;
    return all;
}

static struct keypoint_measurement cobb_between(const struct finding *f, int upper, int lower)
{
    static const int ends[] = { UPPER_FIRST, UPPER_SECOND, LOWER_FIRST, LOWER_SECOND };
    struct keypoint_measurement out = { .kind = kind_named(cobb) };
    char first[LANDMARK_NAME_MAX], second[LANDMARK_NAME_MAX];
    for (int i = 0; i < VERTEBRA_CORNERS; i++) {
        int landmark = (i < 2 ? upper : lower) * VERTEBRA_CORNERS + ends[i];
        add_point(f, (struct place){ ONE, (uint8_t)landmark }, &out);
    }
    keypoint_landmark_name(upper * VERTEBRA_CORNERS, VIEW_FRONTAL, first);
    keypoint_landmark_name(lower * VERTEBRA_CORNERS, VIEW_FRONTAL, second);
    snprintf(out.label, sizeof(out.label), "%.*s-%.*s", (int)strcspn(first, "_"), first, (int)strcspn(second, "_"),
             second);
    for (char *c = out.label; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    compute(f, &out);
    return out;
}

/* A curve may be larger than it was found where its end vertebra is not among those that were. */
static void tell_unseen(const struct finding *f, struct keypoint_measurement *out)
{
    int told = 0;
    for (int level = 0; level < SPINE_LEVELS; level++) {
        if (!has_vertebra(f, level) || usable_corners(f, level) == VERTEBRA_CORNERS)
            continue;
        char name[LANDMARK_NAME_MAX];
        keypoint_landmark_name(level * VERTEBRA_CORNERS, VIEW_FRONTAL, name);
        told += snprintf(out->remark + told, sizeof(out->remark) - (size_t)told, "%s%.*s",
                         told ? ", " : "not found: ", (int)strcspn(name, "_"), name);
    }
}

static bool fill_cobb(const struct finding *f, struct keypoint_measurement *out)
{
    int vertebrae = 0;
    for (int upper = 0; upper < SPINE_LEVELS; upper++) {
        vertebrae += has_vertebra(f, upper);
        for (int lower = upper + 1; lower < SPINE_LEVELS; lower++) {
            if (usable_corners(f, upper) < VERTEBRA_CORNERS || usable_corners(f, lower) < VERTEBRA_CORNERS)
                continue;
            struct keypoint_measurement other = cobb_between(f, upper, lower);
            if (other.result.count &&
                (!out->result.count || other.result.values[0].value > out->result.values[0].value))
                *out = other;
        }
    }
    if (out->result.count)
        tell_unseen(f, out);
    else
        snprintf(out->remark, sizeof(out->remark), "fewer than two vertebrae were found");
    return f->layout->view == VIEW_FRONTAL && vertebrae > 1;
}

/* ---- all of them ---- */

int keypoints_measure(const struct keypoint_layout *layout, const struct keypoint *points,
                      const struct keypoint_film *film, struct keypoint_measurement out[KEYPOINT_MEASUREMENTS_MAX])
{
    struct finding f = { .layout = layout, .points = points, .film = film };
    int count = 0;
    find_points(&f);
    for (size_t r = 0; r < sizeof(recipes) / sizeof(recipes[0]); r++) {
        const struct measure_kind *kind = kind_named(recipes[r].kind);
        for (enum measure_side side = SIDE_LEFT; side <= (kind->sided ? SIDE_RIGHT : SIDE_LEFT); side++) {
            struct keypoint_measurement one = { .kind = kind, .laterality = kind->sided ? side : SIDE_UNKNOWN };
            if (recipes[r].kind == cobb) {
                if (!fill_cobb(&f, &one))
                    continue;
            } else if (applies(&f, &recipes[r], kind, one.laterality)) {
                fill(&f, &recipes[r], &one);
            } else {
                continue;
            }
            assert(count < KEYPOINT_MEASUREMENTS_MAX);
            out[count++] = one;
        }
    }
    return count;
}
