/* consume_sweep.c - what somebody took and did not acknowledge for longer than the visibility time-out goes back to the
 * end of its list where it is taken next, as kombu does it. */
#include "celery/consume_parts.h"

#include "base/text.h"

/* kombu holds its mutex for 300 s when it dies within a sweep: ours, which takes no longer than this, not for so
 * long. */
#define UNREADABLE "what was not acknowledged cannot be read"
enum { SWEEP_AT_ONCE = 20, MUTEX_S = 10 };

/* Only as it was when it was looked at: of two sweeps one does it. An empty list: it is rejected, with words. */
static const struct redis_script restore_script = {
    .text = "local unacked, index, list, rejected = KEYS[1], KEYS[2], KEYS[3], KEYS[4]\n"
            "local was = redis.call('HGET', unacked, ARGV[1])\n"
            "if was and was ~= ARGV[2] then return 0 end\n"
            "redis.call('HDEL', unacked, ARGV[1])\n"
            "redis.call('ZREM', index, ARGV[1])\n"
            "if not was then return 0 end\n"
            "if ARGV[3] ~= '' then redis.call('RPUSH', list, ARGV[3]) return 1 end\n"
            "redis.call('LPUSH', rejected, ARGV[4] .. '\\n' .. was)\n"
            "redis.call('LTRIM', rejected, 0, ARGV[5] - 1)\n"
            "redis.call('HINCRBY', KEYS[5], ARGV[6], 1)\n"
            "return 2\n",
    .keys = 5,
};

/* kombu notes which queues an exchange leads to: routing key, pattern, queue. */
static bool find_queue(struct consumer *consumer, struct call *c, struct str exchange, struct str routing_key,
                       struct str *out)
{
    struct celery *celery = consumer->celery;
    struct redis_reply reply;
    const struct str sep = S("\x06\x16");
    *out = routing_key.len ? routing_key : consumer->queues[0];
    if (!exchange.len)
        return true;
    struct str base = celery_key(&celery->names, "_kombu.binding.", &c->arena);
    const struct str words[] = { S("SMEMBERS"), arena_format(&c->arena, "%.*s%.*s", STR_FMT(base), STR_FMT(exchange)) };
    if (!redis_ask(celery->broker, words, 2, &c->arena, &reply, &c->error))
        return false;
    for (int i = 0; i < reply.count; i++) {
        struct str member = reply.items[i].text;
        ptrdiff_t first = str_find(member, sep);
        ptrdiff_t second = first < 0 ? -1 : str_find(str_slice(member, first + sep.len, member.len), sep);
        if (second >= 0 && str_equal(str_slice(member, 0, first), routing_key))
            *out = str_slice(member, first + 2 * sep.len + second, member.len);
    }
    return true;
}

static bool restore(struct consumer *consumer, struct call *c, struct str tag)
{
    const struct celery_names *names = &consumer->celery->names;
    struct redis *redis = consumer->celery->broker;
    struct str exchange, routing_key, queue = consumer->queues[0];
    struct redis_reply reply;
    int64_t priority = 0;
    const struct str get[] = { S("HGET"), celery_key(names, "unacked", &c->arena), tag };
    if (!redis_ask(redis, get, 3, &c->arena, &reply, &c->error))
        return false;
    struct str entry = reply.type == REDIS_TEXT ? reply.text : S("");
    struct str message =
        entry.len ? celery_redelivered(entry, &c->arena, &exchange, &routing_key, &priority) : STR_NULL;
    if (!str_is_null(message) && !find_queue(consumer, c, exchange, routing_key, &queue))
        return false;
    const struct str words[] = {
        celery_key(names, "unacked", &c->arena),
        celery_key(names, "unacked_index", &c->arena),
        celery_queue_key(names, queue, celery_step(names, priority), &c->arena),
        celery_key(names, CELERY_REJECTED, &c->arena),
        celery_key(names, CELERY_REJECTED_COUNTS, &c->arena),
        tag,
        entry,
        str_is_null(message) ? S("") : message,
        arena_format(&c->arena, "%" PRId64 " " UNREADABLE, clock_now().us),
        arena_format(&c->arena, "%d", CELERY_REJECTED_MAX),
        S(UNREADABLE),
    };
    if (!redis_run(redis, &restore_script, words, 11, &c->arena, &reply, &c->error))
        return false;
    if (reply.integer == 2)
        consume_say_rejected(c, S("1 rejected: " UNREADABLE));
    return true;
}

static bool sweep(struct consumer *consumer, struct call *c)
{
    struct celery *celery = consumer->celery;
    struct redis_reply reply;
    int64_t before_us = clock_now().us - celery->app->config.task_visibility_timeout_s * 1000000;
    const struct str words[] = { S("ZRANGEBYSCORE"),
                                 celery_key(&celery->names, "unacked_index", &c->arena),
                                 S("0"),
                                 arena_format(&c->arena, "%.6f", (double)before_us / 1e6),
                                 S("LIMIT"),
                                 S("0"),
                                 arena_format(&c->arena, "%d", SWEEP_AT_ONCE) };
    if (!redis_ask(celery->broker, words, 7, &c->arena, &reply, &c->error))
        return false;
    for (int i = 0; i < reply.count; i++)
        if (!restore(consumer, c, reply.items[i].text))
            return false;
    return true;
}

bool consume_sweep(struct consumer *consumer, struct call *c)
{
    struct celery *celery = consumer->celery;
    struct redis_reply reply;
    struct str key = celery_key(&celery->names, "unacked_mutex", &c->arena);
    const struct str lock[] = {
        S("SET"), key, S("roentgen"), S("NX"), S("EX"), arena_format(&c->arena, "%d", MUTEX_S)
    };
    const struct str unlock[] = { S("DEL"), key };
    if (!redis_ask(celery->broker, lock, 6, &c->arena, &reply, &c->error))
        return false;
    if (reply.type == REDIS_NIL)
        return true; /* somebody else does it */
    return sweep(consumer, c) && redis_ask(celery->broker, unlock, 2, &c->arena, &reply, &c->error);
}
