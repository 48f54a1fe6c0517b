/* sqlite_writer.c - group commit: one connection, one fsync for all that waits, and two threads in a row.
 *
 *   db-writer                                              db-flusher
 *     begin immediate                                        (the group before)
 *       piece 1, or after a failure rollback, begin          sync
 *       savepoint  piece 2  release, or after a              answer its pieces
 *       ...                 failure rollback to it
 *     until nothing waits and the flusher is free,
 *     256 pieces, or 20 ms
 *     commit: written, not synced
 *     --------------------------------- hands over ------->  sync
 *     begin immediate ...                                    answer piece 1, 2, ...
 *
 * Everybody who asks while a group is on its way to the disk shares the next one, whose work is done meanwhile. SQLite
 * may undo the whole transaction by itself (disk full, I/O error); then the piece that met the failure fails, and the
 * others run again, each in a transaction of its own.
 *
 * After a failed sync nobody knows what of the WAL is on the disk, and asking again may well answer yes: the group
 * fails, in doubt, and nothing more is written until the database is opened anew.
 */
#include "db/sqlite.h"
#include "db/sqlite_checkpoint.h"

#include "base/thread.h"

#include <assert.h>
#include <semaphore.h>

enum { GROUP_PIECES_MAX = 256, GROUP_US = 20000, GATHER_US_MAX = 500 };

struct piece {
    struct piece *next;
    struct call *call;
    bool (*work)(struct call *, void *);
    void *context;
    void (*done)(struct call *, bool, void *); /* NULL: somebody waits for `finished` */
    sem_t finished;
    struct error before; /* the call's error when it came */
    bool ok;
};

struct group {
    struct piece *pieces[GROUP_PIECES_MAX];
    int count;
    struct db_after after;
};

struct sqlite_writer {
    struct db *db;
    struct sqlite_connection *connection;
    struct sqlite_steps steps;
    struct thread thread;
    pthread_mutex_t lock;
    pthread_cond_t came; /* something to do */
    struct piece *first, *last;
    int waiting;
    bool stop;
    _Atomic bool busy;
    struct thread flusher;
    pthread_cond_t handed; /* to the flusher */
    bool flushing;         /* `flushed` is the flusher's; else the writer's */
    bool closing;          /* nothing will be handed over any more */
    _Atomic bool broken;   /* a sync has failed */
    struct group flushed;
    void *wal; /* to be synced for it; NULL: nothing was changed */
    _Atomic int64_t last_commit_us;
    /* Below: the writer thread's alone. */
    struct group group;
    int last_count;
    struct checkpoints checkpoints;
};

/* ---- transactions on the writer's connection ---- */

static bool step(struct sqlite_writer *w, enum sqlite_step which, struct error *error)
{
    bool unsynced = false, ok = sqlite_steps_run(&w->steps, which, &unsynced, error);
    if (unsynced)
        atomic_store(&w->broken, true);
    if (!ok && error->code == E_STORAGE_FULL)
        db_found_full(w->db);
    return ok;
}

static bool undone(struct sqlite_writer *w)
{
    return sqlite3_get_autocommit(w->connection->handle);
}

static void rollback(struct sqlite_writer *w)
{
    struct error ignored = { 0 }; /* a transaction that is gone already needs none */
    if (!undone(w))
        step(w, STEP_ROLLBACK, &ignored);
}

static bool begin(struct sqlite_writer *w, struct error *error)
{
    w->connection->base.hook_count = 0;
    w->connection->base.after.count = 0;
    return step(w, STEP_BEGIN, error);
}

static bool commit(struct sqlite_writer *w, struct error *error)
{
    if (!connection_before_commit(&w->connection->base, error) || !step(w, STEP_COMMIT, error)) {
        rollback(w);
        return false;
    }
    atomic_fetch_add(&w->db->commits, 1);
    return true;
}

/* What is left of it is *wal's sync; NULL: nothing. */
static bool commit_unsynced(struct sqlite_writer *w, void **wal, struct error *error)
{
    sqlite_vfs_later(w->connection->handle);
    bool ok = commit(w, error);
    *wal = sqlite_vfs_left(w->connection->handle);
    return ok;
}

