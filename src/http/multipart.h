/* multipart.h - multipart/form-data (RFC 7578) and multipart/related (RFC 2387), read as it arrives.
 *
 *   --boundary CRLF headers CRLF CRLF data CRLF --boundary CRLF ... CRLF --boundary-- epilogue
 *
 * Push bytes in pieces of any size; events come out: part (headers known), data (any number, never copied when it
 * can be helped), part end. Bounded: boundary 1..70 bytes, 16 KiB of headers per part, `max_parts`.
 */
#ifndef ROENTGEN_MULTIPART_H
#define ROENTGEN_MULTIPART_H

#include "base/arena.h"
#include "base/error.h"

struct multipart_part {
    struct str name;         /* form field, from Content-Disposition; null if none */
    struct str filename;     /* as sent: filename* wins, else filename; null if none. Not a path. */
    struct str content_type; /* null if none */
    struct str headers;      /* the raw block */
};

struct multipart_events {
    void *self;
    bool (*part)(void *self, const struct multipart_part *part, struct error *error);
    bool (*data)(void *self, struct str bytes, struct error *error);
    bool (*end)(void *self, struct error *error);
};

struct multipart; /* lives in the arena given at birth */
/* NULL with E_BAD_REQUEST when the boundary is illegal. */
struct multipart *multipart_new(struct arena *arena, struct str boundary, int max_parts,
                                const struct multipart_events *events, struct error *error);
bool multipart_push(struct multipart *multipart, struct str bytes, struct error *error);
bool multipart_finish(struct multipart *multipart,
                      struct error *error); /* E_BAD_REQUEST when the end boundary never came */

#endif
