/* cache.h - small values under a name, for a while, in fixed memory.
 *
 *     struct cache *cache = cache_new(65536, sizeof(struct principal));
 *     struct principal who;
 *     uint64_t epoch = cache_epoch(cache);              // before the truth is read
 *     if (!cache_get(cache, token, epoch, &who)) {
 *         ... read `who` from the database ...
 *         cache_put(cache, token, epoch, &who, 5000);
 *     }
 *     ... a role changes, the transaction commits ...
 *     cache_clear(cache);                               // nobody keeps the old rights
 *
 * A cache may forget anything at any time, and an answer of it is never newer than the truth. Every value is of an
 * epoch; cache_clear begins another. So it does not matter that one thread has read the old truth, another changes it
 * and clears the cache, and the first then stores what it read: nobody asks for that epoch any more.
 *
 * Several servers of one database clear their caches together when each shares the epoch (cache_share). Then it rests
 * in Redis, each cache_epoch reads it there, and once cache_clear has returned no server finds what was put before.
 * While Redis is away nobody can know whether something has changed elsewhere: the epoch is CACHE_BLIND, with which
 * nothing is found or kept, and the truth is read each time. The epoch is a random word, not a number, and each time
 * that Redis was lost begins another, so that one that was started anew, or a replica that took over and has missed
 * something, brings no old epoch back. What another server clears while it alone cannot reach Redis is not heard of
 * until it can again, which is what the values' time to live is for.
 *
 * Values are plain bytes of one size, without pointers. Keys may be secrets: only a keyed hash of them is kept.
 * Thread-safe; a full cache forgets what expires first.
 */
#ifndef ROENTGEN_KV_CACHE_H
#define ROENTGEN_KV_CACHE_H

#include "base/str.h"

struct cache;
struct key;
struct redis;

enum { CACHE_BLIND = 0 }; /* an epoch of which nothing is kept */
enum { CACHE_VALUE_MAX = 4096 };

struct cache *cache_new(int max_entries, ptrdiff_t value_bytes); /* at least 1; value_bytes up to CACHE_VALUE_MAX */
void cache_free(struct cache *cache);                            /* takes NULL */

/* Before it is used. `table`: as of rate_share. */
void cache_share(struct cache *cache, struct redis *redis, const char *table, const struct key *secret);

uint64_t cache_epoch(struct cache *cache);
/* False: not there, or expired. *value is then untouched. */
bool cache_get(struct cache *cache, struct str key, uint64_t epoch, void *value);
void cache_put(struct cache *cache, struct str key, uint64_t epoch, const void *value, int64_t ttl_ms);
void cache_clear(struct cache *cache);

struct cache_stats {
    int64_t hits, misses; /* since birth */
    int64_t capacity;
};
void cache_stats(struct cache *cache, struct cache_stats *out);

#endif
