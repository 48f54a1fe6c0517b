/* shared.h - what the tables of kv/ keep in Redis, so that several servers have one. Private to kv/.
 *
 * Each table works in memory. One that is shared asks Redis first, and goes by its memory while Redis is away. Keys are
 * hashed with a secret that servers of one SECRET_KEY have in common: no name, address or token rests in Redis, and
 * installations that share a Redis do not meet.
 *
 *     roentgen:TABLE:0123456789abcdef0123456789abcdef
 */
#ifndef ROENTGEN_KV_SHARED_H
#define ROENTGEN_KV_SHARED_H

#include "base/crypto.h"
#include "kv/redis.h"
#include "kv/siphash.h"

struct shared {
    struct redis *redis; /* NULL: memory alone */
    const char *table;
};
enum { SHARED_KEY_MAX = 64 };

struct shared shared_with(struct redis *redis, const char *table, const struct key *secret, struct sip_key *out);
struct str shared_key(const struct shared *shared, struct sip_hash hash, char out[SHARED_KEY_MAX]);
/* The script's answer: `count` integers. False: Redis is away, or answers something else. */
bool shared_run(const struct shared *shared, const struct redis_script *script, const struct str *words, int word_count,
                int64_t *out, int count);

#endif
