/* trash_work.c - the table of what is on its way, the slices, and the thread that does them. */
#include "records/trash_work.h"

#include "site/app.h"
#include "records/image_file.h"
#include "records/record_lock.h"
#include "base/log.h"
#include "base/thread.h"

enum { PAUSE_US = 1000000, PAUSE_MAX_US = 60000000 };

/* ---- what is on its way ---- */

static enum found find_study_below(struct call *c, int64_t patient_id)
{
    int64_t found = 0;
    return db_find_integer(
        c, &found, "select 1 from trash_work w join studies s on s.id = w.study_id where s.patient_id = ? limit 1",
        V(patient_id));
}

bool trash_work_is_large(struct call *c, const struct tree *tree, bool *large)
{
    int64_t files = 0;
    enum found below = tree->study_id ? NONE : find_study_below(c, tree->patient_id);
    *large = below == FOUND;
    if (below != NONE)
        return below == FOUND;
    if (!db_integer(c, &files,
                    tree->study_id ? "select count(*) from (select 1 from image_files f where f.study_id = ? and "
                                     "f.is_deleted = 0 limit ?) t"
                                   : "select count(*) from (select 1 from image_files f where f.patient_id = ? and "
                                     "f.is_deleted = 0 limit ?) t",
                    V(tree->study_id ? tree->study_id : tree->patient_id), V(TRASH_SLICE + 1)))
        return false;
    *large = files > TRASH_SLICE;
    return true;
}

static struct value patient_of(const struct tree *tree)
{
    return tree->study_id ? value_nothing() : V(tree->patient_id);
}

static struct value study_of(const struct tree *tree)
{
    return tree->study_id ? V(tree->study_id) : value_nothing();
}

bool trash_work_begin(struct call *c, const struct tree *tree, bool restoring)
{
    int64_t id = 0;
    enum found there = db_find_locked(c, &id, "select id from trash_work where patient_id = ? or study_id = ?",
                                      patient_of(tree), study_of(tree));
    if (there == FOUND)
        return db_execute(c, "update trash_work set is_restoring = ? where id = ?", V(restoring), V(id));
    return there == NONE && db_execute(c, "insert into trash_work(patient_id, study_id, is_restoring) values (?, ?, ?)",
                                       patient_of(tree), study_of(tree), V(restoring));
}

bool trash_work_end(struct call *c, const struct tree *tree)
{
    return db_execute(c, "delete from trash_work where patient_id = ? or study_id = ?", patient_of(tree),
                      study_of(tree));
}

/* ---- counts ---- */

/* Files of one owner, type, status and modality. */
struct group {
    struct group *next;
    int64_t owner, files, bytes;
    struct str type, status, modality;
};

static bool find_groups(struct call *c, const struct tree *tree, struct group **out)
{
#define COUNTED \
    "select f.uploaded_by, f.file_type, f.status, coalesce(f.modality, ''), count(*), sum(f.file_size) " \
    "from image_files f where "
#define BY_GROUP " group by f.uploaded_by, f.file_type, f.status, coalesce(f.modality, '')"
    struct cursor rows;
    *out = NULL;
    db_rows(c, &rows,
            tree->study_id ? COUNTED "f.study_id = ? and f.is_deleted = 0" BY_GROUP
                           : COUNTED "f.patient_id = ? and f.is_deleted = 0 and not exists "
                                     "(select 1 from trash_work w where w.study_id = f.study_id)" BY_GROUP,
            V(tree->study_id ? tree->study_id : tree->patient_id));
    while (cursor_next(&rows)) {
        struct group *g = arena_new(&c->arena, struct group);
        *g = (struct group){ .next = *out,
                             .owner = cursor_integer(&rows, 0),
                             .type = arena_copy(&c->arena, cursor_text(&rows, 1)),
                             .status = arena_copy(&c->arena, cursor_text(&rows, 2)),
                             .modality = arena_copy(&c->arena, cursor_text(&rows, 3)),
                             .files = cursor_integer(&rows, 4),
                             .bytes = cursor_integer(&rows, 5) };
        *out = g;
    }
    return cursor_close(&rows);
}

static bool count_group(struct call *c, const struct group *g, int64_t owner, int sign)
{
    struct value files = V(sign * g->files), bytes = V(sign * g->bytes);
    int64_t changed = 0;
    if (!db_execute_counted(c, &changed,
                            "update image_file_counts set files = files + ?, bytes = bytes + ? where uploaded_by = ? "
                            "and file_type = ? and status = ? and modality = ?",
                            files, bytes, V(owner), V(g->type), V(g->status), V(g->modality)) ||
        (!changed && !db_execute(c,
                                 "insert into image_file_counts(uploaded_by, file_type, status, modality, files, "
                                 "bytes) values (?, ?, ?, ?, ?, ?)",
                                 V(owner), V(g->type), V(g->status), V(g->modality), files, bytes)))
        return false;
    return db_execute(c, "update image_file_totals set files = files + ?, bytes = bytes + ? where uploaded_by = ?",
                      files, bytes, V(owner));
}

