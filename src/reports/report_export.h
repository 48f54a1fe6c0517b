/* report_export.h - many reports at once, as a ZIP that is made in the background and can be downloaded for a time.
 *
 *     POST /reports/export ---> report_export_ask: a row, with the ids that were chosen, and a job   (one transaction)
 *
 *     job reports.export, for each report, as its asker sees it at that moment:
 *       report.pdf, envelope, FHIR, text, DOCX ---> zip_stream ---> file in tmp/ ---> exports/xx/UUID.zip, then the row
 *
 *     GET .../archive ---> the file, to its asker, until expires_at;  reports.export_clean removes it then
 *
 *   QUEUED ---> RUNNING ---> SUCCEEDED          of its job; FAILED and CANCELLED as that ends, in words
 *
 * In the ZIP:
 *
 *     reports/2026-01-05_CT_report-0000000012_v4.pdf      names are in order of the study's day, and say no patient's
 *     reports/2026-01-05_CT_report-0000000012_v4.json     the envelope (signing/envelope.h)
 *     reports/2026-01-05_CT_report-0000000012_v4.fhir.json
 *     reports/2026-01-05_CT_report-0000000012_v4.txt, .docx
 *     index.json, index.csv                               a line for each: of which report, its name, size and SHA-256
 *
 * What can be given is what GET of that form gives the asker. Rights are looked at anew before each report: which ones
 * were chosen opens nothing. A report, or a form of one, that cannot be given has a line with the reason, and the
 * others are there all the same. Who may not read reports or patients any more, or not sign in, gets nothing: FAILED.
 * A download looks once more: of what is in the ZIP, a line of the index too, its asker has to see all, with the images
 * that pages show, or gets none of it; nor where one was withdrawn since. What was replaced since is in it as it was.
 *
 * A form that twenty reports in a row lack for what may pass (a store that is away) is no refusal of each: the attempt
 * fails, and the job tries again later.
 *
 * Of all that only the form at hand is in memory, within the budget (base/budget.h), beside some hundred bytes of each
 * for the ZIP's directory. Each attempt begins anew; a crash leaves a file in tmp/, or one below exports/ with a claim
 * and no row, and the next start removes both. Each report of which something is in the ZIP, a line that names its
 * patient too, leaves a row in the audit log ("report.export"), written before it can be had.
 *
 * Cells of index.csv that a spreadsheet would run as a formula have an apostrophe before them.
 *
 * Bounds: EXPORT_REPORTS_MAX reports, REPORT_EXPORT_MAX bytes, EXPORTS_PER_ACCOUNT at a time of one account.
 */
#ifndef ROENTGEN_REPORTS_REPORT_EXPORT_H
#define ROENTGEN_REPORTS_REPORT_EXPORT_H

#include "reports/report_choose.h"

enum { EXPORT_REPORTS_MAX = 2000, EXPORTS_PER_ACCOUNT = 5 };

enum export_form { EXPORT_PDF = 1, EXPORT_JSON, EXPORT_FHIR, EXPORT_TEXT, EXPORT_DOCX, EXPORT_FORMS = EXPORT_DOCX };
extern const char *const export_forms[];

struct report_export {
    int64_t id, asked_by;
    unsigned status; /* enum job_state */
    struct str status_reason;
    struct texts forms; /* names of enum export_form */
    unsigned page;      /* enum pdf_page, from 1 */
    struct integers report_ids;
    struct integers version_ids; /* what is in the ZIP of them; negative: with pages that show images */
    int64_t report_count, job_id;
    int64_t done;           /* reports that were looked at, while it runs */
    int64_t files, refused; /* in the ZIP, beside the index; forms that could not be given */
    struct str storage_path, sha256;
    int64_t size_bytes;
    struct instant created_at, finished_at, expires_at;
};
extern const struct schema report_export_schema;

struct report_export_wish {
    struct integers ids;
    struct report_choice choice; /* else */
    struct texts forms;
    unsigned page;
};
/* What the wish chooses: the ids as they are named, or those of the choice that the caller sees. E_INVALID: neither, or
 * both; E_TOO_LARGE; E_NOT_FOUND: the choice has none. Outside of transactions. */
bool report_export_choose(struct call *c, const struct report_export_wish *wish, bool chooses, struct integers *ids);
/* Inside a transaction. E_CONFLICT: the caller has EXPORTS_PER_ACCOUNT. */
bool report_export_ask(struct call *c, const struct report_export_wish *wish, struct integers ids, int64_t *id);

/* One's own. E_NOT_FOUND. */
bool report_export_load(struct call *c, int64_t id, struct report_export *out);
/* For lists of `report_exports e`. */
struct condition report_export_in_sight(const struct call *c);
/* Its bytes, to be closed. E_CONFLICT: there are none yet, or none will be; E_GONE: it was kept long enough;
 * E_FORBIDDEN: may not read patients any more, or not a report that is in it, or an image; E_UNREADABLE. */
bool report_export_open(struct call *c, int64_t id, struct report_export *out, int *fd);
/* Inside a transaction: its job stays as it is until the commit, and then its row, as the job's end has them. */
bool report_export_hold_with_job(struct call *c, int64_t id);
/* One's own: ends the job, and removes row and file. Outside of transactions. */
bool report_export_remove(struct call *c, int64_t id);

extern const struct job_kind report_export_kind, report_export_clean;

#endif
