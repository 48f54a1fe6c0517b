/* catalogue.c - one row for each kind of annotation: its points and their order, its values, units and signs, and who
 * computes them. */
#include "measure/compute.h"

#include "base/names.h"

#include <math.h>

const char *const measure_sides[] = { "left", "right", NULL };
const char *const measure_views[] = { "any", "lateral", "frontal", NULL };
NAMES_REACH(measure_sides, SIDE_RIGHT);
NAMES_REACH(measure_views, VIEW_FRONTAL + 1);

#define LENGTH(NAME, EN, ZH) \
    { \
        NAME, MEASURE_LENGTH, \
        { \
            EN, ZH \
        } \
    }
#define AREA(NAME, EN, ZH) \
    { \
        NAME, MEASURE_AREA, \
        { \
            EN, ZH \
        } \
    }
#define ANGLE(NAME, EN, ZH) \
    { \
        NAME, MEASURE_DEGREES, \
        { \
            EN, ZH \
        } \
    }
#define AREA_AND_PERIMETER \
    { \
        AREA("area", "Area.", "面积。"), LENGTH("perimeter", "Length of the outline.", "周长。") \
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

const struct measure_kind measure_kinds[] = {
    /* ---- figures ---- */
    { .name = "point",
      .title = { "Point", "点" },
      .region = REGION_POINT,
      .min_points = 1,
      .max_points = 1,
      .points = { { "the point", "点" } },
      .compute = compute_nothing,
      .doc = { "A mark; its value is that of the pixel it lies in.", "标记点,其值为所在像素的值。" } },
    { .name = "line",
      .title = { "Line", "直线" },
      .min_points = 2,
      .max_points = 2,
      .points = { { "one end", "一端" }, { "other end", "另一端" } },
      .values = { LENGTH("length", "Distance of the two ends.", "两端点间的距离。") },
      .compute = compute_line,
      .doc = { "A straight distance.", "两点间的直线距离。" } },
    { .name = "polyline",
      .title = { "Polyline", "折线" },
      .min_points = 2,
      .max_points = MEASURE_POINTS_MAX,
      .values = { LENGTH("length", "Length along all points.", "沿各点的总长度。") },
      .compute = compute_polyline,
      .doc = { "An open line through its points.", "依次经过各点的不封闭线。" } },
    { .name = "polygon",
      .title = { "Polygon", "多边形" },
      .region = REGION_POLYGON,
      .min_points = 3,
      .max_points = MEASURE_POINTS_MAX,
      .values = AREA_AND_PERIMETER,
      .compute = compute_polygon,
      .doc = { "A closed outline. Where it crosses itself, parts that run the other way round count negative in the "
               "area, and pixels belong by the even-odd rule.",
               "封闭轮廓。轮廓自相交时,反向部分在面积中按负值计算,像素归属按奇偶规则判定。" } },
    { .name = "rectangle",
      .title = { "Rectangle", "矩形" },
      .region = REGION_RECTANGLE,
      .min_points = 2,
      .max_points = 2,
      .points = { { "one corner", "一角" }, { "opposite corner", "对角" } },
      .values = AREA_AND_PERIMETER,
      .compute = compute_rectangle,
      .doc = { "Sides along rows and columns; a turned one is a polygon.", "边与行、列平行;倾斜的矩形请用多边形。" } },
    { .name = "ellipse",
      .title = { "Ellipse", "椭圆" },
      .region = REGION_ELLIPSE,
      .min_points = 2,
      .max_points = 4,
      .values = AREA_AND_PERIMETER,
      .compute = compute_ellipse,
      .doc = { "Two points: opposite corners of the box around it. Four points: the ends of one axis, "
               "then of the other, which may be turned.",
               "两点:外接矩形的对角;四点:一条轴的两端,再另一条轴的两端,可旋转。" } },
    { .name = "angle",
      .title = { "Angle", "角度" },
      .min_points = 3,
      .max_points = 3,
      .points = { { "end of one side", "一边端点" }, { "vertex", "顶点" }, { "end of the other side", "另一边端点" } },
      .values = { ANGLE("angle", "0 to 180.", "0至180度。") },
      .compute = compute_angle,
      .doc = { "The angle between two sides at their vertex.", "两边在顶点处的夹角。" } },
    { .name = "text",
      .title = { "Text", "文字" },
      .min_points = 1,
      .max_points = 1,
      .points = { { "where it stands", "文字位置" } },
      .compute = compute_nothing,
      .doc = { "Words at a place; `label` holds them.", "某处的文字说明,内容在label中。" } },

    /* ---- frontal spine ---- */
    { .name = "cobb",
      .title = { "Cobb angle", "Cobb角" },
      .min_points = 4,
      .max_points = 4,
      .points = { { "one end of the upper end vertebra's upper endplate", "上端椎上终板一端" },
                  { "its other end", "上端椎上终板另一端" },
                  { "the same side's end of the lower end vertebra's lower endplate", "下端椎下终板同侧一端" },
                  { "its other end", "下端椎下终板另一端" } },
      .values = { ANGLE("cobb_angle", "Angle between the two endplates, 0 to 180, without sign.",
                        "两终板间的夹角,0至180度,无正负。") },
      .compute = compute_cobb,
      .doc = { "Curve of the spine between the two most tilted vertebrae: upper endplate of the upper one, lower "
               "endplate of the lower one. Both endplates are drawn from the same side.",
               "弯曲两端倾斜最大的椎体之间的角度:上端椎取上终板,下端椎取下终板,两终板须从同一侧画起。" } },
    { .name = "t1_tilt",
      .title = { "T1 tilt", "T1倾斜角" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "patient's left end of the T1 upper endplate", "T1上终板患者左侧端" },
                  { "patient's right end of the T1 upper endplate", "T1上终板患者右侧端" } },
      .values = { ANGLE("t1_tilt", "Against the horizontal; positive where the patient's left is higher.",
                        "与水平线的夹角;患者左侧较高为正。") },
      .compute = compute_end_to_end_tilt,
      .doc = { "Tilt of T1 in the frontal plane.", "冠状面上T1的倾斜。" } },
    { .name = "csvl_distance",
      .title = { "Coronal balance (C7 plumb line to CSVL)", "冠状面平衡(C7铅垂线至CSVL)" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the C7 vertebral body", "C7椎体中心" },
                  { "middle of the S1 upper endplate", "S1上终板中点" } },
      .values = { LENGTH("csvl_distance", "Across; positive where C7 lies to the patient's right of the CSVL.",
                         "水平距离;C7位于CSVL患者右侧为正。") },
      .compute = compute_shift_from_second,
      .doc = { "Distance of the plumb line from C7 to the centre sacral vertical line.",
               "C7铅垂线到骶骨中央垂线(CSVL)的水平距离。" } },
    { .name = "apical_vertebral_translation",
      .title = { "Apical vertebral translation", "顶椎偏移" },
      .view = VIEW_FRONTAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the apical vertebra or disc", "顶椎(或顶椎间盘)中心" },
                  { "point of the reference vertical: C7 for thoracic curves, middle of S1 for (thoraco)lumbar ones",
                    "参考垂线上的点:胸弯取C7中心,胸腰弯及腰弯取S1中点" } },
      .values = { LENGTH("apical_vertebral_translation", "Across; positive where the apex lies to the patient's right.",
                         "水平距离;顶椎偏向患者右侧为正。") },
      .compute = compute_shift_from_second,
      .doc = { "Distance of the curve's apex to the C7 plumb line (thoracic) or the CSVL (thoracolumbar, lumbar).",
               "弯曲顶点到C7铅垂线(胸弯)或CSVL(胸腰弯、腰弯)的水平距离。" } },
    { .name = "trunk_shift",
      .title = { "Trunk shift", "躯干偏移" },
      .view = VIEW_FRONTAL,
      .min_points = 3,
      .max_points = 3,
      .points = { { "patient's left edge of the rib cage at the level of the apex", "顶椎水平患者左侧胸廓边缘" },
                  { "patient's right edge of the rib cage at that level", "同一水平患者右侧胸廓边缘" },
                  { "middle of the S1 upper endplate", "S1上终板中点" } },
      .values = { LENGTH("trunk_shift", "Across; positive where the trunk lies to the patient's right of the CSVL.",
                         "水平距离;躯干偏向CSVL患者右侧为正。") },
      .compute = compute_trunk_shift,
      .doc = { "Distance of the middle between both rib cage edges to the CSVL.",
               "两侧胸廓边缘中点到CSVL的水平距离。" } },
    { .name = "shoulder_obliquity",
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
      .compute = compute_obliquity,
      .doc = { "Difference in height of the shoulders.", "双肩高度差。" } },
    { .name = "pelvic_obliquity",
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
      .compute = compute_obliquity,
      .doc = { "Tilt of the pelvis in the frontal plane.", "冠状面上骨盆的倾斜。" } },

    /* ---- lateral spine ---- */
    { .name = "t1_slope",
      .title = { "T1 slope", "T1倾角" },
      .view = VIEW_LATERAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "posterior end of the T1 upper endplate", "T1上终板后缘" },
                  { "anterior end of the T1 upper endplate", "T1上终板前缘" } },
      .values = { ANGLE("t1_slope", "Against the horizontal; positive where the front is lower.",
                        "与水平线的夹角;前缘较低为正。") },
      .compute = compute_slope,
      .doc = { "Slope of T1 in the sagittal plane.", "矢状面上T1上终板的倾角。" } },
    { .name = "thoracic_kyphosis",
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
      .compute = compute_kyphosis,
      .doc = { "Sagittal Cobb angle of the thoracic spine; `label` should name the vertebrae.",
               "胸椎矢状面Cobb角,所取椎体应写入label。" } },
    { .name = "lumbar_lordosis",
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
      .compute = compute_lordosis,
      .doc = { "Sagittal Cobb angle from the upper endplate of L1 to that of S1.",
               "L1上终板与S1上终板间的矢状面夹角。" } },
    { .name = "sacral_slope",
      .title = { "Sacral slope (SS)", "骶骨倾斜角(SS)" },
      .view = VIEW_LATERAL,
      .min_points = 2,
      .max_points = 2,
      .points = { S1_PLATE },
      .values = { ANGLE("sacral_slope", "Against the horizontal; positive where the front is lower.",
                        "与水平线的夹角;前缘较低为正。") },
      .compute = compute_slope,
      .doc = { "Slope of the S1 upper endplate.", "S1上终板与水平线的夹角。" } },
    { .name = "pelvic_tilt",
      .title = { "Pelvic tilt (PT)", "骨盆倾斜角(PT)" },
      .view = VIEW_LATERAL,
      .min_points = 3,
      .max_points = 4,
      .points = { S1_PLATE, FEMORAL_HEADS },
      .values = { ANGLE(
          "pelvic_tilt",
          "Against the vertical; positive where the hip axis lies in front of the sacral endplate's middle.",
          "与铅垂线的夹角;髋轴位于S1上终板中点前方为正。") },
      .compute = compute_pelvic_tilt,
      .doc = { "From the vertical to the line that joins the hip axis and the middle of the S1 upper endplate.",
               "髋轴与S1上终板中点连线和铅垂线的夹角。" } },
    { .name = "pelvic_incidence",
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
      .compute = compute_pelvic_incidence,
      .doc = { "From the perpendicular at the middle of the S1 upper endplate to the line that joins it "
               "and the hip axis.",
               "S1上终板中点处的垂线与该点至髋轴连线的夹角。" } },
    { .name = "sva",
      .title = { "Sagittal vertical axis (SVA)", "矢状面垂直轴(SVA)" },
      .view = VIEW_LATERAL,
      .min_points = 2,
      .max_points = 2,
      .points = { { "centre of the C7 vertebral body", "C7椎体中心" }, { "posterior upper corner of S1", "S1后上角" } },
      .values = { LENGTH("sva", "Across; positive where the C7 plumb line falls in front of the corner.",
                         "水平距离;C7铅垂线位于S1后上角前方为正。") },
      .compute = compute_sva,
      .doc = { "Distance of the C7 plumb line to the posterior upper corner of S1.",
               "C7铅垂线到S1后上角的水平距离。" } },
};
/* A constant table for field rows, which a member of the rows above cannot be; a test keeps them equal. */
const char *const measure_names[] = { "point",
                                      "line",
                                      "polyline",
                                      "polygon",
                                      "rectangle",
                                      "ellipse",
                                      "angle",
                                      "text",
                                      "cobb",
                                      "t1_tilt",
                                      "csvl_distance",
                                      "apical_vertebral_translation",
                                      "trunk_shift",
                                      "shoulder_obliquity",
                                      "pelvic_obliquity",
                                      "t1_slope",
                                      "thoracic_kyphosis",
                                      "lumbar_lordosis",
                                      "sacral_slope",
                                      "pelvic_tilt",
                                      "pelvic_incidence",
                                      "sva",
                                      NULL };
