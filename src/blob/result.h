/* result.h - results that can be made again at any time (rendered pictures), kept in bounded memory and on bounded
 * disk.
 *
 *     struct result_key key;
 *     result_key(&key, file.sha256, recipe);             // what it is made from, and how
 *     if (!result_get(results, &key, RESULT_ANYWHERE, arena, &bytes)) {
 *         ... make it ...
 *         result_put(results, &key, bytes);
 *     }
 *
 *   memory   hash table + list, most recently used first         forgets the last when it is full
 *   disk     ROOT/ab/abcd...(sha256)-RECIPE, [check][bytes]      a thread removes the oldest when it is full
 *
 * Content-addressed: a key always stands for the same bytes, so nothing ever has to be invalidated; result_forget is
 * for content that is purged. Files are not synced: one that a crash has damaged does not match its check and counts as
 * absent. Thread-safe.
 */
#ifndef ROENTGEN_BLOB_RESULT_H
#define ROENTGEN_BLOB_RESULT_H

#include "base/crypto.h"

struct results;

enum { RECIPE_TEXT = 32 };
struct result_key {
    char content[SHA256_TEXT + 1]; /* SHA-256 of the file, hex */
    char recipe[RECIPE_TEXT + 1];  /* hash of the parameters, hex */
};
/* `content`: 64 hexadecimal digits. */
void result_key(struct result_key *key, struct str content, struct str recipe);

/* `directory` is made when absent. disk_bytes 0: memory alone; memory_bytes 0: disk alone. */
bool results_open(const char *directory, int64_t memory_bytes, int64_t disk_bytes, struct results **out,
                  struct error *error);
void results_close(struct results *results); /* takes NULL */

enum result_where { RESULT_IN_MEMORY /* never blocks */, RESULT_ANYWHERE };
/* Copied into the arena. False: not there. */
bool result_get(struct results *results, const struct result_key *key, enum result_where where, struct arena *arena,
                struct str *bytes);
void result_put(struct results *results, const struct result_key *key, struct str bytes);
/* Removes all results of this content, in memory and on disk. */
void result_forget(struct results *results, struct str content);

struct result_stats {
    int64_t memory_hits, disk_hits, misses, memory_bytes, disk_bytes;
};
void results_stats(struct results *results, struct result_stats *out);

#endif
