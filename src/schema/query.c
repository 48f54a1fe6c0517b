/* query.c - records from query strings and forms (WHATWG URL, application/x-www-form-urlencoded). */
#include "schema/query.h"

#include "schema/take.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes %XX and '+'. False for a bad escape, NUL, or bytes that are not UTF-8. */
static bool decode(struct str in, struct arena *arena, struct str *out)
{
    char *at = arena_alloc(arena, in.len + 1);
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < in.len; i++) {
        char c = in.at[i] == '+' ? ' ' : in.at[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex_digit(in.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(in.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return false;
        at[len++] = c;
    }
    struct str decoded = { at, len };
    if (!str_is_utf8(decoded))
        return false;
    *out = decoded;
    return true;
}

bool query_next(struct str *query, struct arena *arena, struct str *name, struct str *value, bool *ok)
{
    struct str pair = STR_NULL;
    while (pair.len == 0)
        if (!str_next(query, '&', &pair))
            return false;
    struct str raw_name, raw_value;
    if (!str_cut(pair, '=', &raw_name, &raw_value))
        raw_value = S("");
    *name = *value = STR_NULL;
    if (!decode(raw_name, arena, name) || !decode(raw_value, arena, value))
        *ok = false;
    return true;
}

static bool refuse(struct call *c, const char *place, struct str name, const char *type, struct str message)
{
    enum { SHOWN_MAX = 64 };
    struct str shown = str_slice(name, 0, SHOWN_MAX);
    while (shown.len && !str_is_utf8(shown))
        shown.len--;
    return error_add_problem(&c->error, &c->arena, place, shown, type, "%.*s", STR_FMT(message));
}

/* A boolean has no null to become: one that need not be there is none when it is empty, as all others are. */
static bool is_left_out(const struct field *field, struct str value)
{
    return !value.len && field->kind == &kind_boolean && !(field->flags & REQUIRED) && !field->fallback;
}

bool query_decode(struct call *c, struct str query, const struct schema *schema, void *record, const char *place,
                  bool (*accepts)(const struct field *field), uint64_t *given, uint64_t *seen)
{
    const uint64_t before = *seen;
    struct str rest = query, name, value;
    for (bool ok = true; query_next(&rest, &c->arena, &name, &value, &ok); ok = true) {
        int index = str_is_null(name) ? -1 : schema_find(schema, name);
        const struct field *field = index < 0 ? NULL : &schema->fields[index];
        if (!ok) {
            refuse(c, place, name, "bad_encoding", S("is not percent-encoded UTF-8"));
        } else if (!field || (before & GIVEN(index)) || (accepts && !accepts(field))) {
            refuse(c, place, name, "unknown", S("is not known here"));
        } else if (field->flags & READ_ONLY) {
            refuse(c, place, name, "read_only", S("cannot be set"));
        } else if (*seen & GIVEN(index)) {
            refuse(c, place, name, "duplicate", S("is given twice"));
        } else if (!is_left_out(field, value) && field_take(c, field, record, value_text(value), place, S("")) &&
                   value.len) {
            *given |= GIVEN(index); /* an empty filter is none */
        }
        if (field)
            *seen |= GIVEN(index);
    }
    return c->error.code == E_NONE;
}
