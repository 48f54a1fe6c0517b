/* critical.h - findings that cannot wait lift their study in the work list (records/worklist.h).
 *
 *     critical_hold(c, d.id)                              // first: it holds the study (record_lock.h), if it has one
 *     critical_note(c, &d, critical_label(&card, &findings, config->diagnosis_critical))
 *                                                         // in the transaction that writes an ACTIVE model's result
 *     critical_judged(c, &d, &review)                     // in that which judges it; withdraws it: NULL
 *
 * A finding is critical when it is positive (its threshold) and its label is marked so in the model's card, or named by
 * DIAGNOSIS_CRITICAL ("chest-ct:pleural effusion,cxr": that label of chest-ct, all that cxr finds). The study is lifted
 * by the first such result that stands; which it was, with model and version, stands beside the lift. It stands while
 * its file is there and no reader has denied it: rejected it, or said what should have been found, and no critical
 * label among that. The last reader counts.
 * False: the database failed.
 */
#ifndef ROENTGEN_DIAGNOSIS_CRITICAL_H
#define ROENTGEN_DIAGNOSIS_CRITICAL_H

#include "diagnosis/diagnosis.h"
#include "diagnosis/finding.h"

bool critical_hold(struct call *c, int64_t diagnosis_id);
bool critical_note(struct call *c, const struct diagnosis *diagnosis, struct str label);
bool critical_judged(struct call *c, const struct diagnosis *diagnosis, const struct review *review);
/* The label of the first critical one; null: there is none. `list`: DIAGNOSIS_CRITICAL. */
struct str critical_label(const struct card *card, const struct list *findings, struct str list);
/* Is it such a list? E_INVALID says which entry is not. */
bool critical_check_list(struct str list, struct error *error);

#endif
