/* relay_look.c - what becomes of jobs that have their turn: asked of Redis, before anything is written here. */
#include "celery/relay_parts.h"

#include "base/text.h"

enum {
    LOST_LOOK_S = 30, /* nobody looks for a message before */
    GRACE_S = 60,     /* that Celery's worker may take to end what has passed its limit, and to say so */
    MARKER_S = 86400  /* beyond the time limit; each look makes it last that long again */
};
#define SECOND_US INT64_C(1000000)

/* ---- answers ---- */

static struct job_end failed(struct str words, struct arena *arena)
{
    return (struct job_end){ .state = JOB_FAILED, .error = str_at_most(arena_copy(arena, words), JOB_WORDS_MAX) };
}

struct job_end relay_end_of(const struct celery_result *result, struct arena *arena)
{
    switch (result->state) {
    case CELERY_SUCCESS:
        if (str_is_null(result->value) || result->value.len > JOB_PAYLOAD_MAX)
            return failed(arena_format(arena, "its answer is larger than %d bytes", JOB_PAYLOAD_MAX), arena);
        return (struct job_end){ .state = JOB_SUCCEEDED, .result = result->value };
    case CELERY_FAILURE:
        return failed(result->words.len ? result->words : S("it failed there, and nobody said why"), arena);
    case CELERY_REVOKED:
        return failed(arena_format(arena, "it was revoked there: %.*s", STR_FMT(result->words)), arena);
    default:
        return failed(S("it was not done there: Celery rejected or ignored it"), arena);
    }
}

static void end_with(struct relayed *r, struct job_end end)
{
    r->fate = FATE_END;
    r->end = end;
}

static void read_answer(struct relayed *r, struct str text, struct arena *arena)
{
    struct celery_result result;
    const char *trouble = celery_result_read(text, arena, &result);
    if (!trouble && !str_equal(result.id, r->task.id))
        trouble = "it is about another task";
    if (trouble)
        end_with(r, failed(arena_format(arena, "its answer cannot be read: %s", trouble), arena));
    else if (celery_state_is_final(result.state))
        end_with(r, relay_end_of(&result, arena));
}

static bool look_for_answers(struct call *c, struct batch *batch)
{
    struct str *words = arena_array(&c->arena, struct str, batch->count + 1);
    struct redis_reply reply;
    words[0] = S("MGET");
    for (int i = 0; i < batch->count; i++)
        words[i + 1] = celery_result_key(&batch->celery->names, batch->all[i].task.id, &c->arena);
    if (!redis_ask(batch->celery->results, words, batch->count + 1, &c->arena, &reply, &c->error))
        return false;
    if (reply.type != REDIS_LIST || reply.count != batch->count)
        return fail(c, E_UNAVAILABLE, "Redis answers MGET with something else");
    for (int i = 0; i < batch->count; i++)
        if (reply.items[i].type == REDIS_TEXT)
            read_answer(&batch->all[i], reply.items[i].text, &c->arena);
    return true;
}

/* ---- cancelling ---- */

/* Workers forget a broadcast that they were not there for; so its message goes as well, as long as nobody has it. */
static bool take_back(struct call *c, struct batch *batch, struct relayed *r)
{
    const struct celery_names *names = &batch->celery->names;
    const struct str say[] = { S("PUBLISH"), celery_pidbox(names, &c->arena),
                               celery_revocation(r->task.id, true, &c->arena) };
    const struct str drop[] = { S("LREM"), celery_queue_key(names, r->task.queue, r->task.step, &c->arena), S("1"),
                                r->message };
    const struct redis_command commands[] = { { say, 3 }, { drop, 4 } };
    struct redis_reply replies[2];
    end_with(r, (struct job_end){ .state = JOB_CANCELLED, .error = S("it was cancelled") });
    return redis_ask_all(batch->celery->broker, commands, 2, &c->arena, replies, &c->error);
}

/* ---- sending ---- */

static const struct redis_script send_script = {
    .text = "local was = {}\n"
            "for i = 2, #ARGV, 4 do\n"
            "  was[#was + 1] = redis.call('GET', ARGV[i]) == ARGV[i + 1] and 1 or 0\n"
            "  if was[#was] == 0 then redis.call('LPUSH', ARGV[i + 2], ARGV[i + 3]) end\n"
            "  redis.call('SET', ARGV[i], ARGV[i + 1], 'EX', ARGV[1])\n"
            "end\n"
            "return was\n",
};

static struct str marker_key(const struct batch *batch, const struct relayed *r, struct arena *arena)
{
    struct str base = celery_key(&batch->celery->names, "roentgen-sent-", arena);
    return arena_format(arena, "%.*s%.*s", STR_FMT(base), STR_FMT(r->task.id));
}

