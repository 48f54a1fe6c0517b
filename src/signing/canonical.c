/* canonical.c - reading JSON strictly, and writing it in the form of RFC 8785. */
#include "signing/canonical.h"

#include "base/text.h"

#include <math.h>

/* ---- reading ---- */

struct scan {
    struct call *c;
    struct str text;
    ptrdiff_t at;
    int depth, values;
};

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static void skip_string(struct scan *s)
{
    for (s->at++; s->at < s->text.len && s->text.at[s->at] != '"'; s->at++) {
        if (s->text.at[s->at] == '\\')
            s->at++;
    }
    s->at++;
}

/* Does a double hold it? Its digits, but for leading zeros (which are refused later on), come back then. */
static bool is_exact(struct str digits)
{
    enum { DIGITS_MAX = 309 }; /* of the largest double; more is an overflow, which the reader tells */
    char text[DIGITS_MAX + 2], back[DIGITS_MAX + 2];
    if (digits.len > DIGITS_MAX)
        return true;
    memcpy(text, digits.at, (size_t)digits.len);
    text[digits.len] = '\0';
    double n = strtod(text, NULL);
    if (!isfinite(n))
        return true;
    snprintf(back, sizeof(back), "%.0f", n);
    return strcmp(text, back) == 0;
}

/* What canonical_number writes of a double: 1e20 is 100000000000000000000, which that double is, but 2^69's nearest
 * short decimal is 590295810358705700000, which it is not; it reads back as the same double all the same. */
static bool is_shortest(struct str digits)
{
    char text[CANONICAL_NUMBER_MAX], number[CANONICAL_NUMBER_MAX];
    if (digits.len >= CANONICAL_NUMBER_MAX)
        return false;
    memcpy(text, digits.at, (size_t)digits.len);
    text[digits.len] = '\0';
    return str_equal((struct str){ number, canonical_number(strtod(text, NULL), number) }, digits);
}

static bool scan_number(struct scan *s)
{
    enum { ALWAYS_EXACT = 15 };
    ptrdiff_t from = s->at;
    bool is_whole = true;
    while (s->at < s->text.len && is_digit(s->text.at[s->at]))
        s->at++;
    struct str digits = str_slice(s->text, from, s->at);
    for (; s->at < s->text.len; s->at++) {
        char ch = s->text.at[s->at];
        if (!is_digit(ch) && ch != '.' && ch != 'e' && ch != 'E' && ch != '+' && ch != '-')
            break;
        is_whole = false;
    }
    if (is_whole && digits.len > ALWAYS_EXACT && digits.at[0] != '0' && !is_exact(digits) && !is_shortest(digits))
        return fail(s->c, E_INVALID,
                    "a whole number in the JSON has more digits than a double holds: write it as text");
    return true;
}

/* Before jansson sees the text, for a tree costs up to a hundred times the bytes it came from. */
static bool scan(struct scan *s)
{
    while (s->at < s->text.len) {
        char ch = s->text.at[s->at];
        if (ch == '"') {
            skip_string(s);
        } else if (is_digit(ch)) {
            if (!scan_number(s))
                return false;
            continue;
        } else {
            s->at++;
        }
        s->values += ch == ',' || ch == '[' || ch == '{';
        if (ch == '[' || ch == '{')
            s->depth++;
        else if (ch == ']' || ch == '}')
            s->depth--;
        if (s->depth > CANONICAL_DEPTH_MAX)
            return fail(s->c, E_INVALID, "the JSON is nested deeper than %d", CANONICAL_DEPTH_MAX);
        if (s->values > CANONICAL_VALUES_MAX)
            return fail(s->c, E_TOO_LARGE, "the JSON holds more than %d values", CANONICAL_VALUES_MAX);
    }
    return true;
}

/* jansson's own words quote what it read, which may be a patient's. */
static const char *describe(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_invalid_utf8:
        return "it is not valid UTF-8";
    case json_error_duplicate_key:
        return "a member appears twice";
    case json_error_null_byte_in_key:
        return "a member's name holds U+0000";
    case json_error_numeric_overflow:
        return "a number is past what a double can hold";
    default:
        return "the text cannot be read";
    }
}

json_t *canonical_read(struct call *c, struct str json)
{
    enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };
    json_error_t error;
    if (json.len > CANONICAL_BYTES_MAX) {
        fail(c, E_TOO_LARGE, "the JSON has more than %d MiB", CANONICAL_BYTES_MAX >> 20);
        return NULL;
    }
    if (!scan(&(struct scan){ .c = c, .text = json }))
        return NULL;
    json_t *tree = json_loadb(json.len ? json.at : "", (size_t)json.len, FLAGS, &error);
    if (!tree)
        fail(c, E_INVALID, "not JSON that can be signed: %s (line %d, column %d)", describe(json_error_code(&error)),
             error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1);
    return tree;
}

/* ---- writing ---- */

struct member {
    struct str name;
    const json_t *value;
};

struct writing {
    struct call *c;
    struct text *out;
    int depth, values;
};

/* In order of UTF-16 code units UTF-8 is nearly sorted as it stands: what takes two units (F0..F4) begins with a
 * surrogate (D800..DFFF), which comes before U+E000 (EE, EF) and behind all that begins with ED or less. */
