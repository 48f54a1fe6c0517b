/* redis.c - questions and their connections. redis_keeper.c looks whether it is there. */
#include "kv/redis.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "kv/redis_parts.h"
#include "kv/redis_reply.h"

#include <assert.h>
#include <openssl/sha.h>

/* ---- errors that it answers ---- */

static const struct {
    struct str code;
    bool is_loss;
    const char *words;
} refusals[] = {
    { { "READONLY", 8 }, true, "it is a replica and takes no writes (READONLY)" },
    { { "OOM", 3 }, true, "it is full and takes no writes (OOM: maxmemory)" },
    { { "LOADING", 7 }, true, "it is still loading its data (LOADING)" },
    { { "MASTERDOWN", 10 }, true, "it is a replica whose master is away (MASTERDOWN)" },
    { { "MISCONF", 7 }, true, "it cannot save its data and takes no writes (MISCONF)" },
    { { "NOREPLICAS", 10 }, true, "it has too few replicas to take writes (NOREPLICAS)" },
    { { "BUSY", 4 }, true, "it is held up by a script (BUSY)" },
    { { "NOAUTH", 6 }, true, "it wants a password (NOAUTH)" },
    { { "WRONGPASS", 9 }, true, "user or password is wrong (WRONGPASS)" },
    { { "NOPERM", 6 }, false, "the user may not do that there (NOPERM)" },
    { { "MOVED", 5 }, false, "it is part of a cluster, which cannot be used (MOVED)" },
    { { "CROSSSLOT", 9 }, false, "it is part of a cluster, which cannot be used (CROSSSLOT)" },
};

#define PASSWORD_REFUSED "it refuses the password"

static const char *refusal_of(const char *words)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (!strcmp(words, refusals[i].words))
            return refusals[i].words;
    if (!strncmp(words, REPLY_UNREADABLE, strlen(REPLY_UNREADABLE)))
        return REPLY_UNREADABLE;
    return strcmp(words, PASSWORD_REFUSED) ? NULL : PASSWORD_REFUSED;
}

/* ---- birth and end ---- */

static bool open_parts(struct redis *redis, const struct redis_options *options, struct error *error)
{
    if (!redis_address_parse(options->url, &redis->arena, &redis->address, error) ||
        (redis->address.tls && !tls_new(options->ca_file, &redis->tls, error)))
        return false;
    pthread_cond_init(&redis->line_free, NULL);
    pthread_cond_init(&redis->tried_once, NULL);
    return background_start(&redis->keeper, "redis", redis_keep, redis, error);
}

static void free_parts(struct redis *redis)
{
    tls_free(redis->tls);
    arena_release(&redis->arena);
    free(redis);
}

bool redis_open(const struct redis_options *options, struct redis **out, struct error *error)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    if (!redis)
        abort();
    arena_init(&redis->arena);
    redis->log = options->log;
    redis->name = options->name ? options->name : "roentgen";
    redis->patience_us = (int64_t)(options->patience_ms ? options->patience_ms : 1000) * 1000;
    if (!open_parts(redis, options, error)) {
        free_parts(redis);
        return false;
    }
    int64_t until_us = clock_monotonic_us() + redis->patience_us;
    background_lock(&redis->keeper);
    while (!redis->tried && thread_wait(&redis->tried_once, &redis->keeper.lock, until_us))
        ;
    background_unlock(&redis->keeper);
    *out = redis;
    return true;
}

void redis_close(struct redis *redis)
{
    if (!redis)
        return;
    background_stop(&redis->keeper);
    assert(!redis->asking && !redis->listeners);
    for (int i = 0; i < redis->idle_count; i++)
        line_close(redis->idle[i]);
    line_close(redis->own);
    line_close(redis->sentinel);
    background_release(&redis->keeper);
    pthread_cond_destroy(&redis->line_free);
    pthread_cond_destroy(&redis->tried_once);
    free_parts(redis);
}

void redis_look(struct redis *redis, struct redis_state *out)
{
    background_lock(&redis->keeper);
    *out = (struct redis_state){ .here = redis->here, .lost = redis->lost };
    memcpy(out->words, redis->words, sizeof(out->words));
    out->refusal = redis->here ? NULL : refusal_of(redis->words);
    background_unlock(&redis->keeper);
    out->asked = atomic_load(&redis->asked);
    out->failed = atomic_load(&redis->failed);
    out->us = atomic_load(&redis->us);
}

