/* own_password.c - a password is changed by its owner, or set anew with a token that came by mail. */
#include "people/own_password.h"

#include "site/account_key.h"
#include "site/app.h"
#include "people/account.h"
#include "people/lockout.h"
#include "people/mailing.h"
#include "people/session.h"
#include "base/crypto.h"

enum { RESETS_PER_HOUR = 5 };

struct own_password {
    int64_t user_id, keep_session;
    struct str hash;
};

/* They stay for as long as they count against too many (sessions.clean). */
static bool end_tokens(struct call *c, int64_t user_id)
{
    return db_execute(c, "update password_resets set used_at = ? where user_id = ? and used_at is null", V(clock_now()),
                      V(user_id));
}

static bool store(struct call *c, void *context)
{
    const struct own_password *p = context;
    audit_about(c, p->user_id, 0);
    return db_execute(
               c,
               "update users set password_hash = ?, must_change_password = 0, password_changed_at = ?, updated_at = ? "
               "where id = ?",
               V(p->hash), V(clock_now()), V(clock_now()), V(p->user_id)) &&
           sessions_revoke(c, p->user_id, p->keep_session, "password changed") && end_tokens(c, p->user_id) &&
           audit_change(c);
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

struct reset_order {
    struct str sealed;
};
static const struct field reset_order_fields[] = {
    FIELD(struct reset_order, sealed, .flags = REQUIRED, .max = 4000, .doc = "The address that was given: sealed."),
};
static const struct schema reset_order = SCHEMA("PasswordResetOrder", struct reset_order, reset_order_fields);

/* A mailbox is not to be flooded. */
static enum found may_have_another(struct call *c, int64_t user_id)
{
    int64_t count, since_us = clock_now().us - RESETS_COUNT_S * INT64_C(1000000);
    if (!db_integer(c, &count, "select count(*) from password_resets where user_id = ? and created_at > ?", V(user_id),
                    V(since_us)))
        return FAILED;
    return count < RESETS_PER_HOUR ? FOUND : NONE;
}

static bool store_token(struct call *c, int64_t user_id, struct str token)
{
    int64_t now = clock_now().us;
    return end_tokens(c, user_id) &&
           db_execute(c, "insert into password_resets(token_hash, user_id, created_at, expires_at) values (?, ?, ?, ?)",
                      V(crypto_sha256_hex(token, &c->arena)), V(user_id), V(now),
                      V(now + c->app->config.password_reset_s * 1000000));
}

static bool put_token_mail(struct call *c, struct str to, struct str token)
{
    const struct config *config = &c->app->config;
    struct mail mail = { to, S("Roentgen: new password / 重置密码") };
    mail.body = arena_format(
        &c->arena,
        "Somebody asked for a new password for your Roentgen account. Your token, good for %" PRId64 " minutes and "
        "once:\r\n\r\n%.*s\r\n\r\nServer: %.*s\r\nIf this was not you, nothing has changed.\r\n\r\n"
        "有人请求为您的 Roentgen 账户设置新密码。以上令牌只能使用一次。如果不是您本人操作，请忽略此邮件。",
        config->password_reset_s / 60, STR_FMT(token), STR_FMT(config->public_url));
    return mailing_put(c, &mail);
}

/* In the transaction that ends the job. Whether there is such an account is asked where nobody waits for the answer. */
static bool answer_ask(struct call *c, void *context)
{
    const struct str *to = context;
    struct str token = crypto_token(&c->arena, 32);
    int64_t user_id = 0;
    enum found found = db_find_locked(
        c, &user_id, "select id from users where email_key = ? and status = 'ACTIVE' and deleted_at is null",
        V(account_key(*to, &c->arena)));
    if (found == FOUND)
        found = may_have_another(c, user_id);
    return found == NONE || (found == FOUND && store_token(c, user_id, token) && put_token_mail(c, *to, token));
}

static bool reset(struct call *c, struct job_run *run)
{
    struct str to;
    return mailing_open(c, ((const struct reset_order *)job_payload(run))->sealed, &to) &&
           job_complete(c, run, answer_ask, &to);
}

/* That it has gone tells nobody whether there was an account. */
const struct job_kind password_reset_kind = { "passwords.reset",
                                              &reset_order,
                                              NULL,
                                              reset,
                                              .attempts = 10,
                                              .time_limit_s = 60,
                                              .concurrency = 1,
                                              .is_fleeting = true,
                                              .doc = "Writes the mail with which a new password can be set." };

static bool put_ask(struct call *c, void *context)
{
    struct reset_order order = { mailing_seal(c, *(const struct str *)context) };
    return jobs_put(c, &(struct job_order){ .kind = &password_reset_kind, .payload = &order, .priority = JOB_HIGH },
                    NULL);
}

/* The same work whether the account exists or not: one job more. */
bool own_password_ask(struct call *c, struct str email)
{
    if (!mail_is_configured(c->app))
        return fail(c, E_UNAVAILABLE, "this server sends no mail: ask an administrator to set a new password");
    return db_transact(c, put_ask, &email);
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
