/* import_tally.h - what became of each file, and how far it has got.
 *
 *     struct tally *tally = tally_new();
 *     tally_expect(tally, files, bytes);
 *     tally_add(tally, size_bytes, OUTCOME_REFUSED, S("the file is empty"));     // from any thread
 *     tally_look(tally, &counts);
 *     tally_free(tally);
 *
 * Reasons are counted together by their words, numbers aside.
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
extern const char *const outcome_counted[OUTCOMES]; /* "kept but not filed": words for a count */

enum { REASONS_MAX = 40, REASON_BYTES = 200 };
struct reason {
    enum outcome outcome;
    int64_t files;
    char key[REASON_BYTES]; /* numbers are '#' */
};

struct tally;
struct tally *tally_new(void);
void tally_free(struct tally *tally); /* takes NULL */
void tally_expect(struct tally *tally, int64_t files, int64_t bytes);

/* `why` may be null. */
void tally_add(struct tally *tally, int64_t bytes, enum outcome outcome, struct str why);

struct tally_counts {
    int64_t files, bytes, done_files, done_bytes;
    int64_t counts[OUTCOMES];
    int64_t us;     /* since it began */
    int64_t left_s; /* as it looks, by bytes, as large files take longer; 0: nobody knows */
};
void tally_look(struct tally *tally, struct tally_counts *out);
/* The first REASONS_MAX, in the order in which they came; returns how many. */
int tally_reasons(struct tally *tally, struct reason out[REASONS_MAX]);
/* "812 files/s, 43.1 MB/s, 3 min 20 s left" */
void tally_speed(const struct tally_counts *counts, char *out, size_t size);

#endif
