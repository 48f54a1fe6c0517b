/* webhook_send.c - the job that tells one webhook of all that it has not been told of. */
#include "webhook/webhook.h"

#include "outbound/outbound.h"
#include "site/app.h"
#include "site/event.h"
#include "site/listen.h"
#include "webhook/webhook_sign.h"
#include "base/log.h"

enum { TIMEOUT_MS = 15000, ANSWER_BYTES = 64 << 10, BODY_MAX = 64 << 10 };

struct webhook_order {
    int64_t webhook_id;
};
static const struct field order_fields[] = {
    FIELD(struct webhook_order, webhook_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "Which one is told."),
};
static const struct schema order_schema = SCHEMA("WebhookOrder", struct webhook_order, order_fields);

/* One that is being told. */
struct telling {
    struct webhook webhook;
    uint64_t types;
    struct str key;
    struct job_run *run;
    int64_t sent;
};

/* ---- what is written down ---- */

struct note {
    int64_t id, place;
    bool sent, ends; /* it took one; it is told nothing more */
    struct str error;
};

static bool write_note(struct call *c, void *context)
{
    const struct note *n = context;
    if (!n->error.at)
        return db_execute(c,
                          "update webhooks set place = ?, last_sent_at = case when ? then ? else last_sent_at end, "
                          "sent_count = sent_count + ?, failing_since = null, last_error = null "
                          "where id = ? and place < ?",
                          V(n->place), V(n->sent), V(clock_now()), V((int64_t)n->sent), V(n->id), V(n->place));
    return db_execute(c,
                      "update webhooks set failing_since = coalesce(failing_since, ?), last_error = ?, failed_count = "
                      "failed_count + 1, is_active = case when ? then 0 else is_active end where id = ?",
                      V(clock_now()), V(n->error), V(n->ends), V(n->id));
}

static bool note_place(struct call *c, struct telling *t, int64_t place, bool sent)
{
    struct note note = { .id = t->webhook.id, .place = place, .sent = sent };
    t->webhook.place = place;
    return db_transact(c, write_note, &note);
}

/* Always false, with the error that there was. */
static bool note_failure(struct call *c, const struct telling *t, bool ends)
{
    struct error error = c->error;
    struct note note = { t->webhook.id, 0, false, ends, str_from(error.message) };
    if (instant_is_null(t->webhook.failing_since) || ends)
        log_write(c->app->log, LOG_WARNING, NULL, ends ? "webhook.ended" : "webhook.failing", "webhook %" PRId64 ": %s",
                  t->webhook.id, error.message);
    error_clear(&c->error);
    if (!db_transact(c, write_note, &note))
        return false;
    c->error = error;
    return false;
}

/* ---- one request ---- */

static bool is_stopping(const void *run)
{
    return job_is_stopping(run);
}

static bool send_body(struct call *c, const struct telling *t, int64_t id, struct str body)
{
    struct str name = arena_format(&c->arena, "event-%" PRId64, id);
    int64_t now_s = clock_now().us / 1000000;
    struct str signature = webhook_sign(t->key, name, now_s, body, &c->arena);
    struct outbound_request request = {
        .url = t->webhook.url,
        .body = body,
        .content_type = "application/json",
        .headers = { arena_format(&c->arena, "webhook-id: %.*s", STR_FMT(name)).at,
                     arena_format(&c->arena, "webhook-timestamp: %" PRId64, now_s).at,
                     arena_format(&c->arena, "webhook-signature: %.*s", STR_FMT(signature)).at },
        .timeout_ms = TIMEOUT_MS,
        .answer_bytes = ANSWER_BYTES,
        .is_stopping = is_stopping,
        .context = t->run,
    };
    struct outbound_answer answer;
    db_release(c); /* not held while others take their time */
    bool answered = outbound_send(c->app->webhook_hosts, &request, &c->arena, &answer, &c->error);
    if (answered && answer.status >= 200 && answer.status < 300)
        return true;
    if (!answered)
        return note_failure(c, t, c->error.code == E_FORBIDDEN || c->error.code == E_INVALID);
    fail(c, answer.status == 410 ? E_GONE : E_UNAVAILABLE, "it answered %d", answer.status);
    return note_failure(c, t, answer.status == 410);
}

