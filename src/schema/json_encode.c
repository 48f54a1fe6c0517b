/* json_encode.c - records to JSON: the hot path of every list.
 *
 * One pass over the rows. Names need no escaping (plain identifiers), numbers and times are written in place, and the
 * kinds met in every list are read straight from the member. */
#include "schema/json.h"

enum {
    FIXED_ROOM = INSTANT_TEXT_MAX + 8, /* any value that is not text: "2026-01-05T14:30:22.123456Z" */
    NAME_ROOM = 4                      /* ,"": */
};

/* text_room, without a call where there is room: almost always. */
static inline char *room(struct text *out, ptrdiff_t len)
{
    if (len <= out->capacity - out->len && !out->overflowed)
        return out->at + out->len;
    return text_room(out, len);
}

/* ---- writing in place: `at` has FIXED_ROOM; each returns the end ---- */

static inline char *write_literal(char *at, struct str s)
{
    memcpy(at, s.at, (size_t)s.len);
    return at + s.len;
}

static char *write_instant(char *at, struct instant t)
{
    *at = '"';
    ptrdiff_t len = instant_write(t, at + 1);
    at[len + 1] = '"';
    return at + len + 2;
}

static char *write_date(char *at, struct date d)
{
    *at = '"';
    ptrdiff_t len = date_write(d, at + 1);
    at[len + 1] = '"';
    return at + len + 2;
}

/* As memcpy, without a call: names and words are short. The last piece may overlap the one before. */
static inline char *write_short(char *at, const char *from, ptrdiff_t len)
{
    uint64_t word;
    uint32_t half;
    ptrdiff_t i = 0;
    if (len >= 8) {
        for (; i < len - 8; i += 8) {
            memcpy(&word, from + i, 8);
            memcpy(at + i, &word, 8);
        }
        memcpy(&word, from + len - 8, 8);
        memcpy(at + len - 8, &word, 8);
    } else if (len >= 4) {
        memcpy(&half, from, 4);
        memcpy(at, &half, 4);
        memcpy(&half, from + len - 4, 4);
        memcpy(at + len - 4, &half, 4);
    } else {
        for (; i < len; i++)
            at[i] = from[i];
    }
    return at + len;
}

/* The kinds of fixed size. NULL for the others, and nothing is written. */
static char *write_fixed(char *at, const struct kind *kind, const void *member)
{
    if (kind == &kind_integer) {
        int64_t n = *(const int64_t *)member;
        return n == INTEGER_NULL ? write_literal(at, S("null")) : at + integer_write(n, at);
    }
    if (kind == &kind_boolean)
        return *(const bool *)member ? write_literal(at, S("true")) : write_literal(at, S("false"));
    if (kind == &kind_instant) {
        struct instant t = *(const struct instant *)member;
        return instant_is_null(t) ? write_literal(at, S("null")) : write_instant(at, t);
    }
    if (kind == &kind_date) {
        struct date d = *(const struct date *)member;
        return date_is_null(d) ? write_literal(at, S("null")) : write_date(at, d);
    }
    return NULL;
}

/* ---- text ---- */

