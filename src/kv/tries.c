/* tries.c - sets of WAYS counters; a key belongs to one set, in which it may have any place. */
#include "kv/tries.h"

#include "base/crypto.h"
#include "kv/siphash.h"

#include <assert.h>
#include <pthread.h>

enum { WAYS = 8, SHARDS = 16 };

struct counter {
    struct sip_hash key;
    int64_t failures, last_us, until_us; /* until_us 0: not locked */
};

struct tries {
    struct sip_key secret;
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

static struct place place_lock(struct tries *tries, struct str key)
{
    struct sip_hash hash = siphash(tries->secret, key);
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

/* ---- */

int64_t tries_locked_until(struct tries *tries, struct str key, int64_t now_us, int64_t forgiven_us)
{
    struct place place = place_lock(tries, key);
    const struct counter *counter = find(&place, now_us, forgiven_us);
    int64_t until_us = counter ? counter->until_us : 0;
    pthread_mutex_unlock(place.lock);
    return until_us;
}

int64_t tries_fail(struct tries *tries, struct str key, const struct tries_rule *rule, int64_t now_us,
                   int64_t forgiven_us, bool *begins)
{
    struct place place = place_lock(tries, key);
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

void tries_forget(struct tries *tries, struct str key)
{
    struct place place = place_lock(tries, key);
    struct counter *counter = find(&place, INT64_MIN, INT64_MIN);
    if (counter)
        *counter = (struct counter){ 0 };
    pthread_mutex_unlock(place.lock);
}

void tries_lock(struct tries *tries, struct str key, int64_t since_us, int64_t until_us)
{
    struct place place = place_lock(tries, key);
    struct counter *counter = find(&place, INT64_MIN, INT64_MIN);
    if (!counter)
        counter = least(&place);
    *counter = (struct counter){ place.key, INT32_MAX, since_us, until_us };
    pthread_mutex_unlock(place.lock);
}