/* Undoes a piece that failed, and nothing else. The first has only itself to undo: where no transaction can be begun
 * after it, the group ends. */
static void undo(struct sqlite_writer *w, bool first)
{
    struct error ignored = { 0 };
    if (first) {
        rollback(w);
        begin(w, &ignored);
    } else {
        step(w, STEP_ROLLBACK_TO, &ignored);
        step(w, STEP_RELEASE, &ignored);
    }
}

/* Runs one piece inside the open transaction. The first needs no savepoint, within which SQLite copies every page
 * before it changes it. */
static void run(struct sqlite_writer *w, struct piece *piece, bool first)
{
    struct call *c = piece->call;
    struct db_connection *own = c->connection;
    c->error = piece->before;
    piece->ok = false;
    if (!first && !step(w, STEP_SAVEPOINT, &c->error))
        return;
    w->connection->base.writing = true;
    c->connection = &w->connection->base;
    bool ok = piece->work(c, piece->context);
    c->connection = own;
    w->connection->base.writing = false;
    connection_close_statements(&w->connection->base);
    if (undone(w)) {
        error_set(&c->error, E_INTERNAL, "the transaction was undone by a failure");
        return;
    }
    if (!ok)
        undo(w, first);
    else
        piece->ok = first || step(w, STEP_RELEASE, &c->error);
}

/* A piece in a transaction of its own. */
static void run_alone(struct sqlite_writer *w, struct piece *piece)
{
    piece->call->error = piece->before;
    piece->ok = false;
    if (!begin(w, &piece->call->error))
        return;
    run(w, piece, true);
    bool committed = !undone(w) && commit(w, &piece->call->error);
    if (committed)
        after_commit(&w->connection->base.after);
    piece->ok = committed && piece->ok;
}

/* ---- the queue ---- */

/* NULL: nothing waits, nor is there time to wait for more because the flusher is busy. */
static struct piece *take(struct sqlite_writer *w, bool patient)
{
    pthread_mutex_lock(&w->lock);
    while (patient && !w->first && w->flushing)
        pthread_cond_wait(&w->came, &w->lock);
    struct piece *piece = w->first;
    if (piece) {
        w->first = piece->next;
        if (!w->first)
            w->last = NULL;
        w->waiting--;
    }
    pthread_mutex_unlock(&w->lock);
    return piece;
}

static void answer(struct sqlite_writer *w, struct piece *piece)
{
    if (piece->ok)
        atomic_fetch_add(&w->db->transactions, 1);
    if (!piece->done) {
        sem_post(&piece->finished); /* the piece is gone from here on */
        return;
    }
    piece->done(piece->call, piece->ok, piece->context);
    free(piece);
}

static void fail_all(const struct group *group, const struct error *error)
{
    for (int i = 0; i < group->count; i++) {
        struct piece *piece = group->pieces[i];
        if (piece->ok)
            piece->call->error = *error;
        piece->ok = false;
    }
}

/* ---- the flusher ---- */

static bool broken(struct sqlite_writer *w, struct error *error)
{
    return atomic_load(&w->broken) &&
           !error_set(error, E_UNAVAILABLE,
                      "an earlier write to the database failed: it takes no more until the server is restarted");
}

static void flush(struct sqlite_writer *w)
{
    struct error error = { 0 };
    int64_t before = clock_monotonic_us();
    if (w->wal && sqlite_vfs_sync(w->wal) != SQLITE_OK)
        atomic_store(&w->broken, true);
    if (w->wal && broken(w, &error)) {
        error.in_doubt = true; /* it is written: a restart may find it whole */
        fail_all(&w->flushed, &error);
    }
    atomic_store(&w->last_commit_us, clock_monotonic_us() - before);
    /* Before the answers: whoever has the last of them may free what these are told of. */
    after_commit(&w->flushed.after);
    for (int i = 0; i < w->flushed.count; i++)
        answer(w, w->flushed.pieces[i]);
}

