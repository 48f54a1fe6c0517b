/* diagnosis_dicom.c - a diagnosis as DICOM: sent, or put into its study. */
#include "diagnosis/diagnosis_dicom.h"
#include "web/exchange.h"

static const struct field query_fields[] = {
    KEY(struct diagnosis_object, id, "The diagnosis."),
    FIELD(
        struct diagnosis_object, kind, .choices = diagnosis_object_kinds, .type = "DiagnosisObject",
        .fallback = "report", .flags = IN_QUERY,
        .doc =
            "A structured report (Comprehensive SR, TID 1500), the evidence over the film (Secondary Capture), or the "
            "masks (Segmentation)."),
};
static const struct schema query_schema = SCHEMA("DiagnosisDicomQuery", struct diagnosis_object, query_fields);

static bool dicom_get(struct call *c)
{
    struct diagnosis_object object = *(const struct diagnosis_object *)c->in;
    if (!diagnosis_dicom(c, &object))
        return false;
    struct str name =
        arena_format(&c->arena, "diagnosis-%" PRId64 "-%s.dcm", object.id, diagnosis_object_kinds[object.kind - 1]);
    answer_header(c, "Content-Disposition", http_content_disposition(&c->arena, name));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, "application/dicom", object.bytes);
    return true;
}

static bool dicom_post(struct call *c)
{
    struct diagnosis_object object = *(const struct diagnosis_object *)c->in;
    struct image_file *out = c->out;
    if (!diagnosis_dicom_store(c, &object, out))
        return false;
    answer_location(c, "/api/v1/image-files/%" PRId64, out->id);
    answer_status(c, out->already_stored ? 200 : 201);
    return true;
}

#define DIAGNOSIS .entity = "diagnosis", .tag = "diagnosis", .runs = WORKS, .lane = LANE_PICTURES
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/diagnosis/{id}/dicom", dicom_get, &query_schema, NULL, .permission = MAY_RUN_AI, DIAGNOSIS,
      .flags = NOT_JSON, .answers = "application/dicom", .audit = "diagnosis.dicom",
      .summary = "Sends what a model said as DICOM",
      .doc = "A report that names model, findings, places and reviews, VERIFIED only where readers have confirmed it; "
             "the evidence map; or the masks, a segment for each label. The same result at the same standing is the "
             "same file. 409: no result, no evidence, no masks, or a film that is no DICOM file of a study." },
    { HTTP_POST, "/api/v1/diagnosis/{id}/dicom", dicom_post, &query_schema, &image_file_schema,
      .permission = MAY_REVIEW_AI, DIAGNOSIS, .status = 201, .audit = "diagnosis.dicom_store",
      .summary = "Puts what a model said into the study, as DICOM",
      .doc = "As if it had been uploaded with the film, by whom the film belongs to. 200: it was there. 409 also for "
             "what a shadow said.",
      .also = { { 200, "It was stored before." } } },
};
ENDPOINT_TABLE(diagnosis_dicom_endpoints, rows);
