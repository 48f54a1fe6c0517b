/* keypoints.h - from the points that a model found on a film to the measurements of the catalogue.
 *
 *     struct keypoint_layout layout;                                        // which point is which: the model's card
 *     if (!keypoint_layout_named(S("spine_lateral"), &layout)) ...          // or keypoint_layout_of(names, count, ...)
 *     struct keypoint points[KEYPOINTS_MAX];
 *     struct pose_tensor pose = { output, 300, 5 + 3 * layout.count };      // a YOLO-pose network's output
 *     struct keypoint_scaling scaling = { 0.25, 0.25, .left = 80 };         // how the film was fitted into its input
 *     if (!keypoints_of_pose(&pose, &layout, &scaling, 0.5, points, &score, &error)) ...      // words
 *     struct keypoint_film film = { .columns = 2000, .rows = 2560, .column = 0.15, .row = 0.15, .threshold = 0.5,
 *                                   .facing = SIDE_RIGHT, .standing = true };
 *     int count = keypoints_measure(&layout, points, &film, found);
 *     found[0]: pelvic_tilt, result.values[0] 14.2, made of 4 points, confidence 0.83
 *     found[1]: c2_c7_sva, not measured, remark "c2_upper_anterior: confidence 0.12 is below 0.50"
 *
 * A key point is a place on the film in pixels (measure.h) with a confidence from 0 to 1. A layout says which landmark
 * each of a model's points is, in the order of its output. Landmarks are named:
 *
 *     c7_upper_posterior     corner of a vertebra: c2 ... c7, t1 ... t12, l1 ... l5, s1; upper, lower;
 *                            posterior, anterior on lateral films, left, right (of the patient) on frontal ones
 *     femoral_head_left      one of two: the patient's left or right one; on lateral films one and the other
 *     heart_border_right     ... all in keypoint_landmark_name
 *     first_metatarsal_head  one of one (of a single foot)
 *
 * From there a table leads to each measurement: which landmarks make each of its points, one by one, or several by
 * their middle (the centre of C7 is that of its four corners). All of those are told whose landmarks the layout holds,
 * of each side where there are two, measured or with the reason why not:
 *
 *   - A point whose confidence is below the threshold is missing, one whose coordinates or confidence are no finite
 *     numbers in their range, or that lies outside the film, is not used. Nothing is guessed in its place: the hip axis
 *     is made of both heads where the layout has both.
 *   - Vertebrae must be possible: their corners in the order of a quadrangle that is not crossed, on the sides that
 *     were told, each vertebra above the next. What is not is not used.
 *   - What the catalogue refuses (measure.h) is not measured either: sides that were not told, a lying patient.
 *
 * Of a frontal spine the Cobb angle is the largest between the upper endplate of one vertebra and the lower endplate of
 * one below, over the vertebrae that were found; `label` names the two, `remark` those that were not found. The model
 * does not say which curve a surgeon means: further curves are drawn by hand.
 *
 * A measurement's points are those an annotation of its kind takes, so that it can be stored with the model as its
 * source, measured again by the server, and corrected by a doctor. All functions are pure and allocate nothing.
 */
#ifndef ROENTGEN_KEYPOINTS_H
#define ROENTGEN_KEYPOINTS_H

#include "measure/measure.h"

enum { KEYPOINTS_MAX = 128, KEYPOINTS_USED_MAX = 12, KEYPOINT_MEASUREMENTS_MAX = 32, LANDMARK_NAME_MAX = 32 };

/* ---- keypoint_layouts.c: landmarks and the layouts that are known ---- */

enum spine_level {
    LEVEL_C2,
    LEVEL_C7 = 5,
    LEVEL_T1,
    LEVEL_T4 = 9,
    LEVEL_T12 = 17,
    LEVEL_L1,
    LEVEL_S1 = 23,
    SPINE_LEVELS
};

/* Corners of a vertebra. FIRST is posterior or the patient's left, SECOND anterior or the patient's right. */
enum vertebra_corner { UPPER_FIRST, UPPER_SECOND, LOWER_FIRST, LOWER_SECOND, VERTEBRA_CORNERS };

/* A landmark is a number: level * VERTEBRA_CORNERS + corner, or one of these. Of pairs the left one; the right one is
 * the next number. */
