/* study_twins.c - the studies that have one Study Instance UID. */
#include "records/study_twins.h"

#include "records/filing.h"
#include "records/visibility.h"

/* Does a stand before b? */
static bool is_before(const struct study_twin *a, const struct study_twin *b)
{
    return a->is_seen != b->is_seen ? a->is_seen : a->id < b->id;
}

/* In its place; of too many the last goes. */
static void put_twin(struct study_twins *twins, const struct study_twin *twin)
{
    int at = twins->count;
    while (at > 0 && is_before(twin, &twins->at[at - 1]))
        at--;
    if (at == STUDY_TWINS_MAX)
        return;
    twins->count += twins->count < STUDY_TWINS_MAX;
    memmove(&twins->at[at + 1], &twins->at[at], (size_t)(twins->count - 1 - at) * sizeof(*twin));
    twins->at[at] = *twin;
}

/* Put in order here: SQLite would make a sorter for the one row that there nearly always is. */
bool study_twins_find(struct call *c, struct str study_uid, int64_t by, struct study_twins *out)
{
    struct cursor rows;
    out->count = 0;
    for (db_rows(c, &rows,
                 "select s.id, s.patient_id, s.modality, case when " VISIBLE_STUDY
                 " then 1 else 0 end, s.created_by, case when s.number_of_instances = 0 and s.status in "
                 "('SCHEDULED', 'CANCELLED') then 1 else 0 end from studies s where "
                 "s.study_uid = ? and s.deleted_at is null",
                 VISIBLE_STUDY_TO_USER(c, by), V(study_uid));
         cursor_next(&rows);) {
        struct study_twin twin = {
            .id = cursor_integer(&rows, 0),
            .patient_id = cursor_integer(&rows, 1),
            .modality = arena_copy(&c->arena, cursor_text(&rows, 2)),
            .is_seen = cursor_integer(&rows, 3) != 0,
            .created_by = cursor_integer(&rows, 4),
            .is_ordered = cursor_integer(&rows, 5) != 0,
        };
        put_twin(out, &twin);
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

const struct study_twin *study_twins_of_id(const struct study_twins *twins, int64_t id)
{
    for (int i = 0; i < twins->count; i++)
        if (twins->at[i].id == id)
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

bool study_twins_make_way(struct call *c, const struct tree *tree, struct instant deleted_at)
{
#define FILED_ANEW \
    "select s.id, g.id, case when " VISIBLE_STUDY " then 1 else 0 end from studies g join studies s on s.study_uid = " \
    "g.study_uid and s.claim = g.claim and s.deleted_at is null where g.deleted_at = ? and "
    struct cursor rows;
    int64_t there = 0, gone = 0;
    bool seen = false;
    db_rows(c, &rows, tree->study_id ? FILED_ANEW "g.id = ? limit 1" : FILED_ANEW "g.patient_id = ? limit 1",
            VISIBLE_STUDY_TO(c), V(deleted_at), V(tree->study_id ? tree->study_id : tree->patient_id));
    if (cursor_next(&rows)) {
        there = cursor_integer(&rows, 0);
        gone = cursor_integer(&rows, 1);
        seen = cursor_integer(&rows, 2) != 0;
    }
    if (!cursor_close(&rows))
        return false;
    struct str now = seen ? arena_format(&c->arena, "study %" PRId64, there) : S("another study");
    return !there || fail(c, E_CONFLICT,
                          "the Study Instance UID of study %" PRId64 " has been filed anew since, as %.*s: that has to "
                          "be deleted first",
                          gone, STR_FMT(now));
}
