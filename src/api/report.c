/* report.c - reports: begun, shown, changed, locked. */
#include "reports/draft.h"
#include "reports/report.h"
#include "reports/template.h"
#include "web/exchange.h"

#define CONTENT(T) \
    FIELD_AS(T, "title", content.title, .flags = NULLABLE, .max = 200, .doc = "What it is called."), \
        FIELD_AS(T, "language", content.language, .flags = NULLABLE, .choices = template_languages, \
                 .type = "ReportLanguage", .doc = "The language it is written in."), \
        FIELD_AS(T, "sections", content.sections, .flags = NULLABLE, .max = CONTENT_BYTES_MAX, \
                 .example = "{\"findings\": \"...\", \"impression\": \"...\"}", \
                 .doc = \
                     "Text by section. Of a report that is there: those named are another, null takes one out, the " \
                     "others stay."), \
        FIELD_AS(T, "fields", content.fields, .flags = NULLABLE, .max = CONTENT_BYTES_MAX, \
                 .example = "{\"nodule_size\": 6.2}", \
                 .doc = \
                     "Values by the template's names, merged as sections are; words of the template that nobody has " \
                     "changed follow them."), \
        FIELD_AS(T, "key_images", content.key_images, .of = &key_image_schema, .flags = NULLABLE, \
                 .max = CONTENT_IMAGES_MAX, .doc = "Images of the study that it shows: all of them."), \
        FIELD_AS(T, "sources", content.sources, .of = &content_source_schema, .flags = NULLABLE, \
                 .max = CONTENT_SOURCES_MAX, .doc = "Where its parts come from: all of them, those it has as well.")

struct report_key {
    int64_t id;
};
static const struct field report_key_fields[] = { KEY(struct report_key, id, "The report.") };
static const struct schema report_key = SCHEMA("ReportKey", struct report_key, report_key_fields);

static int64_t id_of(const struct call *c)
{
    return ((const struct report_key *)c->in)->id;
}

static bool report_get(struct call *c)
{
    return report_load(c, id_of(c), c->out);
}

/* ---- begun ---- */

