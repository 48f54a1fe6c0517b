/* request.c - request objects: taken from a free list, filled from what libmicrohttpd parsed, asked by the
 * application, given back. */
#include "http/layout.h"
#include "http/server.h"
#include "base/names.h"

#include <assert.h>
#include <strings.h>

const char *const http_method_names[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL };
NAMES_REACH(http_method_names, HTTP_METHODS);

/* ---- life ---- */

static struct request *request_new(struct http_server *server)
{
    struct request *r = calloc(1, sizeof(*r));
    void *app_data = calloc(1, (size_t)server->app.app_data_bytes + 1);
    if (!r || !app_data)
        abort();
    r->server = server;
    r->app_data = app_data;
    pthread_mutex_init(&r->lock, NULL);
    arena_init(&r->arena);
    if (server->app.create)
        server->app.create(app_data, server->app.context);
    return r;
}

static void request_free(struct request *r)
{
    if (r->server->app.destroy)
        r->server->app.destroy(r->app_data, r->server->app.context);
    arena_release(&r->arena);
    pthread_mutex_destroy(&r->lock);
    free(r->app_data);
    free(r);
}

struct request *request_take(struct http_server *server)
{
    pthread_mutex_lock(&server->free_lock);
    struct request *r = server->free_first;
    if (r) {
        server->free_first = r->next_free;
        server->free_count--;
    }
    pthread_mutex_unlock(&server->free_lock);
    if (!r)
        r = request_new(server);
    const size_t kept = offsetof(struct request, mhd);
    memset((char *)r + kept, 0, sizeof(*r) - kept);
    if (r->body_error.code != E_NONE)
        error_clear(&r->body_error);
    r->content_length = -1;
    r->status = 200;
    r->fd = -1;
    atomic_init(&r->references, 1);
    return r;
}

static void request_put(struct request *r)
{
    struct http_server *server = r->server;
    pthread_mutex_lock(&server->free_lock);
    bool keep = server->free_count < FREE_REQUESTS_MAX;
    if (keep) {
        r->next_free = server->free_first;
        server->free_first = r;
        server->free_count++;
    }
    pthread_mutex_unlock(&server->free_lock);
    if (!keep)
        request_free(r);
}

void request_release(struct request *r)
{
    if (atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1)
        return;
    struct http_server *server = r->server;
    bool counted = r->counted;
    if (counted)
        server->app.finish(r);
    reply_release(r);
    body_release(r);
    arena_reset(&r->arena);
    request_put(r);
    if (counted)
        atomic_fetch_sub(&server->active, 1);
}

void request_free_all(struct http_server *server)
{
    for (struct request *r = server->free_first, *next; r; r = next) {
        next = r->next_free;
        request_free(r);
    }
    server->free_first = NULL;
}

void request_suspend(struct request *r)
{
    assert(!r->suspended);
    r->suspended = true;
    conn_enter(r->server, r->conn, CONN_HANDLING);
    MHD_suspend_connection(r->mhd);
}

void request_wake(struct request *r)
{
    if (!r->suspended)
        return;
    r->suspended = false;
    MHD_resume_connection(r->mhd);
}

/* ---- the request line and the headers ---- */

/* RFC 9112 3.2: a path, `*`, or a whole URI of which the path counts. */
void request_read_target(struct request *r, const char *uri)
{
    struct str target = str_from(uri);
    if (!target.len)
        return;
    for (ptrdiff_t i = 0; i < target.len; i++)
        if ((unsigned char)target.at[i] <= ' ' || target.at[i] == 0x7F)
            return;
    if (*target.at != '/' && !str_equal(target, S("*"))) {
        ptrdiff_t scheme = str_find(target, S("://"));
        if (scheme < 0 || (strncasecmp(target.at, "http://", 7) != 0 && strncasecmp(target.at, "https://", 8) != 0))
            return;
        target = str_slice(target, scheme + 3, target.len);
        ptrdiff_t authority = (ptrdiff_t)strcspn(target.at, "/?");
        target = str_slice(target, authority, target.len);
    }
    target = arena_copy(&r->arena, target);
    str_cut(target, '?', &r->path, &r->query);
    if (!r->path.len)
        r->path = S("/");
}

