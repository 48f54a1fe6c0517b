/* store.h - what the files of this folder share: the store itself and its directories. Private to blob/.
 *
 *   ROOT/            root_fd; everything below is reached from it, so that nothing outside can be named
 *     installation   mark.c
 *     tmp/UUID       being written; swept at start
 *     tmp/claim+KEY  claim.c
 *     tmp/journal+UUID   journal.h
 *     aa/bb/...      keys
 */
#ifndef ROENTGEN_BLOB_STORE_H
#define ROENTGEN_BLOB_STORE_H

#include "blob/blob.h"

#include <pthread.h>
#include <sys/types.h>

enum { BLOB_KEY_MAX = 200, BLOB_DIRECTORIES_KNOWN = 1024 };
#define BLOB_TEMPORARY "tmp"

struct journal;

struct blob_store {
    char *root;
    int root_fd;
    int serving_fd; /* -1, or what blob_serve holds */
    dev_t device;   /* the file system it was on at the start */
    /* Directories are made, and found durable, one at a time. */
    pthread_mutex_t making;
    uint64_t durable[BLOB_DIRECTORIES_KNOWN]; /* sums of the names of directories; under `making` */
    struct journal *journal;
    int64_t reserve_bytes;      /* of the disk, which stay free */
    _Atomic int64_t held_bytes; /* of files that are being written, in memory */
};

struct blob_key {
    char text[BLOB_KEY_MAX + 1];
};

/* The key as NUL-terminated text; E_INTERNAL when it is illegal, since keys are made by us. */
bool blob_key(struct str key, struct blob_key *out, struct error *error);
/* Makes the directories above `key`: durable, or (for what the journal covers) soon to be. */
bool blob_make_parents(struct blob_store *store, const struct blob_key *key, bool durable, struct error *error);
/* Makes the name of `key` (or its absence) durable. */
bool blob_sync_parent(struct blob_store *store, const struct blob_key *key, struct error *error);
/* Do so many bytes more leave the reserve free? Else E_STORAGE_FULL. Many who write at once may go below it by a
 * piece each. */
bool blob_has_room(struct blob_store *store, int64_t more_bytes, struct error *error);

#endif
