/* auth.c - the endpoints of signing in and out, registering, one's own profile and password. */
#include "people/account.h"
#include "web/exchange.h"
#include "people/lockout.h"
#include "site/mail.h"
#include "people/password.h"
#include "people/session.h"
#include "api/user.h"
#include "base/names.h"
#include "schema/json.h"

#define PASSWORD_LIMITS .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 200

/* ---- sign in ---- */

struct login {
    struct str username, password;
    bool remember_me;
};
static const struct field login_fields[] = {
    FIELD(struct login, username, .flags = REQUIRED, .min = 1, .max = 254, .doc = "User name or e-mail address.",
          .example = "zhangwei"),
    FIELD(struct login, password, PASSWORD_LIMITS, .doc = "The password of the account."),
    FIELD(struct login, remember_me, .doc = "Keep the session for longer."),
};
static const struct schema login_schema = SCHEMA("Login", struct login, login_fields);

struct signed_in {
    struct tokens tokens;
    struct user user;
};
static const struct field signed_in_fields[] = {
    TOKEN_FIELDS(struct signed_in, tokens.),
    FIELD_OBJECT(struct signed_in, user, .of = &user_schema, .doc = "Who signed in."),
};
static const struct schema signed_in_schema = SCHEMA("SignedIn", struct signed_in, signed_in_fields);

static const struct field token_fields[] = { TOKEN_FIELDS(struct tokens, ) };
static const struct schema tokens_schema = SCHEMA("Tokens", struct tokens, token_fields);

static bool login(struct call *c)
{
    const struct login *in = c->in;
    struct signed_in *out = c->out;
    int64_t user_id;
    return sign_in(c, in->username, in->password, in->remember_me, &out->tokens, &user_id) &&
           user_load(c, user_id, &out->user);
}

/* ---- OAuth2: the same by form, errors as RFC 6749 5.2 says ---- */

enum grant_type { GRANT_NONE, GRANT_PASSWORD, GRANT_REFRESH };
static const char *const grant_types[] = { "password", "refresh_token", NULL };
NAMES_REACH(grant_types, GRANT_REFRESH);
struct grant {
    unsigned grant_type;
    struct str username, password, refresh_token, scope, client_id, client_secret;
};
static const struct field grant_fields[] = {
    FIELD(struct grant, grant_type, .choices = grant_types, .flags = REQUIRED, .doc = "What is offered for the token."),
    FIELD(struct grant, username, .max = 254, .doc = "With grant_type=password."),
    FIELD(struct grant, password, .flags = SECRET | KEEP_SPACES, .max = 200, .doc = "With grant_type=password."),
    FIELD(struct grant, refresh_token, .flags = SECRET, .max = 200, .doc = "With grant_type=refresh_token."),
    FIELD(struct grant, scope, .max = 200, .doc = "Not used: rights come from the account's roles."),
    FIELD(struct grant, client_id, .max = 200, .doc = "Not used: clients are public."),
    FIELD(struct grant, client_secret, .flags = SECRET, .max = 200, .doc = "Not used: clients are public."),
};
static const struct schema grant_schema = SCHEMA("TokenRequest", struct grant, grant_fields);

struct refreshing {
    struct str token;
    struct tokens *tokens;
    bool reused;
};

static bool do_refresh(struct call *c, void *context)
{
    struct refreshing *refreshing = context;
    return session_refresh(c, refreshing->token, &refreshing->reused, refreshing->tokens) && audit_change(c);
}

/* The end of a session whose token was stolen must be committed, so the refusal comes after the transaction. */
static bool refresh_with(struct call *c, struct str token, struct tokens *out)
{
    struct refreshing refreshing = { .token = token, .tokens = out };
    if (!db_transact(c, do_refresh, &refreshing))
        return false;
    if (!refreshing.reused)
        return true;
    authority_changed(c->app->authority);
    return fail(c, E_UNAUTHENTICATED, "this refresh token was used before; its session has been ended");
}

static bool oauth_refuse(struct call *c, const char *error, const char *description)
{
    struct exchange *x = exchange_of(c);
    if (c->error.code != E_NONE && c->error.code != E_UNAUTHENTICATED && c->error.code != E_BAD_REQUEST)
        return false;
    text_clear(&x->answer);
    text_format(&x->answer, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error, description);
    x->problem_is_set = true;
    c->error.code = E_BAD_REQUEST;
    return false;
}

