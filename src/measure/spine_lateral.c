/* spine_lateral.c - measurements of lateral spine films. Names and signs are those of the Scoliosis Research Society's
 * terminology and of the Spinal Deformity Study Group's manual, forward being positive, except that lordosis is
 * positive where it is lordotic; each row says its own. */
#include "measure/plane.h"
#include "measure/rows.h"

#include <math.h>

/* The endplate from its posterior point `index` to the anterior one after it. */
static bool endplate(const struct measure_input *in, int64_t index, struct measure_point *out, struct error *error)
{
    struct measure_point posterior = plane_lateral(in, index), anterior = plane_lateral(in, index + 1);
    if (anterior.x < posterior.x)
        return error_set(error, E_INVALID,
                         "facing %s, the anterior point of an endplate must lie %s of the posterior one",
                         measure_sides[in->facing - 1], measure_sides[in->facing - 1]);
    *out = plane_from_to(posterior, anterior);
    return plane_differ(posterior, anterior, error);
}

static double slope_of(struct measure_point endplate)
{
    return measure_turn((struct measure_point){ 1, 0 }, endplate);
}

/* Its slope: the turn from straight forward, positive where the front is lower. */
static bool slope_at(const struct measure_input *in, int64_t index, double *out, struct error *error)
{
    struct measure_point plate;
    if (!endplate(in, index, &plate, error))
        return false;
    *out = slope_of(plate);
    return true;
}

static bool slope(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    return slope_at(in, 0, &values[0], error);
}

static bool kyphosis(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    double upper, lower;
    if (!slope_at(in, 0, &upper, error) || !slope_at(in, 2, &lower, error))
        return false;
    values[0] = upper - lower;
    return true;
}

static bool lordosis(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!kyphosis(in, values, error))
        return false;
    values[0] = -values[0];
    return true;
}

/* The lower endplates of C2 and C7, the upper one of T1. */
static bool ts_cl(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!slope_at(in, 4, &values[1], error) || !lordosis(in, values, error))
        return false;
    values[2] = values[0];
    values[0] = values[1] - values[2];
    return true;
}

/* ---- pelvis ---- */

/* From `index` on: posterior and anterior end of the S1 endplate, centres of one or both femoral heads. The plate and
 * its middle, and the hip axis, which is the middle of both centres. */
struct pelvis {
    struct measure_point plate, middle, hips;
};

static bool find_pelvis(const struct measure_input *in, int64_t index, struct pelvis *out, struct error *error)
{
    if (!endplate(in, index, &out->plate, error))
        return false;
    out->middle = plane_between(plane_lateral(in, index), plane_lateral(in, index + 1));
    out->hips = plane_lateral(in, index + 2);
    if (in->count > index + 3)
        out->hips = plane_between(out->hips, plane_lateral(in, index + 3));
    return measure_distance(out->middle, out->hips) > 0 ||
           error_set(error, E_INVALID, "the hip axis coincides with the middle of the sacral endplate");
}

/* From straight down to the hip axis, positive where the hips lie in front of the sacrum. In this turned plane (x
 * forward, y down) going from down to forward is against measure_turn's sense. */
static double tilt_of(const struct pelvis *pelvis)
{
    return -measure_turn((struct measure_point){ 0, 1 }, plane_from_to(pelvis->middle, pelvis->hips));
}

/* From the plate's perpendicular, not by adding PT and SS, so that PI = PT + SS can be checked. */
static double incidence_of(const struct pelvis *pelvis)
{
    struct measure_point perpendicular = { -pelvis->plate.y, pelvis->plate.x };
    return -measure_turn(perpendicular, plane_from_to(pelvis->middle, pelvis->hips));
}

static bool pelvic_tilt(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct pelvis pelvis;
    if (!find_pelvis(in, 0, &pelvis, error))
        return false;
    values[0] = tilt_of(&pelvis);
    return true;
}

