/* report_macro.c - short texts of those who write reports. */
#include "records/modality.h"
#include "reports/macro.h"
#include "web/exchange.h"
#include "web/listing.h"

struct macro_key {
    int64_t id;
};
static const struct field macro_key_fields[] = { KEY(struct macro_key, id, "The macro.") };
static const struct schema macro_key_schema = SCHEMA("ReportMacroKey", struct macro_key, macro_key_fields);

struct macro_list {
    struct list_query list;
    struct str name, modality, body_part;
    int64_t owner_id;
};
#define MACRO_SORTS(X) X("name", "m.name") X("updated_at", "m.updated_at")
LIST_ORDER(macro_order, MACRO_SORTS);
static const struct field macro_list_fields[] = {
    LIST_FIELDS(struct macro_list, macro_order, "name"),
    FIELD(struct macro_list, name, .max = 64, .filter = "m.name = ?", .doc = "Only those of this name."),
    FIELD(struct macro_list, modality, .max = 16, .doc = "Only those for this modality, or for any."),
    FIELD(struct macro_list, body_part, .max = 64, .filter = "(m.body_part is null or m.body_part = ?)",
          .doc = "Only those for this body part, or for any."),
    FIELD(struct macro_list, owner_id, .min = 1, .max = INT64_MAX, .filter = "m.owner_id = ?",
          .doc = "Only those of this account."),
};
static const struct schema macro_list = SCHEMA("ReportMacroList", struct macro_list, macro_list_fields);
static const struct listing macro_listing = { .row = &macro_schema, .id = "m.id", .order = &macro_order };

static bool macro_list_get(struct call *c)
{
    const struct macro_list *in = c->in;
    struct condition conditions[2] = { macro_in_sight(c) };
    int count = 1;
    struct modalities suited;
    if (in->modality.len) {
        modality_suited_by(c, in->modality, &suited);
        struct condition suits = modality_among(c, "upper(m.modality)", &suited);
        suits.sql = arena_format(&c->arena, "(m.modality is null or %s)", suits.sql).at;
        conditions[count++] = suits;
    }
    return list_answer(c, &macro_listing, (struct list_among){ .conditions = conditions, .condition_count = count });
}

static bool macro_post(struct call *c)
{
    int64_t id;
    if (!macro_add(c, c->in, &id))
        return false;
    answer_location(c, "/api/v1/reports/macros/%" PRId64, id);
    return macro_load(c, id, c->out);
}

static bool macro_get(struct call *c)
{
    return macro_load(c, ((const struct macro_key *)c->in)->id, c->out);
}

static bool macro_patch(struct call *c)
{
    const struct macro *in = c->in;
    return macro_change(c, in, c->given) && macro_load(c, in->id, c->out);
}

static bool macro_delete(struct call *c)
{
    return macro_remove(c, ((const struct macro_key *)c->in)->id);
}

static bool macro_expand_post(struct call *c)
{
    return macro_expand(c, c->in, c->out);
}

#define PATH "/api/v1/reports/macros"
#define MACROS .permission = MAY_CREATE_REPORTS, .entity = "report_macro", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_GET, PATH, macro_list_get, &macro_list, &macro_schema, MACROS, .flags = LIST,
      .summary = "Lists one's macros, and those that the department shares" },
    { HTTP_POST, PATH, macro_post, &macro_schema, &macro_schema, MACROS, .runs = WRITES, .body = BODY_JSON,
      .status = 201, .audit = "report_macro.create", .summary = "Adds a macro" },
    { HTTP_GET, PATH "/{id}", macro_get, &macro_key_schema, &macro_schema, MACROS, .summary = "Shows one macro" },
    { HTTP_PATCH, PATH "/{id}", macro_patch, &macro_schema, &macro_schema, MACROS, .runs = WRITES, .body = BODY_JSON,
      .audit = "report_macro.update", .summary = "Changes one of one's macros" },
    { HTTP_DELETE, PATH "/{id}", macro_delete, &macro_key_schema, NULL, MACROS, .runs = WRITES,
      .audit = "report_macro.delete", .summary = "Removes one of one's macros" },
    { HTTP_POST, PATH "/{id}/expand", macro_expand_post, &macro_wish_schema, &macro_text_schema, MACROS, .runs = WORKS,
      .body = BODY_JSON, .flags = ACTION, .audit = "report_macro.expand", .summary = "Fills in a macro",
      .doc = "Variables that have no value stay as they are, and are named in the answer." },
};
ENDPOINT_TABLE(report_macro_endpoints, rows);
