/* wire_python.c - what Python's json writes, and JSON (RFC 8259) or a text of ours has not. */
#include "celery/wire_parts.h"

#include "base/text.h"

enum { ESCAPE = 6 }; /* \uXXXX */

/* The number after \u; -1: it is none. */
static int unit_at(struct str text, ptrdiff_t i)
{
    int unit = 0;
    if (i + ESCAPE > text.len || text.at[i] != '\\' || text.at[i + 1] != 'u')
        return -1;
    for (ptrdiff_t at = i + 2; at < i + ESCAPE; at++) {
        char c = text.at[at];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* One character of a string, or one escape; the offset behind it. */
static ptrdiff_t put_character(struct text *out, struct str text, ptrdiff_t i)
{
    ptrdiff_t len = text.at[i] == '\\' && i + 1 < text.len ? 2 : 1;
    int unit = unit_at(text, i);
    if (unit >= 0) {
        int next = unit_at(text, i + ESCAPE);
        bool leads = unit >= 0xD800 && unit < 0xDC00, is_pair = leads && next >= 0xDC00 && next < 0xE000;
        if (unit == 0 || (unit >= 0xD800 && unit < 0xE000 && !is_pair)) {
            text_put(out, S("\\ufffd"));
            return i + ESCAPE;
        }
        len = is_pair ? 2 * ESCAPE : ESCAPE;
    }
    text_put(out, str_slice(text, i, i + len));
    return i + len;
}

static ptrdiff_t put_string(struct text *out, struct str text, ptrdiff_t i)
{
    text_put_char(out, '"');
    for (i++; i < text.len && text.at[i] != '"';)
        i = put_character(out, text, i);
    if (i < text.len)
        text_put_char(out, '"');
    return i + 1;
}

static bool is_word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("+-.", c);
}

/* NaN, Infinity, and whole numbers that 64 bits do not hold. */
static bool is_strange(struct str word)
{
    bool negative = word.at[0] == '-';
    struct str digits = negative ? str_slice(word, 1, word.len) : word;
    struct str most = negative ? S("9223372036854775808") : S("9223372036854775807");
    if (str_equal(digits, S("NaN")) || str_equal(digits, S("Infinity")))
        return true;
    for (ptrdiff_t i = 0; i < digits.len; i++)
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
    if (digits.len < most.len || digits.at[0] == '0')
        return false;
    return digits.len > most.len || memcmp(digits.at, most.at, (size_t)most.len) > 0;
}

static ptrdiff_t put_word(struct text *out, struct str text, ptrdiff_t i, bool *strange)
{
    ptrdiff_t end = i;
    while (end < text.len && text.at[end] && is_word_char(text.at[end]))
        end++;
    struct str word = str_slice(text, i, end > i ? end : i + 1);
    bool quoted = end > i && is_strange(word);
    *strange = *strange || quoted;
    if (quoted)
        text_put_char(out, '"');
    text_put(out, word);
    if (quoted)
        text_put_char(out, '"');
    return i + word.len;
}

struct str wire_of_python(struct str text, struct arena *arena, bool *strange)
{
    struct text out;
    *strange = false;
    text_init(&out, 2 * CELERY_MESSAGE_MAX);
    for (ptrdiff_t i = 0; i < text.len;)
        i = text.at[i] == '"' ? put_string(&out, text, i) : put_word(&out, text, i, strange);
    struct str copy = out.overflowed ? STR_NULL : arena_copy(arena, text_str(&out));
    text_release(&out);
    return copy;
}
