/* openapi.c - schemas as OpenAPI 3.1 objects (JSON Schema 2020-12).
 *
 * For input they say exactly what decoding takes, so that a test which makes bodies and queries from this document
 * can hold the server to it. For answers they say type, format, names and null; limits are the input's business. */
#include "schema/openapi.h"

#include "schema/json.h"
#include "schema/kinds.h"

#include <inttypes.h>

enum view { ANSWER, BODY, PARAMETER };

/* Code points that text may hold, and those of them that are no space. ECMA-262 regular expressions. */
#define ANY "[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]"
#define VISIBLE "[^\\u0000-\\u0020\\u007f]"

static void put_key(struct text *out, const char *key)
{
    text_format(out, ",\"%s\":", key);
}

static void put_number(struct text *out, const char *key, int64_t n)
{
    put_key(out, key);
    text_put_integer(out, n);
}

/* "type":"string" or "type":["string","null"] */
static void put_type(struct text *out, const char *type, bool null)
{
    if (null)
        text_format(out, "\"type\":[\"%s\",\"null\"]", type);
    else
        text_format(out, "\"type\":\"%s\"", type);
}

static bool may_be_null(const struct field *field, enum view view)
{
    if (view == ANSWER)
        return field->flags & NULLABLE;
    return view == BODY && field_accepts_null(field);
}

static bool may_be_empty(const struct field *field, enum view view)
{
    return view != ANSWER && field_accepts_null(field);
}

/* ---- text ---- */

/* What text_set of kinds.c takes: `min` code points between the first and the last that is no space. */
static void put_pattern(struct text *out, const struct field *field, int64_t min, bool empty)
{
    struct text regex;
    text_init(&regex, 1024);
    if (field->flags & KEEP_SPACES) {
        if (empty && min > 1)
            text_format(&regex, "^(?:" ANY "{%" PRId64 ",})?$", min);
        else
            text_put(&regex, S("^" ANY "*$"));
    } else {
        bool either = empty && min > 1;
        text_put(&regex, either ? S("^(?:[ \\t\\r\\n]*|") : S("^"));
        if (min == 0 || (empty && min == 1))
            text_put(&regex, S(ANY "*"));
        else if (min == 1)
            text_put(&regex, S(ANY "*" VISIBLE ANY "*"));
        else
            text_format(&regex, ANY "*" VISIBLE ANY "{%" PRId64 ",}" VISIBLE ANY "*", min - 2);
        text_put(&regex, either ? S(")$") : S("$"));
    }
    put_key(out, "pattern");
    text_put_json_string(out, text_str(&regex));
    text_release(&regex);
}

static void put_text_limits(struct text *out, const struct field *field)
{
    struct limits limits = field_limits(field);
    bool keeps_empty = field->flags & KEEP_EMPTY, required = field->flags & REQUIRED;
    if (required && !keeps_empty && limits.min < 1)
        limits.min = 1;
    bool empty = !required && !keeps_empty;
    if (limits.min > 0 && !empty)
        put_number(out, "minLength", limits.min);
    put_number(out, "maxLength", limits.max);
    put_pattern(out, field, limits.min, empty);
}

static void put_enum(struct text *out, const struct field *field, bool null, bool empty)
{
    text_put(out, S(",\"enum\":["));
    for (int i = 0; field->choices[i]; i++) {
        text_put(out, i ? S(",") : S(""));
        text_put_json_string(out, str_from(field->choices[i]));
    }
    text_put(out, empty ? S(",\"\"") : S(""));
    text_put(out, null ? S(",null") : S(""));
    text_put_char(out, ']');
}

/* ---- numbers, times ---- */

static void put_number_limits(struct text *out, const struct field *field)
{
    if (field->kind == &kind_integer) {
        struct limits limits = field_limits(field);
        put_number(out, "minimum", limits.min);
        put_number(out, "maximum", limits.max);
    } else if (field->kind == &kind_real) {
        double min = 0, max = 0;
        field_real_limits(field, &min, &max);
        put_key(out, "minimum");
        text_put_real(out, min);
        put_key(out, "maximum");
        text_put_real(out, max);
    }
}

static void put_single(struct text *out, const struct field *field, enum view view, bool null)
{
    put_type(out, field->kind->json_type, null);
    if (field->kind->format)
        text_format(out, ",\"format\":\"%s\"", field->kind->format);
    if (view == ANSWER)
        return;
    put_number_limits(out, field);
    if (field->kind == &kind_date || field->kind == &kind_instant)
        text_put(out, S(",\"pattern\":\"^(?!0000)\"")); /* there is no year 0 */
}

/* Integer, real, boolean, instant, date. What is taken beside the kind's own form is an alternative: an empty text
 * for null, a digit for a boolean, a day for its midnight. */
