/* cache.c - the cache in this process's memory.
 *
 *   shard: mutex, hits, misses
 *     set: WAYS entries, each [hash of the key, when it expires] + value bytes
 *
 * A key belongs to one set and may take any place in it. An entry that expired is a free place.
 */
#include "kv/cache.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "kv/siphash.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WAYS = 8, SHARDS = 16 };

struct entry {
    struct sip_hash key;
    int64_t expires_us; /* by clock_monotonic_us; 0: free */
};

struct shard {
    pthread_mutex_t lock;
    int64_t hits, misses;
};

struct cache {
    struct sip_key secret;
    uint64_t sets; /* a multiple of SHARDS */
    size_t value_bytes;
    struct entry *entries;
    char *values; /* entries' values, in the same order */
    _Atomic uint64_t epoch;
    struct shard shards[SHARDS];
};

struct cache *cache_new(int max_entries, ptrdiff_t value_bytes)
{
    assert(max_entries >= 1 && value_bytes >= 1 && value_bytes <= CACHE_VALUE_MAX);
    struct cache *cache = calloc(1, sizeof(*cache));
    assert(cache);
    crypto_random(&cache->secret, (ptrdiff_t)sizeof(cache->secret));
    uint64_t sets = ((uint64_t)max_entries + WAYS - 1) / WAYS;
    cache->sets = (sets + SHARDS - 1) / SHARDS * SHARDS;
    cache->value_bytes = (size_t)value_bytes;
    cache->entries = calloc(cache->sets * WAYS, sizeof(*cache->entries));
    cache->values = calloc(cache->sets * WAYS, cache->value_bytes);
    assert(cache->entries && cache->values);
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&cache->shards[i].lock);
    free(cache->entries);
    free(cache->values);
    free(cache);
}

/* Where a key lives: locked by cache_lock, so that everything about its set may be read and written. */
struct place {
    struct shard *shard;
    uint64_t first; /* entry of the set */
    struct sip_hash key;
};

static struct place cache_lock(struct cache *cache, struct str key)
{
    struct sip_hash hash = siphash(cache->secret, key);
    uint64_t set = hash.a % cache->sets;
    struct place place = { &cache->shards[set % SHARDS], set * WAYS, hash };
    pthread_mutex_lock(&place.shard->lock);
    return place;
}

/* The entry that holds the key, if only an expired one; NULL when there is none. */
static struct entry *find(struct cache *cache, const struct place *place)
{
    for (uint64_t i = place->first; i < place->first + WAYS; i++)
        if (cache->entries[i].key.a == place->key.a && cache->entries[i].key.b == place->key.b)
            return &cache->entries[i];
    return NULL;
}

static struct entry *first_to_expire(struct cache *cache, const struct place *place)
{
    struct entry *first = &cache->entries[place->first];
    for (uint64_t i = place->first + 1; i < place->first + WAYS; i++)
        if (cache->entries[i].expires_us < first->expires_us)
            first = &cache->entries[i];
    return first;
}

static char *value_of(struct cache *cache, const struct entry *entry)
{
    return cache->values + (size_t)(entry - cache->entries) * cache->value_bytes;
}

bool cache_get(struct cache *cache, struct str key, void *value)
{
    int64_t now_us = clock_monotonic_us();
    struct place place = cache_lock(cache, key);
    const struct entry *entry = find(cache, &place);
    bool found = entry && entry->expires_us > now_us;
    if (found) {
        memcpy(value, value_of(cache, entry), cache->value_bytes);
        place.shard->hits++;
    } else {
        place.shard->misses++;
    }
    pthread_mutex_unlock(&place.shard->lock);
    return found;
}

uint64_t cache_epoch(struct cache *cache)
{
    return atomic_load(&cache->epoch);
}

void cache_put(struct cache *cache, struct str key, const void *value, int64_t ttl_ms, uint64_t epoch)
{
    int64_t expires_us = clock_monotonic_us() + ttl_ms * 1000;
    struct place place = cache_lock(cache, key);
    /* Asked under the lock: a clearing that starts later waits for the lock and then takes this entry too. */
    if (ttl_ms > 0 && atomic_load(&cache->epoch) == epoch) {
        struct entry *entry = find(cache, &place);
        if (!entry)
            entry = first_to_expire(cache, &place);
        *entry = (struct entry){ place.key, expires_us };
        memcpy(value_of(cache, entry), value, cache->value_bytes);
    }
    pthread_mutex_unlock(&place.shard->lock);
}

void cache_clear(struct cache *cache)
{
    atomic_fetch_add(&cache->epoch, 1);
    for (uint64_t shard = 0; shard < SHARDS; shard++) {
        pthread_mutex_lock(&cache->shards[shard].lock);
        for (uint64_t set = shard; set < cache->sets; set += SHARDS)
            for (uint64_t i = set * WAYS; i < (set + 1) * WAYS; i++)
                cache->entries[i].expires_us = 0;
        pthread_mutex_unlock(&cache->shards[shard].lock);
    }
}

void cache_stats(struct cache *cache, struct cache_stats *out)
{
    *out = (struct cache_stats){ .capacity = (int64_t)cache->sets * WAYS };
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        out->hits += cache->shards[i].hits;
        out->misses += cache->shards[i].misses;
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
}
