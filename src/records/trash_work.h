/* trash_work.h - the files of a large deleted patient or study, in slices.
 *
 *     table trash_work: patient_id or study_id, is_restoring: one row for each that is on its way; nearly always none
 *
 *     deletion   request   records marked, files taken out of all counts, row and job put  one transaction
 *                job       a slice of files gets its parent's deleted_at; ...; row goes    one short transaction each
 *     restoring  request   row put here, or turned round;  a slice loses its deleted_at;  ...
 *                          counts taken anew, records unmarked, row goes                   one transaction
 *
 * While the row is there,
 *     - no file below is in sight, whether its own row says so yet or not: IN_SIGHT is part of every question for
 *       files (visibility.h);
 *     - the triggers that count files by owner, kind and patient pass them over. Those that count within a study and
 *       a series, which are deleted, do not;
 *     - purge leaves them alone.
 *
 * Each slice locks what record_lock.h says and looks at the row again, so a restoring that meets a deletion turns it
 * round, and whatever is interrupted goes on where it stopped. One that was being restored when the server ended had
 * not been answered: the next start lets it stay deleted. Deletions are done in their order: a study's before that of
 * its patient.
 *
 * The job (trash.mark, one for each row) ends when its row has gone or is being restored, which it looks at in the
 * transaction that ends it; whoever turns a row to deletion puts the job in that transaction.
 *
 * False: the database failed. The job then waits and takes the slice again; a request has changed nothing.
 */
#ifndef ROENTGEN_TRASH_WORK_H
#define ROENTGEN_TRASH_WORK_H

#include "jobs/jobs.h"
#include "records/trash.h"

enum { TRASH_SLICE = 200 }; /* files in one transaction: some 10 ms */

extern const struct job_kind trash_mark;

/* The next slice of the oldest deletion; *more: there was one. Blocks. For the job, and for purge, beside which no
 * worker need run. */
bool trash_work_some(struct call *c, bool *more);
/* At a start, before anything is served: what was being restored stays deleted, and all that is on its way has its
 * job. */
bool trash_work_recover(struct call *c);

/* ---- inside transactions, with the locks of record_lock.h ---- */

/* Has it more files than one transaction should mark, or are there studies below that are on their way themselves? */
bool trash_work_is_large(struct call *c, const struct tree *tree, bool *large);
/* Its files leave the counts (`sign` -1) or come back into them (1). */
bool trash_work_count(struct call *c, const struct tree *tree, int sign);
/* So many files of a patient's more (or less) are of this account. */
bool trash_work_count_upload(struct call *c, int64_t patient_id, int64_t owner, int64_t files);
bool trash_work_begin(struct call *c, const struct tree *tree, bool restoring);
bool trash_work_end(struct call *c, const struct tree *tree);
/* There is a deletion of this tree on its way: its job. */
bool trash_work_put(struct call *c, const struct tree *tree);
/* Brings back the next files that were deleted at this moment; *left: there may be more. */
bool trash_work_restore_some(struct call *c, const struct tree *tree, struct instant at, bool *left);

#endif
