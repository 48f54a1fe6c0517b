/* canonical_number.c - a number as ECMAScript writes it (ECMA-262 Number::toString, RFC 8785 3.2.2.3). */
#include "signing/canonical.h"

#include <assert.h>
#include <float.h>
#include <math.h>

enum { DIGITS_MAX = 17, POINT_MAX = 21, ZEROS_MAX = 6 };

/* n = 0.DIGITS * 10^point */
struct decimal {
    char digits[DIGITS_MAX + 1]; /* NUL-terminated */
    int count, point;
};

static bool is_same(const struct decimal *d, double n)
{
    char text[40];
    snprintf(text, sizeof(text), "%se%d", d->digits, d->point - d->count);
    return strtod(text, NULL) == n;
}

/* The decimal of `precision` digits that is nearest. */
static void decimal_nearest(double n, int precision, struct decimal *d)
{
    char text[40];
    snprintf(text, sizeof(text), "%.*e", precision - 1, n); /* d.ddde+XX; the locale says how the point looks */
    const char *at = text;
    d->count = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            d->digits[d->count++] = *at;
    }
    d->digits[d->count] = '\0';
    d->point = (int)strtol(at + 1, NULL, 10) + 1;
}

/* The next larger of as many digits; false: there is none, it would be a power of ten and shorter. */
static bool decimal_step(struct decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i < 0)
        return false;
    d->digits[i]++;
    return true;
}

/* The fewest digits that read back as n. Those of a power of two may be none of the nearest: doubles above it are twice
 * as far apart as those below, so that a decimal further off, but above, is still read as n (2^-44). */
static void decimal_shortest(double n, struct decimal *d)
{
    int exponent;
    bool is_power = frexp(n, &exponent) == 0.5;
    int precision = n < DBL_MIN ? 1 : DBL_DIG; /* as many digits always come back, but where the numbers thin out */
    for (;; precision++) {
        assert(precision <= DIGITS_MAX); /* IEEE 754 5.12.2 */
        decimal_nearest(n, precision, d);
        if (is_same(d, n) || (is_power && decimal_step(d) && is_same(d, n)))
            break;
    }
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = '\0';
}

static ptrdiff_t write_decimal(const struct decimal *d, char *out, size_t room)
{
    int point = d->point, whole = point < d->count ? point : d->count;
    if (point > 0 && point <= POINT_MAX)
        return snprintf(out, room, "%.*s%.*s%s%s", whole, d->digits, point - whole, "000000000000000000000",
                        whole < d->count ? "." : "", d->digits + whole);
    if (point <= 0 && point > -ZEROS_MAX)
        return snprintf(out, room, "0.%.*s%s", -point, "000000", d->digits);
    return snprintf(out, room, "%c%s%se%+d", d->digits[0], d->count > 1 ? "." : "", d->digits + 1, point - 1);
}

ptrdiff_t canonical_number(double n, char out[CANONICAL_NUMBER_MAX])
{
    char text[CANONICAL_NUMBER_MAX + 8];
    struct decimal decimal;
    ptrdiff_t len = 1;
    assert(isfinite(n));
    text[0] = '0'; /* also -0 */
    if (n != 0) {
        bool is_negative = n < 0;
        text[0] = '-';
        decimal_shortest(fabs(n), &decimal);
        len = is_negative + write_decimal(&decimal, text + is_negative, sizeof(text) - is_negative);
    }
    assert(len <= CANONICAL_NUMBER_MAX);
    memcpy(out, text, (size_t)len);
    return len;
}
