/* session.c - sessions: begun, refreshed, ended. */
#include "people/session.h"

#include "site/app.h"
#include "base/crypto.h"
#include "base/names.h"

enum { REFRESH_TOKEN_BYTES = 32, REFRESHES_PER_MINUTE = 10 };

const char *const session_kinds[] = { "token", "cookie", NULL };
NAMES_REACH(session_kinds, SESSION_BY_COOKIE);

static bool put_refresh_token(struct call *c, int64_t session_id, struct str *out)
{
    *out = crypto_token(&c->arena, REFRESH_TOKEN_BYTES);
    return db_execute(c, "insert into refresh_tokens(token_hash, session_id, created_at) values (?, ?, ?)",
                      V(crypto_sha256_hex(*out, &c->arena)), V(session_id), V(clock_now()));
}

static void fill_tokens(struct call *c, struct str session_uuid, int64_t user_id, struct tokens *out)
{
    out->expires_in = c->app->config.access_token_s;
    out->access_token = authority_token(c->app->authority, &c->arena, session_uuid, user_id, out->expires_in);
    out->token_type = S("bearer");
}

/* What shows the session, of which the database has been told `secret`; null: of a cookie, what it holds already. */
static void fill(struct call *c, enum session_kind kind, struct str session_uuid, int64_t user_id, struct str secret,
                 struct tokens *out)
{
    if (kind == SESSION_BY_COOKIE) {
        out->secret = secret;
        return;
    }
    out->refresh_token = secret;
    fill_tokens(c, session_uuid, user_id, out);
}

static int64_t unused_us(const struct call *c, bool remember_me)
{
    const struct config *config = &c->app->config;
    return (remember_me ? config->session_remember_s : config->session_s) * 1000000;
}

/* Every use puts the end off, but not past SESSION_MAX_LIFETIME. */
static struct instant session_ends(const struct call *c, bool remember_me, int64_t created_us, struct instant now)
{
    int64_t end_us = now.us + unused_us(c, remember_me);
    int64_t last_us = created_us + c->app->config.session_max_s * 1000000;
    return (struct instant){ end_us < last_us ? end_us : last_us };
}

bool session_start(struct call *c, int64_t user_id, struct session_wish wish, struct tokens *out)
{
    struct str uuid = crypto_uuid_text(&c->arena), secret;
    struct instant now = clock_now();
    enum session_kind kind = wish.kind ? wish.kind : SESSION_BY_TOKEN;
    out->remember_me = wish.remember_me;
    out->session_ends = session_ends(c, wish.remember_me, now.us, now);
    bool ok =
        db_execute(c,
                   "insert into sessions(session_uuid, user_id, kind, client, user_agent, remember_me, created_at, "
                   "last_used_at, expires_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   V(uuid), V(user_id), V(str_from(session_kinds[kind - 1])), V(call_client(c)),
                   V(str_slice(call_user_agent(c), 0, 200)), V(wish.remember_me), V(now), V(now),
                   V(out->session_ends)) &&
        db_integer(c, &out->session_id, "select id from sessions where session_uuid = ?", V(uuid)) &&
        put_refresh_token(c, out->session_id, &secret) &&
        db_execute(c, "update users set last_login_at = ? where id = ?", V(now), V(user_id));
    if (ok)
        fill(c, kind, uuid, user_id, secret, out);
    return ok;
}

struct presented {
    int64_t session_id, user_id, used_at, remember_me, created_at, ends_at;
    struct str session_uuid;
};

static enum found find_token(struct call *c, enum session_kind kind, struct str hash, struct presented *out)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select t.session_id, s.user_id, t.used_at, s.remember_me, s.session_uuid, s.created_at, s.expires_at from "
            "refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id where "
            "t.token_hash = ? and s.kind = ? and s.revoked_at is null and s.expires_at > ? and u.status = 'ACTIVE' and "
            "u.deleted_at is null",
            V(hash), V(str_from(session_kinds[kind - 1])), V(clock_now()));
    bool is_there = cursor_next(&rows);
    if (is_there)
        *out = (struct presented){ cursor_integer(&rows, 0),
                                   cursor_integer(&rows, 1),
                                   cursor_integer(&rows, 2),
                                   cursor_integer(&rows, 3),
                                   cursor_integer(&rows, 5),
                                   cursor_integer(&rows, 6),
                                   arena_copy(&c->arena, cursor_text(&rows, 4)) };
    return !cursor_close(&rows) ? FAILED : is_there ? FOUND : NONE;
}

/* A used token is kept to recognise that somebody else has it too, for as long as it would have been good had nobody
 * used it: how often somebody refreshes must not make us forget it. */
static bool forget_old_tokens(struct call *c, const struct presented *p, struct instant now)
{
    struct instant run_out = { now.us - unused_us(c, p->remember_me) };
    return db_execute(c, "delete from refresh_tokens where session_id = ? and used_at <= ?", V(p->session_id),
                      V(run_out));
}