static bool send_event(struct call *c, struct telling *t, const struct event *event)
{
    struct text body;
    text_init(&body, BODY_MAX);
    event_put_json(&body, event, &c->arena);
    struct str copy = arena_copy(&c->arena, text_str(&body));
    text_release(&body);
    return send_body(c, t, event->id, copy) && note_place(c, t, event->id, true) &&
           job_tell(t->run, ++t->sent, 0, "events", STR_NULL);
}

/* ---- all of them ---- */

/* Tells of what is kept no longer, if there is such. */
static bool tell_missed(struct call *c, struct telling *t)
{
    int64_t first;
    if (!events_first(c, &first))
        return false;
    if (first <= t->webhook.place + 1)
        return true;
    struct event missed = { .id = first - 1, .type = EVENT_MISSED, .created_at = clock_now() };
    return send_event(c, t, &missed);
}

static bool tell_some(struct call *c, struct telling *t, const struct event *events, int count)
{
    bool passed = false;
    for (int i = 0; i < count; i++) {
        passed = !(t->types >> events[i].type & 1);
        if (!passed && !send_event(c, t, &events[i]))
            return false;
    }
    return !passed || note_place(c, t, events[count - 1].id, false);
}

static bool tell_all(struct call *c, struct telling *t)
{
    struct event *events = arena_array(&c->arena, struct event, EVENTS_AT_ONCE);
    int count;
    if (!tell_missed(c, t))
        return false;
    do {
        if (!events_read(c, t->webhook.place, events, &count) || !tell_some(c, t, events, count))
            return false;
    } while (count);
    return true;
}

static bool tell(struct call *c, struct job_run *run)
{
    const struct webhook_order *order = job_payload(run);
    struct telling t = { .run = run };
    enum found found = db_find(c, &webhook_schema, &t.webhook, "where w.id = ?", V(order->webhook_id));
    if (found != FOUND || !t.webhook.is_active)
        return found != FAILED;
    if (!c->app->webhook_hosts)
        return fail(c, E_UNAVAILABLE, "WEBHOOK_HOSTS lists nobody who may be told");
    if (!webhook_key(t.webhook.secret, &c->arena, &t.key))
        return fail(c, E_INVALID, "its secret cannot be read");
    t.types = event_types_of(&t.webhook.types);
    return tell_all(c, &t);
}

const struct job_kind webhook_send_kind = {
    "webhook.send",
    &order_schema,
    NULL,
    tell,
    .attempts = 20,
    .time_limit_s = 900,
    .concurrency = 4,
    .is_fleeting = true,
    .doc = "Tells one webhook of the events that it has not been told of.",
};

static struct str key_of(struct call *c, int64_t id)
{
    return arena_format(&c->arena, "%" PRId64, id);
}

bool webhook_put_job(struct call *c, int64_t id)
{
    struct webhook_order order = { id };
    return jobs_put(
        c, &(struct job_order){ .kind = &webhook_send_kind, .payload = &order, .unique_key = key_of(c, id) }, NULL);
}

bool webhook_has_job(struct call *c, int64_t id, bool *has)
{
    int64_t count;
    if (!db_integer(c, &count,
                    "select count(*) from jobs where kind = ? and unique_key = ? and state in ('QUEUED', 'RUNNING')",
                    V(str_from(webhook_send_kind.name)), V(key_of(c, id))))
        return false;
    *has = count > 0;
    return true;
}

bool webhook_depths(struct call *c, struct webhook_depth out[WEBHOOK_DEPTHS_MAX], int *count)
{
    struct cursor rows;
    int64_t last;
    *count = 0;
    if (!events_last(c, &last))
        return false;
    for (db_rows(c, &rows,
                 "select id, place, sent_count, failed_count, failing_since is not null from webhooks "
                 "where is_active = 1 order by id");
         *count < WEBHOOK_DEPTHS_MAX && cursor_next(&rows);) {
        int64_t place = cursor_integer(&rows, 1);
        out[(*count)++] =
            (struct webhook_depth){ cursor_integer(&rows, 0), place < last ? last - place : 0, cursor_integer(&rows, 2),
                                    cursor_integer(&rows, 3), cursor_integer(&rows, 4) != 0 };
    }
    return cursor_close(&rows);
}