static void put_scalar(struct text *out, const struct field *field, enum view view)
{
    bool is_time = field->kind == &kind_date || field->kind == &kind_instant;
    bool null = may_be_null(field, view), empty = may_be_empty(field, view) && (is_time || view == PARAMETER);
    bool digit = view == PARAMETER && field->kind == &kind_boolean;
    bool day = view != ANSWER && field->kind == &kind_instant;
    if (!empty && !digit && !day) {
        put_single(out, field, view, null);
        return;
    }
    text_put(out, S("\"anyOf\":[{"));
    put_single(out, field, view, null);
    text_put_char(out, '}');
    if (day) {
        text_put(out, S(",{"));
        put_single(out, &(struct field){ .kind = &kind_date }, view, false);
        text_put_char(out, '}');
    }
    if (digit)
        text_put(out, empty ? S(",{\"type\":\"string\",\"enum\":[\"1\",\"0\",\"\"]}")
                            : S(",{\"type\":\"string\",\"enum\":[\"1\",\"0\"]}"));
    else if (empty)
        text_put(out, S(",{\"type\":\"string\",\"maxLength\":0}"));
    text_put_char(out, ']');
}

/* ---- lists and objects ---- */

/* What is inside a body has other members (no READ_ONLY ones) and limits than in answers, so it has a name of its own. */
static void put_reference(struct text *out, const struct field *field, enum view view)
{
    text_format(out, "\"$ref\":\"#/components/schemas/%s%s\"", field->of->name, view == BODY ? "Input" : "");
}

static void put_text_item(struct text *out, const struct field *field, enum view view)
{
    text_put(out, S("{\"type\":\"string\""));
    if (field->choices)
        put_enum(out, field, false, false);
    else if (view == PARAMETER) /* a comma begins the next item */
        text_format(
            out, ",\"minLength\":1,\"maxLength\":%d,\"pattern\":\"%s\"", (int)LIST_TEXT_MAX,
            "^[^,\\\\u0000-\\\\u0008\\\\u000b\\\\u000c\\\\u000e-\\\\u001f\\\\u007f]*"
            "[^,\\\\u0000-\\\\u0020\\\\u007f][^,\\\\u0000-\\\\u0008\\\\u000b\\\\u000c\\\\u000e-\\\\u001f\\\\u007f]*$");
    else if (view == BODY)
        put_text_limits(out, &(struct field){ .kind = &kind_text, .flags = REQUIRED, .min = 1, .max = LIST_TEXT_MAX });
    text_put_char(out, '}');
}

static void put_integer_item(struct text *out, enum view view)
{
    static const struct field item = { .name = "", .kind = &kind_integer, .flags = REQUIRED };
    text_put_char(out, '{');
    put_single(out, &item, view, false);
    text_put_char(out, '}');
}

static void put_array(struct text *out, const struct field *field, enum view view)
{
    put_type(out, "array", may_be_null(field, view));
    if (view != ANSWER) {
        struct limits limits = field_limits(field);
        if (limits.min > 0)
            put_number(out, "minItems", limits.min);
        put_number(out, "maxItems", limits.max);
    }
    text_put(out, S(",\"items\":"));
    if (field->kind == &kind_texts) {
        put_text_item(out, field, view);
    } else if (field->kind == &kind_integers) {
        put_integer_item(out, view);
    } else {
        text_put_char(out, '{');
        put_reference(out, field, view);
        text_put_char(out, '}');
    }
}

static void put_counts(struct text *out, const struct field *field, enum view view)
{
    put_type(out, "object", may_be_null(field, view));
    text_put(out, S(",\"additionalProperties\":"));
    put_integer_item(out, view);
    if (view == ANSWER)
        return;
    struct limits limits = field_limits(field);
    if (limits.min > 0)
        put_number(out, "minProperties", limits.min);
    put_number(out, "maxProperties", limits.max);
    text_put(out, S(",\"propertyNames\":"));
    put_text_item(out, field, BODY);
}

static void put_object(struct text *out, const struct field *field, enum view view)
{
    if (!may_be_null(field, view)) {
        put_reference(out, field, view);
        return;
    }
    text_put(out, S("\"anyOf\":[{"));
    put_reference(out, field, view);
    text_put(out, S("},{\"type\":\"null\"}]"));
}

/* ---- one field ---- */

