/* kinds_nested.c - the kinds that hold more than one value: object, list, texts, integers, counts, json.
 *
 * Outside and in SQL they are JSON text. In query strings and on command lines, texts and integers are separated by
 * commas. Records inside records are rows of their own tables, so objects and lists have no column. */
#include "schema/json.h"
#include "schema/json_read.h"
#include "schema/kinds.h"

#include <assert.h>
#include <inttypes.h>

#define MEMBER(T) (*(T *)member)

const char *list_check_count(const struct field *field, ptrdiff_t count, struct arena *arena, struct str *message)
{
    struct limits limits = field_limits(field);
    if (count < limits.min) {
        *message = arena_format(arena, "must have at least %" PRId64 " items", limits.min);
        return "too_short";
    }
    if (count > limits.max) {
        *message = arena_format(arena, "must have at most %" PRId64 " items", limits.max);
        return "too_long";
    }
    return NULL;
}

const char *texts_take_item(const struct field *field, struct str item, struct arena *arena, struct str *out,
                            struct str *message)
{
    const char *trouble = text_check(item, LIST_TEXT_MAX, arena, message);
    if (trouble)
        return trouble;
    if (field->choices && !choice_of(field->choices, item))
        return choice_refuse(field->choices, arena, message);
    struct str trimmed = str_trim(item);
    if (trimmed.len == 0) {
        *message = S("must not be empty");
        return "too_short";
    }
    *out = arena_copy(arena, trimmed);
    return NULL;
}

/* ---- what they share ---- */

static struct value nested_get(const struct field *field, const void *member, struct arena *arena)
{
    struct text text;
    text_init(&text, JSON_TEXT_MAX);
    json_put_member(&text, field, member, arena);
    assert(!text.overflowed);
    struct str copy = arena_copy(arena, text_str(&text));
    text_release(&text);
    return value_text(copy);
}

static const char *nested_set(const struct field *field, void *member, struct value value, struct arena *arena,
                              struct str *message)
{
    if (value.type != VALUE_TEXT)
        return kind_mismatch(field->kind, message);
    return json_take_text(field, member, value.text, arena, message);
}

static struct value no_column(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)member, (void)arena;
    return value_nothing();
}

/* Reads stored JSON. NULL with *ok for a null column. */
static json_t *load_json(struct value value, struct arena *arena, bool *ok)
{
    struct json_flaw flaw;
    json_t *json = value.type == VALUE_TEXT ? json_read(value.text, arena, &flaw) : NULL;
    *ok = json || value.type == VALUE_NOTHING;
    return json;
}

/* ---- object ---- */

static void object_clear(const struct field *field, void *member)
{
    schema_clear(field->of, member);
}

static bool object_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)arena;
    schema_clear(field->of, member);
    return value.type == VALUE_NOTHING;
}

const struct kind kind_object = {
    "object", "object", NULL, 0, object_clear, nested_get, no_column, nested_set, object_load,
};

/* ---- list ---- */

static void list_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct list) = (struct list){ NULL, 0 };
}

static struct value list_get(const struct field *field, const void *member, struct arena *arena)
{
    return ((const struct list *)member)->items ? nested_get(field, member, arena) : value_nothing();
}

static bool list_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)arena;
    list_clear(field, member);
    return value.type == VALUE_NOTHING;
}

const struct kind kind_list = {
    "list", "array", NULL, sizeof(struct list), list_clear, list_get, no_column, nested_set, list_load,
};

/* ---- texts ---- */

/* How many pieces there are between commas. */
static ptrdiff_t count_pieces(struct str s)
{
    ptrdiff_t count = 1;
    for (ptrdiff_t i = 0; i < s.len; i++)
        count += s.at[i] == ',';
    return count;
}

static void texts_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct texts) = (struct texts){ NULL, 0 };
}

static struct value texts_get(const struct field *field, const void *member, struct arena *arena)
{
    return ((const struct texts *)member)->items ? nested_get(field, member, arena) : value_nothing();
}

static const char *texts_set(const struct field *field, void *member, struct value value, struct arena *arena,
                             struct str *message)
{
    if (value.type != VALUE_TEXT)
        return kind_mismatch(field->kind, message);
    ptrdiff_t count = count_pieces(value.text);
    const char *trouble = list_check_count(field, count, arena, message);
    if (trouble)
        return trouble;
    struct str *items = arena_array(arena, struct str, count), rest = value.text, piece;
    for (ptrdiff_t i = 0; i < count; i++) {
        str_cut(rest, ',', &piece, &rest);
        trouble = texts_take_item(field, piece, arena, &items[i], message);
        if (trouble)
            return trouble;
    }
    MEMBER(struct texts) = (struct texts){ items, count };
    return NULL;
}

