/* mysql_writer.c - transactions: on the caller's thread, or on one of a few of our own for callers that do not wait.
 *
 * A deadlock is nobody's fault: the transaction is rolled back and run again after a short random pause. One of those
 * who meet always gets on, so the number of times says nothing about when it will be our turn; only time ends the
 * attempts. Between the deadlock and the end of the work no statement runs (mysql_start): the server has forgotten the
 * transaction, and each would commit by itself.
 *
 * A row that somebody else holds for long (mysql_held.c) is another matter: whoever wants it gives connection and
 * thread to those who want others, and comes again.
 *
 *   jobs      first -> ... -> last        new ones; any thread takes them
 *   parked    due -> due -> ...           met a held row, and are run again when due, on at most half of the threads
 *
 * Callers on threads of their own keep these while they wait, so only some may (db_options.waiting_max): the others are
 * told to come again.
 */
#include "db/mysql_driver.h"

#include <errno.h>

enum { ATTEMPTS_US = 15000000, PAUSE_US = 2000, PAUSE_DOUBLINGS = 5, HELD_PAUSE_US = 200000 };

struct job {
    struct job *next;
    struct call *call;
    bool (*work)(struct call *, void *);
    void *context;
    void (*done)(struct call *, bool, void *);
    int64_t until_us, due_us;
    bool comes_again;
};
struct jobs {
    struct job *first, *last;
};

struct mysql_writers {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct jobs jobs, parked;
    int waiting;          /* jobs, parked or not */
    int again, again_max; /* threads that run one that comes again */
    bool stop;
    struct thread threads[MYSQL_WRITERS_MAX];
    int count;
};

/* ---- one transaction ---- */

/* Between a fifth and the whole of it. */
static int64_t some_of(int64_t us)
{
    unsigned char random;
    crypto_random(&random, sizeof(random));
    return us * (64 + random) / 320;
}

static void pause_for(int64_t us)
{
    struct timespec left = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    while (nanosleep(&left, &left) && errno == EINTR)
        continue;
}

static void pause_before(int attempt)
{
    pause_for(some_of((int64_t)PAUSE_US << (attempt < PAUSE_DOUBLINGS ? attempt : PAUSE_DOUBLINGS)));
}

/* A conflict undoes the transaction. After any other failure of the COMMIT itself nobody knows: its answer was lost, or
 * the server failed half way. What goes wrong before has no such doubt: a server that loses its client undoes what was
 * not committed. */
static bool commit(struct mysql_connection *connection, struct error *error)
{
    if (!connection_before_commit(&connection->base, error))
        return false;
    if (mysql_run(&connection->base, S("commit"), error))
        return true;
    error->in_doubt = !connection->conflicted;
    return false;
}

static bool attempt_work(struct call *c, bool (*work)(struct call *, void *), void *context)
{
    struct mysql_connection *connection = (struct mysql_connection *)c->connection;
    struct error ignored = { 0 };
    connection->conflicted = connection->held = false;
    connection->base.hook_count = 0;
    connection->base.after.count = 0;
    if (!mysql_run(&connection->base, S("start transaction"), &c->error))
        return false;
    connection->base.writing = true;
    struct statement *before = connection->base.open;
    bool ok = work(c, context);
    while (connection->base.open != before) /* cursors that the work left open */
        statement_close(connection->base.open);
    connection->base.writing = false;
    if (ok && connection->conflicted)
        ok = error_set(&c->error, E_UNAVAILABLE, "the transaction was undone by a conflict");
    if (ok)
        ok = commit(connection, &c->error);
    if (ok)
        after_commit(&connection->base.after);
    if (!ok && !connection->base.lost)
        mysql_run(&connection->base, S("rollback"), &ignored);
    return ok;
}

/* Until it is done, fails, or meets a row that is held. */
static bool attempt_often(struct call *c, bool (*work)(struct call *, void *), void *context, int64_t until_us,
                          bool *held)
{
    struct error before = c->error;
    bool ok = false, conflicted = true;
    *held = false;
    for (int attempt = 0; conflicted && !*held && (!attempt || clock_monotonic_us() < until_us); attempt++) {
        if (attempt)
            pause_before(attempt);
        c->error = before;
        ok = attempt_work(c, work, context);
        const struct mysql_connection *connection = (struct mysql_connection *)c->connection;
        conflicted = !ok && connection->conflicted && !connection->base.lost;
        *held = conflicted && connection->held;
    }
    if (ok) {
        atomic_fetch_add(&c->db->commits, 1);
        atomic_fetch_add(&c->db->transactions, 1);
    }
    return ok;
}

/* May this caller wait on its thread? Counted once for each, until mysql_transact ends. */
static bool linger(struct db *db, bool *lingers)
{
    struct mysql *mysql = db->state;
    if (!*lingers && atomic_fetch_add(&mysql->lingering, 1) < db->waiting_max)
        return *lingers = true;
    if (!*lingers)
        atomic_fetch_sub(&mysql->lingering, 1);
    return *lingers;
}

