/* report_out.h - a report in the forms that other programs and people take.
 *
 *     report_text    plain text: head, sections, words added, who signed
 *     report_docx    the same as a document for word processors (Office Open XML), with how it stands and where it is
 *                    from on each page, and what came from AI models told apart. It can be edited, so it carries no
 *                    signature and says so, and it shows no images. Same version, same records: same bytes
 *     report_fhir    FHIR R4: a Bundle of DiagnosticReport, Patient, ImagingStudy, ServiceRequest, Practitioner and an
 *                    Observation for each value (the shape of IHE IMR), with the text and the PDF as presentedForm
 *
 * Of a version that the caller sees; 0: the one that the report shows them. What is signed is given out as it was
 * signed, patient and study too; what is not signed, as the records say now, with the status that it has
 * (report_status_rows). Results are in the call's arena. report_fhir blocks, as report_pdf does.
 */
#ifndef ROENTGEN_REPORTS_REPORT_OUT_H
#define ROENTGEN_REPORTS_REPORT_OUT_H

#include "pdf/pdf.h"
#include "reports/report.h"

bool report_text(struct call *c, int64_t id, int64_t version, struct str *out);
bool report_docx(struct call *c, int64_t id, int64_t version, enum pdf_page page, struct str *out);
bool report_fhir(struct call *c, int64_t id, int64_t version, struct str *out);

#endif
