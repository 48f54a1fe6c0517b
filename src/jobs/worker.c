/* worker.c - see worker.h. */
#include "jobs/run.h"

#include "jobs/schedule.h"

#include <assert.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* whose shadow memory is larger than any limit */
#else
enum { SANITIZED = 0 };
#endif

/* ---- the threads ---- */

/* Waits for something to begin. False: there will be nothing more. Under the lock. */
static bool wait_for_one(struct job_run *run)
{
    struct worker *w = run->worker;
    while (!hand_begin(run)) {
        if (w->over)
            return false;
        pthread_cond_wait(&w->given, &w->keeper.lock);
    }
    return true;
}

static void run_all(void *context)
{
    struct job_run *run = context;
    struct worker *w = run->worker;
    background_lock(&w->keeper);
    while (wait_for_one(run)) {
        background_unlock(&w->keeper);
        run_one(run);
        background_lock(&w->keeper);
        call_reset(&run->call);
        run->kind = NULL;
        w->woken = true;
        background_wake(&w->keeper);
        pthread_cond_broadcast(&w->ended);
    }
    background_unlock(&w->keeper);
}

/* ---- the keeper: what it reads of the runs is under the lock, what it asks of the database is not ---- */

static int index_of(const struct worker *w, const struct job_kind *kind)
{
    for (int i = 0; i < w->options.kind_count; i++)
        if (w->options.kinds[i] == kind)
            return i;
    return -1;
}

void worker_count_end(struct worker *w, const struct job_kind *kind, enum job_state state, int64_t us)
{
    int index = index_of(w, kind);
    background_lock(&w->keeper);
    struct worker_counts *all = &w->counts[index].all;
    int64_t *lately_us = &w->counts[index].lately_us;
    all->succeeded += state == JOB_SUCCEEDED;
    all->failed += state == JOB_FAILED;
    all->cancelled += state == JOB_CANCELLED;
    all->total_us += us;
    *lately_us = *lately_us ? (*lately_us * 7 + us) / 8 + 1 : us + 1;
    background_unlock(&w->keeper);
}

void worker_count(struct worker *w, const struct job_kind *kind, struct worker_counts *out)
{
    int index = index_of(w, kind);
    *out = (struct worker_counts){ 0 };
    background_lock(&w->keeper);
    if (index >= 0)
        *out = w->counts[index].all;
    background_unlock(&w->keeper);
}

static bool renew_work(struct call *c, void *context)
{
    struct renewing *r = context;
    return queue_renew(c, str_from(r->worker->name), &r->lease);
}

/* Under the lock. */
static void stop_run(struct job_run *run, enum why why)
{
    int go_on = GO_ON;
    atomic_compare_exchange_strong(&run->why, &go_on, why);
    pthread_cond_broadcast(&run->worker->given); /* one that rests */
}

/* Whether its lease is to be renewed now; progress is written a second after the last time. Under the lock. */
static bool wants_renewal(const struct job_run *run, int64_t now_us)
{
    int64_t since_us = now_us - run->renewed_us;
    return run->kind && !run->apart && (since_us >= RENEW_EVERY_US || (run->told && since_us >= LOOK_EVERY_US));
}

static void renew(struct worker *w, struct call *c, struct job_run *run)
{
    struct renewing r = { .worker = w };
    background_lock(&w->keeper);
    bool wanted = wants_renewal(run, clock_monotonic_us());
    if (wanted)
        run_take_lease(run, &r);
    background_unlock(&w->keeper);
    if (!wanted)
        return;
    bool ok = db_transact(c, renew_work, &r);
    background_lock(&w->keeper);
    if (ok && run->kind && run->id == r.lease.id && (r.lease.lost || r.lease.cancelled))
        stop_run(run, r.lease.lost ? LOST : CANCELLED);
    background_unlock(&w->keeper);
}

/* Whether those that run were cancelled: asked at once when that was here, else once a second. */
static bool is_to_ask(struct worker *w)
{
    int64_t now_us = clock_monotonic_us();
    background_lock(&w->keeper);
    bool ask = w->heard || now_us >= w->listens_us;
    w->heard = false;
    if (ask)
        w->listens_us = now_us + LOOK_EVERY_US;
    background_unlock(&w->keeper);
    return ask;
}

static void look_at_cancellation(struct worker *w, struct call *c, struct job_run *run)
{
    background_lock(&w->keeper);
    int64_t id = run->kind && !run->apart && atomic_load(&run->why) == GO_ON ? run->id : 0;
    background_unlock(&w->keeper);
    if (!id || queue_is_cancelled(c, id) != FOUND)
        return;
    background_lock(&w->keeper);
    if (run->kind && run->id == id)
        stop_run(run, CANCELLED);
    background_unlock(&w->keeper);
}

