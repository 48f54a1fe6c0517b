/* remote.c - see remote.h. */
#include "jobs/remote.h"

#include "base/names.h"

#define SECOND_US INT64_C(1000000)
#define UNDER_WAY "worker = '" REMOTE_WORKER "' and state = 'RUNNING'"

/* Half as long again as it has been waited for. */
static int64_t next_look_us(const struct job *job, struct instant now)
{
    int64_t age_us = instant_is_null(job->started_at) ? 0 : (now.us - job->started_at.us) / 2;
    int64_t soon = REMOTE_SOON_S * SECOND_US, later = REMOTE_LATER_S * SECOND_US;
    return now.us + (age_us < soon ? soon : age_us > later ? later : age_us);
}

static bool take(struct call *c, int64_t id, struct remote_job *out)
{
    struct job *job = &out->job;
    if (!db_clock(c, &out->now) || !db_get(c, &job_schema, job, "where j.id = ?", V(id)))
        return false;
    if (job->state == JOB_RUNNING)
        return db_execute(c, "update jobs set " HAS_NO_TURN ", due_at = ? where id = ?", V(next_look_us(job, out->now)),
                          V(id));
    job->state = JOB_RUNNING;
    job->attempt++;
    job->started_at = out->now;
    return db_execute(c,
                      "update jobs set state = 'RUNNING', " HAS_NO_TURN ", due_at = ?, attempt = ?, worker = ?, "
                      "started_at = ?, progress_done = 0, progress_total = 0, progress_text = null where id = ?",
                      V(out->now.us + REMOTE_SOON_S * SECOND_US), V(job->attempt), V(S(REMOTE_WORKER)), V(out->now),
                      V(id));
}

bool remote_take(struct call *c, const struct job_kind *const *kinds, int count, struct remote_job *out, int *taken)
{
    *taken = 0;
    for (int i = 0; i < count; i++) {
        enum found found = FOUND;
        while (*taken < REMOTE_AT_ONCE && found == FOUND) {
            int64_t id;
            found = queue_find_first(c, kinds[i]->name, &id);
            if (found == FAILED || (found == FOUND && !take(c, id, &out[*taken])))
                return false;
            *taken += found == FOUND;
        }
    }
    return true;
}

bool remote_seen(struct call *c, int64_t id)
{
    struct instant now;
    return db_clock(c, &now) &&
           db_execute(c, "update jobs set started_at = ? where id = ? and " UNDER_WAY, V(now), V(id));
}

bool remote_send_again(struct call *c, int64_t id)
{
    struct instant now;
    return db_clock(c, &now) &&
           db_execute(c,
                      "update jobs set attempt = attempt + 1, started_at = ?, due_at = ? where id = ? and " UNDER_WAY,
                      V(now), V(now), V(id));
}

bool remote_tell(struct call *c, struct str job_uuid, struct str text)
{
    struct instant now;
    return db_clock(c, &now) &&
           db_execute(c, "update jobs set started_at = ?, progress_text = ? where job_uuid = ? and " UNDER_WAY, V(now),
                      V(text), V(job_uuid));
}

bool remote_end(struct call *c, struct str job_uuid, const struct job_end *end, bool *ended)
{
    struct job_end its = *end;
    *ended = false;
    enum found found = db_find_locked(c, &its.id, "select id from jobs where job_uuid = ? and " UNDER_WAY, V(job_uuid));
    if (found != FOUND)
        return found == NONE;
    *ended = true;
    return queue_end(c, S(REMOTE_WORKER), &its);
}
