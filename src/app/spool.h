/* spool.h - bytes on their way in: written to a temporary file of the store while they are counted and hashed.
 *
 *   worker thread:  body bytes -> (multipart) -> spool_write -> temporary file, MD5, SHA-256
 *                                             `-> text parts, kept for the form's schema
 *
 * Nothing here has a name yet: the file gets one when upload.c has decided what it is.
 */
#ifndef ROENTGEN_SPOOL_H
#define ROENTGEN_SPOOL_H

#include "app/exchange.h"
#include "raster/raster.h"

struct spooled {
    struct str filename;        /* as the client says; text, never a path */
    struct blob_writer *writer; /* NULL once committed or given up */
    struct digests *digests;
    int64_t size_bytes, max_bytes;
    char head[SNIFF_BYTES];
    char md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1]; /* after spool_finish */
    struct spooled *next;
};
/* As UTF-8 without control characters, of at most 512 bytes; "unnamed" when nothing is left. */
struct str spool_clean_name(struct call *c, struct str name);
/* The name under which a file is kept: the last component of what the sender calls it, cleaned. */
struct str spool_filename(struct call *c, struct str name);

struct spooled *spool_begin(struct call *c, struct blob_store *store, struct str filename, int64_t max_bytes,
                            struct error *error);
/* E_TOO_LARGE past max_bytes. */
bool spool_write(struct spooled *file, struct str bytes, struct error *error);
void spool_finish(struct spooled *file);
void spool_drop(struct spooled *file); /* the bytes are not wanted; harmless twice */
struct str spool_head(const struct spooled *file);

/* What arrived of a form: files in order, text members by name. */
struct form {
    struct call *call;
    struct multipart *parser;
    struct spooled *files, *last;
    int file_count, max_files;
    struct form_text *texts;
    struct form_text *current_text;
    struct spooled *current_file;
};
struct form_text {
    struct str name;
    struct text value;
    struct form_text *next;
};

/* `receive` of multipart endpoints: file parts must be called `file` (or `files`). exchange.upload becomes the form; what
 * nobody took of it is dropped when the request ends. */
bool form_receive_one(struct call *c, struct body_sink *sink);
bool form_receive_many(struct call *c, struct body_sink *sink);
/* `receive` of multipart/related bodies whose parts are all DICOM files (PS3.18 8.7.3.5). */
bool form_receive_related(struct call *c, struct body_sink *sink);
/* Text members into a record of `schema`, with all problems; at least one file must be there. */
bool form_take(struct call *c, struct form *form, const struct schema *schema, void *record);

#endif
