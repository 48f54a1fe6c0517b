/* report_out.c - reports given out: as pages, as text, as documents, as FHIR. */
#include "reports/report_dicom.h"
#include "reports/report_hl7.h"
#include "reports/report_out.h"
#include "reports/report_pdf.h"
#include "web/exchange.h"
#include "base/crypto.h"

struct pdf_query {
    int64_t id, version;
    unsigned page;
    bool as_signed;
};
static const struct field pdf_query_fields[] = {
    KEY(struct pdf_query, id, "The report."),
    FIELD(struct pdf_query, version, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Which of its versions; the one that GET shows."),
    FIELD(struct pdf_query, page, .choices = report_page_sizes, .type = "PageSize", .fallback = "A4",
          .doc = "How large the pages are."),
    FIELD(struct pdf_query, as_signed, .doc = "The pages as they were signed, also of what was replaced or withdrawn."),
};
static const struct schema pdf_query = SCHEMA("ReportPdfQuery", struct pdf_query, pdf_query_fields);

static bool pdf_get(struct call *c)
{
    const struct pdf_query *in = c->in;
    struct str pdf;
    int64_t version = in->version == INTEGER_NULL ? 0 : in->version;
    enum pdf_page page = (enum pdf_page)(in->page - 1);
    if (!(in->as_signed ? report_pdf_as_signed : report_pdf)(c, in->id, version, page, &pdf))
        return false;
    if (answer_is_known(c, arena_format(&c->arena, "\"%.*s\"", STR_FMT(crypto_sha256_hex(pdf, &c->arena)))))
        return true;
    answer_header(c, "Content-Disposition",
                  arena_format(&c->arena, "inline; filename=\"report-%" PRId64 ".pdf\"", in->id));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, "application/pdf", pdf);
    return true;
}

static const struct field docx_query_fields[] = {
    KEY(struct pdf_query, id, "The report."),
    FIELD(struct pdf_query, version, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Which of its versions; the one that GET shows."),
    FIELD(struct pdf_query, page, .choices = report_page_sizes, .type = "PageSize", .fallback = "A4",
          .doc = "How large the pages are."),
};
static const struct schema docx_query = SCHEMA("ReportDocxQuery", struct pdf_query, docx_query_fields);

#define DOCX "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
static bool docx_get(struct call *c)
{
    const struct pdf_query *in = c->in;
    struct str bytes;
    if (!report_docx(c, in->id, in->version == INTEGER_NULL ? 0 : in->version, (enum pdf_page)(in->page - 1), &bytes))
        return false;
    answer_header(c, "Content-Disposition",
                  arena_format(&c->arena, "attachment; filename=\"report-%" PRId64 ".docx\"", in->id));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, DOCX, bytes);
    return true;
}

/* ---- text and FHIR ---- */

struct out_query {
    int64_t id, version;
};
static const struct field out_query_fields[] = {
    KEY(struct out_query, id, "The report."),
    FIELD(struct out_query, version, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Which of its versions; the one that GET shows."),
};
static const struct schema out_query = SCHEMA("ReportOutQuery", struct out_query, out_query_fields);

static bool give(struct call *c, bool (*make)(struct call *, int64_t, int64_t, struct str *), const char *media_type,
                 const char *suffix)
{
    const struct out_query *in = c->in;
    struct str bytes;
    if (!make(c, in->id, in->version == INTEGER_NULL ? 0 : in->version, &bytes))
        return false;
    answer_header(c, "Content-Disposition",
                  arena_format(&c->arena, "inline; filename=\"report-%" PRId64 "%s\"", in->id, suffix));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, media_type, bytes);
    return true;
}

static bool text_get(struct call *c)
{
    return give(c, report_text, "text/plain; charset=utf-8", ".txt");
}

static bool fhir_get(struct call *c)
{
    return give(c, report_fhir, "application/fhir+json", ".fhir.json");
}

/* ---- DICOM ---- */

