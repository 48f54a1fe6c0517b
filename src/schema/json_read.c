/* json_read.c - JSON text to jansson's tree and back, with bounds. */
#include "schema/json_read.h"

#include "schema/json.h"
#include "schema/kinds.h"

#include <math.h>

/* ---- before jansson ---- */

/* Line and column (in code points), both from 1, of a byte offset. */
static void locate(struct str text, ptrdiff_t offset, struct json_flaw *flaw)
{
    flaw->line = 1;
    flaw->column = 1;
    for (ptrdiff_t i = 0; i < offset; i++) {
        if (text.at[i] == '\n') {
            flaw->line++;
            flaw->column = 1;
        } else if (((unsigned char)text.at[i] & 0xC0) != 0x80) {
            flaw->column++;
        }
    }
}

/* The offset just after the string that begins at `i` (its quote), or the end. */
static ptrdiff_t skip_string(struct str text, ptrdiff_t i)
{
    for (i++; i < text.len && text.at[i] != '"'; i++) {
        if (text.at[i] == '\\')
            i++;
    }
    return i < text.len ? i + 1 : text.len;
}

static bool check_bounds(struct str text, struct json_flaw *flaw)
{
    int depth = 0, values = 1;
    for (ptrdiff_t i = 0; i < text.len;) {
        char c = text.at[i];
        if (c == '"') {
            i = skip_string(text, i);
            continue;
        }
        bool opens = c == '{' || c == '[';
        depth += opens ? 1 : c == '}' || c == ']' ? -1 : 0;
        values += opens || c == ',';
        if (depth > JSON_DEPTH_MAX || values > JSON_VALUES_MAX) {
            locate(text, i, flaw);
            flaw->what = depth > JSON_DEPTH_MAX ? "nested too deeply" : "too many values";
            return false;
        }
        i++;
    }
    return true;
}

/* ---- numbers that do not fit ---- */

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The last two digits become "e2": a real of nearly the same value and exactly the same length. What exceeded 64 bits
 * still does, since 92233720368547758e2 is nearer to 2^63 than to the double below it. */
static void write_integer_as_real(char *at, ptrdiff_t digits)
{
    memcpy(at + digits - 2, "e2", 2);
}

/* 1e0000301 in the room of any number that overflows a double (the shortest is 2e308): past every limit. */
static void write_too_large(char *at, ptrdiff_t len)
{
    memset(at, '0', (size_t)len);
    memcpy(at, "1e", 2);
    memcpy(at + len - 3, "301", 3);
}

/* True: a whole number was rounded. */
static bool fit_number(char *at, ptrdiff_t len)
{
    if (at[0] == '-') {
        at++;
        len--;
    }
    ptrdiff_t digits = 0;
    while (digits < len && at[digits] >= '0' && at[digits] <= '9')
        digits++;
    struct str number = { at, len };
    int64_t n;
    double real;
    if (digits == len && len > 1 && at[0] == '0')
        return false; /* malformed, and stays so */
    if (digits == len && len >= 19 && len <= 300) {
        if (str_to_integer(number, &n))
            return false;
        write_integer_as_real(at, len);
        return true;
    }
    if (digits > 0 && len >= 5 && (digits == len || !str_to_real(number, &real))) {
        char last = at[len - 1];
        if (digits == len ? len > 300 : last >= '0' && last <= '9')
            write_too_large(at, len);
    }
    return false;
}

/* A copy in which such numbers are replaced, byte for byte, so that lines and columns stay true. */
static struct str fit_numbers(struct str text, struct arena *arena, bool *rounded)
{
    struct str copy = arena_copy(arena, text);
    char *at = (char *)(uintptr_t)copy.at; /* ours: it was made a line ago */
    for (ptrdiff_t i = 0; i < copy.len;) {
        if (at[i] == '"') {
            i = skip_string(copy, i);
            continue;
        }
        ptrdiff_t end = i;
        while (end < copy.len && is_number_char(at[end]))
            end++;
        if (end > i && ((at[i] >= '0' && at[i] <= '9') || at[i] == '-'))
            *rounded = fit_number(at + i, end - i) || *rounded;
        i = end > i ? end : i + 1;
    }
    return copy;
}

/* ---- jansson ---- */

/* jansson's own text quotes what it read, which may be a password. */
static const char *describe(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_invalid_utf8:
        return "not valid UTF-8";
    case json_error_duplicate_key:
        return "a member appears twice";
    case json_error_null_byte_in_key:
        return "a member's name holds U+0000";
    case json_error_numeric_overflow:
        return "a number is too large";
    default:
        return "not valid JSON";
    }
}

