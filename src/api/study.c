/* study.c - studies: registered, changed, deleted, restored. */
#include "records/study.h"
#include "web/exchange.h"
#include "records/modality.h"
#include "records/record_lock.h"
#include "records/study_twins.h"
#include "records/study_view.h"
#include "records/trash_work.h"
#include "dicom/uid.h"

static bool study_get(struct call *c)
{
    const struct study_key *key = c->in;
    return study_load(c, key->id, c->out);
}

static bool uid_fits(struct call *c, struct str uid)
{
    return uid_is_legal(uid) || error_add_problem(&c->error, &c->arena, "body", S("study_uid"), "not_a_uid",
                                                  "a UID is made of numbers joined by dots");
}

static bool study_post(struct call *c)
{
    struct study study = *(const struct study *)c->in, *out = c->out;
    study.created_by = call_user(c);
    if (!study.study_uid.len)
        study.study_uid = uid_make(&c->arena);
    struct study_twins twins;
    if (!modality_take(c, "body", &study.modality) || !uid_fits(c, study.study_uid) ||
        !patient_must_exist(c, study.patient_id, "body") || !study_twins_find(c, study.study_uid, call_user(c), &twins))
        return false;
    if (study_twins_seen(&twins))
        return fail(c, E_CONFLICT, "a study with this study_uid is registered already");
    study.claim = study_twins_claim(&twins, call_user(c));
    if (!db_insert(c, &study_schema, &study, &study.id) || !study_twins_mark(c, &twins, study.id, study.patient_id))
        return false;
    answer_location(c, "/api/v1/studies/%" PRId64, study.id);
    return study_load(c, study.id, out) && study_index(c, out, NULL);
}

struct study_patch {
    int64_t id, patient_id;
    struct str accession_number, body_part, description, referring_physician;
    unsigned status;
    struct instant updated_at;
};
static const struct field study_patch_fields[] = {
    FIELD(struct study_patch, id, .flags = READ_ONLY | NOT_STORED, .min = 1, .max = INT64_MAX,
          .doc = "The study that this is about."),
    FIELD(struct study_patch, patient_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "The patient whose study it is; its files move there with it."),
    FIELD(struct study_patch, accession_number, .flags = NULLABLE, .max = 64,
          .doc = "The number of the order (0008,0050)."),
    FIELD(struct study_patch, body_part, .flags = NULLABLE, .max = 64,
          .doc = "The part of the body that was examined."),
    FIELD(struct study_patch, description, .flags = NULLABLE, .max = 2000, .doc = "What was done, in words."),
    FIELD(struct study_patch, referring_physician, .flags = NULLABLE, .max = 200, .doc = "Who asked for it."),
    FIELD(struct study_patch, status, .choices = study_statuses, .type = "StudyStatus", .flags = REQUIRED,
          .doc = "How far the work on it has come."),
    FIELD(struct study_patch, updated_at, .flags = READ_ONLY | SET_ON_UPDATE,
          .doc = "The time when it was changed last."),
};
static const struct schema study_patch =
    SCHEMA("StudyPatch", struct study_patch, study_patch_fields, .table = "studies", .alias = "s");

static bool study_patch_patch(struct call *c)
{
    struct study_patch in = *(const struct study_patch *)c->in;
    struct study before, *out = c->out;
    bool moves = schema_was_given(&study_patch, c->given, "patient_id");
    if (!lock_study(c, in.id, moves ? in.patient_id : 0) || !study_load_to_change(c, in.id, &before) ||
        (moves && !patient_must_exist(c, in.patient_id, "body")))
        return false;
    if (db_find_update(c, &study_patch, &in, c->given, "where id = ?", V(in.id)) == FAILED)
        return false;
    if (moves && in.patient_id != before.patient_id &&
        !trash_move(c, &(struct tree){ before.patient_id, in.id }, in.patient_id))
        return false;
    return study_load(c, in.id, out) && study_index(c, out, NULL);
}

static bool study_settle_conflict(struct call *c)
{
    const struct study_key *key = c->in;
    struct study study;
    return lock_study(c, key->id, 0) && study_load(c, key->id, &study) && study_conflict_settle(c, key->id);
}

static bool study_delete(struct call *c)
{
    const struct study_key *key = c->in;
    struct study study;
    answer_after(c, trash_work_wake);
    return lock_study(c, key->id, 0) && study_load_to_change(c, key->id, &study) &&
           trash_tree(c, &(struct tree){ study.patient_id, key->id }) && search_remove(c, "study_search", key->id);
}

static bool load_deleted(struct call *c, int64_t id, struct study *out)
{
    return study_find(c, id, true, out) == FOUND || fail(c, E_NOT_FOUND, "study %" PRId64 " does not exist", id);
}

static bool find_deleted(struct call *c, void *context, struct tree *tree, struct instant *deleted_at)
{
    (void)context;
    const struct study_key *key = c->in;
    struct study study;
    if (!lock_study(c, key->id, 0) || !load_deleted(c, key->id, &study) ||
        !trash_parents_are_there(c, study.patient_id, 0))
        return false;
    *tree = (struct tree){ study.patient_id, key->id };
    *deleted_at = study.deleted_at;
    return true;
}

static bool finish_restoring(struct call *c, void *context)
{
    (void)context;
    const struct study_key *key = c->in;
    return study_load(c, key->id, c->out) && study_index(c, c->out, NULL) && audit_change(c);
}

static bool study_restore(struct call *c)
{
    static const struct restoring how = { find_deleted, finish_restoring };
    return trash_restore(c, &how, NULL);
}

#define STUDIES .tag = "studies", .entity = "study"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/studies", study_post, &study_schema, &study_schema, MAY_CREATE_STUDIES, WRITES, BODY_JSON,
      201, STUDIES, .audit = "study.create", .summary = "Registers a study",
      .doc = "DICOM files register theirs by themselves; a study with the same UID that was registered before takes "
             "them up." },
    { HTTP_GET, "/api/v1/studies/{id}", study_get, &study_key, &study_schema, MAY_READ_STUDIES, STUDIES,
      .audit = "study.read", .summary = "Shows one study" },
    { HTTP_PATCH, "/api/v1/studies/{id}", study_patch_patch, &study_patch, &study_schema, MAY_UPDATE_STUDIES, WRITES,
      BODY_JSON, STUDIES, .audit = "study.update",
      .summary = "Changes a study's record, or moves it to another patient" },
    { HTTP_DELETE, "/api/v1/studies/{id}", study_delete, &study_key, NULL, MAY_DELETE_STUDIES, WRITES, STUDIES,
      .audit = "study.delete", .summary = "Deletes a study with its series and files",
      .doc = "It can be restored until its files are purged." },
    { HTTP_POST, "/api/v1/studies/{id}/restore", study_restore, &study_key, &study_schema, MAY_DELETE_STUDIES, WORKS,
      STUDIES, .audit = "study.restore", .summary = "Brings a deleted study back",
      .doc = "With the series and files that were deleted with it." },
    { HTTP_DELETE, "/api/v1/studies/{id}/conflict", study_settle_conflict, &study_key, NULL, MAY_UPDATE_STUDIES, WRITES,
      STUDIES, .audit = "study.settle_conflict", .summary = "Says that a study's conflict has been looked at" },
};
ENDPOINT_TABLE(study_endpoints, rows);