static bool token(struct call *c)
{
    const struct grant *in = c->in;
    int64_t user_id;
    if (in->grant_type == GRANT_PASSWORD) {
        if (!in->username.len || !in->password.len)
            return oauth_refuse(c, "invalid_request", "username and password are needed");
        return sign_in(c, in->username, in->password, false, c->out, &user_id) ||
               oauth_refuse(c, "invalid_grant", "name or password is wrong");
    }
    if (!in->refresh_token.len)
        return oauth_refuse(c, "invalid_request", "refresh_token is needed");
    return refresh_with(c, in->refresh_token, c->out) ||
           oauth_refuse(c, "invalid_grant", "the refresh token is not valid");
}

struct refresh {
    struct str refresh_token;
};
static const struct field refresh_fields[] = {
    FIELD(struct refresh, refresh_token, .flags = REQUIRED | SECRET, .min = 1, .max = 200,
          .doc = "The latest one of the session."),
};
static const struct schema refresh_schema = SCHEMA("Refresh", struct refresh, refresh_fields);

static bool refresh(struct call *c)
{
    const struct refresh *in = c->in;
    return refresh_with(c, in->refresh_token, c->out);
}

/* ---- sign out ---- */

static bool logout(struct call *c)
{
    return db_execute(
        c, "update sessions set revoked_at = ?, revoked_reason = 'logout' where id = ? and revoked_at is null",
        V(clock_now()), V(call_principal(c)->session_id));
}

static bool logout_all(struct call *c)
{
    return sessions_revoke(c, call_user(c), 0, "logout everywhere");
}

/* ---- register ---- */

static bool register_post(struct call *c)
{
    struct new_user in = *(const struct new_user *)c->in;
    unsigned policy = c->app->live->registration;
    int64_t id;
    if (policy == REGISTRATION_CLOSED)
        return fail(c, E_FORBIDDEN, "registration is closed here: ask an administrator for an account");
    in.roles = (struct texts){ 0 }; /* nobody chooses their own */
    if (!user_create(c, &in, policy == REGISTRATION_OPEN ? USER_ACTIVE : USER_PENDING, &id))
        return false;
    answer_status(c, policy == REGISTRATION_OPEN ? 201 : 202);
    return user_load(c, id, c->out);
}

/* ---- oneself ---- */

static bool me_get(struct call *c)
{
    return user_load(c, call_user(c), c->out);
}

/* Mail to the address can set a new password, so that a token that was left lying about must not be enough to change
 * it. */
static bool me_confirm(struct call *c)
{
    const struct user *in = c->in;
    struct user before;
    if (!schema_was_given(&profile_schema, c->given, "email"))
        return true;
    if (!user_load(c, call_user(c), &before))
        return false;
    if (str_equal(before.email, in->email))
        return true;
    if (!in->current_password.len)
        return error_add_problem(&c->error, &c->arena, "body", S("current_password"), "missing",
                                 "to change the e-mail address, give the current password too");
    return password_confirmed(c, call_user(c), in->current_password, "current_password");
}

static bool me_patch(struct call *c)
{
    struct user *in = (struct user *)(uintptr_t)c->in, before;
    if (!user_load(c, call_user(c), &before))
        return false;
    if (db_find_update(c, &profile_schema, in, c->given, "where id = ?", V(call_user(c))) == FAILED)
        return false;
    if (!user_load(c, call_user(c), c->out))
        return false;
    audit_about(c, call_user(c), 0);
    user_changed(c, &before, c->out);
    return true;
}

/* ---- password ---- */

struct password_change {
    struct str current_password, new_password, hash;
    int64_t user_id, keep_session;
};
static const struct field password_change_fields[] = {
    FIELD(struct password_change, current_password, PASSWORD_LIMITS, .doc = "The password so far."),
    FIELD(struct password_change, new_password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 8, .max = 72,
          .doc = "The password from now on."),
};
static const struct schema password_change_schema =
    SCHEMA("PasswordChange", struct password_change, password_change_fields);

static bool store_password(struct call *c, void *context)
{
    const struct password_change *p = context;
    audit_about(c, p->user_id, 0);
    return db_execute(
               c,
               "update users set password_hash = ?, must_change_password = 0, password_changed_at = ?, updated_at = ? "
               "where id = ?",
               V(p->hash), V(clock_now()), V(clock_now()), V(p->user_id)) &&
           sessions_revoke(c, p->user_id, p->keep_session, "password changed") &&
           db_execute(c, "delete from password_resets where user_id = ?", V(p->user_id)) && audit_change(c);
}

