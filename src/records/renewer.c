/* renewer.c - the thread that makes search words anew: a piece, then as long a pause, so that others have at least
 * half of what the database can do. Without anything to do it sleeps until somebody wakes it, and looks now and then,
 * since another server of the same database may have left something. */
#include "records/renewal.h"

#include "site/app.h"
#include "base/log.h"
#include "base/thread.h"

enum { PAUSE_MIN_US = 2000, LOOK_EVERY_US = 30000000, AFTER_FAILURE_US = 5000000, TELL_EVERY_US = 10000000 };

struct renewer {
    struct app *app;
    struct background background;
    bool woken;
    /* Of the thread alone: since it last had nothing to do. */
    struct renewal_done done;
    int64_t began_us, told_us; /* began_us 0: it has nothing to do */
};

/* Until somebody wakes it or `us` have passed. False: the end. */
static bool rest(struct renewer *r, int64_t us)
{
    int64_t until_us = clock_monotonic_us() + us;
    background_lock(&r->background);
    while (!r->background.stopping && !r->woken && background_wait(&r->background, until_us))
        continue;
    r->woken = false;
    bool go_on = !r->background.stopping;
    background_unlock(&r->background);
    return go_on;
}

static void tell(struct renewer *r, struct call *c)
{
    int64_t left = 0, now_us = clock_monotonic_us();
    if (now_us - r->told_us < TELL_EVERY_US || !renewal_left(c, &left))
        return;
    r->told_us = now_us;
    log_write(r->app->log, LOG_INFO, NULL, "search.renewal",
              "search words are made anew: %" PRId64 " records looked at, about %" PRId64 " to go", r->done.looked,
              left);
}

static void tell_end(struct renewer *r)
{
    if (r->began_us)
        log_write(r->app->log, LOG_INFO, NULL, "search.renewed",
                  "search words are up to date: %" PRId64 " records looked at, %" PRId64 " had others, in %" PRId64
                  " s",
                  r->done.looked, r->done.changed, (clock_monotonic_us() - r->began_us) / 1000000);
    r->began_us = 0;
    r->done = (struct renewal_done){ 0 };
}

/* How long to rest after it. */
static int64_t work(struct renewer *r, struct call *c)
{
    struct renewal_done done;
    int64_t began_us = clock_monotonic_us();
    if (!renewal_step(c, &done)) {
        if (!db_has_ended(r->app->db))
            log_write(r->app->log, LOG_WARNING, NULL, "search.renewal", "%s", c->error.message);
        return AFTER_FAILURE_US;
    }
    if (!done.any) {
        tell_end(r);
        return LOOK_EVERY_US;
    }
    if (!r->began_us)
        r->began_us = began_us;
    r->done.looked += done.looked;
    r->done.changed += done.changed;
    tell(r, c);
    int64_t took_us = clock_monotonic_us() - began_us;
    return took_us > PAUSE_MIN_US ? took_us : PAUSE_MIN_US;
}

static void renew(void *context)
{
    struct renewer *r = context;
    struct call c;
    struct actor actor = ACTOR_OF_TASK("search.renewal");
    int64_t pause_us;
    call_init(&c, r->app, r->app->db);
    c.actor = &actor;
    do {
        pause_us = work(r, &c);
        db_release(&c);
        call_reset(&c);
    } while (rest(r, pause_us));
    call_release(&c);
}

bool renewer_open(struct app *app, struct renewer **out, struct error *error)
{
    struct renewer *r = calloc(1, sizeof(*r));
    if (!r)
        abort();
    r->app = app;
    if (!background_start(&r->background, "search-renewer", renew, r, error)) {
        free(r);
        return false;
    }
    *out = r;
    return true;
}

void renewer_wake(struct renewer *r)
{
    if (!r)
        return;
    background_lock(&r->background);
    r->woken = true;
    background_wake(&r->background);
    background_unlock(&r->background);
}

void renewer_close(struct renewer *r)
{
    if (!r)
        return;
    background_stop(&r->background);
    background_release(&r->background);
    free(r);
}