uint64_t redis_generation(struct redis *redis)
{
    background_lock(&redis->keeper);
    uint64_t generation = redis->generation;
    background_unlock(&redis->keeper);
    return generation;
}

/* ---- losing it ---- */

static bool away(struct redis *redis, struct error *error)
{
    return error_set(error, E_UNAVAILABLE, "Redis is away: %s", redis->words[0] ? redis->words : "not tried yet");
}

void redis_turn(struct redis *redis)
{
    redis->generation++;
    while (redis->idle_count)
        line_close(redis->idle[--redis->idle_count]);
    redis_wake_listeners(redis);
}

void redis_lose(struct redis *redis, uint64_t generation, const struct error *why)
{
    background_lock(&redis->keeper);
    bool first = redis->here && redis->generation == generation;
    if (first) {
        redis->here = false;
        redis->flaps = clock_monotonic_us() - redis->here_us < REDIS_MOMENT_US;
        redis->lost++;
        snprintf(redis->words, sizeof(redis->words), "%.199s", why->message);
        redis_turn(redis);
        pthread_cond_broadcast(&redis->line_free);
        background_wake(&redis->keeper);
    }
    bool tells = first && !redis->flaps && redis->told_here;
    if (tells)
        redis->told_here = false;
    background_unlock(&redis->keeper);
    if (tells)
        log_write(redis->log, LOG_WARNING, "", "kv.lost", "Redis is lost, work goes on without it: %s", why->message);
}

bool redis_where(struct redis *redis, struct line_target *target, uint64_t *generation, struct error *error)
{
    background_lock(&redis->keeper);
    bool here = redis->here;
    if (here) {
        *target = redis->target;
        *generation = redis->generation;
    } else {
        away(redis, error);
    }
    background_unlock(&redis->keeper);
    return here;
}

bool redis_refuses(struct str reply, struct error *error)
{
    struct str code, rest;
    str_cut(reply, ' ', &code, &rest);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (str_equal(code, refusals[i].code)) {
            error_set(error, E_UNAVAILABLE, "%s", refusals[i].words);
            return refusals[i].is_loss;
        }
    /* Up to where values are quoted: `ERR unknown command 'x', with args beginning with: 'secret'`. */
    char words[160];
    ptrdiff_t len = 0;
    while (len < reply.len && len < (ptrdiff_t)sizeof(words) && reply.at[len] >= ' ' && reply.at[len] <= '~' &&
           !strchr("'\"`", reply.at[len])) {
        words[len] = reply.at[len];
        len++;
    }
    error_set(error, E_UNAVAILABLE, "Redis refuses: %.*s", (int)len, words);
    return false;
}

/* ---- one line ---- */

void redis_put_command(struct text *out, const struct str *words, int count)
{
    text_put_char(out, '*');
    text_put_integer(out, count);
    text_put(out, S("\r\n"));
    for (int i = 0; i < count; i++) {
        text_put_char(out, '$');
        text_put_integer(out, words[i].len);
        text_put(out, S("\r\n"));
        text_put(out, words[i]);
        text_put(out, S("\r\n"));
    }
}

bool redis_ask_line(struct line *line, const struct str *words, int count, struct arena *arena, struct redis_reply *out,
                    int64_t until_us, struct error *error)
{
    struct text bytes;
    text_init(&bytes, REDIS_REPLY_MAX);
    redis_put_command(&bytes, words, count);
    bool ok = line_send(line, text_str(&bytes), until_us, error) && line_receive(line, arena, out, until_us, error);
    text_release(&bytes);
    if (ok && out->type == REDIS_ERROR) {
        redis_refuses(out->text, error);
        return false;
    }
    return ok;
}

