/* trash.c - deletes and restores patients and studies with what belongs to them. */
#include "app/trash.h"

#include "app/app.h"
#include "app/image_file.h"

enum { WORDS_AT_ONCE = 200 };

/* The deletion under way. */
struct going {
    struct value at, by;
};

static struct going going(struct call *c)
{
    return (struct going){ V(clock_now()), V(call_user(c)) };
}

static bool trash_series(struct call *c, int64_t study_id, const struct going *g)
{
    return db_execute(
        c, "update series set deleted_at = ?, deleted_by = ?, updated_at = ? where study_id = ? and deleted_at is null",
        g->at, g->by, g->at, V(study_id));
}

static bool restore_series(struct call *c, int64_t study_id, struct instant at)
{
    return db_execute(
        c,
        "update series set deleted_at = null, deleted_by = null, updated_at = ? where study_id = ? and deleted_at = ?",
        V(clock_now()), V(study_id), V(at));
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

bool trash_study(struct call *c, int64_t id)
{
    struct going g = going(c);
    return db_execute(c, "update studies set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ?", g.at, g.by,
                      g.at, V(id)) &&
           trash_series(c, id, &g) &&
           db_execute(
               c,
               "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where study_id = ? and is_deleted = 0",
               g.at, g.by, g.at, V(id));
}

bool trash_patient(struct call *c, int64_t id)
{
    struct going g = going(c);
    struct integers studies;
    if (!db_execute(c, "update patients set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ?", g.at, g.by,
                    g.at, V(id)) ||
        !db_execute(
            c,
            "update studies set deleted_at = ?, deleted_by = ?, updated_at = ? where patient_id = ? and is_deleted = 0",
            g.at, g.by, g.at, V(id)) ||
        !studies_gone(c, id, g.at, &studies))
        return false;
    for (ptrdiff_t i = 0; i < studies.count; i++)
        if (!trash_series(c, studies.items[i], &g))
            return false;
    return db_execute(
        c,
        "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where patient_id = ? and is_deleted = 0",
        g.at, g.by, g.at, V(id));
}

/* The first version took the words of its files away with a study. */
static bool restore_some_words(struct call *c, int64_t study_id, struct instant at, int64_t *last)
{
    struct image_file *files = arena_array(&c->arena, struct image_file, WORDS_AT_ONCE);
    struct cursor rows;
    int count = 0;
    const char *sql =
        db_is_local(c->db)
            ? "select f.id, f.original_filename, f.description from image_files f where f.study_id = ? and f.deleted_at = ? "
              "and f.id > ? and not exists (select 1 from image_file_search w where w.rowid = f.id) order by f.id limit ?"
            : "select f.id, f.original_filename, f.description from image_files f where f.study_id = ? and f.deleted_at = ? "
              "and f.id > ? and not exists (select 1 from image_file_search w where w.id = f.id) order by f.id limit ?";
    for (db_rows(c, &rows, sql, V(study_id), V(at), V(*last), V(WORDS_AT_ONCE));
         count < WORDS_AT_ONCE && cursor_next(&rows); count++) {
        files[count].id = cursor_integer(&rows, 0);
        files[count].original_filename = arena_copy(&c->arena, cursor_text(&rows, 1));
        files[count].description = arena_copy(&c->arena, cursor_text(&rows, 2));
    }
    if (!cursor_close(&rows))
        return false;
    for (int i = 0; i < count; i++)
        if (!image_file_index(c, files[i].id, files[i].original_filename, files[i].description))
            return false;
    *last = count == WORDS_AT_ONCE ? files[count - 1].id : 0;
    return true;
}

static bool restore_words(struct call *c, int64_t study_id, struct instant at)
{
    int64_t last = 0;
    do {
        if (!restore_some_words(c, study_id, at, &last))
            return false;
    } while (last);
    return true;
}

bool trash_restore_study(struct call *c, int64_t id, struct instant at)
{
    return restore_words(c, id, at) &&
           db_execute(c, "update studies set deleted_at = null, deleted_by = null, updated_at = ? where id = ?",
                      V(clock_now()), V(id)) &&
           restore_series(c, id, at) &&
           db_execute(
               c,
               "update image_files set deleted_at = null, deleted_by = null, updated_at = ? where study_id = ? and deleted_at = ?",
               V(clock_now()), V(id), V(at));
}

bool trash_restore_patient(struct call *c, int64_t id, struct instant at)
{
    struct instant now = clock_now();
    struct integers studies;
    if (!db_execute(c, "update patients set deleted_at = null, deleted_by = null, updated_at = ? where id = ?", V(now),
                    V(id)) ||
        !studies_gone(c, id, V(at), &studies) ||
        !db_execute(
            c,
            "update studies set deleted_at = null, deleted_by = null, updated_at = ? where patient_id = ? and deleted_at = ?",
            V(now), V(id), V(at)))
        return false;
    for (ptrdiff_t i = 0; i < studies.count; i++)
        if (!restore_series(c, studies.items[i], at))
            return false;
    return db_execute(
        c,
        "update image_files set deleted_at = null, deleted_by = null, updated_at = ? where patient_id = ? and deleted_at = ?",
        V(now), V(id), V(at));
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