static bool password_change(struct call *c)
{
    const struct password_change *in = c->in;
    struct password_change change = { .user_id = call_user(c), .keep_session = call_principal(c)->session_id };
    struct user user;
    return password_confirmed(c, change.user_id, in->current_password, "current_password") &&
           user_load(c, change.user_id, &user) &&
           password_check(c, in->new_password, user.username, user.email, user.full_name, "new_password") &&
           password_hash(in->new_password, (int)c->app->config.bcrypt_cost, &c->arena, &change.hash, &c->error) &&
           db_transact(c, store_password, &change);
}

struct reset {
    struct str email;
};
static const struct field reset_fields[] = {
    FIELD(struct reset, email, .flags = REQUIRED, .min = 3, .max = 254, .rule = &email_rule,
          .doc = "The account's address.", .example = "zhang.wei@example.org"),
};
static const struct schema reset_schema = SCHEMA("PasswordReset", struct reset, reset_fields);

struct reset_token {
    int64_t user_id;
    struct str hash;
};

static bool store_reset(struct call *c, void *context)
{
    const struct reset_token *token = context;
    int64_t now = clock_now().us;
    return db_execute(c, "delete from password_resets where expires_at < ? or user_id = ?", V(now),
                      V(token->user_id)) &&
           db_execute(c, "insert into password_resets(token_hash, user_id, created_at, expires_at) values (?, ?, ?, ?)",
                      V(token->hash), V(token->user_id), V(now), V(now + c->app->config.password_reset_s * 1000000));
}

