/* text.c - the growing buffer, and how numbers and JSON strings are written into it.
 *
 * One byte more than `capacity` is allocated, so that vsnprintf has room for its NUL. */
#include "base/text.h"
#include "base/digits.h"

#include <assert.h>
#include <float.h>
#include <math.h>

enum { TEXT_SMALLEST = 256, INTEGER_DIGITS_MAX = 19 };

void text_init(struct text *text, ptrdiff_t max_bytes)
{
    assert(max_bytes >= 0 && max_bytes < PTRDIFF_MAX / 4);
    *text = (struct text){ .max = max_bytes };
}

void text_clear(struct text *text)
{
    if (text->capacity > HOLD_FROM_BYTES)
        text_release(text);
    text->len = 0;
    text->overflowed = text->starved = text->is_too_large = false;
}

void text_release(struct text *text)
{
    free(text->at);
    if (text->held)
        hold_less(text->hold, text->held);
    *text = (struct text){ .max = text->max, .hold = text->hold };
}

struct str text_str(const struct text *text)
{
    return (struct str){ text->at ? text->at : "", text->len };
}

/* The buffer doubles, so what is held does so as well; the old one is there until its bytes are copied. */
static bool may_hold(struct text *text, ptrdiff_t capacity)
{
    struct error error = { 0 };
    if (!text->hold || capacity <= HOLD_FROM_BYTES)
        return true;
    if (!hold_more(text->hold, capacity, &error)) {
        text->is_too_large = error.code == E_TOO_LARGE;
        return false;
    }
    if (text->held)
        hold_less(text->hold, text->held);
    text->held = capacity;
    return true;
}

static bool grow(struct text *text, ptrdiff_t len)
{
    if (text->overflowed || len > text->max - text->len) {
        text->overflowed = true;
        return false;
    }
    ptrdiff_t capacity = text->capacity * 2 > TEXT_SMALLEST ? text->capacity * 2 : TEXT_SMALLEST;
    if (capacity < text->len + len)
        capacity = text->len + len;
    if (capacity > text->max)
        capacity = text->max;
    char *at = may_hold(text, capacity) ? realloc(text->at, (size_t)capacity + 1) : NULL;
    if (!at) {
        text->overflowed = text->starved = true;
        return false;
    }
    text->at = at;
    text->capacity = capacity;
    return true;
}

static inline bool has_room(struct text *text, ptrdiff_t len)
{
    /* After an overflow nothing more goes in, so that no later, smaller piece follows a gap. */
    return (len <= text->capacity - text->len && !text->overflowed && text->at) || grow(text, len);
}

char *text_room(struct text *text, ptrdiff_t len)
{
    assert(len >= 0);
    return has_room(text, len) ? text->at + text->len : NULL;
}

void text_grown(struct text *text, ptrdiff_t len)
{
    assert(len >= 0 && len <= text->capacity - text->len);
    text->len += len;
}

void text_put(struct text *text, struct str s)
{
    if (s.len == 0 || !has_room(text, s.len))
        return;
    memcpy(text->at + text->len, s.at, (size_t)s.len);
    text->len += s.len;
}

void text_put_char(struct text *text, char c)
{
    if (has_room(text, 1))
        text->at[text->len++] = c;
}

ptrdiff_t integer_write(int64_t n, char *out)
{
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, power = 10;
    ptrdiff_t len = n < 0 ? 2 : 1;
    for (int digits = 1; digits < INTEGER_DIGITS_MAX && rest >= power; digits++, power *= 10)
        len++;
    out[0] = '-'; /* what is not negative writes over it */
    char *at = out + len;
    for (; rest >= 100; rest /= 100)
        digits_two(at -= 2, (unsigned)(rest % 100));
    if (rest >= 10)
        digits_two(at - 2, (unsigned)rest);
    else
        at[-1] = (char)('0' + rest);
    return len;
}

void text_put_integer(struct text *text, int64_t n)
{
    char digits[INTEGER_TEXT_MAX];
    text_put(text, (struct str){ digits, integer_write(n, digits) });
}

/* Digits and decimal exponent of the shortest decimal fraction that reads back as n (n > 0): 0.DIGITS x 10^exponent.
 * Returns the number of digits. */
static int shortest_digits(double n, char digits[17], int *exponent)
{
    char text[40];
    int precision = n < DBL_MIN ? 0 : 14; /* 15 digits always come back, except where the numbers thin out */
    do {                                  /* 17 digits always suffice (IEEE 754 5.12.2) */
        snprintf(text, sizeof(text), "%.*e", precision, n);
    } while (precision++ < 16 && strtod(text, NULL) != n);
    /* "d.ddd...e+XX", where the locale says what the point looks like. */
    int count = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    }
    *exponent = (int)strtol(at + 1, NULL, 10) + 1;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

static void put_zeros(struct text *text, int count)
{
    for (int i = 0; i < count; i++)
        text_put_char(text, '0');
}