bool mysql_transact(struct call *c, bool (*work)(struct call *, void *), void *context)
{
    struct error before = c->error;
    bool had = c->connection, ok = false, held = false, lingers = false;
    int64_t until_us = clock_monotonic_us() + ATTEMPTS_US;
    if (had && c->connection->lost && !c->connection->open) {
        db_release(c);
        had = false;
    }
    do {
        if (held) {
            if (!had)
                db_release(c);
            pause_for(some_of(HELD_PAUSE_US));
            c->error = before;
        }
        if (!c->connection && !mysql_borrow(c->db, &c->connection, &c->error))
            break;
        ok = attempt_often(c, work, context, until_us, &held);
    } while (held && clock_monotonic_us() < until_us && linger(c->db, &lingers));
    if (lingers)
        atomic_fetch_sub(&((struct mysql *)c->db->state)->lingering, 1);
    if (!had)
        db_release(c);
    return ok;
}

void mysql_again(struct db_connection *base)
{
    ((struct mysql_connection *)base)->conflicted = true;
}

/* ---- the threads ---- */

static void put(struct jobs *jobs, struct job *job)
{
    job->next = NULL;
    if (jobs->last)
        jobs->last->next = job;
    else
        jobs->first = job;
    jobs->last = job;
}

static struct job *take(struct jobs *jobs)
{
    struct job *job = jobs->first;
    if (job) {
        jobs->first = job->next;
        if (!jobs->first)
            jobs->last = NULL;
    }
    return job;
}

/* Those that come again do so on half of the threads. */
static bool may_come_again(const struct mysql_writers *w)
{
    return w->parked.first && w->again < w->again_max;
}

static void wait_for_some(struct mysql_writers *w)
{
    thread_wait(&w->came, &w->lock, may_come_again(w) ? w->parked.first->due_us : NEVER);
}

/* NULL: it is the end. */
static struct job *wait_for_job(struct mysql_writers *w)
{
    struct job *job = NULL;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        if (may_come_again(w) && (w->stop || w->parked.first->due_us <= clock_monotonic_us())) {
            job = take(&w->parked);
            w->again++;
            break;
        }
        job = take(&w->jobs);
        if (job || (w->stop && !w->parked.first))
            break;
        wait_for_some(w);
    }
    w->waiting -= job != NULL;
    pthread_mutex_unlock(&w->lock);
    return job;
}

/* The thread is free again. True: the job waits for its next turn. */
static bool park(struct mysql_writers *w, struct job *job, bool held)
{
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&w->lock);
    w->again -= job->comes_again;
    bool parked = held && now < job->until_us && !w->stop;
    if (parked) {
        job->comes_again = true;
        job->due_us = now + HELD_PAUSE_US;
        put(&w->parked, job);
        w->waiting++;
    }
    pthread_cond_signal(&w->came); /* it may be the turn of another that was parked */
    pthread_mutex_unlock(&w->lock);
    return parked;
}

static void run_job(struct mysql_writers *w, struct job *job)
{
    struct call *c = job->call;
    struct error before = c->error;
    bool held = false, ok = false;
    if (mysql_borrow(c->db, &c->connection, &c->error))
        ok = attempt_often(c, job->work, job->context, job->until_us, &held);
    db_release(c);
    struct error after = c->error;
    if (held)
        c->error = before; /* for its next turn */
    if (park(w, job, held))
        return;
    c->error = after;
    job->done(c, ok, job->context);
    free(job);
}

static void write_for_others(void *context)
{
    struct mysql_writers *w = context;
    for (struct job *job; (job = wait_for_job(w));)
        run_job(w, job);
}

/* ---- asking ---- */

static struct mysql_writers *writers_of(struct db *db)
{
    return ((struct mysql *)db->state)->writers;
}

void mysql_transact_later(struct call *c, bool (*work)(struct call *, void *), void *context,
                          void (*done)(struct call *, bool, void *))
{
    struct mysql_writers *w = writers_of(c->db);
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        abort();
    *job = (struct job){ .call = c, .work = work, .context = context, .done = done };
    job->until_us = clock_monotonic_us() + ATTEMPTS_US;
    pthread_mutex_lock(&w->lock);
    bool open = !w->stop;
    if (open) {
        put(&w->jobs, job);
        w->waiting++;
        pthread_cond_signal(&w->came);
    }
    pthread_mutex_unlock(&w->lock);
    if (open)
        return;
    free(job);
    fail(c, E_UNAVAILABLE, "the database is being closed");
    done(c, false, context);
}

int64_t mysql_writers_waiting(struct mysql_writers *w)
{
    pthread_mutex_lock(&w->lock);
    int64_t waiting = w->waiting;
    pthread_mutex_unlock(&w->lock);
    return waiting;
}

/* ---- birth and end ---- */

bool mysql_writers_new(struct db *db, struct mysql_writers **out, struct error *error)
{
    struct mysql_writers *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->came, NULL);
    /* Half of the pool at most, so that those who wait for their own transactions find connections too. */
    int wanted = db->pool_size / 2 < 1                   ? 1
                 : db->pool_size / 2 > MYSQL_WRITERS_MAX ? MYSQL_WRITERS_MAX
                                                         : db->pool_size / 2;
    w->again_max = wanted < 2 ? 1 : wanted / 2;
    while (w->count < wanted && thread_start(&w->threads[w->count], "db-writer", write_for_others, w, error))
        w->count++;
    if (w->count < wanted) {
        mysql_writers_free(w);
        return false;
    }
    *out = w;
    return true;
}

void mysql_writers_free(struct mysql_writers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->came);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->count; i++)
        thread_join(&w->threads[i]);
    pthread_cond_destroy(&w->came);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
