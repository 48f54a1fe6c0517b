/* upload.h - from a finished temporary file to a row: shared by single, batch and chunked uploads and by import. */
#ifndef ROENTGEN_UPLOAD_H
#define ROENTGEN_UPLOAD_H

#include "records/filing.h"
#include "intake/spool.h"

/* What the uploader says. */
struct upload_details {
    int64_t patient_id;
    struct str description, modality, body_part;
    struct str patient_number; /* the hospital's, instead of patient_id */
    bool only_stated;          /* by who is not told of patients: neither is looked up (stated_patient.h) */
    bool is_report;            /* a document of a report, whose owner is report_files_owner: no quota counts it */
    int64_t only_study;        /* it is filed there, or not stored at all (E_CONFLICT); 0: wherever it belongs */
};
#define PATIENT_NUMBER_FIELD(T) \
    FIELD(T, patient_number, .min = 1, .max = 64, .example = "P20260001", \
          .doc = "The patient's number in the hospital, where patient_id, which is this server's own, is not known.")
extern const struct schema upload_details_schema;
/* Folds the modality, and looks the patient's number up, where the caller may know whether it is there. False: a
 * problem says which member is wrong. */
bool upload_details_settle(struct call *c, struct upload_details *details);

/* They go into the row. */
void upload_details_put(const struct upload_details *details, struct image_file *row);
/* Inside a transaction: where the file belongs. A DICOM file knows, another (filing NULL) goes where it is said to. */
bool upload_place(struct call *c, struct filing *filing, struct image_file *row);

/* What it is, by content: the row gets type and media type; of a JPEG, PNG or TIFF also rows and columns, upright as
 * pictures of it are sent, and a TIFF's pages as frames. E_INVALID when empty, E_UNSUPPORTED_TYPE when not accepted,
 * E_INVALID for pictures past MAX_PIXELS or without a readable header. */
bool upload_classify(struct call *c, const struct spooled *file, struct image_file *row);
/* The first of it, as far as the type goes by the first SNIFF_BYTES: E_UNSUPPORTED_TYPE when not accepted. */
bool upload_sniff(struct call *c, const struct spooled *file, struct image_file *row);

/* Under which key a file of this name and type rests: made by us, "completed/3f/3f2c....dcm". */
struct str upload_key(struct call *c, struct str file_uuid, enum file_type type);

/* Stores the bytes (or finds them stored already, where the caller may see them), then inserts the row; one durable
 * commit. What it says is true of the store then (keeping.h). Takes the spooled file either way. An instance that is
 * there already is answered with its own row (already_stored). On a worker. */
bool upload_store(struct call *c, struct spooled *file, const struct upload_details *details, int64_t uploaded_by,
                  struct image_file *out);

#endif
