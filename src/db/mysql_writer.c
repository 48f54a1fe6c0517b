/* mysql_writer.c - transactions: on the caller's thread, or on one of a few of our own for callers that do not wait.
 *
 * A deadlock is nobody's fault: the transaction is rolled back and run again after a short random pause. One of those who meet always gets
 * on, so the number of times says nothing about when it will be our turn; only time ends the attempts.
 */
#include "db/mysql_driver.h"

#include <errno.h>
#include <signal.h>

enum { ATTEMPTS_US = 15000000, PAUSE_US = 2000, PAUSE_DOUBLINGS = 5 };

struct job {
    struct job *next;
    struct call *call;
    bool (*work)(struct call *, void *);
    void *context;
    void (*done)(struct call *, bool, void *);
};

struct mysql_writers {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct job *first, *last;
    int waiting;
    bool stop;
    pthread_t threads[MYSQL_WRITERS_MAX];
    int count;
};

/* ---- one transaction ---- */

static void pause_before(int attempt)
{
    unsigned char random;
    crypto_random(&random, sizeof(random));
    int doublings = attempt < PAUSE_DOUBLINGS ? attempt : PAUSE_DOUBLINGS;
    int64_t us = ((int64_t)PAUSE_US << doublings) * (64 + random) / 320;
    struct timespec left = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    while (nanosleep(&left, &left) && errno == EINTR)
        continue;
}

static bool attempt_work(struct call *c, bool (*work)(struct call *, void *), void *context)
{
    struct mysql_connection *connection = (struct mysql_connection *)c->connection;
    struct error ignored = { 0 };
    connection->conflicted = false;
    connection->base.hook_count = 0;
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
        ok = connection_before_commit(&connection->base, &c->error) &&
             mysql_run(&connection->base, S("commit"), &c->error);
    if (!ok && !connection->base.lost)
        mysql_run(&connection->base, S("rollback"), &ignored);
    return ok;
}

bool mysql_transact(struct call *c, bool (*work)(struct call *, void *), void *context)
{
    struct error before = c->error;
    bool had = c->connection, ok = false;
    int64_t start = clock_monotonic_us();
    if (had && c->connection->lost && !c->connection->open) {
        db_release(c);
        had = false;
    }
    if (!c->connection && !mysql_borrow(c->db, &c->connection, &c->error))
        return false;
    for (int attempt = 0;; attempt++) {
        if (attempt)
            pause_before(attempt);
        c->error = before;
        ok = attempt_work(c, work, context);
        bool conflicted = ((struct mysql_connection *)c->connection)->conflicted && !c->connection->lost;
        if (ok || !conflicted || clock_monotonic_us() - start > ATTEMPTS_US)
            break;
    }
    if (ok) {
        atomic_fetch_add(&c->db->commits, 1);
        atomic_fetch_add(&c->db->transactions, 1);
    }
    if (!had)
        db_release(c);
    return ok;
}

void mysql_again(struct db_connection *base)
{
    ((struct mysql_connection *)base)->conflicted = true;
}

/* ---- the threads ---- */

/* NULL: it is the end. */
static struct job *wait_for_job(struct mysql_writers *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stop)
        pthread_cond_wait(&w->came, &w->lock);
    struct job *job = w->first;
    if (job) {
        w->first = job->next;
        if (!w->first)
            w->last = NULL;
        w->waiting--;
    }
    pthread_mutex_unlock(&w->lock);
    return job;
}

static void run_job(struct job *job)
{
    bool ok = mysql_transact(job->call, job->work, job->context);
    job->done(job->call, ok, job->context);
    free(job);
}

static void *write_for_others(void *context)
{
    struct mysql_writers *w = context;
    pthread_setname_np(pthread_self(), "db-writer");
    for (struct job *job; (job = wait_for_job(w));)
        run_job(job);
    return NULL;
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
    pthread_mutex_lock(&w->lock);
    bool open = !w->stop;
    if (open) {
        if (w->last)
            w->last->next = job;
        else
            w->first = job;
        w->last = job;
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
    sigset_t all, old;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (w->count < wanted && !pthread_create(&w->threads[w->count], NULL, write_for_others, w))
        w->count++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (w->count < wanted) {
        mysql_writers_free(w);
        return error_set(error, E_INTERNAL, "cannot start the threads that write to the database");
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
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->came);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