bool trash_work_count_upload(struct call *c, int64_t patient_id, int64_t owner, int64_t files)
{
    int64_t changed = 0;
    return db_execute_counted(c, &changed,
                              "update patient_uploads set files = files + ? where patient_id = ? and uploaded_by = ?",
                              V(files), V(patient_id), V(owner)) &&
           (changed || db_execute(c, "insert into patient_uploads(patient_id, uploaded_by, files) values (?, ?, ?)",
                                  V(patient_id), V(owner), V(files)));
}

bool trash_work_count(struct call *c, const struct tree *tree, int sign)
{
    struct group *groups;
    int64_t sum = 0;
    if (!find_groups(c, tree, &groups))
        return false;
    for (const struct group *g = groups; g; g = g->next) {
        sum += sign * g->files;
        if (!count_group(c, g, 0, sign) || !count_group(c, g, g->owner, sign) ||
            !trash_work_count_upload(c, tree->patient_id, g->owner, sign * g->files))
            return false;
    }
    return db_execute(c, "update patients set image_count = image_count + ? where id = ?", V(sum), V(tree->patient_id));
}

/* ---- slices ---- */

struct slice {
    int64_t ids[TRASH_SLICE];
    int count;
};

static bool take_slice(struct cursor *rows, struct slice *out)
{
    for (out->count = 0; out->count < TRASH_SLICE && cursor_next(rows);)
        out->ids[out->count++] = cursor_integer(rows, 0);
    return cursor_close(rows);
}

/* The first version took the words of its files away with a study. */
static bool restore_words(struct call *c, const struct tree *tree, const struct slice *slice)
{
#define WORDLESS \
    "select f.id, f.original_filename, f.description from image_files f where f.id = ? and not exists " \
    "(select 1 from image_file_search w where w."
    for (int i = 0; tree->study_id && i < slice->count; i++) {
        struct cursor rows;
        struct str name = STR_NULL, description = STR_NULL;
        db_rows(c, &rows, db_is_local(c->db) ? WORDLESS "rowid = f.id)" : WORDLESS "id = f.id)", V(slice->ids[i]));
        bool found = cursor_next(&rows);
        if (found) {
            name = arena_copy(&c->arena, cursor_text(&rows, 1));
            description = arena_copy(&c->arena, cursor_text(&rows, 2));
        }
        if (!cursor_close(&rows) || (found && !image_file_index(c, slice->ids[i], name, description)))
            return false;
    }
    return true;
}

/* By the moment, which nothing else shares; the plus keeps the other index out of it. */
bool trash_work_restore_some(struct call *c, const struct tree *tree, struct instant at, bool *left)
{
    struct cursor rows;
    struct slice slice;
    struct value now = V(clock_now());
    db_rows(c, &rows,
            tree->study_id ? "select f.id from image_files f where f.deleted_at = ? and +f.study_id = ? limit ?"
                           : "select f.id from image_files f where f.deleted_at = ? and +f.patient_id = ? limit ?",
            V(at), V(tree->study_id ? tree->study_id : tree->patient_id), V(TRASH_SLICE));
    if (!take_slice(&rows, &slice) || !restore_words(c, tree, &slice))
        return false;
    for (int i = 0; i < slice.count; i++)
        if (!db_execute(c, "update image_files set deleted_at = null, deleted_by = null, updated_at = ? where id = ?",
                        now, V(slice.ids[i])))
            return false;
    *left = slice.count == TRASH_SLICE;
    return true;
}

/* A deletion that is on its way, and how its parent was marked. */
struct deleting {
    int64_t id;
    struct tree tree;
    struct value at, by;
    bool any;
};

static bool find_deleting(struct call *c, struct deleting *d)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select w.id, coalesce(w.patient_id, s.patient_id), w.study_id from trash_work w left join studies s on "
            "s.id = w.study_id where w.is_restoring = 0 order by w.id limit 1");
    d->any = cursor_next(&rows);
    if (d->any) {
        d->id = cursor_integer(&rows, 0);
        d->tree = (struct tree){ cursor_integer(&rows, 1), cursor_integer(&rows, 2) };
    }
    return cursor_close(&rows);
}

static bool find_mark(struct call *c, struct deleting *d)
{
    struct cursor rows;
    db_rows(c, &rows,
            d->tree.study_id ? "select deleted_at, deleted_by from studies where id = ? and deleted_at is not null"
                             : "select deleted_at, deleted_by from patients where id = ? and deleted_at is not null",
            V(d->tree.study_id ? d->tree.study_id : d->tree.patient_id));
    bool found = cursor_next(&rows);
    if (found) {
        d->at = V(cursor_integer(&rows, 0));
        d->by = V(cursor_integer(&rows, 1));
    }
    return cursor_close(&rows) && (found || fail(c, E_INTERNAL, "what is on its way to the trash is not deleted"));
}

