/* redis_line.h - one connection to a Redis or a sentinel: bytes with a deadline, replies with bounds. Private to kv/.
 *
 *     struct line *line;
 *     if (!line_open(&target, tls, until_us, &line, &error)) ...
 *     line_send(line, text, until_us, &error) && line_receive(line, &arena, &reply, until_us, &error)
 *     line_close(line);
 *
 * Whoever is at the other end may be anybody: what it sends is bounded in size, depth and time, and after any failure
 * the line is only good for closing. Belongs to one thread at a time. Deadlines are of clock_monotonic_us.
 */
#ifndef ROENTGEN_REDIS_LINE_H
#define ROENTGEN_REDIS_LINE_H

#include "kv/redis.h"

#include <sys/socket.h>

/* Where to, as found by whoever may wait for a name server. */
struct line_target {
    struct sockaddr_storage address;
    socklen_t length;
    char name[256];  /* the host's, which its certificate has to have */
    char shown[300]; /* for people: name and port, or a path */
};

struct line;
struct ssl_ctx_st; /* redis_tls.h */

/* tls NULL: in the clear. */
bool line_open(const struct line_target *target, struct ssl_ctx_st *tls, int64_t until_us, struct line **out,
               struct error *error);
void line_close(struct line *line); /* takes NULL */
bool line_send(struct line *line, struct str bytes, int64_t until_us, struct error *error);
/* One reply, errors too (REDIS_ERROR). */
bool line_receive(struct line *line, struct arena *arena, struct redis_reply *out, int64_t until_us,
                  struct error *error);
/* Has something come that line_receive would take without waiting for the network? */
bool line_holds_bytes(const struct line *line);
/* Nothing has come that nobody asked for, and the other end is there as far as is known here. */
bool line_is_quiet(struct line *line);
int line_descriptor(const struct line *line);

#endif
