/* blob.h - where files rest. A small interface; local disk behind it (file://).
 *
 *     struct blob_writer *w;
 *     blob_create(store, &w, error)
 *     blob_write(w, bytes, error) ...                            // in memory, or past a size in a temporary file
 *     blob_commit(w, S("completed/ab/cd/abcd..."), error)    // survives a power cut
 *     ... the row that names it commits, or blob_remove ...
 *     blob_settle(store, S("completed/ab/cd/abcd..."))
 *
 * Small files become durable through a journal, in which all that are written at the same time share one flush
 * (journal.h); large ones with an fsync of their own, a rename, and an fsync of the directory. Either way the file is
 * there under its key when blob_commit returns. Once a flush of the journal has failed, the store takes no bytes
 * (E_UNAVAILABLE) until it is opened again.
 *
 * Keys are made by us: lower-case letters, digits, '/', '-', '_', '.', no "..", not below tmp/, at most 200 bytes;
 * others are refused. A key is relative; an image file's `storage_path` is one. Temporary files live in `tmp/` of the
 * same store; blob_sweep removes those a crash left. A folder that was lost and is there again is used again (by
 * blob_create), without a restart.
 */
#ifndef ROENTGEN_BLOB_H
#define ROENTGEN_BLOB_H

#include "base/clock.h"
#include "base/error.h"

struct blob_store;
struct blob_writer;

/* What the journal did: files it made durable, flushes for them, and how often their own names and bytes were synced
 * afterwards. */
struct blob_counts {
    int64_t files, flushes, settles;
};

/* file:///absolute or file://relative; makes directories. What the journal of a dead process says is made true
 * again. */
bool blob_open(struct str url, struct blob_store **out, struct error *error);
void blob_close(struct blob_store *store);
/* Takes no more bytes (E_STORAGE_FULL) once less than this is free on its disk, so that there is room for what must go
 * on when it is full: the database that lies beside it, and its rows of what is deleted. 0, as opened: up to the last
 * byte. */
void blob_reserve(struct blob_store *store, int64_t bytes);
void blob_count(struct blob_store *store, struct blob_counts *out);
/* Can files be written, and named in the folder `prefix` ("completed/") and the folders in it? Tries it, and leaves
 * nothing. */
bool blob_check(struct blob_store *store, struct str prefix, struct error *error);
/* Is the folder itself there? Of one that is not (unmounted, say) nothing is known of any file. */
bool blob_is_there(struct blob_store *store);
const char *blob_root(const struct blob_store *store);
bool blob_key_is_legal(struct str key);

bool blob_create(struct blob_store *store, struct blob_writer **out, struct error *error);
bool blob_write(struct blob_writer *writer, struct str bytes, struct error *error);
bool blob_write_at(struct blob_writer *writer, int64_t offset, struct str bytes, struct error *error);
/* To read back what was written so far; the position is its beginning until somebody reads. */
int blob_writer_fd(struct blob_writer *writer);
/* The same without a file, where it is small enough to be in memory; else null. Until the next blob_write. */
struct str blob_writer_bytes(const struct blob_writer *writer);
/* Durable and named `key`; an existing file of that key is E_CONFLICT. Frees the writer either way. */
bool blob_commit(struct blob_writer *writer, struct str key, struct error *error);
/* The same, in the place of whatever has that name; there is no moment without one or the other. A folder that has it
 * goes to aside/. */
bool blob_replace(struct blob_writer *writer, struct str key, struct error *error);
/* The same as blob_commit with a claim (below), which costs nothing where the journal takes the file, and durable only
 * once blob_flush has returned true: for many files and one flush. */
bool blob_place(struct blob_writer *writer, struct str key, struct error *error);
bool blob_flush(struct blob_store *store, struct error *error);
void blob_cancel(struct blob_writer *writer); /* removes the temporary file; takes NULL */

/* What is no file (a folder, a symbolic link, a pipe) is not there: E_NOT_FOUND. */
bool blob_open_read(struct blob_store *store, struct str key, int *fd, int64_t *size_bytes, struct error *error);
bool blob_exists(struct blob_store *store, struct str key);
/* Is what is open behind `fd` what has this name now? Bytes that are replaced are so by others under their name. */
bool blob_is_named(struct blob_store *store, struct str key, int fd);
/* Absent is fine, and so is a folder, which stays: it is none of ours. */
bool blob_remove(struct blob_store *store, struct str key, struct error *error);
bool blob_rename(struct blob_store *store, struct str from, struct str to, struct error *error);
/* A claim says that a row for `key` is about to be committed. It is made before blob_commit and settled once the row is
 * there (or the file is gone again); the claims found at a start tell which files a crash may have left without a row.
 * Not synced: after a power cut fsck finds such a file instead. */
bool blob_claim(struct blob_store *store, struct str key, struct error *error);
void blob_settle(struct blob_store *store, struct str key);
/* Nobody knows whether the row is there: the claim stays for the next start. */
void blob_leave(struct blob_store *store, struct str key);
/* Has any process a claim on it, or a journal that speaks of it? Then a row may be about to name it. Says yes too often
 * rather than too seldom; reads whole journals. */
bool blob_is_claimed(struct blob_store *store, struct str key);
/* Calls `each` with the key of every claim, and of every file that the journals of dead processes speak of, claimed or
 * not; where it returns true the claim is settled. */
bool blob_claims(struct blob_store *store, bool (*each)(void *context, struct str key), void *context,
                 struct error *error);

/* Is no other process using the store (flock on its root)? Then what lies about is nobody's work in progress, and it
 * stays so until blob_share. */
bool blob_alone(struct blob_store *store);
void blob_share(struct blob_store *store);

/* Whose store is it? Its mark, a line of text in the file ROOT/installation; "" when it has none. E_UNREADABLE: the
 * file says nothing. */
enum { BLOB_MARK_MAX = 63 };
bool blob_mark(struct blob_store *store, char out[BLOB_MARK_MAX + 1], struct error *error);
/* Durable when it returns true. E_CONFLICT: it has one. */
bool blob_set_mark(struct blob_store *store, struct str mark, struct error *error);
/* A server works on the store, which has a mark, until blob_close or the end of the process: `alone`, or beside others
 * that are not. E_CONFLICT: another does. Whoever else uses the store (commands, workers) asks nobody. Where the file
 * system knows no locks, nobody is kept away. */
bool blob_serve(struct blob_store *store, bool alone, struct error *error);

/* Temporary files older than `age_s`. Returns how many were removed. */
int blob_sweep(struct blob_store *store, int64_t age_s);
/* Every key under `prefix`, in no order; stops when `each` returns false. `changed`: when its bytes were written or it
 * got its name, the later. */
bool blob_walk(struct blob_store *store, struct str prefix,
               bool (*each)(void *context, struct str key, int64_t size_bytes, struct instant changed), void *context,
               struct error *error);
bool blob_space(struct blob_store *store, int64_t *free_bytes, int64_t *total_bytes, struct error *error);

#endif
