/* report_pdf_kept.h - rows and files of kept pages (report_pdf.h), for who makes, stamps and gives them out. Private to
 * reports/. */
#ifndef ROENTGEN_REPORTS_REPORT_PDF_KEPT_H
#define ROENTGEN_REPORTS_REPORT_PDF_KEPT_H

#include "reports/report_pdf.h"

enum pades_level {
    PADES_BASIC = 1,
    PADES_TIMED,  /* with a time stamp of an authority */
    PADES_LASTING /* with what proves its certificates, under a time stamp of all of it */
};
extern const char *const pades_levels[];

struct kept_pdf {
    int64_t id, report_id, version;
    unsigned page, level;
    struct str storage_path, sha256;
    int64_t size_bytes;
    struct instant made_at, renew_at; /* renew_at: when it is proved, or stamped anew (report_proofs.h); null: never */
};
extern const struct schema kept_pdf_schema;

enum found kept_pdf_find(struct call *c, int64_t report_id, int64_t version, enum pdf_page page, struct kept_pdf *out);
/* For the job, outside of transactions. *out: made now, or by whoever was first. */
bool kept_pdf_need(struct call *c, int64_t report_id, int64_t version, enum pdf_page page, struct kept_pdf *out);
/* All of it, compared with its row. E_UNREADABLE. */
bool kept_pdf_read(struct call *c, const struct kept_pdf *kept, struct str *out);
/* A new name for these bytes, with their size and SHA-256; and the bytes, claimed by the caller, under a name. */
void kept_pdf_name(struct call *c, struct kept_pdf *kept, struct str bytes);
bool kept_pdf_write(struct call *c, struct str key, struct str bytes);
/* The row names these bytes from here on, with the level and the renew_at of `after`; the file before goes. Nothing is
 * done where another was quicker. E_TOO_LARGE: as kept they could not be read again. */
bool kept_pdf_swap(struct call *c, const struct kept_pdf *before, struct kept_pdf *after, struct str bytes);

#endif