/* On the mailer's thread: whether there is such an account is asked where nobody waits for the answer. */
static bool compose_reset(struct call *c, struct mail_text *out)
{
    const struct config *config = &c->app->config;
    struct reset_token reset;
    if (!db_integer(c, &reset.user_id,
                    "select id from users where email = ? and status = 'ACTIVE' and deleted_at is null", V(out->to)) ||
        !lockout_allows_reset(c->app->lockout, reset.user_id))
        return false;
    struct str token = crypto_token(&c->arena, 32);
    reset.hash = crypto_sha256_hex(token, &c->arena);
    if (!db_transact(c, store_reset, &reset))
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
static bool password_reset(struct call *c)
{
    const struct reset *in = c->in;
    if (!mail_is_configured(c->app))
        return fail(c, E_UNAVAILABLE, "this server sends no mail: ask an administrator to set a new password");
    answer_status(c, 202);
    mail_compose_later(c->app->mailer, call_request_id(c), in->email, compose_reset);
    return true;
}

struct reset_confirm {
    struct str token, new_password;
};
static const struct field reset_confirm_fields[] = {
    FIELD(struct reset_confirm, token, .flags = REQUIRED | SECRET, .min = 1, .max = 200,
          .doc = "The token from the mail."),
    FIELD(struct reset_confirm, new_password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 8, .max = 72,
          .doc = "The password from now on."),
};
static const struct schema reset_confirm_schema =
    SCHEMA("PasswordResetConfirm", struct reset_confirm, reset_confirm_fields);

struct confirming {
    struct password_change change;
    struct str token_hash;
};

static bool use_reset(struct call *c, void *context)
{
    struct confirming *confirming = context;
    int64_t used = 0;
    if (!db_execute_counted(
            c, &used,
            "update password_resets set used_at = ? where token_hash = ? and used_at is null and expires_at > ?",
            V(clock_now()), V(confirming->token_hash), V(clock_now())))
        return false;
    return used ? lockout_lift(c, confirming->change.user_id) && lockout_familiar(c, confirming->change.user_id) &&
                      store_password(c, &confirming->change)
                : error_add_problem(&c->error, &c->arena, "body", S("token"), "bad_token",
                                    "the token is not valid, or no longer");
}

static bool password_reset_confirm(struct call *c)
{
    const struct reset_confirm *in = c->in;
    struct confirming confirming = { .token_hash = crypto_sha256_hex(in->token, &c->arena) };
    struct user user;
    if (!db_integer(c, &confirming.change.user_id,
                    "select user_id from password_resets where token_hash = ? and used_at is null and expires_at > ?",
                    V(confirming.token_hash), V(clock_now())))
        return error_add_problem(&c->error, &c->arena, "body", S("token"), "bad_token",
                                 "the token is not valid, or no longer");
    return user_load(c, confirming.change.user_id, &user) &&
           password_check(c, in->new_password, user.username, user.email, user.full_name, "new_password") &&
           password_hash(in->new_password, (int)c->app->config.bcrypt_cost, &c->arena, &confirming.change.hash,
                         &c->error) &&
           db_transact(c, use_reset, &confirming);
}

#define AUTH .tag = "auth", .entity = "user", .lane = LANE_SIGN_IN
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/auth/login", login, &login_schema, &signed_in_schema, ANYONE, WORKS, BODY_JSON,
      .flags = LOGIN, AUTH, .audit = "auth.login", .summary = "Signs in with name and password",
      .doc = "After too many failures the account is locked for the caller's address; the answer stays the same, but "
             "says in Retry-After how long that lasts." },
    { HTTP_POST, "/api/v1/auth/token", token, &grant_schema, &tokens_schema, ANYONE, WORKS, BODY_FORM,
      .flags = LOGIN | OAUTH, AUTH, .audit = "auth.login",
      .summary = "OAuth2 token endpoint (RFC 6749): password and refresh_token grants" },
    { HTTP_POST, "/api/v1/auth/refresh", refresh, &refresh_schema, &tokens_schema, ANYONE, WORKS, BODY_JSON, AUTH,
      .audit = "auth.refresh", .summary = "Changes a refresh token for the next pair",
      .doc = "A refresh token is good once; using one again ends its session." },
    { HTTP_POST, "/api/v1/auth/logout", logout, NULL, NULL, SIGNED_IN, WRITES,
      .flags = CHANGES_AUTHORITY | BEFORE_CHANGE, AUTH, .audit = "auth.logout", .summary = "Ends this session" },
    { HTTP_POST, "/api/v1/auth/logout-all", logout_all, NULL, NULL, SIGNED_IN, WRITES,
      .flags = CHANGES_AUTHORITY | BEFORE_CHANGE, AUTH, .audit = "auth.logout_all",
      .summary = "Ends all of one's sessions" },
    { HTTP_POST, "/api/v1/auth/register", register_post, &new_user_schema, &user_schema, ANYONE, WORKS, BODY_JSON, 201,
      .flags = LOGIN, AUTH, .audit = "auth.register", .summary = "Asks for an account",
      .also = { { 202, "The account waits for approval." } },
      .doc = "Closed, by approval (202, the account is PENDING) or open (201), as the setting REGISTRATION says." },
    { HTTP_GET, "/api/v1/auth/me", me_get, NULL, &user_schema, SIGNED_IN, .flags = BEFORE_CHANGE, AUTH,
      .summary = "Shows one's own account" },
    { HTTP_PATCH, "/api/v1/auth/me", me_patch, &profile_schema, &user_schema, SIGNED_IN, WRITES, BODY_JSON, AUTH,
      .audit = "auth.profile", .first = me_confirm, .summary = "Changes one's own profile",
      .doc = "Another e-mail address needs `current_password`; mail goes to both." },
    { HTTP_POST, "/api/v1/auth/password/change", password_change, &password_change_schema, NULL, SIGNED_IN, WORKS,
      BODY_JSON, .flags = CHANGES_AUTHORITY | BEFORE_CHANGE, AUTH, .audit = "auth.password",
      .summary = "Changes one's password; other sessions end",
      .doc =
          "Wrong passwords count as failed sign-ins do. After an administrator has set the password, everything else "
          "but signing out and /auth/me answers 403 with the type urn:roentgen:problem:password-change-required "
          "until it is changed." },
    { HTTP_POST, "/api/v1/auth/password/reset", password_reset, &reset_schema, NULL, ANYONE, WORKS, BODY_JSON, 202,
      .flags = LOGIN, AUTH, .summary = "Sends a reset token by mail, if there is such an account",
      .doc = "The answer never tells whether there is." },
    { HTTP_POST, "/api/v1/auth/password/reset/confirm", password_reset_confirm, &reset_confirm_schema, NULL, ANYONE,
      WORKS, BODY_JSON, .flags = LOGIN | CHANGES_AUTHORITY, AUTH, .audit = "auth.password",
      .summary = "Sets a new password with a mailed token" },
};
ENDPOINT_TABLE(auth_endpoints, rows);
