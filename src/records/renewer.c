/* renewer.c - the job that makes search words anew: a piece, then as long a pause, so that others have at least half of
 * what the database can do. */
#include "records/renewal.h"

#include "site/app.h"
#include "base/log.h"

enum { PAUSE_MIN_US = 2000, AFTER_FAILURE_US = 5000000 };

struct renewed {
    int64_t looked, changed;
};
static const struct field renewed_fields[] = {
    FIELD(struct renewed, looked, .doc = "How many records were looked at."),
    FIELD(struct renewed, changed, .doc = "How many of them had other words."),
};
static const struct schema renewed = SCHEMA("SearchRenewed", struct renewed, renewed_fields);

bool renewal_put(struct call *c)
{
    return jobs_put(c, &(struct job_order){ .kind = &renewal_kind, .unique_key = S("all") }, NULL);
}

struct renewing_job {
    struct job_run *run;
    struct renewed *out;
    struct call call; /* of a piece: what it makes is let go of with each */
    int64_t left;     /* when it began, or began again */
};

/* How long to rest after it; a failure waits, and is tried again. *any: there was something to do. */
static int64_t do_piece(struct renewing_job *r, bool *any)
{
    struct call *c = &r->call;
    struct renewal_done done;
    int64_t began_us = clock_monotonic_us();
    bool ok = renewal_step(c, &done);
    *any = !ok || done.any;
    if (!ok)
        log_write(c->app->log, LOG_WARNING, NULL, "search.renewal", "%s", c->error.message);
    db_release(c);
    call_reset(c);
    if (!ok)
        return AFTER_FAILURE_US;
    r->out->looked += done.looked;
    r->out->changed += done.changed;
    int64_t took_us = clock_monotonic_us() - began_us;
    return took_us > PAUSE_MIN_US ? took_us : PAUSE_MIN_US;
}

static bool do_all(struct renewing_job *r)
{
    for (bool any = true; any;) {
        if (!job_tell(r->run, r->out->looked, r->left, "records", STR_NULL))
            return false;
        int64_t pause_us = do_piece(r, &any);
        if (any && !job_rest(r->run, pause_us))
            return false;
    }
    return true;
}

static bool nothing_is_left(struct call *c, void *context)
{
    struct renewing_job *r = context;
    return renewal_left(c, &r->left) && (!r->left || fail(c, E_CONFLICT, "there is more to do"));
}

static bool do_and_end(struct call *c, struct renewing_job *r)
{
    if (!renewal_left(c, &r->left))
        return false;
    db_release(c);
    while (do_all(r)) {
        r->left = 0;
        if (job_complete(c, r->run, nothing_is_left, r))
            return true;
        if (!r->left)
            return false;
        error_clear(&c->error);
        r->left += r->out->looked;
    }
    return false;
}

static bool renew(struct call *c, struct job_run *run)
{
    struct renewing_job r = { .run = run, .out = job_result(run) };
    int64_t began_us = clock_monotonic_us();
    *r.out = (struct renewed){ 0 };
    call_init(&r.call, c->app, c->db);
    r.call.actor = c->actor;
    bool ok = do_and_end(c, &r);
    call_release(&r.call);
    if (ok)
        log_write(c->app->log, LOG_INFO, NULL, "search.renewed",
                  "search words are up to date: %" PRId64 " records looked at, %" PRId64 " had others, in %" PRId64
                  " s",
                  r.out->looked, r.out->changed, (clock_monotonic_us() - began_us) / 1000000);
    return ok;
}

const struct job_kind renewal_kind = { "search.renew",
                                       NULL,
                                       &renewed,
                                       renew,
                                       .attempts = 1000,
                                       .time_limit_s = 7 * 86400,
                                       .concurrency = 1,
                                       .is_long = true,
                                       .doc = "Makes the words anew that records are found by." };
