/* kinds.h - what the kinds share with the walks; private to this layer.
 *
 * Limits: a field's `min` and `max` both 0 leave the kind's own bound; a `max` below `min` leaves the upper one to
 * the kind ({.min = 1} alone means "at least 1").
 */
#ifndef ROENTGEN_KINDS_H
#define ROENTGEN_KINDS_H

#include "schema/field.h"

enum {
    TEXT_CODE_POINTS_MAX = 10000, /* of a text without a limit of its own */
    LIST_ITEMS_MAX = 1000,        /* of a list without a limit of its own */
    LIST_TEXT_MAX = 200,          /* code points of one item of `texts`, and of one name of `counts` */
    JSON_BYTES_MAX = 65536,       /* of a `json` member without a limit of its own */
    JSON_TEXT_MAX = 64 << 20      /* of any member written as JSON text */
};
#define REAL_MOST 1e300 /* of a real without a limit of its own */

struct limits {
    int64_t min, max;
};
struct limits field_limits(const struct field *field);
void field_real_limits(const struct field *field, double *min, double *max);

/* May the input leave this member empty (null, or empty text)? Booleans have no null, but may have a default. */
bool field_accepts_null(const struct field *field);

/* The problem type and message for a value of the wrong type altogether. */
const char *kind_mismatch(const struct kind *kind, struct str *message);

/* Checks `count` against the limits of a list; NULL when they hold. */
const char *list_check_count(const struct field *field, ptrdiff_t count, struct arena *arena, struct str *message);
/* Takes one item of `texts` or one name of `counts`: clean UTF-8, trimmed, one of the choices if there are any. */
const char *texts_take_item(const struct field *field, struct str item, struct arena *arena, struct str *out,
                            struct str *message);
const char *text_check(struct str s, int64_t max, struct arena *arena, struct str *message);
const char *choice_refuse(const char *const *choices, struct arena *arena, struct str *message);

/* A member's value, default or limit trouble, without a call: NULL or a problem type. */
const char *field_set(const struct field *field, void *member, struct value value, struct arena *arena,
                      struct str *message);

#endif
