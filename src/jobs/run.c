/* run.c - what a job's function may ask, and how a job ends. */
#include "jobs/run.h"

#include "jobs/apart.h"
#include "base/text.h"
#include "schema/json.h"

/* ---- for who is run ---- */

int64_t job_id(const struct job_run *run)
{
    return run->id;
}

const void *job_payload(const struct job_run *run)
{
    return run->payload;
}

void *job_result(const struct job_run *run)
{
    return run->result;
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

bool job_rest(struct job_run *run, int64_t us)
{
    struct worker *w = run->worker;
    int64_t until_us = clock_monotonic_us() + us;
    background_lock(&w->keeper);
    while (!job_is_stopping(run) && thread_wait(&w->given, &w->keeper.lock, until_us))
        continue;
    background_unlock(&w->keeper);
    return !job_is_stopping(run) || say_why(run);
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

/* What the row is to say of it. Under the lock. */
void run_take_lease(struct job_run *run, struct renewing *out)
{
    memcpy(out->text, run->text, sizeof(out->text));
    out->lease = (struct job_lease){ .id = run->id,
                                     .done = run->done,
                                     .total = run->total,
                                     .unit = run->unit,
                                     .text = str_from(out->text),
                                     .tell = run->told };
    run->told = false;
    run->renewed_us = clock_monotonic_us();
}

struct ending {
    struct job_run *run;
    bool (*work)(struct call *c, void *context);
    void *context;
};

static bool write_end(struct call *c, void *context)
{
    const struct ending *ending = context;
    struct job_run *run = ending->run;
    struct job_end end = { .id = run->id, .state = JOB_SUCCEEDED, .forget = run->kind->is_fleeting };
    struct renewing last = { .worker = run->worker };
    if (!queue_hold(c, str_from(last.worker->name), end.id) || !ending->work(c, ending->context))
        return false;
    background_lock(&last.worker->keeper);
    run_take_lease(run, &last);
    background_unlock(&last.worker->keeper);
    last.lease.tell = false;                                       /* its end tells it */
    if (!queue_renew(c, str_from(last.worker->name), &last.lease)) /* for its progress */
        return false;
    end.result = result_text(run);
    return queue_end(c, str_from(last.worker->name), &end);
}

bool job_complete(struct call *c, struct job_run *run, bool (*work)(struct call *c, void *context), void *context)
{
    struct ending ending = { run, work, context };
    run->completed = db_transact(c, write_end, &ending);
    return run->completed;
}

bool job_may_pass(enum error_code code)
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
    struct job_end end = { .id = run->id, .state = ok ? JOB_SUCCEEDED : JOB_FAILED, .forget = run->kind->is_fleeting };
    enum why why = (enum why)atomic_load(&run->why);
    if (ok)
        return end;
    end.error = words_of(&c->error, &c->arena);
    if (why == CANCELLED)
        end.state = JOB_CANCELLED;
    else if (why == CLOSING)
        end.back = true;
    else
        end.pause = job_may_pass(c->error.code);
    return end;
}

static void finish(struct job_run *run, bool ok)
{
    struct job_end end = end_of(run, ok);
    struct renewing last;
    struct worker *w = run->worker;
    if (!end.back)
        worker_count_end(w, run->kind, end.state, clock_monotonic_us() - run->began_us);
    log_write(w->app->log, ok || end.back ? LOG_INFO : LOG_WARNING, NULL, ok ? "job.done" : "job.ended",
              "job %" PRId64 " (%s), attempt %" PRId64 ": %.*s", run->id, run->kind->name, run->attempt,
              STR_FMT(ok ? S("done") : end.error));
    if (run->completed || atomic_load(&run->why) == LOST)
        return;
    background_lock(&w->keeper);
    run_take_lease(run, &last);
    background_unlock(&w->keeper);
    if (end.state == JOB_SUCCEEDED)
        end.result = result_text(run);
    hand_end(run, &end, &last.lease);
}

/* ---- running ---- */

void run_begin(struct job_run *run, const struct job_kind *kind, int64_t id, int64_t attempt, struct str payload)
{
    run->kind = kind;
    run->id = id;
    run->attempt = attempt;
    run->payload_text = arena_copy(&run->call.arena, payload);
    run->told = run->completed = false;
    run->done = run->total = 0;
    run->unit = NULL;
    run->text[0] = '\0';
    run->began_us = run->renewed_us = clock_monotonic_us();
    run->until_us = run->began_us + kind->time_limit_s * 1000000;
    run->apart = kind->memory_limit_bytes && run->worker->options.program;
    atomic_store(&run->why, GO_ON);
}

static bool read_payload(struct job_run *run)
{
    const struct job_kind *kind = run->kind;
    uint64_t given = 0;
    struct call *c = &run->call;
    run->result = kind->result ? schema_new(kind->result, &c->arena) : NULL;
    run->payload = kind->payload ? schema_new(kind->payload, &c->arena) : NULL;
    return !kind->payload || json_decode(c, run->payload_text, kind->payload, run->payload, false, &given);
}

static void do_here(struct job_run *run)
{
    bool ok = read_payload(run) && run->kind->run(&run->call, run);
    db_release(&run->call);
    finish(run, ok);
}

static void do_apart(struct job_run *run)
{
    enum job_state state;
    if (!run_apart(run, &state))
        finish(run, false);
    else if (state != JOB_QUEUED && state != JOB_RUNNING)
        worker_count_end(run->worker, run->kind, state, clock_monotonic_us() - run->began_us);
}

void run_one(struct job_run *run)
{
    struct call *c = &run->call;
    struct actor actor = { .origin = arena_format(&c->arena, "{\"by\":\"server\",\"task\":\"%s\",\"job\":%" PRId64 "}",
                                                  run->kind->name, run->id) };
    c->actor = &actor;
    if (run->apart)
        do_apart(run);
    else
        do_here(run);
    db_release(c);
    c->actor = NULL;
}
