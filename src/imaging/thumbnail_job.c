/* thumbnail_job.c - who sees that thumbnails are to be made, and the job that makes them. */
#include "imaging/thumbnail_job.h"

#include "imaging/thumbnails.h"
#include "jobs/worker.h"
#include "records/image_file.h"
#include "site/app.h"
#include "site/event.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LOOK_US = 1000000, SOON_US = 200000, QUIET_US = 1000000 };
enum { DICOM_EVENTS = 4096, SEEN_AT_ONCE = 16384 };
enum { BATCH = 256, SWEEP_ROWS = 1000 };
enum { LINGER_US = 500000, LINGER_LOOK_US = 50000 };
enum { TURN_US = 10000000 };                         /* then others that wait come first */
enum { AGAIN_US = 1000000, NOT_QUIET_US = 5000000 }; /* before what is left */

/* ---- what was stored ---- */

#define STORED "e.type = 'file.stored'"
#define WITH_FILES " from events e join image_files f on f.id = e.file_id where " STORED " and "
#define LACKS_ONE "f.status = 'UPLOADED' and f.thumbnail_path is null and f.file_type in ('JPEG', 'PNG', 'TIFF')"

struct stored {
    int64_t place, file_id;
    enum file_type type;
};

static bool rows_of_stored(struct call *c, struct cursor *rows, int64_t after, int64_t most)
{
    return db_rows(c, rows,
                   db_is_local(c->db) ? "select e.id, f.id, f.file_type" WITH_FILES "e.id > ? order by e.id limit ?"
                                      : "select e.seq, f.id, f.file_type" WITH_FILES "e.seq > ? order by e.seq limit ?",
                   V(after), V(most));
}

static struct stored read_stored(struct cursor *rows)
{
    return (struct stored){ cursor_integer(rows, 0), cursor_integer(rows, 1),
                            (enum file_type)choice_of(file_types, cursor_text(rows, 2)) };
}

static bool read_batch(struct call *c, int64_t after, struct stored *out, int *count)
{
    struct cursor rows;
    *count = 0;
    if (!events_settle(c))
        return false;
    for (rows_of_stored(c, &rows, after, BATCH); *count < BATCH && cursor_next(&rows);)
        out[(*count)++] = read_stored(&rows);
    bool ok = cursor_close(&rows);
    db_release(c);
    return ok;
}

/* Has one come that lacks a thumbnail? */
static enum found find_lacking(struct call *c, int64_t after)
{
    int64_t id;
    return db_find_integer(c, &id,
                           db_is_local(c->db) ? "select f.id" WITH_FILES LACKS_ONE " and e.id > ? limit 1"
                                              : "select f.id" WITH_FILES LACKS_ONE " and e.seq > ? limit 1",
                           V(after));
}

static enum found find_newer(struct call *c, int64_t after)
{
    int64_t place;
    return db_find_integer(c, &place,
                           db_is_local(c->db)
                               ? "select e.id from events e where " STORED " and e.id > ? order by e.id limit 1"
                               : "select e.seq from events e where " STORED " and e.seq > ? order by e.seq limit 1",
                           V(after));
}

/* ---- orders ---- */

enum sort { RASTERS = 1, DICOM, AGAIN };
static const char *const sorts[] = { "RASTERS", "DICOM", "AGAIN", NULL };

struct order {
    unsigned sort;
    int64_t after, upto;
};
static const struct field order_fields[] = {
    FIELD(struct order, sort, .flags = REQUIRED, .choices = sorts, .type = "ThumbnailsSort",
          .doc = "Of JPEG, PNG and TIFF; of DICOM; or of the former, what could not be made before."),
    FIELD(struct order, after, .doc = "Files that were stored after this place among the events."),
    FIELD(struct order, upto, .doc = "Up to this one; RASTERS: whatever has come."),
};
static const struct schema order_schema = SCHEMA("ThumbnailsOrder", struct order, order_fields);

