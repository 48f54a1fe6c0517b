/* proxy.c - what stands between the caller and us: whose words about the caller's address are believed, whether there
 * is a proxy at all, and which names this server is reached by. */
#include "web/exchange.h"

#include "base/address.h"

/* ---- who asks ---- */

/* A value in one element of Forwarded (RFC 7239 4: for=192.0.2.60;proto=http;by="[2001:db8::1]:80"). */
static struct str forwarded_value(struct str element, struct str name, struct arena *arena)
{
    /* The grammar of parameters after a type. */
    return http_header_parameter(arena_format(arena, ";%.*s", STR_FMT(element)), name, arena);
}

/* Takes the last element off a list; commas inside quotes separate nothing. Read from the right, where the nearest
 * proxy wrote, so that a quote that the caller left open further left swallows none of it. */
static struct str last_element(struct str *list)
{
    bool quoted = false;
    ptrdiff_t begin = list->len;
    for (; begin > 0 && (quoted || list->at[begin - 1] != ','); begin--)
        quoted ^= list->at[begin - 1] == '"';
    struct str last = str_trim(str_slice(*list, begin, list->len));
    *list = str_slice(*list, 0, begin ? begin - 1 : 0);
    return last;
}

/* The words of the proxies between us and the caller, from the nearest one on. Behind trusted proxies the caller is the
 * last one in the chain whom no trusted proxy is: each proxy appends whom it heard, so that what is further left is the
 * caller's own words, as is everything left of something that is no address. */
struct chain {
    struct address at; /* whom the next element was written by: at the end, the caller */
    struct str rest, trusted;
    bool by_rfc;
    int hops;
};

static struct chain chain_from(const struct exchange *x, struct address peer, struct arena *arena)
{
    const struct call *c = &x->call;
    struct chain chain = { .at = peer,
                           .trusted = c->app->config.trusted_proxies,
                           .rest = http_header_list(c->request, "X-Forwarded-For", arena) };
    chain.by_rfc =
        c->app->config.proxy_header == PROXY_FORWARDED || (!chain.rest.at && c->app->config.proxy_header == PROXY_ANY);
    if (chain.by_rfc)
        chain.rest = http_header_list(c->request, "Forwarded", arena);
    return chain;
}

/* The next element that a trusted proxy wrote. */
static bool chain_next(struct chain *chain, struct str *element, struct arena *arena)
{
    struct address earlier;
    if (!chain->rest.len || chain->hops == PROXY_HOPS_MAX || !address_in(chain->at, chain->trusted))
        return false;
    *element = last_element(&chain->rest);
    chain->hops++;
    if (address_parse(chain->by_rfc ? forwarded_value(*element, S("for"), arena) : *element, &earlier))
        chain->at = earlier;
    else
        chain->rest = STR_NULL;
    return true;
}

static struct address find_client(struct exchange *x, struct address peer)
{
    struct arena *arena = &x->call.arena;
    struct chain chain = chain_from(x, peer, arena);
    for (struct str element; chain_next(&chain, &element, arena);)
        continue;
    return chain.at;
}

void proxy_find_client(struct exchange *x)
{
    struct str peer = http_client(x->call.request);
    struct address address;
    bool trusts = x->call.app->config.trusted_proxies.len > 0;
    x->actor.client = x->actor.network = peer;
    /* An IPv4 address comes from the socket in its only form, and is a network of its own. */
    if ((!trusts && !memchr(peer.at, ':', (size_t)peer.len)) || !address_parse(peer, &address))
        return;
    if (trusts)
        address = find_client(x, address);
    x->actor.client = address_text(address, &x->call.arena);
    x->actor.network = address_text(address_network(address), &x->call.arena);
}

/* ---- is it somebody on this machine? ---- */

/* What proxies add. Some, left to their defaults, add only one of these. */
static const char *const proxy_signs[] = { "Forwarded",      "Via",           "X-Forwarded", "X-Real-IP",
                                           "X-Client-IP",    "X-Original-",   "X-Envoy-",    "X-Cluster-",
                                           "X-Proxy",        "X-ProxyUser",   "True-Client", "CF-Connecti",
                                           "Fastly-Client-", "Fly-Client-IP", "Client-IP",   "Origin" };

