/* patient_number.h - whom a number stands for, and that it is given once.
 *
 *     number, issuer -> the patient who has it
 *                    -> where nobody has it any more: who the one that had it was merged into
 *
 *     if (!patient_number_find(c, number, issuer, &id, &by_merge)) return false;     // id 0: nobody
 *
 * A number that was merged leads on for good: films come with it for years. So it is not given to another patient
 * either, who would catch them (HL7: a prior identifier is not used again), as long as the one it leads to is there.
 * A merge that was a mistake is undone by bringing the merged patient back (patient_restore).
 */
#ifndef ROENTGEN_PATIENT_NUMBER_H
#define ROENTGEN_PATIENT_NUMBER_H

#include "records/patient.h"

/* As patients.issuer_key has it: without an issuer the number is our own. */
struct str patient_number_issuer(struct str issuer);
/* *by_merge: it leads to *id, who has another number. False: the database failed. */
bool patient_number_find(struct call *c, struct str number, struct str issuer, int64_t *id, bool *by_merge);
/* Inside a transaction: may the patient have this number (and identity card) from now on? Its id is 0 when it is new.
 * False: E_CONFLICT says who has it. */
bool patient_number_is_free(struct call *c, const struct patient *patient);
/* The same for one that comes back with what it had: where its number leads to does not matter. */
bool patient_number_is_free_still(struct call *c, const struct patient *patient);

#endif
