/* openapi.c - schemas as OpenAPI 3.1 objects (JSON Schema 2020-12).
 *
 * For input they say what decoding takes, but for the rules that hold everywhere (what a text is, what stands for
 * nothing, a day where a time is asked for): those the document's introduction tells once, and a `format` points to
 * them. For answers they say type, format, names and null; limits are the input's business. */
#include "schema/openapi.h"

#include "schema/json.h"
#include "schema/kinds.h"

#include <ctype.h>
#include <inttypes.h>

enum view { ANSWER, BODY, PARAMETER };

/* Inside an object, whose first member has no comma before it. */
static void put_key(struct text *out, const char *key)
{
    text_put(out, out->len && out->at[out->len - 1] == '{' ? S("") : S(","));
    text_format(out, "\"%s\":", key);
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
        return field->flags & (NULLABLE | WITHHELD);
    return view == BODY && field_accepts_null(field);
}

/* ---- text ---- */

static const char *format_of(const struct field *field)
{
    if (field->rule && field->rule->format)
        return field->rule->format;
    return (field->flags & SECRET) && (field->flags & KEEP_SPACES) ? "password" : "text";
}

static void put_text(struct text *out, const struct field *field, enum view view)
{
    put_type(out, "string", may_be_null(field, view));
    if (view == ANSWER)
        return;
    struct limits limits = field_limits(field);
    bool keeps_empty = field->flags & KEEP_EMPTY, required = field->flags & REQUIRED;
    if (required && !keeps_empty && limits.min < 1)
        limits.min = 1;
    if (limits.min > 1 || (limits.min == 1 && (required || keeps_empty)))
        put_number(out, "minLength", limits.min);
    put_number(out, "maxLength", limits.max);
    text_format(out, ",\"format\":\"%s\"", format_of(field));
}

static void put_names(struct text *out, const char *const *choices)
{
    text_put(out, S("\"type\":\"string\",\"enum\":["));
    for (int i = 0; choices[i]; i++) {
        text_put(out, i ? S(",") : S(""));
        text_put_json_string(out, str_from(choices[i]));
    }
    text_put_char(out, ']');
}

void openapi_put_choices_name(struct text *out, const struct field *field)
{
    bool begins = true; /* a word */
    for (const char *at = field->type; *at; at++) {
        if (*at != '_')
            text_put_char(out, begins ? (char)toupper((unsigned char)*at) : *at);
        begins = *at == '_';
    }
}

void openapi_put_choices(struct text *out, const struct field *field)
{
    text_put_char(out, '{');
    put_names(out, field->choices);
    text_put_char(out, '}');
}

/* One that may be null is an alternative of two, as generators make one type of the names then. */
static void put_enum(struct text *out, const struct field *field, bool null)
{
    text_put(out, null ? S("\"anyOf\":[{") : S(""));
    if (field->type) {
        text_put(out, S("\"$ref\":\"#/components/schemas/"));
        openapi_put_choices_name(out, field);
        text_put_char(out, '"');
    } else {
        put_names(out, field->choices);
    }
    text_put(out, null ? S("},{\"type\":\"null\"}]") : S(""));
}

/* ---- numbers, times ---- */

/* What the row says; the bounds of the kind itself are what its format means. */
static void put_number_limits(struct text *out, const struct field *field)
{
    if (field->kind == &kind_integer) {
        struct limits limits = field_limits(field);
        if (limits.min > -INT64_MAX)
            put_number(out, "minimum", limits.min);
        if (limits.max < INT64_MAX)
            put_number(out, "maximum", limits.max);
    } else if (field->kind == &kind_real) {
        double min = 0, max = 0;
        field_real_limits(field, &min, &max);
        if (min > -REAL_MOST) {
            put_key(out, "minimum");
            text_put_real(out, min);
        }
        if (max < REAL_MOST) {
            put_key(out, "maximum");
            text_put_real(out, max);
        }
    }
}

