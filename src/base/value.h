/* value.h - a value without its C type: what fields, SQL and JSON exchange.
 *
 *     db_execute(c, "update users set full_name = ? where id = ?", V(name), V(id));
 *
 * Every C type used in records has its own "nothing": str with at == NULL, INT64_MIN, NaN, INSTANT_NULL,
 * DATE_NULL. V() turns those into VALUE_NOTHING (SQL null).
 */
#ifndef ROENTGEN_VALUE_H
#define ROENTGEN_VALUE_H

#include "base/clock.h"
#include "base/str.h"

enum value_type { VALUE_NOTHING, VALUE_BOOLEAN, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT };

struct value {
    enum value_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct str text;
    };
};

#define INTEGER_NULL INT64_MIN

struct value value_nothing(void);
struct value value_boolean(bool b);
struct value value_int(int n);
struct value value_integer(int64_t n);
struct value value_real(double n);
struct value value_text(struct str s);
struct value value_instant(struct instant t); /* microseconds, as stored */
struct value value_same(struct value v);

#define V(x) \
    _Generic((x), struct str \
             : value_text, int64_t \
             : value_integer, int \
             : value_int, bool \
             : value_boolean, double \
             : value_real, struct instant \
             : value_instant, struct value \
             : value_same)(x)

#endif