static bool put(struct call *c, void *context)
{
    const struct order *order = context;
    struct job_order job = {
        .kind = &thumbnails_kind, .payload = order, .unique_key = S("rasters"), .priority = JOB_LOW
    };
    if (order->sort == DICOM)
        job.unique_key = arena_format(&c->arena, "dicom after %" PRId64, order->after);
    else if (order->sort == AGAIN)
        job.unique_key = S("again");
    return jobs_put(c, &job, NULL);
}

static bool put_order(struct call *c, struct order order)
{
    db_release(c);
    return db_transact(c, put, &order);
}

/* Asking each second for one that is there would be a transaction a second. */
static enum found find_job_of_rasters(struct call *c)
{
    int64_t id;
    return db_find_integer(
        c, &id, "select id from jobs where kind = ? and unique_key = 'rasters' and state in ('QUEUED', 'RUNNING')",
        V(str_from(thumbnails_kind.name)));
}

/* ---- the watch ---- */

struct thumbnail_watch {
    struct app *app;
    atomic_int heard;   /* files that were stored here since the last look */
    atomic_bool raster; /* one of them should not wait for the next */
    atomic_int waiting; /* files that were seen, for which there is no job yet */
    _Atomic int64_t looked_us;
    /* The keeper's alone. */
    bool begun;
    int64_t seen;           /* the place of the last file */
    int64_t stored_us;      /* when it was seen */
    int64_t rasters, dicom; /* places: jobs were put for what had come up to there */
    int raster_count, dicom_count;
};

struct thumbnail_watch *thumbnail_watch_new(struct app *app)
{
    struct thumbnail_watch *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->app = app;
    return w;
}

void thumbnail_watch_free(struct thumbnail_watch *watch)
{
    free(watch);
}

void thumbnail_watch_hear(void *watch, unsigned file_type)
{
    struct thumbnail_watch *w = watch;
    if (!thumbnails_have(file_type))
        return;
    atomic_fetch_add(&w->heard, 1);
    if (!file_is_raster(file_type) || clock_monotonic_us() - atomic_load(&w->looked_us) < SOON_US)
        return; /* the job that was put then still goes on, or the next look finds it */
    atomic_store(&w->raster, true);
    worker_wake(w->app->worker);
}

/* What came before this process, or was never seen. */
static bool begin(struct call *c, struct thumbnail_watch *w)
{
    int64_t last, id;
    if (!events_last(c, &last))
        return false;
    enum found found = db_find_integer(
        c, &id, "select f.id from image_files f where " LACKS_ONE " and f.deleted_at is null order by f.id limit 1");
    if (found == FAILED || (found == FOUND && !put_order(c, (struct order){ .sort = AGAIN })))
        return false;
    w->seen = w->rasters = w->dicom = last;
    return w->begun = true;
}

/* Each event once. */
static bool see(struct call *c, struct thumbnail_watch *w, int64_t now_us)
{
    struct cursor rows;
    for (rows_of_stored(c, &rows, w->seen, SEEN_AT_ONCE); cursor_next(&rows);) {
        struct stored one = read_stored(&rows);
        w->seen = one.place;
        w->stored_us = now_us;
        w->raster_count += file_is_raster(one.type);
        w->dicom_count += one.type == FILE_DICOM;
    }
    return cursor_close(&rows);
}

/* Another server's job may have made them all. */
static bool order_rasters(struct call *c, struct thumbnail_watch *w)
{
    enum found lacking = find_lacking(c, w->rasters);
    enum found there = lacking == FOUND ? find_job_of_rasters(c) : NONE;
    if (lacking == FAILED || there == FAILED)
        return false;
    if (there == FOUND)
        return true;
    if (lacking == FOUND && !put_order(c, (struct order){ .sort = RASTERS, .after = w->rasters }))
        return false;
    w->rasters = w->seen;
    w->raster_count = 0;
    return true;
}