static struct str host_name(struct str host)
{
    if (host.len && host.at[0] == '[') {
        ptrdiff_t end = str_find(host, S("]"));
        return end < 0 ? host : str_slice(host, 0, end + 1);
    }
    struct str name, port;
    str_cut(host, ':', &name, &port);
    return name;
}

/* A name that no stranger's name server answers for: with any other a web page could reach us under its own name and
 * read the answer (DNS rebinding). */
static bool is_local_name(struct str host)
{
    struct str name = host_name(host);
    struct address address;
    return str_equal_fold(name, S("localhost")) || (address_parse(name, &address) && address_is_loopback(address));
}

bool proxy_is_local_caller(const struct exchange *x)
{
    const struct request *r = x->call.request;
    struct address peer;
    if (!address_parse(http_client(r), &peer) || !address_is_loopback(peer))
        return false;
    for (size_t i = 0; i < sizeof(proxy_signs) / sizeof(proxy_signs[0]); i++)
        if (http_header_begins(r, proxy_signs[i]))
            return false;
    return is_local_name(http_header(r, "Host"));
}

/* ---- plain HTTP behind a proxy that speaks TLS ---- */

/* Where people reach us: PUBLIC_URL's host whatever its scheme. Null when it is not set. */
static struct str public_authority(const struct config *config)
{
    struct str url = config->public_url, authority, path;
    ptrdiff_t scheme = str_find(url, S("://"));
    if (scheme < 0)
        return STR_NULL;
    str_cut(str_slice(url, scheme + 3, url.len), '/', &authority, &path);
    return authority;
}

/* How the caller spoke to the first trusted proxy, as that says: in its element of Forwarded, or at the place of its
 * word in X-Forwarded-Proto, where most proxies leave a single one. Who is no trusted proxy can but send himself to
 * https. Null: nobody says. */
static struct str scheme_said(struct exchange *x)
{
    const struct call *c = &x->call;
    struct arena *arena = &x->call.arena;
    struct str schemes = http_header_list(c->request, "X-Forwarded-Proto", arena), scheme = last_element(&schemes);
    struct address peer;
    if (!c->app->config.trusted_proxies.len || !address_parse(http_client(c->request), &peer))
        return scheme;
    struct chain chain = chain_from(x, peer, arena);
    for (struct str element; chain_next(&chain, &element, arena);) {
        struct str said = chain.by_rfc ? forwarded_value(element, S("proto"), arena) : STR_NULL;
        if (said.len)
            scheme = said;
        else if (!chain.by_rfc && chain.hops > 1 && schemes.len)
            scheme = last_element(&schemes);
    }
    return scheme;
}

struct str proxy_scheme(struct exchange *x)
{
    struct str said = scheme_said(x);
    return !said.len && http_is_tls(x->call.request) ? S("https") : said;
}

bool proxy_is_tls(struct exchange *x)
{
    return str_equal_fold(proxy_scheme(x), S("https"));
}

/* The caller's Host is repeated only where it cannot lead anywhere else: a redirect to a name that a stranger made up
 * is his. */
struct str proxy_https_location(const struct config *config, const struct request *r, int port, struct arena *arena)
{
    struct str query = http_query(r), host = http_header(r, "Host"), authority = public_authority(config);
    if (!authority.len && !is_local_name(host))
        return STR_NULL;
    if (!authority.len)
        authority = port ? arena_format(arena, "%.*s:%d", STR_FMT(host_name(host)), port) : host;
    return arena_format(arena, "https://%.*s%.*s%s%.*s", STR_FMT(authority), STR_FMT(http_path(r)), query.at ? "?" : "",
                        STR_FMT(query));
}

bool proxy_https(struct exchange *x)
{
    struct call *c = &x->call;
    if (!c->app->config.https_only || !str_equal_fold(proxy_scheme(x), S("http")))
        return true;
    struct str location = proxy_https_location(&c->app->config, c->request, 0, &c->arena);
    if (!location.at)
        return fail(c, E_BAD_REQUEST, "use https; this server does not know its own name (setting PUBLIC_URL)");
    answer_header(c, "Location", location);
    x->status = 308;
    return false;
}
