/* cookie.c - the session of a browser (people/session.h): where it comes in, how it is handed out, and what a change
 * needs beside it.
 *
 *   over TLS     __Host-roentgen_session   Secure; no other host, no plain connection can set it (RFC 6265bis 4.1.3.2)
 *   over plain   roentgen_session          on a machine or in a network of one's own
 *
 * Always HttpOnly (no script reads it), SameSite=Lax (no other site's page changes anything with it), Path=/. A browser
 * sends it with whatever asks, so a change (any method but GET, HEAD, OPTIONS) has to show that it comes from a page
 * that may speak for who signed in: by what the browser says of where it comes from, which no page can alter, and by
 * the token that only pages which read our answers know (authority_csrf_token). */
#include "web/exchange.h"

#include "base/crypto.h"

static const char secure_name[] = "__Host-roentgen_session", plain_name[] = "roentgen_session";

/* Where nothing else is answered the browser speaks HTTPS, whether the proxy says so or not. */
static bool is_secure(struct exchange *x)
{
    return proxy_is_tls(x) || x->call.app->config.https_only;
}

static const char *name_here(struct exchange *x)
{
    return is_secure(x) ? secure_name : plain_name;
}

struct str cookie_session(struct exchange *x)
{
    const struct request *r = x->call.request;
    return http_header(r, "Authorization").at || http_header(r, "X-API-Key").at ? STR_NULL : cookie_held(x);
}

/* Two of one name: somebody else, with another path or domain, has put one beside ours, and which comes first is not
 * ours to say. */
struct str cookie_held(struct exchange *x)
{
    struct call *c = &x->call;
    struct str list = http_header_list(c->request, "Cookie", &c->arena), found = STR_NULL, name, value;
    struct str wanted = str_from(name_here(x));
    for (struct str one; str_next(&list, ';', &one);)
        if (str_cut(str_trim(one), '=', &name, &value) && str_equal(name, wanted)) {
            if (found.at)
                return STR_NULL;
            found = value;
        }
    return found.len ? found : STR_NULL;
}

/* ---- handed out ---- */

static void set(struct call *c, struct str value, int64_t lasts_s)
{
    struct exchange *x = exchange_of(c);
    bool ends_with_browser = lasts_s < 0;
    struct str age = ends_with_browser ? S("") : arena_format(&c->arena, "; Max-Age=%" PRId64, lasts_s);
    answer_header(c, "Set-Cookie",
                  arena_format(&c->arena, "%s=%.*s; Path=/; HttpOnly; SameSite=Lax%s%.*s", name_here(x), STR_FMT(value),
                               is_secure(x) ? "; Secure" : "", STR_FMT(age)));
}

void answer_cookie(struct call *c, struct str secret, int64_t lasts_s)
{
    set(c, secret, lasts_s);
}

void answer_no_cookie(struct call *c)
{
    set(c, S(""), 0);
}

/* ---- whose page asks ---- */

/* The same host, and the same scheme where somebody has said how the caller spoke; or PUBLIC_URL's. */
static bool is_own(struct exchange *x, struct str origin)
{
    struct call *c = &x->call;
    struct str scheme = is_secure(x) ? S("https") : proxy_scheme(x), host = http_header(c->request, "Host");
    struct str url = c->app->config.public_url;
    ptrdiff_t colon = str_find(origin, S("://"));
    if (colon < 0)
        return false;
    struct str authority = str_slice(origin, colon + 3, origin.len);
    if (str_starts(url, origin) && (url.len == origin.len || url.at[origin.len] == '/'))
        return true;
    return host.len && str_equal_fold(authority, host) &&
           (!scheme.len || str_equal_fold(str_slice(origin, 0, colon), scheme));
}

bool cookie_may_come_from(struct exchange *x, bool must_be_told)
{
    struct call *c = &x->call;
    struct str site = http_header(c->request, "Sec-Fetch-Site"), origin = http_header(c->request, "Origin");
    if (!site.at && !origin.at)
        return !must_be_told ||
               fail(c, E_FORBIDDEN,
                    "with a cookie, a change needs the header Origin or Sec-Fetch-Site, which browsers "
                    "send: programs send a bearer token");
    if (str_equal(site, S("same-origin")) || str_equal(site, S("none")))
        return true;
    if (origin.len && (is_own(x, origin) || origin_is_listed(c, origin)))
        return true;
    return fail(c, E_FORBIDDEN, "this comes from a page of another origin, which CORS_ORIGINS does not name");
}

bool cookie_permits(struct exchange *x)
{
    struct call *c = &x->call;
    enum http_method method = http_method(c->request);
    struct str given = http_header(c->request, "X-CSRF-Token");
    if (method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS)
        return true;
    if (!cookie_may_come_from(x, true))
        return false;
    if (crypto_equal(str_trim(given), authority_csrf_token(c->app->authority, &c->arena, x->principal.session_id)))
        return true;
    return fail(c, E_FORBIDDEN, "%s",
                given.at ? "X-CSRF-Token is not that of this session (csrf_token of /auth/me)"
                         : "with a cookie, a change needs the header X-CSRF-Token: csrf_token of "
                           "the answer to signing in, or of /auth/me");
}
