/* hips.c - the acetabulum on frontal films of the pelvis. The pelvis' own horizontal is the line through the same point
 * of both hips, so that a tilted film changes nothing; without the other hip it is the image's. Points are turned
 * outwards (plane.h). */
#include "measure/plane.h"
#include "measure/rows.h"

#include <math.h>

static const double right_angle = 90;

/* The way outwards along the pelvis' horizontal: from point `other` of the other hip to the same point of this one. */
static bool find_horizontal(const struct measure_input *in, int64_t here, int64_t other, struct measure_point *out,
                            struct error *error)
{
    *out = (struct measure_point){ 1, 0 };
    if (other >= in->count)
        return true;
    *out = plane_from_to(plane_outward(in, other), plane_outward(in, here));
    return plane_outer_is_outer(in, here, other, error);
}

/* Head's centre, edge of the roof, centre of the other head. */
static bool centre_edge(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point centre = plane_outward(in, 0), edge = plane_outward(in, 1), horizontal;
    if (!plane_differ(centre, edge, error) || !find_horizontal(in, 0, 2, &horizontal, error))
        return false;
    values[0] = measure_turn((struct measure_point){ horizontal.y, -horizontal.x }, plane_from_to(centre, edge));
    return fabs(values[0]) < right_angle ||
           error_set(error, E_INVALID, "the edge of the acetabulum must lie above the centre of the femoral head");
}

/* Inner end of a line that climbs outwards to the edge of the roof, the edge, the other side's inner end. */
static bool climb(const struct measure_input *in, double *out, struct error *error)
{
    struct measure_point horizontal;
    if (!find_horizontal(in, 0, 2, &horizontal, error) || !plane_outer_is_outer(in, 1, 0, error))
        return false;
    *out = -measure_turn(horizontal, plane_from_to(plane_outward(in, 0), plane_outward(in, 1)));
    return true;
}

static bool sharp(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    return climb(in, &values[0], error) &&
           (values[0] > 0 ||
            error_set(error, E_INVALID, "the edge of the acetabulum must lie above the tip of the teardrop"));
}

static bool acetabular_index(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    return climb(in, &values[0], error);
}

#define ROOF_EDGE \
    { \
        "lateral edge of the acetabulum", "髋臼外上缘" \
    }

const struct measure_kind hip_kinds[HIP_KINDS] = {
    { .name = "centre_edge_angle",
      .lines = "0-1 0-2",
      .title = { "Centre-edge angle (Wiberg)", "中心边缘角(Wiberg角,CE角)" },
      .view = VIEW_FRONTAL,
      .sided = true,
      .min_points = 2,
      .max_points = 3,
      .points = { { "centre of the femoral head", "股骨头中心" },
                  ROOF_EDGE,
                  { "centre of the other femoral head (left out: the image's vertical is used)",
                    "对侧股骨头中心(省略时以图像的铅垂线为准)" } },
      .values = { ANGLE("centre_edge_angle", "Positive where the edge lies outside the head's centre, -90 to 90.",
                        "髋臼外缘位于股骨头中心外侧为正,-90至90度。") },
      .compute = centre_edge,
      .source = "Wiberg G. Studies on dysplastic acetabula and congenital subluxation of the hip joint. Acta Chir "
                "Scand 1939;83 Suppl 58:1-135",
      .doc = { "At the head's centre: from the perpendicular of the line through both heads' centres to the line to "
               "the lateral edge of the acetabulum.",
               "以股骨头中心为顶点,两侧股骨头中心连线的垂线与至髋臼外上缘连线的夹角。" } },
    { .name = "sharp_angle",
      .lines = "0-1 0-2",
      .title = { "Acetabular angle (Sharp)", "髋臼角(Sharp角)" },
      .view = VIEW_FRONTAL,
      .sided = true,
      .min_points = 2,
      .max_points = 3,
      .points = { { "lower tip of the teardrop", "泪滴下缘" },
                  ROOF_EDGE,
                  { "lower tip of the other teardrop (left out: the image's horizontal is used)",
                    "对侧泪滴下缘(省略时以图像的水平线为准)" } },
      .values = { ANGLE("sharp_angle", "Between the line and the horizontal of the pelvis, always above 0.",
                        "连线与骨盆水平线的夹角,恒大于0。") },
      .compute = sharp,
      .source = "Sharp IK. Acetabular dysplasia: the acetabular angle. J Bone Joint Surg Br 1961;43-B:268-272",
      .doc = { "From the line through both teardrops to the line from the teardrop to the lateral edge of the "
               "acetabulum.",
               "两侧泪滴连线与泪滴至髋臼外上缘连线的夹角。" } },
    { .name = "acetabular_index",
      .lines = "0-1 0-2",
      .title = { "Acetabular index (Hilgenreiner)", "髋臼指数(Hilgenreiner)" },
      .view = VIEW_FRONTAL,
      .sided = true,
      .min_points = 3,
      .max_points = 3,
      .points = { { "lowest point of the ilium at the triradiate cartilage", "髂骨在Y形软骨处的最低点" },
                  ROOF_EDGE,
                  { "lowest point of the other ilium at the triradiate cartilage", "对侧髂骨在Y形软骨处的最低点" } },
      .values = { ANGLE("acetabular_index", "Positive where the roof climbs outwards.", "髋臼顶向外上方升高为正。") },
      .compute = acetabular_index,
      .source = "Hilgenreiner H. Zur Frühdiagnose und Frühbehandlung der angeborenen Hüftgelenkverrenkung. Med Klin "
                "1925;21:1385-1388; values: Tönnis D. Clin Orthop Relat Res 1976;119:39-47",
      .doc = { "From Hilgenreiner's line, through both triradiate cartilages, to the line along the roof of the "
               "acetabulum; of children.",
               "经两侧Y形软骨的Hilgenreiner线与髋臼顶连线的夹角,用于儿童。" } },
};
