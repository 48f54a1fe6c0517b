/* annotation_rows.c - what an annotation looks like outside and in a stored version. */
#include "imaging/annotation.h"

#include "base/names.h"

static const char *const sources[] = { "human", "model", NULL };
NAMES_REACH(sources, SOURCE_MODEL);
static const char *const bases[] = { "pixels", "pixel_spacing", "detector", "calibration", "ultrasound_region", NULL };
NAMES_REACH(bases, BASIS_ULTRASOUND);

static const struct field point_fields[] = {
    FIELD(struct measure_point, x, .flags = REQUIRED, .min = 0, .max = PIXEL_SIDE_MAX,
          .doc = "To the right, in pixels; 0 is the image's left edge, 0.5 the middle of the first column."),
    FIELD(struct measure_point, y, .flags = REQUIRED, .min = 0, .max = PIXEL_SIDE_MAX,
          .doc = "Downwards, in pixels; 0 is the image's upper edge, 0.5 the middle of the first row."),
};
static const struct schema point_schema =
    SCHEMA("Point", struct measure_point, point_fields, .doc = "A place on the image (DICOM PS3.3 C.10.5.1.2).");

static const struct field value_fields[] = {
    FIELD(struct annotation_value, name, .example = "length", .doc = "What it is: length, area, cobb_angle, mean ..."),
    FIELD(struct annotation_value, value, .doc = "The measured number."),
    FIELD(
        struct annotation_value, unit, .flags = NULLABLE, .example = "mm",
        .doc =
            "mm, mm2, px, px2, deg, 1 (a ratio); along the axes of ultrasound regions also s, cm/s, Hz, % and others; "
            "for pixel values HU or what the file says; null: none known."),
    FIELD(struct annotation_value, spacing, .choices = bases, .type = "SpacingSource", .flags = NULLABLE,
          .doc =
              "What lengths and angles rest on: pixel_spacing; detector (millimetres at the detector, larger than in "
              "the patient); calibration; ultrasound_region (the calibrated region that holds all points); pixels "
              "(no millimetres are known). Null for pixel values."),
};
static const struct schema value_schema =
    SCHEMA("AnnotationValue", struct annotation_value, value_fields, .doc = "A measured number.");

static const struct field calibration_fields[] = {
    FIELD(struct annotation_calibration, mm_per_pixel, .flags = NULLABLE, .min = 0, .max = 1000,
          .doc = "Millimetres from one column to the next."),
    FIELD(struct annotation_calibration, length_mm, .flags = NULLABLE, .min = 0, .max = 100000,
          .doc = "Or: the known length between `from` and `to`."),
    FIELD_OBJECT(struct annotation_calibration, from, .of = &point_schema, .flags = NULLABLE, .doc = "One end of it."),
    FIELD_OBJECT(struct annotation_calibration, to, .of = &point_schema, .flags = NULLABLE, .doc = "The other end."),
};
static const struct schema calibration_schema =
    SCHEMA("Calibration", struct annotation_calibration, calibration_fields,
           .doc = "A stated scale, used instead of the file's: mm_per_pixel, or length_mm with from and to.");

static const struct field model_fields[] = {
    FIELD(struct annotation_model, name, .flags = REQUIRED, .min = 1, .max = 100, .doc = "What the model is called."),
    FIELD(struct annotation_model, version, .flags = REQUIRED, .min = 1, .max = 50,
          .doc = "Which version of the model it was."),
};
static const struct schema model_schema =
    SCHEMA("AnnotationModel", struct annotation_model, model_fields, .doc = "The AI model that drew it.");

