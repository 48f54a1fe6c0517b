/* text.h - a buffer that grows up to a stated maximum.
 *
 *     struct text out;
 *     text_init(&out, 1 << 20);
 *     text_put(&out, S("total="));
 *     text_put_integer(&out, 42);
 *     if (out.overflowed) ...       // asked once, at the end: puts past the maximum are dropped
 *     text_release(&out);
 *
 * Owns its bytes (malloc), which are not NUL-terminated. `text_clear` keeps up to HOLD_FROM_BYTES of them for re-use.
 */
#ifndef ROENTGEN_TEXT_H
#define ROENTGEN_TEXT_H

#include "base/budget.h"

#include <stdarg.h>

struct text {
    char *at;
    ptrdiff_t len, capacity, max; /* bytes */
    bool overflowed;
    bool starved;      /* overflowed for want of memory, or of the right to it */
    bool is_too_large; /* starved, and would be so if nothing else were under way */
    /* What is larger than HOLD_FROM_BYTES counts here, and is given back by text_clear; NULL: it is not counted. */
    struct hold *hold;
    ptrdiff_t held;
};

void text_init(struct text *text, ptrdiff_t max_bytes);
void text_clear(struct text *text);
void text_release(struct text *text);
struct str text_str(const struct text *text); /* a view, until the next put */

void text_put(struct text *text, struct str s);
void text_put_char(struct text *text, char c);
void text_put_integer(struct text *text, int64_t n);
/* The same into INTEGER_TEXT_MAX bytes at `out` ("-9223372036854775808"), without a NUL. Returns the length. */
enum { INTEGER_TEXT_MAX = 20 };
ptrdiff_t integer_write(int64_t n, char *out);
void text_put_real(struct text *text, double n); /* shortest form that reads back the same */
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vformat(struct text *text, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* At least `len` writable bytes at the end, or NULL when the maximum forbids; then text_grown. */
char *text_room(struct text *text, ptrdiff_t len);
void text_grown(struct text *text, ptrdiff_t len);
/* A JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become U+FFFD. */
void text_put_json_string(struct text *text, struct str s);

#endif
