/* template.c - the rows of templates and their versions: who sees them, and who changes them. */
#include "reports/template_parts.h"

#include "records/modality.h"
#include "records/study.h"
#include "schema/json.h"
#include "site/actor.h"
#include "base/crypto.h"

/* ---- who sees them ---- */

bool template_may_read(struct call *c)
{
    static const enum permission any[] = { MAY_READ_REPORTS, MAY_CREATE_REPORTS, MAY_UPDATE_REPORTS, MAY_REVIEW_REPORTS,
                                           MAY_SIGN_REPORTS };
    for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
        if (call_may(c, any[i]))
            return true;
    return fail(c, E_FORBIDDEN, "templates are for those who read or write reports");
}

struct condition template_in_sight(struct call *c)
{
    return (struct condition){
        "t.deleted_at is null and (t.scope = 'SYSTEM' or t.owner_id = ? or (t.scope = 'DEPARTMENT' and (? or "
        "t.department = (select u.department from users u where u.id = ?))))",
        V(call_user(c)),
        { V(call_may(c, MAY_MANAGE_SYSTEM)), V(call_user(c)) },
    };
}

/* ---- definitions ---- */

static struct str definition_text(struct call *c, const struct template_definition *definition)
{
    struct text text;
    text_init(&text, TEMPLATE_BYTES_MAX);
    json_encode(&text, &template_definition_schema, definition, JSON_ALL_FIELDS, &c->arena);
    struct str out = text.overflowed ? STR_NULL : arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return out;
}

static bool definition_read(struct call *c, struct str json, struct template_definition *out)
{
    uint64_t given;
    schema_clear(&template_definition_schema, out);
    return json_decode(c, json, &template_definition_schema, out, false, &given);
}

static void capitals(struct call *c, struct texts *terms)
{
    for (ptrdiff_t i = 0; i < terms->count; i++) {
        char *at = arena_copy_array(&c->arena, terms->items[i].at, terms->items[i].len + 1, 1);
        for (ptrdiff_t k = 0; k < terms->items[i].len; k++)
            at[k] = (char)(at[k] >= 'a' && at[k] <= 'z' ? at[k] - 'a' + 'A' : at[k]);
        terms->items[i].at = at;
    }
}

/* What the row says of its newest version, so that lists need not open it. */
static void row_take(struct call *c, struct template *row)
{
    struct template_definition *is = &row->definition;
    capitals(c, &is->modality);
    capitals(c, &is->body_part);
    row->name = is->name;
    row->title_en = is->title_en;
    row->title_zh = is->title_zh;
    row->languages = is->languages;
    row->modality = is->modality;
    row->body_part = is->body_part;
    row->name_key = row->scope == TEMPLATE_SYSTEM ? arena_format(&c->arena, "s:%.*s", STR_FMT(is->name))
                    : row->scope == TEMPLATE_OWN
                        ? arena_format(&c->arena, "o:%.*s:%" PRId64, STR_FMT(is->name), row->owner_id)
                        : arena_format(&c->arena, "d:%.*s:%.*s", STR_FMT(is->name), STR_FMT(row->department));
}

/* ---- reading ---- */

static bool load_definition(struct call *c, int64_t version, struct template *out)
{
    struct value json;
    struct template_version at;
    int64_t wanted = version ? version : out->version;
    enum found found =
        db_find(c, &template_version_schema, &at, "where v.template_id = ? and v.version = ?", V(out->id), V(wanted));
    if (found == NONE)
        return fail(c, E_NOT_FOUND, "template %" PRId64 " has no version %" PRId64, out->id, wanted);
    if (found == FAILED ||
        !db_value(c, &json, "select definition from report_template_versions where id = ?", V(at.id)))
        return false;
    out->version = wanted;
    out->shipped_revision = at.shipped_revision;
    return definition_read(c, arena_copy(&c->arena, json.text), &out->definition);
}

static bool load_row(struct call *c, int64_t id, struct template *out)
{
    struct condition seen = template_in_sight(c);
    const char *tail = arena_format(&c->arena, "where t.id = ? and %s", seen.sql).at;
    return db_get(c, &template_schema, out, tail, V(id), seen.value, seen.more[0], seen.more[1]) ||
           fail(c, E_NOT_FOUND, "template %" PRId64 " does not exist", id);
}

bool template_load(struct call *c, int64_t id, int64_t version, struct template *out)
{
    return template_may_read(c) && load_row(c, id, out) && load_definition(c, version, out);
}