enum landmark {
    LANDMARK_PAIRS = SPINE_LEVELS * VERTEBRA_CORNERS,
    FEMORAL_HEAD = LANDMARK_PAIRS,
    FEMORAL_HEAD_TOP = FEMORAL_HEAD + 2,
    KNEE = FEMORAL_HEAD_TOP + 2,
    ANKLE = KNEE + 2,
    TIBIAL_PLAFOND = ANKLE + 2,
    CONDYLE_LATERAL = TIBIAL_PLAFOND + 2,
    CONDYLE_MEDIAL = CONDYLE_LATERAL + 2,
    PLATEAU_LATERAL = CONDYLE_MEDIAL + 2,
    PLATEAU_MEDIAL = PLATEAU_LATERAL + 2,
    ACETABULAR_EDGE = PLATEAU_MEDIAL + 2,
    TEARDROP = ACETABULAR_EDGE + 2,
    TRIRADIATE = TEARDROP + 2,
    ILIAC_CREST = TRIRADIATE + 2,
    SHOULDER = ILIAC_CREST + 2,
    HEART_BORDER = SHOULDER + 2,
    RIB_EDGE = HEART_BORDER + 2,
    FIRST_METATARSAL_BASE = RIB_EDGE + 2, /* from here on there is one of each */
    FIRST_METATARSAL_HEAD,
    PHALANX_BASE,
    PHALANX_HEAD,
    SECOND_METATARSAL_BASE,
    SECOND_METATARSAL_HEAD,
    LANDMARKS
};

struct keypoint_layout {
    enum measure_view view;
    /* Of frontal vertebrae: FIRST is the corner on the left of the image, not of the patient, as networks are trained
     * that see films without being told how they hang. */
    bool by_image;
    int count;
    uint8_t landmarks[KEYPOINTS_MAX]; /* in the order of the model's points */
};

/* "c7_upper_posterior", as a layout of this view calls it. Returns `out`. */
const char *keypoint_landmark_name(int landmark, enum measure_view view, char out[LANDMARK_NAME_MAX]);

/* Names of the layouts that are known, NULL at their end; docs/measurements.md says what each holds. */
extern const char *const keypoint_layouts[];
bool keypoint_layout_named(struct str name, struct keypoint_layout *out); /* false: there is none */
/* Any other, by its landmarks' names in the order of the model's points. E_INVALID: a name that is none of this view,
 * one that comes twice, none, or more than KEYPOINTS_MAX. */
bool keypoint_layout_of(enum measure_view view, const struct str *names, int64_t count, struct keypoint_layout *out,
                        struct error *error);

/* ---- keypoint_pose.c: what a network gives ---- */

struct keypoint {
    double x, y, confidence; /* pixels of the film; 0 to 1 */
};

/* Float32, [detections, 5 + 3 K]: four of the box, its score, then x, y, confidence of each of K points, in pixels of
 * the network's input. `by_column`: [5 + 3 K, detections], as networks give it that were exported without their last
 * step. */
struct pose_tensor {
    const float *values;
    int64_t detections, width; /* width: 5 + 3 K */
    bool by_column;
};

/* The film in the network's input: a pixel of the film is scale_x by scale_y pixels large there, and its upper left
 * corner lies at left, top (0 unless it was padded). */
struct keypoint_scaling {
    double scale_x, scale_y, left, top;
};

/* The points of the detection with the highest score, on the film; where a value is no finite number it stays so. The
 * tensor must have width * detections values. E_INVALID with words: another width than the layout takes, a scaling that
 * is none, no score from 0 to 1, or none that reaches the threshold. */
bool keypoints_of_pose(const struct pose_tensor *pose, const struct keypoint_layout *layout,
                       const struct keypoint_scaling *scaling, double threshold, struct keypoint out[KEYPOINTS_MAX],
                       double *score, struct error *error);

/* ---- keypoints.c: what they measure ---- */

struct keypoint_film {
    int64_t columns, rows;
    double column, row; /* as in struct measure_input */
    enum measure_side facing, patient_left;
    bool standing;
    double threshold; /* of the points' confidence, 0 to 1 */
};

struct keypoint_measurement {
    const struct measure_kind *kind;
    enum measure_side laterality; /* of one of two; else unknown */
    struct measure_result result; /* count 0: not measured */
    struct measure_point points[MEASURE_NAMED_MAX];
    int count;                        /* of points; 0: some are missing */
    uint8_t used[KEYPOINTS_USED_MAX]; /* numbers of the model's points that they are made of */
    int used_count;
    double confidence;              /* the lowest of those */
    char label[8];                  /* "T5-T12": what a reader would write beside it; mostly empty */
    char remark[ERROR_MESSAGE_MAX]; /* not measured: why; else what has to be known beside the value */
};

/* All that the layout's points could give, in the order of a table. Returns how many. */
int keypoints_measure(const struct keypoint_layout *layout, const struct keypoint *points,
                      const struct keypoint_film *film, struct keypoint_measurement out[KEYPOINT_MEASUREMENTS_MAX]);

#endif
