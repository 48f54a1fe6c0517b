/* consume_tell.c - answers: what came of the jobs that Celery's clients asked for. */
#include "celery/consume_parts.h"

#include "base/text.h"

enum { RESULT_S = 86400, PAGE = 100 };
#define SECOND_US INT64_C(1000000)

/* ---- one answer ---- */

/* Never over one that is final: 1 when it was written. */
static const struct redis_script tell_script = {
    .text = "local old = redis.call('GET', KEYS[1])\n"
            "if old then\n"
            "  local ok, said = pcall(cjson.decode, old)\n"
            "  local status = ok and type(said) == 'table' and said.status\n"
            "  if status == 'SUCCESS' or status == 'FAILURE' or status == 'REVOKED' then return 0 end\n"
            "end\n"
            "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])\n"
            "redis.call('PUBLISH', KEYS[1], ARGV[1])\n"
            "return 1\n",
    .keys = 1,
};

bool consume_tell(struct celery *celery, struct call *c, const struct celery_answer *answer)
{
    struct redis_reply reply;
    const struct str words[] = { celery_result_key(&celery->names, answer->id, &c->arena),
                                 celery_answer_write(answer, &c->arena), arena_format(&c->arena, "%d", RESULT_S) };
    const struct str done[] = { S("HDEL"), celery_key(&celery->names, "roentgen.asked", &c->arena), answer->id };
    return redis_run(celery->results, &tell_script, words, 3, &c->arena, &reply, &c->error) &&
           redis_ask(celery->broker, done, 3, &c->arena, &reply, &c->error);
}

/* ---- what has ended ---- */

struct ended {
    int64_t id;
    struct str task_id, state, result, error;
    struct instant at;
    bool is_ours; /* and not one whose unique key somebody made up */
};

#define ENDED "select id, unique_key, state, result, error, finished_at, job_uuid from jobs "

static void read_ended(struct cursor *rows, struct arena *arena, struct ended *out)
{
    struct str key = cursor_text(rows, 1), prefix = S(CELERY_UNIQUE);
    char uuid[UUID_TEXT + 1];
    consume_uuid(str_slice(key, prefix.len, key.len), uuid);
    *out = (struct ended){ .id = cursor_integer(rows, 0),
                           .is_ours = str_equal(cursor_text(rows, 6), str_from(uuid)),
                           .task_id = arena_copy(arena, str_slice(key, prefix.len, key.len)),
                           .state = arena_copy(arena, cursor_text(rows, 2)),
                           .result = arena_copy(arena, cursor_text(rows, 3)),
                           .error = arena_copy(arena, cursor_text(rows, 4)),
                           .at = { cursor_integer(rows, 5) } };
}

/* "GROUP PARENT EXPIRES", with - for what there is none of; null: nobody has noted anything. */
static bool note_of(struct celery *celery, struct call *c, struct str task_id, struct str *out)
{
    struct redis_reply reply;
    const struct str words[] = { S("HGET"), celery_key(&celery->names, "roentgen.asked", &c->arena), task_id };
    if (!redis_ask(celery->broker, words, 3, &c->arena, &reply, &c->error))
        return false;
    *out = reply.type == REDIS_TEXT ? reply.text : STR_NULL;
    return true;
}

static struct str word_of(struct str *note)
{
    struct str word = STR_NULL;
    if (!str_next(note, ' ', &word) || str_equal(word, S("-")))
        return STR_NULL;
    return word;
}

static bool tell(struct celery *celery, struct call *c, const struct ended *ended)
{
    struct str note;
    if (!ended->is_ours)
        return true;
    if (!note_of(celery, c, ended->task_id, &note))
        return false;
    bool cancelled = str_equal(ended->state, S("CANCELLED")), ok = str_equal(ended->state, S("SUCCEEDED"));
    struct celery_answer answer = { .state = ok          ? CELERY_SUCCESS
                                             : cancelled ? CELERY_REVOKED
                                                         : CELERY_FAILURE,
                                    .id = ended->task_id,
                                    .value = ended->result,
                                    .exception = cancelled ? "TaskRevokedError" : "RuntimeError",
                                    .words = cancelled ? S("revoked") : ended->error,
                                    .at = ended->at };
    answer.group_id = word_of(&note);
    answer.parent_id = word_of(&note);
    return consume_tell(celery, c, &answer);
}

