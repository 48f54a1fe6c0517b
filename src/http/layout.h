/* layout.h - do a request's headers lie as they have to, each on one line that ends with CR LF?
 *
 *     layout_begin(&layout, version)
 *     layout_field(&layout, name, value)     // each, in their order, as libmicrohttpd gave them
 *     layout_end(&layout, end)               // false: 400
 *
 * RFC 9112 2.2 lets a server take a bare LF for the end of a line, and 5.2 lets it join a line that begins with a space
 * to the one before. libmicrohttpd 0.9.75 does both, and its joining adds to the header's name: `Transfer-Encodin:
 * chunked` and a next line ` g` become a Transfer-Encoding. It also ends a value at a NUL, in front of what was sent
 * behind it. A proxy that reads any of this in another way sees other headers than we do, or another end of the
 * request: so it is refused.
 *
 * libmicrohttpd has no callback for bytes. But it parses in place, in one buffer, where it puts NULs for the ends of
 * names and lines, and gives us pointers into that:
 *
 *     GET /x HTTP/1.1 CR LF Host : SP x CR LF Name : SP value CR LF CR LF
 *            version        name      value       ...           end = method + MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE
 *
 * So from the end of one to the begin of the next it is two bytes, and four at the end; a bare LF makes that less, what
 * stands behind a NUL makes it more, and a joined name lies elsewhere. Only addresses are compared: nothing is read.
 *
 * That is so in the release that we know; with any other nothing is judged (layout_is_known).
 */
#ifndef ROENTGEN_HTTP_LAYOUT_H
#define ROENTGEN_HTTP_LAYOUT_H

#include "base/str.h"

#include <stdint.h>

struct layout {
    bool known, broken;
    uintptr_t at; /* where the last line's text ended */
};

/* Does the libmicrohttpd that runs lay headers out like this? */
bool layout_is_known(void);

/* `version` ends the request line. */
void layout_begin(struct layout *layout, struct str version);
void layout_field(struct layout *layout, struct str name, struct str value);
/* `end`: behind the empty line. */
bool layout_end(const struct layout *layout, const char *end);

#endif
