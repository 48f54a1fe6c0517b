/* str.c - comparing, searching, cutting and reading of text given as pointer and length. */
#include "base/str.h"

#include <locale.h>
#include <math.h>

enum { REAL_TEXT_MAX = 512 }; /* longer decimal numbers are nobody's honest input */

struct str str_from(const char *text)
{
    return text ? (struct str){ text, (ptrdiff_t)strlen(text) } : STR_NULL;
}

bool str_is_null(struct str s)
{
    return !s.at;
}

bool str_is_empty(struct str s)
{
    return s.len == 0;
}

bool str_equal(struct str a, struct str b)
{
    if (!a.at || !b.at)
        return !a.at == !b.at;
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, (size_t)a.len) == 0);
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_equal_fold(struct str a, struct str b)
{
    if (!a.at || !b.at)
        return !a.at == !b.at;
    if (a.len != b.len)
        return false;
    for (ptrdiff_t i = 0; i < a.len; i++) {
        if (fold(a.at[i]) != fold(b.at[i]))
            return false;
    }
    return true;
}

int str_compare(struct str a, struct str b)
{
    ptrdiff_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, (size_t)common) : 0;
    if (order)
        return order < 0 ? -1 : 1;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, (size_t)prefix.len) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    if (s.len < suffix.len)
        return false;
    return suffix.len == 0 || memcmp(s.at + (s.len - suffix.len), suffix.at, (size_t)suffix.len) == 0;
}

ptrdiff_t str_find(struct str s, struct str part)
{
    if (part.len == 0)
        return 0;
    if (s.len < part.len)
        return -1;
    const char *found = memmem(s.at, (size_t)s.len, part.at, (size_t)part.len);
    return found ? found - s.at : -1;
}

struct str str_slice(struct str s, ptrdiff_t from, ptrdiff_t to)
{
    if (!s.at)
        return s;
    from = from < 0 ? 0 : from > s.len ? s.len : from;
    to = to < from ? from : to > s.len ? s.len : to;
    return (struct str){ s.at + from, to - from };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    ptrdiff_t from = 0, to = s.len;
    while (from < to && is_blank(s.at[from]))
        from++;
    while (to > from && is_blank(s.at[to - 1]))
        to--;
    return str_slice(s, from, to);
}

bool str_cut(struct str s, char separator, struct str *before, struct str *after)
{
    const char *found = s.len ? memchr(s.at, separator, (size_t)s.len) : NULL;
    if (!found) {
        *before = s;
        *after = STR_NULL;
        return false;
    }
    ptrdiff_t place = found - s.at;
    *before = (struct str){ s.at, place };
    *after = (struct str){ found + 1, s.len - place - 1 };
    return true;
}

bool str_next(struct str *list, char separator, struct str *piece)
{
    if (!list->len)
        return false;
    str_cut(*list, separator, piece, list);
    return true;
}

