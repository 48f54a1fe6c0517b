/* study_twins.h - the studies that have one Study Instance UID.
 *
 * A UID names one study (PS3.3 C.7.2.1), and almost always there is one. But whoever may not see it must not learn
 * that it is there, and it must not keep their own films out. So a UID that somebody uses for another patient, or
 * registers again, without seeing whose it is, gets a study of its own, claimed by that account. Both are marked
 * (conflict: study_uid); those who see everything are told.
 *
 *     uploader sees a study of this patient      it goes there
 *     there is one of this patient, hidden       it goes there too: the study's films belong together; the uploader
 *                                                sees of the study what their own films say (study_view.h)
 *     uploader sees one of another patient       the study is marked, the file is FAILED, says why (filing.h)
 *     there is one of another patient, hidden    a study of its own
 *
 *     struct study_twins twins;
 *     if (!study_twins_find(c, uid, by, &twins)) return false;
 *     const struct study_twin *ours = study_twins_of_patient(&twins, patient_id);     // NULL: make one, with
 *     study.claim = study_twins_claim(&twins, by);                                    // study_twins_mark after it
 *
 * The twins are a copy, whose text lives in the call's arena. False: the database failed.
 */
#ifndef ROENTGEN_STUDY_TWINS_H
#define ROENTGEN_STUDY_TWINS_H

#include "records/trash.h"
#include "base/call.h"
#include "schema/field.h"

enum { STUDY_TWINS_MAX = 16 };

struct study_twin {
    int64_t id, patient_id, created_by;
    struct str modality;
    bool is_seen;
    bool is_ordered; /* and has no image yet (study_order.h) */
};
struct study_twins {
    struct study_twin at[STUDY_TWINS_MAX]; /* those that are seen first, then by age */
    int count;
};

/* Inside a transaction. `by`: for whom; their rights are the caller's. */
bool study_twins_find(struct call *c, struct str study_uid, int64_t by, struct study_twins *out);
/* The one that a file of this patient belongs to; NULL: none. */
const struct study_twin *study_twins_of_patient(const struct study_twins *twins, int64_t patient_id);
/* This one; NULL: it is none of them. */
const struct study_twin *study_twins_of_id(const struct study_twins *twins, int64_t id);
/* The first that is seen; NULL: none. */
const struct study_twin *study_twins_seen(const struct study_twins *twins);
/* studies.claim of a new one beside them. */
int64_t study_twins_claim(const struct study_twins *twins, int64_t by);
/* A new one stands beside them: all are marked. Nothing to do when there are none. */
bool study_twins_mark(struct call *c, const struct study_twins *twins, int64_t new_id, int64_t patient_id);
/* Inside a transaction: a study, or (study_id 0) what was deleted with a patient at that moment, is about to come back.
 * False: E_CONFLICT, which study has its UID now. */
bool study_twins_make_way(struct call *c, const struct tree *tree, struct instant deleted_at);

#endif
