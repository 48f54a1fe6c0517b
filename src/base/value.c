/* value.c - from C's types to neutral values; each type's "nothing" becomes VALUE_NOTHING. */
#include "base/value.h"

#include <math.h>

struct value value_nothing(void)
{
    return (struct value){ .type = VALUE_NOTHING };
}

struct value value_boolean(bool b)
{
    return (struct value){ .type = VALUE_BOOLEAN, .boolean = b };
}

struct value value_int(int n)
{
    return (struct value){ .type = VALUE_INTEGER, .integer = n };
}

struct value value_integer(int64_t n)
{
    return n == INTEGER_NULL ? value_nothing() : (struct value){ .type = VALUE_INTEGER, .integer = n };
}

struct value value_real(double n)
{
    return isnan(n) ? value_nothing() : (struct value){ .type = VALUE_REAL, .real = n };
}

struct value value_text(struct str s)
{
    return str_is_null(s) ? value_nothing() : (struct value){ .type = VALUE_TEXT, .text = s };
}

struct value value_instant(struct instant t)
{
    return instant_is_null(t) ? value_nothing() : (struct value){ .type = VALUE_INTEGER, .integer = t.us };
}

struct value value_same(struct value v)
{
    return v;
}
