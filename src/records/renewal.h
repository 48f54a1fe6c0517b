/* renewal.h - search words made anew where they no longer say what the records say.
 *
 *     a patient's name or number changed, or studies came from another    renewal_of_patient    that patient's studies
 *     this version makes other words than the one before                  renewal_begin         everything
 *
 * What is still to do stands in the database, and is done a piece at a time, each in a short transaction of its own.
 * So who writes waits for a piece at most, and after a crash, or when another server of the same database takes over,
 * it goes on where it was:
 *
 *     search_rebuilds    patients, studies, image_files:   the version asked for, and the last record done (null: all)
 *     study_renewals     a patient:                        the last study done
 *
 * Whoever does a piece holds that row, so that two servers take turns and nothing is done twice. Of records only the
 * words are held (search_hold): who changes a record meanwhile does not wait for more than one piece, and a patient's
 * row is never asked for. Locks are taken in the order  patient -> row of this work -> words.
 *
 * Files are found by their own name and description: a patient's new name changes nothing of theirs.
 *
 * One job does it, put in the transaction that leaves something to do; it ends in one that sees that nothing is left.
 *
 * False: the database failed. The job then waits and tries the piece again: until it is done, a record is found by the
 * words it had.
 */
#ifndef ROENTGEN_RENEWAL_H
#define ROENTGEN_RENEWAL_H

#include "jobs/jobs.h"

struct search_text; /* db/db.h */

enum { RENEWAL_PIECE = 100 }; /* records */

/* At a start, and when the database is made: asks for new words of all records that an earlier version made them for.
 * Once, however many servers start. A newer version's words stay: that one asked for them. */
bool renewal_begin(struct call *c);

/* Inside a transaction in which the patient is locked: the words of the studies follow what the record says now. Of
 * RENEWAL_PIECE studies at once, of more later. */
bool renewal_of_patient(struct call *c, int64_t patient_id);

/* One piece: records looked at, those that had other words, and whether there was anything left to do at all. */
struct renewal_done {
    int64_t looked, changed;
    bool any;
};
bool renewal_step(struct call *c, struct renewal_done *out);

/* What is found, and how its words are made. Those of patients, studies and files are here; who stands above has more
 * (struct app, `findables`). */
struct findable {
    const char *name; /* in search_rebuilds */
    const char *search_table;
    const char *after;   /* ids that come after one, at most so many */
    const char *columns; /* of one record: is it in sight, and then those that `texts` reads */
    int count;
    int (*texts)(struct call *c, const struct str *columns, struct search_text *out); /* SEARCH_TEXTS_MAX of them */
    const char *last;                                                                 /* the largest id */
    bool (*also)(struct call *c, int64_t id); /* what else it is found by; NULL: nothing */
};

/* About how many records are still to be looked at. */
bool renewal_left(struct call *c, int64_t *records);

/* ---- the job that does the pieces (renewer.c) ---- */

extern const struct job_kind renewal_kind;
/* Inside a transaction that leaves something to do. */
bool renewal_put(struct call *c);

#endif
