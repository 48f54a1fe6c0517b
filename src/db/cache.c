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

static struct statement **bucket(struct statements *kept, uint64_t hash)
{
    return &kept->buckets[hash & (STATEMENT_BUCKETS - 1)];
}

static void unlink_use(struct statements *kept, struct statement *statement)
{
    if (statement->newer)
        statement->newer->older = statement->older;
    else
        kept->newest = statement->older;
    if (statement->older)
        statement->older->newer = statement->newer;
    else
        kept->oldest = statement->newer;
    statement->newer = statement->older = NULL;
}

static void link_newest(struct statements *kept, struct statement *statement)
{
    statement->older = kept->newest;
    statement->newer = NULL;
    if (kept->newest)
        kept->newest->newer = statement;
    else
        kept->oldest = statement;
    kept->newest = statement;
}

static bool same(const struct statement *statement, const struct statement_key *key, uint64_t hash)
{
    return statement->hash == hash && statement->key.verb == key->verb && statement->key.schema == key->schema &&
           statement->key.mask == key->mask && str_equal(statement->key.text, key->text);
}

/* NULL with *taken when it is there but a cursor is on it: the caller then prepares one for this use only. */
struct statement *statements_find(struct statements *kept, const struct statement_key *key, uint64_t hash, bool *taken)
{
    *taken = false;
    for (struct statement *s = *bucket(kept, hash); s; s = s->chain) {
        if (!same(s, key, hash))
            continue;
        if (s->open) {
            *taken = true;
            return NULL;
        }
        if (s != kept->newest) {
            unlink_use(kept, s);
            link_newest(kept, s);
        }
        return s;
    }
    return NULL;
}

void statements_remove(struct statements *kept, struct statement *statement)
{
    assert(statement->cached);
    struct statement **at = bucket(kept, statement->hash);
    while (*at != statement)
        at = &(*at)->chain;
    *at = statement->chain;
    unlink_use(kept, statement);
    statement->cached = false;
    kept->count--;
}

void statements_add(struct db_connection *connection, struct statement *statement)
{
    struct statements *kept = &connection->kept;
    if (kept->count >= STATEMENTS_MAX) {
        struct statement *victim = kept->oldest;
        while (victim && victim->open)
            victim = victim->newer;
        if (!victim)
            return; /* all in use: this one stays outside */
        statements_remove(kept, victim);
        statement_free(victim);
    }
    struct statement **at = bucket(kept, statement->hash);
    statement->chain = *at;
    *at = statement;
    link_newest(kept, statement);
    statement->cached = true;
    kept->count++;
}

void statements_release(struct db_connection *connection)
{
    connection_close_statements(connection);
    while (connection->kept.oldest) {
        struct statement *statement = connection->kept.oldest;
        statements_remove(&connection->kept, statement);
        statement_free(statement);
    }
}