/* Lays digits out as ECMAScript does (ECMA-262 6.1.6.1.20), so that browsers print the same. */
static void put_digits(struct text *text, const char *digits, int count, int point)
{
    if (point > 21 || point <= -6) {
        text_put_char(text, digits[0]);
        if (count > 1) {
            text_put_char(text, '.');
            text_put(text, (struct str){ digits + 1, count - 1 });
        }
        text_put(text, point > 0 ? S("e+") : S("e-"));
        text_put_integer(text, point > 0 ? point - 1 : 1 - point);
    } else if (point >= count) {
        text_put(text, (struct str){ digits, count });
        put_zeros(text, point - count);
    } else if (point > 0) {
        text_put(text, (struct str){ digits, point });
        text_put_char(text, '.');
        text_put(text, (struct str){ digits + point, count - point });
    } else {
        text_put(text, S("0."));
        put_zeros(text, -point);
        text_put(text, (struct str){ digits, count });
    }
}

/* The usual case, a few decimals: m / 10^k with m below 2^53 and k up to 6 is one correctly rounded division, which is
 * also how it will be read back; the smallest k that gives n is the shortest form. */
static bool put_few_decimals(struct text *text, double n)
{
    double scale = 1;
    int64_t whole_scale = 1;
    for (int decimals = 0; decimals <= 6; decimals++, scale *= 10, whole_scale *= 10) {
        double scaled = nearbyint(n * scale);
        if (scaled > 9007199254740992.0)
            return false;
        if (scaled / scale != n)
            continue;
        int64_t m = (int64_t)scaled;
        text_put_integer(text, m / whole_scale);
        if (decimals == 0)
            return true;
        char places[7] = ".";
        int64_t rest = m % whole_scale;
        for (int i = decimals; i > 0; i--, rest /= 10)
            places[i] = (char)('0' + rest % 10);
        text_put(text, (struct str){ places, decimals + 1 });
        return true;
    }
    return false;
}

void text_put_real(struct text *text, double n)
{
    if (!isfinite(n)) {
        text_put(text, S("null"));
        return;
    }
    if (signbit(n))
        text_put_char(text, '-');
    n = fabs(n);
    if (put_few_decimals(text, n))
        return;
    char digits[17] = { 0 };
    int point;
    int count = shortest_digits(n, digits, &point);
    put_digits(text, digits, count, point);
}

void text_format(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vformat(text, format, args);
    va_end(args);
}

void text_vformat(struct text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    ptrdiff_t room = text->at ? text->capacity - text->len : -1;
    int length = vsnprintf(text->at ? text->at + text->len : NULL, (size_t)(room + 1), format, args);
    assert(length >= 0);
    if (has_room(text, length)) {
        if (length > room)
            vsnprintf(text->at + text->len, (size_t)length + 1, format, again);
        text->len += length;
    }
    va_end(again);
}

/* True when one of 8 bytes is not plain in a JSON string: a control character, '"', '\\' or not ASCII.
 * (x - 0x01..01) & ~x & 0x80..80 marks the zero bytes of x. */
static inline bool word_is_special(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word;
    memcpy(&word, at, 8);
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & tops) != 0;
}

/* From `from`, the end of the run that can be copied as it is: plain ASCII and well-formed UTF-8. */
static ptrdiff_t plain_run(struct str s, ptrdiff_t from)
{
    ptrdiff_t i = from;
    while (i < s.len) {
        while (i + 8 <= s.len && !word_is_special(s.at + i))
            i += 8;
        for (; i < s.len; i++) {
            unsigned char c = (unsigned char)s.at[i];
            if (c >= 0x80)
                break;
            if (c < 0x20 || c == '"' || c == '\\')
                return i;
        }
        while (i < s.len && (unsigned char)s.at[i] >= 0x80) {
            struct str rest = { s.at + i, s.len - i };
            str_next_code_point(&rest);
            if (rest.at - s.at - i == 1)
                return i; /* a lone byte is no code point */
            i = rest.at - s.at;
        }
    }
    return i;
}

static void put_escaped(struct text *text, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        text_put(text, S("\\\""));
        break;
    case '\\':
        text_put(text, S("\\\\"));
        break;
    case '\n':
        text_put(text, S("\\n"));
        break;
    case '\r':
        text_put(text, S("\\r"));
        break;
    case '\t':
        text_put(text, S("\\t"));
        break;
    default:
        if (c >= 0x80) {
            text_put(text, S("\xEF\xBF\xBD"));
        } else {
            char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
            text_put(text, (struct str){ escape, sizeof(escape) });
        }
    }
}

void text_put_json_string(struct text *text, struct str s)
{
    if (!has_room(text, s.len + 2))
        return;
    text->at[text->len++] = '"';
    ptrdiff_t done = 0;
    while (done < s.len) {
        ptrdiff_t end = plain_run(s, done);
        text_put(text, (struct str){ s.at + done, end - done });
        if (end < s.len)
            put_escaped(text, (unsigned char)s.at[end++]);
        done = end;
    }
    text_put_char(text, '"');
}
