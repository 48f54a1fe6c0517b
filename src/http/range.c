/* range.c - Range: bytes=first-last (RFC 9110 14.1.2, 14.2). */
#include "http/http.h"

#include <strings.h>

/* Digits only; past what fits the value stands for "far beyond any end". */
static bool read_position(struct str digits, int64_t *out)
{
    int64_t n = 0;
    for (ptrdiff_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digits.at[i] - '0', &n))
            n = INT64_MAX / 10;
    }
    *out = n;
    return digits.len > 0;
}

static enum range_result last_bytes(int64_t count, int64_t size, int64_t *first, int64_t *length)
{
    if (count == 0 || size == 0)
        return RANGE_UNSATISFIABLE;
    *length = count < size ? count : size;
    *first = size - *length;
    return RANGE_PART;
}

enum range_result http_parse_range(struct str header, int64_t size, int64_t *first, int64_t *length)
{
    struct str unit, set, from, to;
    int64_t a, b = INT64_MAX;
    if (!str_cut(header, '=', &unit, &set) || !str_equal_fold(str_trim(unit), S("bytes")))
        return RANGE_NONE;
    if (!str_cut(str_trim(set), '-', &from, &to)) /* several ranges: the second '-' fails to be a digit */
        return RANGE_NONE;
    if (!from.len)
        return read_position(to, &a) ? last_bytes(a, size, first, length) : RANGE_NONE;
    if (!read_position(from, &a) || (to.len && (!read_position(to, &b) || b < a)))
        return RANGE_NONE;
    if (a >= size)
        return RANGE_UNSATISFIABLE;
    *first = a;
    *length = (b < size - 1 ? b : size - 1) - a + 1;
    return RANGE_PART;
}