bool str_to_integer(struct str s, int64_t *out)
{
    bool negative = s.len && s.at[0] == '-';
    ptrdiff_t i = negative;
    if (i == s.len)
        return false;
    int64_t n = 0;
    for (; i < s.len; i++) {
        int digit = s.at[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *out = negative ? -n : n;
    return true;
}

static ptrdiff_t skip_digits(struct str s, ptrdiff_t i)
{
    while (i < s.len && s.at[i] >= '0' && s.at[i] <= '9')
        i++;
    return i;
}

/* [-] digits [. digits] [e [+-] digits], with a digit on one side of the point at least. strtod alone would also
 * take spaces, hexadecimal, "inf" and "nan". */
static bool is_decimal(struct str s)
{
    ptrdiff_t start = s.len && s.at[0] == '-', i = skip_digits(s, start), digits = i - start;
    if (i < s.len && s.at[i] == '.') {
        ptrdiff_t end = skip_digits(s, i + 1);
        digits += end - i - 1;
        i = end;
    }
    if (digits == 0)
        return false;
    if (i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i++;
        if (i < s.len && (s.at[i] == '+' || s.at[i] == '-'))
            i++;
        ptrdiff_t end = skip_digits(s, i);
        if (end == i)
            return false;
        i = end;
    }
    return i == s.len;
}

/* [-] digits [. digits] of up to 15 digits, as nearly all are: whole numbers below 2^53 and powers of ten up to 10^22
 * are doubles, so that one division rounds once, as IEEE 754 wants the text read. */
static bool short_decimal(struct str s, double *out)
{
    enum { DIGITS_MAX = 15 };
    static const double powers[DIGITS_MAX + 1] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    bool negative = s.len && s.at[0] == '-', point = false;
    int64_t n = 0;
    int digits = 0, decimals = 0;
    for (ptrdiff_t i = negative; i < s.len; i++) {
        if (s.at[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (s.at[i] < '0' || s.at[i] > '9' || digits++ == DIGITS_MAX)
            return false;
        n = 10 * n + (s.at[i] - '0');
        decimals += point;
    }
    if (!digits)
        return false;
    double value = (double)n / powers[decimals];
    *out = negative ? -value : value;
    return true;
}

bool str_to_real(struct str s, double *out)
{
    char text[REAL_TEXT_MAX + 1];
    if (short_decimal(s, out))
        return true;
    if (s.len > REAL_TEXT_MAX || !is_decimal(s))
        return false;
    memcpy(text, s.at, (size_t)s.len);
    text[s.len] = '\0';
    /* The "C" locale is a constant inside glibc: neither call allocates. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        abort();
    double n = strtod_l(text, NULL, plain);
    freelocale(plain);
    if (!isfinite(n))
        return false;
    *out = n;
    return true;
}

/* Length of the well-formed sequence at p (RFC 3629 4), or 0. */
static int utf8_length(const unsigned char *p, ptrdiff_t available)
{
    unsigned char lead = p[0];
    if (lead < 0x80)
        return 1;
    int length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length == 0 || length > available)
        return 0;
    /* The second byte is where overlong forms, surrogates and numbers past U+10FFFF show. */
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (int i = 2; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

static ptrdiff_t ascii_words(const char *at, ptrdiff_t len)
{
    ptrdiff_t i = 0;
    for (uint64_t word; i + 8 <= len; i += 8) {
        memcpy(&word, at + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    return i;
}

bool str_is_utf8(struct str s)
{
    ptrdiff_t i = 0;
    while (i < s.len) {
        i += ascii_words(s.at + i, s.len - i);
        if (i == s.len)
            break;
        int length = utf8_length((const unsigned char *)s.at + i, s.len - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

struct str str_at_most(struct str s, ptrdiff_t bytes)
{
    if (s.len <= bytes)
        return s;
    while (bytes > 0 && ((unsigned char)s.at[bytes] & 0xC0) == 0x80)
        bytes--;
    return (struct str){ s.at, bytes };
}

ptrdiff_t str_code_points(struct str s)
{
    ptrdiff_t i = 0, count = 0;
    while (i < s.len) {
        ptrdiff_t plain = ascii_words(s.at + i, s.len - i);
        i += plain;
        count += plain;
        if (i == s.len)
            break;
        int length = utf8_length((const unsigned char *)s.at + i, s.len - i);
        i += length ? length : 1;
        count++;
    }
    return count;
}

uint32_t str_next_code_point(struct str *s)
{
    const unsigned char *p = (const unsigned char *)s->at;
    int length = utf8_length(p, s->len);
    static const unsigned char lead_bits[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t point = length ? p[0] & lead_bits[length] : 0xFFFD;
    for (int i = 1; i < length; i++)
        point = point << 6 | (p[i] & 0x3F);
    int step = length ? length : 1;
    s->at += step;
    s->len -= step;
    return point;
}

#define HASH_ODD UINT64_C(0x9E3779B97F4A7C15) /* 2^64 / golden ratio */

static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * HASH_ODD;
    return hash ^ hash >> 29;
}

uint64_t str_hash(struct str s)
{
    uint64_t hash = (uint64_t)s.len * HASH_ODD, word;
    ptrdiff_t i = 0;
    for (; s.len - i >= 8; i += 8) { /* pieces of a size that the compiler knows are no calls */
        memcpy(&word, s.at + i, 8);
        hash = hash_word(hash, word);
    }
    if (i < s.len) {
        word = 0;
        memcpy(&word, s.at + i, (size_t)(s.len - i));
        hash = hash_word(hash, word);
    }
    return hash ^ hash >> 32;
}

bool point_turns_direction(uint32_t point)
{
    return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

bool str_turns_direction(struct str s)
{
    while (s.len)
        if (point_turns_direction(str_next_code_point(&s)))
            return true;
    return false;
}
