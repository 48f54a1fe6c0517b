/* sample_limits.c - for one field, values at, below and above its limits, and of other types. */
#include "sample.h"

#include "schema/json.h"
#include "schema/kinds.h"

#include <inttypes.h>

struct cases {
    struct sample_limit *out;
    int count;
    struct arena *arena;
};

static void add(struct cases *cases, struct str json, const char *trouble)
{
    if (cases->count < SAMPLE_LIMITS_MAX)
        cases->out[cases->count++] = (struct sample_limit){ .json = json, .trouble = trouble };
}

static void add_item(struct cases *cases, struct str json, const char *trouble)
{
    add(cases, json, trouble);
    cases->out[cases->count - 1].in_item = true;
}

/* "xxx" of so many code points, the last a Chinese one, which bytes would count three times. */
static struct str text_of(int64_t count, struct arena *arena)
{
    char *at = arena_alloc(arena, (ptrdiff_t)count + 8);
    memset(at, 'x', (size_t)count + 1);
    at[0] = '"';
    memcpy(at + count, "张\"", 4);
    return count ? (struct str){ at, (ptrdiff_t)count + 4 } : S("\"\"");
}

static void text_cases(struct cases *cases, const struct field *field)
{
    struct limits limits = field_limits(field);
    bool keep = field->flags & KEEP_EMPTY, required = field->flags & REQUIRED;
    const char *empty = NULL;
    if (limits.min > 0 && (keep || required))
        empty = "too_short";
    else if (required && !keep)
        empty = "missing";
    add(cases, S("\"\""), empty);
    if (!(field->flags & KEEP_SPACES) && limits.max >= 3)
        add(cases, S("\" \\t\\n\""), empty);
    if (limits.min > 1)
        add(cases, text_of(limits.min - 1, cases->arena), "too_short");
    if (limits.min > 0)
        add(cases, text_of(limits.min, cases->arena), NULL);
    add(cases, text_of(limits.max, cases->arena), NULL);
    add(cases, text_of(limits.max + 1, cases->arena), "too_long");
    add(cases, S("\"a\\u0000b\""), "control_character");
    add(cases, S("\"a\\u007fb\""), "control_character");
    add(cases, S("12"), "not_text");
    add(cases, S("true"), "not_text");
    add(cases, S("[]"), "not_text");
}

/* The name as a JSON string, with something after it. */
static struct str quoted(const char *name, const char *after, struct arena *arena)
{
    struct text text;
    text_init(&text, 4096);
    text_put_json_string(&text, arena_format(arena, "%s%s", name, after));
    struct str json = arena_copy(arena, text_str(&text));
    text_release(&text);
    return json;
}

static void choice_cases(struct cases *cases, const struct field *field)
{
    for (int i = 0; field->choices[i] && i < 40; i++)
        add(cases, quoted(field->choices[i], "", cases->arena), NULL);
    add(cases, quoted(field->choices[0], " ", cases->arena), "not_a_choice");
    add(cases, S("\"no such name\""), "not_a_choice");
    add(cases, S("1"), field->kind == &kind_choice ? "not_a_choice" : "not_text");
    if (field->flags & REQUIRED)
        add(cases, S("\"\""), field->kind == &kind_choice ? "not_a_choice" : field->min > 0 ? "too_short" : "missing");
    else
        add(cases, S("\"\""), NULL);
}

static void integer_cases(struct cases *cases, const struct field *field)
{
    struct limits limits = field_limits(field);
    add(cases, arena_format(cases->arena, "%" PRId64, limits.min), NULL);
    add(cases, arena_format(cases->arena, "%" PRId64, limits.max), NULL);
    add(cases, arena_format(cases->arena, "%" PRId64, limits.min - 1), "too_small");
    if (limits.max < INT64_MAX)
        add(cases, arena_format(cases->arena, "%" PRId64, limits.max + 1), "too_large");
    add(cases, S("9223372036854775808"), "too_large");
    add(cases, S("-9223372036854775809"), "too_small");
    add(cases, S("123456789012345678901234567890"), "too_large");
    if (limits.max > -10 && limits.max < 1000000)
        add(cases, arena_format(cases->arena, "%" PRId64 ".0", limits.max), NULL);
    add(cases, S("1.5"), "not_an_integer");
    add(cases, S("\"1\""), "not_an_integer");
    add(cases, S("true"), "not_an_integer");
    add(cases, S("{}"), "not_an_integer");
}

static void add_real(struct cases *cases, double n, const char *trouble)
{
    struct text text;
    text_init(&text, 64);
    text_put_real(&text, n);
    add(cases, arena_copy(cases->arena, text_str(&text)), trouble);
    text_release(&text);
}

static void real_cases(struct cases *cases, const struct field *field)
{
    double min = 0, max = 0;
    field_real_limits(field, &min, &max);
    add_real(cases, min, NULL);
    add_real(cases, max, NULL);
    add_real(cases, min - (min < -1e200 ? 1e299 : 1), "too_small");
    add_real(cases, max + (max > 1e200 ? 1e299 : 1), "too_large");
    add(cases, S("1e400"), "too_large");
    add(cases, S("-1e400"), "too_small");
    add(cases, S("\"1.5\""), "not_a_number");
    add(cases, S("false"), "not_a_number");
}

