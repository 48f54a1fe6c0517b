/* str.h - text as a pointer and a length, passed by value.
 *
 *     struct str name = S("roentgen");
 *     if (str_equal(name, other)) ...
 *     printf("%.*s", STR_FMT(name));
 *
 * A str owns nothing: it points into an arena, a buffer or a literal, which must outlive it. The
 * bytes need not end in NUL. `at == NULL` is "no text" (null), which is not the empty text.
 * Text meant for people is UTF-8; functions that care say so.
 */
#ifndef ROENTGEN_STR_H
#define ROENTGEN_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *at;
    ptrdiff_t len; /* bytes */
};

#define S(literal) ((struct str){ "" literal, (ptrdiff_t)sizeof(literal) - 1 })
#define STR_NULL ((struct str){ NULL, 0 })
#define STR_FMT(s) (int)(s).len, (s).at ? (s).at : ""

struct str str_from(const char *text); /* NUL-terminated; NULL gives STR_NULL */
bool str_is_null(struct str s);
bool str_is_empty(struct str s); /* null counts as empty */
bool str_equal(struct str a, struct str b);
bool str_equal_fold(struct str a, struct str b); /* ASCII letters without case */
int str_compare(struct str a, struct str b);     /* by bytes, as memcmp */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
ptrdiff_t str_find(struct str s, struct str part);                /* first offset, or -1 */
struct str str_slice(struct str s, ptrdiff_t from, ptrdiff_t to); /* clamped */
struct str str_trim(struct str s);                                /* spaces, tabs, CR, LF at both ends */

/* Splits at the first `separator`: before and after it. False, with everything in *before and
 * *after null, when there is none. */
bool str_cut(struct str s, char separator, struct str *before, struct str *after);
/* Takes the next piece off a list of them, to be used as
 *     while (str_next(&list, ',', &one))
 * Pieces may be empty, but for one behind the last separator. False: the list is empty. */
bool str_next(struct str *list, char separator, struct str *piece);

/* The whole of s must be the number: no spaces, no plus sign, in range. INT64_MIN, which stands for "nothing" in
 * records (value.h), is out of range; so is a real of more than 512 bytes. */
bool str_to_integer(struct str s, int64_t *out);
bool str_to_real(struct str s, double *out); /* finite decimal numbers only, '.' whatever the locale */

/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF. */
bool str_is_utf8(struct str s);
ptrdiff_t str_code_points(struct str s);
/* Its first bytes, at most so many, and no code point in half. */
struct str str_at_most(struct str s, ptrdiff_t bytes);
/* Takes the first code point off *s; U+FFFD for a byte that begins none. *s must not be empty. */
uint32_t str_next_code_point(struct str *s);
/* U+202A to U+202E, U+2066 to U+2069: make text show in another order than it is kept in (Unicode UAX #9). */
bool point_turns_direction(uint32_t point);
bool str_turns_direction(struct str s); /* has one of these */

uint64_t str_hash(struct str s); /* for tables in memory; not for untrusted keys that must not collide */

#endif
