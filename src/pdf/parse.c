#include "pdf/parse.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0';
}

static bool is_delimiter(char c)
{
    return c && strchr("()<>[]{}/%", c) != NULL;
}

static void skip(struct str *rest, ptrdiff_t bytes)
{
    *rest = str_slice(*rest, bytes, rest->len);
}

/* Spaces and comments. */
static void skip_space(struct str *rest)
{
    ptrdiff_t i = 0;
    while (i < rest->len && (is_space(rest->at[i]) || rest->at[i] == '%')) {
        if (rest->at[i] == '%')
            while (i < rest->len && rest->at[i] != '\n' && rest->at[i] != '\r')
                i++;
        else
            i++;
    }
    skip(rest, i);
}

static ptrdiff_t word_length(struct str s, ptrdiff_t from)
{
    ptrdiff_t i = from;
    while (i < s.len && !is_space(s.at[i]) && !is_delimiter(s.at[i]))
        i++;
    return i;
}

/* (a (nested) \) one); 0: it does not end. */
static ptrdiff_t literal_length(struct str s)
{
    int depth = 0;
    for (ptrdiff_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\')
            i++;
        else if (s.at[i] == '(')
            depth++;
        else if (s.at[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

static ptrdiff_t hex_length(struct str s)
{
    ptrdiff_t i = 1;
    while (i < s.len && (is_space(s.at[i]) || (s.at[i] >= '0' && s.at[i] <= '9') ||
                         ((s.at[i] | 32) >= 'a' && (s.at[i] | 32) <= 'f')))
        i++;
    return i < s.len && s.at[i] == '>' ? i + 1 : 0;
}

static ptrdiff_t digits_length(struct str s, ptrdiff_t from)
{
    ptrdiff_t i = from;
    while (i < s.len && s.at[i] >= '0' && s.at[i] <= '9')
        i++;
    return i;
}

/* "12 0 R"; 0: it is none. */
static ptrdiff_t reference_length(struct str s)
{
    ptrdiff_t number = digits_length(s, 0), generation = digits_length(s, number + 1);
    if (number < 1 || number > 9 || number >= s.len || s.at[number] != ' ' || generation == number + 1 ||
        generation + 1 >= s.len || s.at[generation] != ' ' || s.at[generation + 1] != 'R')
        return 0;
    ptrdiff_t end = generation + 2;
    return end == s.len || is_space(s.at[end]) || is_delimiter(s.at[end]) ? end : 0;
}

static ptrdiff_t value_length(struct str s, int depth);

/* Values up to `close`. */
static ptrdiff_t nested_length(struct str s, struct str open, struct str close, int depth)
{
    struct str rest = str_slice(s, open.len, s.len);
    if (depth == PDF_DEPTH_MAX)
        return 0;
    for (;;) {
        skip_space(&rest);
        if (str_starts(rest, close))
            return s.len - rest.len + close.len;
        ptrdiff_t len = value_length(rest, depth + 1);
        if (len == 0)
            return 0;
        skip(&rest, len);
    }
}

/* Of the value that s begins with; 0: it begins with none. */
static ptrdiff_t value_length(struct str s, int depth)
{
    if (s.len == 0)
        return 0;
    if (str_starts(s, S("<<")))
        return nested_length(s, S("<<"), S(">>"), depth);
    switch (s.at[0]) {
    case '[':
        return nested_length(s, S("["), S("]"), depth);
    case '(':
        return literal_length(s);
    case '<':
        return hex_length(s);
    case '/':
        return word_length(s, 1);
    default:
        return reference_length(s) ? reference_length(s) : word_length(s, 0);
    }
}

bool pdf_next_value(struct str *rest, struct str *value)
{
    struct str s = *rest;
    skip_space(&s);
    ptrdiff_t len = value_length(s, 0);
    if (len == 0)
        return false;
    *value = str_slice(s, 0, len);
    *rest = str_slice(s, len, s.len);
    return true;
}

bool pdf_next_entry(struct str *rest, struct str *key, struct str *value)
{
    struct str s = *rest, k, v;
    if (!pdf_next_value(&s, &k) || k.at[0] != '/' || !pdf_next_value(&s, &v))
        return false;
    *key = k;
    *value = v;
    *rest = s;
    return true;
}

static bool inside(struct str value, struct str open, struct str close, struct str *out)
{
    if (value.len < open.len + close.len || !str_starts(value, open) || !str_ends(value, close))
        return false;
    *out = str_slice(value, open.len, value.len - close.len);
    return true;
}

bool pdf_inside_dictionary(struct str value, struct str *out)
{
    return inside(value, S("<<"), S(">>"), out);
}

bool pdf_inside_array(struct str value, struct str *out)
{
    return inside(value, S("["), S("]"), out);
}

bool pdf_raw_entry(struct str dictionary, const char *key, struct str *value)
{
    struct str rest, name, one, found = STR_NULL;
    if (!pdf_inside_dictionary(dictionary, &rest))
        return false;
    while (pdf_next_entry(&rest, &name, &one)) {
        if (!str_equal(str_slice(name, 1, name.len), str_from(key)))
            continue;
        if (!str_is_null(found))
            return false;
        found = one;
    }
    skip_space(&rest);
    if (str_is_null(found) || rest.len > 0)
        return false;
    *value = found;
    return true;
}

bool pdf_entry(const struct pdf_file *file, struct str dictionary, const char *key, struct str *value)
{
    struct str raw;
    return pdf_raw_entry(dictionary, key, &raw) && pdf_resolve(file, raw, value);
}

bool pdf_integer(struct str value, int64_t *out)
{
    return value.len <= 18 && str_to_integer(value, out);
}

int pdf_reference(struct str value)
{
    int64_t number;
    if (value.len == 0 || reference_length(value) != value.len ||
        !str_to_integer(str_slice(value, 0, digits_length(value, 0)), &number))
        return 0;
    return (int)number;
}

bool pdf_resolve(const struct pdf_file *file, struct str value, struct str *out)
{
    struct str found = value;
    int number = pdf_reference(value);
    if (number > 0 && (!pdf_object(file, number, &found) || pdf_reference(found) > 0))
        return false;
    *out = found;
    return true;
}

/* "12 0 obj", and what comes behind it. */
static bool object_begins(struct str *rest, int number)
{
    struct str first, second, third;
    int64_t n;
    ptrdiff_t end = digits_length(*rest, 0);
    first = str_slice(*rest, 0, end);
    if (!str_to_integer(first, &n) || n != number)
        return false;
    skip(rest, end);
    return pdf_next_value(rest, &second) && str_equal(second, S("0")) && pdf_next_value(rest, &third) &&
           str_equal(third, S("obj"));
}

bool pdf_object(const struct pdf_file *file, int number, struct str *value)
{
    struct str found;
    if (number <= 0 || number >= file->size || file->offsets[number] <= 0)
        return false;
    struct str rest = str_slice(file->bytes, (ptrdiff_t)file->offsets[number], file->bytes.len);
    if (!object_begins(&rest, number) || !pdf_next_value(&rest, &found))
        return false;
    *value = found;
    return true;
}

bool pdf_stream_bytes(const struct pdf_file *file, struct str value, struct str *bytes)
{
    struct str length;
    int64_t len;
    ptrdiff_t behind = value.at + value.len - file->bytes.at;
    struct str rest = str_slice(file->bytes, behind, file->bytes.len);
    skip_space(&rest);
    if (!pdf_raw_entry(value, "Length", &length) || !pdf_integer(length, &len) || len < 0 ||
        !str_starts(rest, S("stream")))
        return false;
    skip(&rest, str_starts(rest, S("stream\r\n")) ? 8 : 7);
    if (len > rest.len)
        return false;
    struct str after = str_slice(rest, (ptrdiff_t)len, rest.len);
    skip_space(&after);
    if (!str_starts(after, S("endstream")))
        return false;
    *bytes = str_slice(rest, 0, (ptrdiff_t)len);
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static ptrdiff_t read_hex(struct str value, char *out)
{
    ptrdiff_t digits = 0;
    for (ptrdiff_t i = 1; i + 1 < value.len; i++) {
        int digit = hex_digit(value.at[i]);
        if (digit < 0)
            continue;
        if (digits % 2 == 0)
            out[digits / 2] = (char)(digit << 4);
        else
            out[digits / 2] = (char)((unsigned char)out[digits / 2] | digit);
        digits++;
    }
    return (digits + 1) / 2;
}

/* 7.3.4.2, but for octal digits, which are never written here and stay as they are. */
static ptrdiff_t read_literal(struct str value, char *out)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 1; i + 1 < value.len; i++) {
        char c = value.at[i];
        if (c == '\\' && i + 2 < value.len) {
            c = value.at[++i];
            const char *at = c ? strchr(from, c) : NULL;
            c = at ? to[at - from] : c;
        }
        out[len++] = c;
    }
    return len;
}

bool pdf_string(struct str value, struct arena *arena, struct str *out)
{
    if (value.len < 2 || (value.at[0] != '(' && (value.at[0] != '<' || value.at[1] == '<')))
        return false;
    char *bytes = arena_try_alloc(arena, value.len);
    if (!bytes)
        return false;
    *out = (struct str){ bytes, value.at[0] == '(' ? read_literal(value, bytes) : read_hex(value, bytes) };
    return true;
}

static ptrdiff_t put_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xC0, 0xE0, 0xF0 };
    out[0] = (char)(lead[more] | point >> 6 * more);
    for (int i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (point >> 6 * (more - i) & 0x3F));
    return more + 1;
}

bool pdf_text(struct str value, struct arena *arena, struct str *out)
{
    struct str bytes;
    if (!pdf_string(value, arena, &bytes))
        return false;
    if (!str_starts(bytes, S("\xFE\xFF"))) {
        *out = bytes;
        return str_is_utf8(bytes);
    }
    char *text = arena_try_alloc(arena, bytes.len * 2 + 4);
    ptrdiff_t len = 0;
    if (!text)
        return false;
    const unsigned char *at = (const unsigned char *)bytes.at;
    for (ptrdiff_t i = 2; i + 1 < bytes.len; i += 2) {
        uint32_t point = (uint32_t)at[i] << 8 | at[i + 1];
        if (point >= 0xD800 && point < 0xDC00 && i + 3 < bytes.len && (at[i + 2] & 0xFC) == 0xDC) {
            point = 0x10000 + ((point & 0x3FF) << 10) + ((uint32_t)(at[i + 2] & 3) << 8 | at[i + 3]);
            i += 2;
        }
        len += put_utf8(point >= 0xD800 && point < 0xE000 ? 0xFFFD : point, text + len);
    }
    *out = (struct str){ text, len };
    return true;
}
