/* query.h - records from `a=1&b=%20x` (query strings, and bodies of application/x-www-form-urlencoded). */
#ifndef ROENTGEN_QUERY_H
#define ROENTGEN_QUERY_H

#include "base/call.h"
#include "schema/field.h"

/* Takes every pair of `query` that names a field for which `accepts` is true (NULL: all but READ_ONLY ones). Unknown
 * names, names given twice, bad percent-escapes, NUL and bytes that are not UTF-8 are problems. `seen` and `given`
 * are added to, also on failure; an empty value is seen, not given; members already in `seen` (from the path) are
 * unknown here. False when the call holds any error. Defaults and missing members are schema_finish's job,
 * afterwards. */
bool query_decode(struct call *c, struct str query, const struct schema *schema, void *record, const char *place,
                  bool (*accepts)(const struct field *field), uint64_t *given, uint64_t *seen);

/* One pair at a time, percent-decoded into the arena; false at the end. A pair that cannot be decoded (E_BAD_REQUEST)
 * gives *ok = false, a null value, and a null name if that was the bad half; *ok is never set to true. Empty pairs
 * are skipped. */
bool query_next(struct str *query, struct arena *arena, struct str *name, struct str *value, bool *ok);

#endif