static void look_at_limits(struct worker *w)
{
    int64_t now_us = clock_monotonic_us();
    background_lock(&w->keeper);
    for (int i = 0; i < w->thread_count; i++)
        if (w->runs[i].kind && now_us >= w->runs[i].until_us)
            stop_run(&w->runs[i], TOO_LONG);
    background_unlock(&w->keeper);
}

static void look_at_signals(struct worker *w)
{
    static const struct timespec at_once = { 0 };
    if (w->stops && sigtimedwait(w->stops, NULL, &at_once) > 0)
        stop_run(&w->runs[0], CLOSING);
}

static bool turn_work(struct call *c, void *context)
{
    return queue_turn_due(c, context);
}

static bool end_dead_work(struct call *c, void *context)
{
    (void)context;
    return queue_end_dead(c);
}

/* What a worker of this machine had when it was killed. When that fails, their leases run out. */
static void end_dead(struct worker *w, struct call *c)
{
    if (!db_transact(c, end_dead_work, NULL))
        log_write(w->app->log, LOG_WARNING, NULL, "jobs.look", "%s", c->error.message);
    db_release(c);
    call_reset(c);
}

/* Of what nobody asks for. */
static void look_for_work(struct worker *w, struct call *c)
{
    if (!w->options.look)
        return;
    if (!w->options.look(c, w->options.look_at) && !db_has_ended(w->app->db))
        log_write(w->app->log, LOG_WARNING, NULL, "jobs.look", "%s", c->error.message);
    db_release(c);
    call_reset(c);
}

static void look(struct worker *w, struct call *c)
{
    bool more = true;
    for (int i = 0; i < w->thread_count; i++)
        renew(w, c, &w->runs[i]);
    for (int i = 0, ask = is_to_ask(w); ask && i < w->thread_count; i++)
        look_at_cancellation(w, c, &w->runs[i]);
    look_at_limits(w);
    look_at_signals(w);
    while (more && queue_is_due(c) == FOUND && (db_release(c), db_transact(c, turn_work, &more)))
        call_reset(c);
    db_release(c);
    look_for_work(w, c);
    if (w->options.schedules)
        schedules_look(c, w->options.schedules);
    background_lock(&w->keeper);
    hand_give_back(w, w->closing);
    background_unlock(&w->keeper);
    while (hand_exchange(w, c, &more) && more)
        call_reset(c);
    if (c->error.code && !db_has_ended(w->app->db))
        log_write(w->app->log, LOG_WARNING, NULL, "jobs.look", "%s", c->error.message);
    db_release(c);
    call_reset(c);
}

/* Until somebody wakes it, or a second has passed. */
static bool rest(struct worker *w)
{
    int64_t until_us = clock_monotonic_us() + LOOK_EVERY_US;
    background_lock(&w->keeper);
    while (!w->keeper.stopping && !w->woken && background_wait(&w->keeper, until_us))
        continue;
    w->woken = false;
    bool go_on = !w->keeper.stopping;
    background_unlock(&w->keeper);
    return go_on;
}

/* A database that is away for a moment must not make work run twice; one that stays away will. */
static void write_the_last(struct worker *w, struct call *c)
{
    enum { TRIES = 10 };
    bool moved = false;
    for (int i = 0; i < TRIES && !hand_exchange(w, c, &moved) && !db_has_ended(w->app->db); i++) {
        log_write(w->app->log, LOG_WARNING, NULL, "jobs.look", "%s", c->error.message);
        db_release(c);
        call_reset(c);
        background_lock(&w->keeper);
        thread_wait(&w->given, &w->keeper.lock, clock_monotonic_us() + LOOK_EVERY_US);
        background_unlock(&w->keeper);
    }
    db_release(c);
}

static void keep(void *context)
{
    struct worker *w = context;
    struct actor actor = ACTOR_OF_TASK("jobs");
    struct call c;
    call_init(&c, w->app, w->app->db);
    c.actor = &actor;
    end_dead(w, &c);
    do
        look(w, &c);
    while (rest(w));
    write_the_last(w, &c);
    call_release(&c);
}

/* ---- birth and end ---- */

static void free_worker(struct worker *w)
{
    for (int i = 0; i < w->thread_count; i++)
        call_release(&w->runs[i].call);
    pthread_cond_destroy(&w->given);
    pthread_cond_destroy(&w->ended);
    pthread_cond_destroy(&w->written);
    hand_release(&w->hand);
    free(w);
}

