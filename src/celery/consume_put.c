/* consume_put.c - from messages to jobs: what a message asks for, whether it may be, and the one transaction. */
#include "celery/consume_parts.h"

#include "base/clock.h"

/* ---- ids ---- */

static bool is_uuid(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23, hex = strchr("0123456789abcdef", s.at[i]);
        if (hyphen ? s.at[i] != '-' : !hex)
            return false;
    }
    return s.len == UUID_TEXT;
}

void consume_uuid(struct str id, char out[UUID_TEXT + 1])
{
    unsigned char digest[SHA256_BYTES];
    if (is_uuid(id)) {
        snprintf(out, UUID_TEXT + 1, "%.*s", STR_FMT(id));
        return;
    }
    crypto_sha256(id, digest);
    crypto_uuid_mark(digest);
    crypto_uuid_write(digest, out);
}

/* ---- what it asks for ---- */

static void refuse(struct taken *t, const char *exception, struct str words)
{
    t->answer.state = CELERY_FAILURE;
    t->answer.exception = exception;
    t->answer.words = words;
}

static void set_revoked(struct taken *t, const char *words)
{
    refuse(t, "TaskRevokedError", str_from(words));
    t->answer.state = CELERY_REVOKED;
}

static const struct job_kind *kind_of(const struct app *app, struct str name)
{
    struct str prefix = S(CELERY_TASK_PREFIX);
    const struct job_kind *kind =
        str_starts(name, prefix) ? jobs_kind(app, str_slice(name, prefix.len, name.len)) : NULL;
    return kind && !kind->is_free && !kind->is_fleeting ? kind : NULL;
}

static void look_at(struct consumer *consumer, struct taken *t)
{
    const struct celery_request *r = &t->request;
    const struct job_kind *kind = kind_of(consumer->celery->app, r->name);
    t->answer =
        (struct celery_answer){ .id = r->id, .group_id = r->group_id, .parent_id = r->parent_id, .at = clock_now() };
    consume_uuid(r->id, t->job_uuid);
    if (consume_is_revoked(consumer, r->id))
        set_revoked(t, "revoked");
    else if (!instant_is_null(r->expires) && r->expires.us <= clock_now().us)
        set_revoked(t, "expired");
    else if (!kind)
        refuse(t, "NotRegistered", r->name);
    else if (!kind->by_hand)
        refuse(t, "PermissionError", S("this task may not be asked for"));
    else if (r->refused)
        refuse(t, "ValueError", str_from(r->refused));
    else if (r->has_args)
        refuse(t, "TypeError", S("this task takes keyword arguments only"));
    else if (r->has_followers)
        refuse(t, "NotImplementedError", S("chains, chords and callbacks are not done here"));
}

void consume_read(struct consumer *consumer, struct call *c, struct taken *taken, int count)
{
    for (int i = 0; i < count; i++) {
        struct taken *t = &taken[i];
        t->broken = celery_request_read(t->text, &c->arena, &t->request);
        if (!t->broken)
            look_at(consumer, t);
    }
}

/* ---- the transaction ---- */

static bool put_new(struct call *c, struct taken *t)
{
    const struct celery_request *r = &t->request;
    struct job_wish wish = {
        .kind = str_slice(r->name, (ptrdiff_t)strlen(CELERY_TASK_PREFIX), r->name.len),
        .payload = { r->kwargs },
        .priority = r->priority ? JOB_LOW : JOB_NORMAL,
        .not_before = r->eta,
        .unique_key = arena_format(&c->arena, CELERY_UNIQUE "%.*s", STR_FMT(r->id)),
        .job_uuid = arena_copy(&c->arena, str_from(t->job_uuid)),
    };
    int64_t id = 0;
    if (jobs_ask(c, &wish, &id))
        return audit_also(c, "job.create", "job", id, 0);
    if (c->error.code != E_INVALID)
        return false;
    const struct problem *p = c->error.problems;
    refuse(t, "ValueError",
           p ? arena_format(&c->arena, "%.*s: %.*s", STR_FMT(p->member), STR_FMT(p->message))
             : arena_copy(&c->arena, str_from(c->error.message)));
    error_clear(&c->error);
    return true;
}

/* Locked, since of two that have the same message one comes second. */
static bool put_one(struct call *c, struct taken *t)
{
    struct value key;
    struct str uuid = str_from(t->job_uuid);
    enum found found = db_find_value(c, &key, "select unique_key from jobs where job_uuid = ?", V(uuid));
    if (found != FOUND)
        return found == NONE && put_new(c, t);
    struct str own = arena_format(&c->arena, CELERY_UNIQUE "%.*s", STR_FMT(t->request.id));
    if (key.type != VALUE_TEXT || !str_equal(key.text, own))
        refuse(t, "PermissionError", S("this id is another job's"));
    return true;
}

struct putting {
    struct taken *taken;
    int count;
};

static bool put_all(struct call *c, void *context)
{
    const struct putting *putting = context;
    for (int i = 0; i < putting->count; i++) {
        struct taken *t = &putting->taken[i];
        if (!t->broken && t->answer.state == CELERY_PENDING && !put_one(c, t))
            return false;
    }
    return true;
}

bool consume_put(struct call *c, struct taken *taken, int count)
{
    for (int i = 0; i < count; i++)
        if (!taken[i].broken && taken[i].answer.state == CELERY_PENDING)
            return db_transact(c, put_all, &(struct putting){ taken, count });
    return true;
}

/* ---- revoking ---- */

struct revoking {
    const struct revoked *revoked;
    int count;
};

static bool revoke_one(struct call *c, const struct revoked *revoked)
{
    char uuid[UUID_TEXT + 1];
    int64_t id;
    consume_uuid(str_from(revoked->id), uuid);
    enum found found = db_find_locked(
        c, &id,
        revoked->terminate ? "select id from jobs where job_uuid = ? and unique_key like 'celery:%' and state in "
                             "('QUEUED', 'RUNNING')"
                           : "select id from jobs where job_uuid = ? and unique_key like 'celery:%' and state = "
                             "'QUEUED'",
        V(str_from(uuid)));
    return found == NONE || (found == FOUND && jobs_cancel(c, id) && audit_also(c, "job.cancel", "job", id, 0));
}

static bool revoke_all(struct call *c, void *context)
{
    const struct revoking *revoking = context;
    for (int i = 0; i < revoking->count; i++)
        if (!revoke_one(c, &revoking->revoked[i]))
            return false;
    return true;
}

bool consume_revoke(struct call *c, const struct revoked *revoked, int count)
{
    return db_transact(c, revoke_all, &(struct revoking){ revoked, count });
}
