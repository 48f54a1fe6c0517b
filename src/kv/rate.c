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
#include "kv/siphash.h"

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

bool rate_take_at(struct rate *rate, struct str key, int64_t now_us, int *retry_after_s)
{
    struct sip_hash hash = siphash(rate->secret, key);
    uint64_t set = hash.a % rate->sets;
    pthread_mutex_t *shard = &rate->shards[set % SHARDS];

    pthread_mutex_lock(shard);
    struct bucket *bucket = find(&rate->buckets[set * WAYS], hash);
    int64_t full_at_us = (bucket->full_at_us > now_us ? bucket->full_at_us : now_us) + rate->interval_us;
    int64_t early_us = full_at_us - rate->burst_us - now_us;
    if (early_us <= 0)
        bucket->full_at_us = full_at_us;
    pthread_mutex_unlock(shard);

    if (early_us <= 0)
        return true;
    *retry_after_s = (int)((early_us + 999999) / 1000000);
    return false;
}

bool rate_take(struct rate *rate, struct str key, int *retry_after_s)
{
    return rate_take_at(rate, key, clock_monotonic_us(), retry_after_s);
}
