/* finding.c - the rows of a finding. */
#include "diagnosis/finding.h"
#include "diagnosis/mask.h"

#include "base/names.h"

static const char *const spacings[] = { "pixel_spacing", "detector", NULL };
NAMES_REACH(spacings, AREA_AT_DETECTOR);

static const struct field box_fields[] = {
    FIELD(struct finding_box, x, .doc = "Left edge, in pixels of the frame."),
    FIELD(struct finding_box, y, .doc = "Upper edge."),
    FIELD(struct finding_box, width, .doc = "In pixels of the frame."),
    FIELD(struct finding_box, height, .doc = "In pixels of the frame."),
};
static const struct schema box_schema = SCHEMA("FindingBox", struct finding_box, box_fields);

static const struct field point_fields[] = {
    FIELD(struct finding_point, name, .max = LANDMARK_NAME_MAX, .doc = "The landmark."),
    FIELD(struct finding_point, x, .doc = "In pixels of the frame, from its left edge."),
    FIELD(struct finding_point, y, .doc = "In pixels of the frame, from its upper edge."),
    FIELD(struct finding_point, confidence, .flags = NULLABLE, .min = 0, .max = 1, .doc = "How sure the model is."),
};
static const struct schema point_schema = SCHEMA("FindingPoint", struct finding_point, point_fields);

static const struct field finding_fields[] = {
    FIELD_OBJECT(struct finding, code, .of = &card_code_schema, .flags = REQUIRED, .doc = "What is meant."),
    FIELD(struct finding, label, .flags = REQUIRED, .max = 100, .doc = "What it is called."),
    FIELD(struct finding, label_zh, .flags = NULLABLE, .max = 100, .doc = "The same in Chinese."),
    FIELD(struct finding, probability, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "As the model gave it; null: a reader's own finding."),
    FIELD(struct finding, threshold, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "The probability from which on it was positive on that day."),
    FIELD(struct finding, positive, .fallback = "true", .doc = "Is it there?"),
    FIELD_OBJECT(struct finding, box, .of = &box_schema, .flags = NULLABLE, .doc = "Where; null: no box."),
    FIELD(struct finding, points, .of = &point_schema, .flags = NULLABLE, .max = KEYPOINTS_MAX, .doc = "Key points."),
    FIELD(struct finding, area, .flags = NULLABLE, .min = 0, .max = 1, .doc = "Of its mask, as a share of the frame."),
    FIELD(struct finding, area_pixels, .flags = NULLABLE, .min = 0, .max = MASKS_PIXELS_MAX,
          .doc = "The same in pixels of the frame."),
    FIELD(struct finding, area_mm2, .flags = NULLABLE, .min = 0, .doc = "The same, where the spacing is known."),
    FIELD(struct finding, area_spacing, .choices = spacings, .type = "AreaSpacing", .flags = NULLABLE,
          .doc = "What `area_mm2` rests on: pixel_spacing; detector (larger there than in the patient)."),
    FIELD(struct finding, mean_probability, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "The mean over the pixels of its mask; `probability` is the highest."),
};
const struct schema finding_schema =
    SCHEMA("Finding", struct finding, finding_fields, .doc = "What a model, or a reader, says of an image.");

bool finding_is_there(const struct list *findings, const struct card_label *label)
{
    for (ptrdiff_t i = 0; i < findings->count; i++) {
        const struct finding *finding = (const struct finding *)findings->items + i;
        if (finding->positive && card_label_means(label, &finding->code))
            return true;
    }
    return false;
}