static bool order_dicom(struct call *c, struct thumbnail_watch *w)
{
    int64_t after = w->dicom > w->seen - DICOM_EVENTS ? w->dicom : w->seen - DICOM_EVENTS;
    if (!put_order(c, (struct order){ .sort = DICOM, .after = after, .upto = w->seen }))
        return false;
    w->dicom = w->seen;
    w->dicom_count = 0;
    return true;
}

static bool look(struct call *c, struct thumbnail_watch *w, int64_t now_us)
{
    if (!events_settle(c) || (!w->begun && !begin(c, w)) || !see(c, w, now_us))
        return false;
    if (w->raster_count && !order_rasters(c, w))
        return false;
    return !w->dicom_count || now_us - w->stored_us < QUIET_US || order_dicom(c, w);
}

bool thumbnail_watch_look(struct call *c, void *watch)
{
    struct thumbnail_watch *w = watch;
    int64_t now_us = clock_monotonic_us();
    if (!atomic_exchange(&w->raster, false) && w->begun && now_us - atomic_load(&w->looked_us) < LOOK_US)
        return true;
    atomic_store(&w->looked_us, now_us);
    int heard = atomic_load(&w->heard);
    bool ok = look(c, w, now_us);
    atomic_store(&w->waiting, w->raster_count + w->dicom_count);
    if (ok)
        atomic_fetch_sub(&w->heard, heard);
    return ok;
}

bool thumbnails_waiting(struct call *c, int64_t *files)
{
    struct thumbnail_watch *w = c->app->thumbnails;
    int64_t seen = w ? atomic_load(&w->heard) + atomic_load(&w->waiting) : 0;
    if (!db_integer(c, files,
                    "select count(*) from jobs where kind = ? and (state = 'RUNNING' or (state = 'QUEUED' and "
                    "(unique_key <> 'again' or due_at is null)))",
                    V(str_from(thumbnails_kind.name))))
        return false;
    *files += seen;
    return true;
}

/* ---- the job ---- */

struct made {
    int64_t files, failed;
};
static const struct field made_fields[] = {
    FIELD(struct made, files, .doc = "Files that have theirs, or cannot have one."),
    FIELD(struct made, failed, .doc = "Files of which this could not be found out."),
};
static const struct schema made_schema = SCHEMA("ThumbnailsMade", struct made, made_fields);

struct making {
    struct job_run *run;
    const struct order *order;
    struct made *made;
    struct call call; /* of one file: what it takes is let go of with each */
    int64_t began_us;
};

static bool is_over(const struct making *m)
{
    return clock_monotonic_us() - m->began_us >= TURN_US;
}

/* False: the job is to stop. */
static bool make_one(struct making *m, int64_t id)
{
    struct call *c = &m->call;
    bool made = thumbnails_make_wanted(c, id);
    if (!made)
        log_write(c->app->log, c->error.code == E_UNREADABLE ? LOG_ERROR : LOG_WARNING, NULL, "thumbnail.failed",
                  "image file %" PRId64 ": %s", id, c->error.message);
    m->made->files += made;
    m->made->failed += !made;
    db_release(c);
    call_reset(c);
    return job_rest(m->run, 0);
}

/* It may be over in a second, or when somebody has bought a disk: jobs know how to wait. */
static bool put_again(struct call *c, void *unused)
{
    static const struct order again = { .sort = AGAIN };
    (void)unused;
    return jobs_put(c,
                    &(struct job_order){ .kind = &thumbnails_kind,
                                         .payload = &again,
                                         .unique_key = S("again"),
                                         .priority = JOB_LOW,
                                         .not_before = { clock_now().us + AGAIN_US } },
                    NULL);
}

static bool make_batch_of_rasters(struct call *c, struct making *m, int64_t *after, int *count)
{
    struct stored batch[BATCH];
    if (!read_batch(c, *after, batch, count))
        return false;
    for (int i = 0; i < *count; i++) {
        if (file_is_raster(batch[i].type) && !make_one(m, batch[i].file_id))
            return false;
        *after = batch[i].place;
    }
    return true;
}

