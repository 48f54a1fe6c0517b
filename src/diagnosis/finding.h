/* finding.h - what a model, or a reader in its place, says of an image: a code, how sure, and where.
 *
 *   {"code": {"scheme": "SCT", "value": "233604007", "meaning": "Pneumonia"}, "label": "pneumonia",
 *    "probability": 0.87, "threshold": 0.55, "positive": true,
 *    "box": {"x": 812, "y": 1034, "width": 300, "height": 220}, "points": [...], "area": 0.041}
 *
 * Places are pixels of the frame as it is stored (1.5: the middle of the second pixel), so they outlive the size in
 * which the model saw it. `box` is null where there is none, `points` empty, `area` null: that of a mask, as a share of
 * the frame.
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
    double area;
};
extern const struct schema finding_schema;
/* Does one of these (struct finding) say that it is there? */
bool finding_is_there(const struct list *findings, const struct card_label *label);

#endif
