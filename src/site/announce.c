/* announce.c - see announce.h. */
#include "site/announce.h"

#include "base/clock.h"
#include "base/thread.h"
#include "kv/redis.h"
#include "site/listen.h"

#include <stdatomic.h>

enum { DIGITS = 32 };

struct announcer {
    struct background background;
    bool has_news; /* under its lock */
    struct app *app;
    char channel[64];       /* of those who share the secret */
    char token[DIGITS + 1]; /* which of them it is */
    struct redis_listener *listener;
    atomic_int_fast64_t heard;
};

static void publish(struct announcer *a, struct arena *arena)
{
    struct redis_reply reply;
    struct error error = { 0 };
    struct str words[] = { S("publish"), str_from(a->channel), str_from(a->token) };
    redis_ask(a->app->redis, words, 3, arena, &reply, &error); /* away: others hear by looking */
    arena_reset(arena);
}

static void tell_all(void *context)
{
    struct announcer *a = context;
    struct arena arena;
    arena_init(&arena);
    background_lock(&a->background);
    while (!a->background.stopping) {
        if (!a->has_news) {
            background_wait(&a->background, NEVER);
            continue;
        }
        a->has_news = false;
        background_unlock(&a->background);
        publish(a, &arena);
        background_lock(&a->background);
    }
    background_unlock(&a->background);
    arena_release(&arena);
}

/* Also each time that it begins to hear: what was said before was not heard. */
static void wake_listeners(void *context)
{
    struct announcer *a = context;
    if (listening_is_heard(a->app->listening))
        listening_wake(a->app->listening);
}

static void hear(void *context, struct str channel, struct str text)
{
    struct announcer *a = context;
    if (!str_equal(channel, str_from(a->channel)) || str_equal(text, str_from(a->token)))
        return;
    atomic_fetch_add(&a->heard, 1);
    wake_listeners(a);
}

static void name_channel(struct announcer *a)
{
    struct key own;
    char digits[DIGITS];
    crypto_derive((struct str){ (const char *)a->app->shared_key.bytes, KEY_BYTES }, "events", &own);
    crypto_hex_write(digits, own.bytes, DIGITS / 2);
    snprintf(a->channel, sizeof(a->channel), "roentgen:events:%.*s", DIGITS, digits);
    crypto_random(own.bytes, DIGITS / 2);
    crypto_hex_write(a->token, own.bytes, DIGITS / 2);
}

bool announcer_open(struct app *app, struct announcer **out, struct error *error)
{
    struct announcer *a = calloc(1, sizeof(*a));
    if (!a)
        abort();
    a->app = app;
    name_channel(a);
    struct redis_hearing hearing = { a->channel, wake_listeners, hear, a };
    if (!background_start(&a->background, "announce", tell_all, a, error)) {
        free(a);
        return false;
    }
    if (app->listening && !redis_listen(app->redis, &hearing, &a->listener, error)) {
        announcer_close(a);
        return false;
    }
    *out = a;
    return true;
}

void announcer_close(struct announcer *a)
{
    if (!a)
        return;
    redis_listener_close(a->listener);
    background_stop(&a->background);
    background_release(&a->background);
    free(a);
}

void announcer_tell(void *announcer)
{
    struct announcer *a = announcer;
    background_lock(&a->background);
    a->has_news = true;
    background_wake(&a->background);
    background_unlock(&a->background);
}

int64_t announcer_heard(struct announcer *a)
{
    return a ? atomic_load(&a->heard) : 0;
}
