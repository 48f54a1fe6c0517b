/* trash.h - what is deleted takes along what belongs to it, and brings back just that.
 *
 *      patient -> its studies, their series, its files
 *      study   -> its series, its files
 *
 * All that goes together keeps the very same moment in deleted_at. What had been deleted before has another one, so
 * it stays away when the rest comes back. As each row says by itself that it is deleted, no list and no count has to
 * look at its parents.
 *
 * How many files belong to a record is for users to decide, and marking one moves it in some fifteen indexes. So of
 * many only the records are marked at once; their files are out of sight and out of all counts in that same
 * transaction, and follow in slices (trash_work.h).
 *
 * Search words stay where they are: a list shows no deleted row, and purge removes the words. So restoring is as
 * cheap as deleting.
 *
 *     return lock_study(c, id, 0) && study_load(c, id, &study) && trash_tree(c, &(struct tree){ .study_id = id });
 *
 * The caller has loaded the record as visibility.h allows. False: the database failed, or E_CONFLICT says what stands
 * against it; as all of it is one transaction of the caller's, nothing is half deleted.
 */
#ifndef ROENTGEN_TRASH_H
#define ROENTGEN_TRASH_H

#include "base/call.h"
#include "schema/field.h"

/* A patient with all that belongs to it (study_id 0), or a study. */
struct tree {
    int64_t patient_id, study_id;
};

/* Inside a transaction that holds the locks of record_lock.h. */
bool trash_tree(struct call *c, const struct tree *tree);

/* Outside of a transaction: blocks for as long as the files take, and others write meanwhile. What comes back is out
 * of sight to its last file, and then in sight at once.
 *
 *     find     locks and loads what is to be restored, says whether it may be, and which moment it was deleted at
 *     finish   in the transaction that has brought it back: loads, indexes, audits
 *
 * Both run inside transactions, `find` in several; `context` is handed to both. On failure it is as deleted as it
 * was. */
struct restoring {
    bool (*find)(struct call *c, void *context, struct tree *tree, struct instant *deleted_at);
    bool (*finish)(struct call *c, void *context);
};
bool trash_restore(struct call *c, const struct restoring *how, void *context);

/* Inside a transaction, with the locks of record_lock.h: a study, or (study_id 0) all studies and files of a patient,
 * to another patient. */
bool trash_move(struct call *c, const struct tree *tree, int64_t to_patient);

/* Nothing comes back into something that is deleted: E_CONFLICT says what has to be restored first. Ids not above 0:
 * it has none. */
bool trash_parents_are_there(struct call *c, int64_t patient_id, int64_t study_id);

#endif