/* Who is there, as what, and where. A server that knows no names for connections is fine without. */
static bool introduce(const struct redis *redis, struct line *line, int64_t until_us, struct error *error)
{
    const struct redis_address *address = &redis->address;
    struct arena arena;
    struct redis_reply reply = { 0 };
    arena_init(&arena);
    bool ok = true;
    if (address->password) {
        struct str words[3] = { S("auth") };
        int count = 1;
        if (address->user)
            words[count++] = str_from(address->user);
        words[count++] = str_from(address->password);
        /* Not in its words: some quote what they were asked. */
        struct error refused = { 0 };
        ok = redis_ask_line(line, words, count, &arena, &reply, until_us, &refused) ||
             error_set(error, E_UNAVAILABLE, "%s",
                       str_starts(str_from(refused.message), S("Redis refuses")) ? PASSWORD_REFUSED : refused.message);
    }
    if (ok && address->db) {
        struct str words[] = { S("select"), arena_format(&arena, "%" PRId64, address->db) };
        ok = redis_ask_line(line, words, 2, &arena, &reply, until_us, error);
    }
    if (ok) {
        struct str words[] = { S("client"), S("setname"), str_from(redis->name) };
        struct error refused = { 0 };
        ok = redis_ask_line(line, words, 3, &arena, &reply, until_us, &refused) || reply.type == REDIS_ERROR ||
             error_set(error, E_UNAVAILABLE, "%s", refused.message);
    }
    arena_release(&arena);
    return ok;
}

bool redis_greet(struct redis *redis, const struct line_target *target, int64_t until_us, struct line **out,
                 struct error *error)
{
    struct line *line;
    if (!line_open(target, redis->tls, until_us, &line, error))
        return false;
    if (!introduce(redis, line, until_us, error)) {
        line_close(line);
        return false;
    }
    *out = line;
    return true;
}

/* ---- the pool ---- */

/* A connection taken for a question. */
struct taken {
    struct line *line; /* NULL: one is to be made */
    uint64_t generation;
    struct line_target target;
    bool counts; /* among REDIS_CONNECTIONS */
};

static bool take_place(struct redis *redis, struct taken *taken, int64_t until_us, struct error *error)
{
    bool ok = false;
    background_lock(&redis->keeper);
    for (;;) {
        if (!redis->here) {
            away(redis, error);
            break;
        }
        if (!taken->counts || redis->asking < REDIS_CONNECTIONS) {
            redis->asking += taken->counts;
            taken->line = redis->idle_count ? redis->idle[--redis->idle_count] : NULL;
            taken->generation = redis->generation;
            taken->target = redis->target;
            ok = true;
            break;
        }
        if (!thread_wait(&redis->line_free, &redis->keeper.lock, until_us)) {
            error_set(error, E_UNAVAILABLE, "all connections to Redis are busy");
            break;
        }
    }
    background_unlock(&redis->keeper);
    return ok;
}

static void give_back(struct redis *redis, struct taken *taken, bool good)
{
    background_lock(&redis->keeper);
    redis->asking -= taken->counts;
    if (good && redis->generation == taken->generation && redis->idle_count < REDIS_CONNECTIONS) {
        redis->idle[redis->idle_count++] = taken->line;
        taken->line = NULL;
    }
    pthread_cond_signal(&redis->line_free);
    background_unlock(&redis->keeper);
    line_close(taken->line);
}

static bool take(struct redis *redis, struct taken *taken, int64_t until_us, struct error *error)
{
    if (!take_place(redis, taken, until_us, error))
        return false;
    if (taken->line && !line_is_quiet(taken->line)) { /* it was closed while it rested */
        line_close(taken->line);
        taken->line = NULL;
    }
    struct error why = { 0 };
    if (taken->line || redis_greet(redis, &taken->target, until_us, &taken->line, &why))
        return true;
    redis_lose(redis, taken->generation, &why);
    give_back(redis, taken, false);
    return error_set(error, E_UNAVAILABLE, "Redis is away: %s", why.message);
}

/* ---- questions ---- */

/* False: the line is broken, after *answered. */
static bool exchange(struct line *line, struct str bytes, struct arena *arena, struct redis_reply *out, int count,
                     int *answered, int64_t until_us, struct error *error)
{
    if (!line_send(line, bytes, until_us, error))
        return false;
    for (; *answered < count; ++*answered)
        if (!line_receive(line, arena, &out[*answered], until_us, error))
            return false;
    return true;
}

