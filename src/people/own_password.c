/* own_password.c - a password is changed by its owner, or set anew with a token that came by mail. */
#include "people/own_password.h"

#include "site/account_key.h"
#include "site/app.h"
#include "people/account.h"
#include "people/lockout.h"
#include "site/mail.h"
#include "people/session.h"
#include "base/crypto.h"

struct own_password {
    int64_t user_id, keep_session;
    struct str hash;
};

static bool store(struct call *c, void *context)
{
    const struct own_password *p = context;
    audit_about(c, p->user_id, 0);
    return db_execute(
               c,
               "update users set password_hash = ?, must_change_password = 0, password_changed_at = ?, updated_at = ? "
               "where id = ?",
               V(p->hash), V(clock_now()), V(clock_now()), V(p->user_id)) &&
           sessions_revoke(c, p->user_id, p->keep_session, "password changed") &&
           db_execute(c, "delete from password_resets where user_id = ?", V(p->user_id)) && audit_change(c);
}

/* Whoever has set the one so far goes on knowing it; and one that has got about is to be gone. */
static bool refuse_same(struct call *c)
{
    return error_add_problem(&c->error, &c->arena, "body", S("new_password"), "unchanged",
                             "this is the password so far: choose another");
}

bool own_password_change(struct call *c, struct str current, struct str password)
{
    struct own_password change = { .user_id = call_user(c), .keep_session = call_principal(c)->session_id };
    return password_confirmed(c, change.user_id, current, "current_password") &&
           (!str_equal(current, password) || refuse_same(c)) &&
           account_hash_password(c, change.user_id, password, &change.hash) && db_transact(c, store, &change);
}

/* ---- a token by mail ---- */

struct reset_token {
    int64_t user_id;
    struct str hash;
};

static bool store_token(struct call *c, void *context)
{
    const struct reset_token *token = context;
    int64_t now = clock_now().us;
    return db_execute(c, "delete from password_resets where user_id = ?", V(token->user_id)) &&
           db_execute(c, "insert into password_resets(token_hash, user_id, created_at, expires_at) values (?, ?, ?, ?)",
                      V(token->hash), V(token->user_id), V(now), V(now + c->app->config.password_reset_s * 1000000));
}

/* On the mailer's thread: whether there is such an account is asked where nobody waits for the answer. */
static bool compose_mail(struct call *c, struct mail_text *out)
{
    const struct config *config = &c->app->config;
    struct reset_token reset;
    if (!db_integer(c, &reset.user_id,
                    "select id from users where email_key = ? and status = 'ACTIVE' and deleted_at is null",
                    V(account_key(out->to, &c->arena))) ||
        !lockout_allows_reset(c->app->lockout, reset.user_id))
        return false;
    struct str token = crypto_token(&c->arena, 32);
    reset.hash = crypto_sha256_hex(token, &c->arena);
    if (!db_transact(c, store_token, &reset))
        return false;
    out->subject = S("Roentgen: new password / 重置密码");
    out->body = arena_format(
        &c->arena,
        "Somebody asked for a new password for your Roentgen account. Your token, good for %" PRId64 " minutes and "
        "once:\r\n\r\n%.*s\r\n\r\nServer: %.*s\r\nIf this was not you, nothing has changed.\r\n\r\n"
        "有人请求为您的 Roentgen 账户设置新密码。以上令牌只能使用一次。如果不是您本人操作，请忽略此邮件。",
        config->password_reset_s / 60, STR_FMT(token), STR_FMT(config->public_url));
    return true;
}

/* The same work whether the account exists or not: one piece more in a queue. */
bool own_password_ask(struct call *c, struct str email)
{
    if (!mail_is_configured(c->app))
        return fail(c, E_UNAVAILABLE, "this server sends no mail: ask an administrator to set a new password");
    mail_compose_later(c->app->mailer, call_request_id(c), email, compose_mail);
    return true;
}

/* ---- its use ---- */

struct resetting {
    struct own_password password;
    struct str token_hash;
};

static bool token_is_bad(struct call *c)
{
    return error_add_problem(&c->error, &c->arena, "body", S("token"), "bad_token",
                             "the token is not valid, or no longer");
}

static bool use_token(struct call *c, void *context)
{
    struct resetting *resetting = context;
    int64_t used = 0, user_id = resetting->password.user_id;
    if (!db_execute_counted(
            c, &used,
            "update password_resets set used_at = ? where token_hash = ? and used_at is null and expires_at > ?",
            V(clock_now()), V(resetting->token_hash), V(clock_now())))
        return false;
    if (!used) /* somebody else was faster */
        return token_is_bad(c);
    return lockout_lift(c, user_id) && lockout_familiar(c, user_id) && store(c, &resetting->password);
}

/* A token does not ask for the password so far; when somebody else has set that, the new one is compared all the
 * same. */
static bool differs_from_anothers(struct call *c, int64_t user_id, struct str password)
{
    struct cursor rows;
    struct str hash = STR_NULL;
    db_rows(c, &rows, "select password_hash from users where id = ? and must_change_password = 1", V(user_id));
    if (cursor_next(&rows))
        hash = arena_copy(&c->arena, cursor_text(&rows, 0));
    if (!cursor_close(&rows))
        return false;
    db_release(c);
    return !hash.len || !password_matches(password, hash) || refuse_same(c);
}

bool own_password_reset(struct call *c, struct str token, struct str password)
{
    struct resetting resetting = { .token_hash = crypto_sha256_hex(token, &c->arena) };
    if (!db_integer(c, &resetting.password.user_id,
                    "select user_id from password_resets where token_hash = ? and used_at is null and expires_at > ?",
                    V(resetting.token_hash), V(clock_now())))
        return token_is_bad(c);
    return differs_from_anothers(c, resetting.password.user_id, password) &&
           account_hash_password(c, resetting.password.user_id, password, &resetting.password.hash) &&
           db_transact(c, use_token, &resetting);
}
