/* relay.c - the thread of relay.h, and the answers that are heard. */
#include "celery/ask.h"
#include "celery/relay_parts.h"

#include "base/log.h"
#include "base/thread.h"

enum { LOOK_EVERY_US = 1000000, HEARD_BYTES_MAX = 8 << 20, TOLD_MAX = 200 };

/* An answer, as it was published. */
struct heard {
    struct heard *next;
    ptrdiff_t len;
    char text[];
};

struct relay {
    struct celery *celery;
    struct redis_listener *listener;
    struct background keeper; /* its lock guards what follows */
    struct heard *first, **end;
    ptrdiff_t heard_bytes;
    bool woken;
};

/* ---- what is heard ---- */

/* Too much at once is left: it is found when the job is looked at again. */
static void hear(void *context, struct str channel, struct str text)
{
    struct relay *relay = context;
    if (str_find(channel, S(CELERY_ASK_PREFIX)) >= 0)
        return; /* whoever asked looks for it */
    background_lock(&relay->keeper);
    if (text.len <= CELERY_MESSAGE_MAX && relay->heard_bytes + text.len <= HEARD_BYTES_MAX) {
        struct heard *heard = malloc(sizeof(*heard) + (size_t)text.len);
        if (!heard)
            abort();
        heard->next = NULL;
        heard->len = text.len;
        memcpy(heard->text, text.at, (size_t)text.len);
        *relay->end = heard;
        relay->end = &heard->next;
        relay->heard_bytes += text.len;
    }
    relay->woken = true;
    background_wake(&relay->keeper);
    background_unlock(&relay->keeper);
}

static void hear_again(void *context)
{
    relay_wake(context);
}

static struct heard *take_heard(struct relay *relay)
{
    background_lock(&relay->keeper);
    struct heard *first = relay->first;
    relay->first = NULL;
    relay->end = &relay->first;
    relay->heard_bytes = 0;
    background_unlock(&relay->keeper);
    return first;
}

static void drop_heard(struct heard *heard)
{
    while (heard) {
        struct heard *next = heard->next;
        free(heard);
        heard = next;
    }
}

/* Some answers, in one transaction. What is broken here is said when the job is looked at again. */
struct answering {
    struct heard *first;
    int most;
};

static bool write_answers(struct call *c, void *context)
{
    const struct answering *a = context;
    int done = 0;
    for (struct heard *h = a->first; h && done < a->most; h = h->next, done++) {
        struct celery_result result;
        bool ended;
        if (celery_result_read((struct str){ h->text, h->len }, &c->arena, &result))
            continue;
        if (celery_state_is_final(result.state)) {
            struct job_end end = relay_end_of(&result, &c->arena);
            if (!remote_end(c, result.id, &end, &ended))
                return false;
        } else if (result.state != CELERY_OTHER) {
            struct str told = result.state == CELERY_PENDING ? S("PENDING") : str_from(celery_states[result.state - 1]);
            if (result.words.len)
                told = arena_format(&c->arena, "%.*s: %.*s", STR_FMT(told), STR_FMT(result.words));
            if (!remote_tell(c, result.id, str_at_most(told, TOLD_MAX)))
                return false;
        }
    }
    return true;
}

static bool take_answers(struct relay *relay, struct call *c)
{
    struct heard *first = take_heard(relay);
    struct answering answering = { first, REMOTE_AT_ONCE };
    bool ok = true;
    while (ok && answering.first) {
        ok = db_transact(c, write_answers, &answering);
        for (int i = 0; i < answering.most && answering.first; i++)
            answering.first = answering.first->next;
    }
    drop_heard(first);
    return ok;
}

/* ---- what has its turn ---- */

static bool take_work(struct call *c, void *context)
{
    struct batch *batch = context;
    struct remote_job *jobs = arena_array(&c->arena, struct remote_job, REMOTE_AT_ONCE);
    if (!remote_take(c, batch->celery->kinds, batch->celery->kind_count, jobs, &batch->count))
        return false;
    for (int i = 0; i < batch->count; i++)
        batch->all[i].remote = jobs[i];
    return true;
}

