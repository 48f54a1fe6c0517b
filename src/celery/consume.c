/* consume.c - the thread of consume.h: takes, puts, acknowledges, tells. */
#include "celery/consume_parts.h"

#include "base/log.h"
#include "base/text.h"

#include <assert.h>

enum { IDLE_US = 50000, LOOK_US = 3000000, SWEEP_MOST_US = 60000000, PAUSE_US = 500000 };

/* ---- what others revoke ---- */

static void note_revoked(struct consumer *consumer, struct str id, bool terminate)
{
    struct revoked *slot = &consumer->revoked[consumer->revoked_count++ % REVOKED_KEPT];
    snprintf(slot->id, sizeof(slot->id), "%.*s", STR_FMT(str_at_most(id, CELERY_ID_MAX)));
    slot->terminate = terminate;
}

static void hear(void *context, struct str channel, struct str text)
{
    struct consumer *consumer = context;
    struct str ids[REVOKING_MOST];
    struct arena arena;
    bool terminate = false;
    (void)channel;
    arena_init(&arena);
    int count = celery_revoked(text, &arena, ids, REVOKING_MOST, &terminate);
    background_lock(&consumer->keeper);
    for (int i = 0; i < count; i++)
        note_revoked(consumer, ids[i], terminate);
    background_wake(&consumer->keeper);
    background_unlock(&consumer->keeper);
    arena_release(&arena);
}

static void hear_again(void *context)
{
    struct consumer *consumer = context;
    background_lock(&consumer->keeper);
    consumer->hears_again = true;
    background_unlock(&consumer->keeper);
}

bool consume_is_revoked(struct consumer *consumer, struct str id)
{
    bool is = false;
    background_lock(&consumer->keeper);
    int kept = consumer->revoked_count < REVOKED_KEPT ? consumer->revoked_count : REVOKED_KEPT;
    for (int i = 0; i < kept && !is; i++)
        is = str_equal(id, str_from(consumer->revoked[i].id));
    background_unlock(&consumer->keeper);
    return is;
}

/* Those that came since the last time. */
static bool revoke_some(struct consumer *consumer, struct call *c)
{
    struct revoked some[REVOKING_MOST];
    int count = 0;
    background_lock(&consumer->keeper);
    if (consumer->revoked_count - consumer->revoked_seen > REVOKED_KEPT)
        consumer->revoked_seen = consumer->revoked_count - REVOKED_KEPT;
    int seen = consumer->revoked_seen;
    while (count < REVOKING_MOST && seen + count < consumer->revoked_count) {
        some[count] = consumer->revoked[(seen + count) % REVOKED_KEPT];
        count++;
    }
    background_unlock(&consumer->keeper);
    if (count && !consume_revoke(c, some, count))
        return false;
    background_lock(&consumer->keeper);
    consumer->revoked_seen = seen + count > consumer->revoked_seen ? seen + count : consumer->revoked_seen;
    background_unlock(&consumer->keeper);
    return true;
}

/* ---- taking ---- */

/* From list to `unacked` in one step, so that a crash loses nothing; what has no delivery tag could not be kept there,
 * and is rejected: of these it says how many, and why, where others have their tag and their text. */
