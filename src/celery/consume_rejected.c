/* consume_rejected.c - what was rejected: told, shown, counted. */
#include "celery/consume_parts.h"

#include "base/log.h"

void consume_say_rejected(struct call *c, struct str what)
{
    log_write(c->app->log, LOG_WARNING, NULL, "celery.rejected", "messages of Celery's clients: %.*s", STR_FMT(what));
}

/* ---- the list ---- */

/* Of each its size and its beginning: a thousand may have any size. */
static const struct redis_script list_script = {
    .text = "local out = {}\n"
            "for i = 0, ARGV[1] - 1 do\n"
            "  local text = redis.call('LINDEX', KEYS[1], i)\n"
            "  if not text then break end\n"
            "  out[#out + 1] = #text .. ' ' .. string.sub(text, 1, ARGV[2])\n"
            "end\n"
            "return out\n",
    .keys = 1,
};

/* "5000 1795671000000000 why\nmessage": the size is that of what follows it. */
static void read_rejected(struct str text, struct celery_rejected *out)
{
    struct str size, line = S(""), at;
    *out = (struct celery_rejected){ .at = INSTANT_NULL };
    if (!str_cut(text, ' ', &size, &text) || !str_to_integer(size, &out->size_bytes))
        out->size_bytes = text.len;
    out->message = text;
    if (!str_cut(text, '\n', &line, &out->message))
        return;
    out->size_bytes -= line.len + 1;
    if (str_cut(line, ' ', &at, &out->why) && !str_to_integer(at, &out->at.us))
        out->at = INSTANT_NULL;
}

bool celery_rejected(struct call *c, struct celery *celery, struct celery_rejected *out, int most, int *count)
{
    struct redis_reply reply;
    const struct str words[] = { celery_key(&celery->names, CELERY_REJECTED, &c->arena),
                                 arena_format(&c->arena, "%d", most),
                                 arena_format(&c->arena, "%d", CELERY_REJECTED_SHOWN) };
    *count = 0;
    if (!redis_run(celery->broker, &list_script, words, 3, &c->arena, &reply, &c->error))
        return false;
    for (int i = 0; i < reply.count && i < most; i++)
        read_rejected(reply.items[i].text, &out[(*count)++]);
    return true;
}

static const struct redis_script forget_script = {
    .text = "local count = redis.call('LLEN', KEYS[1])\n"
            "redis.call('DEL', KEYS[1])\n"
            "return count\n",
    .keys = 1,
};

bool celery_forget_rejected(struct call *c, struct celery *celery, int64_t *count)
{
    struct redis_reply reply;
    const struct str key = celery_key(&celery->names, CELERY_REJECTED, &c->arena);
    if (!redis_run(celery->broker, &forget_script, &key, 1, &c->arena, &reply, &c->error))
        return false;
    *count = reply.integer;
    return true;
}

/* ---- numbers ---- */

bool celery_rejections(struct call *c, struct celery *celery, struct celery_rejections *out)
{
    struct redis *redis = celery_lent(celery);
    struct redis_reply replies[2];
    *out = (struct celery_rejections){ 0 };
    if (!redis)
        return true;
    const struct str length[] = { S("LLEN"), celery_key(&celery->names, CELERY_REJECTED, &c->arena) };
    const struct str counts[] = { S("HGETALL"), celery_key(&celery->names, CELERY_REJECTED_COUNTS, &c->arena) };
    const struct redis_command commands[] = { { length, 2 }, { counts, 2 } };
    if (!redis_ask_all(redis, commands, 2, &c->arena, replies, &c->error))
        return false;
    out->waiting = replies[0].integer;
    for (int i = 0; i + 1 < replies[1].count && out->reason_count < CELERY_REASONS_MAX; i += 2) {
        int n = out->reason_count++;
        out->reasons[n].why = replies[1].items[i].text;
        if (!str_to_integer(replies[1].items[i + 1].text, &out->reasons[n].count))
            out->reason_count--;
    }
    return true;
}
