/* arena.h - memory of one unit of work, given back all at once.
 *
 *     struct arena arena;
 *     arena_init(&arena);
 *     struct item *items = arena_array(&arena, struct item, n);
 *     arena_reset(&arena);      // everything above is gone; the first block is kept for the next
 *     arena_release(&arena);
 *
 *   block: [header|used......|free........]  -> block -> block
 *                            ^ at          ^ end
 *
 * Memory is zeroed and aligned for any type. Running out of memory aborts: sizes that a stranger
 * controls are bounded before they come here. An arena belongs to one thread at a time.
 */
#ifndef ROENTGEN_ARENA_H
#define ROENTGEN_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    char *at, *end;            /* free part of the newest block */
    ptrdiff_t used_bytes;      /* handed out since the last reset */
};

void arena_init(struct arena *arena);
void arena_reset(struct arena *arena);
void arena_release(struct arena *arena);

void *arena_alloc(struct arena *arena, ptrdiff_t size_bytes);
/* For pieces whose size a stranger decides: NULL when there is no memory for it. Not zeroed. */
void *arena_try_alloc(struct arena *arena, ptrdiff_t size_bytes);
#define arena_new(arena, T) ((T *)arena_alloc((arena), (ptrdiff_t)sizeof(T)))
#define arena_array(arena, T, n) ((T *)arena_alloc_array((arena), (ptrdiff_t)(n), (ptrdiff_t)sizeof(T)))
void *arena_alloc_array(struct arena *arena, ptrdiff_t count, ptrdiff_t size_bytes); /* checks the product */
/* A copy of `count` of them, aligned for any type. */
void *arena_copy_array(struct arena *arena, const void *from, ptrdiff_t count, ptrdiff_t size_bytes);

struct str arena_copy(struct arena *arena, struct str s);     /* also NUL-terminated, beyond len */
const char *arena_cstring(struct arena *arena, struct str s); /* for C interfaces; null gives NULL */
struct str arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vformat(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif
