/* auth.c - the endpoints of signing in and out, registering, one's own profile and password. */
#include "base/names.h"
#include "people/own_password.h"
#include "people/profile.h"
#include "people/session.h"
#include "people/user_fields.h"
#include "web/exchange.h"

#define PASSWORD_LIMITS .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 200

/* ---- sign in ---- */

struct login {
    struct str username, password;
    bool remember_me;
    unsigned session;
};
static const struct field login_fields[] = {
    FIELD(struct login, username, .flags = REQUIRED, .min = 1, .max = 254,
          .doc = "The account's name or e-mail address.", .example = "zhangwei"),
    FIELD(struct login, password, PASSWORD_LIMITS, .doc = "The password of the account."),
    FIELD(struct login, remember_me, .doc = "The session lasts longer."),
    FIELD(struct login, session, .flags = IN_QUERY, .choices = session_kinds, .type = "SessionKind",
          .fallback = "token",
          .doc = "How the session is shown: by tokens, or by a cookie that the browser keeps and no script can read."),
};
static const struct schema login_schema = SCHEMA("Login", struct login, login_fields);

/* What a page is told of the session that its cookie shows. */
struct by_cookie {
    struct str csrf_token;
    struct instant expires;
};
#define COOKIE_FIELDS(T) \
    { .name = "csrf_token", \
      .flags = AT_TIMES, \
      .kind = &kind_text, \
      .offset = offsetof(T, by_cookie.csrf_token), \
      .doc = "By cookie: what each change has to send as `X-CSRF-Token`." }, \
    { \
        .name = "expires", .flags = AT_TIMES, .kind = &kind_instant, .offset = offsetof(T, by_cookie.expires), \
        .doc = "By cookie: the time when the session ends if it is not refreshed." \
    }

struct signed_in {
    struct tokens tokens;
    struct by_cookie by_cookie;
    struct user user;
};
static const struct field signed_in_fields[] = {
    TOKEN_FIELDS(struct signed_in, tokens., AT_TIMES),
    COOKIE_FIELDS(struct signed_in),
    FIELD_OBJECT(struct signed_in, user, .of = &user_schema, .doc = "The account that signed in."),
};
static const struct schema signed_in_schema = SCHEMA("SignedIn", struct signed_in, signed_in_fields);

static const struct field token_fields[] = { TOKEN_FIELDS(struct tokens, , 0) };
static const struct schema tokens_schema = SCHEMA("Tokens", struct tokens, token_fields);

/* The answer has what belongs to this kind of session, and nothing of the other. */
static void tell(struct call *c, const struct schema *schema, enum session_kind kind)
{
    uint64_t members = 0;
    for (int i = 0; i < schema->count; i++) {
        const char *name = schema->fields[i].name;
        bool is_of_cookie = !strcmp(name, "csrf_token") || !strcmp(name, "expires");
        bool may_lack = schema->fields[i].flags & AT_TIMES;
        members |= !may_lack || is_of_cookie == (kind == SESSION_BY_COOKIE) ? GIVEN(i) : 0;
    }
    answer_members(c, members);
}

static void tell_cookie(struct call *c, const struct tokens *tokens, struct by_cookie *out)
{
    int64_t lasts_s = (tokens->session_ends.us - clock_now().us) / 1000000;
    out->csrf_token = authority_csrf_token(c->app->authority, &c->arena, tokens->session_id);
    out->expires = tokens->session_ends;
    if (tokens->secret.at)
        answer_cookie(c, tokens->secret, tokens->remember_me ? lasts_s : -1);
}

