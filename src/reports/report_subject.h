/* report_subject.h - what a signature is of: a report with all it rests on, as one JSON value.
 *
 * {"format": "roentgen-report-1",
 *  "report":    {"report_uuid", "version", "kind", "replaces", "title", "language", "template_id", "template_version",
 *                "sections", "fields", "key_images", "sources", "addenda", "author"},
 *  "patient":   {"patient_id", "issuer_of_patient_id", "name", "gender", "birth_date"},
 *  "study":     {"study_uid", "accession_number", "study_date", "modality", "body_part", "description"},
 *  "images":    [{"file_uuid", "sop_instance_uid", "sha256", "image_file_id"}]        by file_uuid;
 *                what was stored of reports themselves is none (report_dicom.h)
 *  "annotations": [{"image_file_id", "version", "sha256", "confirmed"}]  of each key image that has any, by its id;
 *                confirmed: ids of those that a model drew and a reader stood by at signing. Left out: none
 *  "people":    {"author", "reviewer"}                                names, as they were then
 *  "signature": {"signer", "username", "meaning", "signed_at"}}
 *
 * Members that are null are left out. Trees are the caller's (json_decref); NULL: failed.
 */
#ifndef ROENTGEN_REPORTS_REPORT_SUBJECT_H
#define ROENTGEN_REPORTS_REPORT_SUBJECT_H

#include "reports/report.h"

#include <jansson.h>

/* What a version is about: all of the above as it was signed, and then *envelope is the file that says so; else
 * "patient" and "study" as the records say now, and *envelope is null. */
json_t *report_subject_load(struct call *c, const struct report *report, const struct report_version *version,
                            struct str *envelope);
/* A text of it, in the arena; null: it has none. */
struct str report_subject_text(struct call *c, const json_t *subject, const char *part, const char *name);

/* Puts a part into it; false: there is none, which has been said. */
bool report_subject_put(json_t *whole, const char *name, json_t *part);

/* Does the version say what `content` (signed) says of it, and are the annotations those that were signed? Those of a
 * file that was purged have gone with it. NONE: another thing, or nothing that can be read. */
enum found report_subject_compare(struct call *c, const struct report *report, const struct report_version *version,
                                  const json_t *content);

/* "report", of a version as it is stored now: made at signing, and compared with what was signed at checking. */
json_t *report_subject_content(struct call *c, const struct report *report, const struct report_version *version);
/* "patient" and "study", "images", "annotations". Inside the transaction that signs. */
json_t *report_subject_patient(struct call *c, int64_t study_id);
json_t *report_subject_study(struct call *c, int64_t study_id);
json_t *report_subject_images(struct call *c, int64_t study_id);
json_t *report_subject_annotations(struct call *c, const struct report_version *version);

/* Does a reader stand by what this model drew there? The last diagnosis of the frame by this version of the model that
 * was reviewed says so: CONFIRMED. MODIFIED says that something is not as the model has it. NONE: nobody does.
 * *diagnosis_id: which one; NULL: nobody asks. */
struct annotation;
enum found report_drawing_confirmed(struct call *c, int64_t image_file_id, const struct annotation *drawn,
                                    int64_t *diagnosis_id);

/* The annotations of an image that were signed along. NONE: there were none. */
struct report_annotations {
    int64_t version;
    const json_t *confirmed; /* the subject's; NULL: none */
    bool is_changed;         /* the record has no longer what was signed */
};
enum found report_subject_annotations_of(struct call *c, const json_t *subject, int64_t image_file_id,
                                         struct report_annotations *out);

#endif
