/* upload_chunks.h - a file in pieces, in any order, in parallel, over days if need be.
 *
 *     chunked_begin     a row of image_files, status UPLOADING; its file_uuid is the upload_id
 *     chunked_keep n    chunk -> temporary file -> chunks/UUID/N.SHA256, synced -> row in upload_chunks
 *     chunked_complete  chunks -> one file, hashed on the way -> synced under its name -> row UPLOADED, chunk rows gone
 *                       (one commit)
 *     chunked_cancel    row and chunk rows gone (one commit), then the files
 *
 *     struct chunked_plan plan = { S("ct.dcm"), bytes, INTEGER_NULL, INTEGER_NULL, sha256 };
 *     db_transact(c, ...):  chunked_begin(c, &plan, &details, &file)     // says how long a chunk is, and how many
 *     for (n = 0; n < file.total_chunks; n++)
 *         chunked_check_size(c, &file, n, spooled->size_bytes) && chunked_keep(c, &file, n, spooled, &progress);
 *     chunked_complete(c, upload_id, &file, &missing)                    // may be repeated
 *
 * A chunk is its row: bytes without one are as good as absent. Sent again with the same bytes a chunk is accepted
 * again; with others it is refused (E_CONFLICT). Uploads that nobody completes are swept after UPLOAD_EXPIRY.
 *
 * What would be refused as a whole is refused as early as it shows, and is cancelled with that: a type that is not
 * taken at chunk 0, whenever that comes; a wrong hash or a picture without a readable header at the end. Any other
 * failure leaves the upload as it was: whoever sends on, or completes again, goes on from there.
 *
 * An upload is its uploader's own: to everybody else it does not exist. Of many who complete one, one is first; the
 * others answer as if they had been, since what they asked for is done. The spooled file of a chunk stays the
 * caller's to drop.
 */
#ifndef ROENTGEN_UPLOAD_CHUNKS_H
#define ROENTGEN_UPLOAD_CHUNKS_H

#include "intake/upload.h"

enum { CHUNK_BYTES_MIN = 64 << 10, CHUNK_BYTES_MAX = 256 << 20, CHUNKS_MAX = 100000 };

struct upload_key {
    struct str upload_id;
};
extern const struct schema upload_key_schema;

/* What is about to come. All numbers are above 0, or INTEGER_NULL where the uploader leaves them to us. */
struct chunked_plan {
    struct str filename; /* as the sender says */
    int64_t file_size;
    int64_t total_chunks, chunk_size; /* one, both if they fit together, or neither */
    struct str file_hash;             /* MD5 or SHA-256 of all, hex; null: not known yet */
};
/* Inside a transaction. *out: the row, with chunk_size and total_chunks. Settles the details (upload.h). E_INVALID
 * with problems: what does not fit together. E_TOO_LARGE: no file may have so many bytes. E_TOO_MANY, E_STORAGE_FULL:
 * no more of this account (allowance.h). */
bool chunked_begin(struct call *c, const struct chunked_plan *plan, struct upload_details *details,
                   struct image_file *out);
/* When it is swept, unless it is complete by then. */
struct instant chunked_expires_at(const struct call *c, const struct image_file *file);

/* The caller's own upload by its upload_id; E_NOT_FOUND for others', deleted and unknown ones. */
bool chunked_load(struct call *c, struct str upload_id, struct image_file *out);
/* Numbers of chunks that have a row and that have none, ascending. */
bool chunked_numbers(struct call *c, const struct image_file *file, struct integers *uploaded,
                     struct integers *missing);
/* As JSON: [0,1,2]. */
struct str chunked_numbers_text(struct call *c, struct integers numbers);

/* Is this as long as that chunk has to be? A problem at path.number or body otherwise. */
bool chunked_check_size(struct call *c, const struct image_file *file, int64_t number, int64_t size);
/* Keeps chunk `number`, whose size and digests are right; *progress: percent of the file that is here now.
 * E_UNSUPPORTED_TYPE: the first one tells a type that is not taken, and the upload is cancelled. On a worker. */
bool chunked_keep(struct call *c, const struct image_file *file, int64_t number, struct spooled *spooled,
                  int64_t *progress);

/* Puts the chunks together, and files what they make (filing.h). *file: the row as it is now; of one that is complete
 * already, its row. E_CONFLICT, with *missing in c's arena: these have to be sent (again) first; otherwise it holds
 * none. E_UNSUPPORTED_TYPE or E_INVALID: cancelled. On a worker. */
bool chunked_complete(struct call *c, struct str upload_id, struct image_file *file, struct integers *missing);
/* Removes the caller's own; E_CONFLICT once it is complete. On a worker. */
bool chunked_cancel(struct call *c, struct str upload_id);
/* Drops uploads begun before `before` that are still incomplete; returns how many. */
bool chunked_expire(struct call *c, struct instant before, int64_t *count);

/* ---- between upload_chunks.c and upload_assembly.c ---- */

/* *fd -1: its bytes are not in the store. */
bool chunked_open(struct call *c, const struct image_file *file, int64_t number, int *fd, struct str *sha256);
/* Its bytes are missing or damaged: it has to be sent again. E_CONFLICT: the upload was completed or cancelled
 * meanwhile. */
bool chunked_forget(struct call *c, const struct image_file *file, int64_t number);
/* After the rows are gone: the files go too. What cannot be removed now is swept later. */
void chunked_remove_files(struct call *c, const struct image_file *file);
/* Its bytes are what no completion would take, as c->error says: the upload is cancelled, so that it neither looks
 * like one that goes on nor takes up room. The error stays, unless it was completed or cancelled meanwhile
 * (E_CONFLICT). On a worker. */
void chunked_refuse(struct call *c, const struct image_file *file);

#endif
