/* result.c - memory first, then disk. */
#include "blob/result.h"

#include "blob/result_parts.h"

#include <assert.h>
#include <stdatomic.h>

struct results {
    struct result_memory *memory; /* NULL: none */
    struct result_disk *disk;     /* NULL: none */
    _Atomic int64_t memory_hits, disk_hits, misses;
};

void result_key(struct result_key *key, struct str content, struct str recipe)
{
    unsigned char digest[SHA256_BYTES];
    assert(content.len == SHA256_TEXT);
    memcpy(key->content, content.at, SHA256_TEXT);
    key->content[SHA256_TEXT] = '\0';
    crypto_sha256(recipe, digest);
    crypto_hex_write(key->recipe, digest, RECIPE_TEXT / 2);
    key->recipe[RECIPE_TEXT] = '\0';
}

bool results_open(const char *directory, int64_t memory_bytes, int64_t disk_bytes, struct results **out,
                  struct error *error)
{
    struct results *results = calloc(1, sizeof(*results));
    if (!results)
        abort();
    if (disk_bytes > 0 && !result_disk_open(directory, disk_bytes, &results->disk, error)) {
        free(results);
        return false;
    }
    if (memory_bytes > 0)
        results->memory = result_memory_new(memory_bytes);
    *out = results;
    return true;
}

void results_close(struct results *results)
{
    if (!results)
        return;
    result_memory_free(results->memory);
    result_disk_close(results->disk);
    free(results);
}

bool result_get(struct results *results, const struct result_key *key, enum result_where where, struct arena *arena,
                struct str *bytes)
{
    if (results->memory && result_memory_get(results->memory, key, arena, bytes)) {
        atomic_fetch_add_explicit(&results->memory_hits, 1, memory_order_relaxed);
        return true;
    }
    if (where == RESULT_IN_MEMORY)
        return false;
    if (results->disk && result_disk_get(results->disk, key, arena, bytes)) {
        atomic_fetch_add_explicit(&results->disk_hits, 1, memory_order_relaxed);
        if (results->memory)
            result_memory_put(results->memory, key, *bytes);
        return true;
    }
    atomic_fetch_add_explicit(&results->misses, 1, memory_order_relaxed);
    return false;
}

void result_put(struct results *results, const struct result_key *key, struct str bytes)
{
    if (results->memory)
        result_memory_put(results->memory, key, bytes);
    if (results->disk)
        result_disk_put(results->disk, key, bytes);
}

void result_forget(struct results *results, struct str content)
{
    if (results->memory)
        result_memory_forget(results->memory, content);
    if (results->disk)
        result_disk_forget(results->disk, content);
}

void results_stats(struct results *results, struct result_stats *out)
{
    *out = (struct result_stats){
        .memory_hits = results->memory_hits,
        .disk_hits = results->disk_hits,
        .misses = results->misses,
        .memory_bytes = results->memory ? result_memory_bytes(results->memory) : 0,
        .disk_bytes = results->disk ? result_disk_bytes(results->disk) : 0,
    };
}