/* A day, as long as Celery keeps answers. */
static bool begin_to_look(struct consumer *consumer, struct call *c)
{
    struct instant now;
    if (!instant_is_null(consumer->told_until))
        return true;
    if (!db_clock(c, &now))
        return false;
    consumer->told_until.us = now.us - RESULT_S * SECOND_US;
    consumer->told_id = 0;
    return true;
}

bool consume_tell_ended(struct consumer *consumer, struct call *c, bool *more)
{
    struct ended *all = arena_array(&c->arena, struct ended, PAGE);
    struct cursor rows;
    int count = 0;
    *more = false;
    if (!begin_to_look(consumer, c))
        return false;
    for (db_rows(c, &rows,
                 ENDED "where (finished_at > ? or (finished_at = ? and id > ?)) and unique_key like 'celery:%' "
                       "order by finished_at, id limit ?",
                 V(consumer->told_until), V(consumer->told_until), V(consumer->told_id), V((int64_t)PAGE));
         count < PAGE && cursor_next(&rows); count++)
        read_ended(&rows, &c->arena, &all[count]);
    if (!cursor_close(&rows))
        return false;
    db_release(c);
    for (int i = 0; i < count; i++) {
        if (!tell(consumer->celery, c, &all[i]))
            return false;
        consumer->told_until = all[i].at;
        consumer->told_id = all[i].id;
    }
    *more = count == PAGE;
    return true;
}

/* ---- what is asked for, and has not been told ---- */

struct late {
    struct str uuid;
    int64_t id;
    bool cancel;
};

/* One that has expired before it began. */
static bool cancel_late(struct call *c, void *context)
{
    struct late *late = context;
    int64_t id;
    enum found found =
        db_find_locked(c, &id, "select id from jobs where job_uuid = ? and state = 'QUEUED'", V(late->uuid));
    return found == NONE || (found == FOUND && jobs_cancel(c, id) && audit_also(c, "job.cancel", "job", id, 0));
}

static bool look_at_one(struct celery *celery, struct call *c, struct str task_id, struct str note)
{
    char uuid[UUID_TEXT + 1];
    struct cursor rows;
    struct ended ended;
    int64_t expires_us = 0;
    consume_uuid(task_id, uuid);
    word_of(&note);
    word_of(&note);
    bool expires = str_to_integer(word_of(&note), &expires_us) && expires_us <= clock_now().us;
    if (expires && !db_transact(c, cancel_late, &(struct late){ .uuid = str_from(uuid) }))
        return false;
    db_rows(c, &rows, ENDED "where job_uuid = ? and finished_at is not null", V(str_from(uuid)));
    bool has_ended = cursor_next(&rows);
    if (has_ended)
        read_ended(&rows, &c->arena, &ended);
    bool ok = cursor_close(&rows);
    db_release(c);
    return ok && (!has_ended || tell(celery, c, &ended));
}

bool consume_look_at_asked(struct consumer *consumer, struct call *c)
{
    struct celery *celery = consumer->celery;
    char cursor[32] = "0";
    do {
        struct redis_reply reply;
        call_reset(c);
        const struct str words[] = { S("HSCAN"), celery_key(&celery->names, "roentgen.asked", &c->arena),
                                     str_from(cursor), S("COUNT"), S("100") };
        if (!redis_ask(celery->broker, words, 5, &c->arena, &reply, &c->error))
            return false;
        if (reply.count != 2)
            return fail(c, E_UNAVAILABLE, "Redis answers HSCAN with something else");
        snprintf(cursor, sizeof(cursor), "%.*s", STR_FMT(reply.items[0].text));
        const struct redis_reply *pairs = &reply.items[1];
        for (int i = 0; i + 1 < pairs->count; i += 2)
            if (!look_at_one(celery, c, pairs->items[i].text, pairs->items[i + 1].text))
                return false;
    } while (strcmp(cursor, "0") != 0);
    return true;
}
