/* redis_reply.c - see redis_reply.h.
 *
 * hiredis calls back for each piece, with the piece's place: the list that holds it (parent) and its index there. So
 * each is written where it belongs, and hiredis builds nothing itself.
 */
#include "kv/redis_reply.h"

#include <assert.h>
#include <hiredis/read.h>

enum { LINE_BYTES = 65536 };

struct reply_reader {
    redisReader *reader;
    struct arena *arena;
    struct redis_reply root;
    ptrdiff_t bytes; /* of texts so far */
    int items;
    const char *refused; /* why a piece was not taken */
};

static struct redis_reply *place_of(const redisReadTask *task)
{
    struct reply_reader *reader = task->privdata;
    return task->parent ? &((struct redis_reply *)task->parent->obj)->items[task->idx] : &reader->root;
}

static void *take_text(const redisReadTask *task, char *at, size_t len)
{
    struct reply_reader *reader = task->privdata;
    char *copy = NULL;
    if ((ptrdiff_t)len <= REDIS_REPLY_MAX - reader->bytes)
        copy = arena_try_alloc(reader->arena, (ptrdiff_t)len + 1);
    if (!copy) {
        reader->refused = "it is too large";
        return NULL;
    }
    reader->bytes += (ptrdiff_t)len;
    memcpy(copy, at, len);
    copy[len] = '\0';
    struct redis_reply *reply = place_of(task);
    *reply = (struct redis_reply){ .type = task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT,
                                   .text = { copy, (ptrdiff_t)len } };
    return reply;
}

static void *take_list(const redisReadTask *task, int count)
{
    struct reply_reader *reader = task->privdata;
    if (count < 0 || count > REDIS_ITEMS_MAX - reader->items) {
        reader->refused = "a list in it is too long";
        return NULL;
    }
    reader->items += count;
    struct redis_reply *reply = place_of(task);
    *reply = (struct redis_reply){ .type = REDIS_LIST,
                                   .items = arena_array(reader->arena, struct redis_reply, count),
                                   .count = count };
    return reply;
}

static void *take_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = place_of(task);
    *reply = (struct redis_reply){ .type = REDIS_INTEGER, .integer = value };
    return reply;
}

static void *take_nil(const redisReadTask *task)
{
    struct redis_reply *reply = place_of(task);
    *reply = (struct redis_reply){ .type = REDIS_NIL };
    return reply;
}

/* Replies belong to their arena. */
static void free_nothing(void *reply)
{
    (void)reply;
}

struct reply_reader *reply_reader_new(void)
{
    static redisReplyObjectFunctions functions = { take_text, take_list, take_integer, take_nil, free_nothing };
    struct reply_reader *reader = calloc(1, sizeof(*reader));
    if (!reader || !(reader->reader = redisReaderCreateWithFunctions(&functions)))
        abort();
    reader->reader->privdata = reader;
    return reader;
}

void reply_reader_free(struct reply_reader *reader)
{
    if (!reader)
        return;
    redisReaderFree(reader->reader);
    free(reader);
}

bool reply_reader_feed(struct reply_reader *reader, struct str bytes, struct error *error)
{
    /* A text is taken when the whole of it is there, so that what waits is one piece at most, and begins with a
     * line. */
    size_t waiting = reader->reader->len - reader->reader->pos;
    if (waiting > REDIS_REPLY_MAX)
        return error_set(error, E_UNAVAILABLE, "the reply is too large");
    if (waiting > LINE_BYTES && !memchr(reader->reader->buf + reader->reader->pos, '\n', LINE_BYTES))
        return error_set(error, E_UNAVAILABLE, REPLY_UNREADABLE ": it has no lines");
    if (redisReaderFeed(reader->reader, bytes.at, (size_t)bytes.len) != REDIS_OK)
        return error_set(error, E_UNAVAILABLE, "there is no memory for the reply");
    return true;
}

enum reply_found reply_reader_next(struct reply_reader *reader, struct arena *arena, struct redis_reply *out,
                                   struct error *error)
{
    void *found = NULL;
    reader->arena = arena;
    if (redisReaderGetReply(reader->reader, &found) != REDIS_OK) {
        error_set(error, E_UNAVAILABLE, REPLY_UNREADABLE ": %s",
                  reader->refused ? reader->refused : "it is none of Redis' protocol");
        return REPLY_BROKEN;
    }
    if (!found)
        return REPLY_NOT_YET;
    *out = reader->root;
    reader->bytes = 0;
    reader->items = 0;
    return REPLY_FOUND;
}

bool reply_reader_is_empty(const struct reply_reader *reader)
{
    return reader->reader->pos >= reader->reader->len;
}
