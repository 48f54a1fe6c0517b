/* patient_change.h - a patient is registered, changed, deleted, brought back, and merged into another.
 *
 *     struct patient said, patient;
 *     schema_clear(&patient_schema, &said);             // nothing is said yet
 *     said.patient_id = S("P20260001"), said.name = S("王小明"), said.gender = GENDER_MALE, said.status = PATIENT_ACTIVE;
 *     patient_register(c, &said, &patient)                          // patient.id is the new one
 *
 *     said.id = patient.id, said.phone = S("0911");
 *     patient_change(c, &said, GIVEN(schema_find(&patient_schema, S("phone"))), &patient)
 *     patient_merge(c, 7, 8, &patient)                              // 8 was the same person: all of it is 7's now
 *
 *     registered --delete--> deleted --restore--> registered        with the studies and files that went with it
 *         |
 *       merge --> deleted, merged_into the other, whose its studies and files are now, and whom its number leads to
 *         |
 *       restore --> registered, without them: the merge was a mistake, and what is whose is for people to say
 *
 * A patient is known by number and issuer together, and by the identity card: each is unique among patients that are
 * not deleted (E_CONFLICT), and a number that was merged is not given again (patient_number.h). A birth date does not
 * lie in the future. That the members fit their rows (patient_schema) is for the caller to see to, as decoding a
 * request does.
 *
 * What a patient is found by goes into the search index in the same transaction; the words of the studies, which are
 * found by their patient's name too, follow in the background when it has changed (renewal.h).
 *
 * Each locks what record_lock.h says for it, and fills *out with the record as it is then. The caller has the right to
 * do it (site/permission.h), and writes the audit row (audit_change): it is about the patient. Only patient_restore,
 * which takes several transactions, writes it itself. False: nothing is changed. E_NOT_FOUND, or E_INVALID with a
 * problem at the member that is to blame.
 */
#ifndef ROENTGEN_PATIENT_CHANGE_H
#define ROENTGEN_PATIENT_CHANGE_H

#include "records/patient.h"

/* Inside a transaction. */
bool patient_register(struct call *c, const struct patient *said, struct patient *out);
/* Inside a transaction. The members in the mask become what `said`, whose id is the patient's, says they are. */
bool patient_change(struct call *c, const struct patient *said, uint64_t members, struct patient *out);
/* Inside a transaction. The number is free for another. */
bool patient_delete(struct call *c, int64_t id);
/* Outside a transaction, on a worker: it takes as long as its files do (trash.h). E_CONFLICT when its number or the
 * UID of a study has been given to another meanwhile: it stays as deleted as it was. */
bool patient_restore(struct call *c, int64_t id, struct patient *out);
/* Inside a transaction. `source` turned out to be the patient `id`. */
bool patient_merge(struct call *c, int64_t id, int64_t source, struct patient *out);

#endif
