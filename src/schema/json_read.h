/* json_read.h - JSON text to jansson's tree, bounded. For this layer, and for JSON of others whose members nobody here
 * can list; what is ours is decoded by its rows (json.h).
 *
 * Before jansson sees the text, its depth and its number of values are checked, because a tree costs up to a
 * hundred times the bytes it came from. Numbers too large for 64 bits (or for a double) are not malformed JSON:
 * they arrive as reals past every limit, so that the member they are for can be named.
 */
#ifndef ROENTGEN_JSON_READ_H
#define ROENTGEN_JSON_READ_H

#include "base/text.h"
#include "schema/field.h"

#include <jansson.h>

enum { JSON_VALUES_MAX = 200000 };

struct json_flaw {
    int line, column;
    const char *what; /* never quotes the text */
    bool rounded;     /* also of what was read: a whole number beyond 64 bits became a real, which is not the same */
};

/* The tree (json_decref it), or NULL with *flaw. Strings may hold U+0000. */
json_t *json_read(struct str text, struct arena *arena, struct json_flaw *flaw);

/* Writes the tree compactly. The same as text in the arena; null: it would have more than `max_bytes`. */
void json_put_tree(struct text *out, const json_t *json);
struct str json_tree_text(const json_t *json, ptrdiff_t max_bytes, struct arena *arena);

/* The text of a string, a view into the tree; null of anything else, and of NULL. */
struct str json_text(const json_t *json);
/* A string; NULL where there is no text, which belongs into no object. */
json_t *json_of_text(struct str text);
/* NULL, or a problem type: U+0000 in a text, a number past what a double can hold. */
const char *json_check_tree(const json_t *json, struct str *message);
/* Is there a number in it that may be one of those which were rounded? */
bool json_holds_rounded(const json_t *json);

/* Sets a member of any kind from JSON; problems go to `error`. */
struct json_place {
    struct error *error;
    struct arena *arena;
    const char *name; /* "body" */
    bool rounded;     /* as json_flaw has it */
};
bool json_take(const struct json_place *place, const struct field *field, void *member, const json_t *json,
               struct str prefix);
/* The same for JSON as text: NULL, or the first problem's type and message. */
const char *json_take_text(const struct field *field, void *member, struct str text, struct arena *arena,
                           struct str *message);

#endif