static const struct field wish_fields[] = {
    FIELD(struct report_wish, study_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The study it is about."),
    FIELD(struct report_wish, priority, .choices = job_priorities, .type = "JobPriority", .flags = NULLABLE,
          .doc = "How urgent it is; else as its study."),
    FIELD_AS(struct report_wish, "template_id", content.template_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
             .doc = "The template it is written by: sections that are not given begin with its words."),
    CONTENT(struct report_wish),
    FIELD(struct report_wish, prefill, .fallback = "false",
          .doc = "Fills it with what is known: measurements, findings of models that a reader stands by, the earlier "
                 "report of the same region. Without `template_id` it is written by the template that is offered for "
                 "the study; null: by none."),
    FIELD(struct report_wish, parallel, .fallback = "false",
          .doc = "Double reading: also when somebody else has taken the study to read, or has a report on it under "
                 "way."),
};
static const struct schema wish_schema =
    SCHEMA("ReportWish", struct report_wish, wish_fields, .doc = "A report to be begun.");

static bool report_post(struct call *c)
{
    struct report_wish wish = *(const struct report_wish *)c->in;
    int64_t id;
    wish.content.has_title = schema_was_given(&wish_schema, c->given, "title");
    wish.content.has_key_images = schema_was_given(&wish_schema, c->given, "key_images");
    wish.content.has_sources = schema_was_given(&wish_schema, c->given, "sources");
    wish.finds_template = wish.prefill && !schema_was_given(&wish_schema, c->given, "template_id");
    if (!report_create(c, &wish, &id))
        return false;
    answer_location(c, "/api/v1/reports/%" PRId64, id);
    return report_load(c, id, c->out);
}

/* ---- changed ---- */

static const struct field edit_fields[] = {
    KEY(struct report_edit, id, "The report."),
    FIELD_AS(struct report_edit, "version", base, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
             .doc = "The version that this was made from; 412 when it is no longer the current one. If-Match says the "
                    "same."),
    FIELD(struct report_edit, priority, .choices = job_priorities, .type = "JobPriority", .flags = NULLABLE,
          .doc = "How urgent it is."),
    CONTENT(struct report_edit),
    FIELD_AS(struct report_edit, "add_sources", content.added_sources, .of = &content_source_schema, .flags = NULLABLE,
             .max = CONTENT_SOURCES_MAX, .doc = "More sources: those that it has stay, and each is there once."),
    FIELD_AS(struct report_edit, "addendum", content.addendum, .flags = NULLABLE, .min = 1, .max = CONTENT_ADDENDUM_MAX,
             .doc = "Of an addendum: what is added."),
    FIELD(struct report_edit, reason, .flags = NULLABLE, .max = 500, .doc = "Why it is changed."),
};
static const struct schema edit_schema =
    SCHEMA("ReportEdit", struct report_edit, edit_fields, .doc = "What is to be another in a report.");

/* dispatch has compared If-Match with what is there, in this transaction: then it was made from that. */
static int64_t base_of(struct call *c, int64_t id, int64_t said)
{
    struct report now;
    struct str tag = str_trim(http_header(c->request, "If-Match"));
    if (said != INTEGER_NULL || !tag.at || str_equal(tag, S("*")) || !report_load(c, id, &now))
        return said; /* "*" says that there is a report, not which version was read */
    return now.version;
}

static bool report_patch(struct call *c)
{
    struct report_edit edit = *(const struct report_edit *)c->in;
    edit.base = base_of(c, edit.id, edit.base);
    edit.content.has_title = schema_was_given(&edit_schema, c->given, "title");
    edit.content.has_key_images = schema_was_given(&edit_schema, c->given, "key_images");
    edit.content.has_sources = schema_was_given(&edit_schema, c->given, "sources");
    return c->error.code == E_NONE && report_save(c, &edit) && report_load(c, edit.id, c->out);
}

static const struct field fill_fields[] = {
    KEY(struct report_edit, id, "The report."),
    FIELD_AS(struct report_edit, "version", base, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
             .doc =
                 "The version that was looked at; 412 when it is no longer the current one. If-Match says the same."),
    FIELD(struct report_edit, reason, .flags = NULLABLE, .max = 500, .doc = "Why it is filled."),
};
static const struct schema fill_schema =
    SCHEMA("ReportPrefill", struct report_edit, fill_fields, .doc = "A draft is to be filled with what is known.");

static bool prefill_post(struct call *c)
{
    struct report_edit edit = *(const struct report_edit *)c->in;
    edit.base = base_of(c, edit.id, edit.base);
    edit.prefill = true;
    return c->error.code == E_NONE && report_save(c, &edit) && report_load(c, edit.id, c->out);
}

static bool candidates_get(struct call *c)
{
    struct report report;
    return report_load(c, id_of(c), &report) && draft_candidates(c, &report, c->out);
}

static bool report_delete(struct call *c)
{
    struct report report;
    struct report_deed deed = { .id = id_of(c), .action = REPORT_CANCEL, .base = INTEGER_NULL };
    return report_act(c, &deed, &report);
}

/* ---- the editor's lock ---- */

struct lock_wish {
    int64_t id;
    bool take_over;
};
static const struct field lock_fields[] = {
    KEY(struct lock_wish, id, "The report."),
    FIELD(struct lock_wish, take_over, .fallback = "false",
          .doc = "Also when somebody else has it: everybody sees who has it now."),
};
static const struct schema lock_schema = SCHEMA("ReportLockWish", struct lock_wish, lock_fields);

static bool lock_post(struct call *c)
{
    const struct lock_wish *in = c->in;
    return report_lock(c, in->id, in->take_over, c->out);
}

static bool lock_delete(struct call *c)
{
    return report_unlock(c, id_of(c));
}

#define REPORTS .entity = "report", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/reports", report_post, &wish_schema, &report_schema, .permission = MAY_CREATE_REPORTS,
      REPORTS, .runs = WRITES, .body = BODY_JSON, .status = 201, .audit = "report.create",
      .summary = "Begins a report on a study",
      .doc = "409 names who else is reading the study: another's report on it that is not signed yet, or who has taken "
             "it (POST /reports/worklist/next). With `parallel` both read it." },
    { HTTP_GET, "/api/v1/reports/{id}", report_get, &report_key, &report_schema, .permission = MAY_READ_REPORTS,
      REPORTS, .audit = "report.read", .summary = "Shows a report",
      .doc = "Who writes or reviews reports is shown the version that is being made, everybody else the last one that "
             "was signed; what was never signed, once it is submitted." },
    { HTTP_PATCH, "/api/v1/reports/{id}", report_patch, &edit_schema, &report_schema, .permission = MAY_READ_REPORTS,
      REPORTS, .runs = WRITES, .body = BODY_JSON, .audit = "report.update", .summary = "Changes a draft",
      .doc = "Each change is a version; those before stay. Of the current version made by somebody else, If-Match (or "
             "`version`) has to say that it was read: 412 names both versions. What has been submitted is changed by "
             "who has taken it for review; what is signed is amended." },
    { HTTP_POST, "/api/v1/reports/{id}/prefill", prefill_post, &fill_schema, &report_schema,
      .permission = MAY_READ_REPORTS, REPORTS, .runs = WRITES, .body = BODY_JSON, .flags = ACTION,
      .audit = "report.prefill", .summary = "Fills a draft with what is known",
      .doc = "Measurements of the study's images, findings of models that a reader has confirmed or modified, and the "
             "last signed report of the same patient, body part and modality. Each value and sentence has an entry in "
             "`sources`. What somebody has written stays; what was filled in and is still as it was is brought up to "
             "date. A measurement goes into a field only where it is sure that it is that field's; GET "
             "/reports/{id}/candidates offers the others. The same rules as of a change." },
    { HTTP_GET, "/api/v1/reports/{id}/candidates", candidates_get, &report_key, &draft_candidates_schema,
      .permission = MAY_READ_REPORTS, REPORTS, .runs = WORKS, .audit = "report.candidates",
      .summary = "Shows which measurements could go into fields of a draft",
      .doc =
          "For each field that takes a measurement and has no value: those of the study that fit, where nobody can "
          "say which one is meant but who writes the report. A choice is sent by PATCH: `fields` with the value, and "
          "`add_sources` with these `sources`; "
          "or the measurement is given the field's label, and the draft is filled again." },
    { HTTP_DELETE, "/api/v1/reports/{id}", report_delete, &report_key, NULL, .permission = MAY_READ_REPORTS, REPORTS,
      .runs = WRITES, .audit = "report.cancel", .summary = "Gives a report up that was never signed",
      .doc = "The same as cancel, without a reason. Its versions stay." },
    { HTTP_POST, "/api/v1/reports/{id}/lock", lock_post, &lock_schema, &report_schema, .permission = MAY_READ_REPORTS,
      REPORTS, .runs = WRITES, .body = BODY_JSON, .flags = ACTION, .audit = "report.lock",
      .summary = "Says that one is editing a report",
      .doc = "For 15 minutes, and again with each save. Everybody sees it, and nobody else changes the report unless "
             "they take it over." },
    { HTTP_DELETE, "/api/v1/reports/{id}/lock", lock_delete, &report_key, NULL, .permission = MAY_READ_REPORTS, REPORTS,
      .runs = WRITES, .audit = "report.unlock", .summary = "Gives the editor's lock back" },
};
ENDPOINT_TABLE(report_endpoints, rows);
