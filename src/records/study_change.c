/* study_change.c - registers, changes, moves, deletes and restores studies (study_change.h). */
#include "records/study_change.h"

#include "jobs/jobs.h"
#include "records/modality.h"
#include "records/record_lock.h"
#include "records/study_twins.h"
#include "records/trash.h"
#include "records/visibility.h"
#include "records/worklist.h"
#include "dicom/uid.h"

static bool uid_fits(struct call *c, struct str uid)
{
    return uid_is_legal(uid) || error_add_problem(&c->error, &c->arena, "body", S("study_uid"), "not_a_uid",
                                                  "a UID is made of numbers joined by dots");
}

bool study_register(struct call *c, const struct study *said, struct study *out)
{
    struct study study = *said;
    study.created_by = call_user(c);
    study.care_setting = study.care_setting ? study.care_setting : CARE_OTHER;
    study.priority = study.priority ? study.priority : JOB_NORMAL;
    if (!study.study_uid.len)
        study.study_uid = uid_make(&c->arena);
    struct study_twins twins;
    if (!visibility_asks_for_patients(c, true, "naming a patient") || !modality_take(c, "body", &study.modality) ||
        !uid_fits(c, study.study_uid) || !patient_must_exist(c, study.patient_id, "body") ||
        !study_twins_find(c, study.study_uid, call_user(c), &twins))
        return false;
    if (study_twins_seen(&twins))
        return fail(c, E_CONFLICT, "a study with this study_uid is registered already");
    study.claim = study_twins_claim(&twins, call_user(c));
    return db_insert(c, &study_schema, &study, &study.id) && study_twins_mark(c, &twins, study.id, study.patient_id) &&
           study_load(c, study.id, out) && study_index(c, out, NULL);
}

static const struct field study_change_fields[] = {
    FIELD(struct study_change, id, .flags = READ_ONLY | NOT_STORED, .min = 1, .max = INT64_MAX,
          .doc = "The study that this is about."),
    FIELD(struct study_change, patient_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "The patient whose study it is; its files move there with it."),
    FIELD(struct study_change, accession_number, .flags = NULLABLE, .max = 64,
          .doc = "The number of the order (0008,0050)."),
    FIELD(struct study_change, body_part, .flags = NULLABLE, .max = 64,
          .doc = "The part of the body that was examined."),
    FIELD(struct study_change, description, .flags = NULLABLE, .max = 2000, .doc = "What was done, in words."),
    FIELD(struct study_change, referring_physician, .flags = NULLABLE, .max = 200, .doc = "Who asked for it."),
    FIELD(struct study_change, status, .choices = study_statuses, .type = "StudyStatus", .flags = REQUIRED,
          .doc = "How far the work on it has come."),
    FIELD(struct study_change, care_setting, .choices = care_settings, .type = "CareSetting", .flags = REQUIRED,
          .doc = "From where the patient was sent."),
    FIELD(struct study_change, priority, .choices = job_priorities, .type = "JobPriority", .flags = REQUIRED,
          .doc = "How urgently it is to be read."),
    FIELD(struct study_change, updated_at, .flags = READ_ONLY | SET_ON_UPDATE,
          .doc = "The time when it was changed last."),
};
const struct schema study_change_schema =
    SCHEMA("StudyPatch", struct study_change, study_change_fields, .table = "studies", .alias = "s");

/* These two say that there is no image (study_order.h). */
static bool status_fits(struct call *c, const struct study_change *said, uint64_t members, const struct study *before)
{
    bool is_ordered = said->status == STUDY_SCHEDULED || said->status == STUDY_CANCELLED;
    return !is_ordered || !schema_was_given(&study_change_schema, members, "status") || !before->number_of_instances ||
           fail(c, E_CONFLICT, "a study with images is neither SCHEDULED nor CANCELLED");
}

bool study_change(struct call *c, const struct study_change *said, uint64_t members, struct study *out)
{
    struct study_change in = *said;
    struct study before;
    bool moves = schema_was_given(&study_change_schema, members, "patient_id");
    if (!visibility_asks_for_patients(c, moves, "naming a patient") ||
        !lock_study(c, in.id, moves ? in.patient_id : 0) || !study_load_to_change(c, in.id, &before) ||
        !status_fits(c, said, members, &before) || (moves && !patient_must_exist(c, in.patient_id, "body")))
        return false;
    moves = moves && in.patient_id != before.patient_id;
    if (moves && !study_load_with_files(c, in.id, &before))
        return false;
    if (db_find_update(c, &study_change_schema, &in, members, "where id = ?", V(in.id)) == FAILED)
        return false;
    if (moves && !trash_move(c, &(struct tree){ before.patient_id, in.id }, in.patient_id))
        return false;
    return study_load(c, in.id, out) && study_index(c, out, NULL) &&
           worklist_priority_changed(c, in.id, before.priority, out->priority) && worklist_study_changed(c, in.id);
}

bool study_delete(struct call *c, int64_t id)
{
    struct study study;
    return lock_study(c, id, 0) && study_load_with_files(c, id, &study) &&
           trash_tree(c, &(struct tree){ study.patient_id, id }) && search_remove(c, "study_search", id);
}

/* ---- brought back ---- */

struct bringing {
    int64_t id;
    struct study *out;
};

static bool load_deleted(struct call *c, int64_t id, struct study *out)
{
    return study_find(c, id, true, out) == FOUND || fail(c, E_NOT_FOUND, "study %" PRId64 " does not exist", id);
}

static bool find_deleted(struct call *c, void *context, struct tree *tree, struct instant *deleted_at)
{
    const struct bringing *b = context;
    struct study study;
    if (!lock_study(c, b->id, 0) || !load_deleted(c, b->id, &study) || !trash_parents_are_there(c, study.patient_id, 0))
        return false;
    *tree = (struct tree){ study.patient_id, b->id };
    *deleted_at = study.deleted_at;
    return study_twins_make_way(c, tree, *deleted_at);
}

static bool finish_restoring(struct call *c, void *context)
{
    const struct bringing *b = context;
    return study_load(c, b->id, b->out) && study_index(c, b->out, NULL) && audit_change(c);
}

bool study_restore(struct call *c, int64_t id, struct study *out)
{
    static const struct restoring how = { find_deleted, finish_restoring };
    return trash_restore(c, &how, &(struct bringing){ id, out });
}