static void flush_all(void *context)
{
    struct sqlite_writer *w = context;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->flushing && !w->closing)
            pthread_cond_wait(&w->handed, &w->lock);
        if (!w->flushing)
            break;
        pthread_mutex_unlock(&w->lock);
        flush(w);
        pthread_mutex_lock(&w->lock);
        w->flushing = false;
        pthread_cond_signal(&w->came);
    }
    pthread_mutex_unlock(&w->lock);
}

/* Before anything else may sync the WAL: the system tells of a failure once, and that has to be the flusher. */
static void await_flusher(struct sqlite_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->flushing)
        pthread_cond_wait(&w->came, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static void hand_over(struct sqlite_writer *w, void *wal)
{
    pthread_mutex_lock(&w->lock);
    w->flushed = w->group;
    w->wal = wal;
    w->flushing = true;
    pthread_cond_signal(&w->handed);
    pthread_mutex_unlock(&w->lock);
}

/* ---- groups ---- */

/* The group without the piece that brought the transaction down: those that had succeeded lost their changes with
 * it. */
static void recover(struct sqlite_writer *w, const struct group *group)
{
    for (int i = 0; i < group->count; i++)
        if (group->pieces[i]->ok)
            run_alone(w, group->pieces[i]);
}

static bool fill_group(struct sqlite_writer *w)
{
    struct group *group = &w->group;
    int64_t start = clock_monotonic_us();
    bool whole = true;
    group->count = 0;
    while (whole && group->count < GROUP_PIECES_MAX && (!group->count || clock_monotonic_us() - start < GROUP_US)) {
        struct piece *piece = take(w, group->count > 0);
        if (!piece)
            break;
        run(w, piece, group->count == 0);
        group->pieces[group->count++] = piece;
        whole = !undone(w);
    }
    return whole;
}

static void close_group(struct sqlite_writer *w, bool whole)
{
    struct error error = { 0 };
    void *wal = NULL;
    w->group.after = w->connection->base.after;
    await_flusher(w);
    if (broken(w, &error) || (whole && !commit_unsynced(w, &wal, &error))) {
        rollback(w);
        fail_all(&w->group, &error);
    } else if (!whole) {
        w->group.after.count = 0;
        recover(w, &w->group);
    }
    hand_over(w, wal);
}

/* No transaction to be had: all that wait now hear it, rather than each after another timeout. */
static void refuse(struct sqlite_writer *w, const struct error *error)
{
    pthread_mutex_lock(&w->lock);
    struct piece *piece = w->first; /* not those that come while these are told */
    w->first = w->last = NULL;
    w->waiting = 0;
    pthread_mutex_unlock(&w->lock);
    while (piece) {
        struct piece *next = piece->next;
        piece->call->error = piece->before.code ? piece->before : *error;
        piece->ok = false;
        answer(w, piece);
        piece = next;
    }
}

static void run_group(struct sqlite_writer *w)
{
    struct error error = { 0 };
    if (broken(w, &error) || !sqlite_is_in_place(w->db->state, &error) || !begin(w, &error)) {
        refuse(w, &error);
        return;
    }
    bool whole = fill_group(w);
    w->last_count = w->group.count;
    close_group(w, whole);
}

/* ---- the WAL ---- */

static void checkpoint(struct sqlite_writer *w)
{
    if (!checkpoint_is_due(&w->checkpoints))
        return;
    await_flusher(w);
    if (atomic_load(&w->broken)) /* a database half copied needs a WAL that is whole */
        return;
    if (!checkpoint_run(&w->checkpoints, w->connection->handle, w->db->busy_timeout_ms))
        atomic_store(&w->broken, true);
}

/* ---- the thread ---- */

/* Those just answered tend to come back at once; a moment of patience puts them into one commit instead of two. The
 * moment is short beside the commit that it may save. Called with the lock. */
static void gather(struct sqlite_writer *w)
{
    if (w->last_count < 2 || w->stop)
        return;
    int64_t patience = atomic_load(&w->last_commit_us) / 2;
    if (patience > GATHER_US_MAX)
        patience = GATHER_US_MAX;
    int64_t until_us = clock_monotonic_us() + patience;
    while (w->waiting < w->last_count && !w->stop && thread_wait(&w->came, &w->lock, until_us))
        continue;
}

/* Waits until there is something to do; false when there never will be. */
static bool wait_for_work(struct sqlite_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->waiting && !w->stop)
        pthread_cond_wait(&w->came, &w->lock);
    bool work = w->waiting;
    if (work)
        gather(w);
    pthread_mutex_unlock(&w->lock);
    return work;
}

