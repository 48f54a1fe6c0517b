/* study.c - the record of a study, and how one is found. */
#include "records/study.h"

#include "jobs/jobs.h"
#include "site/app.h"
#include "records/study_view.h"
#include "records/visibility.h"
#include "base/names.h"

const char *const study_statuses[] = { "OPEN", "CLOSED", "SCHEDULED", "CANCELLED", NULL };
NAMES_REACH(study_statuses, STUDY_CANCELLED);
const char *const care_settings[] = { "EMERGENCY", "OUTPATIENT", "INPATIENT", "OTHER", NULL };
NAMES_REACH(care_settings, CARE_OTHER);

static const struct field study_fields[] = {
    FIELD(struct study, id, .flags = READ_ONLY | VEILS, .min = 1, .max = INT64_MAX,
          .doc = "Identifies the study here."),
    FIELD(struct study, study_uid, .min = 3, .max = 64, .tag = 0x0020000D, .example = "1.2.840.113619.2.55.3.1",
          .doc = "Study Instance UID (0020,000D), unique. Registered without one, a study gets one made from a UUID."),
    FIELD(struct study, patient_id, .flags = REQUIRED | WITHHELD, .min = 1, .max = INT64_MAX,
          .doc = "The patient whose study it is; null to who may not read patients."),
    FIELD(struct study, patient_name, .sql = "(select p.name from patients p where p.id = s.patient_id)",
          .flags = READ_ONLY | NULLABLE, .doc = "The patient's name; null to who may not read patients."),
    FIELD(struct study, patient_number, .sql = "(select p.patient_id from patients p where p.id = s.patient_id)",
          .flags = READ_ONLY | NULLABLE, .doc = "The patient's number; null to who may not read patients."),
    FIELD(struct study, accession_number, .flags = NULLABLE, .max = 64, .tag = 0x00080050,
          .doc = "Accession number (0008,0050)."),
    FIELD(struct study, study_number, .flags = NULLABLE, .max = 64, .tag = 0x00200010, .doc = "Study ID (0020,0010)."),
    FIELD(struct study, study_date, .flags = NULLABLE, .tag = 0x00080020, .doc = "Date of the study (0008,0020)."),
    FIELD(struct study, study_time, .flags = NULLABLE, .max = 15, .example = "14:30:22",
          .doc = "Time of the study (0008,0030), as the machine's clock showed it."),
    FIELD(struct study, modality, .flags = NULLABLE | VEILS, .max = 16, .example = "CT",
          .doc = "What made the pictures: the modality of the first series that has any."),
    FIELD(struct study, body_part, .flags = NULLABLE | VEILS, .max = 64, .example = "CHEST",
          .doc = "The part of the body that was examined."),
    FIELD(struct study, description, .flags = NULLABLE, .max = 2000, .tag = 0x00081030,
          .doc = "Study Description (0008,1030)."),
    FIELD(struct study, referring_physician, .flags = NULLABLE, .max = 200, .tag = 0x00080090,
          .doc = "Referring physician (0008,0090)."),
    FIELD(struct study, modalities, .flags = GENERATED | READ_ONLY | NULLABLE | VEILS,
          .doc = "The modalities of all its series that one sees."),
    FIELD(struct study, number_of_series, .flags = GENERATED | READ_ONLY,
          .doc = "How many series hold something one sees."),
    FIELD(struct study, number_of_instances, .flags = GENERATED | READ_ONLY,
          .doc = "How many instances one sees in all of them."),
    FIELD(struct study, size_bytes, .flags = GENERATED | READ_ONLY, .doc = "How many bytes they have together."),
    FIELD(struct study, status, .choices = study_statuses, .type = "StudyStatus", .fallback = "OPEN", .flags = REQUIRED,
          .doc =
              "How far the work on it has come. SCHEDULED: it was ordered, and there is no image yet; the first that "
              "comes with its Study Instance UID, or with its patient and accession number, makes it OPEN. "
              "CANCELLED: the order was taken back."),
    FIELD(struct study, care_setting, .choices = care_settings, .type = "CareSetting", .fallback = "OTHER",
          .flags = REQUIRED, .doc = "From where the patient was sent: with the modality it says by when it is read."),
    FIELD(struct study, priority, .choices = job_priorities, .type = "JobPriority", .fallback = "NORMAL",
          .flags = REQUIRED, .doc = "How urgently it is to be read."),
    FIELD(struct study, conflict, .flags = GENERATED | READ_ONLY | NULLABLE,
          .doc = "[\"patient_id\"]: a file of this study named another patient; it was kept, but not filed (told to "
                 "who sent it, and to those who see all). [\"study_uid\"]: another study has the same UID (told to "
                 "those who see all)."),
    FIELD(struct study, created_by, .flags = READ_ONLY | NULLABLE | VEILS,
          .doc = "The account that registered it; null: one sees of it only one's own files, and is told only what "
                 "these say."),
    FIELD(struct study, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was registered."),
    FIELD(struct study, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When it was changed last."),
    FIELD(struct study, is_deleted, .flags = GENERATED | READ_ONLY, .doc = "Has it been deleted?"),
    FIELD(struct study, deleted_at, .flags = READ_ONLY | NULLABLE, .doc = "When it was deleted."),
    FIELD(struct study, deleted_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that deleted it."),
    FIELD(struct study, claim, .flags = READ_ONLY | WRITE_ONLY, .doc = "Whose second study of this UID it is."),
    FIELD(struct study, instances_of_others, .flags = GENERATED | READ_ONLY | WRITE_ONLY | VEILS,
          .doc = "Instances by others than who registered it."),
};

const struct schema study_schema = SCHEMA("Study", struct study, study_fields, .table = "studies", .alias = "s",
                                          .veil = study_veil, .doc = "A study of a patient.");

static const struct field study_key_fields[] = {
    KEY(struct study_key, id, "The study."),
};
const struct schema study_key = SCHEMA("StudyKey", struct study_key, study_key_fields);

/* ---- one that the caller may see ---- */

enum found study_find(struct call *c, int64_t id, bool deleted, struct study *out)
{
    const char *tail = deleted ? "where s.id = ? and s.is_deleted = 1 and " VISIBLE_STUDY
                               : "where s.id = ? and s.is_deleted = 0 and " VISIBLE_STUDY;
    return db_find(c, &study_schema, out, tail, V(id), VISIBLE_STUDY_TO(c));
}

bool study_load(struct call *c, int64_t id, struct study *out)
{
    if (study_find(c, id, false, out) != FOUND)
        return fail(c, E_NOT_FOUND, "study %" PRId64 " does not exist", id);
    audit_about(c, out->id, out->patient_id);
    return true;
}

bool study_load_to_change(struct call *c, int64_t id, struct study *out)
{
    bool whole;
    return study_load(c, id, out) && visibility_of_study_record(c, out->id, &whole) &&
           (whole || fail(c, E_FORBIDDEN, "only those who see the whole study may change it"));
}

bool study_load_with_files(struct call *c, int64_t id, struct study *out)
{
    bool hidden;
    return study_load_to_change(c, id, out) && visibility_hides_files_of_study(c, id, &hidden) &&
           (!hidden || fail(c, E_FORBIDDEN, "only those who see all files of the study may assign, move or delete it"));
}

int study_texts(const struct study *study, const struct patient *patient, struct search_text *out)
{
    int count = patient_texts(patient, out);
    out[count++] = (struct search_text){ study->accession_number };
    out[count++] = (struct search_text){ str_slice(study->description, 0, SEARCH_DESCRIPTION_BYTES) };
    out[count++] = (struct search_text){ study->referring_physician, .is_name = true };
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
    struct search_text texts[SEARCH_TEXTS_MAX];
    struct patient names;
    if (!patient && !load_names(c, study->patient_id, &names))
        return false;
    return search_put(c, "study_search", study->id, texts, study_texts(study, patient ? patient : &names, texts));
}