static void time_cases(struct cases *cases, const struct field *field)
{
    bool date = field->kind == &kind_date;
    const char *wrong = date ? "not_a_date" : "not_an_instant";
    add(cases, date ? S("\"2024-02-29\"") : S("\"2024-02-29T23:59:59.999999+08:00\""), NULL);
    add(cases, date ? S("\"2023-02-29\"") : S("\"2023-02-29T00:00:00Z\""), wrong);
    add(cases, date ? S("\"0000-01-01\"") : S("\"2024-01-01T24:00:00Z\""), wrong);
    add(cases, S("\"yesterday\""), wrong);
    add(cases, S("20240229"), wrong);
    add(cases, S("\"\""), field->flags & REQUIRED ? wrong : NULL);
}

/* `count` items, separated by commas, in brackets. */
static struct str list_of(const struct field *field, int64_t count, struct arena *arena)
{
    struct text out;
    text_init(&out, 64 << 20);
    struct str item = S("7");
    if (field->kind == &kind_texts)
        item = field->choices ? quoted(field->choices[0], "", arena) : S("\"张\"");
    if (field->kind == &kind_list) {
        void *record = schema_new(field->of, arena);
        sample_fill(field->of, record, SAMPLE_SMALLEST, arena);
        item = sample_body(field->of, record, NULL, STR_NULL, arena);
    }
    text_put_char(&out, field->kind == &kind_counts ? '{' : '[');
    for (int64_t i = 0; i < count; i++) {
        text_put(&out, i ? S(",") : S(""));
        if (field->kind == &kind_counts)
            text_format(&out, "\"n%" PRId64 "\":", i);
        text_put(&out, item);
    }
    text_put_char(&out, field->kind == &kind_counts ? '}' : ']');
    struct str json = arena_copy(arena, text_str(&out));
    text_release(&out);
    return json;
}

static void list_cases(struct cases *cases, const struct field *field)
{
    struct limits limits = field_limits(field);
    const char *wrong = field->kind == &kind_counts ? "not_an_object" : "not_a_list";
    if (limits.min > 0)
        add(cases, list_of(field, limits.min - 1, cases->arena), "too_short");
    add(cases, list_of(field, limits.min, cases->arena), NULL);
    add(cases, list_of(field, limits.max, cases->arena), NULL);
    add(cases, list_of(field, limits.max + 1, cases->arena), "too_long");
    add(cases, S("\"x\""), wrong);
    add(cases, S("3"), wrong);
    add(cases, field->kind == &kind_counts ? S("[]") : S("{}"), wrong);
    if (limits.min > 1 || limits.max < 1)
        return;
    if (field->kind == &kind_texts) {
        add_item(cases, S("[1]"), "not_text");
        add_item(cases, S("[\" \"]"), field->choices ? "not_a_choice" : "too_short");
    } else if (field->kind == &kind_counts) {
        add_item(cases, S("{\"a\":1.5}"), "not_an_integer");
    } else {
        add_item(cases, S("[null]"), field->kind == &kind_list ? "not_an_object" : "not_an_integer");
    }
}

static void json_cases(struct cases *cases, const struct field *field)
{
    struct limits limits = field_limits(field);
    add(cases, S("[{\"a\":[1,2.5,\"x\",null,true]}]"), NULL);
    add(cases, S("false"), NULL);
    add(cases, text_of(limits.max - 4, cases->arena), NULL); /* quotes and two bytes more of one code point */
    add(cases, text_of(limits.max - 3, cases->arena), "too_long");
    add(cases, S("[\"a\\u0000\"]"), "control_character");
    add(cases, S("[1e999]"), "too_large");
}

int sample_limits(const struct field *field, struct arena *arena, struct sample_limit out[SAMPLE_LIMITS_MAX])
{
    struct cases cases = { .out = out, .arena = arena };
    const struct kind *kind = field->kind;
    add(&cases, S("null"), field_accepts_null(field) ? NULL : "null_not_allowed");
    if (kind == &kind_choice || (kind == &kind_text && field->choices)) {
        choice_cases(&cases, field);
    } else if (kind == &kind_text) {
        if (!field->rule) /* which texts a rule takes is its own test */
            text_cases(&cases, field);
    } else if (kind == &kind_integer) {
        integer_cases(&cases, field);
    } else if (kind == &kind_real) {
        real_cases(&cases, field);
    } else if (kind == &kind_instant || kind == &kind_date) {
        time_cases(&cases, field);
    } else if (kind == &kind_boolean) {
        add(&cases, S("true"), NULL);
        add(&cases, S("false"), NULL);
        add(&cases, S("1"), "not_a_boolean");
        add(&cases, S("\"true\""), "not_a_boolean");
    } else if (kind == &kind_json) {
        json_cases(&cases, field);
    } else if (kind == &kind_object) {
        add(&cases, S("[]"), "not_an_object");
        add(&cases, S("\"{}\""), "not_an_object");
    } else {
        list_cases(&cases, field);
    }
    return cases.count;
}
