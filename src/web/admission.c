/* admission.c - may this request be handled at all? Everything that is decided before its body is read: who asks, how
 * often, with which right, and whether the body is of a kind and size that will be taken. */
#include "web/exchange.h"

#include "site/key_text.h"

bool admission_route(struct exchange *x)
{
    struct call *c = &x->call;
    router_find(c->app->router, http_method(c->request), http_path(c->request), &x->route);
    x->endpoint = x->route.endpoint;
    if (x->endpoint)
        return true;
    if (x->route.allowed)
        return fail(c, E_METHOD_NOT_ALLOWED, "this path does not take %.*s", STR_FMT(http_method_text(c->request)));
    return fail(c, E_NOT_FOUND, "there is nothing at this path");
}

uint64_t admission_epoch(struct exchange *x)
{
    if (!x->has_authority_epoch)
        x->authority_epoch = authority_epoch(x->call.app->authority);
    x->has_authority_epoch = true;
    return x->authority_epoch;
}

/* Null: there is none, or it is neither a bearer token nor a key. */
static struct str shown_token(const struct exchange *x)
{
    struct str scheme, token, key = http_header(x->call.request, "X-API-Key");
    struct str header = http_header(x->call.request, "Authorization");
    if (str_is_null(header))
        return key_text_is_key(key) ? str_trim(key) : STR_NULL;
    return str_cut(header, ' ', &scheme, &token) && str_equal_fold(scheme, S("Bearer")) ? str_trim(token) : STR_NULL;
}

enum found admission_identify(struct exchange *x)
{
    struct call *c = &x->call;
    struct authority *authority = c->app->authority;
    struct str token = shown_token(x), cookie = cookie_session(x);
    bool header = !str_is_null(http_header(c->request, "Authorization"));
    bool key = !str_is_null(http_header(c->request, "X-API-Key"));
    if (!header && !key && str_is_null(cookie))
        return NONE;
    if (header && key) /* which of them counts, others may read otherwise */
        return fail(c, E_UNAUTHENTICATED, "send either Authorization or X-API-Key"), FAILED;
    if (str_is_null(token) && str_is_null(cookie))
        return fail(c, E_UNAUTHENTICATED,
                    key ? "X-API-Key takes API keys, which begin with rg_" : "only bearer tokens are accepted"),
               FAILED;
    if (str_is_null(cookie) ? !authority_check(c, authority, token, admission_epoch(x), &x->principal)
                            : !authority_check_cookie(c, authority, cookie, admission_epoch(x), &x->principal))
        return FAILED;
    x->actor.principal = &x->principal;
    return FOUND;
}

bool admission_knows(struct exchange *x)
{
    struct authority *authority = x->call.app->authority;
    struct str token = shown_token(x), cookie = cookie_session(x);
    if (!str_is_null(cookie))
        return authority_knows_cookie(authority, cookie, admission_epoch(x));
    return str_is_null(token) || authority_knows(&x->call, authority, token, admission_epoch(x));
}

/* Where anybody may ask nothing is looked at: a stale token must not keep anybody from signing in. */
static bool check_token(struct exchange *x)
{
    if (x->endpoint->permission == ANYONE)
        return true;
    switch (admission_identify(x)) {
    case FOUND:
        return !x->principal.by_cookie || cookie_permits(x);
    case NONE:
        return (x->endpoint->flags & LOOPBACK) ||
               fail(&x->call, E_UNAUTHENTICATED, "sign in first: send a bearer token");
    case FAILED:
        break;
    }
    return false;
}

/* A password that somebody else has set, and knows, opens nothing but the way to one's own. */
static bool check_password_is_own(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (!x->actor.principal || !x->principal.must_change_password || (e->flags & BEFORE_CHANGE))
        return true;
    x->call.error.type = "urn:roentgen:problem:password-change-required";
    return fail(&x->call, E_FORBIDDEN, "change your password first: POST /api/v1/auth/password/change");
}

static bool check_is_person(struct exchange *x)
{
    if (!x->actor.principal || !x->principal.key_id || !endpoint_needs_person(x->endpoint))
        return true;
    x->call.error.type = "urn:roentgen:problem:person-required";
    return fail(&x->call, E_FORBIDDEN, "this is done by people who have signed in, not with an API key");
}

