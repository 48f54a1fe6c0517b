/* report_export.c - many reports as one ZIP: asked for, looked at, downloaded, given up. */
#include "reports/report_export.h"
#include "reports/report_pdf.h"
#include "web/exchange.h"
#include "web/listing.h"

/* ---- asked for ---- */

static const struct field wish_fields[] = {
    FIELD(struct report_export_wish, ids, .flags = NULLABLE, .max = EXPORT_REPORTS_MAX,
          .doc = "The reports, by their ids. Else all that one sees and the members below choose, as in the list."),
    REPORT_CHOICE(struct report_export_wish, choice),
    FIELD(struct report_export_wish, forms, .flags = REQUIRED, .min = 1, .max = EXPORT_FORMS, .choices = export_forms,
          .type = "ExportForm", .example = "[\"pdf\", \"json\"]",
          .doc = "In which forms: pdf, json (what was signed, with its signature), fhir, text, docx."),
    FIELD(struct report_export_wish, page, .choices = report_page_sizes, .type = "PageSize", .fallback = "A4",
          .doc = "How large the pages of PDFs and documents are."),
};
static const struct schema wish_schema =
    SCHEMA("ReportExportWish", struct report_export_wish, wish_fields, .doc = "Reports that are wanted as one ZIP.");

static bool chooses(const struct report_choice *choice)
{
    return choice->study_id > 0 || choice->patient_id > 0 || choice->author_id > 0 || choice->status ||
           choice->search.len || choice->code.len || choice->mine;
}

/* Choosing may read for long: outside of the transaction. */
static bool export_choose(struct call *c)
{
    const struct report_export_wish *wish = c->in;
    struct integers *ids = arena_new(&c->arena, struct integers);
    c->found = ids;
    return report_export_choose(c, wish, chooses(&wish->choice), ids);
}

static bool export_post(struct call *c)
{
    int64_t id;
    if (!report_export_ask(c, c->in, *(const struct integers *)c->found, &id))
        return false;
    answer_location(c, "/api/v1/reports/export/%" PRId64, id);
    return report_export_load(c, id, c->out);
}

/* ---- looked at ---- */

#define EXPORT_SORTS(X) X("created_at", "e.created_at")
LIST_ORDER(export_order, EXPORT_SORTS);
struct export_list {
    struct list_query list;
};
static const struct field export_list_fields[] = {
    LIST_FIELDS(struct export_list, export_order, "-created_at"),
};
static const struct schema export_list = SCHEMA("ReportExportList", struct export_list, export_list_fields);
static const struct listing export_listing = { .row = &report_export_schema, .id = "e.id", .order = &export_order };

static bool export_list_get(struct call *c)
{
    struct condition own = report_export_in_sight(c);
    return list_answer(c, &export_listing, (struct list_among){ .conditions = &own, .condition_count = 1 });
}

struct export_key {
    int64_t id;
};
static const struct field export_key_fields[] = {
    KEY(struct export_key, id, "The export."),
};
static const struct schema export_key = SCHEMA("ReportExportKey", struct export_key, export_key_fields);

static int64_t id_of(const struct call *c)
{
    return ((const struct export_key *)c->in)->id;
}

static bool export_get(struct call *c)
{
    return report_export_load(c, id_of(c), c->out);
}

static bool export_delete(struct call *c)
{
    return report_export_remove(c, id_of(c));
}

/* ---- downloaded ---- */

static bool archive_get(struct call *c)
{
    struct report_export row;
    int fd;
    if (!report_export_open(c, id_of(c), &row, &fd))
        return false;
    struct str etag = arena_format(&c->arena, "\"%.*s\"", STR_FMT(row.sha256));
    struct str modified = instant_http_format(row.finished_at, &c->arena);
    struct str name = arena_format(&c->arena, "reports-%" PRId64 ".zip", row.id);
    answer_file(c, "application/zip", fd, 0, row.size_bytes);
    answer_header(c, "Last-Modified", modified);
    answer_header(c, "Accept-Ranges", S("bytes"));
    answer_header(c, "Cache-Control", S("private, no-store"));
    answer_header(c, "Content-Disposition", http_content_disposition(&c->arena, name));
    return answer_is_known(c, etag) || answer_range(c, etag, modified, row.size_bytes);
}

#define EXPORTS .permission = MAY_READ_REPORTS, .entity = "report_export", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/reports/export", export_post, &wish_schema, &report_export_schema, EXPORTS, .runs = WRITES,
      .body = BODY_JSON, .status = 202, .first = export_choose, .audit = "report_export.create",
      .summary = "Asks for many reports as one ZIP",
      .doc = "By `ids`, or by the filters of the list. A job makes it; each report is given as GET of that form would "
             "give it to the asker at that moment, and leaves a row in the audit log. What cannot be given stands in "
             "index.json and index.csv with the reason. 413: more than 2,000 reports. 409: one has five already." },
    { HTTP_GET, "/api/v1/reports/export", export_list_get, &export_list, &report_export_schema, EXPORTS, .flags = LIST,
      .summary = "Lists one's exports of reports" },
    { HTTP_GET, "/api/v1/reports/export/{id}", export_get, &export_key, &report_export_schema, EXPORTS,
      .summary = "Shows how far an export is" },
    { HTTP_GET, "/api/v1/reports/export/{id}/archive", archive_get, &export_key, NULL, EXPORTS, .runs = WORKS,
      .flags = NOT_JSON | TAGGED | RANGES, .answers = "application/zip", .audit = "report_export.download",
      .summary = "Downloads an export",
      .doc =
          "To who asked for it, as long as they may read each report that is in it, and see the images that its pages "
          "show, and none was withdrawn since (else 403). 409: there is nothing yet, or it failed; 410: it was kept "
          "long enough (REPORT_EXPORT_KEEP)." },
    { HTTP_DELETE, "/api/v1/reports/export/{id}", export_delete, &export_key, NULL, EXPORTS, .runs = WORKS,
      .audit = "report_export.delete", .summary = "Cancels an export, and removes what was made" },
};
ENDPOINT_TABLE(report_export_endpoints, rows);
