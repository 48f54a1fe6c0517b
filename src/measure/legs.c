/* legs.c - long films of the legs, and the foot. Points of the legs are turned outwards (plane.h); a foot may lie any
 * way on its film, and shows by its second metatarsal where its outer side is. */
#include "measure/plane.h"
#include "measure/rows.h"

#include <math.h>

static const double right_angle = 90;

static bool lies_below(const struct measure_input *in, int64_t upper, int64_t lower, struct error *error)
{
    return plane_outward(in, lower).y > plane_outward(in, upper).y ||
           error_set(error, E_INVALID, "point %d must lie below point %d: legs are measured upright", (int)lower + 1,
                     (int)upper + 1);
}

/* The way from one point to another. */
static struct measure_point way(const struct measure_input *in, int64_t from, int64_t to)
{
    return plane_from_to(plane_outward(in, from), plane_outward(in, to));
}

/* ---- lengths ---- */

/* Left: head, plafond; right: the same. */
static bool leg_lengths(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!plane_left_is_left(in, 0, 2, error) || !plane_left_is_left(in, 1, 3, error) || !lies_below(in, 0, 1, error) ||
        !lies_below(in, 2, 3, error))
        return false;
    values[1] = measure_distance(plane_frontal(in, 0), plane_frontal(in, 1));
    values[2] = measure_distance(plane_frontal(in, 2), plane_frontal(in, 3));
    values[0] = values[1] - values[2];
    return true;
}

/* ---- axes ---- */

static bool hip_knee_ankle(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!lies_below(in, 0, 1, error) || !lies_below(in, 1, 2, error))
        return false;
    values[0] = -measure_turn(way(in, 0, 1), way(in, 1, 2)); /* downwards, outwards is against measure_turn's sense */
    return true;
}

/* Hip, knee; lateral and medial end of the condyles' line. */
static bool mldfa(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!lies_below(in, 0, 1, error) || !plane_outer_is_outer(in, 2, 3, error))
        return false;
    values[0] = fabs(measure_turn(way(in, 1, 0), way(in, 3, 2)));
    return true;
}

/* Knee, ankle; lateral and medial end of the plateau's line. */
static bool mpta(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!lies_below(in, 0, 1, error) || !plane_outer_is_outer(in, 2, 3, error))
        return false;
    values[0] = fabs(measure_turn(way(in, 0, 1), way(in, 2, 3)));
    return true;
}

/* Lateral and medial end of the condyles' line, then of the plateau's. */
static bool jlca(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!plane_outer_is_outer(in, 0, 1, error) || !plane_outer_is_outer(in, 2, 3, error))
        return false;
    values[0] = measure_turn(way(in, 1, 0), way(in, 3, 2));
    return true;
}

/* ---- foot ---- */

static double side_of(struct measure_point line, struct measure_point p)
{
    return line.x * p.y - line.y * p.x;
}

/* Base and head of the first metatarsal, of the proximal phalanx, of the second metatarsal. */
static bool hallux_valgus(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point p[6], lines[3];
    for (int i = 0; i < 6; i++)
        p[i] = measure_scaled(in, i);
    for (int i = 0; i < 3; i++) {
        lines[i] = plane_from_to(p[2 * i], p[2 * i + 1]);
        if (!plane_differ(p[2 * i], p[2 * i + 1], error))
            return false;
    }
    double base = side_of(lines[0], plane_from_to(p[0], p[4])), head = side_of(lines[0], plane_from_to(p[0], p[5]));
    if (!((base > 0 && head > 0) || (base < 0 && head < 0)))
        return error_set(error, E_INVALID, "the second metatarsal must lie on one side of the first one's axis");
    double outward = base > 0 ? 1 : -1;
    values[0] = outward * measure_turn(lines[0], lines[1]);
    values[1] = outward * measure_turn(lines[0], lines[2]);
    return (fabs(values[0]) < right_angle && fabs(values[1]) < right_angle) ||
           error_set(error, E_INVALID, "the bones run in opposite directions: draw each from its base to its head");
}

#define HIP_CENTRE \
    { \
        "centre of the femoral head", "股骨头中心" \
    }
#define KNEE_CENTRE \
    { \
        "centre of the knee", "膝关节中心" \
    }
#define ANKLE_CENTRE \
    { \
        "centre of the ankle", "踝关节中心" \
    }
#define CONDYLES \
    { "lateral end of the line along the femoral condyles", "股骨髁远端关节线外侧点" }, \
    { \
        "its medial end", "该线内侧点" \
    }
#define PLATEAU \
    { "lateral end of the line along the tibial plateau", "胫骨平台关节线外侧点" }, \
    { \
        "its medial end", "该线内侧点" \
    }

#define PALEY \
    "Paley D, Herzenberg JE, Tetsworth K, McKie J, Bhave A. Deformity planning for frontal and sagittal plane " \
    "corrective osteotomies. Orthop Clin North Am 1994;25:425-465"