static const struct redis_script take_script = {
    .text = "local unacked, index, rejected, bad = KEYS[1], KEYS[2], KEYS[3], {}\n"
            "local most, keep, us, now, out = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], {}\n"
            "local function word(table, name)\n"
            "  local value = type(table) == 'table' and table[name]\n"
            "  return type(value) == 'string' and value or ''\n"
            "end\n"
            "local left = 20 * most\n"
            "for i = 5, #ARGV do\n"
            "  while #out < most and left > 0 do\n"
            "    left = left - 1\n"
            "    local message = redis.call('RPOP', ARGV[i])\n"
            "    if not message then break end\n"
            "    local ok, read = pcall(cjson.decode, message)\n"
            "    local properties = ok and type(read) == 'table' and read.properties\n"
            "    local info = type(properties) == 'table' and properties.delivery_info\n"
            "    local tag = word(properties, 'delivery_tag')\n"
            "    if tag == '' then\n"
            "      local why = ok and 'properties.delivery_tag is none' or 'it is not JSON'\n"
            "      redis.call('LPUSH', rejected, us .. ' ' .. why .. '\\n' .. message)\n"
            "      redis.call('LTRIM', rejected, 0, keep - 1)\n"
            "      redis.call('HINCRBY', KEYS[4], why, 1)\n"
            "      bad[why] = (bad[why] or 0) + 1\n"
            "    else\n"
            "      redis.call('HSET', unacked, tag, '[' .. message .. ', ' .. cjson.encode(word(info, 'exchange')) .. "
            "', ' .. cjson.encode(word(info, 'routing_key')) .. ']')\n"
            "      redis.call('ZADD', index, now, tag)\n"
            "      out[#out + 1] = tag\n"
            "      out[#out + 1] = message\n"
            "    end\n"
            "  end\n"
            "end\n"
            "for why, count in pairs(bad) do\n"
            "  out[#out + 1] = ''\n"
            "  out[#out + 1] = count .. ' rejected: ' .. why\n"
            "end\n"
            "return out\n",
    .keys = 4,
};

struct haul {
    struct taken all[TAKE_AT_ONCE];
    struct str tags[TAKE_AT_ONCE]; /* as Redis has them */
    int count;
};

static bool take(struct consumer *consumer, struct call *c, struct haul *haul)
{
    const struct celery_names *names = &consumer->celery->names;
    struct str words[8 + CELERY_QUEUES_MAX * CELERY_STEPS_MAX];
    struct redis_reply reply;
    int64_t now_us = clock_now().us;
    int count = 0;
    words[count++] = celery_key(names, "unacked", &c->arena);
    words[count++] = celery_key(names, "unacked_index", &c->arena);
    words[count++] = celery_key(names, CELERY_REJECTED, &c->arena);
    words[count++] = celery_key(names, CELERY_REJECTED_COUNTS, &c->arena);
    words[count++] = arena_format(&c->arena, "%d", 2 * TAKE_AT_ONCE);
    words[count++] = arena_format(&c->arena, "%d", CELERY_REJECTED_MAX);
    words[count++] = arena_format(&c->arena, "%" PRId64, now_us);
    words[count++] = arena_format(&c->arena, "%.6f", (double)now_us / 1e6);
    for (int64_t s = 0; s < names->step_count; s++)
        for (int q = 0; q < consumer->queue_count; q++)
            words[count++] = celery_queue_key(names, consumer->queues[q], names->steps[s], &c->arena);
    if (!redis_run(consumer->celery->broker, &take_script, words, count, &c->arena, &reply, &c->error))
        return false;
    for (int i = 0; i + 1 < reply.count; i += 2) {
        if (!reply.items[i].text.len) {
            consume_say_rejected(c, reply.items[i + 1].text);
            continue;
        }
        assert(haul->count < TAKE_AT_ONCE);
        haul->tags[haul->count] = reply.items[i].text;
        haul->all[haul->count++].text = reply.items[i + 1].text;
    }
    return true;
}

/* ---- acknowledging ---- */

/* What waits for an answer is noted with the same stroke; what is broken goes to the rejected. */
static const struct redis_script end_script = {
    .text = "redis.call('HDEL', KEYS[1], ARGV[1])\n"
            "redis.call('ZREM', KEYS[2], ARGV[1])\n"
            "if ARGV[2] ~= '' then redis.call('HSET', KEYS[3], ARGV[2], ARGV[3]) end\n"
            "if ARGV[4] ~= '' then\n"
            "  redis.call('LPUSH', KEYS[4], ARGV[4])\n"
            "  redis.call('LTRIM', KEYS[4], 0, ARGV[5] - 1)\n"
            "  redis.call('HINCRBY', KEYS[5], ARGV[6], 1)\n"
            "end\n"
            "return 1\n",
    .keys = 5,
};

