/* url.h - what addresses with passwords in them (RFC 3986) have in common.
 *
 * Messages about them never quote them. */
#ifndef ROENTGEN_URL_H
#define ROENTGEN_URL_H

#include "base/arena.h"

/* %XX decoded (RFC 3986 2.1), NUL-terminated, in the arena. False for a bad escape or a NUL. */
bool url_decode(struct str s, struct arena *arena, const char **out);

/* `host`, `host:port`, `[address]`, `[address]:port`: still encoded; *port is null when there is none. False: a `[`
 * without its `]`, or something other than a port behind it. */
bool url_split_host(struct str text, struct str *host, struct str *port);

/* Splits what stands before the last `@` from what stands behind it; without one *before is null. A password may hold
 * an `@`, a host never does. */
void url_split_user(struct str authority, struct str *before, struct str *host);

#endif
