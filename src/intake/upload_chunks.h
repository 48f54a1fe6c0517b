/* upload_chunks.h - the chunks of an upload: their files, their rows, and what is done with them. */
#ifndef ROENTGEN_UPLOAD_CHUNKS_H
#define ROENTGEN_UPLOAD_CHUNKS_H

#include "intake/upload.h"

enum { CHUNK_BYTES_MIN = 64 << 10, CHUNK_BYTES_MAX = 256 << 20, CHUNKS_MAX = 100000 };

struct upload_key {
    struct str upload_id;
};
extern const struct schema upload_key_schema;

/* The caller's own upload by its upload_id; E_NOT_FOUND for others', deleted and unknown ones. */
bool chunked_load(struct call *c, struct str upload_id, struct image_file *out);
/* Numbers of chunks that have a row and that have none, ascending. */
bool chunked_numbers(struct call *c, const struct image_file *file, struct integers *uploaded,
                     struct integers *missing);
/* *fd -1: its bytes are not in the store. */
bool chunked_open(struct call *c, const struct image_file *file, int64_t number, int *fd, struct str *sha256);
/* Its bytes are missing or damaged: it has to be sent again. E_CONFLICT: the upload was completed or cancelled
 * meanwhile. */
bool chunked_forget(struct call *c, const struct image_file *file, int64_t number);
/* After the rows are gone: the files go too. What cannot be removed now is swept later. */
void chunked_remove_files(struct call *c, const struct image_file *file);
/* Removes an incomplete upload: row and chunk rows in one commit, then the files. On a worker. */
bool chunked_drop(struct call *c, const struct image_file *file);
/* Its bytes are what no completion would take, as c->error says: the upload is cancelled, so that it neither looks
 * like one that goes on nor takes up room. The error stays, unless it was completed or cancelled meanwhile
 * (E_CONFLICT). On a worker. */
void chunked_refuse(struct call *c, const struct image_file *file);
/* Drops uploads begun before `before` that are still incomplete; returns how many. */
bool chunked_expire(struct call *c, struct instant before, int64_t *count);

/* Is this as long as that chunk has to be? A problem at path.number or body otherwise. */
bool chunked_check_size(struct call *c, const struct image_file *file, int64_t number, int64_t size);
/* Keeps chunk `number`, whose size and digests are right; *progress: percent of the file that is here now.
 * E_UNSUPPORTED_TYPE: the first one tells a type that is not taken, and the upload is cancelled. On a worker. */
bool chunked_keep(struct call *c, const struct image_file *file, int64_t number, struct spooled *spooled,
                  int64_t *progress);

#endif
