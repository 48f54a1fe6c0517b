/* spool.h - bytes on their way in: written to a temporary file of the store while they are counted and hashed.
 *
 *     struct spooled *file = spool_begin(c, store, name, max_bytes, &c->error);
 *     while (...)
 *         spool_write(file, bytes, &c->error);          // -> temporary file, MD5, SHA-256
 *     spool_finish(file);
 *     upload_store(c, file, ...);                       // takes it; else spool_drop
 *
 * Nothing here has a name yet: the file gets one when upload.c has decided what it is.
 */
#ifndef ROENTGEN_SPOOL_H
#define ROENTGEN_SPOOL_H

#include "base/call.h"
#include "base/crypto.h"
#include "blob/blob.h"
#include "raster/raster.h"

struct spooled {
    struct str filename;        /* base/file_name.h */
    struct blob_writer *writer; /* NULL once committed or given up */
    struct digests *digests;
    int64_t size_bytes, max_bytes;
    char head[SNIFF_BYTES];
    char md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1]; /* after spool_finish */
    struct spooled *next;
};
/* `filename`: as the sender says. */
struct spooled *spool_begin(struct call *c, struct blob_store *store, struct str filename, int64_t max_bytes,
                            struct error *error);
/* E_TOO_LARGE past max_bytes. */
bool spool_write(struct spooled *file, struct str bytes, struct error *error);
void spool_finish(struct spooled *file);
void spool_drop(struct spooled *file); /* the bytes are not wanted; harmless twice */
struct str spool_head(const struct spooled *file);

#endif
