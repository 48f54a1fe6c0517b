/* patient.h - patients: the record, and what a study or a file asks of one.
 *
 *     struct patient patient;
 *     if (!lock_patients(c, id, 0) || !patient_load(c, id, &patient))      // before something is put into one, or it
 *         return false;                                                    // is changed (patient_change.h)
 *
 * Whoever may read patients sees all of them; two things in the record come from files, and are told only as far as the
 * caller sees these: image_count and conflict (the veil). Numbers are unique among patients that are not deleted and
 * have the same issuer. id_card, phone, email and address are sealed in the database; id_card_hash and phone_hash find
 * the first two exactly.
 *
 * Text of a loaded patient lives in the call's arena. A patient that is deleted, or was merged into another, is not
 * there: E_NOT_FOUND, or a problem of the member that named it.
 */
#ifndef ROENTGEN_PATIENT_H
#define ROENTGEN_PATIENT_H

#include "base/call.h"
#include "schema/field.h"

struct search_text; /* db/db.h */

enum gender { GENDER_NONE, GENDER_MALE, GENDER_FEMALE, GENDER_OTHER, GENDER_UNKNOWN };
extern const char *const genders[];
enum patient_status { PATIENT_STATUS_NONE, PATIENT_ACTIVE, PATIENT_INACTIVE, PATIENT_DECEASED };
extern const char *const patient_statuses[];

struct patient {
    int64_t id;
    struct str patient_id, issuer_of_patient_id, name, name_en, name_phonetic;
    unsigned gender;
    struct date birth_date;
    int64_t age;
    struct str id_card, phone, email, address;
    unsigned blood_type;
    double height_cm, weight_kg;
    struct str allergies, medical_history, emergency_contact_name, emergency_contact_phone, insurance_number;
    unsigned status;
    bool is_unidentified;
    struct texts conflict;
    int64_t image_count, merged_into, created_by;
    struct instant created_at, updated_at;
    bool is_deleted;
    struct instant deleted_at;
    int64_t deleted_by;
};
extern const struct schema patient_schema;

/* A patient that is not deleted, or E_NOT_FOUND. */
enum found patient_find(struct call *c, int64_t id, struct patient *out);
bool patient_load(struct call *c, int64_t id, struct patient *out);
/* Fills what no column holds. */
void patient_derive_age(struct call *c, void *record);
/* The same for who may not read patients at all: none is there. */
bool patient_load_shown(struct call *c, int64_t id, struct patient *out);
/* What a patient is found by, at most SEARCH_TEXTS_MAX; returns how many. */
int patient_texts(const struct patient *patient, struct search_text *out);
/* Inside a transaction: that goes into the search index. Studies are found by it, too: renewal_of_patient
 * (renewal.h). */
bool patient_index(struct call *c, const struct patient *patient);
/* ---- patient_conflict.c: which members some file says otherwise, and who is told: those who see such a file ---- */

/* Inside a transaction: a file of `by` in this study says `member` ("name", "gender", "birth_date") otherwise. */
bool patient_conflict_note(struct call *c, int64_t patient_id, const char *member, int64_t study_id, int64_t by);
/* Leaves in patient->conflict what the caller is told of. */
bool patient_conflict_veil(struct call *c, struct patient *patient);
/* Inside a transaction, locks it: what the caller is told of has been looked at; the rest stays. */
bool patient_conflict_settle(struct call *c, int64_t patient_id);

/* Inside a transaction: adds a problem at `place`.patient_id when there is no such patient. The patient stays until
 * the commit, and is locked before rows that refer to it are written: their foreign key would share its lock, and the
 * counts kept by triggers need it alone, so that any two at once would be a deadlock. */
bool patient_must_exist(struct call *c, int64_t id, const char *place);
/* Only the problem; false. For a patient of whom the caller may not learn that it is there. */
bool patient_is_unknown(struct call *c, const char *place);

#endif
