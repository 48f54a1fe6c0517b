/* report_pdf.h - a report as pages that a patient can hold: PDF/A-3u, tagged (pdf/pdf.h).
 *
 *   head      HOSPITAL_NAME; the report's title
 *   facts     whom and what it is about; of a signed version as it was signed, else as the records say now
 *   sections  in their order, headings in the report's language; then words added, what came from AI models, marked
 *   images    the key images, as /rendered shows them, with their captions
 *   foot      who signed, as what, when, with which certificate; report and version on each page
 *
 * What is not signed, or was withdrawn or replaced, says so across each page. To a signed version what was signed is
 * attached (report.json, signing/envelope.h), so that the file alone can be checked: roentgen report verify FILE.pdf.
 * The pages themselves carry no signature of their own.
 *
 * The same version makes the same bytes, for the same reader; an image that the caller does not see, or that is there
 * no more, leaves a line that says so.
 */
#ifndef ROENTGEN_REPORTS_REPORT_PDF_H
#define ROENTGEN_REPORTS_REPORT_PDF_H

#include "pdf/pdf.h"
#include "reports/report.h"

#define REPORT_ATTACHMENT "report.json"

/* Of a version that the caller sees; 0: the one that the report shows them. Blocks (images, fonts): on a worker. */
bool report_pdf(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out);

#endif
