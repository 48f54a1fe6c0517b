/* trash.h - what is deleted takes along what belongs to it, and brings back just that.
 *
 *      patient -> its studies, their series, its files
 *      study   -> its series, its files
 *
 * All that goes together keeps the very same moment in deleted_at. What had been deleted before has another one, so it stays away when
 * the rest comes back. As each row says by itself that it is deleted, no list and no count has to look at its parents.
 *
 * Search words stay where they are: a list shows no deleted row, and purge removes the words. So restoring is as cheap as deleting.
 *
 * All inside a transaction that holds the locks of record_lock.h; the caller has loaded the record as visibility.h allows.
 */
#ifndef ROENTGEN_TRASH_H
#define ROENTGEN_TRASH_H

#include "base/call.h"
#include "schema/field.h"

bool trash_patient(struct call *c, int64_t id);
bool trash_study(struct call *c, int64_t id);
/* `at`: the deleted_at of the patient, of the study. */
bool trash_restore_patient(struct call *c, int64_t id, struct instant at);
bool trash_restore_study(struct call *c, int64_t id, struct instant at);

/* Nothing comes back into something that is deleted: E_CONFLICT says what has to be restored first. Ids not above 0: it has none. */
bool trash_parents_are_there(struct call *c, int64_t patient_id, int64_t study_id);

#endif