/* All that have come, and lingers where more may come: one job for a row of uploads. */
static bool make_rasters(struct call *c, struct making *m)
{
    int64_t after = m->order->after, last_us = clock_monotonic_us();
    for (int count = 1; count || clock_monotonic_us() - last_us < LINGER_US;) {
        if (!make_batch_of_rasters(c, m, &after, &count))
            return false;
        if (is_over(m))
            break; /* who watches puts another for what has come meanwhile */
        if (count)
            last_us = clock_monotonic_us();
        else if (!job_rest(m->run, LINGER_LOOK_US))
            return false;
    }
    return !m->made->failed || db_transact(c, put_again, NULL);
}

/* Another job goes on when no file comes any more. */
static bool put_rest(struct call *c, void *context)
{
    const struct order *order = context;
    return jobs_put(c,
                    &(struct job_order){ .kind = &thumbnails_kind,
                                         .payload = order,
                                         .unique_key = arena_format(&c->arena, "rest after %" PRId64, order->after),
                                         .priority = JOB_LOW,
                                         .not_before = { clock_now().us + NOT_QUIET_US } },
                    NULL);
}

static bool make_dicom(struct call *c, struct making *m)
{
    struct stored batch[BATCH];
    struct order rest = *m->order;
    int64_t last = rest.upto;
    for (int count = BATCH; count && rest.after < rest.upto;) {
        if (!read_batch(c, rest.after, batch, &count))
            return false;
        for (int i = 0; i < count && batch[i].place <= rest.upto; i++) {
            enum found newer = find_newer(c, last);
            db_release(c);
            if (newer == FAILED)
                return false;
            if (newer == FOUND || is_over(m))
                return db_transact(c, put_rest, &rest);
            if (batch[i].type == FILE_DICOM && !make_one(m, batch[i].file_id))
                return false;
            rest.after = batch[i].place;
        }
        if (count && batch[count - 1].place > rest.upto)
            break;
    }
    return true;
}

/* Those without one, whenever they came. */
static bool make_again(struct call *c, struct making *m)
{
    int64_t ids[SWEEP_ROWS], last = 0;
    for (int count = SWEEP_ROWS; count == SWEEP_ROWS;) {
        struct cursor rows;
        count = 0;
        for (db_rows(c, &rows,
                     "select f.id from image_files f where " LACKS_ONE " and f.deleted_at is null and f.id > ? order "
                     "by f.id limit ?",
                     V(last), V((int64_t)SWEEP_ROWS));
             count < SWEEP_ROWS && cursor_next(&rows);)
            ids[count++] = cursor_integer(&rows, 0);
        if (!cursor_close(&rows))
            return false;
        db_release(c);
        for (int i = 0; i < count; i++)
            if (!make_one(m, last = ids[i]))
                return false;
    }
    return !m->made->failed || fail(c, E_UNAVAILABLE, "%" PRId64 " could not be made", m->made->failed);
}

static bool make_all(struct call *c, struct job_run *run)
{
    struct making m = {
        .run = run, .order = job_payload(run), .made = job_result(run), .began_us = clock_monotonic_us()
    };
    *m.made = (struct made){ 0 };
    call_init(&m.call, c->app, c->db);
    m.call.actor = c->actor;
    m.call.hold.budget = c->app->budget;
    bool ok = m.order->sort == RASTERS ? make_rasters(c, &m)
              : m.order->sort == DICOM ? make_dicom(c, &m)
                                       : make_again(c, &m);
    call_release(&m.call);
    return ok;
}

const struct job_kind thumbnails_kind = {
    "images.thumbnails", &order_schema,
    &made_schema,        make_all,
    .attempts = 1000,    .time_limit_s = 86400,
    .concurrency = 1,    .is_long = true,
    .is_fleeting = true, .doc = "Makes the thumbnails of images that were stored.",
};