struct scan {
    struct request *r;
    struct layout layout;
    int hosts, lengths, encodings;
    struct str encoding;
    int refused; /* status */
    const char *why;
};

static enum MHD_Result refuse(struct scan *scan, int status, const char *why)
{
    scan->refused = status;
    scan->why = why;
    return MHD_NO;
}

/* What decides where the request ends. libmicrohttpd reads it for itself, without trimming, so here the value is not
 * trimmed either: two readings are how requests are smuggled. */
static void take_framing(struct scan *scan, struct str name, struct str value)
{
    struct request *r = scan->r;
    switch (name.len) {
    case 4:
        scan->hosts += str_equal_fold(name, S("host"));
        break;
    case 6:
        if (str_equal_fold(name, S("expect")))
            r->expects_continue = str_equal_fold(str_trim(value), S("100-continue"));
        break;
    case 14:
        if (str_equal_fold(name, S("content-length"))) {
            scan->lengths++;
            if (!str_to_integer(value, &r->content_length) || r->content_length < 0)
                scan->lengths = 2;
        }
        break;
    case 17:
        if (str_equal_fold(name, S("transfer-encoding"))) {
            scan->encodings++;
            scan->encoding = value;
        }
        break;
    default:
        break;
    }
}

static enum MHD_Result take_header(void *self, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                   const char *value, size_t value_size)
{
    (void)kind;
    struct scan *scan = self;
    struct request *r = scan->r;
    if (r->header_count == HEADERS_MAX)
        return refuse(scan, 431, "too many header lines");
    struct header *header = &r->headers[r->header_count++];
    header->name = (struct str){ key, (ptrdiff_t)key_size };
    header->value = value ? str_trim((struct str){ value, (ptrdiff_t)value_size }) : S("");
    if (!header_is_token(key, (ptrdiff_t)key_size))
        return refuse(scan, 400, "a header name holds characters that are not allowed");
    if (!header_value_is_clean(header->value))
        return refuse(scan, 400, "a header value holds control characters");
    layout_field(&scan->layout, header->name, (struct str){ value, value ? (ptrdiff_t)value_size : 0 });
    take_framing(scan, header->name, value ? (struct str){ value, (ptrdiff_t)value_size } : S(""));
    return MHD_YES;
}

static void read_method(struct request *r, const char *method)
{
    r->method_text = str_from(method);
    r->method = HTTP_OTHER;
    for (int i = 0; i < HTTP_METHODS; i++)
        if (strcmp(method, http_method_names[i]) == 0)
            r->method = (enum http_method)i;
}

/* RFC 9112 3.2 and 6.1: Host exactly once in HTTP/1.1, one statement of the length. */
static void check_framing(struct scan *scan)
{
    struct request *r = scan->r;
    if (scan->refused)
        return;
    if (!r->path.at)
        refuse(scan, 400, "the request target is not a path");
    else if (scan->hosts > 1 || (scan->hosts == 0 && !r->http_1_0))
        refuse(scan, 400, "exactly one Host header is needed");
    else if (scan->lengths > 1 || (scan->encodings && (scan->lengths || scan->encodings > 1 || r->http_1_0)))
        refuse(scan, 400, "the length of the body is stated in conflicting ways");
    else if (scan->encodings && !str_equal_fold(scan->encoding, S("chunked")))
        refuse(scan, 501, "the only transfer coding known here is chunked");
}

