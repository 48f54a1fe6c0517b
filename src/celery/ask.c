/* ask.c - see ask.h. */
#include "celery/ask.h"

#include "base/crypto.h"

#include <time.h>

enum { FIRST_LOOK_MS = 4, LAST_LOOK_MS = 100 };

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
        .time_limit_s = (a->question->timeout_ms + 999) / 1000,
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

/* Workers forget a broadcast that they were not there for; so its message goes as well, as long as nobody has it. */
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
    redis_ask_all(a->celery->broker, commands, 2, a->arena, replies, &ignored);
}

/* ---- the answer ---- */

static bool read_end(const struct asking *a, const struct celery_result *result, struct str *answer,
                     struct error *error)
{
    switch (result->state) {
    case CELERY_SUCCESS:
        *answer = result->value;
        return !str_is_null(result->value) ||
               error_set(error, E_INVALID, "the answer of the task %.*s is too large", STR_FMT(a->question->task));
    case CELERY_FAILURE: /* a process that was killed says nothing of the question */
        return error_set(error, str_starts(result->words, S("WorkerLostError")) ? E_UNAVAILABLE : E_INVALID,
                         "the task %.*s failed: %.*s", STR_FMT(a->question->task), STR_FMT(result->words));
    default:
        return error_set(error, E_UNAVAILABLE, "the task %.*s was revoked or rejected there",
                         STR_FMT(a->question->task));
    }
}

/* *is_there: it has ended, well or not, or could not be looked for. */
static bool look(const struct asking *a, struct arena *arena, bool *is_there, struct str *answer, struct error *error)
{
    const struct str words[] = { S("GET"), a->result_key };
    struct redis_reply reply;
    struct celery_result result;
    *is_there = true;
    if (!redis_ask(a->celery->results, words, 2, arena, &reply, error))
        return false;
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
        if (pause_ms > LAST_LOOK_MS)
            pause_ms = LAST_LOOK_MS;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = pause_ms * 1000000L }, NULL);
    }
    arena_release(&scratch);
    if (!is_there || error->code == E_UNAVAILABLE)
        take_back(a);
    if (is_there)
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
    if (!prepare(&a, error) || !send(&a, error))
        return false;
    bool ok = wait_for(&a, answer, error);
    forget(&a);
    return ok;
}
