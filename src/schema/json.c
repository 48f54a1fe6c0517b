/* json.c - records from JSON: every problem is found, none quotes a value. */
#include "schema/json.h"

#include "schema/json_read.h"
#include "schema/kinds.h"
#include "schema/take.h"

enum { UNKNOWN_NAME_MAX = 64 }; /* bytes of a name that the client made up, in the problem about it */

static struct value json_scalar(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return value_text(json_text(json));
    case JSON_INTEGER:
        return (struct value){ .type = VALUE_INTEGER, .integer = json_integer_value(json) };
    case JSON_REAL:
        return value_real(json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return value_boolean(json_is_true(json));
    default:
        return value_nothing();
    }
}

/* ---- one item of a list ---- */

static bool refuse_item(const struct json_place *p, const struct field *field, struct str prefix, ptrdiff_t index,
                        const char *type, struct str message)
{
    struct str name = STR_NULL;
    if (p->error->problem_count < PROBLEMS_MAX)
        name = arena_format(p->arena, "%s.%td", field->name, index);
    return take_refuse(p->error, p->arena, p->name, prefix, name.at ? name.at : "", type, message);
}

static bool refuse(const struct json_place *p, const struct field *field, struct str prefix, const char *type,
                   struct str message)
{
    return take_refuse(p->error, p->arena, p->name, prefix, field->name, type, message);
}

static bool mismatch(const struct json_place *p, const struct field *field, struct str prefix)
{
    struct str message = STR_NULL;
    const char *type = kind_mismatch(field->kind, &message);
    return refuse(p, field, prefix, type, message);
}

/* ---- objects ---- */

/* A name that no row has: shown cut, and with control characters left to the encoder of the answer. */
static bool refuse_unknown(const struct json_place *p, const char *key, struct str prefix)
{
    struct str name = str_at_most(str_from(key), UNKNOWN_NAME_MAX);
    char shown[UNKNOWN_NAME_MAX + 1] = "";
    memcpy(shown, name.at, (size_t)name.len);
    return take_refuse(p->error, p->arena, p->name, prefix, shown, "unknown", S("is not known here"));
}

/* The members that a body may not hold although the schema has them. */
static uint64_t closed_members(const struct schema *schema)
{
    uint64_t closed = 0;
    for (int i = 0; i < schema->count; i++) {
        if (schema->fields[i].flags & (READ_ONLY | IN_QUERY))
            closed |= GIVEN(i);
    }
    return closed;
}

/* Takes the members of `object`. `preset`: members that the path has set already, which the body may not set again. */
static void take_object(const struct json_place *p, const struct schema *schema, void *record, const json_t *object,
                        uint64_t preset, bool partial, struct str prefix, uint64_t *given)
{
    uint64_t seen = preset | closed_members(schema), taken = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        int index = schema_find(schema, str_from(key));
        const struct field *field = index < 0 ? NULL : &schema->fields[index];
        if (!field || (field->flags & IN_QUERY) || (preset & GIVEN(index))) {
            refuse_unknown(p, key, prefix);
        } else if (field->flags & READ_ONLY) {
            refuse(p, field, prefix, "read_only", S("cannot be set"));
        } else {
            seen |= GIVEN(index);
            if (json_take(p, field, (char *)record + field->offset, value, prefix))
                taken |= GIVEN(index);
        }
    }
    if (!partial)
        take_finish(p->error, p->arena, schema, record, taken, seen, p->name, prefix);
    *given = taken;
}

static bool take_nested(const struct json_place *p, const struct field *field, void *member, const json_t *json,
                        struct str prefix)
{
    if (!json_is_object(json))
        return mismatch(p, field, prefix);
    int before = p->error->problem_count;
    struct str inner = arena_format(p->arena, "%.*s%s.", STR_FMT(prefix), field->name);
    uint64_t given;
    schema_clear(field->of, member);
    take_object(p, field->of, member, json, 0, false, inner, &given);
    return p->error->problem_count == before;
}

/* ---- lists ---- */

static bool open_list(const struct json_place *p, const struct field *field, const json_t *json, struct str prefix,
                      ptrdiff_t *count)
{
    if (!json_is_array(json))
        return mismatch(p, field, prefix);
    struct str message = STR_NULL;
    *count = (ptrdiff_t)json_array_size(json);
    const char *trouble = list_check_count(field, *count, p->arena, &message);
    return !trouble || refuse(p, field, prefix, trouble, message);
}

