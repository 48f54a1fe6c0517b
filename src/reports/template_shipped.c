/* template_shipped.c - puts the shipped templates into the database, and leaves alone what is the hospital's. */
#include "reports/template_shipped.h"

#include "schema/json.h"

static const struct field shipped_fields[] = {
    FIELD(struct shipped_template, revision, .flags = REQUIRED, .min = 1, .max = 1000000,
          .doc = "Counts the changes of the file."),
    FIELD(struct shipped_template, preference, .min = 0, .max = 1000000, .fallback = "100",
          .doc = "As in ReportTemplate."),
    FIELD_OBJECT(struct shipped_template, definition, .of = &template_definition_schema, .flags = REQUIRED | NOT_STORED,
                 .doc = "The template."),
};
static const struct schema shipped_schema = SCHEMA("ShippedTemplate", struct shipped_template, shipped_fields);

bool shipped_template_read(struct call *c, int index, struct shipped_template *out)
{
    uint64_t given;
    schema_clear(&shipped_schema, out);
    return json_decode(c, shipped_templates[index], &shipped_schema, out, false, &given) &&
           template_check(c, &out->definition, "definition.");
}

static bool begin(struct call *c, const struct shipped_template *shipped)
{
    struct template row;
    schema_clear(&template_schema, &row);
    row.scope = TEMPLATE_SYSTEM;
    row.state = TEMPLATE_ACTIVE;
    row.preference = shipped->preference;
    row.shipped_revision = shipped->revision;
    row.definition = shipped->definition;
    return template_insert(c, &row, STR_NULL);
}

static bool seed(struct call *c, const struct shipped_template *shipped)
{
    struct template row;
    struct value deleted_at;
    struct str name = shipped->definition.name;
    enum found found =
        db_find(c, &template_schema, &row,
                "where t.name = ? and t.scope = 'SYSTEM' order by case when t.deleted_at is null then 0 else 1 end, "
                "t.id limit 1",
                V(name));
    if (found != FOUND)
        return found == NONE && begin(c, shipped);
    if (!db_value(c, &deleted_at, "select deleted_at from report_templates where id = ?", V(row.id)))
        return false;
    bool is_ours = deleted_at.type == VALUE_NOTHING && row.shipped_revision != INTEGER_NULL;
    if (!is_ours || row.shipped_revision >= shipped->revision)
        return true;
    row.shipped_revision = shipped->revision;
    return template_update(c, &row, &shipped->definition, STR_NULL);
}

bool templates_seed(struct call *c, void *unused)
{
    (void)unused;
    for (int i = 0; i < shipped_template_count; i++) {
        struct shipped_template shipped;
        if (!shipped_template_read(c, i, &shipped) || !seed(c, &shipped))
            return false;
    }
    return true;
}