const struct measure_kind leg_kinds[LEG_KINDS] = {
    { .name = "leg_length_difference",
      .lines = "0-1 2-3",
      .title = { "Leg length difference", "双下肢长度差" },
      .view = VIEW_FRONTAL,
      .standing = true,
      .min_points = 4,
      .max_points = 4,
      .points = { { "top of the patient's left femoral head", "患者左侧股骨头顶点" },
                  { "middle of the left tibial plafond", "左侧胫骨远端关节面中点" },
                  { "top of the patient's right femoral head", "患者右侧股骨头顶点" },
                  { "middle of the right tibial plafond", "右侧胫骨远端关节面中点" } },
      .values = { LENGTH("leg_length_difference", "Left less right: positive where the patient's left leg is longer.",
                         "左侧减右侧;患者左下肢较长为正。"),
                  LENGTH("leg_length_left", "Straight from the head's top to the plafond.",
                         "股骨头顶点至胫骨远端关节面的直线距离。"),
                  LENGTH("leg_length_right", "The same on the right.", "右侧的同一距离。") },
      .compute = leg_lengths,
      .source = "Sabharwal S, Kumar A. Methods for assessing leg length discrepancy. Clin Orthop Relat Res "
                "2008;466:2910-2922",
      .doc = { "Difference of the lengths of both legs on one long film.", "同一张下肢全长片上双下肢长度之差。" } },
    { .name = "hip_knee_ankle_angle",
      .lines = "0-1 1-2",
      .title = { "Hip-knee-ankle angle (HKA)", "髋膝踝角(HKA)" },
      .view = VIEW_FRONTAL,
      .standing = true,
      .sided = true,
      .min_points = 3,
      .max_points = 3,
      .points = { HIP_CENTRE, KNEE_CENTRE, ANKLE_CENTRE },
      .values = { ANGLE("hip_knee_ankle_angle",
                        "What is missing to a straight leg: 0 straight, positive valgus (knock-knee), negative varus.",
                        "与直线(180度)的偏差:0为中立,外翻为正,内翻为负。") },
      .compute = hip_knee_ankle,
      .source = "Cooke TDV, Sled EA, Scudamore RA. Frontal plane knee alignment: a call for standardized measurement. "
                "J Rheumatol 2007;34:1796-1801",
      .doc = { "Between the mechanical axes of femur and tibia.", "股骨与胫骨机械轴的夹角。" } },
    { .name = "mldfa",
      .lines = "0-1 2-3",
      .title = { "Mechanical lateral distal femoral angle (mLDFA)", "股骨远端机械外侧角(mLDFA)" },
      .view = VIEW_FRONTAL,
      .sided = true,
      .min_points = 4,
      .max_points = 4,
      .points = { HIP_CENTRE, KNEE_CENTRE, CONDYLES },
      .values = { ANGLE("mldfa", "The lateral angle, 0 to 180, without sign.", "外侧夹角,0至180度,无正负。") },
      .compute = mldfa,
      .source = PALEY,
      .doc = { "Between the mechanical axis of the femur and the line along its condyles.",
               "股骨机械轴与股骨髁关节线的外侧夹角。" } },
    { .name = "mpta",
      .lines = "0-1 2-3",
      .title = { "Medial proximal tibial angle (MPTA)", "胫骨近端内侧角(MPTA)" },
      .view = VIEW_FRONTAL,
      .sided = true,
      .min_points = 4,
      .max_points = 4,
      .points = { KNEE_CENTRE, ANKLE_CENTRE, PLATEAU },
      .values = { ANGLE("mpta", "The medial angle, 0 to 180, without sign.", "内侧夹角,0至180度,无正负。") },
      .compute = mpta,
      .source = PALEY,
      .doc = { "Between the mechanical axis of the tibia and the line along its plateau.",
               "胫骨机械轴与胫骨平台关节线的内侧夹角。" } },
    { .name = "jlca",
      .lines = "0-1 2-3",
      .title = { "Joint line convergence angle (JLCA)", "关节线汇聚角(JLCA)" },
      .view = VIEW_FRONTAL,
      .standing = true,
      .sided = true,
      .min_points = 4,
      .max_points = 4,
      .points = { CONDYLES, PLATEAU },
      .values = { ANGLE("jlca", "Positive where the joint opens on the lateral side.", "关节间隙向外侧张开为正。") },
      .compute = jlca,
      .source = PALEY,
      .doc = { "Between the lines along the femoral condyles and the tibial plateau.",
               "股骨髁关节线与胫骨平台关节线的夹角。" } },
    { .name = "hallux_valgus",
      .lines = "0-1 2-3 4-5",
      .title = { "Hallux valgus and intermetatarsal angle", "拇外翻角与跖骨间角" },
      .standing = true,
      .min_points = 6,
      .max_points = 6,
      .points = { { "middle of the first metatarsal's base", "第一跖骨基底中点" },
                  { "middle of its head", "第一跖骨头中点" },
                  { "middle of the proximal phalanx' base", "拇趾近节趾骨基底中点" },
                  { "middle of its head", "近节趾骨头中点" },
                  { "middle of the second metatarsal's base", "第二跖骨基底中点" },
                  { "middle of its head", "第二跖骨头中点" } },
      .values = { ANGLE("hallux_valgus_angle", "Positive where the big toe leans to the other toes (valgus).",
                        "拇趾偏向其余足趾(外翻)为正。"),
                  ANGLE("intermetatarsal_angle", "Positive where the first two metatarsals part towards the toes.",
                        "第一、二跖骨向远端张开为正。") },
      .compute = hallux_valgus,
      .source = "Hardy RH, Clapham JCR. Observations on hallux valgus. J Bone Joint Surg Br 1951;33-B:376-391; points: "
                "Coughlin MJ, Saltzman CL, Nunley JA. Foot Ankle Int 2002;23:68-74",
      .doc = { "Between the axes of the first metatarsal and of the big toe's proximal phalanx, and between those of "
               "the first and second metatarsals, on a dorsoplantar film.",
               "足正位片上,第一跖骨轴与拇趾近节趾骨轴的夹角,及第一、二跖骨轴的夹角。" } },
};
