/* report_export_parts.h - what the files that make exports share. Private to reports/. */
#ifndef ROENTGEN_REPORTS_REPORT_EXPORT_PARTS_H
#define ROENTGEN_REPORTS_REPORT_EXPORT_PARTS_H

#include "blob/blob.h"
#include "reports/report_export.h"

/* In the transaction that asks. */
bool export_put_job(struct call *c, int64_t id, int64_t *job_id);
/* As its row is, whoever asks. */
enum found export_find(struct call *c, int64_t id, struct report_export *out);
/* When what ends now is removed. */
struct instant export_expiry(const struct call *c);

/* ---- the index ---- */

/* One form of one report. */
struct export_line {
    int64_t report_id;
    struct str report_uuid;
    int64_t version;
    unsigned status; /* enum report_status */
    struct str patient_number, patient_name, accession_number, modality, body_part;
    struct date study_date;
    struct str title, author_name, signer_name;
    struct instant signed_at;
    unsigned form; /* enum export_form; 0: of the report as a whole */
    struct str name, sha256;
    int64_t size_bytes;
    struct str reason; /* why there is no such file */
};
extern const struct schema export_line_schema;

/* Both files grow in the store's tmp/ while the ZIP is made, so that they cost no memory. */
struct export_index {
    struct blob_writer *json, *csv;
    int64_t json_bytes, csv_bytes, lines;
};
bool export_index_begin(struct call *c, const struct report_export *row, struct export_index *out);
bool export_index_put(struct call *c, struct export_index *index, const struct export_line *line);
bool export_index_end(struct call *c, struct export_index *index);
void export_index_drop(struct export_index *index); /* harmless without one */

/* A cell of a CSV (RFC 4180) that no spreadsheet takes for a formula. */
void export_put_cell(struct text *out, struct str text);

#endif
