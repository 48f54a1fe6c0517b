/* report_template.c - the forms of reports: found, shown, made, changed. */
#include "reports/mrrt.h"
#include "reports/template_import.h"
#include "schema/json.h"
#include "web/exchange.h"
#include "web/listing.h"

struct template_key {
    int64_t id, version;
};
static const struct field template_key_fields[] = { KEY(struct template_key, id, "The template.") };
static const struct schema template_key_schema = SCHEMA("ReportTemplateKey", struct template_key, template_key_fields);

static const struct field template_shown_fields[] = {
    KEY(struct template_key, id, "The template."),
    FIELD(struct template_key, version, .min = 1, .max = INT64_MAX,
          .doc = "One of its versions; the newest where none is named."),
};
static const struct schema template_shown_schema =
    SCHEMA("ReportTemplateShown", struct template_key, template_shown_fields);

/* ---- lists ---- */

struct template_list {
    struct list_query list;
    unsigned scope, state;
    struct str name, modality, body_part;
};
#define TEMPLATE_SORTS(X) X("name", "t.name") X("updated_at", "t.updated_at")
LIST_ORDER(template_order, TEMPLATE_SORTS);
static const struct field template_list_fields[] = {
    LIST_FIELDS(struct template_list, template_order, "name"),
    FIELD(struct template_list, scope, .choices = template_scopes, .type = "ReportTemplateScope",
          .filter = "t.scope = ?", .doc = "Only those of this circle."),
    FIELD(struct template_list, state, .choices = template_states, .type = "ReportTemplateState",
          .filter = "t.state = ?", .doc = "Only those that are offered, or are not."),
    FIELD(struct template_list, name, .max = 64, .filter = "t.name = ?", .doc = "Only those of this name."),
    FIELD(struct template_list, modality, .max = 16, .doc = "Only those that suit this modality."),
    FIELD(struct template_list, body_part, .max = 64, .doc = "Only those that suit this body part."),
};
static const struct schema template_list = SCHEMA("ReportTemplateList", struct template_list, template_list_fields);
static const struct listing template_listing = { .row = &template_row_schema, .id = "t.id", .order = &template_order };

static bool template_list_get(struct call *c)
{
    const struct template_list *in = c->in;
    struct condition conditions[3] = { template_in_sight(c) };
    int count = 1;
    if (!template_may_read(c))
        return false;
    if (in->modality.len)
        conditions[count++] = template_suits_modality(c, in->modality);
    if (in->body_part.len)
        conditions[count++] =
            (struct condition){ TEMPLATE_SUITS_BODY_PART, V(template_kind_value(c, in->body_part)), { { 0 } } };
    return list_answer(c, &template_listing, (struct list_among){ .conditions = conditions, .condition_count = count });
}

struct version_list {
    struct list_query list;
    int64_t id;
};
#define VERSION_SORTS(X) X("version", "v.version")
LIST_ORDER(template_version_order, VERSION_SORTS);
static const struct field version_list_fields[] = {
    LIST_FIELDS(struct version_list, template_version_order, "-version"),
    KEY(struct version_list, id, "The template."),
};
static const struct schema version_list = SCHEMA("ReportTemplateVersionList", struct version_list, version_list_fields);
static const struct listing version_listing = { .row = &template_version_schema,
                                                .id = "v.id",
                                                .order = &template_version_order };

static bool version_list_get(struct call *c)
{
    const struct version_list *in = c->in;
    struct template template;
    struct condition of = { "v.template_id = ?", V(in->id), { { 0 } } };
    return template_load(c, in->id, 0, &template) &&
           list_answer(c, &version_listing, (struct list_among){ .conditions = &of, .condition_count = 1 });
}

/* ---- one ---- */

static bool template_get(struct call *c)
{
    const struct template_key *in = c->in;
    return template_load(c, in->id, in->version == INTEGER_NULL ? 0 : in->version, c->out);
}

static bool template_of_study_get(struct call *c)
{
    int64_t study_id = ((const struct template_key *)c->in)->id;
    enum found found = template_of_study(c, study_id, c->out);
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "no template suits study %" PRId64, study_id));
}

static bool template_post(struct call *c)
{
    int64_t id;
    if (!template_add(c, c->in, &id))
        return false;
    answer_location(c, "/api/v1/reports/templates/%" PRId64, id);
    return template_load(c, id, 0, c->out);
}

static bool template_patch(struct call *c)
{
    const struct template *in = c->in;
    return template_change(c, in, c->given) && template_load(c, in->id, 0, c->out);
}

static bool template_delete(struct call *c)
{
    return template_remove(c, ((const struct template_key *)c->in)->id);
}

/* ---- out and in ---- */

static const char *const formats[] = { "json", "mrrt", NULL };
enum { FORMAT_JSON = 1, FORMAT_MRRT };

struct template_export {
    int64_t id, version;
    unsigned format, language;
};
static const struct field export_fields[] = {
    KEY(struct template_export, id, "The template."),
    FIELD(struct template_export, version, .min = 1, .max = INT64_MAX,
          .doc = "One of its versions; the newest where none is named."),
    FIELD(struct template_export, format, .choices = formats, .type = "ReportTemplateFormat", .fallback = "json",
          .doc = "The definition as JSON, which loses nothing, or HTML of IHE MRRT."),
    FIELD(struct template_export, language, .choices = template_languages, .type = "ReportLanguage", .fallback = "en",
          .doc = "Of HTML: the language of its words."),
};
static const struct schema export_schema = SCHEMA("ReportTemplateExport", struct template_export, export_fields);

