/* worker.c - see worker.h. */
#include "jobs/worker.h"

#include "jobs/queue.h"
#include "jobs/schedule.h"
#include "site/actor.h"
#include "site/app.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "schema/json.h"

#include <assert.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS_MAX = 64, KINDS_MAX = 64, LOOK_EVERY_US = 1000000, RENEW_EVERY_US = JOB_LEASE_S * 1000000 / 3 };
enum { TEXT_MAX = 200, NAME_MAX_BYTES = 100, END_TRIES = 10 };

enum why { GO_ON, CANCELLED, TOO_LONG, LOST, CLOSING };

/* One thread, and what it runs. */
struct job_run {
    struct worker *worker;
    struct thread thread;
    struct call call;
    struct job job;
    const struct job_kind *kind; /* NULL: it is idle; with `begun` false: it has something to begin */
    bool begun;
    int64_t until_us;   /* of its time limit */
    int64_t renewed_us; /* when its lease was last renewed, or its progress written */
    int64_t done, total;
    const char *unit;
    char text[TEXT_MAX + 1];
    bool told;       /* since it was last written */
    _Atomic int why; /* enum why */
    void *payload, *result;
    bool completed; /* its end was written with its work */
};

struct worker {
    struct app *app;
    struct worker_options options;
    char name[NAME_MAX_BYTES];
    struct background keeper; /* its lock guards all below, and the runs' members that both sides use */
    pthread_cond_t given;     /* something for a thread to begin, or the end */
    pthread_cond_t ended;     /* one has ended */
    bool woken, closing, over;
    int thread_count;
    struct job_run runs[THREADS_MAX];
};

/* ---- for who is run ---- */

const void *job_payload(const struct job_run *run)
{
    return run->payload;
}

void *job_result(const struct job_run *run)
{
    return run->result;
}

int64_t job_id(const struct job_run *run)
{
    return run->job.id;
}

int64_t job_asked_by(const struct job_run *run)
{
    return run->job.asked_by == INTEGER_NULL ? 0 : run->job.asked_by;
}

bool job_is_stopping(const struct job_run *run)
{
    return atomic_load(&run->why) != GO_ON;
}

static bool say_why(struct job_run *run)
{
    static const char *const words[] = {
        [CANCELLED] = "it was cancelled",
        [TOO_LONG] = "it took longer than this kind of work may",
        [LOST] = "its worker had been silent for too long, and another has it now",
        [CLOSING] = "its worker was stopped",
    };
    return fail(&run->call, E_UNAVAILABLE, "%s", words[atomic_load(&run->why)]);
}

bool job_tell(struct job_run *run, int64_t done, int64_t total, const char *unit, struct str text)
{
    struct worker *w = run->worker;
    background_lock(&w->keeper);
    run->done = done;
    run->total = total;
    run->unit = unit;
    snprintf(run->text, sizeof(run->text), "%.*s", STR_FMT(str_at_most(text, TEXT_MAX)));
    run->told = true;
    background_unlock(&w->keeper);
    return !job_is_stopping(run) || say_why(run);
}

/* ---- how it ends ---- */

static struct str result_text(struct job_run *run)
{
    struct text text;
    if (!run->kind->result)
        return STR_NULL;
    text_init(&text, JOB_PAYLOAD_MAX);
    json_encode(&text, run->kind->result, run->result, JSON_ALL_FIELDS, &run->call.arena);
    struct str copy = arena_copy(&run->call.arena, text_str(&text));
    text_release(&text);
    return copy;
}

struct renewing {
    struct worker *worker;
    struct job_lease lease;
    char text[TEXT_MAX + 1];
};

/* What the row is to say of it. Under the lock. */
static void take_lease(struct job_run *run, struct renewing *out)
{
    memcpy(out->text, run->text, sizeof(out->text));
    out->lease = (struct job_lease){ run->job.id, run->done, run->total, run->unit, str_from(out->text), false, false };
    run->told = false;
    run->renewed_us = clock_monotonic_us();
}

struct ending {
    struct job_run *run;
    struct job_end end;
    bool (*work)(struct call *c, void *context);
    void *context;
};

