/* critical.h - findings that cannot wait lift their study in the work list (records/worklist.h).
 *
 *     critical_note(c, &d, &card, &findings)     // in the transaction that writes the result of an ACTIVE model
 *     critical_judged(c, &d)                     // in that which rejects or withdraws it
 *
 * A finding is critical when it is positive (its threshold) and its label is marked so in the model's card, or named by
 * DIAGNOSIS_CRITICAL ("chest-ct:pneumothorax", or "chest-ct" for all that the model finds). The study is lifted by the
 * first such result that no reader has rejected; which it was, with model and version, stands beside the lift.
 * False: the database failed.
 */
#ifndef ROENTGEN_DIAGNOSIS_CRITICAL_H
#define ROENTGEN_DIAGNOSIS_CRITICAL_H

#include "diagnosis/diagnosis.h"
#include "diagnosis/finding.h"

bool critical_note(struct call *c, const struct diagnosis *diagnosis, const struct card *card,
                   const struct list *findings);
bool critical_judged(struct call *c, const struct diagnosis *diagnosis);
/* The label of the first critical one; null: there is none. `list`: DIAGNOSIS_CRITICAL. */
struct str critical_label(const struct card *card, const struct list *findings, struct str list);

#endif
