/* field.c - records as their rows see them: clearing, finding, taking one member, finishing. */
#include "schema/field.h"

#include "base/call.h"
#include "schema/kinds.h"
#include "schema/take.h"

void schema_clear(const struct schema *schema, void *record)
{
    memset(record, 0, schema->size);
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        field->kind->clear(field, (char *)record + field->offset);
    }
}

void *schema_new(const struct schema *schema, struct arena *arena)
{
    void *record = arena_alloc(arena, (ptrdiff_t)schema->size);
    schema_clear(schema, record);
    return record;
}

int schema_find(const struct schema *schema, struct str name)
{
    for (int i = 0; i < schema->count; i++) {
        if (str_equal(str_from(schema->fields[i].name), name))
            return i;
    }
    return -1;
}

bool schema_was_given(const struct schema *schema, uint64_t given, const char *name)
{
    int index = schema_find(schema, str_from(name));
    return index >= 0 && (given & GIVEN(index));
}

struct str choice_text(const char *const *choices, unsigned choice)
{
    for (unsigned i = 1; choices && choices[i - 1]; i++) {
        if (i == choice)
            return str_from(choices[i - 1]);
    }
    return STR_NULL;
}

unsigned choice_of(const char *const *choices, struct str name)
{
    for (unsigned i = 1; choices && choices[i - 1]; i++) {
        if (str_equal(str_from(choices[i - 1]), name))
            return i;
    }
    return 0;
}

/* ---- taking ---- */

bool field_accepts_null(const struct field *field)
{
    return !(field->flags & REQUIRED) && (field->kind != &kind_boolean || field->fallback);
}

/* Null is the default where there is one, unless null itself is a value of this member. */
static const char *set_null(const struct field *field, void *member, struct arena *arena, struct str *message)
{
    if (!field_accepts_null(field)) {
        *message = S("must not be null");
        return "null_not_allowed";
    }
    if (field->fallback && !(field->flags & NULLABLE))
        return field->kind->set(field, member, value_text(str_from(field->fallback)), arena, message);
    field->kind->clear(field, member);
    return NULL;
}

const char *field_set(const struct field *field, void *member, struct value value, struct arena *arena,
                      struct str *message)
{
    bool is_text = field->kind == &kind_text && !field->choices;
    bool empty = value.type == VALUE_TEXT && value.text.len == 0 && !is_text && field_accepts_null(field);
    if (value.type == VALUE_NOTHING || empty)
        return set_null(field, member, arena, message);
    const char *trouble = field->kind->set(field, member, value, arena, message);
    if (!trouble && is_text && str_is_null(*(struct str *)member))
        return set_null(field, member, arena, message);
    return trouble;
}

bool take_refuse(struct error *error, struct arena *arena, const char *place, struct str prefix, const char *name,
                 const char *type, struct str message)
{
    struct str member = STR_NULL;
    if (error->problem_count < PROBLEMS_MAX)
        member = arena_format(arena, "%.*s%s", STR_FMT(prefix), name);
    return error_add_problem(error, arena, place, member, type, "%.*s", STR_FMT(message));
}

bool take_value(struct error *error, struct arena *arena, const struct field *field, void *member, struct value value,
                const char *place, struct str prefix)
{
    struct str message = STR_NULL;
    const char *type = field_set(field, member, value, arena, &message);
    return !type || take_refuse(error, arena, place, prefix, field->name, type, message);
}

void take_finish(struct error *error, struct arena *arena, const struct schema *schema, void *record, uint64_t given,
                 uint64_t seen, const char *place, struct str prefix)
{
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if ((given | seen) & GIVEN(i))
            continue;
        if (field->fallback)
            take_value(error, arena, field, (char *)record + field->offset, value_text(str_from(field->fallback)),
                       place, prefix);
        else if (field->flags & REQUIRED)
            take_refuse(error, arena, place, prefix, field->name, "missing", S("is required"));
    }
}

bool field_take(struct call *c, const struct field *field, void *record, struct value value, const char *place,
                struct str prefix)
{
    return take_value(&c->error, &c->arena, field, (char *)record + field->offset, value, place, prefix);
}

void schema_finish(struct call *c, const struct schema *schema, void *record, uint64_t given, uint64_t seen,
                   bool partial, const char *place, struct str prefix)
{
    if (!partial)
        take_finish(&c->error, &c->arena, schema, record, given, seen, place, prefix);
}