static bool pelvic_incidence(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct pelvis pelvis;
    if (!find_pelvis(in, 0, &pelvis, error))
        return false;
    values[0] = incidence_of(&pelvis);
    values[1] = tilt_of(&pelvis);
    values[2] = slope_of(pelvis.plate);
    values[3] = remainder(values[0] - (values[1] + values[2]), 360);
    return true;
}

/* The upper endplate of L1, then the pelvis. */
static bool pi_ll(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct pelvis pelvis;
    if (!find_pelvis(in, 2, &pelvis, error) || !lordosis(in, values, error))
        return false;
    values[1] = incidence_of(&pelvis);
    values[2] = values[0];
    values[0] = values[1] - values[2];
    return true;
}

/* ---- balance ---- */

/* How far the vertical through the first point lies in front of the second. */
static bool shift_from_second(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = plane_lateral(in, 0).x - plane_lateral(in, 1).x;
    return true;
}

/* A vertebra's centre, then the pelvis: from the line that leads from the hip axis up to the sacrum, forward to the one
 * that leads from `from` to the vertebra. Upwards, forward is measure_turn's own sense. */
static bool tilt_from(const struct measure_input *in, const struct pelvis *pelvis, struct measure_point from,
                      double *out, struct error *error)
{
    struct measure_point vertebra = plane_lateral(in, 0);
    if (!plane_differ(from, vertebra, error))
        return false;
    *out = measure_turn(plane_from_to(pelvis->hips, pelvis->middle), plane_from_to(from, vertebra));
    return true;
}

static bool t1_pelvic_angle(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct pelvis pelvis;
    return find_pelvis(in, 1, &pelvis, error) && tilt_from(in, &pelvis, pelvis.hips, &values[0], error);
}

static bool global_tilt(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct pelvis pelvis;
    return find_pelvis(in, 1, &pelvis, error) && tilt_from(in, &pelvis, pelvis.middle, &values[0], error);
}

#define T1_PLATE \
    { "posterior end of the T1 upper endplate", "T1上终板后缘" }, \
    { \
        "anterior end of the T1 upper endplate", "T1上终板前缘" \
    }
#define C2_C7_PLATES \
    { "posterior end of the C2 lower endplate", "C2下终板后缘" }, \
        { "anterior end of the C2 lower endplate", "C2下终板前缘" }, \
        { "posterior end of the C7 lower endplate", "C7下终板后缘" }, \
    { \
        "anterior end of the C7 lower endplate", "C7下终板前缘" \
    }
#define S1_PLATE \
    { "posterior end of the S1 upper endplate", "S1上终板后缘" }, \
    { \
        "anterior end of the S1 upper endplate", "S1上终板前缘" \
    }
#define FEMORAL_HEADS \
    { "centre of a femoral head", "一侧股骨头中心" }, \
    { \
        "centre of the other femoral head (left out where they coincide)", "对侧股骨头中心(两者重合时可省略)" \
    }

#define LEGAYE \
    "Legaye J, Duval-Beaupère G, Hecquet J, Marty C. Pelvic incidence: a fundamental pelvic parameter for " \
    "three-dimensional regulation of spinal sagittal curves. Eur Spine J 1998;7:99-103"
#define SCHEER \
    "Scheer JK, Tang JA, Smith JS, et al. Cervical spine alignment, sagittal deformity, and clinical implications: a " \
    "review. J Neurosurg Spine 2013;19:141-159"