static struct str definition_json(struct call *c, const struct template_definition *definition)
{
    struct text json;
    text_init(&json, 2 * TEMPLATE_BYTES_MAX);
    json_encode(&json, &template_definition_schema, definition, JSON_ALL_FIELDS, &c->arena);
    struct str out = arena_copy(&c->arena, text_str(&json));
    text_release(&json);
    return out;
}

static bool template_export_get(struct call *c)
{
    const struct template_export *in = c->in;
    struct template template;
    if (!template_load(c, in->id, in->version == INTEGER_NULL ? 0 : in->version, &template))
        return false;
    bool is_html = in->format == FORMAT_MRRT;
    struct str html = STR_NULL;
    if (is_html) {
        html = mrrt_write(c, &template.definition, choice_text(template_languages, in->language));
        if (!html.at)
            return fail(c, E_TOO_LARGE, "as HTML the template would have more than 2 MiB: export it as JSON");
    }
    struct str name = arena_format(&c->arena, "%.*s.%s", STR_FMT(template.name), is_html ? "html" : "json");
    answer_header(c, "Content-Disposition", http_content_disposition(&c->arena, name));
    if (is_html)
        answer_bytes(c, "text/html; charset=utf-8", html);
    else
        answer_bytes(c, "application/json", definition_json(c, &template.definition));
    return true;
}

struct template_imported {
    struct template template;
    struct texts remarks;
};
static const struct field imported_fields[] = {
    FIELD_OBJECT(struct template_imported, template, .of = &template_schema, .doc = "What was made of it."),
    FIELD(struct template_imported, remarks, .doc = "What could not be taken, a sentence each."),
};
static const struct schema imported_schema = SCHEMA("ReportTemplateImported", struct template_imported, imported_fields,
                                                    .doc = "A template from elsewhere, taken in.");

static bool template_import_post(struct call *c)
{
    struct template_imported *out = c->out;
    struct texts remarks;
    int64_t id;
    if (!template_import(c, c->in, &id, &remarks) || !template_load(c, id, 0, &out->template))
        return false;
    out->remarks = remarks;
    audit_about(c, id, 0);
    answer_location(c, "/api/v1/reports/templates/%" PRId64, id);
    return true;
}

#define PATH "/api/v1/reports/templates"
#define TEMPLATES .permission = SIGNED_IN, .entity = "report_template", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_GET, PATH, template_list_get, &template_list, &template_row_schema, TEMPLATES, .flags = LIST,
      .summary = "Lists the templates of reports",
      .doc = "One's own, the department's and everybody's; for those who read or write reports." },
    { HTTP_POST, PATH, template_post, &template_schema, &template_schema, TEMPLATES, .runs = WRITES, .body = BODY_JSON,
      .body_max = 2 * TEMPLATE_BYTES_MAX, .status = 201, .audit = "report_template.create",
      .summary = "Adds a template",
      .doc = "One's own needs report.create, the department's report.review, everybody's system.manage." },
    { HTTP_POST, PATH "/import", template_import_post, &template_import_schema, &imported_schema, TEMPLATES,
      .runs = WRITES, .body = BODY_JSON, .body_max = 4 * TEMPLATE_BYTES_MAX, .status = 201,
      .audit = "report_template.import", .summary = "Adds a template from elsewhere",
      .doc =
          "A definition that was exported, or HTML of IHE MRRT (RadReport). Of HTML only words, fields and codes are "
          "taken; scripts, handlers, styles and references are not, and the remarks say what was left out." },
    { HTTP_GET, PATH "/{id}", template_get, &template_shown_schema, &template_schema, TEMPLATES,
      .summary = "Shows one template, in any of its versions" },
    { HTTP_PATCH, PATH "/{id}", template_patch, &template_schema, &template_schema, TEMPLATES, .runs = WRITES,
      .body = BODY_JSON, .body_max = 2 * TEMPLATE_BYTES_MAX, .audit = "report_template.update",
      .summary = "Changes a template", .doc = "Another definition is one more version; those before it stay." },
    { HTTP_DELETE, PATH "/{id}", template_delete, &template_key_schema, NULL, TEMPLATES, .runs = WRITES,
      .audit = "report_template.delete", .summary = "Removes a template",
      .doc = "Reports that were written from it stay as they are." },
    { HTTP_GET, PATH "/{id}/versions", version_list_get, &version_list, &template_version_schema, TEMPLATES,
      .flags = LIST, .summary = "Lists a template's versions" },
    { HTTP_GET, PATH "/{id}/export", template_export_get, &export_schema, NULL, TEMPLATES, .flags = NOT_JSON,
      .answers = "application/json, text/html", .audit = "report_template.export",
      .summary = "Gives a template away as a file" },
    { HTTP_GET, "/api/v1/studies/{id}/report-template", template_of_study_get, &template_key_schema, &template_schema,
      TEMPLATES, .summary = "Shows the template that is offered for a study",
      .doc = "Of those that suit its modality and body part: one's own before the department's before everybody's, one "
             "that names the body part before one for any, then the highest preference." },
};
ENDPOINT_TABLE(report_template_endpoints, rows);
