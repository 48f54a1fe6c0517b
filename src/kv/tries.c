/* tries.c - sets of WAYS counters; a key belongs to one set, in which it may have any place. */
#include "kv/tries.h"

#include "base/crypto.h"
#include "base/text.h"
#include "kv/shared.h"

#include <assert.h>
#include <pthread.h>

enum { WAYS = 8, SHARDS = 16 };

struct counter {
    struct sip_hash key;
    int64_t failures, last_us, until_us; /* until_us 0: not locked */
};

struct tries {
    struct sip_key secret;
    struct shared shared;
    uint64_t sets; /* a multiple of SHARDS */
    struct counter *counters;
    pthread_mutex_t shards[SHARDS];
};

struct tries *tries_new(int max_keys)
{
    assert(max_keys >= 1);
    struct tries *tries = calloc(1, sizeof(*tries));
    assert(tries);
    crypto_random(&tries->secret, (ptrdiff_t)sizeof(tries->secret));
    uint64_t sets = ((uint64_t)max_keys + WAYS - 1) / WAYS;
    tries->sets = (sets + SHARDS - 1) / SHARDS * SHARDS;
    tries->counters = calloc(tries->sets * WAYS, sizeof(*tries->counters));
    assert(tries->counters);
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&tries->shards[i], NULL);
    return tries;
}

void tries_free(struct tries *tries)
{
    if (!tries)
        return;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&tries->shards[i]);
    free(tries->counters);
    free(tries);
}

/* ---- places: found locked, so that everything about the set may be read and written ---- */

struct place {
    pthread_mutex_t *lock;
    struct counter *set;
    struct sip_hash key;
};

static struct place place_lock(struct tries *tries, struct sip_hash hash)
{
    uint64_t set = hash.a % tries->sets;
    struct place place = { &tries->shards[set % SHARDS], &tries->counters[set * WAYS], hash };
    pthread_mutex_lock(place.lock);
    return place;
}

/* The key's counter, if it has one that still means something. */
static struct counter *find(const struct place *place, int64_t now_us, int64_t forgiven_us)
{
    for (int i = 0; i < WAYS; i++) {
        struct counter *counter = &place->set[i];
        if (counter->key.a != place->key.a || counter->key.b != place->key.b || !counter->failures)
            continue;
        if (counter->last_us <= forgiven_us || (counter->until_us && counter->until_us <= now_us))
            *counter = (struct counter){ 0 };
        return counter->failures ? counter : NULL;
    }
    return NULL;
}

static struct counter *least(const struct place *place)
{
    struct counter *least = place->set;
    for (int i = 1; i < WAYS; i++) {
        struct counter *other = &place->set[i];
        if (other->failures < least->failures ||
            (other->failures == least->failures && other->last_us < least->last_us))
            least = other;
    }
    *least = (struct counter){ .key = place->key };
    return least;
}

/* ---- among servers ---- */

void tries_share(struct tries *tries, struct redis *redis, const char *table, const struct key *secret)
{
    tries->shared = shared_with(redis, table, secret, &tries->secret);
}

enum verb { LOOK, FAIL, FORGET };
struct answer {
    int64_t failures, last_ago_us, left_us, begins;
};

/* As find, and what follows it, but by Redis' clock; so moments go over as how long ago they are. False: nobody knows.
 */
static bool ask_shared(struct tries *tries, struct sip_hash hash, enum verb verb, const struct tries_rule *rule,
                       int64_t forgiven_ago_us, struct answer *out)
{
    static const struct redis_script script = {
        "local t = redis.call('time')\n"
        "local now = t[1] * 1000000 + t[2]\n"
        "local most, lock, forgiven = tonumber(ARGV[2]), tonumber(ARGV[3]), now - tonumber(ARGV[4])\n"
        "local v = redis.call('hmget', KEYS[1], 'failures', 'last', 'until')\n"
        "local f, last, til = tonumber(v[1] or '0'), tonumber(v[2] or '0'), tonumber(v[3] or '0')\n"
        "if f > 0 and (last <= forgiven or (til > 0 and til <= now)) then f, last, til = 0, 0, 0 end\n"
        "local begins = 0\n"
        "if ARGV[1] == 'forget' then f, til = 0, 0 end\n"
        "if ARGV[1] == 'fail' and til == 0 then\n"
        "    f = last < now - lock and 1 or f + 1\n"
        "    last = now\n"
        "    if f >= most then til = now + lock begins = 1 end\n"
        "    redis.call('hset', KEYS[1], 'failures', f, 'last', string.format('%.0f', last),\n"
        "               'until', string.format('%.0f', til))\n"
        "    redis.call('pexpire', KEYS[1], math.ceil(lock / 1000))\n"
        "elseif f == 0 then redis.call('del', KEYS[1]) end\n"
        "return {f, now - last, til > 0 and til - now or 0, begins}\n",
        1
    };
    static const struct str verbs[] = { { "look", 4 }, { "fail", 4 }, { "forget", 6 } };
    char key[SHARED_KEY_MAX], most[INTEGER_TEXT_MAX], lock[INTEGER_TEXT_MAX], ago[INTEGER_TEXT_MAX];
    struct str words[] = { shared_key(&tries->shared, hash, key),
                           verbs[verb],
                           { most, integer_write(rule ? rule->most : 0, most) },
                           { lock, integer_write(rule ? rule->lock_us : 0, lock) },
                           { ago, integer_write(forgiven_ago_us, ago) } };
    int64_t numbers[4];
    if (!shared_run(&tries->shared, &script, words, 5, numbers, 4))
        return false;
    *out = (struct answer){ numbers[0], numbers[1], numbers[2], numbers[3] };
    return true;
}