static bool delete_slice(struct call *c, const struct deleting *d)
{
    struct cursor rows;
    struct slice slice;
    db_rows(c, &rows,
            d->tree.study_id ? "select f.id from image_files f where f.study_id = ? and f.is_deleted = 0 limit ?"
                             : "select f.id from image_files f where f.patient_id = ? and f.is_deleted = 0 and not "
                               "exists (select 1 from trash_work w where w.study_id = f.study_id) limit ?",
            V(d->tree.study_id ? d->tree.study_id : d->tree.patient_id), V(TRASH_SLICE));
    if (!take_slice(&rows, &slice))
        return false;
    for (int i = 0; i < slice.count; i++)
        if (!db_execute(c,
                        "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ? and "
                        "deleted_at is null",
                        d->at, d->by, d->at, V(slice.ids[i])))
            return false;
    return slice.count == TRASH_SLICE || trash_work_end(c, &d->tree);
}

/* One slice of the oldest deletion; d->any: there was one. */
static bool delete_some(struct call *c, void *context)
{
    struct deleting *d = context;
    int64_t still = 0;
    if (!find_deleting(c, d))
        return false;
    if (!d->any)
        return true;
    if (d->tree.study_id ? !lock_study(c, d->tree.study_id, 0) : !lock_patients(c, d->tree.patient_id, 0))
        return false;
    enum found there =
        db_find_locked(c, &still, "select id from trash_work where id = ? and is_restoring = 0", V(d->id));
    if (there != FOUND)
        return there == NONE; /* it is being restored */
    return find_mark(c, d) && delete_slice(c, d);
}

bool trash_work_some(struct call *c, bool *more)
{
    struct deleting d = { .any = false };
    bool ok = db_transact(c, delete_some, &d);
    *more = d.any;
    return ok;
}

/* ---- the thread ---- */

struct trash_worker {
    struct app *app;
    struct background background;
    bool wanted;
    int64_t again_us; /* when to try again what has failed; 0: nothing has */
    int64_t pause_us;
};

/* Waits for something to do. False: the end. */
static bool next(struct trash_worker *t)
{
    background_lock(&t->background);
    while (!t->background.stopping && !t->wanted && background_wait(&t->background, t->again_us ? t->again_us : NEVER))
        continue;
    t->wanted = false;
    bool go_on = !t->background.stopping;
    background_unlock(&t->background);
    return go_on;
}

/* Slices until nothing is left, each behind the writes that came meanwhile. */
static void delete_all(struct trash_worker *t, struct call *c)
{
    bool ok = true, more = true;
    while (ok && more && !background_is_stopping(&t->background)) {
        call_reset(c);
        ok = trash_work_some(c, &more);
        db_release(c);
    }
    t->pause_us = ok                           ? 0
                  : t->pause_us < PAUSE_US     ? PAUSE_US
                  : t->pause_us < PAUSE_MAX_US ? t->pause_us * 2
                                               : PAUSE_MAX_US;
    t->again_us = ok ? 0 : clock_monotonic_us() + t->pause_us;
    if (!ok)
        log_write(t->app->log, LOG_WARNING, NULL, "trash.delayed", "deleted files are marked later: %s",
                  c->error.message);
}

static bool settle(struct call *c, void *unused)
{
    (void)unused;
    return db_execute(c, "update trash_work set is_restoring = 0 where is_restoring = 1");
}

/* None of it had been answered. */
bool trash_work_recover(struct call *c)
{
    return db_transact(c, settle, NULL);
}

static void delete_wanted(void *context)
{
    struct trash_worker *t = context;
    struct call c;
    struct actor actor = ACTOR_OF_TASK("trash");
    call_init(&c, t->app, t->app->db);
    c.actor = &actor;
    while (next(t))
        delete_all(t, &c);
    call_release(&c);
}

bool trash_worker_open(struct app *app, struct trash_worker **out, struct error *error)
{
    struct trash_worker *t = calloc(1, sizeof(*t));
    if (!t)
        abort();
    t->app = app;
    t->wanted = true;
    if (!background_start(&t->background, "trash", delete_wanted, t, error)) {
        free(t);
        return false;
    }
    *out = t;
    return true;
}

void trash_worker_close(struct trash_worker *t)
{
    if (!t)
        return;
    background_stop(&t->background);
    background_release(&t->background);
    free(t);
}

void trash_work_wake(struct call *c)
{
    struct trash_worker *t = c->app->trash;
    if (!t)
        return;
    background_lock(&t->background);
    t->wanted = true;
    background_wake(&t->background);
    background_unlock(&t->background);
}
