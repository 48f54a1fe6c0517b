/* spine_frontal.c - measurements of frontal spine films. Names and signs are those of the Scoliosis Research Society's
 * terminology and of the Spinal Deformity Study Group's manual: to the patient's right is positive, and so is the left
 * side higher. */
#include "measure/plane.h"
#include "measure/rows.h"

#include <math.h>

/* Two endplates, each drawn from the same side of the patient. Drawn crosswise, the lines that join their ends meet,
 * and the angle would be 180 degrees less it; so that is refused. */
static bool cobb(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point a = measure_scaled(in, 0), b = measure_scaled(in, 1);
    struct measure_point c = measure_scaled(in, 2), d = measure_scaled(in, 3);
    if (!plane_differ(a, b, error) || !plane_differ(c, d, error))
        return false;
    if (measure_segments_cross(a, c, b, d))
        return error_set(error, E_INVALID, "the two endplates run in opposite directions: begin both on the same side");
    values[0] = fabs(measure_turn(plane_from_to(a, b), plane_from_to(c, d)));
    return true;
}

/* Patient's left end, right end. Positive where the left is higher. */
static bool end_to_end_tilt(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!plane_left_is_left(in, 0, 1, error))
        return false;
    values[0] = measure_turn((struct measure_point){ 1, 0 }, plane_from_to(plane_frontal(in, 0), plane_frontal(in, 1)));
    return true;
}

static bool obliquity(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    values[1] = plane_frontal(in, 1).y - plane_frontal(in, 0).y;
    return end_to_end_tilt(in, values, error);
}

/* How far the first point lies to the patient's right of the vertical through the second. */
static bool shift_from_second(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = plane_frontal(in, 0).x - plane_frontal(in, 1).x;
    return true;
}

static bool trunk_shift(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    values[0] = plane_between(plane_frontal(in, 0), plane_frontal(in, 1)).x - plane_frontal(in, 2).x;
    return plane_left_is_left(in, 0, 1, error);
}