static int weight(unsigned char byte)
{
    return byte >= 0xF0 ? 0xEE * 2 + (byte - 0xF0) : byte >= 0xEE ? byte * 2 + 16 : byte * 2;
}

static int compare_members(const void *a, const void *b)
{
    struct str x = ((const struct member *)a)->name, y = ((const struct member *)b)->name;
    ptrdiff_t shorter = x.len < y.len ? x.len : y.len;
    for (ptrdiff_t i = 0; i < shorter; i++) {
        if (x.at[i] != y.at[i])
            return weight((unsigned char)x.at[i]) - weight((unsigned char)y.at[i]);
    }
    return (x.len > y.len) - (x.len < y.len);
}

static bool put_string(struct writing *w, struct str s)
{
    static const char hex[] = "0123456789abcdef", letters[] = "btn_fr"; /* U+0008 .. U+000D */
    ptrdiff_t from = 0;
    if (!str_is_utf8(s))
        return fail(w->c, E_INVALID, "a text in the JSON is not valid UTF-8");
    text_put_char(w->out, '"');
    for (ptrdiff_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.at[i];
        if (ch >= 0x20 && ch != '"' && ch != '\\')
            continue;
        text_put(w->out, str_slice(s, from, i));
        from = i + 1;
        char escape[6] = { '\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15] };
        bool is_short = ch >= 0x20 || (ch >= '\b' && ch <= '\r' && ch != '\v');
        if (is_short)
            escape[1] = ch >= 0x20 ? (char)ch : letters[ch - '\b'];
        text_put(w->out, (struct str){ escape, is_short ? 2 : 6 });
    }
    text_put(w->out, str_slice(s, from, s.len));
    text_put_char(w->out, '"');
    return true;
}

static bool put_number(struct writing *w, const json_t *json)
{
    char number[CANONICAL_NUMBER_MAX];
    double n = json_number_value(json);
    if (!isfinite(n))
        return fail(w->c, E_INVALID, "a number in the JSON is not finite");
    if (json_is_integer(json)) {
        json_int_t whole = json_integer_value(json);
        if (n >= 0x1p63 || (json_int_t)n != whole)
            return fail(w->c, E_INVALID, "a whole number in the JSON is none that a double holds: write it as text");
    }
    text_put(w->out, (struct str){ number, canonical_number(n, number) });
    return true;
}

static bool put(struct writing *w, const json_t *json);

static bool put_object(struct writing *w, const json_t *object)
{
    /* jansson has no way through an object that is const; nothing of it is changed. */
    json_t *json = (json_t *)(uintptr_t)object;
    ptrdiff_t count = (ptrdiff_t)json_object_size(json), i = 0;
    struct member *members = arena_array(&w->c->arena, struct member, count + 1);
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
        members[i++] = (struct member){ str_from(json_object_iter_key(at)), json_object_iter_value(at) };
    if (count > 1)
        qsort(members, (size_t)count, sizeof(*members), compare_members);
    text_put_char(w->out, '{');
    for (i = 0; i < count; i++) {
        if (i)
            text_put_char(w->out, ',');
        if (!put_string(w, members[i].name))
            return false;
        text_put_char(w->out, ':');
        if (!put(w, members[i].value))
            return false;
    }
    text_put_char(w->out, '}');
    return true;
}

static bool put_array(struct writing *w, const json_t *array)
{
    text_put_char(w->out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i)
            text_put_char(w->out, ',');
        if (!put(w, json_array_get(array, i)))
            return false;
    }
    text_put_char(w->out, ']');
    return true;
}

static bool put_bounded(struct writing *w, const json_t *json)
{
    if (++w->depth > CANONICAL_DEPTH_MAX)
        return fail(w->c, E_INVALID, "the JSON is nested deeper than %d", CANONICAL_DEPTH_MAX);
    bool done = json_is_object(json) ? put_object(w, json) : put_array(w, json);
    w->depth--;
    return done;
}

static bool put(struct writing *w, const json_t *json)
{
    if (++w->values > CANONICAL_VALUES_MAX + 1)
        return fail(w->c, E_TOO_LARGE, "the JSON holds more than %d values", CANONICAL_VALUES_MAX);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return put_bounded(w, json);
    case JSON_STRING:
        return put_string(w, (struct str){ json_string_value(json), (ptrdiff_t)json_string_length(json) });
    case JSON_INTEGER:
    case JSON_REAL:
        return put_number(w, json);
    default:
        text_put(w->out, json_is_true(json) ? S("true") : json_is_false(json) ? S("false") : S("null"));
        return true;
    }
}

bool canonical_json(struct call *c, const json_t *json, struct str *out)
{
    struct text text;
    text_init(&text, CANONICAL_BYTES_MAX);
    bool done = put(&(struct writing){ .c = c, .out = &text }, json);
    if (done && text.overflowed)
        done = fail(c, E_TOO_LARGE, "the canonical form has more than %d MiB", CANONICAL_BYTES_MAX >> 20);
    if (done)
        *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return done;
}

bool canonical_text(struct call *c, struct str json, struct str *out)
{
    json_t *tree = canonical_read(c, json);
    if (!tree)
        return false;
    bool done = canonical_json(c, tree, out);
    json_decref(tree);
    return done;
}
