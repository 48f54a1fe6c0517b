/* redis_listen.c - a thread that hears what is published. A connection that says nothing for a while is asked
 * (PING). */
#include "base/clock.h"
#include "kv/redis_parts.h"

#include <assert.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SILENCE_US = 5000000, AGAIN_US = 500000 };

struct redis_listener {
    struct redis *redis;
    struct redis_hearing hearing;
    struct redis_listener *next;
    struct thread thread;
    int wake;       /* an eventfd: look again */
    bool stopping;  /* under the keeper's lock, as the list */
    uint64_t heard; /* the generation it listens to */
};

/* Under the lock. */
void redis_wake_listeners(struct redis *redis)
{
    static const uint64_t one = 1;
    for (const struct redis_listener *listener = redis->listeners; listener; listener = listener->next)
        if (write(listener->wake, &one, sizeof(one)) < 0)
            assert(false); /* a counter of 64 bits is not full */
}

static bool is_stopping(struct redis_listener *listener)
{
    background_lock(&listener->redis->keeper);
    bool stopping = listener->stopping;
    background_unlock(&listener->redis->keeper);
    return stopping;
}

/* Is what it listens to still where Redis is? */
static bool is_current(struct redis_listener *listener)
{
    background_lock(&listener->redis->keeper);
    bool current = !listener->stopping && listener->heard == listener->redis->generation;
    background_unlock(&listener->redis->keeper);
    return current;
}

enum waited { WAITED_TO_READ, WAITED_IN_VAIN, WAITED_AND_WOKEN };

/* For something to read; fd -1: only for being woken. */
static enum waited wait_for(struct redis_listener *listener, int fd, int64_t us)
{
    struct pollfd both[] = { { .fd = listener->wake, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    uint64_t count;
    if (poll(both, 2, (int)(us / 1000)) <= 0)
        return WAITED_IN_VAIN;
    if (both[0].revents && read(listener->wake, &count, sizeof(count)) < 0)
        assert(false); /* this thread alone reads it */
    return both[1].revents ? WAITED_TO_READ : WAITED_AND_WOKEN;
}

static bool subscribe(struct redis_listener *listener, struct line *line, struct arena *arena, int64_t until_us)
{
    /* PSUBSCRIBE takes patterns: what has a meaning in them is escaped. */
    struct text pattern;
    struct redis_reply reply;
    text_init(&pattern, 1024);
    for (const char *at = listener->hearing.prefix; *at; at++) {
        if (strchr("*?[]\\", *at))
            text_put_char(&pattern, '\\');
        text_put_char(&pattern, *at);
    }
    text_put_char(&pattern, '*');
    struct str words[] = { S("psubscribe"), text_str(&pattern) };
    struct error error = { 0 };
    bool ok = redis_ask_line(line, words, 2, arena, &reply, until_us, &error) && reply.type == REDIS_LIST;
    text_release(&pattern);
    return ok;
}

static bool ping(struct line *line, struct arena *arena, int64_t until_us)
{
    struct text bytes;
    struct str word = S("ping");
    text_init(&bytes, 64);
    redis_put_command(&bytes, &word, 1);
    bool ok = line_send(line, text_str(&bytes), until_us, &(struct error){ 0 });
    text_release(&bytes);
    arena_reset(arena);
    return ok;
}

/* What came: a message (`pmessage`, pattern, channel, text), or the answer to a PING, which says enough by coming. */
static bool hear_one(struct redis_listener *listener, struct line *line, struct arena *arena, int64_t until_us)
{
    struct redis_reply reply;
    arena_reset(arena);
    if (!line_receive(line, arena, &reply, until_us, &(struct error){ 0 }) || reply.type != REDIS_LIST)
        return false;
    const struct redis_reply *items = reply.items;
    bool is_message = reply.count == 4 && items[0].type == REDIS_TEXT && str_equal(items[0].text, S("pmessage"));
    if (is_message && items[2].type == REDIS_TEXT && items[3].type == REDIS_TEXT && !is_stopping(listener))
        listener->hearing.heard(listener->hearing.context, items[2].text, items[3].text);
    return true;
}

static void hear(struct redis_listener *listener, struct line *line, struct arena *arena)
{
    int64_t patience_us = listener->redis->patience_us;
    bool asked = false;
    while (is_current(listener)) {
        enum waited waited = WAITED_TO_READ;
        if (!line_holds_bytes(line))
            waited = wait_for(listener, line_descriptor(line), asked ? patience_us : SILENCE_US);
        if (waited == WAITED_AND_WOKEN)
            continue;
        if (waited == WAITED_TO_READ ? !hear_one(listener, line, arena, clock_monotonic_us() + patience_us)
                                     : asked || !ping(line, arena, clock_monotonic_us() + patience_us))
            return;
        asked = waited == WAITED_IN_VAIN;
    }
}

static void listen_on(void *context)
{
    struct redis_listener *listener = context;
    struct redis *redis = listener->redis;
    struct arena arena;
    arena_init(&arena);
    while (!is_stopping(listener)) {
        struct line_target target;
        struct line *line;
        struct error error = { 0 };
        int64_t until_us = clock_monotonic_us() + redis->patience_us;
        if (redis_where(redis, &target, &listener->heard, &error) &&
            redis_greet(redis, &target, until_us, &line, &error)) {
            if (subscribe(listener, line, &arena, until_us)) {
                listener->hearing.hears(listener->hearing.context);
                hear(listener, line, &arena);
            }
            line_close(line);
        }
        if (!is_stopping(listener))
            wait_for(listener, -1, AGAIN_US); /* woken when Redis is back */
    }
    arena_release(&arena);
}

bool redis_listen(struct redis *redis, const struct redis_hearing *hearing, struct redis_listener **out,
                  struct error *error)
{
    struct redis_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        abort();
    *listener = (struct redis_listener){ .redis = redis, .hearing = *hearing, .wake = eventfd(0, EFD_CLOEXEC) };
    if (listener->wake < 0) {
        free(listener);
        return error_set(error, E_UNAVAILABLE, "cannot wait for Redis: no descriptors are left");
    }
    background_lock(&redis->keeper);
    listener->next = redis->listeners;
    redis->listeners = listener;
    background_unlock(&redis->keeper);
    if (!thread_start(&listener->thread, "redis-listen", listen_on, listener, error)) {
        redis_listener_close(listener);
        return false;
    }
    *out = listener;
    return true;
}

void redis_listener_close(struct redis_listener *listener)
{
    if (!listener)
        return;
    struct redis *redis = listener->redis;
    background_lock(&redis->keeper);
    listener->stopping = true;
    redis_wake_listeners(redis);
    background_unlock(&redis->keeper);
    thread_join(&listener->thread);
    background_lock(&redis->keeper);
    struct redis_listener **at = &redis->listeners;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    background_unlock(&redis->keeper);
    close(listener->wake);
    free(listener);
}
