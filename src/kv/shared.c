/* shared.c - see shared.h. */
#include "kv/shared.h"

#include <assert.h>

struct shared shared_with(struct redis *redis, const char *table, const struct key *secret, struct sip_key *out)
{
    struct key own;
    assert(strlen(table) < SHARED_KEY_MAX - 44);
    crypto_derive((struct str){ (const char *)secret->bytes, KEY_BYTES }, table, &own);
    memcpy(out, own.bytes, sizeof(*out));
    return (struct shared){ redis, table };
}

struct str shared_key(const struct shared *shared, struct sip_hash hash, char out[SHARED_KEY_MAX])
{
    int len = snprintf(out, SHARED_KEY_MAX, "roentgen:%s:%016llx%016llx", shared->table, (unsigned long long)hash.a,
                       (unsigned long long)hash.b);
    return (struct str){ out, len };
}

bool shared_run(const struct shared *shared, const struct redis_script *script, const struct str *words, int word_count,
                int64_t *out, int count)
{
    struct arena arena;
    struct redis_reply reply;
    struct error error = { 0 };
    if (!shared->redis)
        return false;
    arena_init(&arena);
    bool ok = redis_run(shared->redis, script, words, word_count, &arena, &reply, &error) && reply.type == REDIS_LIST &&
              reply.count == count;
    for (int i = 0; ok && i < count; i++) {
        ok = reply.items[i].type == REDIS_INTEGER;
        out[i] = reply.items[i].integer;
    }
    arena_release(&arena);
    return ok;
}
