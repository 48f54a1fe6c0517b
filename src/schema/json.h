/* json.h - records from and to JSON (RFC 8259), by walking their fields.
 *
 * Decoding (jansson) reports every problem, not the first: unknown members, wrong types, limits, missing ones. Empty
 * text in an optional member means null. Malformed JSON is E_BAD_REQUEST with line and column.
 */
#ifndef ROENTGEN_JSON_H
#define ROENTGEN_JSON_H

#include "base/call.h"
#include "base/text.h"
#include "schema/field.h"

enum { JSON_DEPTH_MAX = 32 };

/* Fills `record` (already cleared; members from the path may be set) from the object in `body`. *given gets the mask
 * of members that were there. `partial`: PATCH, nothing is required and no defaults apply.
 *
 * Members that are not null before (those from the path) are unknown to the body, as are IN_QUERY ones: it cannot set
 * them a second time, they are not missing, and *given leaves them out. READ_ONLY members in the body are problems.
 * Neither these nor IN_QUERY members get defaults here: finish the query apart. False when the call holds any error,
 * also an earlier one. */
bool json_decode(struct call *c, struct str body, const struct schema *schema, void *record, bool partial,
                 uint64_t *given);

/* Appends the record. `fields` is the mask of members to send; JSON_ALL_FIELDS for all. WRITE_ONLY and SECRET members
 * are never sent. */
#define JSON_ALL_FIELDS UINT64_MAX
void json_encode(struct text *out, const struct schema *schema, const void *record, uint64_t fields,
                 struct arena *arena);

/* The mask for `?fields=a,b`; problems for names that the schema lacks. Null text: all. */
bool json_fields_mask(struct call *c, const struct schema *schema, struct str names, uint64_t *mask);

/* One member (not the record), whatever its flags. */
void json_put_member(struct text *out, const struct field *field, const void *member, struct arena *arena);
void json_put_value(struct text *out, struct value value);

#endif
