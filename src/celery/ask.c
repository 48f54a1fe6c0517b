/* ask.c - see ask.h. */
#include "celery/ask.h"

#include "base/crypto.h"

#include <time.h>

enum { FIRST_LOOK_MS = 4, LAST_LOOK_MS = 100, TAKE_BACK_MS = 3000 };
/* A worker's own limits are for what nobody takes back any more: they come later than the end of waiting here, by some
 * seconds for one that runs, and by more for one that waits there, as clocks differ. */
enum { LIMIT_LATER_S = 5, EXPIRES_LATER_S = 60 };

bool celery_may_ask(const struct celery *celery, struct str task, struct error *error)
{
    if (celery->app->config.task_broker != TASK_BROKER_CELERY)
        return error_set(error, E_FORBIDDEN, "tasks do not go out here: TASK_BROKER is not celery");
    for (int i = 0; i < celery->kind_count; i++)
        if (str_equal(str_from(celery->kinds[i]->name + strlen(CELERY_KIND_PREFIX)), task))
            return true;
    return error_set(error, E_FORBIDDEN, "TASK_NAMES does not list the task %.*s", STR_FMT(task));
}

/* One that is under way. */
struct asking {
    struct celery *celery;
    const struct celery_question *question;
    struct arena *arena;
    struct celery_task task;
    struct str message, result_key;
};

static bool prepare(struct asking *a, struct error *error)
{
    const struct celery *celery = a->celery;
    a->task = (struct celery_task){
        .id = arena_format(a->arena, CELERY_ASK_PREFIX "%.*s", STR_FMT(crypto_uuid_text(a->arena))),
        .name = arena_format(a->arena, CELERY_TASK_PREFIX "%.*s", STR_FMT(a->question->task)),
        .kwargs = S("{}"),
        .queue = celery->app->config.task_queue,
        .step = celery_step_of(&celery->names, JOB_NORMAL),
        .time_limit_s = (a->question->timeout_ms + 999) / 1000 + LIMIT_LATER_S,
        .expires = { clock_now().us + (a->question->timeout_ms + EXPIRES_LATER_S * 1000) * 1000 },
    };
    const char *trouble = celery_task_check(&a->task, a->arena);
    if (trouble)
        return error_set(error, E_INVALID, "it cannot be sent: %s", trouble);
    a->task.kwargs = a->question->told;
    a->message = celery_message(&a->task, a->arena);
    a->result_key = celery_result_key(&celery->names, a->task.id, a->arena);
    return true;
}

static bool send(const struct asking *a, struct error *error)
{
    const struct celery_names *names = &a->celery->names;
    const struct str words[] = { S("LPUSH"), celery_queue_key(names, a->task.queue, a->task.step, a->arena),
                                 a->message };
    struct redis_reply reply;
    return redis_ask(a->celery->broker, words, 3, a->arena, &reply, error) &&
           (reply.type == REDIS_INTEGER || error_set(error, E_UNAVAILABLE, "Redis did not take the question"));
}

