/* patient.c - the patient's record, and what a study or a file asks of one. */
#include "records/patient.h"

#include "site/app.h"
#include "records/visibility.h"
#include "base/names.h"
#include "base/zone.h"

const char *const genders[] = { "MALE", "FEMALE", "OTHER", "UNKNOWN", NULL };
NAMES_REACH(genders, GENDER_UNKNOWN);
static const char *const blood_types[] = {
    "A", "B", "AB", "O", "A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-", NULL
};
const char *const patient_statuses[] = { "ACTIVE", "INACTIVE", "DECEASED", NULL };
NAMES_REACH(patient_statuses, PATIENT_DECEASED);

#define SEALED (ENCRYPTED | NULLABLE)
static const struct field patient_fields[] = {
    FIELD(struct patient, id, .flags = READ_ONLY | VEILS, .min = 1, .max = INT64_MAX,
          .doc = "Identifies the patient here."),
    FIELD(struct patient, patient_id, .flags = REQUIRED, .min = 1, .max = 64, .tag = 0x00100020, .example = "P20260001",
          .doc = "The hospital's number for the patient, unique among those of the same issuer."),
    FIELD(struct patient, issuer_of_patient_id, .flags = NULLABLE, .max = 64, .tag = 0x00100021,
          .doc = "Who gave the number, where that is not ourselves (0010,0021)."),
    FIELD(struct patient, name, .flags = REQUIRED, .min = 1, .max = 100, .tag = 0x00100010, .example = "王小明",
          .doc = "The patient's name."),
    FIELD(struct patient, name_en, .flags = NULLABLE, .max = 100, .example = "Wang Xiaoming",
          .doc = "The name in Latin letters."),
    FIELD(struct patient, name_phonetic, .flags = NULLABLE, .max = 100, .example = "やまだたろう",
          .doc = "The name as it is spoken, in kana or Hangul: the phonetic group of a DICOM name."),
    FIELD(struct patient, gender, .choices = genders, .type = "Gender", .fallback = "UNKNOWN", .tag = 0x00100040,
          .flags = REQUIRED, .doc = "The patient's gender."),
    FIELD(struct patient, birth_date, .flags = NULLABLE, .tag = 0x00100030, .example = "1980-05-17",
          .doc = "The day of birth."),
    FIELD(struct patient, age, .flags = READ_ONLY | NOT_STORED | NULLABLE,
          .doc = "The age in whole years today, by birth_date."),
    FIELD(struct patient, id_card, .flags = SEALED | HASHED, .max = 64,
          .doc = "The number of the identity card, unique; encrypted at rest."),
    FIELD(struct patient, phone, .flags = SEALED | HASHED, .max = 32,
          .doc = "The telephone number; encrypted at rest."),
    FIELD(struct patient, email, .flags = SEALED, .max = 254, .doc = "The e-mail address; encrypted at rest."),
    FIELD(struct patient, address, .flags = SEALED, .max = 500, .doc = "The postal address; encrypted at rest."),
    FIELD(struct patient, blood_type, .choices = blood_types, .type = "BloodType", .flags = NULLABLE,
          .doc = "The blood group, where it is known."),
    FIELD(struct patient, height_cm, .flags = NULLABLE, .min = 1, .max = 300, .doc = "The height in centimetres."),
    FIELD(struct patient, weight_kg, .flags = NULLABLE, .min = 0, .max = 700, .doc = "The weight in kilograms."),
    FIELD(struct patient, allergies, .flags = NULLABLE, .max = 4000,
          .doc = "What the patient is known to be allergic to."),
    FIELD(struct patient, medical_history, .flags = NULLABLE, .max = 10000,
          .doc = "What is known of earlier illnesses."),
    FIELD(struct patient, emergency_contact_name, .flags = NULLABLE, .max = 100,
          .doc = "Whom to call in an emergency."),
    FIELD(struct patient, emergency_contact_phone, .flags = NULLABLE | NOT_QUOTED, .max = 32,
          .doc = "Where that person can be called."),
    FIELD(struct patient, insurance_number, .flags = NULLABLE, .max = 64, .doc = "The number of the insurance."),
    FIELD(struct patient, status, .choices = patient_statuses, .type = "PatientStatus", .fallback = "ACTIVE",
          .flags = REQUIRED, .doc = "Whether the patient is still seen here, or has died."),
    FIELD(struct patient, is_unidentified, .flags = GENERATED | READ_ONLY,
          .doc = "Made for a study whose files have no Patient ID; the number was made here."),
    FIELD(struct patient, conflict, .flags = GENERATED | READ_ONLY | NULLABLE,
          .doc = "Which of name, gender and birth_date some file that one sees says otherwise; the files say how, in "
                 "their own conflict."),
    FIELD(struct patient, image_count, .flags = GENERATED | READ_ONLY,
          .doc = "How many image files of the patient one sees."),
    FIELD(struct patient, merged_into, .flags = GENERATED | READ_ONLY | NULLABLE,
          .doc = "The patient this one turned out to be."),
    FIELD(struct patient, created_by, .flags = READ_ONLY, .doc = "The account that registered the patient."),
    FIELD(struct patient, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When the patient was registered."),
    FIELD(struct patient, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "When the record was changed last."),
    FIELD(struct patient, is_deleted, .flags = GENERATED | READ_ONLY, .doc = "Has it been deleted?"),
    FIELD(struct patient, deleted_at, .flags = READ_ONLY | NULLABLE, .doc = "When it was deleted."),
    FIELD(struct patient, deleted_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that deleted it."),
};

static bool veil(struct call *c, void *record)
{
    struct patient *patient = record;
    if (visibility_of_all_files(c))
        return true;
    if (patient->conflict.count && !patient_conflict_veil(c, patient))
        return false;
    return patient->image_count <= 0 || visibility_count_patient_files(c, patient->id, &patient->image_count);
}

const struct schema patient_schema = SCHEMA("Patient", struct patient, patient_fields, .table = "patients",
                                            .alias = "p", .veil = veil, .doc = "A patient.");

void patient_derive_age(struct call *c, void *record)
{
    (void)c;
    struct patient *p = record;
    struct date today = zone_today();
    bool born = !date_is_null(p->birth_date) && p->birth_date.days <= today.days;
    p->age = born ? date_age_years(p->birth_date, today) : INTEGER_NULL;
}

enum found patient_find(struct call *c, int64_t id, struct patient *out)
{
    enum found found = db_find(c, &patient_schema, out, "where p.id = ? and p.deleted_at is null", V(id));
    if (found == FOUND)
        patient_derive_age(c, out);
    return found;
}

bool patient_load(struct call *c, int64_t id, struct patient *out)
{
    return patient_find(c, id, out) == FOUND || fail(c, E_NOT_FOUND, "patient %" PRId64 " does not exist", id);
}

bool patient_load_shown(struct call *c, int64_t id, struct patient *out)
{
    return visibility_of_patients(c) ? patient_load(c, id, out)
                                     : fail(c, E_NOT_FOUND, "patient %" PRId64 " does not exist", id);
}

bool patient_is_unknown(struct call *c, const char *place)
{
    return error_add_problem(&c->error, &c->arena, place, S("patient_id"), "unknown_patient",
                             "there is no patient with this id, which is this server's own; the hospital's number goes "
                             "into patient_number");
}

bool patient_must_exist(struct call *c, int64_t id, const char *place)
{
    int64_t same;
    enum found found = db_find_locked(c, &same, "select id from patients where id = ? and deleted_at is null", V(id));
    return found == FOUND || (found == NONE && patient_is_unknown(c, place));
}

int patient_texts(const struct patient *p, struct search_text *out)
{
    int count = 0;
    out[count++] = (struct search_text){ p->name, .is_name = true };
    out[count++] = (struct search_text){ p->name_en };
    out[count++] = (struct search_text){ p->name_phonetic };
    out[count++] = (struct search_text){ p->patient_id };
    return count;
}

bool patient_index(struct call *c, const struct patient *p)
{
    struct search_text texts[SEARCH_TEXTS_MAX];
    return search_put(c, "patient_search", p->id, texts, patient_texts(p, texts));
}
