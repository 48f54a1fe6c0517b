/* study.c - the study's record and what is done to one of them. The list is in study_list.c. */
#include "app/study.h"

#include "app/exchange.h"
#include "app/modality.h"
#include "app/record_lock.h"
#include "app/study_twins.h"
#include "app/trash.h"
#include "app/visibility.h"
#include "base/crypto.h"

enum study_status { STUDY_STATUS_NONE, STUDY_OPEN, STUDY_CLOSED };
static const char *const study_statuses[] = { "OPEN", "CLOSED", NULL };

static const struct field study_fields[] = {
    FIELD(struct study, id, .flags = READ_ONLY | VEILS, .min = 1, .max = INT64_MAX,
          .doc = "Identifies the study here."),
    FIELD(struct study, study_uid, .min = 3, .max = 64, .tag = 0x0020000D, .example = "1.2.840.113619.2.55.3.1",
          .doc = "Study Instance UID (0020,000D), unique. Registered without one, a study gets one made from a UUID."),
    FIELD(struct study, patient_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "The patient whose study it is."),
    FIELD(struct study, patient_name, .sql = "(select p.name from patients p where p.id = s.patient_id)",
          .flags = READ_ONLY, .doc = "The patient's name."),
    FIELD(struct study, patient_number, .sql = "(select p.patient_id from patients p where p.id = s.patient_id)",
          .flags = READ_ONLY, .doc = "The patient's number."),
    FIELD(struct study, accession_number, .flags = NULLABLE, .max = 64, .tag = 0x00080050,
          .doc = "Accession number (0008,0050)."),
    FIELD(struct study, study_number, .flags = NULLABLE, .max = 64, .tag = 0x00200010, .doc = "Study ID (0020,0010)."),
    FIELD(struct study, study_date, .flags = NULLABLE, .tag = 0x00080020, .doc = "Date of the study (0008,0020)."),
    FIELD(struct study, study_time, .flags = NULLABLE, .max = 15, .example = "14:30:22",
          .doc = "Time of the study (0008,0030), as the machine's clock showed it."),
    FIELD(struct study, modality, .flags = NULLABLE, .max = 16, .example = "CT",
          .doc = "What made the pictures: the modality of the first series that has any."),
    FIELD(struct study, body_part, .flags = NULLABLE, .max = 64, .example = "CHEST", .doc = "Part of the body."),
    FIELD(struct study, description, .flags = NULLABLE, .max = 2000, .tag = 0x00081030,
          .doc = "Study Description (0008,1030)."),
    FIELD(struct study, referring_physician, .flags = NULLABLE, .max = 200, .tag = 0x00080090,
          .doc = "Referring physician (0008,0090)."),
    FIELD(struct study, modalities, .flags = GENERATED | READ_ONLY | NULLABLE, .doc = "Modalities of all its series."),
    FIELD(struct study, number_of_series, .flags = GENERATED | READ_ONLY,
          .doc = "Series that hold something one sees."),
    FIELD(struct study, number_of_instances, .flags = GENERATED | READ_ONLY,
          .doc = "Instances one sees in all of them."),
    FIELD(struct study, size_bytes, .flags = GENERATED | READ_ONLY, .doc = "How many bytes they have together."),
    FIELD(struct study, status, .choices = study_statuses, .fallback = "OPEN", .flags = REQUIRED,
          .doc = "How far the work on it has come."),
    FIELD(struct study, conflict, .flags = GENERATED | READ_ONLY | NULLABLE,
          .doc = "[\"patient_id\"]: a file of this study named another patient; it was kept, but not filed. "
                 "[\"study_uid\"]: another study has the same UID (told to those who see all)."),
    FIELD(struct study, created_by, .flags = READ_ONLY | VEILS, .doc = "Account that registered it."),
    FIELD(struct study, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was registered."),
    FIELD(struct study, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When it was changed last."),
    FIELD(struct study, is_deleted, .flags = GENERATED | READ_ONLY, .doc = "Has it been deleted?"),
    FIELD(struct study, deleted_at, .flags = READ_ONLY | NULLABLE, .doc = "When it was deleted."),
    FIELD(struct study, deleted_by, .flags = READ_ONLY | NULLABLE, .doc = "Account that deleted it."),
    FIELD(struct study, claim, .flags = READ_ONLY | WRITE_ONLY, .doc = "Whose second study of this UID it is."),
    FIELD(struct study, instances_of_others, .flags = GENERATED | READ_ONLY | WRITE_ONLY | VEILS,
          .doc = "Instances by others than who registered it."),
};

/* That a UID has two studies is told to those who see both; counts are of what the caller sees. */
static bool veil(struct call *c, void *record)
{
    struct study *study = record;
    struct visible_share share;
    bool all = false;
    ptrdiff_t told = 0;
    if (visibility_of_everything(c))
        return true;
    for (ptrdiff_t i = 0; i < study->conflict.count; i++)
        if (!str_equal(study->conflict.items[i], S("study_uid")))
            study->conflict.items[told++] = study->conflict.items[i];
    study->conflict = told ? (struct texts){ study->conflict.items, told } : (struct texts){ 0 };
    if (study->created_by == call_user(c) && study->instances_of_others == 0)
        return true;
    if (!visibility_is_assigned(c, call_user(c), study->id, &all) || all)
        return all;
    if (!visibility_share_of_study(c, study->id, &share))
        return false;
    study->number_of_series = share.series;
    study->number_of_instances = share.instances;
    study->size_bytes = share.bytes;
    study->modalities = share.modalities.count ? share.modalities : (struct texts){ 0 };
    return true;
}

const struct schema study_schema = SCHEMA("Study", struct study, study_fields, .table = "studies", .alias = "s",
                                          .veil = veil, .doc = "A study of a patient.");

static const struct field study_key_fields[] = {
    KEY(struct study_key, id, "The study."),
};
const struct schema study_key = SCHEMA("StudyKey", struct study_key, study_key_fields);

/* ---- one that the caller may see ---- */

enum found study_find(struct call *c, int64_t id, bool deleted, struct study *out)
{
    const char *tail = deleted ? "where s.id = ? and s.is_deleted = 1 and " VISIBLE_STUDY
                               : "where s.id = ? and s.is_deleted = 0 and " VISIBLE_STUDY;
    return db_find(c, &study_schema, out, tail, V(id), VISIBLE_TO(c));
}

static bool load(struct call *c, int64_t id, bool deleted, struct study *out)
{
    return study_find(c, id, deleted, out) == FOUND || fail(c, E_NOT_FOUND, "study %" PRId64 " does not exist", id);
}

bool study_load(struct call *c, int64_t id, struct study *out)
{
    if (!load(c, id, false, out))
        return false;
    audit_about(c, out->id, out->patient_id);
    return true;
}

int study_texts(const struct study *study, const struct patient *patient, struct str *out)
{
    int count = patient_texts(patient, out);
    out[count++] = study->accession_number;
    out[count++] = str_slice(study->description, 0, SEARCH_DESCRIPTION_BYTES);
    out[count++] = study->referring_physician;
    return count;
}

static bool load_names(struct call *c, int64_t id, struct patient *out)
{
    struct cursor rows;
    *out = (struct patient){ 0 };
    db_rows(c, &rows, "select name, name_en, name_phonetic, patient_id from patients where id = ?", V(id));
    if (cursor_next(&rows)) {
        out->name = arena_copy(&c->arena, cursor_text(&rows, 0));
        out->name_en = arena_copy(&c->arena, cursor_text(&rows, 1));
        out->name_phonetic = arena_copy(&c->arena, cursor_text(&rows, 2));
        out->patient_id = arena_copy(&c->arena, cursor_text(&rows, 3));
    }
    return cursor_close(&rows);
}

bool study_index(struct call *c, const struct study *study, const struct patient *patient)
{
    struct str texts[SEARCH_TEXTS_MAX];
    struct patient names;
    if (!patient && !load_names(c, study->patient_id, &names))
        return false;
    return search_put(c, "study_search", study->id, texts, study_texts(study, patient ? patient : &names, texts));
}

/* ---- one study ---- */

static bool study_get(struct call *c)
{
    const struct study_key *key = c->in;
    return study_load(c, key->id, c->out);
}

/* PS3.5 B.2: "2.25." and the UUID as one decimal number. */
struct str study_make_uid(struct call *c)
{
    unsigned char n[16];
    char digits[40];
    int count = 0;
    crypto_random(n, 16);
    n[6] = (unsigned char)((n[6] & 0x0f) | 0x40);
    n[8] = (unsigned char)((n[8] & 0x3f) | 0x80);
    for (bool more = true; more && count < 39;) {
        unsigned rest = 0;
        more = false;
        for (int i = 0; i < 16; i++) {
            rest = rest << 8 | n[i];
            n[i] = (unsigned char)(rest / 10);
            rest %= 10;
            more = more || n[i];
        }
        digits[count++] = (char)('0' + rest);
    }
    char *out = arena_alloc(&c->arena, 5 + count);
    memcpy(out, "2.25.", 5);
    for (int i = 0; i < count; i++)
        out[5 + i] = digits[count - 1 - i];
    return (struct str){ out, 5 + count };
}

static bool uid_is_legal(struct call *c, struct str uid)
{
    bool ok = uid.len > 0 && uid.at[0] != '.' && uid.at[uid.len - 1] != '.' && str_find(uid, S("..")) < 0 &&
              str_find(uid, S(".")) > 0;
    for (ptrdiff_t i = 0; i < uid.len; i++)
        ok = ok && (uid.at[i] == '.' || (uid.at[i] >= '0' && uid.at[i] <= '9'));
    return ok || error_add_problem(&c->error, &c->arena, "body", S("study_uid"), "not_a_uid",
                                   "a UID is made of numbers joined by dots");
}

static bool study_post(struct call *c)
{
    struct study study = *(const struct study *)c->in, *out = c->out;
    study.created_by = call_user(c);
    if (!study.study_uid.len)
        study.study_uid = study_make_uid(c);
    struct study_twins twins;
    if (!modality_take(c, "body", &study.modality) || !uid_is_legal(c, study.study_uid) ||
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
    FIELD(struct study_patch, id, .flags = READ_ONLY | NOT_STORED, .min = 1, .max = INT64_MAX, .doc = "The study."),
    FIELD(struct study_patch, patient_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
          .doc = "The patient: its files move there with it."),
    FIELD(struct study_patch, accession_number, .flags = NULLABLE, .max = 64,
          .doc = "Number of the order (0008,0050)."),
    FIELD(struct study_patch, body_part, .flags = NULLABLE, .max = 64, .doc = "Part of the body."),
    FIELD(struct study_patch, description, .flags = NULLABLE, .max = 2000, .doc = "What was done, in words."),
    FIELD(struct study_patch, referring_physician, .flags = NULLABLE, .max = 200, .doc = "Who asked for it."),
    FIELD(struct study_patch, status, .choices = study_statuses, .flags = REQUIRED,
          .doc = "How far the work on it has come."),
    FIELD(struct study_patch, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When it was changed last."),
};
static const struct schema study_patch =
    SCHEMA("StudyPatch", struct study_patch, study_patch_fields, .table = "studies", .alias = "s");

static bool study_patch_patch(struct call *c)
{
    struct study_patch in = *(const struct study_patch *)c->in;
    struct study before, *out = c->out;
    bool moves = schema_was_given(&study_patch, c->given, "patient_id");
    if (!lock_study(c, in.id, moves ? in.patient_id : 0) || !study_load(c, in.id, &before) ||
        (moves && !patient_must_exist(c, in.patient_id, "body")))
        return false;
    if (db_find_update(c, &study_patch, &in, c->given, "where id = ?", V(in.id)) == FAILED)
        return false;
    if (moves && in.patient_id != before.patient_id &&
        !db_execute(c, "update image_files set patient_id = ?, updated_at = ? where study_id = ?", V(in.patient_id),
                    V(clock_now()), V(in.id)))
        return false;
    return study_load(c, in.id, out) && study_index(c, out, NULL);
}

static bool study_settle_conflict(struct call *c)
{
    const struct study_key *key = c->in;
    struct study study;
    return lock_study(c, key->id, 0) && study_load(c, key->id, &study) &&
           db_execute(c, "update studies set conflict = null, updated_at = ? where id = ?", V(clock_now()), V(key->id));
}

static bool study_delete(struct call *c)
{
    const struct study_key *key = c->in;
    struct study study;
    return lock_study(c, key->id, 0) && study_load(c, key->id, &study) && trash_study(c, key->id) &&
           search_remove(c, "study_search", key->id);
}

static bool study_restore(struct call *c)
{
    const struct study_key *key = c->in;
    struct study study, *out = c->out;
    return lock_study(c, key->id, 0) && load(c, key->id, true, &study) &&
           trash_parents_are_there(c, study.patient_id, 0) && trash_restore_study(c, key->id, study.deleted_at) &&
           study_load(c, key->id, out) && study_index(c, out, NULL);
}

#define STUDIES .tag = "studies", .entity = "study"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/studies", study_post, &study_schema, &study_schema, MAY_CREATE_STUDIES, WRITES, BODY_JSON,
      201, STUDIES, .audit = "study.create", .summary = "Registers a study",
      .doc =
          "DICOM files register theirs by themselves; a study with the same UID that was registered before takes them up." },
    { HTTP_GET, "/api/v1/studies/{id}", study_get, &study_key, &study_schema, MAY_READ_STUDIES, STUDIES,
      .audit = "study.read", .summary = "Shows one study" },
    { HTTP_PATCH, "/api/v1/studies/{id}", study_patch_patch, &study_patch, &study_schema, MAY_UPDATE_STUDIES, WRITES,
      BODY_JSON, STUDIES, .audit = "study.update",
      .summary = "Changes a study's record, or moves it to another patient" },
    { HTTP_DELETE, "/api/v1/studies/{id}", study_delete, &study_key, NULL, MAY_DELETE_STUDIES, WRITES, STUDIES,
      .audit = "study.delete", .summary = "Deletes a study with its series and files",
      .doc = "It can be restored until its files are purged." },
    { HTTP_POST, "/api/v1/studies/{id}/restore", study_restore, &study_key, &study_schema, MAY_DELETE_STUDIES, WRITES,
      STUDIES, .audit = "study.restore", .summary = "Brings a deleted study back",
      .doc = "With the series and files that were deleted with it." },
    { HTTP_DELETE, "/api/v1/studies/{id}/conflict", study_settle_conflict, &study_key, NULL, MAY_UPDATE_STUDIES, WRITES,
      STUDIES, .audit = "study.settle_conflict", .summary = "Says that a study's conflict has been looked at" },
};
ENDPOINT_TABLE(study_endpoints, rows);