static struct str note_of(const struct celery_request *r, struct arena *arena)
{
    struct str none = S("-"), expires = none;
    if (!instant_is_null(r->expires))
        expires = arena_format(arena, "%" PRId64, r->expires.us);
    bool has_group = r->group_id.len && str_find(r->group_id, S(" ")) < 0;
    bool has_parent = r->parent_id.len && str_find(r->parent_id, S(" ")) < 0;
    return arena_format(arena, "%.*s %.*s %.*s", STR_FMT(has_group ? r->group_id : none),
                        STR_FMT(has_parent ? r->parent_id : none), STR_FMT(expires));
}

static bool acknowledge(struct consumer *consumer, struct call *c, const struct taken *t, struct str tag)
{
    const struct celery_names *names = &consumer->celery->names;
    struct redis_reply reply;
    bool waits = !t->broken && t->answer.state == CELERY_PENDING;
    if (!t->broken && !waits && !consume_tell(consumer->celery, c, &t->answer))
        return false;
    struct str rejected =
        t->broken ? arena_format(&c->arena, "%" PRId64 " %s\n%.*s", clock_now().us, t->broken, STR_FMT(t->text))
                  : S("");
    const struct str words[] = { celery_key(names, "unacked", &c->arena),
                                 celery_key(names, "unacked_index", &c->arena),
                                 celery_key(names, "roentgen.asked", &c->arena),
                                 celery_key(names, CELERY_REJECTED, &c->arena),
                                 celery_key(names, CELERY_REJECTED_COUNTS, &c->arena),
                                 tag,
                                 waits ? t->request.id : S(""),
                                 waits ? note_of(&t->request, &c->arena) : S(""),
                                 rejected,
                                 arena_format(&c->arena, "%d", CELERY_REJECTED_MAX),
                                 str_from(t->broken ? t->broken : "") };
    return redis_run(consumer->celery->broker, &end_script, words, 11, &c->arena, &reply, &c->error);
}

/* ---- all of it ---- */

static bool pause_for(struct consumer *consumer, int64_t us)
{
    int64_t until_us = clock_monotonic_us() + us;
    background_lock(&consumer->keeper);
    while (!consumer->keeper.stopping && background_wait(&consumer->keeper, until_us))
        if (us <= IDLE_US)
            break;
    bool go_on = !consumer->keeper.stopping;
    background_unlock(&consumer->keeper);
    return go_on;
}

static void say(struct call *c)
{
    if (c->error.code && !db_has_ended(c->db))
        log_write(c->app->log, LOG_WARNING, NULL, "celery.consumer", "%s", c->error.message);
    error_clear(&c->error);
}

/* A database that is away for a moment: what was taken waits here. One that stays away until the end of this process:
 * it is in `unacked`, and given to another after the visibility time-out. */
static bool put(struct consumer *consumer, struct call *c, struct haul *haul)
{
    consume_read(consumer, c, haul->all, haul->count);
    while (!consume_put(c, haul->all, haul->count)) {
        say(c);
        db_release(c);
        if (!pause_for(consumer, PAUSE_US))
            return false;
    }
    db_release(c);
    return true;
}

/* False: nothing is there, or something is away. */
static bool consume_some(struct consumer *consumer, struct call *c)
{
    struct haul *haul = arena_new(&c->arena, struct haul);
    if (!take(consumer, c, haul) || !haul->count || !put(consumer, c, haul))
        return false;
    for (int i = 0; i < haul->count; i++) {
        if (haul->all[i].broken)
            consume_say_rejected(c, arena_format(&c->arena, "1 rejected: %s", haul->all[i].broken));
        if (!acknowledge(consumer, c, &haul->all[i], haul->tags[i]))
            return false;
    }
    return true;
}

