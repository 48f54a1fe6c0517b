/* redis_reply.h - bytes of a stranger into replies in an arena, over hiredis' reader. Private to kv/.
 *
 *     struct reply_reader *reader = reply_reader_new(); do { reply_reader_feed(reader, bytes) } while
 *     (reply_reader_next(reader, &arena, &reply, &error) == REPLY_NOT_YET);
 *
 * hiredis reads the protocol (RESP2) and bounds the depth; here are the bounds of sizes: texts of a reply together at
 * most REDIS_REPLY_MAX bytes, items of its lists at most REDIS_ITEMS_MAX, and never a list's memory for a number alone.
 */
#ifndef ROENTGEN_REDIS_REPLY_H
#define ROENTGEN_REDIS_REPLY_H

#include "kv/redis.h"

enum reply_found { REPLY_NOT_YET, REPLY_FOUND, REPLY_BROKEN };

/* What the words of each failure to read begin with, where the bytes are to blame. */
#define REPLY_UNREADABLE "the reply cannot be read"

struct reply_reader;
struct reply_reader *reply_reader_new(void);
void reply_reader_free(struct reply_reader *reader); /* takes NULL */
bool reply_reader_feed(struct reply_reader *reader, struct str bytes, struct error *error);
/* The same arena until it is found. */
enum reply_found reply_reader_next(struct reply_reader *reader, struct arena *arena, struct redis_reply *out,
                                   struct error *error);
bool reply_reader_is_empty(const struct reply_reader *reader);

#endif