static bool texts_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    bool ok;
    json_t *json = load_json(value, arena, &ok);
    texts_clear(field, member);
    if (!json)
        return ok;
    ptrdiff_t count = (ptrdiff_t)json_array_size(json);
    struct str *items = arena_array(arena, struct str, count + 1);
    ok = json_is_array(json);
    for (ptrdiff_t i = 0; i < count && ok; i++) {
        const json_t *item = json_array_get(json, (size_t)i);
        ok = json_is_string(item);
        if (ok)
            items[i] = arena_copy(arena, (struct str){ json_string_value(item), (ptrdiff_t)json_string_length(item) });
    }
    json_decref(json);
    if (ok)
        MEMBER(struct texts) = (struct texts){ items, count };
    return ok;
}

const struct kind kind_texts = {
    "texts", "array", NULL, sizeof(struct texts), texts_clear, texts_get, texts_get, texts_set, texts_load,
};

/* ---- integers ---- */

static void integers_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct integers) = (struct integers){ NULL, 0 };
}

static struct value integers_get(const struct field *field, const void *member, struct arena *arena)
{
    return ((const struct integers *)member)->items ? nested_get(field, member, arena) : value_nothing();
}

static const char *integers_set(const struct field *field, void *member, struct value value, struct arena *arena,
                                struct str *message)
{
    static const struct field item = { .name = "", .kind = &kind_integer, .flags = REQUIRED };
    if (value.type != VALUE_TEXT)
        return kind_mismatch(field->kind, message);
    ptrdiff_t count = count_pieces(value.text);
    const char *trouble = list_check_count(field, count, arena, message);
    if (trouble)
        return trouble;
    int64_t *items = arena_array(arena, int64_t, count);
    struct str rest = value.text, piece;
    for (ptrdiff_t i = 0; i < count; i++) {
        str_cut(rest, ',', &piece, &rest);
        trouble = kind_integer.set(&item, &items[i], value_text(str_trim(piece)), arena, message);
        if (trouble)
            return trouble;
    }
    MEMBER(struct integers) = (struct integers){ items, count };
    return NULL;
}

/* `[1,2,3]`, read by hand: lists of files carry one of these per row. */
static bool integers_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    integers_clear(field, member);
    if (value.type != VALUE_TEXT)
        return value.type == VALUE_NOTHING;
    struct str s = str_trim(value.text);
    if (!str_starts(s, S("[")) || !str_ends(s, S("]")) || s.len < 2)
        return false;
    s = str_trim(str_slice(s, 1, s.len - 1));
    ptrdiff_t count = s.len ? count_pieces(s) : 0;
    int64_t *items = arena_array(arena, int64_t, count + 1);
    struct str piece;
    for (ptrdiff_t i = 0; i < count; i++) {
        str_cut(s, ',', &piece, &s);
        if (!str_to_integer(str_trim(piece), &items[i]))
            return false;
    }
    MEMBER(struct integers) = (struct integers){ items, count };
    return true;
}

const struct kind kind_integers = {
    "integers",   "array",      NULL,         sizeof(struct integers), integers_clear,
    integers_get, integers_get, integers_set, integers_load,
};

/* ---- counts ---- */

static void counts_clear(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct counts) = (struct counts){ NULL, 0 };
}

static struct value counts_get(const struct field *field, const void *member, struct arena *arena)
{
    return ((const struct counts *)member)->items ? nested_get(field, member, arena) : value_nothing();
}

static bool counts_load(const struct field *field, void *member, struct value value, struct arena *arena)
{
    bool ok;
    json_t *json = load_json(value, arena, &ok), *n;
    counts_clear(field, member);
    if (!json)
        return ok;
    ptrdiff_t count = 0;
    struct count *items = arena_array(arena, struct count, json_object_size(json) + 1);
    const char *name;
    ok = json_is_object(json);
    json_object_foreach(json, name, n)
    {
        ok = ok && json_is_integer(n);
        items[count++] = (struct count){ arena_copy(arena, str_from(name)), json_integer_value(n) };
    }
    json_decref(json);
    if (ok)
        MEMBER(struct counts) = (struct counts){ items, count };
    return ok;
}

const struct kind kind_counts = {
    "counts", "object", NULL, sizeof(struct counts), counts_clear, counts_get, counts_get, nested_set, counts_load,
};

/* ---- json ---- */

static void json_clear_member(const struct field *field, void *member)
{
    (void)field;
    MEMBER(struct json).text = STR_NULL;
}

static struct value json_get_member(const struct field *field, const void *member, struct arena *arena)
{
    (void)field, (void)arena;
    return value_text(((const struct json *)member)->text);
}

static bool json_load_member(const struct field *field, void *member, struct value value, struct arena *arena)
{
    (void)field, (void)arena;
    if (value.type != VALUE_TEXT && value.type != VALUE_NOTHING)
        return false;
    MEMBER(struct json).text = value.type == VALUE_TEXT ? value.text : STR_NULL;
    return true;
}

const struct kind kind_json = {
    "json",           NULL, NULL, sizeof(struct json), json_clear_member, json_get_member, json_get_member, nested_set,
    json_load_member,
};