const struct measure_kind frontal_spine_kinds[FRONTAL_SPINE_KINDS] = {
    { .name = "cobb",
      .lines = "0-1 2-3",
      .title = { "Cobb angle", "Cobb角" },
      .min_points = 4,
      .max_points = 4,
      .points = { { "one end of the upper end vertebra's upper endplate", "上端椎上终板一端" },
                  { "its other end", "上端椎上终板另一端" },
                  { "the same side's end of the lower end vertebra's lower endplate", "下端椎下终板同侧一端" },
                  { "its other end", "下端椎下终板另一端" } },
      .values = { ANGLE("cobb_angle", "Angle between the two endplates, 0 to 180, without sign.",
                        "两终板间的夹角,0至180度,无正负。") },
      .compute = cobb,
      .source = "Cobb JR. Outline for the study of scoliosis. Instr Course Lect 1948;5:261-275",
      .doc = { "Curve of the spine between the two most tilted vertebrae: upper endplate of the upper one, lower "
               "endplate of the lower one. Both endplates are drawn from the same side.",
               "弯曲两端倾斜最大的椎体之间的角度:上端椎取上终板,下端椎取下终板,两终板须从同一侧画起。" } },
    { .name = "t1_tilt",
      .lines = "0-1",
      .title = { "T1 tilt", "T1倾斜角" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "patient's left end of the T1 upper endplate", "T1上终板患者左侧端" },
                  { "patient's right end of the T1 upper endplate", "T1上终板患者右侧端" } },
      .values = { ANGLE("t1_tilt", "Against the horizontal; positive where the patient's left is higher.",
                        "与水平线的夹角;患者左侧较高为正。") },
      .compute = end_to_end_tilt,
      .source = SDSG_MANUAL,
      .doc = { "Tilt of T1 in the frontal plane.", "冠状面上T1的倾斜。" } },
    { .name = "csvl_distance",
      .lines = "0L1",
      .title = { "Coronal balance (C7 plumb line to CSVL)", "冠状面平衡(C7铅垂线至CSVL)" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the C7 vertebral body", "C7椎体中心" },
                  { "middle of the S1 upper endplate", "S1上终板中点" } },
      .values = { LENGTH("csvl_distance", "Across; positive where C7 lies to the patient's right of the CSVL.",
                         "水平距离;C7位于CSVL患者右侧为正。") },
      .compute = shift_from_second,
      .source = SDSG_MANUAL,
      .doc = { "Distance of the plumb line from C7 to the centre sacral vertical line.",
               "C7铅垂线到骶骨中央垂线(CSVL)的水平距离。" } },
    { .name = "apical_vertebral_translation",
      .lines = "0L1",
      .title = { "Apical vertebral translation", "顶椎偏移" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the apical vertebra or disc", "顶椎(或顶椎间盘)中心" },
                  { "point of the reference vertical: C7 for thoracic curves, middle of S1 for (thoraco)lumbar ones",
                    "参考垂线上的点:胸弯取C7中心,胸腰弯及腰弯取S1中点" } },
      .values = { LENGTH("apical_vertebral_translation", "Across; positive where the apex lies to the patient's right.",
                         "水平距离;顶椎偏向患者右侧为正。") },
      .compute = shift_from_second,
      .source = SDSG_MANUAL,
      .doc = { "Distance of the curve's apex to the C7 plumb line (thoracic) or the CSVL (thoracolumbar, lumbar).",
               "弯曲顶点到C7铅垂线(胸弯)或CSVL(胸腰弯、腰弯)的水平距离。" } },
    { .name = "trunk_shift",
      .lines = "0-1 01L2",
      .title = { "Trunk shift", "躯干偏移" },
      .view = VIEW_FRONTAL,
      .min_points = 3,
      .max_points = 3,
      .points = { { "patient's left edge of the rib cage at the level of the apex", "顶椎水平患者左侧胸廓边缘" },
                  { "patient's right edge of the rib cage at that level", "同一水平患者右侧胸廓边缘" },
                  { "middle of the S1 upper endplate", "S1上终板中点" } },
      .values = { LENGTH("trunk_shift", "Across; positive where the trunk lies to the patient's right of the CSVL.",
                         "水平距离;躯干偏向CSVL患者右侧为正。") },
      .compute = trunk_shift,
      .source = SDSG_MANUAL,
      .doc = { "Distance of the middle between both rib cage edges to the CSVL.",
               "两侧胸廓边缘中点到CSVL的水平距离。" } },
    { .name = "shoulder_obliquity",
      .lines = "0-1",
      .title = { "Shoulder obliquity", "双肩倾斜" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "soft tissue above the patient's left acromioclavicular joint", "患者左侧肩锁关节上方软组织影" },
                  { "soft tissue above the patient's right acromioclavicular joint", "患者右侧肩锁关节上方软组织影" } },
      .values = { ANGLE("shoulder_angle", "Against the horizontal; positive where the patient's left is higher.",
                        "与水平线的夹角;患者左侧较高为正。"),
                  LENGTH("shoulder_height", "Difference of heights; positive where the patient's left is higher.",
                         "高度差;患者左侧较高为正。") },
      .compute = obliquity,
      .source = SDSG_MANUAL,
      .doc = { "Difference in height of the shoulders.", "双肩高度差。" } },
    { .name = "pelvic_obliquity",
      .lines = "0-1",
      .title = { "Pelvic obliquity", "骨盆倾斜" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "top of the patient's left iliac crest", "患者左侧髂嵴最高点" },
                  { "top of the patient's right iliac crest", "患者右侧髂嵴最高点" } },
      .values = { ANGLE("pelvic_obliquity", "Against the horizontal; positive where the patient's left is higher.",
                        "与水平线的夹角;患者左侧较高为正。"),
                  LENGTH("pelvic_height", "Difference of heights; positive where the patient's left is higher.",
                         "高度差;患者左侧较高为正。") },
      .compute = obliquity,
      .source = SDSG_MANUAL,
      .doc = { "Tilt of the pelvis in the frontal plane.", "冠状面上骨盆的倾斜。" } },
};