static void end_threads(struct worker *w)
{
    background_lock(&w->keeper);
    w->over = true;
    pthread_cond_broadcast(&w->given);
    background_unlock(&w->keeper);
    for (int i = 0; i < w->thread_count; i++)
        thread_join(&w->runs[i].thread);
}

static struct worker *new_worker(struct app *app, const struct worker_options *options)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    assert(options->threads <= WORKER_THREADS_MAX && options->kind_count <= KINDS_MAX);
    w->app = app;
    w->options = *options;
    pthread_cond_init(&w->given, NULL);
    pthread_cond_init(&w->ended, NULL);
    pthread_cond_init(&w->written, NULL);
    for (int i = 0; i < options->threads; i++) {
        w->runs[i].worker = w;
        call_init(&w->runs[i].call, app, app->db);
        w->runs[i].call.hold.budget = app->budget;
    }
    w->thread_count = options->threads;
    return w;
}

bool worker_open(struct app *app, const struct worker_options *options, struct worker **out, struct error *error)
{
    struct worker *w = new_worker(app, options);
    queue_name_worker(w->name);
    *out = w; /* what its own threads put wakes it already */
    if (!background_start(&w->keeper, "job-keeper", keep, w, error)) {
        *out = NULL;
        free_worker(w);
        return false;
    }
    for (int i = 0; i < options->threads; i++)
        if (!thread_start(&w->runs[i].thread, "job", run_all, &w->runs[i], error)) {
            worker_close(w);
            *out = NULL;
            worker_free(w);
            return false;
        }
    worker_wake(w);
    return true;
}

static bool load_held(struct worker *w, int64_t id, struct job *out, struct error *error)
{
    struct call *c = &w->runs[0].call;
    enum found found = db_find(c, &job_schema, out, "where j.id = ? and j.worker = ? and j.state = 'RUNNING'", V(id),
                               V(str_from(w->name)));
    if (found == FAILED)
        *error = c->error;
    db_release(c);
    return found == FOUND ||
           (found == NONE && error_set(error, E_CONFLICT, "job %" PRId64 " is not held by %s", id, w->name));
}

static void limit_memory(const struct job_kind *kind)
{
    rlim_t most = (rlim_t)kind->memory_limit_bytes;
    if (!SANITIZED && kind->memory_limit_bytes)
        setrlimit(RLIMIT_DATA, &(struct rlimit){ most, most });
}

bool worker_do_one(struct app *app, const struct job_kind *kind, int64_t id, struct str name, const sigset_t *stops,
                   struct error *error)
{
    struct worker *w = new_worker(app, &(struct worker_options){ .kinds = &kind, .kind_count = 1, .threads = 1 });
    struct job_run *run = &w->runs[0];
    struct job job;
    snprintf(w->name, sizeof(w->name), "%.*s", STR_FMT(name));
    w->closing = true; /* it takes nothing */
    w->stops = stops;
    bool ok = load_held(w, id, &job, error);
    if (ok) {
        limit_memory(kind);
        run_begin(run, kind, job.id, job.attempt, job.payload.text);
        ok = background_start(&w->keeper, "job-keeper", keep, w, error);
    }
    if (ok) {
        run_one(run);
        background_stop(&w->keeper);
        background_release(&w->keeper);
    }
    free_worker(w);
    return ok;
}

void worker_wake(void *worker)
{
    struct worker *w = worker;
    background_lock(&w->keeper);
    w->woken = true;
    background_wake(&w->keeper);
    background_unlock(&w->keeper);
}

void worker_hear(void *worker)
{
    struct worker *w = worker;
    background_lock(&w->keeper);
    w->heard = true;
    background_unlock(&w->keeper);
    worker_wake(w);
}

static bool is_quiet(const struct worker *w)
{
    for (int i = 0; i < w->thread_count; i++)
        if (w->runs[i].kind)
            return false;
    return true;
}

/* The keeper goes on renewing while they end. */
void worker_stop(struct worker *w, int64_t grace_ms)
{
    if (!w)
        return;
    int64_t until_us = clock_monotonic_us() + grace_ms * 1000;
    background_lock(&w->keeper);
    w->closing = true;
    while (w->exchanging)
        pthread_cond_wait(&w->ended, &w->keeper.lock);
    hand_give_back(w, true);
    while (!is_quiet(w) && thread_wait(&w->ended, &w->keeper.lock, until_us))
        continue;
    for (int i = 0; i < w->thread_count; i++)
        if (w->runs[i].kind)
            stop_run(&w->runs[i], CLOSING);
    background_unlock(&w->keeper);
}

void worker_close(struct worker *w)
{
    if (!w)
        return;
    worker_stop(w, 0);
    end_threads(w);
    background_stop(&w->keeper);
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    background_release(&w->keeper);
    free_worker(w);
}
