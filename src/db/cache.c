/* cache.c - prepared statements of one connection, found by what they say. */
#include "db/driver.h"

#include <assert.h>

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

/* Eight bytes at a time: list queries are a kilobyte long and are looked up for every request. */
uint64_t statement_hash(const struct statement_key *key)
{
    uint64_t hash = mix((uint64_t)key->verb + 1, (uint64_t)(uintptr_t)key->schema);
    hash = mix(hash, key->mask);
    const char *at = key->text.at;
    ptrdiff_t left = key->text.len;
    uint64_t word;
    for (; left >= (ptrdiff_t)sizeof(word); left -= (ptrdiff_t)sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = mix(hash, word);
    }
    word = (uint64_t)key->text.len << 56;
    if (left > 0)
        memcpy(&word, at, (size_t)left);
    return mix(hash, word);
}

static struct statement **bucket(struct cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (STATEMENT_BUCKETS - 1)];
}

static void unlink_use(struct cache *cache, struct statement *statement)
{
    if (statement->newer)
        statement->newer->older = statement->older;
    else
        cache->newest = statement->older;
    if (statement->older)
        statement->older->newer = statement->newer;
    else
        cache->oldest = statement->newer;
    statement->newer = statement->older = NULL;
}

static void link_newest(struct cache *cache, struct statement *statement)
{
    statement->older = cache->newest;
    statement->newer = NULL;
    if (cache->newest)
        cache->newest->newer = statement;
    else
        cache->oldest = statement;
    cache->newest = statement;
}

static bool same(const struct statement *statement, const struct statement_key *key, uint64_t hash)
{
    return statement->hash == hash && statement->key.verb == key->verb && statement->key.schema == key->schema &&
           statement->key.mask == key->mask && str_equal(statement->key.text, key->text);
}

/* NULL with *taken when it is there but a cursor is on it: the caller then prepares one for this use only. */
struct statement *statements_find(struct cache *cache, const struct statement_key *key, uint64_t hash, bool *taken)
{
    *taken = false;
    for (struct statement *s = *bucket(cache, hash); s; s = s->chain) {
        if (!same(s, key, hash))
            continue;
        if (s->open) {
            *taken = true;
            return NULL;
        }
        if (s != cache->newest) {
            unlink_use(cache, s);
            link_newest(cache, s);
        }
        return s;
    }
    return NULL;
}

void statements_remove(struct cache *cache, struct statement *statement)
{
    assert(statement->cached);
    struct statement **at = bucket(cache, statement->hash);
    while (*at != statement)
        at = &(*at)->chain;
    *at = statement->chain;
    unlink_use(cache, statement);
    statement->cached = false;
    cache->count--;
}

void statements_add(struct db_connection *connection, struct statement *statement)
{
    struct cache *cache = &connection->cache;
    if (cache->count >= STATEMENTS_MAX) {
        struct statement *victim = cache->oldest;
        while (victim && victim->open)
            victim = victim->newer;
        if (!victim)
            return; /* all in use: this one stays outside */
        statements_remove(cache, victim);
        statement_free(victim);
    }
    struct statement **at = bucket(cache, statement->hash);
    statement->chain = *at;
    *at = statement;
    link_newest(cache, statement);
    statement->cached = true;
    cache->count++;
}

void statements_release(struct db_connection *connection)
{
    connection_close_statements(connection);
    while (connection->cache.oldest) {
        struct statement *statement = connection->cache.oldest;
        statements_remove(&connection->cache, statement);
        statement_free(statement);
    }
}