/* Integer, real, boolean, instant, date. */
static void put_scalar(struct text *out, const struct field *field, enum view view)
{
    put_type(out, field->kind->json_type, may_be_null(field, view));
    if (field->kind->format)
        text_format(out, ",\"format\":\"%s\"", field->kind->format);
    if (view != ANSWER)
        put_number_limits(out, field);
}

/* ---- lists and objects ---- */

/* What is inside a body has other members (no READ_ONLY ones) and limits than in answers, so it has a name of its
 * own. */
static void put_reference(struct text *out, const struct field *field, enum view view)
{
    text_format(out, "\"$ref\":\"#/components/schemas/%s%s\"", field->of->name, view == BODY ? "Input" : "");
}

static void put_text_item(struct text *out, const struct field *field, enum view view)
{
    static const struct field item = { .kind = &kind_text, .flags = REQUIRED, .min = 1, .max = LIST_TEXT_MAX };
    text_put_char(out, '{');
    if (field->choices)
        put_enum(out, field, false);
    else
        put_text(out, &item, view);
    text_put_char(out, '}');
}

static void put_integer_item(struct text *out, enum view view)
{
    static const struct field item = { .name = "", .kind = &kind_integer, .flags = REQUIRED };
    text_put_char(out, '{');
    put_scalar(out, &item, view);
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
        put_text(out, field, view);
    } else if (kind == &kind_text || kind == &kind_choice) {
        put_enum(out, field, may_be_null(field, view));
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

/* All after the shape: `doc` where it does not stand elsewhere. */
static void put_notes(struct text *out, const struct field *field, enum view view, const char *doc)
{
    if (doc) {
        put_key(out, "description");
        text_put_json_string(out, str_from(doc));
    }
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
}

static void put_field(struct text *out, const struct field *field, enum view view, const char *doc)
{
    text_put_char(out, '{');
    put_shape(out, field, view);
    put_notes(out, field, view, doc);
    text_put_char(out, '}');
}

void openapi_put_parameter(struct text *out, const struct field *field)
{
    put_field(out, field, PARAMETER, NULL);
}

void openapi_put_path_parameter(struct text *out, const struct field *field)
{
    struct field row = *field;
    row.flags |= REQUIRED;
    row.fallback = NULL;
    put_field(out, &row, PARAMETER, NULL);
}

void openapi_put_form_field(struct text *out, const struct field *field)
{
    struct field row = *field;
    bool may_be_empty = !(field->flags & REQUIRED) && !field->fallback;
    if (may_be_empty)
        row.example = NULL;
    put_field(out, &row, PARAMETER, field->doc);
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

/* ---- a schema ---- */

static bool is_skipped(const struct field *field, bool input)
{
    return field->flags & (input ? READ_ONLY | IN_QUERY : WRITE_ONLY | SECRET);
}

static void put_required(struct text *out, const struct schema *schema, bool input)
{
    bool first = true;
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        bool required = input ? (field->flags & REQUIRED) && !field->fallback : !(field->flags & AT_TIMES);
        if (!required || is_skipped(field, input))
            continue;
        text_put(out, first ? S(",\"required\":[") : S(","));
        first = false;
        text_put_json_string(out, str_from(field->name));
    }
    text_put(out, first ? S("") : S("]"));
}

void openapi_put_schema(struct text *out, const struct schema *schema, enum openapi_use use)
{
    bool input = use == OPENAPI_BODY || use == OPENAPI_PATCH;
    text_put(out, S("{\"type\":\"object\""));
    if (schema->doc) {
        put_key(out, "description");
        text_put_json_string(out, str_from(schema->doc));
    }
    text_put(out, S(",\"properties\":{"));
    for (int i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (is_skipped(field, input))
            continue;
        put_key(out, field->name);
        put_field(out, field, input ? BODY : ANSWER, field->doc);
    }
    text_put_char(out, '}');
    if (use == OPENAPI_ANSWER || use == OPENAPI_BODY)
        put_required(out, schema, input);
    if (input)
        text_put(out, S(",\"additionalProperties\":false"));
    text_put_char(out, '}');
}