/* One script for all: the marker, its attempt, the list, the message. */
static bool send(struct call *c, struct batch *batch)
{
    struct str *words = arena_array(&c->arena, struct str, 1 + 4 * batch->count);
    struct relayed **sent = arena_array(&c->arena, struct relayed *, batch->count);
    struct redis_reply reply;
    int count = 0, at = 1;
    words[0] = arena_format(&c->arena, "%" PRId64, batch->celery->app->config.task_time_limit_s + MARKER_S);
    for (int i = 0; i < batch->count; i++) {
        struct relayed *r = &batch->all[i];
        if (r->fate != FATE_WAIT)
            continue;
        words[at++] = marker_key(batch, r, &c->arena);
        words[at++] = arena_format(&c->arena, "%" PRId64, r->remote.job.attempt);
        words[at++] = celery_queue_key(&batch->celery->names, r->task.queue, r->task.step, &c->arena);
        words[at++] = r->message;
        sent[count++] = r;
    }
    if (!count)
        return true;
    if (!redis_run(batch->celery->broker, &send_script, words, at, &c->arena, &reply, &c->error))
        return false;
    if (reply.type != REDIS_LIST || reply.count != count)
        return fail(c, E_UNAVAILABLE, "Redis answers a script with something else");
    for (int i = 0; i < count; i++)
        sent[i]->was_sent = reply.items[i].integer == 1;
    return true;
}

/* ---- what is lost ---- */

static int64_t silent_s(const struct relayed *r)
{
    return (r->remote.now.us - r->remote.job.started_at.us) / SECOND_US;
}

static void decide(struct batch *batch, struct relayed *r, bool is_there, struct arena *arena)
{
    const struct job *job = &r->remote.job;
    if (is_there)
        r->fate = FATE_SEEN;
    else if (silent_s(r) <= batch->celery->app->config.task_time_limit_s + GRACE_S)
        r->fate = FATE_WAIT; /* somebody may be at it */
    else if (job->attempt < job->attempts_max)
        r->fate = FATE_SEND_AGAIN;
    else
        end_with(r, failed(arena_format(arena, "no answer came, though it was sent %" PRId64 " times", job->attempt),
                           arena));
}

static bool look_for_lost(struct call *c, struct batch *batch)
{
    struct str *ids = arena_array(&c->arena, struct str, batch->count);
    bool *found = arena_array(&c->arena, bool, batch->count);
    int *which = arena_array(&c->arena, int, batch->count), count = 0;
    for (int i = 0; i < batch->count; i++) {
        const struct relayed *r = &batch->all[i];
        if (r->fate == FATE_WAIT && r->was_sent && silent_s(r) >= LOST_LOOK_S) {
            which[count] = i;
            ids[count++] = r->task.id;
        }
    }
    if (count && !relay_find(batch->celery, ids, found, count, &c->error))
        return false;
    for (int i = 0; i < count; i++)
        decide(batch, &batch->all[which[i]], found[i], &c->arena);
    return true;
}

/* ---- all of it ---- */

/* Written once more as Celery wants it, and looked at, since one that is broken ends a worker of Celery. */
static void prepare(struct call *c, struct batch *batch, struct relayed *r)
{
    const struct job *job = &r->remote.job;
    const struct config *config = &batch->celery->app->config;
    struct str name = str_slice(job->kind, (ptrdiff_t)strlen(CELERY_KIND_PREFIX), job->kind.len);
    r->fate = FATE_WAIT;
    r->was_sent = false;
    r->task = (struct celery_task){ .id = job->job_uuid,
                                    .name = arena_format(&c->arena, CELERY_TASK_PREFIX "%.*s", STR_FMT(name)),
                                    .kwargs = job->payload.text.len ? job->payload.text : S("{}"),
                                    .queue = config->task_queue,
                                    .step = celery_step_of(&batch->celery->names, job->priority),
                                    .delivery = job->attempt - 1,
                                    .time_limit_s = config->task_time_limit_s };
    const char *trouble = celery_task_check(&r->task, &c->arena);
    if (trouble)
        end_with(r, failed(arena_format(&c->arena, "it cannot be sent: %s", trouble), &c->arena));
    else
        r->message = celery_message(&r->task, &c->arena);
}

bool relay_look(struct call *c, struct batch *batch)
{
    for (int i = 0; i < batch->count; i++)
        prepare(c, batch, &batch->all[i]);
    if (!look_for_answers(c, batch))
        return false;
    for (int i = 0; i < batch->count; i++) {
        struct relayed *r = &batch->all[i];
        if (r->fate == FATE_WAIT && r->remote.job.is_cancelled && !take_back(c, batch, r))
            return false;
    }
    return send(c, batch) && look_for_lost(c, batch);
}

void relay_forget(struct call *c, const struct batch *batch)
{
    struct str *words = arena_array(&c->arena, struct str, batch->count + 1);
    struct redis_reply reply;
    struct error ignored = { 0 };
    int count = 1;
    words[0] = S("DEL");
    for (int i = 0; i < batch->count; i++)
        if (batch->all[i].fate == FATE_END)
            words[count++] = marker_key(batch, &batch->all[i], &c->arena);
    if (count > 1)
        redis_ask(batch->celery->broker, words, count, &c->arena, &reply, &ignored);
}
