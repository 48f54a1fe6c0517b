/* result_parts.h - private to blob/: the two halves of result.h. */
#ifndef ROENTGEN_BLOB_RESULT_PARTS_H
#define ROENTGEN_BLOB_RESULT_PARTS_H

#include "blob/result.h"

/* ---- result_memory.c ---- */
struct result_memory;
struct result_memory *result_memory_new(int64_t max_bytes);
void result_memory_free(struct result_memory *memory);
bool result_memory_get(struct result_memory *memory, const struct result_key *key, struct arena *arena,
                       struct str *bytes);
void result_memory_put(struct result_memory *memory, const struct result_key *key, struct str bytes);
void result_memory_forget(struct result_memory *memory, struct str content);
int64_t result_memory_bytes(struct result_memory *memory);

/* ---- result_disk.c ---- */
struct result_disk;
bool result_disk_open(const char *directory, int64_t max_bytes, struct result_disk **out, struct error *error);
void result_disk_close(struct result_disk *disk);
bool result_disk_get(struct result_disk *disk, const struct result_key *key, struct arena *arena, struct str *bytes);
void result_disk_put(struct result_disk *disk, const struct result_key *key, struct str bytes);
void result_disk_forget(struct result_disk *disk, struct str content);
int64_t result_disk_bytes(struct result_disk *disk);

#endif