/* `OURS`: flags of what the server alone says. */
#define ANNOTATION_FIELDS(OURS) \
    FIELD(struct annotation, id, .flags = NULLABLE, .min = 36, .max = 36, \
          .example = "0c9f3c1e-6f0b-4a5e-9d53-3f1f7a1f2b10", \
          .doc = "A UUID that stays the same over versions; made here when left out."), \
        FIELD(struct annotation, kind, .choices = measure_names, .type = "AnnotationKind", .flags = REQUIRED, \
              .doc = "What is drawn or measured; GET /api/v1/measurements describes each."), \
        FIELD(struct annotation, frame, .min = 1, .max = PIXEL_FRAMES_MAX, .fallback = "1", \
              .doc = "Frame (page) of the file, from 1."), \
        FIELD(struct annotation, points, .of = &point_schema, .flags = REQUIRED, .min = 1, .max = MEASURE_POINTS_MAX, \
              .doc = "Its points, in the order of its kind."), \
        FIELD(struct annotation, label, .flags = NULLABLE, .max = 500, .example = "主弯 T5-T12", \
              .doc = "Words to it."), \
        FIELD(struct annotation, facing, .choices = measure_sides, .type = "Side", .flags = NULLABLE, \
              .doc = "Lateral measurements: the side of the image that the patient's front points to."), \
        FIELD(struct annotation, patient_left, .choices = measure_sides, .type = "Side", .flags = NULLABLE, \
              .doc = "Frontal measurements: the side of the image where the patient's left is."), \
        FIELD(struct annotation, laterality, .choices = measure_sides, .type = "Side", .flags = NULLABLE, \
              .doc = "Measurements of one hip or leg: the patient's left or right one."), \
        FIELD(struct annotation, standing, .fallback = "false", \
              .doc = "Did the patient stand? Some measurements are defined on such films alone."), \
        FIELD_OBJECT(struct annotation, calibration, .of = &calibration_schema, .flags = NULLABLE, \
                     .doc = "A stated scale instead of the file's."), \
        FIELD(struct annotation, source, .choices = sources, .type = "AnnotationSource", .fallback = "human", \
              .doc = "Who drew it."), \
        FIELD_OBJECT(struct annotation, model, .of = &model_schema, .flags = NULLABLE, \
                     .doc = "With source model: which one."), \
        FIELD(struct annotation, visible, .fallback = "true", .doc = "Is it to be shown?"), \
        FIELD(struct annotation, values, .of = &value_schema, .flags = OURS, .doc = "What was measured."), \
        FIELD(struct annotation, remark, .flags = (OURS) | NULLABLE, \
              .doc = "Why a value is missing, or in pixels, or only a stored one."), \
        FIELD(struct annotation, created_by, .flags = OURS, .doc = "Account that drew it first."), \
        FIELD(struct annotation, created_at, .flags = OURS, .doc = "When it was drawn first."), \
        FIELD(struct annotation, updated_by, .flags = OURS, .doc = "Account that changed it last."), \
        FIELD(struct annotation, updated_at, .flags = OURS, .doc = "When it was changed last.")

static const struct field annotation_fields[] = { ANNOTATION_FIELDS(READ_ONLY) };
const struct schema annotation_schema = SCHEMA("Annotation", struct annotation, annotation_fields,
                                               .doc = "Something drawn or measured on one frame of an image file.");
static const struct field stored_annotation_fields[] = { ANNOTATION_FIELDS(0) };
const struct schema stored_annotation_schema = SCHEMA("StoredAnnotation", struct annotation, stored_annotation_fields);

static const struct field set_fields[] = {
    FIELD(struct annotation_set, file_id, .doc = "The file that they are drawn on."),
    FIELD(struct annotation_set, version,
          .doc = "Which version of its annotations this is, from 1; 0: there are none yet."),
    FIELD(struct annotation_set, annotations, .of = &annotation_schema, .doc = "All annotations of the file."),
    FIELD(struct annotation_set, comment, .flags = NULLABLE, .doc = "What was said about this version."),
    FIELD(struct annotation_set, updated_by, .flags = NULLABLE, .doc = "Account that made this version."),
    FIELD(struct annotation_set, updated_at, .flags = NULLABLE, .doc = "When this version was made."),
};
const struct schema annotation_set_schema =
    SCHEMA("AnnotationSet", struct annotation_set, set_fields, .doc = "The annotations of an image file.");