static bool write_end(struct call *c, void *context)
{
    const struct ending *ending = context;
    if (ending->work && !ending->work(c, ending->context))
        return false;
    struct job_end end = ending->end;
    struct renewing last = { .worker = ending->run->worker };
    background_lock(&last.worker->keeper);
    take_lease(ending->run, &last);
    background_unlock(&last.worker->keeper);
    if (!queue_renew(c, str_from(last.worker->name), &last.lease)) /* for its progress */
        return false;
    if (end.state == JOB_SUCCEEDED)
        end.result = result_text(ending->run);
    return queue_end(c, str_from(ending->run->worker->name), &end);
}

bool job_complete(struct call *c, struct job_run *run, bool (*work)(struct call *c, void *context), void *context)
{
    struct ending ending = { run, { .id = run->job.id, .state = JOB_SUCCEEDED }, work, context };
    run->completed = db_transact(c, write_end, &ending);
    return run->completed;
}

static bool may_pass(enum error_code code)
{
    return code == E_UNAVAILABLE || code == E_INTERNAL || code == E_UNREADABLE || code == E_STORAGE_FULL ||
           code == E_TOO_MANY;
}

static struct str words_of(const struct error *error, struct arena *arena)
{
    const struct problem *p = error->problems;
    struct str words = p ? arena_format(arena, "%.*s: %.*s", STR_FMT(p->member), STR_FMT(p->message))
                         : arena_copy(arena, str_from(error->message));
    return str_at_most(words, JOB_WORDS_MAX);
}

static struct job_end end_of(struct job_run *run, bool ok)
{
    struct call *c = &run->call;
    struct job_end end = { .id = run->job.id, .state = ok ? JOB_SUCCEEDED : JOB_FAILED };
    enum why why = (enum why)atomic_load(&run->why);
    if (ok)
        return end;
    end.error = words_of(&c->error, &c->arena);
    if (why == CANCELLED)
        end.state = JOB_CANCELLED;
    else if (why == CLOSING)
        end.back = true;
    else
        end.pause = may_pass(c->error.code);
    return end;
}

/* A database that is away for a moment must not make it run twice; one that stays away will. */
static void finish(struct job_run *run, bool ok)
{
    struct call *c = &run->call;
    struct log *log = c->app->log;
    struct ending ending = { .run = run, .end = end_of(run, ok) };
    log_write(log, ok || ending.end.back ? LOG_INFO : LOG_WARNING, NULL, ok ? "job.done" : "job.ended",
              "job %" PRId64 " (%s), attempt %" PRId64 ": %.*s", run->job.id, run->kind->name, run->job.attempt,
              STR_FMT(ok ? S("done") : ending.end.error));
    if (run->completed || atomic_load(&run->why) == LOST)
        return;
    for (int i = 0; i < END_TRIES; i++) {
        error_clear(&c->error);
        if (db_transact(c, write_end, &ending) || c->error.code == E_CONFLICT || db_has_ended(c->db))
            return;
        background_lock(&run->worker->keeper);
        thread_wait(&run->worker->given, &run->worker->keeper.lock, clock_monotonic_us() + LOOK_EVERY_US);
        background_unlock(&run->worker->keeper);
    }
    log_write(log, LOG_ERROR, NULL, "job.end_unwritten", "job %" PRId64 " (%s): how it ended could not be written: %s",
              run->job.id, run->kind->name, c->error.message);
}

/* ---- the threads ---- */

static bool read_payload(struct job_run *run)
{
    const struct job_kind *kind = run->kind;
    uint64_t given = 0;
    struct call *c = &run->call;
    run->result = kind->result ? schema_new(kind->result, &c->arena) : NULL;
    run->payload = kind->payload ? schema_new(kind->payload, &c->arena) : NULL;
    return !kind->payload || json_decode(c, run->job.payload.text, kind->payload, run->payload, false, &given);
}

static void run_one(struct job_run *run)
{
    struct call *c = &run->call;
    struct actor actor = { .origin = arena_format(&c->arena, "{\"by\":\"server\",\"task\":\"%s\",\"job\":%" PRId64 "}",
                                                  run->kind->name, run->job.id) };
    c->actor = &actor;
    bool ok = read_payload(run) && run->kind->run(c, run);
    db_release(c);
    finish(run, ok);
    db_release(c);
    c->actor = NULL;
}

/* Waits for something to begin. False: there will be nothing more. Under the lock. */
static bool wait_for_one(struct job_run *run)
{
    struct worker *w = run->worker;
    while (!run->kind && !w->over)
        pthread_cond_wait(&w->given, &w->keeper.lock);
    return run->kind;
}