bool template_load_of_report(struct call *c, int64_t id, int64_t version, struct template *out)
{
    return (db_get(c, &template_schema, out, "where t.id = ?", V(id)) ||
            fail(c, E_NOT_FOUND, "template %" PRId64 " does not exist", id)) &&
           load_definition(c, version, out);
}

struct str template_kind_value(struct call *c, struct str kind)
{
    if (str_is_empty(kind))
        return STR_NULL;
    struct texts one = { &kind, 1 };
    capitals(c, &one);
    return arena_format(&c->arena, "\"%.*s\"", STR_FMT(kind));
}

struct condition template_suits_modality(struct call *c, struct str modality)
{
    struct modalities any;
    modality_suited_by(c, modality, &any);
    struct str sql = S("(t.modality is null or t.modality = '[]'");
    struct value *values = arena_array(&c->arena, struct value, any.count);
    for (int i = 0; i < any.count; i++) {
        sql = arena_format(&c->arena, "%.*s or instr(t.modality, ?) > 0", STR_FMT(sql));
        values[i] = V(arena_format(&c->arena, "\"%.*s\"", STR_FMT(any.at[i].text)));
    }
    return (struct condition){ arena_format(&c->arena, "%.*s)", STR_FMT(sql)).at, value_nothing(), .rest = values,
                               .rest_count = any.count };
}

enum found template_of_study(struct call *c, int64_t study_id, struct template *out)
{
    struct study study;
    if (!template_may_read(c) || !study_load(c, study_id, &study))
        return FAILED;
    struct str modality = study.modality.len           ? study.modality
                          : study.modalities.count > 0 ? study.modalities.items[0]
                                                       : S("?");
    struct value kind = V(template_kind_value(c, modality));
    struct value part = V(template_kind_value(c, study.body_part.len ? study.body_part : S("?")));
    struct condition seen = template_in_sight(c), suits = template_suits_modality(c, modality);
    struct value args[16] = { { .type = VALUE_NOTHING }, seen.value, seen.more[0], seen.more[1] };
    int count = 3;
    for (int k = 0; k < suits.rest_count; k++)
        args[++count] = suits.rest[k];
    args[++count] = part;
    args[++count] = part;
    args[++count] = kind;
    const char *tail =
        arena_format(&c->arena,
                     "where t.state = 'ACTIVE' and %s and %s and " TEMPLATE_SUITS_BODY_PART
                     " order by case t.scope when 'OWN' then 0 when 'DEPARTMENT' then 1 else 2 end, "
                     "case when instr(t.body_part, ?) > 0 then 0 else 1 end, "
                     "case when instr(t.modality, ?) > 0 then 0 when t.modality is null or t.modality = '[]' then 2 "
                     "else 1 end, t.preference desc, t.id limit 1",
                     seen.sql, suits.sql)
            .at;
    enum found found = db_find_(c, &template_schema, out, tail, (struct db_args){ args, count });
    return found == FOUND && !load_definition(c, 0, out) ? FAILED : found;
}

/* ---- writing ---- */

bool template_put_version(struct call *c, const struct template *row, struct str reason)
{
    struct str json = definition_text(c, &row->definition);
    if (!json.at)
        return error_add_problem(&c->error, &c->arena, "body", S("definition"), "too_long",
                                 "must have at most %d bytes", TEMPLATE_BYTES_MAX);
    return db_execute(c,
                      "insert into report_template_versions(template_id, version, definition, sha256, "
                      "shipped_revision, reason, created_by, created_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
                      V(row->id), V(row->version), V(json), V(crypto_sha256_hex(json, &c->arena)),
                      V(row->shipped_revision), V(reason), V(call_user(c) ? call_user(c) : INTEGER_NULL),
                      V(clock_now()));
}

/* Unique clashes come as words of the member that was given. */
static bool name_is_free(struct call *c, const struct template *row)
{
    int64_t other;
    enum found found = db_find_integer(c, &other, "select id from report_templates where name_key = ? and id <> ?",
                                       V(row->name_key), V(row->id));
    if (found != FOUND)
        return found == NONE;
    return fail(c, E_CONFLICT, "template %" PRId64 " of the same circle is called %.*s already", other,
                STR_FMT(row->name));
}

