/* sample.h - records and bodies made from field rows, to try any table without knowing it.
 *
 *     struct text complaints;
 *     text_init(&complaints, 1 << 20);
 *     sample_check(&patient_schema, &complaints);   // limits, wrong types and the round trip through JSON
 *
 * or by hand, for a round trip through SQL:
 *
 *     sample_fill(&patient_schema, &before, SAMPLE_LARGEST, &arena);
 *     db_insert(...); db_get(..., &after, ...);
 *     assert_null(sample_difference(&patient_schema, &before, &after, mask, &arena));
 */
#ifndef ROENTGEN_TESTS_SAMPLE_H
#define ROENTGEN_TESTS_SAMPLE_H

#include "base/text.h"
#include "schema/field.h"

/* What to fill a record with; any other seed gives a mix that depends on nothing but the seed. */
enum { SAMPLE_SMALLEST = 0, SAMPLE_LARGEST = 1, SAMPLE_NULLS = 2, SAMPLE_SEEDS = 12 };

/* Gives every member a value that the input would take as it is (texts already trimmed). SAMPLE_SMALLEST and
 * SAMPLE_LARGEST are the limits themselves, except that lists hold at most five items here; SAMPLE_NULLS leaves null
 * what may be null. Texts hold Chinese and characters outside the basic plane; those of READ_ONLY rows, which the
 * server makes, are short and ASCII. */
void sample_fill(const struct schema *schema, void *record, unsigned seed, struct arena *arena);

/* One value for one field, as JSON, and what decoding should say to it. */
struct sample_limit {
    struct str json;
    const char *trouble; /* NULL: it fits; else the problem's type */
    bool in_item;        /* the problem is about "name.0", not about "name" */
};
enum { SAMPLE_LIMITS_MAX = 64 };
/* Smallest and largest, one below and one above, null, empty, and values of other types. Returns how many. */
int sample_limits(const struct field *field, struct arena *arena, struct sample_limit out[SAMPLE_LIMITS_MAX]);

/* The record as a request body: READ_ONLY and IN_QUERY members left out, SECRET ones in. Member `replace` (may be
 * NULL) gets `json` instead of its value. */
struct str sample_body(const struct schema *schema, const void *record, const struct field *replace, struct str json,
                       struct arena *arena);

/* The name of the first member in `mask` that differs, or NULL. */
const char *sample_difference(const struct schema *schema, const void *a, const void *b, uint64_t mask,
                              struct arena *arena);

/* Tries all of the above on the table through json_decode. Returns how many things were wrong, one line each. */
int sample_check(const struct schema *schema, struct text *complaints);

#endif
