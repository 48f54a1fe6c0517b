/* keypoint_layouts.c - the names of landmarks, and the orders in which models give them. */
#include "measure/keypoints.h"

#include "base/names.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static const char *const levels[] = { "c2", "c3", "c4", "c5",  "c6",  "c7",  "t1", "t2", "t3", "t4", "t5", "t6",
                                      "t7", "t8", "t9", "t10", "t11", "t12", "l1", "l2", "l3", "l4", "l5", "s1" };
NAMES_REACH(levels, LEVEL_S1);
static const char *const pairs[] = { "femoral_head",   "femoral_head_top", "knee",           "ankle",
                                     "tibial_plafond", "condyle_lateral",  "condyle_medial", "plateau_lateral",
                                     "plateau_medial", "acetabular_edge",  "teardrop",       "triradiate",
                                     "iliac_crest",    "shoulder",         "heart_border",   "rib_edge" };
NAMES_REACH(pairs, (FIRST_METATARSAL_BASE - LANDMARK_PAIRS) / 2 - 1);
static const char *const singles[] = { "first_metatarsal_base", "first_metatarsal_head",  "phalanx_base",
                                       "phalanx_head",          "second_metatarsal_base", "second_metatarsal_head" };
NAMES_REACH(singles, LANDMARKS - FIRST_METATARSAL_BASE - 1);

const char *keypoint_landmark_name(int landmark, enum measure_view view, char out[LANDMARK_NAME_MAX])
{
    if (landmark < LANDMARK_PAIRS) {
        int corner = landmark % VERTEBRA_CORNERS;
        bool is_second = corner == UPPER_SECOND || corner == LOWER_SECOND;
        const char *side = view == VIEW_FRONTAL ? measure_sides[is_second] : is_second ? "anterior" : "posterior";
        snprintf(out, LANDMARK_NAME_MAX, "%s_%s_%s", levels[landmark / VERTEBRA_CORNERS],
                 corner <= UPPER_SECOND ? "upper" : "lower", side);
    } else if (landmark < FIRST_METATARSAL_BASE) {
        int pair = landmark - LANDMARK_PAIRS;
        snprintf(out, LANDMARK_NAME_MAX, "%s_%s", pairs[pair / 2], measure_sides[pair % 2]);
    } else {
        snprintf(out, LANDMARK_NAME_MAX, "%s", singles[landmark - FIRST_METATARSAL_BASE]);
    }
    return out;
}

static int landmark_named(struct str name, enum measure_view view)
{
    char buffer[LANDMARK_NAME_MAX];
    int landmark = 0;
    while (landmark < LANDMARKS && !str_equal(name, str_from(keypoint_landmark_name(landmark, view, buffer))))
        landmark++;
    return landmark;
}

bool keypoint_layout_of(enum measure_view view, const struct str *names, int64_t count, struct keypoint_layout *out,
                        struct error *error)
{
    struct keypoint_layout layout = { .view = view };
    bool seen[LANDMARKS] = { false };
    if (count < 1 || count > KEYPOINTS_MAX)
        return error_set(error, E_INVALID, "a layout has 1 to %d key points", KEYPOINTS_MAX);
    for (int64_t i = 0; i < count; i++) {
        int landmark = landmark_named(names[i], view);
        if (landmark == LANDMARKS)
            return error_set(error, E_INVALID, "key point %d is no landmark of %s films", (int)i + 1,
                             measure_views[view]);
        if (seen[landmark])
            return error_set(error, E_INVALID, "key point %d comes twice", (int)i + 1);
        seen[landmark] = true;
        layout.landmarks[layout.count++] = (uint8_t)landmark;
    }
    *out = layout;
    return true;
}

/* ---- the layouts that are known ---- */

enum { FURTHER_MAX = 18 };

/* Vertebrae from above, of each its upper corners, then its lower ones, FIRST before SECOND; then further landmarks. */
struct layout_row {
    enum measure_view view;
    bool by_image, has_vertebrae;
    enum spine_level from, to;
    int further;
    uint8_t landmarks[FURTHER_MAX];
};

#define S1_PLATE LEVEL_S1 *VERTEBRA_CORNERS + UPPER_FIRST, LEVEL_S1 *VERTEBRA_CORNERS + UPPER_SECOND
#define BOTH(PAIR) PAIR, PAIR + 1
#define LEG(SIDE) \
    FEMORAL_HEAD + (SIDE), FEMORAL_HEAD_TOP + (SIDE), KNEE + (SIDE), ANKLE + (SIDE), TIBIAL_PLAFOND + (SIDE), \
        CONDYLE_LATERAL + (SIDE), CONDYLE_MEDIAL + (SIDE), PLATEAU_LATERAL + (SIDE), PLATEAU_MEDIAL + (SIDE)

const char *const keypoint_layouts[] = {
    "spine_lateral",  "lumbar_lateral", "pelvis_lateral", "spine_frontal", "whole_spine_frontal",
    "pelvis_frontal", "legs_frontal",   "foot",           "chest_frontal", NULL
};
static const struct layout_row rows[] = {
    { VIEW_LATERAL, false, true, LEVEL_C2, LEVEL_S1, 2, { BOTH(FEMORAL_HEAD) } },
    { VIEW_LATERAL, false, true, LEVEL_L1, LEVEL_S1 - 1, 4, { S1_PLATE, BOTH(FEMORAL_HEAD) } },
    { VIEW_LATERAL, false, false, 0, 0, 4, { S1_PLATE, BOTH(FEMORAL_HEAD) } },
    { VIEW_FRONTAL, true, true, LEVEL_T1, LEVEL_S1 - 1, 0, { 0 } },
    { VIEW_FRONTAL, true, true, LEVEL_C7, LEVEL_S1, 0, { 0 } },
    { VIEW_FRONTAL,
      false,
      false,
      0,
      0,
      10,
      { BOTH(FEMORAL_HEAD), BOTH(ACETABULAR_EDGE), BOTH(TEARDROP), BOTH(TRIRADIATE), BOTH(ILIAC_CREST) } },
    { VIEW_FRONTAL, false, false, 0, 0, 18, { LEG(0), LEG(1) } },
    { VIEW_ANY,
      false,
      false,
      0,
      0,
      6,
      { FIRST_METATARSAL_BASE, FIRST_METATARSAL_HEAD, PHALANX_BASE, PHALANX_HEAD, SECOND_METATARSAL_BASE,
        SECOND_METATARSAL_HEAD } },
    { VIEW_FRONTAL, false, false, 0, 0, 4, { BOTH(HEART_BORDER), BOTH(RIB_EDGE) } },
};
NAMES_REACH(keypoint_layouts, sizeof(rows) / sizeof(rows[0]));

bool keypoint_layout_named(struct str name, struct keypoint_layout *out)
{
    size_t number = 0;
    while (keypoint_layouts[number] && !str_equal(name, str_from(keypoint_layouts[number])))
        number++;
    if (!keypoint_layouts[number])
        return false;
    const struct layout_row *row = &rows[number];
    *out = (struct keypoint_layout){ .view = row->view, .by_image = row->by_image };
    if (row->has_vertebrae)
        for (int n = (int)row->from * VERTEBRA_CORNERS; n < ((int)row->to + 1) * VERTEBRA_CORNERS; n++)
            out->landmarks[out->count++] = (uint8_t)n;
    for (int i = 0; i < row->further; i++)
        out->landmarks[out->count++] = row->landmarks[i];
    return true;
}