bool template_insert(struct call *c, struct template *row, struct str reason)
{
    row->id = 0;
    row->version = 1;
    row_take(c, row);
    return name_is_free(c, row) && db_insert(c, &template_schema, row, &row->id) &&
           template_put_version(c, row, reason);
}

static bool department_of_caller(struct call *c, struct str *out)
{
    struct value department;
    if (!db_value(c, &department, "select department from users where id = ?", V(call_user(c))))
        return false;
    *out = department.type == VALUE_TEXT ? arena_copy(&c->arena, department.text) : STR_NULL;
    return true;
}

static bool may_write(struct call *c, const struct template *row)
{
    if (call_may(c, MAY_MANAGE_SYSTEM))
        return true;
    if (row->scope == TEMPLATE_SYSTEM)
        return fail(c, E_FORBIDDEN, "templates of everybody are changed with system.manage");
    if (row->scope == TEMPLATE_DEPARTMENT)
        return call_may(c, MAY_REVIEW_REPORTS) ||
               fail(c, E_FORBIDDEN, "templates of a department are changed with report.review");
    return call_may(c, MAY_CREATE_REPORTS) || fail(c, E_FORBIDDEN, "templates are made with report.create");
}

bool template_add(struct call *c, const struct template *wish, int64_t *id)
{
    struct template row = *wish;
    row.shipped_revision = INTEGER_NULL;
    row.created_by = call_user(c);
    row.owner_id = row.scope == TEMPLATE_OWN ? call_user(c) : INTEGER_NULL;
    row.department = STR_NULL;
    if (!may_write(c, &row) || (row.scope == TEMPLATE_DEPARTMENT && !department_of_caller(c, &row.department)))
        return false;
    if (row.scope == TEMPLATE_DEPARTMENT && str_is_empty(row.department))
        return error_add_problem(&c->error, &c->arena, "body", S("scope"), "not_allowed",
                                 "your account belongs to no department");
    if (!template_check(c, &row.definition, "definition.") || !template_insert(c, &row, wish->reason))
        return false;
    *id = row.id;
    return true;
}

bool template_update(struct call *c, struct template *row, const struct template_definition *definition,
                     struct str reason)
{
    row->definition = *definition;
    row->version++;
    row_take(c, row);
    return name_is_free(c, row) && template_put_version(c, row, reason) &&
           db_update(c, &template_schema, row, JSON_ALL_FIELDS, "where id = ?", V(row->id));
}

/* `row` as the change would have it, beside its definition. */
static void take_change(struct template *row, const struct template *change, uint64_t given)
{
    if (schema_was_given(&template_schema, given, "state"))
        row->state = change->state;
    if (schema_was_given(&template_schema, given, "preference"))
        row->preference = change->preference;
}

bool template_change(struct call *c, const struct template *change, uint64_t given)
{
    struct template before, row;
    if (!template_may_read(c) || !db_lock(c, "select id from report_templates where id = ?", V(change->id)) ||
        !load_row(c, change->id, &before) || !may_write(c, &before) || !load_definition(c, 0, &before))
        return false;
    if (schema_was_given(&template_schema, given, "scope") && change->scope != before.scope)
        return error_add_problem(&c->error, &c->arena, "body", S("scope"), "read_only",
                                 "is as it was made; export it and import it as another's");
    row = before;
    take_change(&row, change, given);
    if (!schema_was_given(&template_schema, given, "definition")) {
        if (!db_update(c, &template_schema, &row, JSON_ALL_FIELDS, "where id = ?", V(row.id)))
            return false;
    } else {
        row.shipped_revision = INTEGER_NULL;
        if (row.scope == TEMPLATE_SYSTEM && !str_equal(change->definition.name, before.name))
            return error_add_problem(&c->error, &c->arena, "body", S("definition.name"), "read_only",
                                     "of a template of everybody it stays: shipped ones are known by it");
        if (!template_check(c, &change->definition, "definition.") ||
            !template_update(c, &row, &change->definition, change->reason))
            return false;
    }
    audit_changed(c, &template_row_schema, &before, &row, UINT64_MAX);
    return true;
}

bool template_remove(struct call *c, int64_t id)
{
    struct template row;
    if (!template_may_read(c) || !db_lock(c, "select id from report_templates where id = ?", V(id)) ||
        !load_row(c, id, &row) || !may_write(c, &row))
        return false;
    return db_execute(c, "update report_templates set deleted_at = ?, name_key = null where id = ?", V(clock_now()),
                      V(id));
}
