/* figures.c - the plain figures, and what they give: lengths, areas, angles. */
#include "measure/rows.h"

#include <math.h>

static bool nothing(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)in, (void)values, (void)error;
    return true;
}

static bool line(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    values[0] = measure_path(in, false);
    return values[0] > 0 || error_set(error, E_INVALID, "the two ends of the line coincide");
}

static bool polyline(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = measure_path(in, false);
    return true;
}

static bool polygon(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    (void)error;
    values[0] = measure_polygon_area(in);
    values[1] = measure_path(in, true);
    return true;
}

static bool rectangle(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point a = measure_scaled(in, 0), b = measure_scaled(in, 1);
    double width = fabs(b.x - a.x), height = fabs(b.y - a.y);
    values[0] = width * height;
    values[1] = 2 * (width + height);
    return values[0] > 0 || error_set(error, E_INVALID, "the two corners lie on one line along the image's side");
}

/* Two points: opposite corners of the box around it. Four: the ends of one axis and of the other. */
static bool ellipse(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (in->count == 3)
        return error_set(error, E_INVALID, "an ellipse has 2 points (corners of its box) or 4 (ends of its axes)");
    const struct measure_point *p = in->points;
    struct measure_point first = measure_scaled(in, 0), second = measure_scaled(in, 1);
    struct measure_point a = { (second.x - first.x) / 2, 0 }, b = { 0, (second.y - first.y) / 2 };
    if (in->count == 4) {
        if (fabs(p[0].x + p[1].x - p[2].x - p[3].x) > 2 || fabs(p[0].y + p[1].y - p[2].y - p[3].y) > 2)
            return error_set(error, E_INVALID, "the two axes of the ellipse do not halve each other");
        struct measure_point third = measure_scaled(in, 2), fourth = measure_scaled(in, 3);
        a.y = b.y;
        b = (struct measure_point){ (fourth.x - third.x) / 2, (fourth.y - third.y) / 2 };
    }
    values[0] = measure_ellipse_area(a, b);
    values[1] = measure_ellipse_perimeter(a, b);
    return values[0] > 0 || error_set(error, E_INVALID, "the ellipse has no area");
}

static bool angle(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    struct measure_point a = measure_scaled(in, 0), vertex = measure_scaled(in, 1), b = measure_scaled(in, 2);
    if (measure_distance(a, vertex) <= 0 || measure_distance(b, vertex) <= 0)
        return error_set(error, E_INVALID, "an end of the angle coincides with its vertex");
    values[0] = fabs(measure_turn((struct measure_point){ a.x - vertex.x, a.y - vertex.y },
                                  (struct measure_point){ b.x - vertex.x, b.y - vertex.y }));
    return true;
}

#define AREA_AND_PERIMETER \
    { \
        AREA("area", "Area.", "面积。"), LENGTH("perimeter", "Length of the outline.", "周长。") \
    }

const struct measure_kind figure_kinds[FIGURE_KINDS] = {
    { .name = "point",
      .title = { "Point", "点" },
      .region = REGION_POINT,
      .min_points = 1,
      .max_points = 1,
      .points = { { "the point", "点" } },
      .compute = nothing,
      .doc = { "A mark; its value is that of the pixel it lies in.", "标记点,其值为所在像素的值。" } },
    { .name = "line",
      .lines = "0-1",
      .title = { "Line", "直线" },
      .min_points = 2,
      .max_points = 2,
      .points = { { "one end", "一端" }, { "other end", "另一端" } },
      .values = { LENGTH("length", "Distance of the two ends.", "两端点间的距离。") },
      .compute = line,
      .doc = { "A straight distance.", "两点间的直线距离。" } },
    { .name = "polyline",
      .title = { "Polyline", "折线" },
      .min_points = 2,
      .max_points = MEASURE_POINTS_MAX,
      .values = { LENGTH("length", "Length along all points.", "沿各点的总长度。") },
      .compute = polyline,
      .doc = { "An open line through its points.", "依次经过各点的不封闭线。" } },
    { .name = "polygon",
      .title = { "Polygon", "多边形" },
      .region = REGION_POLYGON,
      .min_points = 3,
      .max_points = MEASURE_POINTS_MAX,
      .values = AREA_AND_PERIMETER,
      .compute = polygon,
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
      .compute = rectangle,
      .doc = { "Sides along rows and columns; a turned one is a polygon.", "边与行、列平行;倾斜的矩形请用多边形。" } },
    { .name = "ellipse",
      .title = { "Ellipse", "椭圆" },
      .region = REGION_ELLIPSE,
      .min_points = 2,
      .max_points = 4,
      .values = AREA_AND_PERIMETER,
      .compute = ellipse,
      .doc = { "Two points: opposite corners of the box around it. Four points: the ends of one axis, "
               "then of the other, which may be turned.",
               "两点:外接矩形的对角;四点:一条轴的两端,再另一条轴的两端,可旋转。" } },
    { .name = "angle",
      .lines = "0-1 1-2",
      .title = { "Angle", "角度" },
      .min_points = 3,
      .max_points = 3,
      .points = { { "end of one side", "一边端点" }, { "vertex", "顶点" }, { "end of the other side", "另一边端点" } },
      .values = { ANGLE("angle", "0 to 180.", "0至180度。") },
      .compute = angle,
      .doc = { "The angle between two sides at their vertex.", "两边在顶点处的夹角。" } },
    { .name = "text",
      .title = { "Text", "文字" },
      .min_points = 1,
      .max_points = 1,
      .points = { { "where it stands", "文字位置" } },
      .compute = nothing,
      .doc = { "Words at a place; `label` holds them.", "某处的文字说明,内容在label中。" } },
};
