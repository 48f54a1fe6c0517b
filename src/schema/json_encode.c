/* json_encode.c - records to JSON: the hot path of every list.
 *
 * One pass over the rows. Names need no escaping (plain identifiers), numbers and times are written in place, and the
 * kinds met in every list are read straight from the member. */
#include "schema/json.h"

enum { NUMBER_ROOM = 24 }; /* -9223372036854775807 and some */

static void put_integer(struct text *out, int64_t n)
{
    char *at = text_room(out, NUMBER_ROOM);
    if (!at)
        return;
    char digits[NUMBER_ROOM];
    int count = 0;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    char *from = at;
    if (n < 0)
        *at++ = '-';
    while (count)
        *at++ = digits[--count];
    text_grown(out, at - from);
}

static void put_null(struct text *out)
{
    text_put(out, S("null"));
}

static void put_text(struct text *out, struct str s)
{
    if (s.at)
        text_put_json_string(out, s);
    else
        put_null(out);
}

static void put_instant(struct text *out, struct instant t)
{
    char *at = instant_is_null(t) ? NULL : text_room(out, INSTANT_TEXT_MAX + 2);
    if (!at) {
        put_null(out);
        return;
    }
    *at = '"';
    ptrdiff_t len = instant_write(t, at + 1);
    at[len + 1] = '"';
    text_grown(out, len + 2);
}

static void put_date(struct text *out, struct date d)
{
    char text[DATE_TEXT_MAX];
    if (date_is_null(d))
        put_null(out);
    else
        text_put_json_string(out, (struct str){ text, date_write(d, text) });
}

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
    case VALUE_NOTHING: put_null(out); break;
    case VALUE_BOOLEAN: text_put(out, value.boolean ? S("true") : S("false")); break;
    case VALUE_INTEGER: put_integer(out, value.integer); break;
    case VALUE_REAL: text_put_real(out, value.real); break;
    case VALUE_TEXT: put_text(out, value.text); break;
    }
}

/* Kinds that are seldom in a list. A list that nobody filled is empty, not null, unless its row says otherwise. */
static void put_nested(struct text *out, const struct field *field, const void *member, struct arena *arena)
{
    const struct kind *kind = field->kind;
    bool nullable = field->flags & NULLABLE;
    if (kind == &kind_object)
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

void json_put_member(struct text *out, const struct field *field, const void *member, struct arena *arena)
{
    const struct kind *kind = field->kind;
    if (kind == &kind_text) {
        put_text(out, *(const struct str *)member);
    } else if (kind == &kind_integer) {
        int64_t n = *(const int64_t *)member;
        if (n == INTEGER_NULL)
            put_null(out);
        else
            put_integer(out, n);
    } else if (kind == &kind_choice) {
        put_text(out, choice_text(field->choices, *(const unsigned *)member));
    } else if (kind == &kind_boolean) {
        text_put(out, *(const bool *)member ? S("true") : S("false"));
    } else if (kind == &kind_instant) {
        put_instant(out, *(const struct instant *)member);
    } else if (kind == &kind_date) {
        put_date(out, *(const struct date *)member);
    } else {
        put_nested(out, field, member, arena);
    }
}

/* `,"name":`, the comma left out for the first. */
static bool put_name(struct text *out, const char *name, bool first)
{
    size_t len = strlen(name);
    char *at = text_room(out, (ptrdiff_t)len + 4), *from = at;
    if (!at)
        return false;
    if (!first)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    text_grown(out, at - from);
    return true;
}

void json_encode(struct text *out, const struct schema *schema, const void *record, uint64_t fields,
                 struct arena *arena)
{
    bool first = true;
    text_put_char(out, '{');
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (!(fields & GIVEN(i)) || (field->flags & (WRITE_ONLY | SECRET)))
            continue;
        if (!put_name(out, field->name, first))
            return;
        first = false;
        json_put_member(out, field, (const char *)record + field->offset, arena);
    }
    text_put_char(out, '}');
}