static bool login(struct call *c)
{
    const struct login *in = c->in;
    struct exchange *x = exchange_of(c);
    struct signed_in *out = c->out;
    struct session_wish wish = { in->session, in->remember_me };
    struct str before = cookie_held(x);
    int64_t user_id;
    tell(c, &signed_in_schema, in->session);
    if (in->session != SESSION_BY_COOKIE)
        return sign_in(c, in->username, in->password, wish, &out->tokens, &user_id) &&
               user_load(c, user_id, &out->user);
    if (!cookie_may_come_from(x, false) || !sign_in(c, in->username, in->password, wish, &out->tokens, &user_id) ||
        !user_load(c, user_id, &out->user) || (before.at && !session_end_replaced(c, before)))
        return false;
    tell_cookie(c, &out->tokens, &out->by_cookie);
    return true;
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
        return sign_in(c, in->username, in->password, (struct session_wish){ 0 }, c->out, &user_id) ||
               oauth_refuse(c, "invalid_grant", "name or password is wrong");
    }
    if (!in->refresh_token.len)
        return oauth_refuse(c, "invalid_request", "refresh_token is needed");
    return session_refresh(c, SESSION_BY_TOKEN, in->refresh_token, c->out) ||
           oauth_refuse(c, "invalid_grant", "the refresh token is not valid");
}

struct refresh {
    struct str refresh_token;
};
static const struct field refresh_fields[] = {
    FIELD(struct refresh, refresh_token, .flags = SECRET, .max = 200,
          .doc = "The session's latest refresh token; nothing where a cookie shows the session."),
};
static const struct schema refresh_schema = SCHEMA("Refresh", struct refresh, refresh_fields);

struct refreshed {
    struct tokens tokens;
    struct by_cookie by_cookie;
};
static const struct field refreshed_fields[] = { TOKEN_FIELDS(struct refreshed, tokens., AT_TIMES),
                                                 COOKIE_FIELDS(struct refreshed) };
static const struct schema refreshed_schema = SCHEMA("Refreshed", struct refreshed, refreshed_fields);

/* A cookie that was changed for another before is not looked at any further: session_refresh knows what that means. */
static bool refresh_cookie(struct call *c, struct str secret)
{
    struct exchange *x = exchange_of(c);
    struct refreshed *out = c->out;
    enum found found = admission_identify(x);
    if (found == FOUND ? !cookie_permits(x) : c->error.code != E_UNAUTHENTICATED)
        return false;
    error_clear(&c->error);
    if (!session_refresh(c, SESSION_BY_COOKIE, secret, &out->tokens))
        return false;
    tell_cookie(c, &out->tokens, &out->by_cookie);
    return true;
}

static bool refresh(struct call *c)
{
    const struct refresh *in = c->in;
    struct refreshed *out = c->out;
    struct str cookie = in->refresh_token.len ? STR_NULL : cookie_session(exchange_of(c));
    tell(c, &refreshed_schema, cookie.at ? SESSION_BY_COOKIE : SESSION_BY_TOKEN);
    if (cookie.at)
        return refresh_cookie(c, cookie);
    if (!in->refresh_token.len)
        return error_add_problem(&c->error, &c->arena, "body", S("refresh_token"), "missing",
                                 "must be given where no cookie shows the session");
    return session_refresh(c, SESSION_BY_TOKEN, in->refresh_token, &out->tokens);
}

/* ---- sign out ---- */

/* Whoever sits there next finds neither the cookie nor the lists that the browser has kept (conditional.c). */
static void leave_nothing(struct call *c)
{
    if (call_principal(c)->by_cookie)
        answer_no_cookie(c);
    answer_header(c, "Clear-Site-Data", S("\"cache\""));
}

static bool logout(struct call *c)
{
    leave_nothing(c);
    return session_end(c);
}

