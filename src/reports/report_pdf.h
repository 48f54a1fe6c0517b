/* report_pdf.h - a report as pages that a patient can hold: PDF/A-3u, tagged (pdf/pdf.h), and signed (PAdES).
 *
 *   head      HOSPITAL_NAME; the report's title
 *   facts     whom and what it is about; of a signed version as it was signed, else as the records say now
 *   sections  in their order, headings in the report's language; then words added, what came from AI models, marked
 *   images    the key images, as /rendered shows them, with their captions, and what is drawn and measured on them
 *             (report_marks.h)
 *   foot      who signed, as what, when, with which certificate; report and version on each page
 *
 * To a signed version is attached what was signed (report.json, signing/envelope.h), and the report as FHIR
 * (fhir.json, report_out.h); so that the file alone can be checked: roentgen report verify FILE.pdf.
 *
 * The pages of a signed version are made once, as its signer sees them, signed with the signer's key, and kept:
 *
 *     sign ---> job "report.pdf" ---> pages, signed (ETSI.CAdES.detached, PAdES B-B) ---> reports/xx/UUID.pdf
 *     GET  ---> the kept bytes, whose size and SHA-256 are compared first;
 *               not made yet: made now, and kept, so that whoever asks gets the same bytes
 *
 * A kept file is never made again: another signature would be another file. A time stamp that comes later is put into
 * it (report_stamp.h), and so are proofs (report_proofs.h): other bytes of the same signature, B-T and B-LTA. One that
 * is damaged is E_UNREADABLE until it is restored. It says how things stood at signing, and goes on to say so. That a
 * report was replaced or withdrawn later is told by the server alone (report_verify).
 *
 * Other pages are made anew for each caller and carry no signature of their own, though the envelope is attached:
 *
 *     of a version that was replaced or withdrawn, or whose record no longer says what was signed, or of another
 *     patient: as is said across each page (report_pdf_as_signed gives out what is kept)
 *     for who does not see all of its key images, which are left out
 *     where they cannot be signed any more: the key was revoked, the account closed, or an image gone before they were
 *     made; or cannot be signed now, since the key cannot be unsealed (another SECRET_KEY)
 *     of what is not signed, which says so across each page: the same bytes for the same version and reader, as
 *     long as records and annotations stay as they are
 */
#ifndef ROENTGEN_REPORTS_REPORT_PDF_H
#define ROENTGEN_REPORTS_REPORT_PDF_H

#include "pdf/pdf.h"
#include "reports/report.h"

#define REPORT_ATTACHMENT "report.json"
#define REPORT_FHIR_ATTACHMENT "fhir.json"

extern const char *const report_page_sizes[]; /* of enum pdf_page, from 1 */

/* Of a version that the caller sees; 0: the one that the report shows them. Blocks (images, fonts, files): on a
 * worker, outside of transactions. */
bool report_pdf(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out);
/* What is kept, however the report stands. E_CONFLICT: the version is not signed, or its pages cannot be signed any
 * more. E_FORBIDDEN: it shows images that the caller does not see. */
bool report_pdf_as_signed(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out);

/* Makes the pages of a version that has been signed. */
extern const struct job_kind report_pdf_kind;
/* Inside the transaction that signs. */
bool report_pdf_put_job(struct call *c, int64_t id, int64_t version);

#endif
