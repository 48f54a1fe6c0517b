/* chest.c - the heart's width in the chest. */
#include "measure/plane.h"
#include "measure/rows.h"

/* The heart's left and right border, the chest's left and right one. x grows towards the patient's right. */
static bool cardiothoracic_ratio(const struct measure_input *in, double values[MEASURE_VALUES_MAX], struct error *error)
{
    if (!plane_left_is_left(in, 0, 1, error) || !plane_left_is_left(in, 2, 3, error))
        return false;
    double heart_left = plane_frontal(in, 0).x, heart_right = plane_frontal(in, 1).x;
    double chest_left = plane_frontal(in, 2).x, chest_right = plane_frontal(in, 3).x;
    if (heart_left < chest_left || heart_right > chest_right)
        return error_set(error, E_INVALID, "the heart's borders must lie between those of the chest");
    values[1] = heart_right - heart_left;
    values[2] = chest_right - chest_left;
    values[0] = values[1] / values[2];
    return true;
}

const struct measure_kind chest_kinds[CHEST_KINDS] = {
    { .name = "cardiothoracic_ratio",
      .lines = "0-1 2-3",
      .title = { "Cardiothoracic ratio", "心胸比" },
      .view = VIEW_FRONTAL,
      .min_points = 4,
      .max_points = 4,
      .points = { { "the heart's border furthest to the patient's left", "心影患者左侧最外缘" },
                  { "the heart's border furthest to the patient's right", "心影患者右侧最外缘" },
                  { "inner edge of the ribs on the patient's left where the chest is widest",
                    "胸廓最宽处患者左侧肋骨内缘" },
                  { "inner edge of the ribs on the patient's right at that height", "同一水平患者右侧肋骨内缘" } },
      .values = { RATIO("cardiothoracic_ratio", "Width of the heart by that of the chest, 0 to 1.",
                        "心影横径与胸廓内横径之比,0至1。"),
                  LENGTH("heart_width", "Across, between its borders furthest out.", "心影左右最外缘间的水平距离。"),
                  LENGTH("chest_width", "Across, between the inner edges of the ribs.", "两侧肋骨内缘间的水平距离。") },
      .compute = cardiothoracic_ratio,
      .source = "Danzer CS. The cardiothoracic ratio: an index of cardiac enlargement. Am J Med Sci 1919;157:513-521",
      .doc = { "Greatest width of the heart by the greatest inner width of the chest, both across the image. Meant for "
               "posteroanterior films in inspiration: on anteroposterior ones the heart is larger.",
               "心影最大横径与胸廓最大内横径之比,均按水平方向测量。适用于吸气后前位胸片;前后位片上心影偏大。" } },
};
