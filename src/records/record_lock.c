/* record_lock.c - locks records in the order that record_lock.h draws. */
#include "records/record_lock.h"

#include "site/actor.h"
#include "records/image_file.h"
#include "records/patient.h"
#include "records/study.h"

#include <string.h>

static bool lock_patient(struct call *c, int64_t id)
{
    return id <= 0 || db_lock(c, "select id from patients where id = ?", V(id));
}

static bool lock_both(struct call *c, int64_t one, int64_t other)
{
    if (db_is_local(c->db))
        return true;
    return lock_patient(c, one < other ? one : other) && (one == other || lock_patient(c, one < other ? other : one));
}

bool lock_patients(struct call *c, int64_t one, int64_t other)
{
    return lock_both(c, one, other) && audit_watch(c, "patient", &patient_schema, one) &&
           audit_watch(c, "patient", &patient_schema, other);
}

static bool lock_study_alone(struct call *c, int64_t id, int64_t other_patient)
{
    int64_t patient = 0, now = 0;
    if (db_is_local(c->db))
        return true;
    enum found found = db_find_integer(c, &patient, "select patient_id from studies where id = ?", V(id));
    if (found != FOUND)
        return found == NONE; /* who reads it will say so */
    if (!lock_both(c, patient, other_patient))
        return false;
    if (db_find_locked(c, &now, "select patient_id from studies where id = ?", V(id)) == FAILED)
        return false;
    return now == patient || db_again(c);
}

bool lock_study(struct call *c, int64_t id, int64_t other_patient)
{
    return lock_study_alone(c, id, other_patient) && audit_watch(c, "study", &study_schema, id);
}

struct place_of_file {
    int64_t patient, study;
};

/* Of no file: zeros. */
static bool find_place(struct call *c, int64_t id, struct place_of_file *out)
{
    struct cursor rows;
    *out = (struct place_of_file){ 0 };
    db_rows(c, &rows, "select patient_id, study_id from image_files where id = ?", V(id));
    if (cursor_next(&rows))
        *out = (struct place_of_file){ cursor_integer(&rows, 0), cursor_integer(&rows, 1) };
    return cursor_close(&rows);
}

static bool still_there(struct call *c, int64_t id, const struct place_of_file *place)
{
    struct place_of_file now;
    if (!find_place(c, id, &now))
        return false;
    return (now.patient == place->patient && now.study == place->study) || db_again(c);
}

static bool lock_file_alone(struct call *c, int64_t id, int64_t other_patient)
{
    struct place_of_file place;
    if (db_is_local(c->db))
        return true;
    return find_place(c, id, &place) && lock_both(c, place.patient, other_patient) &&
           (!place.study || db_lock(c, "select id from studies where id = ?", V(place.study))) &&
           db_lock(c, "select id from image_files where id = ?", V(id)) && still_there(c, id, &place);
}

bool lock_file(struct call *c, int64_t id, int64_t other_patient)
{
    return lock_file_alone(c, id, other_patient) && audit_watch(c, "image_file", &image_file_schema, id);
}

bool lock_patient_of_file(struct call *c, int64_t id, int64_t *patient)
{
    struct place_of_file place;
    if (!find_place(c, id, &place) ||
        (!db_is_local(c->db) && (!lock_both(c, place.patient, 0) || !still_there(c, id, &place))))
        return false;
    *patient = place.patient ? place.patient : INTEGER_NULL;
    return true;
}

bool lock_record(struct call *c, const char *table, int64_t id)
{
    if (!strcmp(table, "patients"))
        return lock_patients(c, id, 0);
    if (!strcmp(table, "studies"))
        return lock_study(c, id, 0);
    if (!strcmp(table, "image_files"))
        return lock_file(c, id, 0);
    return db_lock(c, arena_format(&c->arena, "select id from %s where id = ?", table).at, V(id));
}