static void put_shape(struct text *out, const struct field *field, enum view view)
{
    const struct kind *kind = field->kind;
    if (kind == &kind_text && !field->choices) {
        put_type(out, kind->json_type, may_be_null(field, view));
        if (view != ANSWER)
            put_text_limits(out, field);
        if (view != ANSWER && field->rule && field->rule->format)
            text_format(out, ",\"format\":\"%s\"", field->rule->format);
    } else if (kind == &kind_text || kind == &kind_choice) {
        put_type(out, kind->json_type, may_be_null(field, view));
        put_enum(out, field, may_be_null(field, view), may_be_empty(field, view));
    } else if (kind == &kind_object) {
        put_object(out, field, view);
    } else if (kind == &kind_counts) {
        put_counts(out, field, view);
    } else if (kind == &kind_list || kind == &kind_texts || kind == &kind_integers) {
        put_array(out, field, view);
    } else if (kind->json_type) {
        put_scalar(out, field, view);
    }
}

/* A default or an example as JSON: taken as the input would take it, then encoded. Text is shown as it stands, and what
 * looks like a list or an object already is JSON. */
static void put_taken(struct text *out, const struct field *field, const char *taken)
{
    struct arena arena;
    struct str message;
    if (taken[0] == '[' || taken[0] == '{') {
        text_put(out, str_from(taken));
        return;
    }
    if (field->kind->json_type && strcmp(field->kind->json_type, "string") == 0) {
        text_put_json_string(out, str_from(taken));
        return;
    }
    arena_init(&arena);
    void *member = arena_alloc(&arena, (ptrdiff_t)field->kind->size + 1);
    field->kind->clear(field, member);
    field->kind->set(field, member, value_text(str_from(taken)), &arena, &message);
    json_put_member(out, field, member, &arena);
    arena_release(&arena);
}

static void put_field(struct text *out, const struct field *field, enum view view)
{
    text_put_char(out, '{');
    ptrdiff_t start = out->len;
    put_shape(out, field, view);
    text_put(out, out->len > start ? S(",\"description\":") : S("\"description\":"));
    text_put_json_string(out, str_from(field->doc));
    if (field->fallback && view != ANSWER) {
        put_key(out, "default");
        put_taken(out, field, field->fallback);
    }
    if (field->example) {
        put_key(out, "examples");
        text_put_char(out, '[');
        put_taken(out, field, field->example);
        text_put_char(out, ']');
    }
    if (view == BODY && (field->flags & (WRITE_ONLY | SECRET)))
        text_put(out, S(",\"writeOnly\":true"));
    text_put_char(out, '}');
}

void openapi_put_field(struct text *out, const struct field *field)
{
    put_field(out, field, PARAMETER);
}

void openapi_put_form_field(struct text *out, const struct field *field)
{
    struct field row = *field;
    bool may_be_empty = !(field->flags & REQUIRED) && !field->fallback;
    if (may_be_empty)
        row.example = NULL;
    put_field(out, &row, PARAMETER);
    if (!may_be_empty)
        return;
    out->len--; /* the brace */
    text_put(out, S(",\"examples\":[\"\""));
    if (field->example) {
        text_put_char(out, ',');
        put_taken(out, field, field->example);
    }
    text_put(out, S("]}"));
}

void openapi_put_path_field(struct text *out, const struct field *field)
{
    struct field row = *field;
    row.flags |= REQUIRED;
    row.fallback = NULL;
    put_field(out, &row, PARAMETER);
}

/* ---- a schema ---- */

static bool is_skipped(const struct field *field, bool input, const char *const *skip)
{
    if (!input)
        return field->flags & (WRITE_ONLY | SECRET);
    for (int i = 0; skip && skip[i]; i++) {
        if (strcmp(skip[i], field->name) == 0)
            return true;
    }
    return field->flags & (READ_ONLY | IN_QUERY);
}

static void put_required(struct text *out, const struct schema *schema, bool input, const char *const *skip)
{
    bool first = true;
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        bool required = !input || ((field->flags & REQUIRED) && !field->fallback);
        if (!required || is_skipped(field, input, skip))
            continue;
        text_put(out, first ? S(",\"required\":[") : S(","));
        first = false;
        text_put_json_string(out, str_from(field->name));
    }
    text_put(out, first ? S("") : S("]"));
}

void openapi_put_schema(struct text *out, const struct schema *schema, bool input, bool partial,
                        const char *const *skip)
{
    text_put(out, S("{\"type\":\"object\""));
    if (schema->doc) {
        put_key(out, "description");
        text_put_json_string(out, str_from(schema->doc));
    }
    text_put(out, S(",\"properties\":{"));
    bool first = true;
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (is_skipped(field, input, skip))
            continue;
        text_put(out, first ? S("") : S(","));
        first = false;
        text_put_json_string(out, str_from(field->name));
        text_put_char(out, ':');
        put_field(out, field, input ? BODY : ANSWER);
    }
    text_put_char(out, '}');
    if (!partial)
        put_required(out, schema, input, skip);
    if (input)
        text_put(out, S(",\"additionalProperties\":false"));
    text_put_char(out, '}');
}
