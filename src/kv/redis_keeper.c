/* redis_keeper.c - the thread that looks whether Redis is there, and where.
 *
 *   away:  twice a second: name or sentinels -> address -> connection -> a small write -> here
 *   here:  once a second: (sentinels: the same master?) -> the write on its own connection
 */
#include "base/clock.h"
#include "kv/redis_parts.h"

#include <netdb.h>
#include <sys/un.h>

enum { AWAY_US = 500000, HERE_US = 1000000 };

/* ---- where it is ---- */

static bool fill_path(const char *path, struct line_target *out, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(error, E_UNAVAILABLE, "the path of its socket is too long");
    memcpy(address.sun_path, path, strlen(path) + 1);
    *out = (struct line_target){ .length = sizeof(address) };
    memcpy(&out->address, &address, sizeof(address));
    snprintf(out->shown, sizeof(out->shown), "%s", path);
    return true;
}

/* A connection to the first of the host's addresses that takes one; each has its share of the time. */
static bool open_host(struct redis *redis, const char *name, const char *port, bool is_redis, int64_t until_us,
                      struct line_target *target, struct line **line, struct error *error)
{
    struct addrinfo wanted = { .ai_socktype = SOCK_STREAM }, *all;
    int number = getaddrinfo(name, port, &wanted, &all);
    if (number)
        return error_set(error, E_UNAVAILABLE, "%.200s is not found: %s", name, gai_strerror(number));
    struct error why = { 0 };
    int left = 0;
    bool ok = false;
    for (const struct addrinfo *one = all; one; one = one->ai_next)
        left++;
    for (const struct addrinfo *one = all; one && !ok; one = one->ai_next, left--) {
        int64_t now_us = clock_monotonic_us(), share_us = now_us + (until_us - now_us) / left;
        *target = (struct line_target){ .length = one->ai_addrlen };
        memcpy(&target->address, one->ai_addr, one->ai_addrlen);
        snprintf(target->name, sizeof(target->name), "%s", name);
        snprintf(target->shown, sizeof(target->shown), "%s:%s", name, port);
        why = (struct error){ 0 };
        ok = is_redis ? redis_greet(redis, target, share_us, line, &why)
                      : line_open(target, redis->tls, share_us, line, &why);
    }
    freeaddrinfo(all);
    return ok || error_set(error, E_UNAVAILABLE, "%s", why.message);
}

/* ---- sentinels ---- */

static bool ask_sentinel(struct redis *redis, struct line *line, struct arena *arena, int64_t until_us,
                         struct redis_host *out, struct error *error)
{
    struct str words[] = { S("sentinel"), S("get-master-addr-by-name"), str_from(redis->address.service) };
    struct redis_reply reply = { 0 };
    int64_t port;
    if (!redis_ask_line(line, words, 3, arena, &reply, until_us, error))
        return false;
    if (reply.type == REDIS_NIL)
        return error_set(error, E_UNAVAILABLE, "the sentinels know no service of that name");
    const struct redis_reply *items = reply.items;
    if (reply.type != REDIS_LIST || reply.count != 2 || items[0].type != REDIS_TEXT || items[1].type != REDIS_TEXT ||
        !items[0].text.len || items[0].text.len > 255 || !str_to_integer(items[1].text, &port) || port < 1 ||
        port > 65535)
        return error_set(error, E_UNAVAILABLE, "a sentinel names no address");
    *out = (struct redis_host){ items[0].text.at, items[1].text.at };
    return true;
}

static bool greet_sentinel(struct redis *redis, struct line *line, struct arena *arena, int64_t until_us,
                           struct error *error)
{
    const struct redis_address *address = &redis->address;
    struct str words[3] = { S("auth") };
    struct redis_reply reply;
    int count = 1;
    if (!address->sentinel_password)
        return true;
    if (address->sentinel_user)
        words[count++] = str_from(address->sentinel_user);
    words[count++] = str_from(address->sentinel_password);
    return redis_ask_line(line, words, count, arena, &reply, until_us, &(struct error){ 0 }) ||
           error_set(error, E_UNAVAILABLE, "a sentinel refuses the password");
}

/* Name and port of the master, from the sentinel that answered last time or the first that does. */
static bool find_master(struct redis *redis, struct arena *arena, int64_t until_us, struct redis_host *out,
                        struct error *error)
{
    struct error why = { 0 };
    if (redis->sentinel && ask_sentinel(redis, redis->sentinel, arena, until_us, out, &why))
        return true;
    line_close(redis->sentinel);
    redis->sentinel = NULL;
    for (int i = 0; i < redis->address.host_count; i++) {
        const struct redis_host *host = &redis->address.hosts[i];
        int64_t now_us = clock_monotonic_us(),
                share_us = now_us + (until_us - now_us) / (redis->address.host_count - i);
        struct line_target target;
        struct line *line;
        why = (struct error){ 0 };
        if (!open_host(redis, host->name, host->port, false, share_us, &target, &line, &why))
            continue;
        if (greet_sentinel(redis, line, arena, share_us, &why) &&
            ask_sentinel(redis, line, arena, share_us, out, &why)) {
            redis->sentinel = line;
            return true;
        }
        line_close(line);
    }
    return error_set(error, E_UNAVAILABLE, "no sentinel helps: %s", why.message);
}