static void run_all(void *context)
{
    struct job_run *run = context;
    struct worker *w = run->worker;
    background_lock(&w->keeper);
    while (wait_for_one(run)) {
        run->begun = true;
        background_unlock(&w->keeper);
        run_one(run);
        background_lock(&w->keeper);
        call_reset(&run->call);
        run->kind = NULL;
        run->begun = false;
        w->woken = true;
        background_wake(&w->keeper);
        pthread_cond_broadcast(&w->ended);
    }
    background_unlock(&w->keeper);
}

/* ---- the keeper: what it reads of the runs is under the lock, what it asks of the database is not ---- */

static struct job_run *idle_run(struct worker *w)
{
    for (int i = 0; i < w->thread_count; i++)
        if (!w->runs[i].kind)
            return &w->runs[i];
    return NULL;
}

static int running_of(const struct worker *w, const struct job_kind *kind)
{
    int count = 0;
    for (int i = 0; i < w->thread_count; i++)
        count += w->runs[i].kind == kind;
    return count;
}

/* Those of which one more may run here. */
static int open_kinds(const struct worker *w, const struct job_kind *out[KINDS_MAX])
{
    int count = 0;
    for (int i = 0; i < w->options.kind_count; i++) {
        const struct job_kind *kind = w->options.kinds[i];
        if (!kind->concurrency || running_of(w, kind) < kind->concurrency)
            out[count++] = kind;
    }
    return count;
}

static const struct job_kind *kind_named(const struct worker *w, struct str name)
{
    for (int i = 0; i < w->options.kind_count; i++)
        if (str_equal(name, str_from(w->options.kinds[i]->name)))
            return w->options.kinds[i];
    return NULL;
}

struct taking {
    struct worker *worker;
    const struct job_kind *kinds[KINDS_MAX];
    int count;
    struct job job;
    enum found found;
};

static bool take_work(struct call *c, void *context)
{
    struct taking *taking = context;
    taking->found = queue_take(c, taking->kinds, taking->count, str_from(taking->worker->name), &taking->job);
    return taking->found != FAILED;
}

/* Texts of the row go into the run's own arena. */
static void give(struct job_run *run, const struct job *job)
{
    struct arena *arena = &run->call.arena;
    run->job = *job;
    run->job.payload.text = arena_copy(arena, job->payload.text);
    run->kind = kind_named(run->worker, job->kind);
    run->begun = run->told = run->completed = false;
    run->done = run->total = 0;
    run->unit = NULL;
    run->text[0] = '\0';
    run->renewed_us = clock_monotonic_us();
    run->until_us = run->renewed_us + run->kind->time_limit_s * 1000000;
    atomic_store(&run->why, GO_ON);
    pthread_cond_broadcast(&run->worker->given);
}

/* False: nothing is to be had, or nobody is idle. */
static bool take_one(struct worker *w, struct call *c)
{
    struct taking taking = { .worker = w };
    background_lock(&w->keeper);
    struct job_run *run = w->closing ? NULL : idle_run(w);
    taking.count = run ? open_kinds(w, taking.kinds) : 0;
    background_unlock(&w->keeper);
    if (!taking.count || queue_has_turn(c, taking.kinds, taking.count) != FOUND)
        return false;
    db_release(c);
    if (!db_transact(c, take_work, &taking) || taking.found != FOUND)
        return false;
    background_lock(&w->keeper);
    give(run, &taking.job);
    background_unlock(&w->keeper);
    return true;
}

static bool renew_work(struct call *c, void *context)
{
    struct renewing *r = context;
    return queue_renew(c, str_from(r->worker->name), &r->lease);
}

static void stop_run(struct job_run *run, enum why why)
{
    int go_on = GO_ON;
    atomic_compare_exchange_strong(&run->why, &go_on, why);
}

/* Whether its lease is to be renewed now; progress is written a second after the last time. Under the lock. */
static bool wants_renewal(const struct job_run *run, int64_t now_us)
{
    int64_t since_us = now_us - run->renewed_us;
    return run->begun && (since_us >= RENEW_EVERY_US || (run->told && since_us >= LOOK_EVERY_US));
}

