/* import_tally.h - what became of each file, and how far it has got.
 *
 *     struct tally *tally = tally_new(files, bytes, verbose);
 *     tally_add(tally, path, size_bytes, OUTCOME_REFUSED, S("the file is empty"));     // from any thread
 *     tally_print(tally);                        // counts, then each reason with its count
 *     tally_free(tally);
 *
 * On a terminal one line on standard error says how many are done, how fast, and how long it will take; elsewhere a
 * line on standard output every ten seconds. Files that could not be taken are named at once (standard error), others
 * that need a word on standard output; plain successes only with `verbose`.
 */
#ifndef ROENTGEN_IMPORT_TALLY_H
#define ROENTGEN_IMPORT_TALLY_H

#include "base/str.h"

enum outcome {
    OUTCOME_FILED,   /* under its patient, study and series */
    OUTCOME_STORED,  /* as a file of its own */
    OUTCOME_KNOWN,   /* it was there already */
    OUTCOME_KEPT,    /* its bytes are kept, but it could not be filed */
    OUTCOME_SKIPPED, /* never was a picture */
    OUTCOME_REFUSED, /* might have been one, and is not in the store */
    OUTCOMES
};

struct tally;
/* `files` and `bytes`: how much there will be. */
struct tally *tally_new(int64_t files, int64_t bytes, bool verbose);
void tally_free(struct tally *tally); /* takes NULL */

/* `why` may be null. */
void tally_add(struct tally *tally, const char *path, int64_t bytes, enum outcome outcome, struct str why);
int64_t tally_count(struct tally *tally, enum outcome outcome);
void tally_print(struct tally *tally);

#endif