static bool logout_all(struct call *c)
{
    leave_nothing(c);
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

struct own_session {
    unsigned kind;
    struct str csrf_token;
};
static const struct field own_session_fields[] = {
    FIELD(struct own_session, kind, .flags = NULLABLE, .choices = session_kinds, .type = "SessionKind",
          .doc = "How it is shown; null: there is none, a machine shows a key."),
    FIELD(struct own_session, csrf_token, .flags = NULLABLE,
          .doc = "Of a cookie: what each change has to send as `X-CSRF-Token`."),
};
static const struct schema own_session_schema =
    SCHEMA("OwnSession", struct own_session, own_session_fields, .doc = "The session that the request came in.");

struct me {
    struct user user; /* first: USER_FIELDS */
    struct own_session session;
};
static const struct field me_fields[] = {
    USER_FIELDS,
    FIELD_OBJECT(struct me, session, .of = &own_session_schema, .flags = READ_ONLY | NOT_STORED,
                 .doc = "The session that this request came in."),
};
static const struct schema me_schema = SCHEMA("Me", struct me, me_fields, .table = "users", .alias = "u");

static bool tell_session(struct call *c, struct me *out)
{
    const struct principal *who = call_principal(c);
    if (!who->key_id)
        out->session.kind = who->by_cookie ? SESSION_BY_COOKIE : SESSION_BY_TOKEN;
    if (who->by_cookie)
        out->session.csrf_token = authority_csrf_token(c->app->authority, &c->arena, who->session_id);
    return true;
}

static bool me_get(struct call *c)
{
    struct me *out = c->out;
    return user_load(c, call_user(c), &out->user) && tell_session(c, out);
}

static bool me_confirm(struct call *c)
{
    return profile_confirm(c, c->in, c->given);
}

static bool me_patch(struct call *c)
{
    struct me *out = c->out;
    struct user before;
    return profile_change(c, c->in, c->given, &before, &out->user) && tell_session(c, out);
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
             "says in Retry-After how long that lasts. With `session=cookie` the session is shown by a cookie, and no "
             "token is told; a session that a cookie of the request showed ends." },
    { HTTP_POST, "/api/v1/auth/token", token, &grant_schema, &tokens_schema, ANYONE, WORKS, BODY_FORM,
      .flags = LOGIN | OAUTH, AUTH, .audit = "auth.login",
      .summary = "OAuth2 token endpoint (RFC 6749): password and refresh_token grants" },
    { HTTP_POST, "/api/v1/auth/refresh", refresh, &refresh_schema, &refreshed_schema, ANYONE, WORKS, BODY_JSON,
      .flags = ACTION, AUTH, .audit = "auth.refresh", .summary = "Changes a refresh token for the next pair",
      .doc = "A refresh token is good once; using one again ends its session. Without one, a session that a cookie "
             "shows gets its next cookie (with `X-CSRF-Token`)." },
    { HTTP_POST, "/api/v1/auth/logout", logout, NULL, NULL, SIGNED_IN, WRITES,
      .flags = CHANGES_AUTHORITY | BEFORE_CHANGE | PERSON, AUTH, .audit = "auth.logout",
      .summary = "Ends this session" },
    { HTTP_POST, "/api/v1/auth/logout-all", logout_all, NULL, NULL, SIGNED_IN, WRITES,
      .flags = CHANGES_AUTHORITY | BEFORE_CHANGE | PERSON, AUTH, .audit = "auth.logout_all",
      .summary = "Ends all of one's sessions" },
    { HTTP_POST, "/api/v1/auth/register", register_post, &registration_schema, &user_schema, ANYONE, WORKS, BODY_JSON,
      201, .flags = LOGIN, AUTH, .audit = "auth.register", .summary = "Asks for an account",
      .also = { { 202, "The account waits for approval." } },
      .doc = "Closed, by approval (202, the account is PENDING) or open (201), as the setting REGISTRATION says." },
    { HTTP_GET, "/api/v1/auth/me", me_get, NULL, &me_schema, SIGNED_IN, .flags = BEFORE_CHANGE, AUTH,
      .summary = "Shows one's own account" },
    { HTTP_PATCH, "/api/v1/auth/me", me_patch, &profile_schema, &me_schema, SIGNED_IN, WRITES, BODY_JSON,
      .flags = PERSON, AUTH, .audit = "auth.profile", .first = me_confirm, .summary = "Changes one's own profile",
      .doc = "Another e-mail address needs `current_password`; mail goes to both." },
    { HTTP_POST, "/api/v1/auth/password/change", password_change, &password_change_schema, NULL, SIGNED_IN, WORKS,
      BODY_JSON, .flags = CHANGES_AUTHORITY | BEFORE_CHANGE | PERSON, AUTH, .audit = "auth.password",
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
