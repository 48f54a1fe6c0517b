/* session.c - sessions: begun, refreshed, ended. */
#include "people/session.h"

#include "site/app.h"
#include "base/crypto.h"

enum { REFRESH_TOKEN_BYTES = 32 };

static bool put_refresh_token(struct call *c, int64_t session_id, struct str *out)
{
    *out = crypto_token(&c->arena, REFRESH_TOKEN_BYTES);
    return db_execute(c, "insert into refresh_tokens(token_hash, session_id, created_at) values (?, ?, ?)",
                      V(crypto_sha256_hex(*out, &c->arena)), V(session_id), V(clock_now()));
}

static void fill_access(struct call *c, struct str session_uuid, int64_t user_id, struct tokens *out)
{
    out->expires_in = c->app->config.access_token_s;
    out->access_token = authority_token(c->app->authority, &c->arena, session_uuid, user_id, out->expires_in);
    out->token_type = S("bearer");
}

/* Every use puts the end off, but not past SESSION_MAX_LIFETIME. */
static int64_t session_end_us(const struct call *c, bool remember_me, int64_t created_us)
{
    const struct config *config = &c->app->config;
    int64_t end_us = clock_now().us + (remember_me ? config->session_remember_s : config->session_s) * 1000000;
    int64_t last_us = created_us + config->session_max_s * 1000000;
    return end_us < last_us ? end_us : last_us;
}

bool session_start(struct call *c, int64_t user_id, bool remember_me, struct tokens *out)
{
    struct str uuid = crypto_uuid_text(&c->arena);
    struct instant now = clock_now();
    int64_t id = 0;
    bool ok =
        db_execute(
            c,
            "insert into sessions(session_uuid, user_id, client, user_agent, remember_me, created_at, last_used_at, "
            "expires_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            V(uuid), V(user_id), V(call_client(c)), V(str_slice(call_user_agent(c), 0, 200)), V(remember_me), V(now),
            V(now), V(session_end_us(c, remember_me, now.us))) &&
        db_integer(c, &id, "select id from sessions where session_uuid = ?", V(uuid)) &&
        put_refresh_token(c, id, &out->refresh_token) &&
        db_execute(c, "update users set last_login_at = ? where id = ?", V(now), V(user_id));
    if (ok)
        fill_access(c, uuid, user_id, out);
    return ok;
}

struct presented {
    int64_t session_id, user_id, used_at, remember_me, created_at;
    struct str session_uuid;
};

static enum found find_token(struct call *c, struct str hash, struct presented *out)
{
    struct cursor rows;
    db_rows(
        c, &rows,
        "select t.session_id, s.user_id, t.used_at, s.remember_me, s.session_uuid, s.created_at from refresh_tokens t "
        "join sessions s on s.id = t.session_id join users u on u.id = s.user_id where t.token_hash = ? "
        "and s.revoked_at is null and s.expires_at > ? and u.status = 'ACTIVE' and u.deleted_at is null",
        V(hash), V(clock_now()));
    bool is_there = cursor_next(&rows);
    if (is_there)
        *out = (struct presented){ cursor_integer(&rows, 0), cursor_integer(&rows, 1),
                                   cursor_integer(&rows, 2), cursor_integer(&rows, 3),
                                   cursor_integer(&rows, 5), arena_copy(&c->arena, cursor_text(&rows, 4)) };
    return !cursor_close(&rows) ? FAILED : is_there ? FOUND : NONE;
}

/* A used token is kept to recognise that somebody else has it too. Whoever comes with one that is many generations
 * old gains nothing and is told no more than that it is not valid. */
static bool forget_old_tokens(struct call *c, int64_t session_id)
{
    int64_t newest_forgotten = 0;
    enum found found = db_find_integer(c, &newest_forgotten,
                                       "select used_at from refresh_tokens where session_id = ? and used_at is not "
                                       "null order by used_at desc limit 1 offset 8",
                                       V(session_id));
    if (found != FOUND)
        return found == NONE;
    return db_execute(c, "delete from refresh_tokens where session_id = ? and used_at <= ?", V(session_id),
                      V(newest_forgotten));
}

struct refreshing {
    struct str token;
    struct tokens *tokens;
    bool reused;
};

static bool use_token(struct call *c, struct refreshing *refreshing)
{
    struct presented p;
    struct tokens *out = refreshing->tokens;
    struct str hash = crypto_sha256_hex(refreshing->token, &c->arena);
    struct instant now = clock_now();
    refreshing->reused = false;
    if (find_token(c, hash, &p) != FOUND)
        return fail(c, E_UNAUTHENTICATED, "the refresh token is not valid, or no longer");
    int64_t used = 0;
    if (!p.used_at &&
        !db_execute_counted(c, &used, "update refresh_tokens set used_at = ? where token_hash = ? and used_at is null",
                            V(now), V(hash)))
        return false;
    if (!used) {
        refreshing->reused = true;
        return db_execute(c, "update sessions set revoked_at = ?, revoked_reason = 'token reused' where id = ?", V(now),
                          V(p.session_id));
    }
    bool ok = db_execute(c, "update sessions set last_used_at = ?, expires_at = ? where id = ?", V(now),
                         V(session_end_us(c, p.remember_me, p.created_at)), V(p.session_id)) &&
              forget_old_tokens(c, p.session_id) && put_refresh_token(c, p.session_id, &out->refresh_token);
    if (ok)
        fill_access(c, p.session_uuid, p.user_id, out);
    return ok;
}

static bool refresh(struct call *c, void *context)
{
    return use_token(c, context) && audit_change(c);
}

/* The end of a session whose token was stolen must be committed, so the refusal comes after the transaction. */
bool session_refresh(struct call *c, struct str refresh_token, struct tokens *out)
{
    struct refreshing refreshing = { .token = refresh_token, .tokens = out };
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
