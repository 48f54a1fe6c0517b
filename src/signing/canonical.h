/* canonical.h - the one form of a JSON value that is signed: RFC 8785, JSON Canonicalization Scheme (JCS).
 *
 *     struct str bytes;
 *     if (!canonical_text(c, body, &bytes)) ...           // E_INVALID with words: what of it has no such form
 *     crypto_sha256(bytes, digest);
 *
 *     {"b": 1.0, "a": "\u20ac", "c": [1E2]}   ->   {"a":"€","b":1,"c":[100]}
 *
 * Whoever writes the same value otherwise (spaces, order of members, escapes, 1.0 or 1e0) gets the same bytes, so a
 * signature over them survives a program in between that parses JSON and writes it again.
 *
 * Members stand in order of the UTF-16 code units of their names (3.2.3), numbers as ECMAScript writes them (3.2.2.3),
 * strings with as few escapes as can be (3.2.2.2). Refused, because two readers could take it for different things:
 * a member that appears twice, halves of surrogate pairs, bytes that are not UTF-8, numbers past a double's range, and
 * whole numbers that no double holds exactly (9007199254740993: to be written as text, RFC 8785 appendix D).
 *
 * Bounds: CANONICAL_BYTES_MAX of text in and out, CANONICAL_DEPTH_MAX arrays and objects within each other,
 * CANONICAL_VALUES_MAX values. Thread-safe. Results are in the call's arena.
 */
#ifndef ROENTGEN_CANONICAL_H
#define ROENTGEN_CANONICAL_H

#include "base/call.h"

#include <jansson.h>

enum { CANONICAL_BYTES_MAX = 8 << 20, CANONICAL_DEPTH_MAX = 64, CANONICAL_VALUES_MAX = 200000 };

/* Of JSON as text; of a tree. E_INVALID, or E_TOO_LARGE. Texts of the tree may hold U+0000. */
bool canonical_text(struct call *c, struct str json, struct str *out);
bool canonical_json(struct call *c, const json_t *json, struct str *out);
/* Reads JSON with the rules above; numbers come as reals. The tree is the caller's (json_decref); NULL: refused. */
json_t *canonical_read(struct call *c, struct str json);

/* ECMAScript's Number::toString of a finite number. Returns the length; no NUL. */
enum { CANONICAL_NUMBER_MAX = 32 };
ptrdiff_t canonical_number(double n, char out[CANONICAL_NUMBER_MAX]);

#endif
