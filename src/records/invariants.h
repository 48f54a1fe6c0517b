/* invariants.h - what must hold between rows, whatever has been done at the same time: a table, and a walk over it.
 *
 *     static void found(const struct invariant *broken, struct str table, int64_t id, void *context);
 *     ...
 *     invariants_check(c, found, &count)                          // `roentgen fsck --rows`
 *
 * The lock order (record_lock.h), the unique indexes and the triggers keep them; this asks whether they did. None of
 * these rows can be wrong by what somebody sends or does: each that is found is a fault of the program's, or, where it
 * holds a choice that this program does not know, was written by a newer one. Each
 * statement reads one moment; between two of them work may go on.
 */
#ifndef ROENTGEN_INVARIANTS_H
#define ROENTGEN_INVARIANTS_H

#include "db/db.h"

struct invariant {
    const char *name;  /* one word for scripts: "patient_of_file" */
    const char *words; /* what an offender is: "a file whose patient is not its study's" */
    const char *sql;   /* selects the offenders: the name of the table and the id of the row */
    const char *mysql; /* where MySQL wants other words; NULL: the same */
};
extern const struct invariant invariants[];
extern const int invariant_count;

/* Calls `found` for every offender of every invariant. False: the database failed. */
bool invariants_check(struct call *c,
                      void (*found)(const struct invariant *broken, struct str table, int64_t id, void *context),
                      void *context);

#endif
