/* report_out.c - reports given out: as pages, as text, as FHIR. */
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
    { HTTP_GET, "/api/v1/reports/{id}/fhir", fhir_get, &out_query, NULL, REPORTS, .runs = WORKS, .lane = LANE_PICTURES,
      .flags = NOT_JSON, .answers = "application/fhir+json", .audit = "report.fhir",
      .summary = "Gives out a report as a FHIR R4 Bundle",
      .doc = "DiagnosticReport with Patient, ImagingStudy, ServiceRequest (where there is an accession number), "
             "Practitioner, and an Observation for each value of its template; text and PDF are its presentedForm." },
};
ENDPOINT_TABLE(report_out_endpoints, rows);
