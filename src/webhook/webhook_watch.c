/* webhook_watch.c - the thread that sees that somebody is to be told of something. */
#include "webhook/webhook.h"

#include "site/actor.h"
#include "site/app.h"
#include "site/event.h"
#include "base/log.h"
#include "base/thread.h"

enum { LOOK_US = 1000000, IDLE_US = 5000000, AT_ONCE = 64 };

struct webhook_watch {
    struct background background;
    struct app *app;
};

static bool put(struct call *c, void *context)
{
    return webhook_put_job(c, *(const int64_t *)context);
}

static bool find_behind(struct call *c, int64_t *ids, int *count, bool *any)
{
    struct cursor rows;
    int64_t last, active;
    *count = 0;
    if (!db_integer(c, &active, "select count(*) from webhooks where is_active = 1"))
        return false;
    *any = active > 0;
    if (!active)
        return true;
    if (!events_settle(c) || !events_last(c, &last))
        return false;
    for (db_rows(c, &rows, "select id from webhooks where is_active = 1 and place < ? order by place limit ?", V(last),
                 V((int64_t)AT_ONCE));
         cursor_next(&rows);)
        ids[(*count)++] = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

static bool look(struct call *c, bool *any)
{
    int64_t ids[AT_ONCE];
    int count;
    if (!find_behind(c, ids, &count, any))
        return false;
    for (int i = 0; i < count; i++) {
        bool under_way;
        if (!webhook_has_job(c, ids[i], &under_way))
            return false;
        db_release(c);
        if (!under_way && !db_transact(c, put, &ids[i]))
            return false;
    }
    return true;
}

static void watch_all(void *context)
{
    struct webhook_watch *w = context;
    struct actor actor = ACTOR_OF_TASK("webhooks");
    struct call c;
    call_init(&c, w->app, w->app->db);
    c.actor = &actor;
    background_lock(&w->background);
    while (!w->background.stopping) {
        bool any = true;
        background_unlock(&w->background);
        if (!look(&c, &any) && !db_has_ended(w->app->db))
            log_write(w->app->log, LOG_WARNING, NULL, "webhooks.look", "%s", c.error.message);
        db_release(&c);
        call_reset(&c);
        background_lock(&w->background);
        int64_t until_us = clock_monotonic_us() + (any ? LOOK_US : IDLE_US);
        while (!w->background.stopping && background_wait(&w->background, until_us))
            continue;
    }
    background_unlock(&w->background);
    call_release(&c);
}

bool webhook_watch_open(struct app *app, struct webhook_watch **out, struct error *error)
{
    struct webhook_watch *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->app = app;
    if (!background_start(&w->background, "webhooks", watch_all, w, error)) {
        free(w);
        return false;
    }
    *out = w;
    return true;
}

void webhook_watch_close(struct webhook_watch *w)
{
    if (!w)
        return;
    background_stop(&w->background);
    background_release(&w->background);
    free(w);
}
