/* wire_parts.h - the inside of what is read. For wire_read.c, wire_body.c and wire_python.c. */
#ifndef ROENTGEN_CELERY_WIRE_PARTS_H
#define ROENTGEN_CELERY_WIRE_PARTS_H

#include "celery/wire.h"
#include "schema/json_read.h"

/* A member that is a text; else null. And does it say this? */
struct str wire_text(const json_t *object, const char *name, struct arena *arena);
bool wire_says(const json_t *object, const char *name, const char *text);
/* What Python takes for false. */
bool wire_is_nothing(const json_t *json);

/* The text that an envelope holds, unpacked; null, with words. No larger than a message may be. */
struct str wire_body(const json_t *json, struct arena *arena, const char **trouble);

/* JSON of what Python's json writes by default: escapes of U+0000 and of halves of surrogate pairs, which no text of
 * ours holds, become U+FFFD; numbers that JSON or 64 bits do not hold become texts, and *strange true. What is broken
 * stays so. For what is shown to people, and for envelopes; not for what a task is told. */
struct str wire_of_python(struct str text, struct arena *arena, bool *strange);

#endif