bool request_read_headers(struct request *r, const char *method, const char *version)
{
    struct scan scan = { .r = r };
    read_method(r, method);
    r->http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    const union MHD_ConnectionInfo *size = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    layout_begin(&scan.layout, str_from(version));
    if (size && (ptrdiff_t)size->header_size > r->server->options.max_header_bytes)
        refuse(&scan, 431, "the headers are too large");
    else
        MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, take_header, &scan);
    if (size && !scan.refused && !layout_end(&scan.layout, method + size->header_size))
        refuse(&scan, 400, "each header is one line, and ends with CR LF");
    check_framing(&scan);
    r->has_body = scan.encodings > 0 || r->content_length > 0;
    if (!scan.refused)
        return true;
    r->header_count = 0;
    http_set_close(r);
    reply_problem(r, scan.refused, scan.why);
    http_reply(r);
    return false;
}

void request_keep_strings(struct request *r)
{
    for (int i = 0; i < r->header_count; i++) {
        r->headers[i].name = arena_copy(&r->arena, r->headers[i].name);
        r->headers[i].value = arena_copy(&r->arena, r->headers[i].value);
    }
    r->method_text = arena_copy(&r->arena, r->method_text);
}

/* ---- what the application asks ---- */

void *http_app_data(struct request *r)
{
    return r->app_data;
}

void *http_context(struct request *r)
{
    return r->server->app.context;
}

enum http_method http_method(const struct request *r)
{
    return r->method;
}

struct str http_method_text(const struct request *r)
{
    return r->method_text;
}

struct str http_path(const struct request *r)
{
    return r->path;
}

struct str http_query(const struct request *r)
{
    return r->query;
}

struct str http_header(const struct request *r, const char *name)
{
    struct str wanted = str_from(name);
    for (int i = 0; i < r->header_count; i++)
        if (r->headers[i].name.len == wanted.len && strncasecmp(r->headers[i].name.at, name, (size_t)wanted.len) == 0)
            return r->headers[i].value;
    return STR_NULL;
}

struct str http_header_list(const struct request *r, const char *name, struct arena *arena)
{
    struct str wanted = str_from(name), list = STR_NULL;
    for (int i = 0; i < r->header_count; i++)
        if (str_equal_fold(r->headers[i].name, wanted))
            list = list.at ? arena_format(arena, "%.*s,%.*s", STR_FMT(list), STR_FMT(r->headers[i].value))
                           : r->headers[i].value;
    return list;
}

bool http_header_begins(const struct request *r, const char *prefix)
{
    struct str wanted = str_from(prefix);
    for (int i = 0; i < r->header_count; i++)
        if (str_equal_fold(str_slice(r->headers[i].name, 0, wanted.len), wanted))
            return true;
    return false;
}

bool http_is_tls(const struct request *r)
{
    return r->server->tls != NULL;
}

struct str http_client(const struct request *r)
{
    return (struct str){ r->client, r->client_len };
}

int64_t http_content_length(const struct request *r)
{
    return r->content_length;
}

bool http_has_body(const struct request *r)
{
    return r->has_body;
}

int64_t http_started_us(const struct request *r)
{
    return r->started_us;
}

int64_t http_body_bytes(const struct request *r)
{
    return r->body_bytes;
}

void http_go_on(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    r->go_on = true;
    request_wake(r);
    pthread_mutex_unlock(&r->lock);
}

void http_wait(struct request *r)
{
    r->waits = true;
}

/* Work not begun when the server is cut off is answered without it. */
static void run_work(struct request *r)
{
    void (*work)(struct request *) = r->work;
    if (atomic_load(&r->server->cutting)) {
        reply_problem(r, 503, "the server is shutting down");
        http_reply(r);
    } else {
        body_deliver(r);
        work(r);
    }
    request_release(r);
}

void http_set_account(struct request *r, int64_t account)
{
    r->account = account;
}

bool http_run(struct request *r, int lane, void (*work)(struct request *r))
{
    assert(lane >= 0 && lane < LANES && r->server->lanes[lane].count > 0);
    bool strings_kept = r->work != NULL;
    if (!strings_kept)
        request_keep_strings(r);
    r->work = work;
    if (!r->waits) /* set once: the I/O thread may be reading it when a worker runs the next piece of work */
        r->waits = true;
    return workers_add(&r->server->lanes[lane], &r->work_job, r, run_work, true);
}