const struct measure_kind lateral_spine_kinds[LATERAL_SPINE_KINDS] = {
    { .name = "t1_slope",
      .lines = "0-1",
      .title = { "T1 slope", "T1倾角" },
      .view = VIEW_LATERAL,
      .min_points = 2,
      .max_points = 2,
      .points = { T1_PLATE },
      .values = { ANGLE("t1_slope", "Against the horizontal; positive where the front is lower.",
                        "与水平线的夹角;前缘较低为正。") },
      .compute = slope,
      .source =
          "Knott PT, Mardjetko SM, Techy F. The use of the T1 sagittal angle in predicting overall sagittal balance "
          "of the spine. Spine J 2010;10:994-998",
      .doc = { "Slope of T1 in the sagittal plane.", "矢状面上T1上终板的倾角。" } },
    { .name = "thoracic_kyphosis",
      .lines = "0-1 2-3",
      .title = { "Thoracic kyphosis", "胸椎后凸角" },
      .view = VIEW_LATERAL,
      .min_points = 4,
      .max_points = 4,
      .points = { { "posterior end of the upper vertebra's upper endplate (T4; T2 or T5 where that is agreed)",
                    "上位椎体上终板后缘(通常为T4,也可约定T2或T5)" },
                  { "its anterior end", "该终板前缘" },
                  { "posterior end of the T12 lower endplate", "T12下终板后缘" },
                  { "anterior end of the T12 lower endplate", "T12下终板前缘" } },
      .values = { ANGLE("thoracic_kyphosis", "Positive where kyphotic, negative where lordotic.",
                        "后凸为正,前凸为负。") },
      .compute = kyphosis,
      .source = SDSG_MANUAL,
      .doc = { "Sagittal Cobb angle of the thoracic spine; `label` should name the vertebrae.",
               "胸椎矢状面Cobb角,所取椎体应写入label。" } },
    { .name = "lumbar_lordosis",
      .lines = "0-1 2-3",
      .title = { "Lumbar lordosis", "腰椎前凸角" },
      .view = VIEW_LATERAL,
      .min_points = 4,
      .max_points = 4,
      .points = { { "posterior end of the L1 upper endplate", "L1上终板后缘" },
                  { "anterior end of the L1 upper endplate", "L1上终板前缘" },
                  S1_PLATE },
      .values = { ANGLE("lumbar_lordosis",
                        "Positive where lordotic, negative where kyphotic (the SRS writes lordosis with a minus sign).",
                        "前凸为正,后凸为负(SRS以负号表示前凸)。") },
      .compute = lordosis,
      .source = SDSG_MANUAL,
      .doc = { "Sagittal Cobb angle from the upper endplate of L1 to that of S1.",
               "L1上终板与S1上终板间的矢状面夹角。" } },
    { .name = "sacral_slope",
      .lines = "0-1",
      .title = { "Sacral slope (SS)", "骶骨倾斜角(SS)" },
      .view = VIEW_LATERAL,
      .min_points = 2,
      .max_points = 2,
      .points = { S1_PLATE },
      .values = { ANGLE("sacral_slope", "Against the horizontal; positive where the front is lower.",
                        "与水平线的夹角;前缘较低为正。") },
      .compute = slope,
      .source = LEGAYE,
      .doc = { "Slope of the S1 upper endplate.", "S1上终板与水平线的夹角。" } },
    { .name = "pelvic_tilt",
      .lines = "0-1 01-23",
      .title = { "Pelvic tilt (PT)", "骨盆倾斜角(PT)" },
      .view = VIEW_LATERAL,
      .min_points = 3,
      .max_points = 4,
      .points = { S1_PLATE, FEMORAL_HEADS },
      .values = { ANGLE(
          "pelvic_tilt",
          "Against the vertical; positive where the hip axis lies in front of the sacral endplate's middle.",
          "与铅垂线的夹角;髋轴位于S1上终板中点前方为正。") },
      .compute = pelvic_tilt,
      .source = LEGAYE,
      .doc = { "From the vertical to the line that joins the hip axis and the middle of the S1 upper endplate.",
               "髋轴与S1上终板中点连线和铅垂线的夹角。" } },
    { .name = "pelvic_incidence",
      .lines = "0-1 01-23",
      .title = { "Pelvic incidence (PI)", "骨盆入射角(PI)" },
      .view = VIEW_LATERAL,
      .min_points = 3,
      .max_points = 4,
      .points = { S1_PLATE, FEMORAL_HEADS },
      .values = { ANGLE("pelvic_incidence", "Between the endplate's perpendicular and the line to the hip axis.",
                        "S1上终板垂线与其中点至髋轴连线的夹角。"),
                  ANGLE("pelvic_tilt", "As the measurement pelvic_tilt gives it.", "同骨盆倾斜角。"),
                  ANGLE("sacral_slope", "As the measurement sacral_slope gives it.", "同骶骨倾斜角。"),
                  ANGLE("pi_check", "PI - (PT + SS), each measured by itself: 0 but for rounding.",
                        "PI-(PT+SS),三者各自独立计算,除舍入误差外应为0。") },
      .compute = pelvic_incidence,
      .source = LEGAYE,
      .doc = { "From the perpendicular at the middle of the S1 upper endplate to the line that joins it "
               "and the hip axis.",
               "S1上终板中点处的垂线与该点至髋轴连线的夹角。" } },
    { .name = "sva",
      .lines = "0L1",
      .title = { "Sagittal vertical axis (SVA)", "矢状面垂直轴(SVA)" },
      .view = VIEW_LATERAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the C7 vertebral body", "C7椎体中心" }, { "posterior upper corner of S1", "S1后上角" } },
      .values = { LENGTH("sva", "Across; positive where the C7 plumb line falls in front of the corner.",
                         "水平距离;C7铅垂线位于S1后上角前方为正。") },
      .compute = shift_from_second,
      .source = "Jackson RP, McManus AC. Radiographic analysis of sagittal plane alignment and balance. Spine "
                "1994;19:1611-1618",
      .doc = { "Distance of the C7 plumb line to the posterior upper corner of S1.",
               "C7铅垂线到S1后上角的水平距离。" } },

    /* ---- neck ---- */
    { .name = "cervical_lordosis",
      .lines = "0-1 2-3",
      .title = { "Cervical lordosis (C2-C7)", "颈椎前凸角(C2-C7)" },
      .view = VIEW_LATERAL,
      .min_points = 4,
      .max_points = 4,
      .points = { C2_C7_PLATES },
      .values = { ANGLE("cervical_lordosis", "Positive where lordotic, negative where kyphotic.",
                        "前凸为正,后凸为负。") },
      .compute = lordosis,
      .source = SCHEER,
      .doc = { "Sagittal Cobb angle from the lower endplate of C2 to that of C7.",
               "C2下终板与C7下终板间的矢状面Cobb角。" } },
    { .name = "c2_c7_sva",
      .lines = "0L1",
      .title = { "C2-C7 sagittal vertical axis (cSVA)", "C2-C7矢状面垂直轴(cSVA)" },
      .view = VIEW_LATERAL,
      .standing = true,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the C2 vertebral body", "C2椎体中心" }, { "posterior upper corner of C7", "C7后上角" } },
      .values = { LENGTH("c2_c7_sva", "Across; positive where the C2 plumb line falls in front of the corner.",
                         "水平距离;C2铅垂线位于C7后上角前方为正。") },
      .compute = shift_from_second,
      .source = "Tang JA, Scheer JK, Smith JS, et al. The impact of standing regional cervical sagittal alignment on "
                "outcomes in posterior cervical fusion surgery. Neurosurgery 2012;71:662-669",
      .doc = { "Distance of the C2 plumb line to the posterior upper corner of C7.",
               "C2铅垂线到C7后上角的水平距离。" } },
    { .name = "ts_cl",
      .lines = "0-1 2-3 4-5",
      .title = { "T1 slope minus cervical lordosis (TS-CL)", "T1倾角与颈椎前凸角之差(TS-CL)" },
      .view = VIEW_LATERAL,
      .standing = true,
      .min_points = 6,
      .max_points = 6,
      .points = { C2_C7_PLATES, T1_PLATE },
      .values = { ANGLE("ts_cl", "T1 slope less the lordosis: positive where the neck bends back less than T1 leans.",
                        "T1倾角减颈椎前凸角;前凸小于T1倾角为正。"),
                  ANGLE("t1_slope", "As the measurement t1_slope gives it.", "同T1倾角。"),
                  ANGLE("cervical_lordosis", "As the measurement cervical_lordosis gives it.", "同颈椎前凸角。") },
      .compute = ts_cl,
      .source = "Ames CP, Smith JS, Eastlack R, et al. Reliability assessment of a novel cervical spine deformity "
                "classification system. J Neurosurg Spine 2015;23:673-683",
      .doc = { "What the neck lacks in lordosis against the slope of the vertebra it stands on.",
               "T1倾角与C2-C7前凸角的差值(失匹配)。" } },

    /* ---- spine and pelvis ---- */
    { .name = "pi_ll",
      .lines = "0-1 2-3 23-45",
      .title = { "Pelvic incidence minus lumbar lordosis (PI-LL)", "骨盆入射角与腰椎前凸角之差(PI-LL)" },
      .view = VIEW_LATERAL,
      .standing = true,
      .min_points = 5,
      .max_points = 6,
      .points = { { "posterior end of the L1 upper endplate", "L1上终板后缘" },
                  { "anterior end of the L1 upper endplate", "L1上终板前缘" },
                  S1_PLATE,
                  FEMORAL_HEADS },
      .values = { ANGLE("pi_ll", "Incidence less the lordosis: positive where lordosis is wanting.",
                        "骨盆入射角减腰椎前凸角;前凸不足为正。"),
                  ANGLE("pelvic_incidence", "As the measurement pelvic_incidence gives it.", "同骨盆入射角。"),
                  ANGLE("lumbar_lordosis", "As the measurement lumbar_lordosis gives it.", "同腰椎前凸角。") },
      .compute = pi_ll,
      .source = "Schwab F, Ungar B, Blondel B, et al. Scoliosis Research Society-Schwab adult spinal deformity "
                "classification: a validation study. Spine 2012;37:1077-1082",
      .doc = { "What the lumbar spine lacks in lordosis against its pelvis.",
               "骨盆入射角与L1-S1前凸角的差值(失匹配)。" } },
    { .name = "t1_pelvic_angle",
      .lines = "1-2 12-34 0-34",
      .title = { "T1 pelvic angle (TPA)", "T1骨盆角(TPA)" },
      .view = VIEW_LATERAL,
      .standing = true,
      .min_points = 4,
      .max_points = 5,
      .points = { { "centre of the T1 vertebral body", "T1椎体中心" }, S1_PLATE, FEMORAL_HEADS },
      .values = { ANGLE("t1_pelvic_angle", "Positive where T1 lies in front of the line through hip axis and sacrum.",
                        "T1位于髋轴与骶骨连线前方为正。") },
      .compute = t1_pelvic_angle,
      .source = "Protopsaltis T, Schwab F, Bronsard N, et al. The T1 pelvic angle, a novel radiographic measure of "
                "global sagittal deformity. J Bone Joint Surg Am 2014;96:1631-1640",
      .doc = { "At the hip axis: from the line to the middle of the S1 upper endplate to the line to the centre of T1.",
               "以髋轴为顶点,至S1上终板中点的连线与至T1中心的连线的夹角。" } },
    { .name = "global_tilt",
      .lines = "1-2 12-34 0-12",
      .title = { "Global tilt (GT)", "整体倾斜角(GT)" },
      .view = VIEW_LATERAL,
      .standing = true,
      .min_points = 4,
      .max_points = 5,
      .points = { { "centre of the C7 vertebral body", "C7椎体中心" }, S1_PLATE, FEMORAL_HEADS },
      .values = { ANGLE("global_tilt",
                        "Positive where C7 lies in front of the line that leads from the hip axis through the sacrum.",
                        "C7位于髋轴经骶骨向上延长线的前方为正。") },
      .compute = global_tilt,
      .source = "Obeid I, Boissière L, Yilgor C, et al. Global tilt: a single parameter incorporating spinal and "
                "pelvic sagittal parameters and least affected by patient positioning. Eur Spine J 2016;25:3644-3649",
      .doc = { "From the line through hip axis and middle of the S1 upper endplate to the line from there to the "
               "centre of C7: pelvic tilt and tilt of C7 in one.",
               "髋轴与S1上终板中点连线的延长线,与该中点至C7中心连线的夹角,等于骨盆倾斜角与C7倾斜角之和。" } },
};