static void pause_for(int64_t ms)
{
    clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

/* Did what failed since `generation` fail because Redis is away, or was for a moment? Else it was refused. */
static bool was_lost(struct redis *redis, uint64_t generation)
{
    struct redis_state state;
    redis_look(redis, &state);
    return !state.here || redis_generation(redis) != generation;
}

/* Workers forget a broadcast that they were not there for; so its message goes as well, as long as nobody has it. A
 * Redis that is away mostly comes back within a second. */
static void take_back(const struct asking *a)
{
    const struct celery_names *names = &a->celery->names;
    const struct str say[] = { S("PUBLISH"), celery_pidbox(names, a->arena),
                               celery_revocation(a->task.id, true, a->arena) };
    const struct str drop[] = { S("LREM"), celery_queue_key(names, a->task.queue, a->task.step, a->arena), S("1"),
                                a->message };
    const struct redis_command commands[] = { { say, 3 }, { drop, 4 } };
    struct redis_reply replies[2];
    struct error ignored = { 0 };
    int64_t until_us = clock_monotonic_us() + TAKE_BACK_MS * 1000;
    for (;;) {
        uint64_t generation = redis_generation(a->celery->broker);
        if (redis_ask_all(a->celery->broker, commands, 2, a->arena, replies, &ignored) ||
            !was_lost(a->celery->broker, generation) || clock_monotonic_us() > until_us)
            break;
        error_clear(&ignored);
        pause_for(LAST_LOOK_MS);
    }
}

/* ---- the answer ---- */

/* Its process was killed, by the system, the worker's own limit or a person: that says nothing of the question. */
static bool has_died(struct str words)
{
    return str_starts(words, S("WorkerLostError")) || str_starts(words, S("TimeLimitExceeded")) ||
           str_starts(words, S("SoftTimeLimitExceeded")) || str_starts(words, S("Terminated"));
}

static bool read_end(const struct asking *a, const struct celery_result *result, struct str *answer,
                     struct error *error)
{
    switch (result->state) {
    case CELERY_SUCCESS:
        *answer = result->value;
        return !str_is_null(result->value) ||
               error_set(error, E_INVALID, "the answer of the task %.*s is too large", STR_FMT(a->question->task));
    case CELERY_FAILURE:
        return error_set(error, has_died(result->words) ? E_UNAVAILABLE : E_INVALID, "the task %.*s failed: %.*s",
                         STR_FMT(a->question->task), STR_FMT(result->words));
    default:
        return error_set(error, E_UNAVAILABLE, "the task %.*s was revoked or rejected there",
                         STR_FMT(a->question->task));
    }
}

/* *is_there: it has ended, well or not, or cannot be looked for. Where Redis is away for the moment it is not there
 * yet: false without it. */
static bool look(const struct asking *a, struct arena *arena, bool *is_there, struct str *answer, struct error *error)
{
    const struct str words[] = { S("GET"), a->result_key };
    struct redis_reply reply;
    struct celery_result result;
    uint64_t generation = redis_generation(a->celery->results);
    *is_there = true;
    if (!redis_ask(a->celery->results, words, 2, arena, &reply, error)) {
        *is_there = !was_lost(a->celery->results, generation);
        return false;
    }
    if (reply.type != REDIS_TEXT) {
        *is_there = false;
        return true;
    }
    const char *trouble = celery_result_read(reply.text, a->arena, &result);
    if (!trouble && !str_equal(result.id, a->task.id))
        trouble = "it is about another task";
    if (trouble)
        return error_set(error, E_INVALID, "the answer of the task %.*s cannot be read: %s", STR_FMT(a->question->task),
                         trouble);
    *is_there = celery_state_is_final(result.state);
    return !*is_there || read_end(a, &result, answer, error);
}

/* What it says of somebody's picture is for nobody else. */
static void forget(const struct asking *a)
{
    const struct str words[] = { S("DEL"), a->result_key };
    struct redis_reply reply;
    struct error ignored = { 0 };
    redis_ask(a->celery->results, words, 2, a->arena, &reply, &ignored);
}

static bool wait_for(const struct asking *a, struct str *answer, struct error *error)
{
    const struct celery_question *question = a->question;
    int64_t until_us = clock_monotonic_us() + question->timeout_ms * 1000;
    struct arena scratch;
    bool is_there = false, ok = true, stops = false;
    arena_init(&scratch);
    for (int64_t pause_ms = FIRST_LOOK_MS;; pause_ms = pause_ms * 3 / 2) {
        ok = look(a, &scratch, &is_there, answer, error);
        stops = question->is_stopping && question->is_stopping(question->context);
        if (is_there || stops || clock_monotonic_us() > until_us)
            break;
        arena_reset(&scratch);
        error_clear(error);
        if (pause_ms > LAST_LOOK_MS)
            pause_ms = LAST_LOOK_MS;
        pause_for(pause_ms);
    }
    arena_release(&scratch);
    if (!is_there || error->code == E_UNAVAILABLE)
        take_back(a);
    if (is_there || !ok)
        return ok;
    return stops ? error_set(error, E_UNAVAILABLE, "it is to stop")
                 : error_set(error, E_UNAVAILABLE, "no worker answered the task %.*s within %d s",
                             STR_FMT(question->task), (int)(question->timeout_ms / 1000));
}

bool celery_ask(struct celery *celery, const struct celery_question *question, struct arena *arena, struct str *answer,
                struct error *error)
{
    struct asking a = { .celery = celery, .question = question, .arena = arena };
    if (!celery_may_ask(celery, question->task, error))
        return false;
    if (!celery->broker)
        return error_set(error, E_UNAVAILABLE, "tasks are sent by servers and workers");
    uint64_t generation = redis_generation(celery->broker);
    if (!prepare(&a, error))
        return false;
    bool ok = send(&a, error);
    if (ok)
        ok = wait_for(&a, answer, error);
    else if (redis_generation(celery->broker) != generation) /* the answer was lost: it may be there all the same */
        take_back(&a);
    forget(&a);
    return ok;
}
