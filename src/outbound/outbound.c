/* outbound.c - requests by libcurl. */
#include "outbound/outbound.h"

#include "base/clock.h"
#include "base/text.h"
#include "outbound/outbound_breaker.h"
#include "outbound/outbound_hosts.h"

#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { IDLE_MAX = 8, CONNECT_TIMEOUT_MS = 5000, URL_MAX = 4096 };

struct outbound {
    struct arena arena;
    struct outbound_hosts hosts;
    struct str setting;
    struct breaker breaker;
    pthread_mutex_t lock;
    CURL *idle[IDLE_MAX]; /* with the connections that they keep; under the lock */
    int idle_count;
};

/* ---- whom ---- */

/* A URL taken apart. */
struct target {
    CURLU *url;
    struct str host; /* without brackets */
    int64_t port;
    char key[BREAKER_KEY_MAX];
};

static void target_close(struct target *t)
{
    curl_url_cleanup(t->url);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return there;
}

static struct str part_text(CURLU *url, CURLUPart part, struct arena *arena)
{
    char *text = NULL;
    struct str out = STR_NULL;
    if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
        out = arena_copy(arena, str_from(text));
    curl_free(text);
    return out;
}

static bool target_read(struct target *t, struct arena *arena, struct error *error)
{
    struct str scheme = part_text(t->url, CURLUPART_SCHEME, arena);
    t->host = part_text(t->url, CURLUPART_HOST, arena);
    if (!str_equal(scheme, S("http")) && !str_equal(scheme, S("https")))
        return error_set(error, E_INVALID, "the URL begins with neither http:// nor https://");
    static const CURLUPart unwanted[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT, CURLUPART_ZONEID };
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(*unwanted); i++)
        if (has_part(t->url, unwanted[i]))
            return error_set(error, E_INVALID, "the URL may have no user, password, fragment or zone");
    if (!str_to_integer(part_text(t->url, CURLUPART_PORT, arena), &t->port) || !t->host.len || t->host.len > 253)
        return error_set(error, E_INVALID, "the URL names no host");
    snprintf(t->key, sizeof(t->key), "%.*s:%d", STR_FMT(t->host), (int)t->port);
    if (t->host.at[0] == '[')
        t->host = str_slice(t->host, 1, t->host.len - 1);
    return true;
}

static bool target_open(const struct outbound *o, struct str url, struct arena *arena, struct target *out,
                        struct error *error)
{
    *out = (struct target){ .url = curl_url() };
    if (!out->url || url.len > URL_MAX || memchr(url.at ? url.at : "", 0, (size_t)url.len) ||
        curl_url_set(out->url, CURLUPART_URL, arena_cstring(arena, url.at ? url : S("")), 0) != CURLUE_OK)
        error_set(error, E_INVALID, "this is no URL (http://host:port/path)");
    else if (target_read(out, arena, error)) {
        if (hosts_allow(&o->hosts, out->host, out->port))
            return true;
        error_set(error, E_FORBIDDEN, "%s is not among the hosts that %.*s lists", out->key, STR_FMT(o->setting));
    }
    target_close(out);
    return false;
}