/* An empty list is not a null one, so it has an address too. */
static ptrdiff_t at_least_one(ptrdiff_t count)
{
    return count > 0 ? count : 1;
}

static bool take_list(const struct json_place *p, const struct field *field, struct list *list, const json_t *json,
                      struct str prefix)
{
    ptrdiff_t count;
    if (!open_list(p, field, json, prefix, &count))
        return false;
    int before = p->error->problem_count;
    char *items = arena_alloc_array(p->arena, at_least_one(count), (ptrdiff_t)field->of->size);
    for (ptrdiff_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(json, (size_t)i);
        void *record = items + i * (ptrdiff_t)field->of->size;
        uint64_t given;
        schema_clear(field->of, record);
        if (json_is_object(item)) {
            struct str inner = arena_format(p->arena, "%.*s%s.%td.", STR_FMT(prefix), field->name, i);
            take_object(p, field->of, record, item, 0, false, inner, &given);
        } else {
            refuse_item(p, field, prefix, i, "not_an_object", S("must be an object"));
        }
    }
    if (p->error->problem_count != before)
        return false;
    *list = (struct list){ items, count };
    return true;
}

static bool take_texts(const struct json_place *p, const struct field *field, struct texts *texts, const json_t *json,
                       struct str prefix)
{
    ptrdiff_t count;
    if (!open_list(p, field, json, prefix, &count))
        return false;
    int before = p->error->problem_count;
    struct str *items = arena_array(p->arena, struct str, at_least_one(count));
    for (ptrdiff_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(json, (size_t)i);
        struct str message = S("must be text");
        const char *trouble = "not_text";
        if (json_is_string(item))
            trouble = texts_take_item(field, json_text(item), p->arena, &items[i], &message);
        if (trouble)
            refuse_item(p, field, prefix, i, trouble, message);
    }
    if (p->error->problem_count != before)
        return false;
    *texts = (struct texts){ items, count };
    return true;
}

/* A number inside `integers` or `counts`: any that is not the null. */
static const struct field plain_integer = { .name = "", .kind = &kind_integer, .flags = REQUIRED };

static const char *take_integer(const json_t *json, int64_t *out, struct arena *arena, struct str *message)
{
    if (!json_is_number(json))
        return kind_mismatch(&kind_integer, message);
    return field_set(&plain_integer, out, json_scalar(json), arena, message);
}

static bool take_integers(const struct json_place *p, const struct field *field, struct integers *integers,
                          const json_t *json, struct str prefix)
{
    ptrdiff_t count;
    if (!open_list(p, field, json, prefix, &count))
        return false;
    int before = p->error->problem_count;
    int64_t *items = arena_array(p->arena, int64_t, at_least_one(count));
    for (ptrdiff_t i = 0; i < count; i++) {
        struct str message = STR_NULL;
        const char *trouble = take_integer(json_array_get(json, (size_t)i), &items[i], p->arena, &message);
        if (trouble)
            refuse_item(p, field, prefix, i, trouble, message);
    }
    if (p->error->problem_count != before)
        return false;
    *integers = (struct integers){ items, count };
    return true;
}

static bool take_counts(const struct json_place *p, const struct field *field, struct counts *counts,
                        const json_t *json, struct str prefix)
{
    if (!json_is_object(json))
        return mismatch(p, field, prefix);
    struct str message = STR_NULL;
    ptrdiff_t count = (ptrdiff_t)json_object_size(json), n = 0;
    const char *trouble = list_check_count(field, count, p->arena, &message), *key;
    if (trouble)
        return refuse(p, field, prefix, trouble, message);
    int before = p->error->problem_count;
    struct count *items = arena_array(p->arena, struct count, at_least_one(count));
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        trouble = texts_take_item(field, str_from(key), p->arena, &items[n].name, &message);
        if (!trouble)
            trouble = take_integer(value, &items[n].n, p->arena, &message);
        if (trouble)
            refuse_item(p, field, prefix, n, trouble, message);
        n++;
    }
    if (p->error->problem_count != before)
        return false;
    *counts = (struct counts){ items, count };
    return true;
}

