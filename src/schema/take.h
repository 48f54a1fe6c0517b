/* take.h - field_take and schema_finish without a call, for walks that run inside other work; private to this
 * layer. Problems go to `error`, memory comes from `arena`. */
#ifndef ROENTGEN_TAKE_H
#define ROENTGEN_TAKE_H

#include "schema/field.h"

/* Adds the problem at prefix + name. Always false. */
bool take_refuse(struct error *error, struct arena *arena, const char *place, struct str prefix, const char *name,
                 const char *type, struct str message);
bool take_value(struct error *error, struct arena *arena, const struct field *field, void *member, struct value value,
                const char *place, struct str prefix);
/* Defaults and missing members; those in `given` or `seen` are left alone. */
void take_finish(struct error *error, struct arena *arena, const struct schema *schema, void *record, uint64_t given,
                 uint64_t seen, const char *place, struct str prefix);

#endif
