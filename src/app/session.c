/* session.c - sessions: begun, refreshed, ended, and the list of where one is signed in. */
#include "app/session.h"

#include "app/exchange.h"
#include "app/listing.h"
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
        db_execute(c, "delete from sessions where expires_at < ?", V(now.us - (int64_t)86400 * 1000000)) &&
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

/* A used token is kept to recognise that somebody else has it too. Whoever comes with one that is many generations old gains nothing and is
 * told no more than that it is not valid. */
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

bool session_refresh(struct call *c, struct str refresh_token, bool *reused, struct tokens *out)
{
    struct presented p;
    struct str hash = crypto_sha256_hex(refresh_token, &c->arena);
    struct instant now = clock_now();
    *reused = false;
    if (find_token(c, hash, &p) != FOUND)
        return fail(c, E_UNAUTHENTICATED, "the refresh token is not valid, or no longer");
    int64_t used = 0;
    if (!p.used_at &&
        !db_execute_counted(c, &used, "update refresh_tokens set used_at = ? where token_hash = ? and used_at is null",
                            V(now), V(hash)))
        return false;
    if (!used) {
        *reused = true;
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

/* ---- where am I signed in ---- */

struct session {
    int64_t id;
    struct str client, user_agent;
    struct instant created_at, last_used_at, expires_at;
    bool current;
};
struct session_list {
    struct list_query list;
};

static const struct field session_fields[] = {
    FIELD(struct session, id, .doc = "Identifies the session."),
    FIELD(struct session, client, .flags = NULLABLE, .doc = "Address it was started from."),
    FIELD(struct session, user_agent, .flags = NULLABLE, .doc = "Program it was started with."),
    FIELD(struct session, created_at, .doc = "When it was started."),
    FIELD(struct session, last_used_at, .doc = "When it was last refreshed."),
    FIELD(struct session, expires_at, .doc = "When it ends if it is not used."),
    FIELD(struct session, current, .flags = NOT_STORED, .doc = "Is it the one asking?"),
};
static const struct schema session_schema = SCHEMA("Session", struct session, session_fields, .table = "sessions",
                                                   .alias = "s", .doc = "One place where the account is signed in.");
#define SESSION_SORTS(X) X("created_at", "s.created_at")
LIST_ORDER(session_order, SESSION_SORTS);
static const struct field session_list_fields[] = { LIST_FIELDS(struct session_list, session_order, "-created_at") };
static const struct schema session_list = SCHEMA("SessionList", struct session_list, session_list_fields);

static void mark_current(struct call *c, void *record)
{
    struct session *session = record;
    session->current = session->id == call_principal(c)->session_id;
}

static const struct listing session_listing = { .row = &session_schema,
                                                .where = "s.revoked_at is null",
                                                .id = "s.id",
                                                .order = &session_order,
                                                .derive = mark_current };

static bool session_list_get(struct call *c)
{
    struct condition mine[] = { { "s.user_id = ?", V(call_user(c)) }, { "s.expires_at > ?", V(clock_now()) } };
    return list_answer(c, &session_listing, (struct list_among){ .conditions = mine, .condition_count = 2 });
}

struct session_key {
    int64_t id;
};
static const struct field session_key_fields[] = {
    KEY(struct session_key, id, "The session."),
};
static const struct schema session_key = SCHEMA("SessionKey", struct session_key, session_key_fields);

static bool session_delete(struct call *c)
{
    const struct session_key *key = c->in;
    int64_t ended = 0;
    if (!db_execute_counted(
            c, &ended,
            "update sessions set revoked_at = ?, revoked_reason = 'revoked' where id = ? and user_id = ? "
            "and revoked_at is null",
            V(clock_now()), V(key->id), V(call_user(c))))
        return false;
    return ended || fail(c, E_NOT_FOUND, "session %" PRId64 " does not exist", key->id);
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/auth/sessions", session_list_get, &session_list, &session_schema, SIGNED_IN, .flags = LIST,
      .tag = "auth", .summary = "Lists where one is signed in" },
    { HTTP_DELETE, "/api/v1/auth/sessions/{id}", session_delete, &session_key, NULL, SIGNED_IN, WRITES,
      .flags = CHANGES_AUTHORITY, .audit = "auth.session_revoke", .entity = "session", .tag = "auth",
      .summary = "Ends one of one's sessions" },
};
ENDPOINT_TABLE(session_endpoints, rows);
