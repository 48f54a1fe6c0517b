/* rate.c - token buckets as one number each.
 *
 * The generic cell rate algorithm (ITU-T I.371): instead of tokens and a time, a bucket is the moment at which it will
 * be full again. Each call moves it `interval` later; a call is refused when that would put it more than `burst`
 * intervals ahead of now. A moment in the past is a full bucket, which is also what a key never seen has.
 *
 *   shards  -> sets of WAYS buckets; a key belongs to one set, in which it may have any place
 */
#include "kv/rate.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "kv/shared.h"

#include <assert.h>
#include <pthread.h>

enum { WAYS = 8, SHARDS = 16 };

struct bucket {
    struct sip_hash key;
    int64_t full_at_us; /* 0: never used */
};

struct rate {
    int64_t interval_us; /* one token */
    int64_t burst_us;    /* all of them */
    struct sip_key secret;
    struct shared shared;
    uint64_t sets; /* a multiple of SHARDS */
    struct bucket *buckets;
    pthread_mutex_t shards[SHARDS];
};

struct rate *rate_new(int burst, int per_minute, int max_keys)
{
    assert(burst >= 1 && per_minute >= 1 && max_keys >= 1);
    struct rate *rate = calloc(1, sizeof(*rate));
    assert(rate);
    /* Rounded up, so that the limit is never exceeded; at most one token a microsecond. */
    rate->interval_us = (60000000 + (int64_t)per_minute - 1) / per_minute;
    rate->burst_us = rate->interval_us * burst;
    crypto_random(&rate->secret, (ptrdiff_t)sizeof(rate->secret));
    uint64_t sets = ((uint64_t)max_keys + WAYS - 1) / WAYS;
    rate->sets = (sets + SHARDS - 1) / SHARDS * SHARDS;
    rate->buckets = calloc(rate->sets * WAYS, sizeof(*rate->buckets));
    assert(rate->buckets);
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&rate->shards[i], NULL);
    return rate;
}

void rate_free(struct rate *rate)
{
    if (!rate)
        return;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&rate->shards[i]);
    free(rate->buckets);
    free(rate);
}

/* The bucket of the key, or the one of its set that was nearest to full, emptied for it. */
static struct bucket *find(struct bucket *set, struct sip_hash key)
{
    struct bucket *spare = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key.a == key.a && set[i].key.b == key.b)
            return &set[i];
        if (set[i].full_at_us < spare->full_at_us)
            spare = &set[i];
    }
    *spare = (struct bucket){ .key = key };
    return spare;
}

void rate_share(struct rate *rate, struct redis *redis, const char *table, const struct key *secret)
{
    rate->shared = shared_with(redis, table, secret, &rate->secret);
}

/* By how much it is too early here, or not (at most 0), in which case it is taken if it should be. */
static int64_t count_here(struct rate *rate, struct sip_hash hash, int64_t now_us, bool takes)
{
    uint64_t set = hash.a % rate->sets;
    pthread_mutex_t *shard = &rate->shards[set % SHARDS];

    pthread_mutex_lock(shard);
    struct bucket *bucket = find(&rate->buckets[set * WAYS], hash);
    int64_t full_at_us = (bucket->full_at_us > now_us ? bucket->full_at_us : now_us) + rate->interval_us;
    int64_t early_us = full_at_us - rate->burst_us - now_us;
    if (early_us <= 0 && takes)
        bucket->full_at_us = full_at_us;
    pthread_mutex_unlock(shard);
    return early_us;
}

/* The same among all servers. A clock of Redis that was set back leaves no bucket emptier than empty. False: nobody
 * knows. */
static bool count_shared(struct rate *rate, struct sip_hash hash, int64_t *early_us)
{
    static const struct redis_script script = {
        "local t = redis.call('time')\n"
        "local now = t[1] * 1000000 + t[2]\n"
        "local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
        "local full = tonumber(redis.call('get', KEYS[1]) or '0')\n"
        "full = math.min(math.max(full, now), now + burst) + interval\n"
        "local early = full - burst - now\n"
        "if early <= 0 then\n"
        "    redis.call('set', KEYS[1], string.format('%.0f', full), 'px', math.ceil((full - now) / 1000))\n"
        "end\n"
        "return {early}\n",
        1
    };
    char key[SHARED_KEY_MAX], interval[INTEGER_TEXT_MAX], burst[INTEGER_TEXT_MAX];
    struct str words[] = { shared_key(&rate->shared, hash, key),
                           { interval, integer_write(rate->interval_us, interval) },
                           { burst, integer_write(rate->burst_us, burst) } };
    return shared_run(&rate->shared, &script, words, 3, early_us, 1);
}

static bool answer(int64_t early_us, int *retry_after_s)
{
    if (early_us <= 0)
        return true;
    *retry_after_s = (int)((early_us + 999999) / 1000000);
    return false;
}

bool rate_take_at(struct rate *rate, struct str key, int64_t now_us, int *retry_after_s)
{
    return answer(count_here(rate, siphash(rate->secret, key), now_us, true), retry_after_s);
}

bool rate_take(struct rate *rate, struct str key, int *retry_after_s)
{
    struct sip_hash hash = siphash(rate->secret, key);
    int64_t now_us = clock_monotonic_us(), early_us = count_here(rate, hash, now_us, !rate->shared.redis);
    if (!rate->shared.redis || early_us > 0)
        return answer(early_us, retry_after_s);
    bool known = count_shared(rate, hash, &early_us);
    if (!known || early_us <= 0) {
        int64_t here_us = count_here(rate, hash, now_us, true);
        early_us = known ? early_us : here_us;
    }
    return answer(early_us, retry_after_s);
}
