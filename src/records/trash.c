/* trash.c - deletes, restores and moves patients and studies with what belongs to them. */
#include "records/trash_work.h"

#include "records/file_event.h"
#include "site/actor.h"
#include "db/db.h"

/* ---- the records: a patient, its studies, their series ---- */

/* Which records, and how they are marked: null values mark what is deleted at `was` as not deleted. */
struct marking {
    const struct tree *tree;
    struct value at, by, was;
};

static bool mark_series(struct call *c, int64_t study_id, const struct marking *m)
{
    return m->was.type == VALUE_NOTHING
               ? db_execute(c,
                            "update series set deleted_at = ?, deleted_by = ?, updated_at = ? where study_id = ? and "
                            "deleted_at is null",
                            m->at, m->by, m->at, V(study_id))
               : db_execute(c,
                            "update series set deleted_at = null, deleted_by = null, updated_at = ? where study_id = ? "
                            "and deleted_at = ?",
                            V(clock_now()), V(study_id), m->was);
}

/* The studies of a patient that went at that moment. */
static bool studies_gone(struct call *c, int64_t patient_id, struct value at, struct integers *out)
{
    struct cursor rows;
    int64_t most = 0;
    if (!db_integer(c, &most, "select count(*) from studies where patient_id = ? and deleted_at = ?", V(patient_id),
                    at))
        return false;
    *out = (struct integers){ arena_array(&c->arena, int64_t, most), 0 };
    for (db_rows(c, &rows, "select id from studies where patient_id = ? and deleted_at = ? order by id", V(patient_id),
                 at);
         out->count < most && cursor_next(&rows);)
        out->items[out->count++] = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

static bool mark_study(struct call *c, const struct marking *m)
{
    return db_execute(c, "update studies set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ?", m->at, m->by,
                      V(clock_now()), V(m->tree->study_id)) &&
           mark_series(c, m->tree->study_id, m);
}

static bool mark_patient(struct call *c, const struct marking *m)
{
    struct integers studies;
    int64_t id = m->tree->patient_id;
    bool goes = m->was.type == VALUE_NOTHING;
    if (!db_execute(c, "update patients set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ?", m->at, m->by,
                    V(clock_now()), V(id)) ||
        (goes && !db_execute(c,
                             "update studies set deleted_at = ?, deleted_by = ?, updated_at = ? where patient_id = ? "
                             "and is_deleted = 0",
                             m->at, m->by, m->at, V(id))) ||
        !studies_gone(c, id, goes ? m->at : m->was, &studies) ||
        (!goes && !db_execute(c,
                              "update studies set deleted_at = null, deleted_by = null, updated_at = ? where "
                              "patient_id = ? and deleted_at = ?",
                              V(clock_now()), V(id), m->was)))
        return false;
    for (ptrdiff_t i = 0; i < studies.count; i++)
        if (!mark_series(c, studies.items[i], m))
            return false;
    return true;
}

static bool mark_records(struct call *c, const struct marking *m)
{
    return m->tree->study_id ? mark_study(c, m) : mark_patient(c, m);
}

/* ---- deletion ---- */

static bool mark_files(struct call *c, const struct marking *m)
{
    if (!(m->tree->study_id ? db_execute(c, FILE_EVENTS "where f.study_id = ? and f.is_deleted = 0",
                                         FILE_EVENTS_OF(EVENT_FILE_DELETED), V(m->tree->study_id))
                            : db_execute(c, FILE_EVENTS "where f.patient_id = ? and f.is_deleted = 0",
                                         FILE_EVENTS_OF(EVENT_FILE_DELETED), V(m->tree->patient_id))))
        return false;
    return m->tree->study_id ? db_execute(c,
                                          "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where "
                                          "study_id = ? and is_deleted = 0",
                                          m->at, m->by, m->at, V(m->tree->study_id))
                             : db_execute(c,
                                          "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where "
                                          "patient_id = ? and is_deleted = 0",
                                          m->at, m->by, m->at, V(m->tree->patient_id));
}

bool trash_tree(struct call *c, const struct tree *tree)
{
    struct marking m = { tree, V(clock_now()), V(call_user(c)), value_nothing() };
    bool large;
    if (!trash_work_is_large(c, tree, &large))
        return false;
    if (!large)
        return mark_records(c, &m) && mark_files(c, &m);
    return mark_records(c, &m) && trash_work_count(c, tree, -1) && trash_work_begin(c, tree, false) &&
           trash_work_put(c, tree);
}

/* ---- restoring ---- */

struct step {
    const struct restoring *how;
    void *context;
    struct tree tree;
    bool done;
};

/* The next files; after the last of them, in the same transaction, all the rest. */
static bool restore_step(struct call *c, void *context)
{
    struct step *s = context;
    struct marking m = { &s->tree, value_nothing(), value_nothing(), value_nothing() };
    struct instant at;
    bool left;
    s->done = false;
    if (!s->how->find(c, s->context, &s->tree, &at) || !trash_work_begin(c, &s->tree, true) ||
        !trash_work_restore_some(c, &s->tree, at, &left))
        return false;
    m.was = V(at);
    s->done = !left;
    return left || (trash_work_end(c, &s->tree) && mark_records(c, &m) && trash_work_count(c, &s->tree, 1) &&
                    s->how->finish(c, s->context));
}

/* Its number or UID has been given to another meanwhile, or the database failed: what had come back follows the rest
 * again. */
static bool give_up(struct call *c, void *context)
{
    const struct step *s = context;
    int64_t turned = 0;
    return db_execute_counted(c, &turned,
                              "update trash_work set is_restoring = 0 where is_restoring = 1 and (patient_id = ? or "
                              "study_id = ?)",
                              s->tree.study_id ? value_nothing() : V(s->tree.patient_id),
                              s->tree.study_id ? V(s->tree.study_id) : value_nothing()) &&
           (!turned || trash_work_put(c, &s->tree));
}

bool trash_restore(struct call *c, const struct restoring *how, void *context)
{
    struct step step = { .how = how, .context = context };
    int steps = 0;
    bool ok = true;
    for (; ok && !step.done; steps++)
        ok = db_transact(c, restore_step, &step);
    if (!ok && steps > 1) { /* the first leaves nothing behind when it fails */
        struct error why = c->error;
        error_clear(&c->error);
        db_transact(c, give_up, &step);
        c->error = why;
    }
    return ok;
}

/* ---- to another patient ---- */

struct owned {
    struct owned *next;
    int64_t owner, files;
};

/* The files that are counted for the patient, by who uploaded them. */
static bool find_owned(struct call *c, const struct tree *tree, struct owned **out)
{
    struct cursor rows;
    *out = NULL;
    if (tree->study_id)
        db_rows(c, &rows,
                "select f.uploaded_by, count(*) from image_files f where f.study_id = ? and f.is_deleted = 0 group by "
                "f.uploaded_by",
                V(tree->study_id));
    else
        db_rows(c, &rows, "select uploaded_by, files from patient_uploads where patient_id = ? and files > 0",
                V(tree->patient_id));
    while (cursor_next(&rows)) {
        struct owned *one = arena_new(&c->arena, struct owned);
        *one = (struct owned){ *out, cursor_integer(&rows, 0), cursor_integer(&rows, 1) };
        *out = one;
    }
    return cursor_close(&rows);
}

static bool count_owned(struct call *c, const struct owned *owned, int64_t patient, int sign)
{
    int64_t sum = 0;
    for (; owned; owned = owned->next) {
        sum += sign * owned->files;
        if (!trash_work_count_upload(c, patient, owned->owner, sign * owned->files))
            return false;
    }
    return db_execute(c, "update patients set image_count = image_count + ? where id = ?", V(sum), V(patient));
}

/* The counts are changed by what is known of them, not by a trigger for each file. */
bool trash_move(struct call *c, const struct tree *tree, int64_t to_patient)
{
    struct owned *owned;
    struct value from = V(tree->patient_id), to = V(to_patient), now = V(clock_now());
    if (!find_owned(c, tree, &owned) || !trash_work_begin(c, tree, false))
        return false;
    bool moved =
        tree->study_id
            ? db_execute(c, "update image_files set patient_id = ?, updated_at = ? where study_id = ?", to, now,
                         V(tree->study_id))
            : db_execute(c, "update studies set patient_id = ?, updated_at = ? where patient_id = ?", to, now, from) &&
                  db_execute(c, "update image_files set patient_id = ?, updated_at = ? where patient_id = ?", to, now,
                             from);
    return moved && trash_work_end(c, tree) && count_owned(c, owned, tree->patient_id, -1) &&
           count_owned(c, owned, to_patient, 1);
}

bool trash_parents_are_there(struct call *c, int64_t patient_id, int64_t study_id)
{
    int64_t there = 0;
    if (patient_id > 0 &&
        !db_integer(c, &there, "select 1 from patients where id = ? and deleted_at is null", V(patient_id)))
        return fail(c, E_CONFLICT, "its patient has been deleted: restore the patient");
    return study_id <= 0 ||
           db_integer(c, &there, "select 1 from studies where id = ? and deleted_at is null", V(study_id)) ||
           fail(c, E_CONFLICT, "its study has been deleted: restore the study");
}
