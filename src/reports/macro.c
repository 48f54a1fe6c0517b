/* macro.c - the rows of macros. */
#include "reports/macro.h"

#include "reports/template_parts.h"
#include "site/actor.h"

static const char *check_name(struct str text, struct arena *arena, struct str *message)
{
    (void)arena;
    *message = S("must have no spaces");
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (text.at[i] == ' ' || text.at[i] == '\t' || text.at[i] == '\n' || text.at[i] == '\r')
            return "not_a_name";
    return NULL;
}
static const struct text_rule name_rule = { NULL, check_name };

static const struct field macro_fields[] = {
    FIELD(struct macro, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies the macro."),
    FIELD(struct macro, name, .flags = REQUIRED, .min = 1, .max = 64, .rule = &name_rule, .example = "nodfu",
          .doc = "What one types for it; once among one's own."),
    FIELD(struct macro, text, .flags = REQUIRED, .min = 1, .max = MACRO_TEXT_MAX,
          .example = "Follow-up CT in {{1}} months.",
          .doc = "What it becomes: {{patient.age}} is read from the study, {{1}} and {{size}} are given when it is "
                 "used; of [[...]] nothing is left where a value in it is missing."),
    FIELD(struct macro, modality, .flags = NULLABLE, .max = 16, .doc = "For reports on which modality; null: any."),
    FIELD(struct macro, body_part, .flags = NULLABLE, .max = 64, .doc = "For which body part; null: any."),
    FIELD(struct macro, is_shared, .fallback = "false", .doc = "May its writer's department use it?"),
    FIELD(struct macro, owner_id, .flags = READ_ONLY, .doc = "The account that wrote it."),
    FIELD(struct macro, owner_name, .flags = READ_ONLY | NULLABLE, .sql = "u.full_name", .doc = "Its name."),
    FIELD(struct macro, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was made."),
    FIELD(struct macro, updated_at, .flags = READ_ONLY | SET_ON_INSERT | SET_ON_UPDATE, .doc = "When it was changed."),
};
const struct schema macro_schema =
    SCHEMA("ReportMacro", struct macro, macro_fields, .table = "report_macros", .alias = "m",
           .join = "left join users u on u.id = m.owner_id", .doc = "A short text that one types often.");

struct condition macro_in_sight(struct call *c)
{
    return (struct condition){ "(m.owner_id = ? or (m.is_shared = 1 and (select o.department from users o where "
                               "o.id = m.owner_id) = (select w.department from users w where w.id = ?)))",
                               V(call_user(c)),
                               { V(call_user(c)) } };
}

static bool is_missing(struct call *c, int64_t id)
{
    return fail(c, E_NOT_FOUND, "macro %" PRId64 " does not exist", id);
}

bool macro_load(struct call *c, int64_t id, struct macro *out)
{
    struct condition seen = macro_in_sight(c);
    const char *tail = arena_format(&c->arena, "where m.id = ? and %s", seen.sql).at;
    return db_get(c, &macro_schema, out, tail, V(id), seen.value, seen.more[0]) || is_missing(c, id);
}

/* ---- what a text may hold ---- */

static bool is_number(struct str name)
{
    for (ptrdiff_t i = 0; i < name.len; i++)
        if (name.at[i] < '0' || name.at[i] > '9')
            return false;
    return name.len > 0 && name.len <= 3;
}

static bool is_known(struct str name)
{
    for (int i = 0; i < macro_variable_count; i++)
        if (str_equal(name, str_from(macro_variables[i].name)))
            return true;
    return template_is_word(name) || is_number(name);
}

static bool refuse(struct call *c, const char *type, const char *words, struct str quoted)
{
    return error_add_problem(&c->error, &c->arena, "body", S("text"), type, words, STR_FMT(str_at_most(quoted, 64)));
}

static bool text_will_do(struct call *c, struct str text)
{
    struct str piece;
    int variables = 0;
    bool is_open = false, ok = true;
    for (enum template_piece kind; (kind = template_next(&text, &piece)) != PIECE_END;) {
        variables += kind == PIECE_VARIABLE;
        if (kind == PIECE_VARIABLE && is_open && str_starts(piece, S("!")))
            piece = str_slice(piece, 1, piece.len);
        if (kind == PIECE_VARIABLE && !is_known(piece))
            ok = refuse(c, "unknown_variable",
                        "{{%.*s}} is not known: own variables are numbers, or small letters, digits and underscores",
                        piece);
        if ((kind == PIECE_TEXT && str_find(piece, S("{{")) >= 0) || (kind == PIECE_OPEN && is_open) ||
            (kind == PIECE_CLOSE && !is_open))
            ok = refuse(c, "unended", "%.*s has no counterpart", piece);
        is_open = kind == PIECE_OPEN || (is_open && kind != PIECE_CLOSE);
    }
    if (is_open)
        ok = refuse(c, "unended", "%.*s has no counterpart", S("[["));
    if (variables > MACRO_VARIABLES_MAX)
        ok = error_add_problem(&c->error, &c->arena, "body", S("text"), "too_long", "must have at most %d variables",
                               MACRO_VARIABLES_MAX);
    return ok;
}

/* ---- writing ---- */

static bool name_is_free(struct call *c, const struct macro *row)
{
    int64_t other;
    enum found found =
        db_find_integer(c, &other, "select id from report_macros where owner_id = ? and name = ? and id <> ?",
                        V(row->owner_id), V(row->name), V(row->id));
    return found == NONE ||
           (found == FOUND && fail(c, E_CONFLICT, "another macro of yours is called %.*s", STR_FMT(row->name)));
}

bool macro_add(struct call *c, const struct macro *macro, int64_t *id)
{
    struct macro row = *macro;
    row.id = 0;
    row.owner_id = call_user(c);
    return text_will_do(c, row.text) && name_is_free(c, &row) && db_insert(c, &macro_schema, &row, id);
}

/* One's own, held until the commit. */
static bool hold(struct call *c, int64_t id, struct macro *out)
{
    return db_lock(c, "select id from report_macros where id = ?", V(id)) &&
           (db_get(c, &macro_schema, out, "where m.id = ? and m.owner_id = ?", V(id), V(call_user(c))) ||
            is_missing(c, id));
}

bool macro_change(struct call *c, const struct macro *change, uint64_t given)
{
    struct macro before, now, row = *change;
    if (!hold(c, change->id, &before))
        return false;
    row.owner_id = before.owner_id;
    if ((change->text.at && !text_will_do(c, change->text)) || (change->name.at && !name_is_free(c, &row)) ||
        !db_update(c, &macro_schema, &row, given, "where id = ?", V(change->id)) || !hold(c, change->id, &now))
        return false;
    audit_changed(c, &macro_schema, &before, &now, given);
    return true;
}

bool macro_remove(struct call *c, int64_t id)
{
    struct macro before;
    return hold(c, id, &before) && db_execute(c, "delete from report_macros where id = ?", V(id));
}
