/* trash_work.c - the table of what is on its way, the slices, and the job that does them. */
#include "records/trash_work.h"

#include "records/file_event.h"
#include "site/app.h"
#include "records/image_file.h"
#include "records/record_lock.h"
#include "base/log.h"

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
                        now, V(slice.ids[i])) ||
            !db_execute(c, FILE_EVENTS "where f.id = ?", FILE_EVENTS_OF(EVENT_FILE_RESTORED), V(slice.ids[i])))
            return false;
    *left = slice.count == TRASH_SLICE;
    return true;
}

/* A deletion that is on its way, and how its parent was marked. */
struct deleting {
    int64_t id;
    struct tree tree;
    struct value at, by;
    int count; /* files that were marked now */
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

static bool delete_slice(struct call *c, struct deleting *d)
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
        if (!db_execute(c, FILE_EVENTS "where f.id = ? and f.deleted_at is null", FILE_EVENTS_OF(EVENT_FILE_DELETED),
                        V(slice.ids[i])) ||
            !db_execute(c,
                        "update image_files set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ? and "
                        "deleted_at is null",
                        d->at, d->by, d->at, V(slice.ids[i])))
            return false;
    d->count = slice.count;
    return slice.count == TRASH_SLICE || trash_work_end(c, &d->tree);
}

/* One slice of the oldest deletion; d->any: there was one. */
static bool delete_some(struct call *c, void *context)
{
    struct deleting *d = context;
    int64_t still = 0;
    d->count = 0;
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

/* ---- the job ---- */

struct mark_order {
    int64_t patient_id, study_id;
};
static const struct field mark_order_fields[] = {
    FIELD(struct mark_order, patient_id, .flags = NULLABLE, .doc = "The patient that was deleted; null: a study was."),
    FIELD(struct mark_order, study_id, .flags = NULLABLE, .doc = "The study that was deleted; null: a patient was."),
};
static const struct schema mark_order = SCHEMA("TrashMarkOrder", struct mark_order, mark_order_fields);

struct marked {
    int64_t files;
};
static const struct field marked_fields[] = {
    FIELD(struct marked, files, .doc = "How many of its files have left the index of what is there."),
};
static const struct schema marked = SCHEMA("TrashMarked", struct marked, marked_fields);

bool trash_work_put(struct call *c, const struct tree *tree)
{
    bool is_study = tree->study_id != 0;
    struct mark_order order = { is_study ? INTEGER_NULL : tree->patient_id, is_study ? tree->study_id : INTEGER_NULL };
    struct str key = arena_format(&c->arena, is_study ? "study %" PRId64 : "patient %" PRId64,
                                  is_study ? tree->study_id : tree->patient_id);
    return jobs_put(
        c, &(struct job_order){ .kind = &trash_mark, .payload = &order, .unique_key = key, .priority = JOB_HIGH },
        NULL);
}

struct marking_job {
    struct job_run *run;
    const struct mark_order *order;
    struct call call; /* of a slice: what it makes is let go of with each */
    int64_t files, total;
    int64_t pause_us; /* after a failure; 0: there was none */
    bool left;        /* it was to end, and there is more */
};

static struct value named(int64_t id)
{
    return id > 0 ? V(id) : value_nothing();
}

/* Is its deletion on its way still? */
static enum found find_own(struct call *c, const struct mark_order *order)
{
    int64_t id;
    return db_find_integer(c, &id,
                           "select id from trash_work where is_restoring = 0 and (patient_id = ? or study_id = ?)",
                           named(order->patient_id), named(order->study_id));
}

static bool is_done(struct call *c, void *context)
{
    struct marking_job *m = context;
    enum found own = find_own(c, m->order);
    m->left = own == FOUND;
    return own == NONE || (own == FOUND && fail(c, E_CONFLICT, "it is on its way again"));
}

static bool count_files(struct call *c, const struct mark_order *order, int64_t *files)
{
    return db_integer(c, files,
                      order->study_id > 0
                          ? "select count(*) from image_files f where f.study_id = ? and f.is_deleted = 0"
                          : "select count(*) from image_files f where f.patient_id = ? and f.is_deleted = 0",
                      V(order->study_id > 0 ? order->study_id : order->patient_id));
}

/* One slice, behind the writes that came meanwhile; a failure waits, a little longer each time. */
static bool mark_slice(struct marking_job *m)
{
    struct call *c = &m->call;
    struct deleting d = { .any = false };
    if (db_transact(c, delete_some, &d)) {
        m->files += d.count;
        m->pause_us = 0;
        return true;
    }
    m->pause_us = m->pause_us < PAUSE_US ? PAUSE_US : m->pause_us < PAUSE_MAX_US ? m->pause_us * 2 : PAUSE_MAX_US;
    log_write(c->app->log, LOG_WARNING, NULL, "trash.delayed", "deleted files are marked later: %s", c->error.message);
    return job_rest(m->run, m->pause_us);
}

static bool mark_all(struct call *c, struct marking_job *m)
{
    enum found own;
    do {
        call_reset(&m->call);
        while ((own = find_own(&m->call, m->order)) == FOUND) {
            db_release(&m->call);
            if (!job_tell(m->run, m->files, m->total, "files", STR_NULL) || !mark_slice(m))
                return false;
            call_reset(&m->call);
        }
        db_release(&m->call);
        if (own == FAILED)
            return fail(c, m->call.error.code, "%s", m->call.error.message);
        ((struct marked *)job_result(m->run))->files = m->files;
        m->left = false;
        job_tell(m->run, m->files, m->total, "files", STR_NULL);
        if (job_complete(c, m->run, is_done, m))
            return true;
        if (m->left)
            error_clear(&c->error);
    } while (m->left);
    return false;
}

static bool mark(struct call *c, struct job_run *run)
{
    struct marking_job m = { .run = run, .order = job_payload(run) };
    if (!count_files(c, m.order, &m.total))
        return false;
    db_release(c);
    call_init(&m.call, c->app, c->db);
    m.call.actor = c->actor;
    bool ok = mark_all(c, &m);
    db_release(&m.call);
    call_release(&m.call);
    return ok;
}

const struct job_kind trash_mark = {
    "trash.mark",     &mark_order,
    &marked,          mark,
    .attempts = 1000, .time_limit_s = 86400,
    .concurrency = 1, .doc = "Marks the files of a large deleted patient or study, which are out of sight already."
};

/* ---- at a start ---- */

static bool find_all(struct call *c, struct tree **out, int64_t *count)
{
    struct cursor rows;
    int64_t most;
    if (!db_integer(c, &most, "select count(*) from trash_work"))
        return false;
    *out = arena_array(&c->arena, struct tree, most);
    for (*count = 0, db_rows(c, &rows, "select patient_id, study_id from trash_work order by id");
         *count < most && cursor_next(&rows); ++*count)
        (*out)[*count] = (struct tree){ cursor_integer(&rows, 0), cursor_integer(&rows, 1) };
    return cursor_close(&rows);
}

static bool settle(struct call *c, void *unused)
{
    struct tree *trees;
    int64_t count;
    (void)unused;
    if (!db_execute(c, "update trash_work set is_restoring = 0 where is_restoring = 1") || !find_all(c, &trees, &count))
        return false;
    for (int64_t i = 0; i < count; i++)
        if (!trash_work_put(c, &trees[i]))
            return false;
    return true;
}

/* None of what was being restored had been answered. */
bool trash_work_recover(struct call *c)
{
    return db_transact(c, settle, NULL);
}