/* What Redis has said, for when it is away. The end of the lock, 0 when there is none. */
static int64_t remember(struct tries *tries, struct sip_hash hash, int64_t now_us, const struct answer *said)
{
    struct place place = place_lock(tries, hash);
    struct counter *counter = find(&place, INT64_MIN, INT64_MIN);
    int64_t until_us = said->left_us > 0 ? now_us + said->left_us : 0;
    if (!counter && said->failures)
        counter = least(&place);
    if (counter)
        *counter = said->failures ? (struct counter){ hash, said->failures, now_us - said->last_ago_us, until_us }
                                  : (struct counter){ 0 };
    pthread_mutex_unlock(place.lock);
    return until_us;
}

/* ---- */

static int64_t locked_here(struct tries *tries, struct sip_hash hash, int64_t now_us, int64_t forgiven_us)
{
    struct place place = place_lock(tries, hash);
    const struct counter *counter = find(&place, now_us, forgiven_us);
    int64_t until_us = counter ? counter->until_us : 0;
    pthread_mutex_unlock(place.lock);
    return until_us;
}

int64_t tries_locked_until(struct tries *tries, struct str key, int64_t now_us, int64_t forgiven_us)
{
    struct sip_hash hash = siphash(tries->secret, key);
    struct answer said;
    int64_t until_us = locked_here(tries, hash, now_us, forgiven_us);
    if (!until_us && ask_shared(tries, hash, LOOK, NULL, now_us - forgiven_us, &said))
        until_us = remember(tries, hash, now_us, &said);
    return until_us;
}

static int64_t fail_here(struct tries *tries, struct sip_hash hash, const struct tries_rule *rule, int64_t now_us,
                         int64_t forgiven_us, bool *begins)
{
    struct place place = place_lock(tries, hash);
    struct counter *counter = find(&place, now_us, forgiven_us);
    if (!counter)
        counter = least(&place);
    *begins = false;
    if (!counter->until_us) {
        counter->failures = counter->last_us < now_us - rule->lock_us ? 1 : counter->failures + 1;
        counter->last_us = now_us;
        *begins = counter->failures >= rule->most;
        counter->until_us = *begins ? now_us + rule->lock_us : 0;
    }
    int64_t until_us = counter->until_us;
    pthread_mutex_unlock(place.lock);
    return until_us;
}

int64_t tries_fail(struct tries *tries, struct str key, const struct tries_rule *rule, int64_t now_us,
                   int64_t forgiven_us, bool *begins)
{
    struct sip_hash hash = siphash(tries->secret, key);
    struct answer said;
    int64_t until_us = tries->shared.redis ? locked_here(tries, hash, now_us, forgiven_us) : 0;
    *begins = false;
    if (until_us)
        return until_us;
    if (!ask_shared(tries, hash, FAIL, rule, now_us - forgiven_us, &said))
        return fail_here(tries, hash, rule, now_us, forgiven_us, begins);
    *begins = said.begins != 0;
    return remember(tries, hash, now_us, &said);
}

void tries_forget(struct tries *tries, struct str key)
{
    struct sip_hash hash = siphash(tries->secret, key);
    struct answer said;
    struct place place = place_lock(tries, hash);
    struct counter *counter = find(&place, INT64_MIN, INT64_MIN);
    if (counter)
        *counter = (struct counter){ 0 };
    pthread_mutex_unlock(place.lock);
    ask_shared(tries, hash, FORGET, NULL, 0, &said);
}

void tries_lock(struct tries *tries, struct str key, int64_t since_us, int64_t until_us)
{
    struct place place = place_lock(tries, siphash(tries->secret, key));
    struct counter *counter = find(&place, INT64_MIN, INT64_MIN);
    if (!counter)
        counter = least(&place);
    *counter = (struct counter){ place.key, INT32_MAX, since_us, until_us };
    pthread_mutex_unlock(place.lock);
}