/* Nobody's page or program needs more, and each leaves a row. */
static bool is_not_too_often(struct call *c, int64_t session_id, struct instant now)
{
    int64_t given = 0;
    if (!db_integer(c, &given, "select count(*) from refresh_tokens where session_id = ? and created_at > ?",
                    V(session_id), V((struct instant){ now.us - INT64_C(60000000) })))
        return false;
    if (given <= REFRESHES_PER_MINUTE) /* the session's first is among them */
        return true;
    c->error.retry_after_s = 60;
    return fail(c, E_TOO_MANY, "this session is refreshed too often; try again in a minute");
}

struct refreshing {
    enum session_kind kind;
    struct str token;
    struct tokens *tokens;
    bool reused;
};

/* Somebody has it beside whom it was given to; but tabs of one browser may have sent theirs at the same time. */
static bool used_before(struct call *c, struct refreshing *refreshing, const struct presented *p)
{
    int64_t now_us = clock_now().us;
    if (refreshing->kind == SESSION_BY_COOKIE && now_us - p->used_at < COOKIE_GRACE_S * INT64_C(1000000)) {
        refreshing->tokens->session_ends = (struct instant){ p->ends_at };
        return true;
    }
    refreshing->reused = true;
    audit_action(c, "auth.session_revoke", "session");
    audit_about(c, p->session_id, 0);
    audit_detail(c, S("{\"reason\":\"token reused\"}"));
    return db_execute(c, "update sessions set revoked_at = ?, revoked_reason = 'token reused' where id = ?",
                      V((struct instant){ now_us }), V(p->session_id));
}

static bool use_token(struct call *c, struct refreshing *refreshing)
{
    struct presented p;
    struct tokens *out = refreshing->tokens;
    struct str hash = crypto_sha256_hex(refreshing->token, &c->arena), next;
    struct instant now = clock_now();
    int64_t used = 0;
    refreshing->reused = false;
    if (find_token(c, refreshing->kind, hash, &p) != FOUND)
        return fail(c, E_UNAUTHENTICATED, "the refresh token is not valid, or no longer");
    if (!p.used_at) {
        p.used_at = now.us; /* by another, if it turns out that it was not this one */
        if (!is_not_too_often(c, p.session_id, now) ||
            !db_execute_counted(c, &used,
                                "update refresh_tokens set used_at = ? where token_hash = ? and used_at is null",
                                V(now), V(hash)))
            return false;
    }
    out->session_id = p.session_id;
    out->remember_me = p.remember_me;
    out->secret = STR_NULL;
    if (!used)
        return used_before(c, refreshing, &p);
    out->session_ends = session_ends(c, p.remember_me, p.created_at, now);
    if (!db_execute(c, "update sessions set last_used_at = ?, expires_at = ? where id = ?", V(now),
                    V(out->session_ends), V(p.session_id)) ||
        !forget_old_tokens(c, &p, now) || !put_refresh_token(c, p.session_id, &next))
        return false;
    fill(c, refreshing->kind, p.session_uuid, p.user_id, next, out);
    return true;
}

static bool refresh(struct call *c, void *context)
{
    return use_token(c, context) && audit_change(c);
}

/* The end of a session whose token was stolen must be committed, so the refusal comes after the transaction. */
bool session_refresh(struct call *c, enum session_kind kind, struct str refresh_token, struct tokens *out)
{
    struct refreshing refreshing = { .kind = kind, .token = refresh_token, .tokens = out };
    if (!db_transact(c, refresh, &refreshing))
        return false;
    if (!refreshing.reused)
        return true;
    authority_changed(c->app->authority);
    return fail(c, E_UNAUTHENTICATED, "this refresh token was used before; its session has been ended");
}

/* ---- ended by whom they are ---- */

bool session_end(struct call *c)
{
    return db_execute(
        c, "update sessions set revoked_at = ?, revoked_reason = 'logout' where id = ? and revoked_at is null",
        V(clock_now()), V(call_principal(c)->session_id));
}

bool session_end_other(struct call *c, int64_t id)
{
    int64_t ended = 0;
    if (!db_execute_counted(
            c, &ended,
            "update sessions set revoked_at = ?, revoked_reason = 'revoked' where id = ? and user_id = ? "
            "and revoked_at is null",
            V(clock_now()), V(id), V(call_user(c))))
        return false;
    return ended || fail(c, E_NOT_FOUND, "session %" PRId64 " does not exist", id);
}

static bool end_replaced(struct call *c, void *secret)
{
    return db_execute(c,
                      "update sessions set revoked_at = ?, revoked_reason = 'signed in anew' where kind = 'cookie' and "
                      "revoked_at is null and id = (select t.session_id from refresh_tokens t where t.token_hash = ?)",
                      V(clock_now()), V(crypto_sha256_hex(*(struct str *)secret, &c->arena)));
}

bool session_end_replaced(struct call *c, struct str secret)
{
    if (!db_transact(c, end_replaced, &secret))
        return false;
    authority_changed(c->app->authority);
    return true;
}
