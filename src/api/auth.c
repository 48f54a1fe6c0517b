/* auth.c - the endpoints of signing in and out, registering, one's own profile and password. */
#include "base/names.h"
#include "people/account.h"
#include "people/own_password.h"
#include "people/profile.h"
#include "people/session.h"
#include "web/exchange.h"

#define PASSWORD_LIMITS .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 200

/* ---- sign in ---- */

struct login {
    struct str username, password;
    bool remember_me;
};
static const struct field login_fields[] = {
    FIELD(struct login, username, .flags = REQUIRED, .min = 1, .max = 254,
          .doc = "The account's name or e-mail address.", .example = "zhangwei"),
    FIELD(struct login, password, PASSWORD_LIMITS, .doc = "The password of the account."),
    FIELD(struct login, remember_me, .doc = "The session lasts longer."),
};
static const struct schema login_schema = SCHEMA("Login", struct login, login_fields);

struct signed_in {
    struct tokens tokens;
    struct user user;
};
static const struct field signed_in_fields[] = {
    TOKEN_FIELDS(struct signed_in, tokens.),
    FIELD_OBJECT(struct signed_in, user, .of = &user_schema, .doc = "The account that signed in."),
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
    FIELD(struct grant, grant_type, .choices = grant_types, .type = "GrantType", .flags = REQUIRED,
          .doc = "What is offered for the token."),
    FIELD(struct grant, username, .max = 254, .doc = "The account's name or e-mail address, with grant_type=password."),
    FIELD(struct grant, password, .flags = SECRET | KEEP_SPACES, .max = 200,
          .doc = "The account's password, with grant_type=password."),
    FIELD(struct grant, refresh_token, .flags = SECRET, .max = 200,
          .doc = "The session's latest refresh token, with grant_type=refresh_token."),
    FIELD(struct grant, scope, .max = 200, .doc = "It is not used: rights come from the account's roles."),
    FIELD(struct grant, client_id, .max = 200, .doc = "It is not used: clients are public."),
    FIELD(struct grant, client_secret, .flags = SECRET, .max = 200, .doc = "It is not used: clients are public."),
};
static const struct schema grant_schema = SCHEMA("TokenRequest", struct grant, grant_fields);

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
    return session_refresh(c, in->refresh_token, c->out) ||
           oauth_refuse(c, "invalid_grant", "the refresh token is not valid");
}

struct refresh {
    struct str refresh_token;
};
static const struct field refresh_fields[] = {
    FIELD(struct refresh, refresh_token, .flags = REQUIRED | SECRET, .min = 1, .max = 200,
          .doc = "The session's latest refresh token."),
};
static const struct schema refresh_schema = SCHEMA("Refresh", struct refresh, refresh_fields);

static bool refresh(struct call *c)
{
    const struct refresh *in = c->in;
    return session_refresh(c, in->refresh_token, c->out);
}

/* ---- sign out ---- */

static bool logout(struct call *c)
{
    return session_end(c);
}

static bool logout_all(struct call *c)
{
    return sessions_revoke(c, call_user(c), 0, "logout everywhere");
}

/* ---- register ---- */

static bool register_post(struct call *c)
{
    enum user_status status;
    int64_t id;
    if (!profile_register(c, c->in, &status, &id))
        return false;
    if (status == USER_PENDING)
        answer_status(c, 202);
    return user_load(c, id, c->out);
}

/* ---- oneself ---- */

static bool me_get(struct call *c)
{
    return user_load(c, call_user(c), c->out);
}

static bool me_confirm(struct call *c)
{
    return profile_confirm(c, c->in, c->given);
}

static bool me_patch(struct call *c)
{
    struct user before;
    return profile_change(c, c->in, c->given, &before, c->out);
}

/* ---- password ---- */

struct password_change {
    struct str current_password, new_password;
};
static const struct field password_change_fields[] = {
    FIELD(struct password_change, current_password, PASSWORD_LIMITS, .doc = "The password so far."),
    FIELD(struct password_change, new_password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 8, .max = 72,
          .doc = "The password from now on."),
};
static const struct schema password_change_schema =
    SCHEMA("PasswordChange", struct password_change, password_change_fields);

static bool password_change(struct call *c)
{
    const struct password_change *in = c->in;
    return own_password_change(c, in->current_password, in->new_password);
}

struct reset {
    struct str email;
};
static const struct field reset_fields[] = {
    FIELD(struct reset, email, .flags = REQUIRED, .min = 3, .max = 254, .rule = &email_rule,
          .doc = "The account's address.", .example = "zhang.wei@example.org"),
};
static const struct schema reset_schema = SCHEMA("PasswordReset", struct reset, reset_fields);

static bool password_reset(struct call *c)
{
    const struct reset *in = c->in;
    return own_password_ask(c, in->email);
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

static bool password_reset_confirm(struct call *c)
{
    const struct reset_confirm *in = c->in;
    return own_password_reset(c, in->token, in->new_password);
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
    { HTTP_POST, "/api/v1/auth/register", register_post, &registration_schema, &user_schema, ANYONE, WORKS, BODY_JSON,
      201, .flags = LOGIN, AUTH, .audit = "auth.register", .summary = "Asks for an account",
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
      .doc = "Wrong passwords count as failed sign-ins do. After an administrator has set the password, everything "
             "else but signing out and /auth/me answers 403 with the type "
             "urn:roentgen:problem:password-change-required until it is changed." },
    { HTTP_POST, "/api/v1/auth/password/reset", password_reset, &reset_schema, NULL, ANYONE, WORKS, BODY_JSON, 202,
      .flags = LOGIN, AUTH, .summary = "Sends a reset token by mail, if there is such an account",
      .doc = "The answer never tells whether there is." },
    { HTTP_POST, "/api/v1/auth/password/reset/confirm", password_reset_confirm, &reset_confirm_schema, NULL, ANYONE,
      WORKS, BODY_JSON, .flags = LOGIN | CHANGES_AUTHORITY, AUTH, .audit = "auth.password",
      .summary = "Sets a new password with a mailed token" },
};
ENDPOINT_TABLE(auth_endpoints, rows);