/* Does one of the 8 bytes need an escape, or is it not ASCII? (x - 0x01..01) marks the zero bytes of x. */
static inline bool is_special(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return ((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & ones * 0x80;
}

/* Copies plain ASCII, eight bytes at a time; the last piece may overlap the one before. False: there is more to it. */
static inline bool copy_plain(char *at, struct str s)
{
    uint64_t word;
    uint32_t first, last;
    ptrdiff_t i = 0;
    if (s.len >= 8) {
        for (; i < s.len - 8; i += 8) {
            memcpy(&word, s.at + i, 8);
            if (is_special(word))
                return false;
            memcpy(at + i, &word, 8);
        }
        memcpy(&word, s.at + s.len - 8, 8);
        memcpy(at + s.len - 8, &word, 8);
        return !is_special(word);
    }
    if (s.len >= 4) {
        memcpy(&first, s.at, 4);
        memcpy(&last, s.at + s.len - 4, 4);
        memcpy(at, &first, 4);
        memcpy(at + s.len - 4, &last, 4);
        return !is_special(first | (uint64_t)last << 32);
    }
    for (; i < s.len; i++) {
        char c = s.at[i];
        if ((unsigned char)c - 0x20u >= 0x60u || c == '"' || c == '\\')
            return false;
        at[i] = c;
    }
    return true;
}

/* Plain ASCII between quotes. False when there is more to it, and nothing is written. */
static inline bool put_plain(struct text *out, struct str s)
{
    char *at = room(out, s.len + 2);
    if (!at)
        return true; /* dropped, as any put past the maximum */
    if (!copy_plain(at + 1, s))
        return false;
    at[0] = at[s.len + 1] = '"';
    out->len += s.len + 2;
    return true;
}

static void put_text(struct text *out, struct str s)
{
    if (!s.at)
        text_put(out, S("null"));
    else if (!put_plain(out, s))
        text_put_json_string(out, s);
}

static void put_integer(struct text *out, int64_t n)
{
    char *at = room(out, INTEGER_TEXT_MAX);
    if (at)
        out->len += integer_write(n, at);
}

/* ---- lists and the rest ---- */

static void put_list(struct text *out, const struct field *field, const struct list *list, struct arena *arena)
{
    const char *record = list->items;
    text_put_char(out, '[');
    for (ptrdiff_t i = 0; i < list->count; i++, record += field->of->size) {
        if (i)
            text_put_char(out, ',');
        json_encode(out, field->of, record, JSON_ALL_FIELDS, arena);
    }
    text_put_char(out, ']');
}

static void put_texts(struct text *out, const struct texts *texts)
{
    text_put_char(out, '[');
    for (ptrdiff_t i = 0; i < texts->count; i++) {
        if (i)
            text_put_char(out, ',');
        put_text(out, texts->items[i]);
    }
    text_put_char(out, ']');
}

static void put_integers(struct text *out, const struct integers *integers)
{
    text_put_char(out, '[');
    for (ptrdiff_t i = 0; i < integers->count; i++) {
        if (i)
            text_put_char(out, ',');
        put_integer(out, integers->items[i]);
    }
    text_put_char(out, ']');
}

static void put_counts(struct text *out, const struct counts *counts)
{
    text_put_char(out, '{');
    for (ptrdiff_t i = 0; i < counts->count; i++) {
        if (i)
            text_put_char(out, ',');
        text_put_json_string(out, counts->items[i].name);
        text_put_char(out, ':');
        put_integer(out, counts->items[i].n);
    }
    text_put_char(out, '}');
}

void json_put_value(struct text *out, struct value value)
{
    switch (value.type) {
    case VALUE_NOTHING:
        text_put(out, S("null"));
        break;
    case VALUE_BOOLEAN:
        text_put(out, value.boolean ? S("true") : S("false"));
        break;
    case VALUE_INTEGER:
        put_integer(out, value.integer);
        break;
    case VALUE_REAL:
        text_put_real(out, value.real);
        break;
    case VALUE_TEXT:
        put_text(out, value.text);
        break;
    }
}

/* Is nothing in it? A boolean always is something. */
static bool is_empty_object(const struct field *field, const void *member, struct arena *arena)
{
    const struct schema *of = field->of;
    for (int i = 0; i < of->count; i++) {
        const struct field *inner = &of->fields[i];
        const char *at = (const char *)member + inner->offset;
        bool empty = inner->kind == &kind_object ? is_empty_object(inner, at, arena)
                                                 : inner->kind->get(inner, at, arena).type == VALUE_NOTHING;
        if (!empty)
            return false;
    }
    return true;
}

/* Kinds that are seldom in a list. A list that nobody filled is empty, not null, unless its row says otherwise. */
static void put_nested(struct text *out, const struct field *field, const void *member, struct arena *arena)
{
    const struct kind *kind = field->kind;
    bool nullable = field->flags & NULLABLE;
    if (kind == &kind_object && nullable && is_empty_object(field, member, arena))
        text_put(out, S("null"));
    else if (kind == &kind_object)
        json_encode(out, field->of, member, JSON_ALL_FIELDS, arena);
    else if (kind == &kind_list && !(nullable && !((const struct list *)member)->items))
        put_list(out, field, member, arena);
    else if (kind == &kind_texts && !(nullable && !((const struct texts *)member)->items))
        put_texts(out, member);
    else if (kind == &kind_integers && !(nullable && !((const struct integers *)member)->items))
        put_integers(out, member);
    else if (kind == &kind_counts && !(nullable && !((const struct counts *)member)->items))
        put_counts(out, member);
    else if (kind == &kind_json && ((const struct json *)member)->text.at)
        text_put(out, ((const struct json *)member)->text);
    else
        json_put_value(out, kind->get(field, member, arena));
}

/* A value at `at`, where FIXED_ROOM is free: most kinds are written there, and others find out->len set. */
static inline void put_at(struct text *out, char *at, const struct field *field, const void *member,
                          struct arena *arena)
{
    const struct kind *kind = field->kind;
    char *end = NULL;
    out->len = at - out->at;
    if (kind == &kind_text || kind == &kind_choice) {
        struct str s =
            kind == &kind_text ? *(const struct str *)member : choice_text(field->choices, *(const unsigned *)member);
        if (s.at)
            put_text(out, s);
        else
            end = write_literal(at, S("null"));
    } else {
        end = write_fixed(at, kind, member);
        if (!end)
            put_nested(out, field, member, arena);
    }
    if (end)
        out->len = end - out->at;
}

void json_put_member(struct text *out, const struct field *field, const void *member, struct arena *arena)
{
    char *at = room(out, FIXED_ROOM);
    if (at)
        put_at(out, at, field, member, arena);
}

/* `before"name":value`. */
static inline void put_named(struct text *out, char before, const struct field *field, const void *member,
                             struct arena *arena)
{
    ptrdiff_t len = field->name_len ? (ptrdiff_t)field->name_len : (ptrdiff_t)strlen(field->name);
    char *at = room(out, len + NAME_ROOM + FIXED_ROOM);
    if (!at)
        return;
    *at++ = before;
    *at++ = '"';
    at = write_short(at, field->name, len);
    *at++ = '"';
    *at++ = ':';
    put_at(out, at, field, member, arena);
}

void json_encode(struct text *out, const struct schema *schema, const void *record, uint64_t fields,
                 struct arena *arena)
{
    char before = '{';
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!(fields & GIVEN(i)) || (field->flags & (WRITE_ONLY | SECRET)))
            continue;
        put_named(out, before, field, (const char *)record + field->offset, arena);
        before = ',';
    }
    text_put(out, before == '{' ? S("{}") : S("}"));
}