static void write_all(void *context)
{
    struct sqlite_writer *w = context;
    while (wait_for_work(w)) {
        atomic_store(&w->busy, true);
        run_group(w);
        checkpoint(w);
        atomic_store(&w->busy, false);
    }
}

/* ---- asking ---- */

static bool push(struct sqlite_writer *w, struct piece *piece)
{
    pthread_mutex_lock(&w->lock);
    bool open = !w->stop;
    if (open) {
        if (w->last)
            w->last->next = piece;
        else
            w->first = piece;
        w->last = piece;
        w->waiting++;
        pthread_cond_signal(&w->came);
    }
    pthread_mutex_unlock(&w->lock);
    return open;
}

static struct sqlite_writer *writer_of(struct db *db)
{
    return ((struct sqlite *)db->state)->writer;
}

bool sqlite_transact(struct call *c, bool (*work)(struct call *, void *), void *context)
{
    struct sqlite_writer *w = writer_of(c->db);
    /* A `done` must not wait for its own thread. */
    assert(!thread_is_self(&w->thread) && !thread_is_self(&w->flusher));
    struct piece piece = { .call = c, .work = work, .context = context, .before = c->error };
    sem_init(&piece.finished, 0, 0);
    bool open = push(w, &piece);
    while (open && sem_wait(&piece.finished))
        continue; /* EINTR */
    sem_destroy(&piece.finished);
    return open ? piece.ok : fail(c, E_UNAVAILABLE, "the database is being closed");
}

void sqlite_transact_later(struct call *c, bool (*work)(struct call *, void *), void *context,
                           void (*done)(struct call *, bool, void *))
{
    struct piece *piece = calloc(1, sizeof(*piece));
    if (!piece)
        abort();
    *piece = (struct piece){ .call = c, .work = work, .context = context, .done = done, .before = c->error };
    if (push(writer_of(c->db), piece))
        return;
    free(piece);
    fail(c, E_UNAVAILABLE, "the database is being closed");
    done(c, false, context);
}

/* ---- birth and end ---- */

static void release(struct sqlite_writer *w)
{
    sqlite_steps_release(&w->steps);
    sqlite_disconnect(w->connection);
    pthread_cond_destroy(&w->handed);
    pthread_cond_destroy(&w->came);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void end_flusher(struct sqlite_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->handed);
    pthread_mutex_unlock(&w->lock);
    thread_join(&w->flusher);
}

static bool start_threads(struct sqlite_writer *w, struct error *error)
{
    if (thread_start(&w->flusher, "db-flusher", flush_all, w, error) &&
        thread_start(&w->thread, "db-writer", write_all, w, error))
        return true;
    end_flusher(w);
    return false;
}

bool sqlite_writer_new(struct db *db, struct sqlite_writer **out, struct error *error)
{
    struct sqlite_writer *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->db = db;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->handed, NULL);
    pthread_cond_init(&w->came, NULL);
    bool ok = sqlite_connect(db, true, &w->connection, error) &&
              sqlite_steps_prepare(&w->steps, w->connection->handle, error);
    if (ok)
        checkpoint_watch(&w->checkpoints, w->connection->handle);
    if (!ok || !start_threads(w, error)) {
        release(w);
        return false;
    }
    *out = w;
    return true;
}

void sqlite_writer_free(struct sqlite_writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
    thread_join(&w->thread);
    end_flusher(w);
    if (atomic_load(&w->broken))
        sqlite3_db_config(w->connection->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else
        sqlite3_wal_checkpoint_v2(w->connection->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    release(w);
}

void sqlite_writer_count(struct sqlite_writer *w, int64_t *open, int64_t *busy, int64_t *waiting)
{
    pthread_mutex_lock(&w->lock);
    *waiting = w->waiting;
    pthread_mutex_unlock(&w->lock);
    *open = 1;
    *busy = atomic_load(&w->busy);
}
