/* queue.c - the table of jobs: put, taken, renewed, ended. Each change is one statement that names the state it goes
 * from, so that of two who want the same one comes too late. */
#include "jobs/queue.h"

#include "jobs/remote.h"
#include "jobs/worker.h"
#include "site/app.h"
#include "base/names.h"
#include "base/text.h"
#include "schema/json.h"
#include "site/actor.h"
#include "site/event.h"

const char *const job_states[] = { "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", NULL };
NAMES_REACH(job_states, JOB_CANCELLED);
const char *const job_priorities[] = { "STAT", "URGENT", "HIGH", "NORMAL", "LOW", NULL };
NAMES_REACH(job_priorities, JOB_LOW);

#define J(member, ...) FIELD(struct job, member, __VA_ARGS__)

static const struct field job_fields[] = {
    KEY(struct job, id, "Identifies the job."),
    J(job_uuid, .flags = READ_ONLY, .doc = "Names it in all the world: also for workers of other kinds."),
    J(kind, .flags = READ_ONLY, .doc = "What it does.", .example = "trash.purge"),
    J(state, .flags = READ_ONLY, .choices = job_states, .type = "JobState", .doc = "How it stands."),
    J(priority, .flags = READ_ONLY, .choices = job_priorities, .type = "JobPriority",
      .doc = "Which of those that wait comes first."),
    J(attempt, .flags = READ_ONLY, .doc = "How often it was begun."),
    J(attempts_max, .flags = READ_ONLY, .doc = "How often it is begun at most."),
    J(due_at, .flags = READ_ONLY | NULLABLE,
      .doc = "Not before then it is looked at again: it waits for that moment, or its worker answers by then."),
    J(is_cancelled, .flags = READ_ONLY, .doc = "Whether somebody has asked that it end."),
    J(progress_done, .flags = READ_ONLY, .doc = "How much of it is done."),
    J(progress_total, .flags = READ_ONLY, .doc = "How much there is to do; 0: not known."),
    J(progress_unit, .flags = READ_ONLY | NULLABLE, .doc = "What these two count.", .example = "files"),
    J(progress_text, .flags = READ_ONLY | NULLABLE, .doc = "What it is at."),
    J(payload, .flags = READ_ONLY | NULLABLE, .doc = "What it was told."),
    J(result, .flags = READ_ONLY | NULLABLE, .doc = "What came of it."),
    J(error, .flags = READ_ONLY | NULLABLE, .doc = "What went wrong at the last attempt that failed."),
    J(worker, .flags = READ_ONLY | NULLABLE, .doc = "Which process has it, or had it last."),
    J(asked_by, .flags = READ_ONLY | NULLABLE, .doc = "The account that asked for it; null: the server itself."),
    J(parent_id, .flags = READ_ONLY | NULLABLE, .doc = "The job that it is a part of."),
    J(created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was asked for."),
    J(started_at, .flags = READ_ONLY | NULLABLE, .doc = "When its last attempt began."),
    J(finished_at, .flags = READ_ONLY | NULLABLE, .doc = "When it ended."),
};
const struct schema job_schema =
    SCHEMA("Job", struct job, job_fields, .table = "jobs", .alias = "j", .doc = "Work that is done in its turn.");

/* Of priorities the first, of one priority the oldest. */
#define TURN_STEP "72057594037927936" /* 2^56, as queue_first_turn has it */
#define TURN_OF \
    "(case priority when 'STAT' then 1 when 'URGENT' then 2 when 'HIGH' then 3 when 'NORMAL' then 4 else 5 end)" \
    " * " TURN_STEP " + id"
#define SECOND_US INT64_C(1000000)
/* A newer version beside this one may write others, which are left to it. No index of these columns is to lead here. */
#define IS_KNOWN \
    "coalesce(state, '') in ('QUEUED', 'RUNNING') " \
    "and coalesce(priority, '') in ('STAT', 'URGENT', 'HIGH', 'NORMAL', 'LOW')"
#define HAS_TURN "turn = " TURN_OF ", turn_at = ?" /* since then */

int64_t queue_first_turn(unsigned priority)
{
    return (int64_t)priority << 56;
}

/* ---- asking ---- */

/* As it is in the row: MySQL's column holds 190 letters, and takes "cd" and "cd " for the same. */
static struct str stored_key(struct call *c, struct str key)
{
    enum { KEY_MAX = 190 };
    struct str mark = S("sha256:");
    bool is_plain = key.len <= KEY_MAX && !str_starts(key, mark) && (!key.len || key.at[key.len - 1] != ' ');
    return is_plain ? key
                    : arena_format(&c->arena, "%.*s%.*s", STR_FMT(mark), STR_FMT(crypto_sha256_hex(key, &c->arena)));
}

/* Locked: one that is about to end is waited for. By its number: of an index that leads there MySQL returns what it
 * said before the wait. */
static enum found find_live(struct call *c, const struct job_order *order, int64_t *id)
{
    int64_t seen;
    if (order->job_uuid.len)
        return db_find_integer(c, id, "select id from jobs where job_uuid = ?", V(order->job_uuid));
    if (!order->unique_key.len)
        return NONE;
    enum found found = db_find_integer(
        c, &seen,
        db_is_local(c->db) ? "select id from jobs where kind = ? and unique_key = ? and state in ('QUEUED', 'RUNNING')"
                           : "select id from jobs where kind = ? and live_key = ?",
        V(str_from(order->kind->name)), V(stored_key(c, order->unique_key)));
    if (found == FOUND)
        found = db_find_locked(c, id, "select id from jobs where id = ? and state in ('QUEUED', 'RUNNING')", V(seen));
    return found;
}

static struct str payload_text(struct call *c, const struct job_order *order)
{
    struct text text;
    if (order->kind->is_free)
        return ((const struct json *)order->payload)->text;
    if (!order->kind->payload)
        return STR_NULL;
    text_init(&text, JOB_PAYLOAD_MAX);
    json_encode(&text, order->kind->payload, order->payload, JSON_ALL_FIELDS, &c->arena);
    struct str copy = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return copy;
}

/* Without a turn, a job that waits for its moment is due then; the others have theirs at once. */
static bool give_turn(struct call *c, const struct job *job, struct str unique_key, struct instant now)
{
    return instant_is_null(job->due_at)
               ? db_execute(c, "update jobs set " HAS_TURN ", unique_key = ? where id = ?", V(now), V(unique_key),
                            V(job->id))
               : db_execute(c, "update jobs set unique_key = ? where id = ?", V(unique_key), V(job->id));
}

/* Those of this process who look what there is to do. */
static void wake(struct call *c)
{
    if (c->app->worker)
        db_after_commit(c, worker_wake, c->app->worker);
    if (c->app->relay_wake)
        db_after_commit(c, c->app->relay_wake, c->app->relay);
}

bool jobs_put(struct call *c, const struct job_order *order, int64_t *id)
{
    const struct job_kind *kind = order->kind;
    struct instant now;
    struct job job;
    int64_t live = 0;
    enum found found = find_live(c, order, &live);
    if (id)
        *id = live;
    if (found != NONE || !db_clock(c, &now))
        return found == FOUND;
    schema_clear(&job_schema, &job);
    job.job_uuid = order->job_uuid.len ? order->job_uuid : crypto_uuid_text(&c->arena);
    job.kind = str_from(kind->name);
    job.state = JOB_QUEUED;
    job.priority = order->priority ? order->priority : JOB_NORMAL;
    job.attempt = job.progress_done = job.progress_total = 0;
    job.attempts_max = kind->attempts;
    job.due_at = order->not_before.us > now.us ? order->not_before : INSTANT_NULL;
    job.payload.text = payload_text(c, order);
    job.asked_by = call_user(c) > 0 ? call_user(c) : INTEGER_NULL;
    job.parent_id = order->parent_id ? order->parent_id : INTEGER_NULL;
    if (!db_insert(c, &job_schema, &job, &job.id) || !give_turn(c, &job, stored_key(c, order->unique_key), now))
        return c->error.code == E_CONFLICT && !db_is_local(c->db) ? (error_clear(&c->error), db_again(c)) : false;
    if (id)
        *id = job.id;
    wake(c);
    return true;
}

/* ---- by whoever may ---- */

static bool has_ended(struct call *c, int64_t id, const char *can)
{
    struct value value;
    enum found found = db_find_value(c, &value, "select state from jobs where id = ?", V(id));
    if (found == FAILED)
        return false;
    if (found == NONE)
        return fail(c, E_NOT_FOUND, "job %" PRId64 " does not exist", id);
    return fail(c, E_CONFLICT, "job %" PRId64 " is %.*s: it cannot be %s", id, STR_FMT(value.text), can);
}

static bool tell_kind(struct call *c, const struct job *job, enum job_state state, struct str error)
{
    const struct job_kind *kind = jobs_kind(c->app, job->kind);
    return !kind || !kind->follow || kind->follow(c, job, state, error);
}

/* The same of one whose row was not read. */
static bool tell_kind_of(struct call *c, int64_t id, enum job_state state)
{
    struct job job;
    return db_get(c, &job_schema, &job, "where j.id = ?", V(id)) && tell_kind(c, &job, state, STR_NULL);
}

bool jobs_cancel(struct call *c, int64_t id)
{
    struct instant now;
    int64_t waiting = 0, running = 0;
    if (!db_clock(c, &now) ||
        !db_execute_counted(c, &waiting,
                            "update jobs set state = 'CANCELLED', " HAS_NO_TURN ", due_at = null, is_cancelled = 1, "
                            "finished_at = ? where id = ? and (state = 'QUEUED' or (state = 'RUNNING' and "
                            "is_cancelled = 1 and worker = '" REMOTE_WORKER "'))",
                            V(now), V(id)))
        return false;
    if (waiting)
        return tell_kind_of(c, id, JOB_CANCELLED) &&
               event_put(c, &(struct event){ .type = EVENT_JOB_ENDED,
                                             .job_id = id,
                                             .state = choice_text(job_states, JOB_CANCELLED) });
    if (!db_execute_counted(c, &running, "update jobs set is_cancelled = 1 where id = ? and state = 'RUNNING'",
                            V(id)) ||
        !db_execute(c,
                    "update jobs set " HAS_TURN " where id = ? and state = 'RUNNING' and worker = '" REMOTE_WORKER "'",
                    V(now), V(id)))
        return false;
    if (running && c->app->worker)
        db_after_commit(c, worker_hear, c->app->worker);
    if (running)
        wake(c);
    return running || has_ended(c, id, "cancelled");
}

bool jobs_hasten(struct call *c, int64_t id, enum job_priority priority)
{
    return db_execute(c, "update jobs set priority = ? where id = ? and state = 'QUEUED'",
                      V(choice_text(job_priorities, priority)), V(id)) &&
           db_execute(c, "update jobs set turn = " TURN_OF " where id = ? and state = 'QUEUED' and turn is not null",
                      V(id));
}

bool jobs_retry(struct call *c, int64_t id)
{
    struct instant now;
    int64_t changed = 0;
    bool ok = db_clock(c, &now) &&
              db_execute_counted(c, &changed,
                                 "update jobs set state = 'QUEUED', attempt = 0, is_cancelled = 0, finished_at = null, "
                                 "job_uuid = case when worker = '" REMOTE_WORKER "' then ? else job_uuid end, " HAS_TURN
                                 " where id = ? and state in ('FAILED', 'CANCELLED')",
                                 V(crypto_uuid_text(&c->arena)), V(now), V(id));
    if (!ok && c->error.code == E_CONFLICT) {
        error_clear(&c->error);
        return fail(c, E_CONFLICT, "another job does the same work now");
    }
    if (!ok || !changed)
        return ok && has_ended(c, id, "queued again");
    wake(c);
    return tell_kind_of(c, id, JOB_QUEUED);
}

/* ---- by workers ---- */

/* The next kind after *name of which there is one in turn, and the first turn of it. */
static enum found next_kind(struct call *c, struct str *name, int64_t *turn)
{
    struct cursor rows;
    enum found found = NONE;
    db_rows(c, &rows,
            "select turn_kind, turn from jobs where turn_kind > ? and " IS_KNOWN " order by turn_kind, turn limit 1",
            V(*name));
    if (cursor_next(&rows)) {
        *name = arena_copy(&c->arena, cursor_text(&rows, 0));
        *turn = cursor_integer(&rows, 1);
        found = FOUND;
    }
    return cursor_close(&rows) ? found : FAILED;
}

/* The kind whose first in turn comes before those of the others. A read without locks, by one step for each kind that
 * waits and one more: another worker may be faster. */
static enum found find_kind(struct call *c, const struct job_kind *const *kinds, int count, const char **name)
{
    struct str at = S("");
    int64_t turn, best = INT64_MAX;
    enum found found;
    while ((found = next_kind(c, &at, &turn)) == FOUND)
        for (int i = 0; i < count && turn < best; i++)
            if (str_equal(at, str_from(kinds[i]->name))) {
                best = turn;
                *name = kinds[i]->name;
            }
    return found == FAILED ? FAILED : best == INT64_MAX ? NONE : FOUND;
}

enum found queue_find_first(struct call *c, const char *kind, int64_t *id)
{
    return db_find_free(c, id, "select id from jobs where turn_kind = ? and " IS_KNOWN " order by turn limit 1",
                        V(str_from(kind)));
}

enum found queue_has_turn(struct call *c, const struct job_kind *const *kinds, int count)
{
    const char *name;
    return find_kind(c, kinds, count, &name);
}

enum found queue_take(struct call *c, const struct job_kind *const *kinds, int count, struct str worker,
                      struct job *out)
{
    struct instant now;
    const char *name;
    int64_t id;
    enum found found = find_kind(c, kinds, count, &name);
    if (found == FOUND)
        found = queue_find_first(c, name, &id);
    if (found != FOUND)
        return found;
    if (!db_clock(c, &now) ||
        !db_execute(c,
                    "update jobs set state = 'RUNNING', " HAS_NO_TURN
                    ", due_at = ?, attempt = attempt + 1, worker = ?, "
                    "started_at = ?, progress_done = 0, progress_total = 0, progress_text = null where id = ?",
                    V(now.us + JOB_LEASE_S * SECOND_US), V(worker), V(now), V(id)))
        return FAILED;
    return db_find(c, &job_schema, out, "where j.id = ?", V(id));
}

bool queue_renew(struct call *c, struct str worker, struct job_lease *lease)
{
    struct instant now;
    int64_t changed = 0, cancelled = 0;
    if (!db_clock(c, &now) ||
        !db_execute_counted(c, &changed,
                            "update jobs set due_at = ?, progress_done = ?, progress_total = ?, progress_unit = ?, "
                            "progress_text = ? where id = ? and worker = ? and state = 'RUNNING'",
                            V(now.us + JOB_LEASE_S * SECOND_US), V(lease->done), V(lease->total),
                            V(lease->unit ? str_from(lease->unit) : STR_NULL), V(lease->text), V(lease->id), V(worker)))
        return false;
    lease->lost = !changed;
    if (!changed)
        return true;
    enum found found = db_find_integer(c, &cancelled, "select is_cancelled from jobs where id = ?", V(lease->id));
    lease->cancelled = cancelled != 0;
    return found != FAILED && (!lease->tell || event_put(c, &(struct event){ .type = EVENT_JOB_PROGRESS,
                                                                             .job_id = lease->id,
                                                                             .state = S("RUNNING"),
                                                                             .progress_done = lease->done,
                                                                             .progress_total = lease->total }));
}

/* After the n-th attempt, some more or less, so that those that failed together do not come back together. */
static int64_t pause_us(int64_t attempt)
{
    unsigned char random;
    int64_t s = JOB_PAUSE_S;
    for (int64_t i = 1; i < attempt && s < JOB_PAUSE_MAX_S; i++)
        s *= 2;
    crypto_random(&random, sizeof(random));
    return (s < JOB_PAUSE_MAX_S ? s : JOB_PAUSE_MAX_S) * SECOND_US * (192 + random / 2) / 256;
}

static bool tell_end(struct call *c, const struct job *job, unsigned state)
{
    return event_put(c, &(struct event){ .type = EVENT_JOB_ENDED,
                                         .job_id = job->id,
                                         .state = choice_text(job_states, state),
                                         .progress_done = job->progress_done,
                                         .progress_total = job->progress_total });
}

static bool end_or_pause(struct call *c, const struct job *job, const struct job_end *end, struct instant now)
{
    bool again = (end->back || (end->pause && job->attempt < job->attempts_max)) && !job->is_cancelled;
    unsigned state = again ? JOB_QUEUED : job->is_cancelled && end->state == JOB_FAILED ? JOB_CANCELLED : end->state;
    return db_execute(c,
                      "update jobs set state = ?, due_at = ?, attempt = attempt - ?, finished_at = ?, result = ?, "
                      "error = ? where id = ?",
                      V(choice_text(job_states, state)),
                      again ? V(now.us + (end->back || end->now ? 0 : pause_us(job->attempt))) : value_nothing(),
                      V(again && end->back), again ? value_nothing() : V(now), V(end->result), V(end->error),
                      V(job->id)) &&
           (again || state == JOB_SUCCEEDED || tell_kind(c, job, (enum job_state)state, end->error)) &&
           tell_end(c, job, state);
}

bool queue_hold(struct call *c, struct str worker, int64_t id)
{
    int64_t held;
    enum found found = db_find_locked(c, &held, "select id from jobs where id = ? and worker = ? and state = 'RUNNING'",
                                      V(id), V(worker));
    return found == FOUND ||
           (found == NONE &&
            fail(c, E_CONFLICT, "job %" PRId64 " was taken from this worker, which had been silent", id));
}

bool queue_end(struct call *c, struct str worker, const struct job_end *end)
{
    struct instant now;
    struct job job;
    if (!queue_hold(c, worker, end->id) || !db_get(c, &job_schema, &job, "where j.id = ?", V(end->id)) ||
        !db_clock(c, &now))
        return false;
    return end->forget && end->state == JOB_SUCCEEDED ? db_execute(c, "delete from jobs where id = ?", V(end->id))
                                                      : end_or_pause(c, &job, end, now);
}

enum found queue_is_cancelled(struct call *c, int64_t id)
{
    int64_t one;
    return db_find_integer(c, &one, "select 1 from jobs where id = ? and is_cancelled = 1", V(id));
}

enum found queue_is_due(struct call *c)
{
    struct instant now;
    int64_t one;
    return !db_clock(c, &now)
               ? FAILED
               : db_find_integer(c, &one, "select 1 from jobs where due_at <= ? and " IS_KNOWN " limit 1", V(now));
}

bool queue_turn_due(struct call *c, bool *more)
{
    enum { AT_ONCE = 100 };
    struct instant now;
    *more = false;
    if (!db_clock(c, &now))
        return false;
    for (int i = 0; i < AT_ONCE; i++) {
        struct job job;
        int64_t id;
        enum found found = db_find_free(
            c, &id, "select id from jobs where due_at <= ? and " IS_KNOWN " order by due_at limit 1", V(now));
        if (found != FOUND)
            return found == NONE;
        if (!db_get(c, &job_schema, &job, "where j.id = ?", V(id)))
            return false;
        bool ok = job.state == JOB_RUNNING && !str_equal(job.worker, S(REMOTE_WORKER))
                      ? end_or_pause(c, &job,
                                     &(struct job_end){ .id = id,
                                                        .state = JOB_FAILED,
                                                        .pause = true,
                                                        .error = S("its worker died, or was silent for too long") },
                                     now)
                      : db_execute(c, "update jobs set due_at = null, " HAS_TURN " where id = ?", V(now), V(id));
        if (!ok)
            return false;
    }
    *more = true;
    return true;
}