NAMES_REACH(measure_names, sizeof(measure_kinds) / sizeof(measure_kinds[0]));
const int measure_kind_count = (int)(sizeof(measure_kinds) / sizeof(measure_kinds[0]));

static bool check(const struct measure_kind *kind, const struct measure_input *in, struct error *error)
{
    if (in->count < kind->min_points || in->count > kind->max_points) {
        if (kind->min_points == kind->max_points)
            return error_set(error, E_INVALID, "%s takes %d points", kind->name, kind->min_points);
        return error_set(error, E_INVALID, "%s takes %d to %d points", kind->name, kind->min_points, kind->max_points);
    }
    for (int64_t i = 0; i < in->count; i++)
        if (!isfinite(in->points[i].x) || !isfinite(in->points[i].y))
            return error_set(error, E_INVALID, "a coordinate is not a finite number");
    if (kind->view == VIEW_LATERAL && in->facing == SIDE_UNKNOWN)
        return error_set(error, E_INVALID, "%s needs `facing`: to which side of the image the patient looks",
                         kind->name);
    if (kind->view == VIEW_FRONTAL && in->patient_left == SIDE_UNKNOWN)
        return error_set(error, E_INVALID, "%s needs `patient_left`: on which side of the image the patient's left is",
                         kind->name);
    return true;
}

bool measure(const struct measure_kind *kind, const struct measure_input *in, struct measure_result *out,
             struct error *error)
{
    double values[MEASURE_VALUES_MAX] = { 0 };
    if (!check(kind, in, error) || !kind->compute(in, values, error))
        return false;
    *out = (struct measure_result){ .count = 0 };
    for (int i = 0; i < MEASURE_VALUES_MAX && kind->values[i].name; i++) {
        out->values[i].name = kind->values[i].name;
        out->values[i].value = values[i] + 0.0; /* no negative zero */
        out->values[i].unit = kind->values[i].unit;
        out->count++;
    }
    return true;
}