static bool write_fate(struct call *c, const struct relayed *r)
{
    bool ended;
    switch (r->fate) {
    case FATE_SEEN:
        return remote_seen(c, r->remote.job.id);
    case FATE_SEND_AGAIN:
        return remote_send_again(c, r->remote.job.id);
    case FATE_END:
        return remote_end(c, r->task.id, &r->end, &ended);
    default:
        return true;
    }
}

static bool write_fates(struct call *c, void *context)
{
    const struct batch *batch = context;
    for (int i = 0; i < batch->count; i++)
        if (!write_fate(c, &batch->all[i]))
            return false;
    return true;
}

static bool has_fates(const struct batch *batch)
{
    for (int i = 0; i < batch->count; i++)
        if (batch->all[i].fate != FATE_WAIT)
            return true;
    return false;
}

static bool is_here(struct redis *redis)
{
    struct redis_state state;
    redis_look(redis, &state);
    return state.here;
}

/* False: nothing is to be had, or something is away. */
static bool look_at_some(struct relay *relay, struct call *c)
{
    struct celery *celery = relay->celery;
    struct batch *batch = arena_new(&c->arena, struct batch);
    batch->celery = celery;
    if (!is_here(celery->broker) || !is_here(celery->results) ||
        queue_has_turn(c, celery->kinds, celery->kind_count) != FOUND)
        return false;
    db_release(c);
    if (!db_transact(c, take_work, batch) || !batch->count || !relay_look(c, batch))
        return false;
    if (has_fates(batch) && !db_transact(c, write_fates, batch))
        return false;
    relay_forget(c, batch);
    return batch->count == REMOTE_AT_ONCE;
}

static void look(struct relay *relay, struct call *c)
{
    bool more = take_answers(relay, c);
    while (more) {
        more = look_at_some(relay, c);
        if (c->error.code && !db_has_ended(c->db))
            log_write(c->app->log, LOG_WARNING, NULL, "celery.relay", "%s", c->error.message);
        db_release(c);
        call_reset(c);
    }
    db_release(c);
    call_reset(c);
}

/* ---- the thread ---- */

static bool rest(struct relay *relay)
{
    int64_t until_us = clock_monotonic_us() + LOOK_EVERY_US;
    background_lock(&relay->keeper);
    while (!relay->keeper.stopping && !relay->woken && background_wait(&relay->keeper, until_us))
        continue;
    relay->woken = false;
    bool go_on = !relay->keeper.stopping;
    background_unlock(&relay->keeper);
    return go_on;
}

static void keep(void *context)
{
    struct relay *relay = context;
    struct app *app = relay->celery->app;
    struct actor actor = ACTOR_OF_TASK("celery");
    struct call c;
    call_init(&c, app, app->db);
    c.actor = &actor;
    do
        look(relay, &c);
    while (rest(relay));
    call_release(&c);
}

bool relay_open(struct celery *celery, struct relay **out, struct error *error)
{
    struct app *app = celery->app;
    struct relay *relay = calloc(1, sizeof(*relay));
    if (!relay)
        abort();
    relay->celery = celery;
    relay->end = &relay->first;
    if (!background_start(&relay->keeper, "celery-relay", keep, relay, error)) {
        free(relay);
        return false;
    }
    struct redis_hearing hearing = { .prefix = celery_result_key(&celery->names, STR_NULL, &app->arena).at,
                                     .hears = hear_again,
                                     .heard = hear,
                                     .context = relay };
    if (!redis_listen(celery->results, &hearing, &relay->listener, error)) {
        relay_close(relay);
        return false;
    }
    *out = relay;
    return true;
}

void relay_wake(void *context)
{
    struct relay *relay = context;
    background_lock(&relay->keeper);
    relay->woken = true;
    background_wake(&relay->keeper);
    background_unlock(&relay->keeper);
}

void relay_close(struct relay *relay)
{
    if (!relay)
        return;
    redis_listener_close(relay->listener);
    background_stop(&relay->keeper);
    background_release(&relay->keeper);
    drop_heard(relay->first);
    free(relay);
}
