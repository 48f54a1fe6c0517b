/* cache.c - the cache in this process's memory.
 *
 *   shard: mutex, hits, misses
 *     set: WAYS entries, each [hash of the key, epoch, when it expires] + value bytes
 *
 * A key belongs to one set and may take any place in it. An entry that expired is a free place.
 */
#include "kv/cache.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "kv/shared.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WAYS = 8, SHARDS = 16 };

struct entry {
    struct sip_hash key;
    uint64_t epoch;
    int64_t expires_us; /* by clock_monotonic_us; 0: free */
};

struct shard {
    pthread_mutex_t lock;
    int64_t hits, misses;
};

struct cache {
    struct sip_key secret;
    struct shared shared;
    char shared_epoch[SHARED_KEY_MAX]; /* its key */
    uint64_t sets;                     /* a multiple of SHARDS */
    size_t value_bytes;
    struct entry *entries;
    char *values;             /* entries' values, in the same order */
    _Atomic uint64_t cleared; /* how often it was cleared here, plus one */
    _Atomic uint64_t told;    /* up to which of those the others know */
    struct shard shards[SHARDS];
};

struct cache *cache_new(int max_entries, ptrdiff_t value_bytes)
{
    assert(max_entries >= 1 && value_bytes >= 1 && value_bytes <= CACHE_VALUE_MAX);
    struct cache *cache = calloc(1, sizeof(*cache));
    assert(cache);
    atomic_init(&cache->cleared, 1);
    atomic_init(&cache->told, 1);
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

bool cache_get(struct cache *cache, struct str key, uint64_t epoch, void *value)
{
    int64_t now_us = clock_monotonic_us();
    struct place place = cache_lock(cache, key);
    const struct entry *entry = find(cache, &place);
    bool found = entry && entry->expires_us > now_us && entry->epoch == epoch && epoch != CACHE_BLIND;
    if (found) {
        memcpy(value, value_of(cache, entry), cache->value_bytes);
        place.shard->hits++;
    } else {
        place.shard->misses++;
    }
    pthread_mutex_unlock(&place.shard->lock);
    return found;
}

void cache_put(struct cache *cache, struct str key, uint64_t epoch, const void *value, int64_t ttl_ms)
{
    if (ttl_ms <= 0 || epoch == CACHE_BLIND)
        return;
    int64_t expires_us = clock_monotonic_us() + ttl_ms * 1000;
    struct place place = cache_lock(cache, key);
    struct entry *entry = find(cache, &place);
    if (!entry)
        entry = first_to_expire(cache, &place);
    *entry = (struct entry){ place.key, epoch, expires_us };
    memcpy(value_of(cache, entry), value, cache->value_bytes);
    pthread_mutex_unlock(&place.shard->lock);
}

/* ---- epochs ---- */

void cache_share(struct cache *cache, struct redis *redis, const char *table, const struct key *secret)
{
    cache->shared = shared_with(redis, table, secret, &cache->secret);
    shared_key(&cache->shared, siphash(cache->secret, S("epoch")), cache->shared_epoch);
}

/* The others are to know of all clearings up to this one. */
static bool tell(struct cache *cache, uint64_t cleared, struct arena *arena)
{
    struct redis_reply reply;
    struct str words[] = { S("set"), str_from(cache->shared_epoch), crypto_token(arena, 16) };
    if (!redis_ask(cache->shared.redis, words, 3, arena, &reply, &(struct error){ 0 }))
        return false;
    uint64_t told = atomic_load(&cache->told);
    while (told < cleared && !atomic_compare_exchange_weak(&cache->told, &told, cleared))
        ;
    return true;
}

/* Redis' word for it; whoever finds none makes one. */
static bool read_word(struct cache *cache, struct arena *arena, struct str *word)
{
    struct redis_reply reply = { 0 };
    struct str key = str_from(cache->shared_epoch);
    struct str get[] = { S("get"), key }, make[] = { S("set"), key, crypto_token(arena, 16), S("nx") };
    struct error error = { 0 };
    bool ok = redis_ask(cache->shared.redis, get, 2, arena, &reply, &error);
    if (ok && reply.type == REDIS_NIL)
        ok = redis_ask(cache->shared.redis, make, 4, arena, &reply, &error) &&
             redis_ask(cache->shared.redis, get, 2, arena, &reply, &error);
    *word = reply.text;
    return ok && reply.type == REDIS_TEXT;
}

/* All that makes it another one, as a number that will not come again. */
static uint64_t read_shared(struct cache *cache, uint64_t cleared, struct arena *arena)
{
    uint64_t times = redis_generation(cache->shared.redis);
    struct str word;
    if ((atomic_load(&cache->told) < cleared && !tell(cache, cleared, arena)) || !read_word(cache, arena, &word) ||
        redis_generation(cache->shared.redis) != times)
        return CACHE_BLIND;
    struct str all = arena_format(arena, "%" PRIu64 " %" PRIu64 " %.*s", cleared, times, STR_FMT(word));
    uint64_t epoch = siphash(cache->secret, all).a;
    return epoch == CACHE_BLIND ? 1 : epoch;
}

uint64_t cache_epoch(struct cache *cache)
{
    uint64_t cleared = atomic_load(&cache->cleared);
    if (!cache->shared.redis)
        return cleared;
    struct arena arena;
    arena_init(&arena);
    uint64_t epoch = read_shared(cache, cleared, &arena);
    arena_release(&arena);
    return epoch;
}

void cache_clear(struct cache *cache)
{
    uint64_t cleared = atomic_fetch_add(&cache->cleared, 1) + 1;
    if (!cache->shared.redis)
        return;
    struct arena arena;
    arena_init(&arena);
    tell(cache, cleared, &arena); /* else whoever asks next here, once Redis is back */
    arena_release(&arena);
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