/* A cancellation is asked for seldom, and is seen with the next renewal of whatever kind. */
static void renew(struct worker *w, struct call *c, struct job_run *run)
{
    struct renewing r = { .worker = w };
    background_lock(&w->keeper);
    bool wanted = wants_renewal(run, clock_monotonic_us());
    if (wanted)
        take_lease(run, &r);
    background_unlock(&w->keeper);
    if (!wanted)
        return;
    bool ok = db_transact(c, renew_work, &r);
    background_lock(&w->keeper);
    if (ok && run->begun && run->job.id == r.lease.id && (r.lease.lost || r.lease.cancelled))
        stop_run(run, r.lease.lost ? LOST : CANCELLED);
    background_unlock(&w->keeper);
}

static void look_at_limits(struct worker *w)
{
    int64_t now_us = clock_monotonic_us();
    background_lock(&w->keeper);
    for (int i = 0; i < w->thread_count; i++)
        if (w->runs[i].begun && now_us >= w->runs[i].until_us)
            stop_run(&w->runs[i], TOO_LONG);
    background_unlock(&w->keeper);
}

static bool turn_work(struct call *c, void *context)
{
    return queue_turn_due(c, context);
}

static void look(struct worker *w, struct call *c)
{
    bool more = true;
    for (int i = 0; i < w->thread_count; i++)
        renew(w, c, &w->runs[i]);
    look_at_limits(w);
    while (more && queue_is_due(c) == FOUND && (db_release(c), db_transact(c, turn_work, &more)))
        call_reset(c);
    db_release(c);
    if (w->options.schedules)
        schedules_look(c, w->options.schedules);
    while (take_one(w, c))
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

static void keep(void *context)
{
    struct worker *w = context;
    struct actor actor = ACTOR_OF_TASK("jobs");
    struct call c;
    call_init(&c, w->app, w->app->db);
    c.actor = &actor;
    do
        look(w, &c);
    while (rest(w));
    call_release(&c);
}

/* ---- birth and end ---- */

static void free_worker(struct worker *w)
{
    for (int i = 0; i < w->thread_count; i++)
        call_release(&w->runs[i].call);
    pthread_cond_destroy(&w->given);
    pthread_cond_destroy(&w->ended);
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

/* host, process, and something that no later process of that number has. */
static void name_worker(struct worker *w)
{
    char host[48] = "", uuid[UUID_TEXT + 1];
    gethostname(host, sizeof(host) - 1);
    crypto_uuid(uuid);
    snprintf(w->name, sizeof(w->name), "%s/%ld/%.8s", host, (long)getpid(), uuid);
}

bool worker_open(struct app *app, const struct worker_options *options, struct worker **out, struct error *error)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->app = app;
    w->options = *options;
    assert(options->threads <= THREADS_MAX && options->kind_count <= KINDS_MAX);
    name_worker(w);
    pthread_cond_init(&w->given, NULL);
    pthread_cond_init(&w->ended, NULL);
    for (int i = 0; i < options->threads; i++) {
        w->runs[i].worker = w;
        call_init(&w->runs[i].call, app, app->db);
    }
    w->thread_count = options->threads;
    if (!background_start(&w->keeper, "job-keeper", keep, w, error)) {
        free_worker(w);
        return false;
    }
    for (int i = 0; i < options->threads; i++)
        if (!thread_start(&w->runs[i].thread, "job", run_all, &w->runs[i], error)) {
            worker_close(w, 0);
            return false;
        }
    worker_wake(w);
    *out = w;
    return true;
}

void worker_wake(void *worker)
{
    struct worker *w = worker;
    background_lock(&w->keeper);
    w->woken = true;
    background_wake(&w->keeper);
    background_unlock(&w->keeper);
}

static bool is_quiet(const struct worker *w)
{
    for (int i = 0; i < w->thread_count; i++)
        if (w->runs[i].kind)
            return false;
    return true;
}

/* The keeper goes on renewing while they end. */
void worker_close(struct worker *w, int64_t grace_ms)
{
    if (!w)
        return;
    int64_t until_us = clock_monotonic_us() + grace_ms * 1000;
    background_lock(&w->keeper);
    w->closing = true;
    while (!is_quiet(w) && thread_wait(&w->ended, &w->keeper.lock, until_us))
        continue;
    for (int i = 0; i < w->thread_count; i++)
        if (w->runs[i].kind)
            stop_run(&w->runs[i], CLOSING);
    background_unlock(&w->keeper);
    end_threads(w);
    background_stop(&w->keeper);
    background_release(&w->keeper);
    free_worker(w);
}
