/* diagnosis_measure.c - a model's key points become measurements of the image. */
#include "diagnosis/diagnosis_measure.h"
#include "web/exchange.h"

static const struct field wish_fields[] = {
    KEY(struct measure_wish, id, "The diagnosis."),
    FIELD(struct measure_wish, facing, .choices = measure_sides, .type = "Side", .flags = NULLABLE,
          .doc = "Lateral films: the side of the image that the patient's front points to."),
    FIELD(struct measure_wish, patient_left, .choices = measure_sides, .type = "Side", .flags = NULLABLE,
          .doc = "Frontal films: the side of the image where the patient's left is."),
    FIELD(struct measure_wish, standing, .fallback = "false", .doc = "Did the patient stand?"),
};
static const struct schema wish_schema =
    SCHEMA("DiagnosisMeasureWish", struct measure_wish, wish_fields, .doc = "What a film does not tell by itself.");

static bool measure_post(struct call *c)
{
    return diagnosis_measure(c, c->in, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/diagnosis/{id}/annotations", measure_post, &wish_schema, &measured_schema,
      .permission = MAY_ANNOTATE_IMAGES, .runs = WORKS, .lane = LANE_PICTURES, .body = BODY_JSON,
      .audit = "diagnosis.measure", .entity = "diagnosis", .tag = "diagnosis",
      .summary = "Makes measurements of the key points that a model found",
      .doc = "They are added to the image's annotations with the model as their source, and can be corrected there. "
             "What is there already of this model stays as it is." },
};
ENDPOINT_TABLE(diagnosis_measure_endpoints, rows);
