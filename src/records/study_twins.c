/* study_twins.c - the studies that have one Study Instance UID. */
#include "records/study_twins.h"

#include "records/filing.h"
#include "records/visibility.h"

bool study_twins_find(struct call *c, struct str study_uid, int64_t by, struct study_twins *out)
{
    struct cursor rows;
    out->count = 0;
    for (db_rows(c, &rows,
                 "select s.id, s.patient_id, s.modality, " VISIBLE_STUDY " as seen, s.created_by from studies s where "
                 "s.study_uid = ? and s.deleted_at is null order by seen desc, s.id",
                 VISIBLE_STUDY_TO_USER(c, by), V(study_uid));
         out->count < STUDY_TWINS_MAX && cursor_next(&rows);) {
        struct study_twin *twin = &out->at[out->count++];
        twin->id = cursor_integer(&rows, 0);
        twin->patient_id = cursor_integer(&rows, 1);
        twin->modality = arena_copy(&c->arena, cursor_text(&rows, 2));
        twin->is_seen = cursor_integer(&rows, 3) != 0;
        twin->created_by = cursor_integer(&rows, 4);
    }
    return cursor_close(&rows);
}

const struct study_twin *study_twins_of_patient(const struct study_twins *twins, int64_t patient_id)
{
    for (int i = 0; i < twins->count; i++)
        if (twins->at[i].patient_id == patient_id)
            return &twins->at[i];
    return NULL;
}

const struct study_twin *study_twins_seen(const struct study_twins *twins)
{
    return twins->count && twins->at[0].is_seen ? &twins->at[0] : NULL;
}

int64_t study_twins_claim(const struct study_twins *twins, int64_t by)
{
    return twins->count ? by : 0;
}

static bool mark(struct call *c, int64_t study_id)
{
    return db_execute(c, "update studies set conflict = '[\"study_uid\"]' where id = ? and conflict is null",
                      V(study_id));
}

bool study_twins_mark(struct call *c, const struct study_twins *twins, int64_t new_id, int64_t patient_id)
{
    if (!twins->count)
        return true;
    for (int i = 0; i < twins->count; i++)
        if (!mark(c, twins->at[i].id))
            return false;
    return mark(c, new_id) && audit_also(c, "study.conflict", "study", new_id, patient_id);
}