static bool check_permission(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (!check_password_is_own(x) || !check_is_person(x))
        return false;
    if (e->permission < 0)
        return true;
    if ((e->flags & LOOPBACK) && proxy_is_local_caller(x))
        return true;
    if (!x->actor.principal)
        return fail(&x->call, E_UNAUTHENTICATED, "sign in first: send a bearer token");
    if (!call_may(&x->call, (enum permission)e->permission))
        return fail(&x->call, E_FORBIDDEN, "this needs the permission %s", permission_rows[e->permission].name);
    return true;
}

static bool take_token(struct exchange *x, struct rate *rate, const char *kind)
{
    struct call *c = &x->call;
    struct str who = x->actor.network;
    if (x->actor.principal && x->principal.key_id) /* a machine that runs wild does not shut out its owner */
        who = arena_format(&c->arena, "k%" PRId64, x->principal.key_id);
    else if (x->actor.principal)
        who = arena_format(&c->arena, "u%" PRId64, x->principal.user_id);
    if (!rate || rate_take(rate, who, &c->error.retry_after_s))
        return true;
    return fail(c, E_TOO_MANY, "too many %s; try again in %d s", kind, c->error.retry_after_s);
}

/* Strangers share what their address has; who signed in has an account's, which ordinary work never meets. */
static bool check_rate(struct exchange *x)
{
    struct app *app = x->call.app;
    if (x->endpoint->flags & QUIET)
        return true;
    if ((x->endpoint->flags & LOGIN) && !take_token(x, app->login_rate, "attempts to sign in"))
        return false;
    return take_token(x, x->actor.principal ? app->user_rate : app->rate, "requests");
}

/* Callers who cannot say who they are share the limit of their address, so that tokens cannot be tried out freely. */
static bool check_caller(struct exchange *x)
{
    struct call *c = &x->call;
    if (check_token(x))
        return check_rate(x);
    struct error refused = c->error;
    error_clear(&c->error);
    if (check_rate(x))
        c->error = refused;
    return false;
}

static bool check_body_type(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (e->body == BODY_NONE || e->body == BODY_RAW)
        return true;
    if (!http_has_body(x->call.request) && (e->flags & ACTION))
        return true;
    const char *wanted = body_media_types[e->body];
    struct str given = http_header(x->call.request, "Content-Type"), type = http_media_type(given);
    if (given.len != http_header_list(x->call.request, "Content-Type", &x->call.arena).len)
        return fail(&x->call, E_BAD_REQUEST,
                    "Content-Type is given twice"); /* which counts, others may read otherwise */
    if (str_equal_fold(type, str_from(wanted)))
        return true;
    return fail(&x->call, E_UNSUPPORTED_TYPE, "send this as %s", wanted);
}

/* Of who has not signed in, names and passwords are all that is expected. */
enum { STRANGER_BODY_BYTES = 16 << 10 };

int64_t admission_body_limit(const struct exchange *x)
{
    const struct config *config = &x->call.app->config;
    const struct endpoint *e = x->endpoint;
    if (e->body_max)
        return e->body_max;
    if (e->receive)
        return config->max_upload_bytes + (1 << 20);
    return e->permission == ANYONE && config->max_json_bytes > STRANGER_BODY_BYTES ? STRANGER_BODY_BYTES
                                                                                   : config->max_json_bytes;
}

/* Bytes are kept as they come, so a coding that is not undone would be stored as if it were the file (RFC 9110 8.4,
 * 15.5.16). */
static bool check_body_coding(struct exchange *x)
{
    static const struct str known[] = { { "gzip", 4 }, { "x-gzip", 6 }, { "deflate", 7 } };
    struct str coding = str_trim(http_header_list(x->call.request, "Content-Encoding", &x->call.arena));
    for (int i = 0; (x->endpoint->flags & CODED) && i < 3; i++)
        if (str_equal_fold(coding, known[i]))
            return true;
    return !coding.len || str_equal_fold(coding, S("identity")) || !http_has_body(x->call.request) ||
           fail(&x->call, E_UNSUPPORTED_TYPE, "send the body without a Content-Encoding");
}

static bool check_body_size(struct exchange *x)
{
    int64_t length = http_content_length(x->call.request), most = admission_body_limit(x);
    if (length <= most)
        return true;
    return fail(&x->call, E_TOO_LARGE, "the body has %" PRId64 " bytes, %" PRId64 " are allowed", length, most);
}

bool admission_check(struct exchange *x)
{
    return check_caller(x) && check_permission(x) && check_body_type(x) && check_body_coding(x) && check_body_size(x);
}

bool admission_still(struct exchange *x)
{
    struct call *c = &x->call;
    return !x->actor.principal || (authority_still(c, c->app->authority, &x->principal) && check_permission(x));
}
