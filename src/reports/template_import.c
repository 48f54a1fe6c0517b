/* template_import.c - takes a template from elsewhere, and says what it could not take. */
#include "reports/template_import.h"

#include "reports/mrrt.h"
#include "schema/json.h"

static const struct field import_fields[] = {
    FIELD(struct template_import, html, .flags = NULLABLE, .min = 1, .max = TEMPLATE_BYTES_MAX,
          .doc = "A template of IHE MRRT (RadReport): the HTML as text. This or `definition`."),
    FIELD_OBJECT(struct template_import, definition, .of = &template_definition_schema, .flags = NULLABLE | NOT_STORED,
                 .doc = "What an export as JSON gave."),
    FIELD(struct template_import, name, .flags = NULLABLE, .min = 1, .max = 64,
          .doc = "What it is to be called; as it calls itself where it is not said."),
    FIELD(struct template_import, modality, .flags = NULLABLE, .max = 50, .example = "[\"CT\"]",
          .doc = "Modalities that it is for, which MRRT does not say."),
    FIELD(struct template_import, body_part, .flags = NULLABLE, .max = 50, .doc = "Body parts that it is for."),
    FIELD(struct template_import, scope, .choices = template_scopes, .type = "ReportTemplateScope", .fallback = "OWN",
          .doc = "Whose it is to be."),
    FIELD(struct template_import, preference, .min = 0, .max = 1000000, .fallback = "100",
          .doc = "As in ReportTemplate."),
};
const struct schema template_import_schema =
    SCHEMA("ReportTemplateImport", struct template_import, import_fields, .doc = "A template from elsewhere.");

/* By the same rows as one that came as JSON, so that no limit depends on the way in. */
static bool take_again(struct call *c, const struct template_definition *read, struct template_definition *out)
{
    struct text json;
    uint64_t given;
    text_init(&json, 4 * TEMPLATE_BYTES_MAX);
    json_encode(&json, &template_definition_schema, read, JSON_ALL_FIELDS, &c->arena);
    struct str text = arena_copy(&c->arena, text_str(&json));
    bool overflowed = json.overflowed;
    text_release(&json);
    if (overflowed)
        return fail(c, E_INVALID, "the template has more than %d bytes", TEMPLATE_BYTES_MAX);
    schema_clear(&template_definition_schema, out);
    return json_decode(c, text, &template_definition_schema, out, false, &given);
}

bool template_import(struct call *c, const struct template_import *wish, int64_t *id, struct texts *remarks)
{
    struct template_definition read = wish->definition;
    struct template row;
    bool is_json = wish->definition.name.at;
    if (is_json == (wish->html.at != NULL))
        return error_add_problem(&c->error, &c->arena, "body", S("html"), is_json ? "not_used" : "missing",
                                 "an import holds either `html` or `definition`");
    *remarks = (struct texts){ arena_new(&c->arena, struct str), 0 };
    if (!is_json && !mrrt_read(c, wish->html, &read, remarks))
        return false;
    if (wish->name.at)
        read.name = wish->name;
    if (wish->modality.count > 0)
        read.modality = wish->modality;
    if (wish->body_part.count > 0)
        read.body_part = wish->body_part;
    schema_clear(&template_schema, &row);
    row.scope = wish->scope;
    row.state = TEMPLATE_ACTIVE;
    row.preference = wish->preference;
    row.reason = STR_NULL;
    return take_again(c, &read, &row.definition) && template_add(c, &row, id);
}