static bool ask(struct redis *redis, const struct redis_command *commands, int count, int64_t wait_us,
                struct arena *arena, struct redis_reply *out, struct error *error)
{
    int64_t began_us = clock_monotonic_us(), until_us = began_us + redis->patience_us + wait_us;
    struct taken taken = { .counts = !wait_us };
    int answered = 0, done = count;
    struct error broken = { 0 }, loss = { 0 };
    struct text bytes;
    text_init(&bytes, REDIS_REPLY_MAX);
    for (int i = 0; i < count; i++)
        redis_put_command(&bytes, commands[i].words, commands[i].count);
    bool ok = bytes.overflowed ? error_set(error, E_TOO_LARGE, "the command for Redis is too large")
                               : take(redis, &taken, until_us, error);
    if (ok && !exchange(taken.line, text_str(&bytes), arena, out, count, &answered, until_us, &broken)) {
        redis_lose(redis, taken.generation, &broken);
        ok = error_set(error, E_UNAVAILABLE, "Redis is lost: %s", broken.message);
    }
    for (int i = 0; i < answered; i++)
        if (out[i].type == REDIS_ERROR) {
            struct error why = { 0 };
            if (redis_refuses(out[i].text, &why) && !loss.code)
                loss = why;
            ok = error_set(error, E_UNAVAILABLE, "%s", why.message);
            done--;
        }
    for (int i = answered; i < count; i++, done--)
        out[i] = (struct redis_reply){ .type = REDIS_ERROR };
    if (loss.code)
        redis_lose(redis, taken.generation, &loss);
    if (taken.line)
        give_back(redis, &taken, !broken.code);
    text_release(&bytes);
    atomic_fetch_add(&redis->asked, count);
    atomic_fetch_add(&redis->failed, count - done);
    atomic_fetch_add(&redis->us, clock_monotonic_us() - began_us);
    return ok;
}

bool redis_ask(struct redis *redis, const struct str *words, int count, struct arena *arena, struct redis_reply *out,
               struct error *error)
{
    struct redis_reply reply;
    if (!ask(redis, &(struct redis_command){ words, count }, 1, 0, arena, &reply, error))
        return false;
    *out = reply;
    return true;
}

bool redis_ask_all(struct redis *redis, const struct redis_command *commands, int count, struct arena *arena,
                   struct redis_reply *out, struct error *error)
{
    return ask(redis, commands, count, 0, arena, out, error);
}

bool redis_wait(struct redis *redis, const struct str *words, int count, int wait_ms, struct arena *arena,
                struct redis_reply *out, struct error *error)
{
    struct redis_reply reply;
    assert(wait_ms > 0);
    if (!ask(redis, &(struct redis_command){ words, count }, 1, (int64_t)wait_ms * 1000, arena, &reply, error))
        return false;
    *out = reply;
    return true;
}

bool redis_run(struct redis *redis, const struct redis_script *script, const struct str *words, int count,
               struct arena *arena, struct redis_reply *out, struct error *error)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    char hex[2 * SHA_DIGEST_LENGTH], keys[INTEGER_TEXT_MAX];
    SHA1((const unsigned char *)script->text, strlen(script->text), digest);
    crypto_hex_write(hex, digest, SHA_DIGEST_LENGTH);
    struct str *all = arena_array(arena, struct str, count + 3);
    all[0] = S("evalsha");
    all[1] = (struct str){ hex, sizeof(hex) };
    all[2] = (struct str){ keys, integer_write(script->keys, keys) };
    for (int i = 0; i < count; i++)
        all[i + 3] = words[i];
    struct redis_reply reply;
    struct error refused = { 0 };
    bool ok = ask(redis, &(struct redis_command){ all, count + 3 }, 1, 0, arena, &reply, &refused);
    if (!ok && str_starts(reply.text, S("NOSCRIPT"))) { /* it was started again, or is another one */
        all[0] = S("eval");
        all[1] = str_from(script->text);
        refused = (struct error){ 0 };
        ok = ask(redis, &(struct redis_command){ all, count + 3 }, 1, 0, arena, &reply, &refused);
    }
    if (!ok)
        return error_set(error, refused.code, "%s", refused.message);
    *out = reply;
    return true;
}
