/* study_change.h - a study is registered, changed, moved to another patient, deleted and brought back.
 *
 *     struct study said, study;
 *     schema_clear(&study_schema, &said);
 *     said.patient_id = 7, said.modality = S("ct"), said.status = STUDY_OPEN;
 *     study_register(c, &said, &study)                  // CT; with a study_uid made here, as it stated none
 *
 *     struct study_change change = { .id = study.id, .patient_id = 8 };
 *     study_change(c, &change, GIVEN(schema_find(&study_change_schema, S("patient_id"))), &study)
 *                                                       // 8's now, with all its files
 *
 * DICOM files register their studies by themselves (filing.h), which then fill what was left empty here; what is
 * stated here before them takes them up by its Study Instance UID. A UID that the caller sees in use is a conflict;
 * one in use where they do not see it is not told of (study_twins.h).
 *
 * Who sees a study only because a file of theirs is in it changes nothing of it (study_load_to_change). Who registered
 * it and does not see all of its files changes its words, but does not move or delete it (study_load_with_files).
 * Nothing comes back to a patient who is deleted.
 *
 * Each locks what record_lock.h says for it, and fills *out with the record as it is then, unveiled. The caller has
 * the right to do it (site/permission.h), and writes the audit row (audit_change): it is about the study. Only
 * study_restore, which takes several transactions, writes it itself. False: nothing is changed. E_NOT_FOUND for what
 * is hidden, too; E_INVALID with a problem at the member that is to blame.
 */
#ifndef ROENTGEN_STUDY_CHANGE_H
#define ROENTGEN_STUDY_CHANGE_H

#include "records/study.h"

/* What may be said of a study that is there. */
struct study_change {
    int64_t id, patient_id;
    struct str accession_number, body_part, description, referring_physician;
    unsigned status, care_setting, priority;
    struct instant updated_at;
};
extern const struct schema study_change_schema;

/* Inside a transaction. */
bool study_register(struct call *c, const struct study *said, struct study *out);
/* Inside a transaction. The members in the mask become what `said` says they are; files follow to another patient. */
bool study_change(struct call *c, const struct study_change *said, uint64_t members, struct study *out);
/* Inside a transaction. Its series and files go with it. */
bool study_delete(struct call *c, int64_t id);
/* Outside a transaction, on a worker: it takes as long as its files do (trash.h). E_CONFLICT when its UID is another's
 * meanwhile, or its patient is deleted: it stays as deleted as it was. */
bool study_restore(struct call *c, int64_t id, struct study *out);

#endif
