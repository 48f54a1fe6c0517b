/* patient_conflict.c - which members of a patient some file says otherwise: kept with whose file it was and in which
 * study, so that nobody is told of it, or can put it away, who sees none of these files. patients.conflict is the sum
 * of it, for those who see everything. */
#include "records/patient.h"

#include "records/record_lock.h"
#include "records/visibility.h"

#define TOLD "(k.uploaded_by = ? or " VISIBLE_ASSIGNED("k.study_id") ")"

bool patient_conflict_note(struct call *c, int64_t patient_id, const char *member, int64_t study_id, int64_t by)
{
    int64_t found = 0;
    struct value who = V(by), of = value_text(str_from(member));
    return study_id <= 0 ||
           db_integer(c, &found,
                      "select 1 from patient_conflicts where patient_id = ? and member = ? and study_id = ? and "
                      "uploaded_by = ?",
                      V(patient_id), of, V(study_id), who) ||
           (!c->error.code &&
            db_execute(c,
                       "insert into patient_conflicts(patient_id, member, study_id, uploaded_by) values (?, ?, ?, ?)",
                       V(patient_id), of, V(study_id), who));
}

static bool is_told(struct call *c, int64_t patient_id, struct str member, bool *told)
{
    int64_t found = 0;
    struct value me = V(call_user(c));
    *told = db_integer(c, &found,
                       "select 1 from patient_conflicts k where k.patient_id = ? and k.member = ? and " TOLD " limit 1",
                       V(patient_id), V(member), me, me, me, me);
    return c->error.code == E_NONE;
}

bool patient_conflict_veil(struct call *c, struct patient *patient)
{
    struct texts shown = { patient->conflict.items, 0 };
    bool told;
    if (visibility_of_everything(c))
        return true;
    for (ptrdiff_t i = 0; i < patient->conflict.count; i++) {
        if (!is_told(c, patient->id, patient->conflict.items[i], &told))
            return false;
        if (told)
            shown.items[shown.count++] = patient->conflict.items[i];
    }
    patient->conflict = shown.count ? shown : (struct texts){ 0 };
    return true;
}

static bool settle_member(struct call *c, int64_t patient_id, struct str member, bool *gone)
{
    int64_t changed = 0, left = 0;
    struct value me = V(call_user(c));
    if (!db_execute_counted(c, &changed,
                            "delete from patient_conflicts where patient_id = ? and member = ? and "
                            "(uploaded_by = ? or " VISIBLE_ASSIGNED("patient_conflicts.study_id") ")",
                            V(patient_id), V(member), me, me, me, me))
        return false;
    enum found there =
        db_find_integer(c, &left, "select 1 from patient_conflicts where patient_id = ? and member = ? limit 1",
                        V(patient_id), V(member));
    *gone = changed && there == NONE;
    return there != FAILED;
}

static bool settle(struct call *c, const struct patient *patient)
{
    struct texts left = { arena_array(&c->arena, struct str, patient->conflict.count + 1), 0 };
    bool gone;
    if (visibility_of_everything(c))
        return db_execute(c, "delete from patient_conflicts where patient_id = ?", V(patient->id)) &&
               db_execute(c, "update patients set conflict = null where id = ?", V(patient->id));
    for (ptrdiff_t i = 0; i < patient->conflict.count; i++) {
        if (!settle_member(c, patient->id, patient->conflict.items[i], &gone))
            return false;
        if (!gone)
            left.items[left.count++] = patient->conflict.items[i];
    }
    const struct field *field = &patient_schema.fields[schema_find(&patient_schema, S("conflict"))];
    struct value stored = left.count ? field->kind->store(field, &left, &c->arena) : value_nothing();
    return left.count == patient->conflict.count ||
           db_execute(c, "update patients set conflict = ? where id = ?", stored, V(patient->id));
}

bool patient_conflict_settle(struct call *c, int64_t patient_id)
{
    struct patient patient;
    return lock_patients(c, patient_id, 0) && patient_load(c, patient_id, &patient) && settle(c, &patient);
}