json_t *json_read(struct str text, struct arena *arena, struct json_flaw *flaw)
{
    enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL };
    flaw->rounded = false;
    if (!check_bounds(text, flaw))
        return NULL;
    json_error_t error;
    json_t *json = json_loadb(text.len ? text.at : "", (size_t)text.len, FLAGS, &error);
    if (!json && json_error_code(&error) == json_error_numeric_overflow) {
        struct str fitted = fit_numbers(text, arena, &flaw->rounded);
        json = json_loadb(fitted.at, (size_t)fitted.len, FLAGS, &error);
    }
    if (!json) {
        *flaw = (struct json_flaw){ error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1,
                                    describe(json_error_code(&error)), false };
    }
    return json;
}

/* ---- back to text ---- */

static void put_members(struct text *out, const json_t *json)
{
    const char *key;
    json_t *value;
    bool first = true;
    text_put_char(out, '{');
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!first)
            text_put_char(out, ',');
        first = false;
        text_put_json_string(out, str_from(key));
        text_put_char(out, ':');
        json_put_tree(out, value);
    }
    text_put_char(out, '}');
}

/* One that is whole stays a real: to readers that tell the two apart, 1e300 as digits is another number. */
static void put_real(struct text *out, double n)
{
    ptrdiff_t from = text_str(out).len;
    text_put_real(out, n);
    struct str digits = str_slice(text_str(out), from, text_str(out).len);
    for (ptrdiff_t i = 0; i < digits.len; i++)
        if (strchr(".eEl", digits.at[i]))
            return;
    text_put(out, S(".0"));
}

void json_put_tree(struct text *out, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        put_members(out, json);
        break;
    case JSON_ARRAY:
        text_put_char(out, '[');
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (i)
                text_put_char(out, ',');
            json_put_tree(out, json_array_get(json, i));
        }
        text_put_char(out, ']');
        break;
    case JSON_STRING:
        text_put_json_string(out, (struct str){ json_string_value(json), (ptrdiff_t)json_string_length(json) });
        break;
    case JSON_INTEGER:
        text_put_integer(out, json_integer_value(json));
        break;
    case JSON_REAL:
        put_real(out, json_real_value(json));
        break;
    case JSON_TRUE:
        text_put(out, S("true"));
        break;
    case JSON_FALSE:
        text_put(out, S("false"));
        break;
    default:
        text_put(out, S("null"));
    }
}

const char *json_check_tree(const json_t *json, struct str *message)
{
    const char *trouble = NULL, *key;
    json_t *value;
    if (json_is_string(json) && memchr(json_string_value(json), 0, json_string_length(json))) {
        *message = S("must not hold U+0000");
        return "control_character";
    }
    if (json_is_real(json) && fabs(json_real_value(json)) > REAL_MOST) {
        *message = S("holds a number that is too large");
        return "too_large";
    }
    for (size_t i = 0; json_is_array(json) && i < json_array_size(json) && !trouble; i++)
        trouble = json_check_tree(json_array_get(json, i), message);
    if (json_is_object(json)) {
        json_object_foreach((json_t *)(uintptr_t)json, key, value)
        {
            if (!trouble)
                trouble = json_check_tree(value, message);
        }
    }
    return trouble;
}

bool json_holds_rounded(const json_t *json)
{
    const char *key;
    json_t *value;
    if (json_is_real(json))
        return fabs(json_real_value(json)) >= 0x1p63;
    for (size_t i = 0; json_is_array(json) && i < json_array_size(json); i++)
        if (json_holds_rounded(json_array_get(json, i)))
            return true;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (json_holds_rounded(value))
            return true;
    }
    return false;
}

struct str json_tree_text(const json_t *json, ptrdiff_t max_bytes, struct arena *arena)
{
    struct text text;
    text_init(&text, max_bytes);
    json_put_tree(&text, json);
    struct str out = text.overflowed ? STR_NULL : arena_copy(arena, text_str(&text));
    text_release(&text);
    return out;
}

struct str json_text(const json_t *json)
{
    return json_is_string(json) ? (struct str){ json_string_value(json), (ptrdiff_t)json_string_length(json) }
                                : STR_NULL;
}

json_t *json_of_text(struct str text)
{
    return text.len ? json_stringn(text.at, (size_t)text.len) : NULL;
}
