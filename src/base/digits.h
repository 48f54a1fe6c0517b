/* digits.h - decimal digits without division per digit: used where numbers and times are written in bulk.
 *
 *     digits_two(out, 7);      // "07"
 *
 * Private to base.
 */
#ifndef ROENTGEN_DIGITS_H
#define ROENTGEN_DIGITS_H

#include <string.h>

static const char digits_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                   "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                   "8081828384858687888990919293949596979899";

/* n from 0 to 99, as two bytes. */
static inline void digits_two(char *out, unsigned n)
{
    memcpy(out, digits_pairs + 2 * n, 2);
}

#endif