static bool is_due(int64_t *next_us, int64_t every_us)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < *next_us)
        return false;
    *next_us = now_us + every_us;
    return true;
}

static bool look_after(struct consumer *consumer, struct call *c)
{
    int64_t every_us = consumer->celery->app->config.task_visibility_timeout_s * 1000000 / 4;
    bool more = true;
    background_lock(&consumer->keeper);
    if (consumer->hears_again)
        consumer->told_until = INSTANT_NULL;
    consumer->hears_again = false;
    background_unlock(&consumer->keeper);
    if (!revoke_some(consumer, c))
        return false;
    while (more) {
        call_reset(c);
        if (!consume_tell_ended(consumer, c, &more))
            return false;
    }
    return (!is_due(&consumer->sweep_us, every_us < SWEEP_MOST_US ? every_us : SWEEP_MOST_US) ||
            consume_sweep(consumer, c)) &&
           (!is_due(&consumer->look_us, LOOK_US) || consume_look_at_asked(consumer, c));
}

static bool is_here(struct redis *redis)
{
    struct redis_state state;
    redis_look(redis, &state);
    return state.here;
}

static void keep(void *context)
{
    struct consumer *consumer = context;
    struct celery *celery = consumer->celery;
    struct actor actor = { .origin = S("{\"by\":\"celery\"}") };
    struct call c;
    bool more, go_on = true;
    call_init(&c, celery->app, celery->app->db);
    c.actor = &actor;
    while (go_on) {
        bool here = is_here(celery->broker) && is_here(celery->results);
        more = here && consume_some(consumer, &c);
        bool ok = !here || (!c.error.code && look_after(consumer, &c));
        say(&c);
        db_release(&c);
        call_reset(&c);
        go_on = pause_for(consumer, !here || !ok ? PAUSE_US : more ? 0 : IDLE_US);
    }
    call_release(&c);
}

/* ---- birth and end ---- */

static bool read_queues(struct consumer *consumer, struct str names, struct error *error)
{
    const struct config *config = &consumer->celery->app->config;
    struct str name;
    while (str_next(&names, ',', &name)) {
        name = str_trim(name);
        if (!name.len || consumer->queue_count == CELERY_QUEUES_MAX)
            return error_set(error, E_INVALID, "queues are names, separated by commas, at most %d", CELERY_QUEUES_MAX);
        if (config->task_broker == TASK_BROKER_CELERY && config->task_names.len && str_equal(name, config->task_queue))
            return error_set(error, E_INVALID,
                             "%.*s is the queue that this program's own tasks go out to: set TASK_QUEUE to another, or "
                             "take from another",
                             STR_FMT(name));
        consumer->queues[consumer->queue_count++] = name;
    }
    return consumer->queue_count > 0 || error_set(error, E_INVALID, "no queue is named");
}

bool consumer_open(struct celery *celery, struct str queues, struct consumer **out, struct error *error)
{
    struct app *app = celery->app;
    struct consumer *consumer = calloc(1, sizeof(*consumer));
    if (!consumer)
        abort();
    consumer->celery = celery;
    consumer->told_until = INSTANT_NULL;
    if (!read_queues(consumer, arena_copy(&app->arena, queues), error) ||
        !background_start(&consumer->keeper, "celery-consumer", keep, consumer, error)) {
        free(consumer);
        return false;
    }
    struct redis_hearing hearing = {
        .prefix = celery_pidbox(&celery->names, &app->arena).at, .hears = hear_again, .heard = hear, .context = consumer
    };
    if (!redis_listen(celery->broker, &hearing, &consumer->listener, error)) {
        consumer_close(consumer);
        return false;
    }
    *out = consumer;
    return true;
}

void consumer_close(struct consumer *consumer)
{
    if (!consumer)
        return;
    redis_listener_close(consumer->listener);
    background_stop(&consumer->keeper);
    background_release(&consumer->keeper);
    free(consumer);
}
