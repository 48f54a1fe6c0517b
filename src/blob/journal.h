/* journal.h - small files made durable together: one flush for all that wait, instead of two for each. Private to
 * blob/.
 *
 *     journal_put(journal, key, bytes, error)
 *       1  append the record (key, bytes, checksum) to the open segment      in the page cache: survives a kill
 *       2  create and write the file under its own name                      readable, in the page cache as well
 *       3  fdatasync of the segment, shared by all that wait                 survives a power cut
 *
 *   tmp/journal+UUID    a segment: preallocated, filled from its beginning, used again
 *
 *     | record | record | record |  what an earlier use left, of an older generation: ignored  |
 *
 *     record   mark  kind  generation  number  key length  payload length  checksum | key | payload | filled to 16
 *     kind     PUT: this file has these bytes.  DROP: what was said of this key before is void (payload: none)
 *
 *   segment  OPEN --full, or a second without an append--> SEALED --syncfs: its files are durable--> FREE --> OPEN
 *
 * Segments belong to the process that made them, which holds an exclusive flock on each. Those of a dead process are
 * replayed by whoever opens the store next (replay.c): a file that is missing or has other bytes is written again. They
 * then stand as claims until blob_claims has asked about every key in them. A torn or damaged record ends its segment:
 * nothing after it was acknowledged, because a flush covers all that was appended before it.
 *
 * After a failed flush nobody knows what is on the disk, and asking again may well answer yes: so all that wait fail,
 * and the store takes no more bytes until it is opened anew (and replayed). The segments stay for that.
 */
#ifndef ROENTGEN_BLOB_JOURNAL_H
#define ROENTGEN_BLOB_JOURNAL_H

#include "blob/store.h"

#include "base/crypto.h"

#include <sys/uio.h>

#define JOURNAL_PREFIX "journal+"
enum {
    JOURNAL_SEGMENT_BYTES = 32 << 20,
    JOURNAL_SEGMENTS_MAX = 4,
    JOURNAL_PAYLOAD_MAX = 1 << 20, /* larger files cost more to write twice than a flush of their own */
    JOURNAL_ALIGN = 16,
};

enum journal_kind { JOURNAL_PUT = 1, JOURNAL_DROP = 2 };

struct journal_record {
    uint32_t mark;
    uint32_t kind;
    uint64_t generation; /* of the segment: another each time it is used */
    uint64_t number;     /* later records have higher ones: microseconds since 1970, or one more than the last */
    uint64_t key_len;
    uint64_t payload_len;
    uint64_t sum; /* of all before it, the key and the payload */
};
#define JOURNAL_MARK 0x4a524f45u

/* Detects torn and rotten records, not attackers. `sum` is the result for the bytes before. */
uint64_t journal_sum(uint64_t sum, const void *bytes, ptrdiff_t len);
uint64_t journal_record_sum(const struct journal_record *record, const char *key, const char *payload);
/* All of the parts (which it changes) behind each other; false: errno says why. */
bool journal_write(int fd, struct iovec *parts, int count, int64_t offset);
/* Bytes a record takes in a segment. */
ptrdiff_t journal_record_bytes(ptrdiff_t key_len, ptrdiff_t payload_len);

enum journal_result {
    JOURNAL_DONE,
    JOURNAL_FAILED, /* the error says why; there is no file of this name from here */
    JOURNAL_UNABLE, /* too large, or no room for a segment: the file has to be made durable on its own */
};

struct journal *journal_new(struct blob_store *store); /* nothing is made on the disk before the first file */
/* Makes the files durable and removes the segments, unless the journal has failed; takes NULL. */
void journal_free(struct journal *journal);
enum {
    JOURNAL_CLAIMED = 1, /* the record stays until journal_release, as the claim on the key */
    JOURNAL_LATER = 2    /* durable only after journal_flush; a thread of the journal begins with it at once */
};
enum journal_result journal_put(struct journal *journal, const struct blob_key *key, struct str bytes, unsigned how,
                                struct error *error);
bool journal_flush(struct journal *journal, struct error *error);          /* all that was put */
bool journal_release(struct journal *journal, const struct blob_key *key); /* false: it has no claim on it */
/* The file is gone, or durable by itself: a replay shall not bring back what the journal said of it. Not flushed. */
void journal_drop(struct journal *journal, const struct blob_key *key);
/* E_UNAVAILABLE once a flush has failed. */
bool journal_works(struct journal *journal, struct error *error);
/* The folder is another one than before (find_root_again): the segments went with the old one. */
void journal_forget(struct journal *journal);
/* Until all that was put is durable without the journal. */
bool journal_settle(struct journal *journal, struct error *error);
void journal_count(struct journal *journal, struct blob_counts *out);

/* segment.c: a new segment, with its lock, durable under the name that is written to `name`; -1: there is no room, or
 * the like. */
enum { JOURNAL_NAME_BYTES = sizeof(BLOB_TEMPORARY "/" JOURNAL_PREFIX) + UUID_TEXT };
int journal_make_segment(struct blob_store *store, char name[JOURNAL_NAME_BYTES]);

/* replay.c */
bool journal_replay(struct blob_store *store, struct error *error);
/* blob_claims for the keys in the segments of dead processes; a segment goes once `each` has agreed to all of it. */
bool journal_claims(struct blob_store *store, bool (*each)(void *context, struct str key), void *context,
                    struct error *error);

#endif
