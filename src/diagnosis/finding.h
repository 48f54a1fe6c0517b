/* finding.h - what a model, or a reader in its place, says of an image: a code, how sure, and where.
 *
 *   {"code": {"scheme": "SCT", "value": "233604007", "meaning": "Pneumonia"}, "label": "pneumonia",
 *    "probability": 0.87, "threshold": 0.55, "positive": true,
 *    "box": {"x": 812, "y": 1034, "width": 300, "height": 220}, "points": [...],
 *    "area": 0.041, "area_pixels": 51000, "area_mm2": 1147.5, "area_spacing": "pixel_spacing", "mean_probability": 0.8}
 *
 * Places are pixels of the frame as it is stored (1.5: the middle of the second pixel), so they outlive the size in
 * which the model saw it. `box` is null where there is none, `points` empty.
 *
 * Areas are those of a mask (mask.h), null where there is none: as a share of the frame, in its pixels, and in square
 * millimetres where the file knows what a pixel is; `area_spacing` says of what, since at the detector all is larger
 * than in the patient. `mean_probability` is that of the mask's pixels, `probability` the highest of the frame, `box`
 * is around the mask.
 */
#ifndef ROENTGEN_FINDING_H
#define ROENTGEN_FINDING_H

#include "diagnosis/card.h"

enum { FINDINGS_MAX = 1000 }; /* of one result */

struct finding_box {
    double x, y, width, height; /* of the upper left corner */
};
struct finding_point {
    struct str name; /* of the landmark (measure/keypoints.h) */
    double x, y, confidence;
};
struct finding {
    struct card_code code;
    struct str label, label_zh;
    double probability, threshold;
    bool positive;
    struct finding_box box;
    struct list points; /* struct finding_point */
    double area, area_mm2;
    int64_t area_pixels;
    unsigned area_spacing; /* enum area_spacing; 0: not in millimetres */
    double mean_probability;
};
enum area_spacing { AREA_OF_PIXEL_SPACING = 1, AREA_AT_DETECTOR }; /* "pixel_spacing", "detector" */
extern const struct schema finding_schema;
/* Does one of these (struct finding) say that it is there? */
bool finding_is_there(const struct list *findings, const struct card_label *label);

#endif