static bool address_of(const struct sockaddr *from, struct address *out)
{
    static const unsigned char mapped[12] = { [10] = 0xFF, [11] = 0xFF };
    if (from->sa_family == AF_INET6) {
        memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
        return true;
    }
    memcpy(out->bytes, mapped, 12);
    memcpy(out->bytes + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    return from->sa_family == AF_INET;
}

/* What its name stands for, when it is connected to. */
static bool may_connect(const struct outbound *o, const struct sockaddr *to, int64_t port)
{
    struct address address;
    return address_of(to, &address) && (address_is_public(address) || hosts_allow_address(&o->hosts, address, port));
}

static bool refuse_address(const struct outbound *o, const struct target *t, struct error *error)
{
    return error_set(error, E_FORBIDDEN,
                     "%s stands for an address that is not public, and %.*s does not list the address", t->key,
                     STR_FMT(o->setting));
}

static bool check_names(const struct outbound *o, const struct target *t, struct arena *arena, struct error *error)
{
    struct addrinfo wish = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    bool allowed = getaddrinfo(arena_cstring(arena, t->host), NULL, &wish, &list) != 0;
    for (struct addrinfo *one = list; one && !allowed; one = one->ai_next)
        allowed = may_connect(o, one->ai_addr, t->port);
    if (list)
        freeaddrinfo(list);
    return allowed || refuse_address(o, t, error);
}

bool outbound_lists(struct outbound *o, struct str url, struct error *error)
{
    struct arena arena;
    struct target t;
    arena_init(&arena);
    bool listed = target_open(o, url, &arena, &t, error);
    if (listed)
        target_close(&t);
    arena_release(&arena);
    return listed;
}

bool outbound_check(struct outbound *o, struct str url, struct error *error)
{
    struct arena arena;
    struct target target;
    arena_init(&arena);
    bool ok = target_open(o, url, &arena, &target, error);
    if (ok) {
        ok = check_names(o, &target, &arena, error);
        target_close(&target);
    }
    arena_release(&arena);
    return ok;
}

/* ---- one request ---- */

struct exchange {
    struct outbound *o;
    const struct outbound_request *request;
    const struct target *target;
    struct arena *arena;
    struct text body;
    struct str wanted;
    bool was_refused; /* an address was */
};

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct exchange *x = context;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(x->o, &to->addr, x->target->port)) {
        x->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t take_body(char *at, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    text_put(&x->body, (struct str){ at, (ptrdiff_t)(size * count) });
    return x->body.overflowed ? 0 : size * count;
}

static size_t take_header(char *at, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    struct str name, value, line = { at, (ptrdiff_t)(size * count) };
    if (x->request->wanted && str_cut(line, ':', &name, &value) && str_equal_fold(name, str_from(x->request->wanted)) &&
        value.len < 1024)
        x->wanted = arena_copy(x->arena, str_trim(value));
    return size * count;
}

static bool is_stopping(const struct exchange *x)
{
    return x->request->is_stopping && x->request->is_stopping(x->request->context);
}

static int look(void *context, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    const struct exchange *x = context;
    (void)a, (void)b, (void)d, (void)e;
    return is_stopping(x);
}

static CURL *handle_take(struct outbound *o)
{
    pthread_mutex_lock(&o->lock);
    CURL *curl = o->idle_count ? o->idle[--o->idle_count] : NULL;
    pthread_mutex_unlock(&o->lock);
    return curl ? curl : curl_easy_init();
}

static void handle_give(struct outbound *o, CURL *curl)
{
    curl_easy_reset(curl); /* keeps its connections */
    pthread_mutex_lock(&o->lock);
    bool kept = o->idle_count < IDLE_MAX;
    if (kept)
        o->idle[o->idle_count++] = curl;
    pthread_mutex_unlock(&o->lock);
    if (!kept)
        curl_easy_cleanup(curl);
}

static void set_body(CURL *curl, const struct outbound_request *request, struct curl_slist **headers,
                     struct arena *arena)
{
    for (int i = 0; i < OUTBOUND_HEADERS_MAX && request->headers[i]; i++)
        *headers = curl_slist_append(*headers, request->headers[i]);
    if (!request->body.at)
        return;
    struct str type = arena_format(arena, "Content-Type: %s", request->content_type);
    *headers = curl_slist_append(*headers, arena_cstring(arena, type));
    *headers = curl_slist_append(*headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.at);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
}

static CURLcode perform(CURL *curl, struct exchange *x, long *status)
{
    struct curl_slist *headers = NULL;
    set_body(curl, x->request, &headers, x->arena);
    curl_easy_setopt(curl, CURLOPT_CURLU, x->target->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Roentgen/" ROENTGEN_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)x->request->timeout_ms);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    return code;
}

static bool tell(const struct exchange *x, CURLcode code, struct error *error)
{
    if (is_stopping(x))
        return error_set(error, E_UNAVAILABLE, "the request was given up");
    if (x->was_refused && code == CURLE_COULDNT_CONNECT)
        return refuse_address(x->o, x->target, error);
    if (x->body.overflowed)
        return error_set(error, E_TOO_LARGE, "the answer of %s is larger than %lld bytes", x->target->key,
                         (long long)x->request->answer_bytes);
    return error_set(error, E_UNAVAILABLE, "%s did not answer: %s", x->target->key, curl_easy_strerror(code));
}

/* The body is copied: the buffer may be twice as large. */
static bool keep(const struct exchange *x, long status, struct outbound_answer *out, struct error *error)
{
    char *at = arena_try_alloc(x->arena, x->body.len ? x->body.len : 1);
    if (!at)
        return error_set(error, E_UNAVAILABLE, "there is no memory for the answer of %s", x->target->key);
    memcpy(at, x->body.len ? x->body.at : "", (size_t)x->body.len);
    *out = (struct outbound_answer){ (int)status, { at, x->body.len }, x->wanted };
    return true;
}

static enum outbound_end end_of(const struct exchange *x, CURLcode code, long status)
{
    if (x->was_refused || x->body.overflowed || is_stopping(x))
        return OUTBOUND_LEFT;
    return code != CURLE_OK || (status >= 502 && status <= 504) ? OUTBOUND_FAILED : OUTBOUND_ANSWERED;
}

static bool exchange_run(struct exchange *x, struct outbound_answer *out, struct error *error)
{
    long status = 0;
    CURL *curl = handle_take(x->o);
    if (!curl)
        return error_set(error, E_UNAVAILABLE, "libcurl does not start");
    if (!breaker_enter(&x->o->breaker, x->target->key, error)) {
        handle_give(x->o, curl);
        return false;
    }
    text_init(&x->body, (ptrdiff_t)x->request->answer_bytes);
    CURLcode code = perform(curl, x, &status);
    breaker_leave(&x->o->breaker, x->target->key, end_of(x, code, status));
    bool ok = code == CURLE_OK ? keep(x, status, out, error) : tell(x, code, error);
    text_release(&x->body);
    handle_give(x->o, curl);
    return ok;
}

bool outbound_send(struct outbound *o, const struct outbound_request *request, struct arena *arena,
                   struct outbound_answer *out, struct error *error)
{
    struct target target;
    *out = (struct outbound_answer){ 0 };
    if (!target_open(o, request->url, arena, &target, error))
        return false;
    struct exchange x = { .o = o, .request = request, .target = &target, .arena = arena };
    bool ok = exchange_run(&x, out, error);
    target_close(&target);
    return ok;
}

/* ---- from open to close ---- */

bool outbound_open(const struct outbound_options *options, struct outbound **out, struct error *error)
{
    struct outbound *o = calloc(1, sizeof(*o));
    *out = NULL;
    if (!o || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(o);
        return error_set(error, E_UNAVAILABLE, "there is no memory for requests to others");
    }
    arena_init(&o->arena);
    pthread_mutex_init(&o->lock, NULL);
    pthread_mutex_init(&o->breaker.lock, NULL);
    o->setting = arena_copy(&o->arena, options->setting);
    if (!hosts_read(arena_copy(&o->arena, options->hosts), o->setting, &o->arena, &o->hosts, error)) {
        outbound_close(o);
        return false;
    }
    *out = o;
    return true;
}

void outbound_close(struct outbound *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->idle_count; i++)
        curl_easy_cleanup(o->idle[i]);
    pthread_mutex_destroy(&o->breaker.lock);
    pthread_mutex_destroy(&o->lock);
    arena_release(&o->arena);
    free(o);
}