/* ---- looking ---- */

/* A line to where it is now. */
static bool find(struct redis *redis, struct arena *arena, int64_t until_us, struct line_target *target,
                 struct line **line, struct error *error)
{
    const struct redis_address *address = &redis->address;
    if (address->path)
        return fill_path(address->path, target, error) && redis_greet(redis, target, until_us, line, error);
    if (!address->service)
        return open_host(redis, address->hosts[0].name, address->hosts[0].port, true, until_us, target, line, error);
    struct redis_host master = { 0 };
    return find_master(redis, arena, until_us, &master, error) &&
           open_host(redis, master.name, master.port, true, until_us, target, line, error);
}

/* One that takes no writes is of no use: a replica, a full one, one whose disk is full. */
static bool takes_writes(struct redis *redis, struct line *line, struct arena *arena, int64_t until_us,
                         struct error *error)
{
    struct str words[] = { S("set"), arena_format(arena, "%s:here", redis->name), S("1"), S("px"), S("60000") };
    struct redis_reply reply;
    return redis_ask_line(line, words, 5, arena, &reply, until_us, error);
}

/* Do the sentinels name another master than the one in use? When none of them answers, it stays. */
static bool has_moved(struct redis *redis, struct arena *arena, int64_t until_us)
{
    struct redis_host master = { 0 };
    if (!redis->address.service || !find_master(redis, arena, until_us, &master, &(struct error){ 0 }))
        return false;
    struct str shown = arena_format(arena, "%s:%s", master.name, master.port);
    return !str_equal(shown, str_from(redis->target.shown)); /* which the keeper alone writes */
}

static bool look(struct redis *redis, struct line_target *target, struct error *error)
{
    int64_t until_us = clock_monotonic_us() + redis->patience_us;
    struct arena arena;
    arena_init(&arena);
    bool ok = false;
    if (redis->own && line_is_quiet(redis->own) && !has_moved(redis, &arena, until_us)) {
        *target = redis->target;
        ok = takes_writes(redis, redis->own, &arena, until_us, &(struct error){ 0 });
    }
    if (!ok) {
        line_close(redis->own);
        redis->own = NULL;
        ok = find(redis, &arena, until_us, target, &redis->own, error) &&
             takes_writes(redis, redis->own, &arena, until_us, error);
    }
    if (!ok) {
        line_close(redis->own);
        redis->own = NULL;
    }
    arena_release(&arena);
    return ok;
}

/* ---- the thread ---- */

/* Under the lock. */
static void found(struct redis *redis, const struct line_target *target)
{
    bool is_back = !redis->here;
    bool is_other =
        target->length != redis->target.length || memcmp(&target->address, &redis->target.address, target->length) != 0;
    redis->target = *target;
    redis->here = true;
    redis->words[0] = '\0';
    if (is_back)
        redis->here_us = clock_monotonic_us();
    if (is_back || is_other)
        redis_turn(redis);
}

/* Under the lock, which is given back meanwhile. */
static void tell(struct redis *redis, bool is_first, const char *words)
{
    bool is_here = redis->told_here = redis->here;
    background_unlock(&redis->keeper);
    if (is_here)
        log_write(redis->log, LOG_INFO, "", "kv.back", "Redis at %s is used%s", redis->target.shown,
                  is_first ? "" : " again");
    else
        log_write(redis->log, LOG_WARNING, "", "kv.lost", "Redis is not used, work goes on without it: %s", words);
    background_lock(&redis->keeper);
}

static void wait_until(struct redis *redis, int64_t until_us)
{
    while (!redis->keeper.stopping && background_wait(&redis->keeper, until_us))
        ;
}

void redis_keep(void *context)
{
    struct redis *redis = context;
    background_lock(&redis->keeper);
    while (!redis->keeper.stopping) {
        int64_t began_us = clock_monotonic_us();
        uint64_t generation = redis->generation;
        struct line_target target;
        struct error error = { 0 };
        background_unlock(&redis->keeper);
        bool ok = look(redis, &target, &error);
        if (!ok)
            redis_lose(redis, generation, &error);
        background_lock(&redis->keeper);
        bool is_first = !redis->tried;
        redis->tried = true;
        if (!ok && !redis->here)
            snprintf(redis->words, sizeof(redis->words), "%.199s", error.message);
        if (ok)
            found(redis, &target);
        if (is_first || redis->told_here != redis->here)
            tell(redis, is_first, error.message);
        pthread_cond_broadcast(&redis->tried_once);
        if (ok) /* until it is lost */
            while (!redis->keeper.stopping && redis->here && background_wait(&redis->keeper, began_us + HERE_US))
                ;
        if (!ok || (!redis->here && redis->flaps))
            wait_until(redis, began_us + AWAY_US);
    }
    background_unlock(&redis->keeper);
}