static const struct field dicom_query_fields[] = {
    KEY(struct report_object, id, "The report."),
    FIELD(struct report_object, version, .flags = NULLABLE | IN_QUERY, .min = 1, .max = INT64_MAX,
          .doc = "Which of its versions; the one that GET shows."),
    FIELD(struct report_object, kind, .choices = report_object_kinds, .type = "ReportObject", .fallback = "sr",
          .flags = IN_QUERY,
          .doc = "Encapsulated PDF; an SR document of its sections and values (TID 2000); one of the measurements that "
                 "its sources name (TID 1500); the note that rejects what was stored of a report that was entered in "
                 "error."),
};
static const struct schema dicom_query = SCHEMA("ReportDicomQuery", struct report_object, dicom_query_fields);

static bool dicom_get(struct call *c)
{
    struct report_object object = *(const struct report_object *)c->in;
    if (!report_dicom(c, &object))
        return false;
    answer_header(c, "Content-Disposition",
                  arena_format(&c->arena, "attachment; filename=\"report-%" PRId64 "-%" PRId64 "-%s.dcm\"", object.id,
                               object.version, report_object_kinds[object.kind - 1]));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, "application/dicom", object.bytes);
    return true;
}

static bool hl7_get(struct call *c)
{
    return give(c, report_hl7, "application/hl7-v2", ".hl7");
}

#define REPORTS .permission = MAY_READ_REPORTS, .entity = "report", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/reports/{id}/pdf", pdf_get, &pdf_query, NULL, REPORTS, .runs = WORKS, .lane = LANE_PICTURES,
      .flags = NOT_JSON, .answers = "application/pdf", .audit = "report.pdf", .summary = "Gives out a report as a PDF",
      .doc =
          "PDF/A-3u, tagged. What is not signed says so across each page. The pages of what is are signed themselves "
          "(PAdES) and kept: each time they are the same bytes. The envelope and the report as FHIR are attached, and "
          "`roentgen report verify FILE.pdf` checks all of it. Of a version that was replaced or withdrawn, and for "
          "who does not see all of its images, they are made anew, and only the envelope is signed." },
    { HTTP_GET, "/api/v1/reports/{id}/text", text_get, &out_query, NULL, REPORTS, .runs = WORKS, .flags = NOT_JSON,
      .answers = "text/plain", .audit = "report.text", .summary = "Gives out a report as plain text" },
    { HTTP_GET, "/api/v1/reports/{id}/docx", docx_get, &docx_query, NULL, REPORTS, .runs = WORKS, .flags = NOT_JSON,
      .answers = DOCX, .audit = "report.docx", .summary = "Gives out a report as a document for word processors",
      .doc =
          "Office Open XML: its text, without images. How it stands is said on each page; it carries no signature." },
    { HTTP_GET, "/api/v1/reports/{id}/fhir", fhir_get, &out_query, NULL, REPORTS, .runs = WORKS, .lane = LANE_PICTURES,
      .flags = NOT_JSON, .answers = "application/fhir+json", .audit = "report.fhir",
      .summary = "Gives out a report as a FHIR R4 Bundle",
      .doc = "DiagnosticReport with Patient, ImagingStudy, ServiceRequest (where there is an accession number), "
             "Practitioner, and an Observation for each value of its template; text and PDF are its presentedForm." },
    { HTTP_GET, "/api/v1/reports/{id}/dicom", dicom_get, &dicom_query, NULL, REPORTS, .runs = WORKS,
      .lane = LANE_PICTURES, .flags = NOT_JSON, .answers = "application/dicom", .audit = "report.dicom",
      .summary = "Gives out a report as DICOM",
      .doc = "Of what is signed, VERIFIED by who signed, and the same object each time; else PARTIAL and PRELIMINARY. "
             "409: the record no longer says what was signed, the study has no UID, or there is nothing of the kind." },
    { HTTP_GET, "/api/v1/reports/{id}/hl7", hl7_get, &out_query, NULL, REPORTS, .runs = WORKS, .lane = LANE_PICTURES,
      .flags = NOT_JSON, .answers = "application/hl7-v2", .audit = "report.hl7",
      .summary = "Gives out a report as an HL7 v2.5.1 message",
      .doc = "ORU^R01 as it is sent to HL7_SEND_TO, in the character set that MSH-18 names." },
};
ENDPOINT_TABLE(report_out_endpoints, rows);
