/* cache.h - small values under a name, for a while, in fixed memory.
 *
 *     struct cache *cache = cache_new(65536, sizeof(struct principal));
 *     struct principal who;
 *     if (!cache_get(cache, token, &who)) {
 *         uint64_t epoch = cache_epoch(cache);      // before the truth is read
 *         ... read `who` from the database ...
 *         cache_put(cache, token, &who, 5000, epoch);
 *     }
 *     ... a role changes, the transaction commits ...
 *     cache_clear(cache);                           // nobody keeps the old rights
 *
 * A cache may forget anything at any time, and an answer of it is never newer than the truth. The epoch closes the gap
 * in which one thread has read the old truth, another changes it and clears the cache, and the first then stores what
 * it read: a value put with an epoch older than the last cache_clear is dropped.
 *
 * Values are plain bytes of one size, without pointers, so that another store (shared by several processes) can stand
 * behind the same face. Keys may be secrets: only a keyed hash of them is kept. Thread-safe; a full cache forgets what
 * expires first.
 */
#ifndef ROENTGEN_KV_CACHE_H
#define ROENTGEN_KV_CACHE_H

#include "base/str.h"

struct cache;

enum { CACHE_VALUE_MAX = 4096 };

struct cache *cache_new(int max_entries, ptrdiff_t value_bytes); /* at least 1; value_bytes up to CACHE_VALUE_MAX */
void cache_free(struct cache *cache);                            /* takes NULL */

/* False: not there, or expired. *value is then untouched. */
bool cache_get(struct cache *cache, struct str key, void *value);
uint64_t cache_epoch(struct cache *cache);
void cache_put(struct cache *cache, struct str key, const void *value, int64_t ttl_ms, uint64_t epoch);
void cache_clear(struct cache *cache);

struct cache_stats {
    int64_t hits, misses; /* since birth */
    int64_t capacity;
};
void cache_stats(struct cache *cache, struct cache_stats *out);

#endif