static bool take_json(const struct json_place *p, const struct field *field, struct json *member, const json_t *json,
                      struct str prefix)
{
    struct str message = STR_NULL;
    struct limits limits = field_limits(field);
    const char *trouble = json_check_tree(json, &message);
    if (trouble)
        return refuse(p, field, prefix, trouble, message);
    if (p->rounded && json_holds_rounded(json))
        return refuse(p, field, prefix, "too_large",
                      S("holds a whole number beyond 64 bits, which would be rounded: send it as a text"));
    struct text text;
    text_init(&text, limits.max);
    json_put_tree(&text, json);
    bool fits = !text.overflowed;
    if (fits)
        member->text = arena_copy(p->arena, text_str(&text));
    text_release(&text);
    message = arena_format(p->arena, "must have at most %" PRId64 " bytes of JSON", limits.max);
    return fits || refuse(p, field, prefix, "too_long", message);
}

/* ---- any member ---- */

bool json_take(const struct json_place *p, const struct field *field, void *member, const json_t *json,
               struct str prefix)
{
    const struct kind *kind = field->kind;
    if (json_is_null(json))
        return take_value(p->error, p->arena, field, member, value_nothing(), p->name, prefix);
    if (kind == &kind_object)
        return take_nested(p, field, member, json, prefix);
    if (kind == &kind_list)
        return take_list(p, field, member, json, prefix);
    if (kind == &kind_texts)
        return take_texts(p, field, member, json, prefix);
    if (kind == &kind_integers)
        return take_integers(p, field, member, json, prefix);
    if (kind == &kind_counts)
        return take_counts(p, field, member, json, prefix);
    if (kind == &kind_json)
        return take_json(p, field, member, json, prefix);
    /* Text is for kinds that JSON has no type for; "12" is not 12. */
    bool number = kind == &kind_integer || kind == &kind_boolean || kind == &kind_real;
    if (json_is_object(json) || json_is_array(json) || (number && json_is_string(json)))
        return mismatch(p, field, prefix);
    return take_value(p->error, p->arena, field, member, json_scalar(json), p->name, prefix);
}

const char *json_take_text(const struct field *field, void *member, struct str text, struct arena *arena,
                           struct str *message)
{
    struct json_flaw flaw;
    struct error error = { 0 };
    json_t *json = json_read(text, arena, &flaw);
    if (!json) {
        *message = S("must be valid JSON");
        return "not_json";
    }
    bool ok = json_take(&(struct json_place){ &error, arena, "", flaw.rounded }, field, member, json, S(""));
    json_decref(json);
    if (ok)
        return NULL;
    *message = error.problems->message;
    return error.problems->type;
}

/* ---- the whole ---- */

/* The path has set what is not null in a record that was cleared. A boolean has no null, so it never counts. */
static uint64_t preset_members(const struct schema *schema, const void *record, struct arena *arena)
{
    uint64_t preset = 0;
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->kind == &kind_boolean || field->kind == &kind_object)
            continue;
        if (field->kind->get(field, (const char *)record + field->offset, arena).type != VALUE_NOTHING)
            preset |= GIVEN(i);
    }
    return preset;
}

bool json_decode(struct call *c, struct str body, const struct schema *schema, void *record, bool partial,
                 uint64_t *given)
{
    if (str_is_empty(body))
        return fail(c, E_BAD_REQUEST, "the body is empty; a JSON object is expected");
    struct json_flaw flaw;
    json_t *root = json_read(body, &c->arena, &flaw);
    if (!root)
        return fail(c, E_BAD_REQUEST, "line %d, column %d: %s", flaw.line, flaw.column, flaw.what);
    struct json_place place = { &c->error, &c->arena, "body", flaw.rounded };
    uint64_t taken = 0;
    if (json_is_object(root))
        take_object(&place, schema, record, root, preset_members(schema, record, &c->arena), partial, S(""), &taken);
    else
        error_add_problem(&c->error, &c->arena, place.name, STR_NULL, "not_an_object", "must be an object");
    json_decref(root);
    if (c->error.code != E_NONE)
        return false;
    *given = taken;
    return true;
}

bool json_fields_mask(struct call *c, const struct schema *schema, struct str names, uint64_t *mask)
{
    uint64_t found = 0;
    struct str rest = names, name;
    for (bool more = !str_is_empty(names); more;) {
        more = str_cut(rest, ',', &name, &rest);
        int index = schema_find(schema, str_trim(name));
        if (index >= 0 && !(schema->fields[index].flags & (WRITE_ONLY | SECRET)))
            found |= GIVEN(index);
        else
            return error_add_problem(&c->error, &c->arena, "query", S("fields"), "unknown",
                                     "names a member that %s does not have", schema->name);
    }
    *mask = str_is_empty(names) ? JSON_ALL_FIELDS : found;
    return true;
}
