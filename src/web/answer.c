/* answer.c - what leaves: the encoded record or the problem, its headers, and what is remembered of it (access line,
 * metrics, audit row). */
#include "web/exchange.h"

#include "site/metrics.h"
#include "base/log.h"
#include "schema/json.h"

#include <assert.h>

enum { GZIP_FROM_BYTES = 1024 };

void answer_status(struct call *c, int status)
{
    struct exchange *x = exchange_of(c);
    x->status = x->actor.audit.outcome = status;
}

void answer_header(struct call *c, const char *name, struct str value)
{
    struct exchange *x = exchange_of(c);
    assert(x->header_count < (int)(sizeof(x->headers) / sizeof(x->headers[0])));
    x->headers[x->header_count].name = name;
    x->headers[x->header_count++].value = value;
}

void answer_members(struct call *c, uint64_t members)
{
    exchange_of(c)->fields = members;
}

void answer_location(struct call *c, const char *format, int64_t id)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    answer_header(c, "Location", arena_format(&c->arena, format, id));
#pragma GCC diagnostic pop
}

void answer_bytes(struct call *c, const char *media_type, struct str bytes)
{
    struct exchange *x = exchange_of(c);
    x->media_type = media_type;
    x->body_is_set = true;
    http_set_body(c->request, bytes);
}

void answer_file(struct call *c, const char *media_type, int fd, int64_t offset, int64_t length)
{
    struct exchange *x = exchange_of(c);
    x->media_type = media_type;
    x->body_is_set = true;
    http_set_file(c->request, fd, offset, length);
}

void answer_stream(struct call *c, const char *media_type, int64_t length,
                   ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max), void (*release)(void *self),
                   void *self)
{
    struct exchange *x = exchange_of(c);
    x->media_type = media_type;
    x->body_is_set = true;
    http_set_stream(c->request, length, read, release, self);
}

void answer_live(struct call *c, const char *media_type,
                 ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max), void (*release)(void *self),
                 void *self)
{
    struct exchange *x = exchange_of(c);
    x->media_type = media_type;
    x->body_is_set = x->is_live = true;
    http_set_live_stream(c->request, read, release, self);
}

void answer_encode(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (!e->out || (e->flags & (LIST | NOT_JSON)) || !x->call.out)
        return;
    json_encode(&x->answer, e->out, x->call.out, x->fields, &x->call.arena);
}

/* RFC 9457. */
static void encode_problem(struct exchange *x)
{
    const struct error *error = &x->call.error;
    const struct error_row *row = error_row(error->code);
    struct text *out = &x->answer;
    text_clear(out);
    text_format(out, "{\"type\":\"%s\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                error->type ? error->type : "about:blank", row->title, row->status);
    bool say = row->message_is_public && error->message[0];
    text_put_json_string(out, str_from(say ? error->message : row->title));
    text_put(out, S(",\"instance\":"));
    text_put_json_string(out, http_path(x->call.request));
    text_format(out, ",\"request_id\":\"%s\"", x->actor.request_id);
    if (error->problems) {
        text_put(out, S(",\"errors\":["));
        for (const struct problem *p = error->problems; p; p = p->next) {
            text_format(out, "%s{\"loc\":[\"%s\"", p == error->problems ? "" : ",", p->place);
            if (p->member.at) {
                text_put_char(out, ',');
                text_put_json_string(out, p->member);
            }
            text_put(out, S("],\"msg\":"));
            text_put_json_string(out, p->message);
            text_format(out, ",\"type\":\"%s\"}", p->type);
        }
        text_put_char(out, ']');
    }
    if (x->problem_extra.at)
        text_format(out, ",%.*s", STR_FMT(x->problem_extra));
    text_put_char(out, '}');
}

/* The Open Inference Protocol has one text; all that is wrong goes into it. */
static void encode_inference_error(struct exchange *x)
{
    const struct error *error = &x->call.error;
    const struct error_row *row = error_row(error->code);
    struct text words;
    text_init(&words, 64 << 10);
    text_put(&words, str_from(row->message_is_public && error->message[0] ? error->message : row->title));
    for (const struct problem *p = error->problems; p; p = p->next)
        text_format(&words, "; %.*s: %.*s", STR_FMT(p->member.at ? p->member : str_from(p->place)),
                    STR_FMT(p->message));
    text_clear(&x->answer);
    text_put(&x->answer, S("{\"error\":"));
    text_put_json_string(&x->answer, text_str(&words));
    text_put_char(&x->answer, '}');
    text_release(&words);
    x->problem_is_set = true;
}

static void allow_header(struct exchange *x)
{
    struct text *allow = &x->compressed;
    text_clear(allow);
    for (int m = 0; m < HTTP_METHODS; m++)
        if (x->route.allowed & (1u << m))
            text_format(allow, "%s%s", allow->len ? ", " : "", http_method_names[m]);
    if (x->route.allowed & (1u << HTTP_GET))
        text_put(allow, S(", HEAD"));
    text_put(allow, S(", OPTIONS"));
    http_set_header(x->call.request, "Allow", text_str(allow));
}

static void problem_headers(struct exchange *x)
{
    const struct error *error = &x->call.error;
    struct request *r = x->call.request;
    if (error->code == E_METHOD_NOT_ALLOWED)
        allow_header(x);
    if (error->code == E_UNAUTHENTICATED)
        http_set_header(r, "WWW-Authenticate",
                        str_is_null(http_header(r, "Authorization"))
                            ? S("Bearer realm=\"roentgen\"")
                            : S("Bearer realm=\"roentgen\", error=\"invalid_token\""));
    int after_s = error->retry_after_s > 0 ? error->retry_after_s : error_row(error->code)->retry_after_s;
    if (after_s > 0)
        http_set_header(r, "Retry-After", arena_format(&x->call.arena, "%d", after_s));
    if (error->code == E_TOO_LARGE)
        http_set_close(r);
}

/* Compared whole. What is no origin (`*`, `null`) is not listed, so that nothing is open to all. */
bool origin_is_listed(const struct call *c, struct str origin)
{
    struct str list = c->app->live->cors_origins;
    for (struct str one; str_find(origin, S("://")) > 0 && str_next(&list, ',', &one);)
        if (str_equal(str_trim(one), origin))
            return true;
    return false;
}

/* Any other origin gets no CORS header at all. */
static void cors_headers(struct exchange *x)
{
    struct request *r = x->call.request;
    struct str origin = http_header(r, "Origin");
    if (!origin.len || !x->call.app->live->cors_origins.len)
        return;
    http_set_header(r, "Vary", S("Origin"));
    if (!origin_is_listed(&x->call, origin))
        return;
    http_set_header(r, "Access-Control-Allow-Origin", origin);
    http_set_header(r, "Access-Control-Allow-Credentials", S("true"));
    http_set_header(
        r, "Access-Control-Expose-Headers",
        S("ETag, Location, X-Request-ID, Content-Range, Content-Disposition, Retry-After, X-Picture-Remark, "
          "X-Pixel-Format"));
}

/* A cookie is given or taken with what was done: not where that was not committed. */
static bool is_told(const char *name, bool ok)
{
    return ok || strcmp(name, "Set-Cookie") != 0;
}

static void common_headers(struct exchange *x, bool ok)
{
    struct request *r = x->call.request;
    http_set_header(r, "X-Request-ID", str_from(x->actor.request_id));
    http_set_header(r, "X-Content-Type-Options", S("nosniff"));
    http_set_header(r, "Referrer-Policy", S("no-referrer"));
    bool own_policy = false, own_caching = false;
    for (int i = 0; i < x->header_count; i++) {
        if (is_told(x->headers[i].name, ok))
            http_set_header(r, x->headers[i].name, x->headers[i].value);
        own_policy |= str_equal(str_from(x->headers[i].name), S("Content-Security-Policy"));
        own_caching |= str_equal(str_from(x->headers[i].name), S("Cache-Control"));
    }
    if (!own_policy)
        http_set_header(r, "Content-Security-Policy", S("default-src 'none'; frame-ancestors 'none'"));
    if (!own_caching)
        http_set_header(r, "Cache-Control", S("no-store"));
    if (x->call.app->config.https_only || http_is_tls(r))
        http_set_header(r, "Strict-Transport-Security", S("max-age=31536000"));
    cors_headers(x);
}

static void set_json_body(struct exchange *x, const char *media_type)
{
    struct request *r = x->call.request;
    struct str body = text_str(&x->answer);
    http_set_header(r, "Content-Type", str_from(media_type));
    if (body.len >= GZIP_FROM_BYTES) {
        http_set_header(r, "Vary", S("Accept-Encoding"));
        text_clear(&x->compressed);
        if (http_accepts_gzip(http_header(r, "Accept-Encoding")) && http_gzip(body, &x->compressed)) {
            http_set_header(r, "Content-Encoding", S("gzip"));
            body = text_str(&x->compressed);
        }
    }
    http_set_body(r, body);
}

static void build(struct exchange *x, bool ok)
{
    struct request *r = x->call.request;
    if (ok)
        answer_tag_record(x);
    if (ok && x->endpoint && !answer_preconditions(x)) {
        ok = x->problem_is_set = false;
        x->header_count = 0; /* they were about the other answer */
        text_clear(&x->answer);
    }
    common_headers(x, ok);
    if (!ok) {
        x->status = error_row(x->call.error.code)->status;
        if (x->endpoint && x->endpoint->flags & INFERENCE)
            encode_inference_error(x);
        else if (!x->problem_is_set)
            encode_problem(x);
        problem_headers(x);
        set_json_body(x, x->problem_is_set ? "application/json" : "application/problem+json");
    } else if (x->body_is_set) {
        if (x->media_type)
            http_set_header(r, "Content-Type", str_from(x->media_type));
    } else if (x->answer.len && x->status != 304) {
        set_json_body(x, x->media_type ? x->media_type : "application/json");
    }
    http_set_status(r, x->status);
}

static void remember(struct exchange *x)
{
    struct call *c = &x->call;
    const struct error *error = &c->error;
    const char *route = x->endpoint ? x->endpoint->path : "";
    struct log_access line = {
        .request_id = call_request_id(c),
        .method = http_method_names[http_method(c->request) < HTTP_METHODS ? http_method(c->request) : HTTP_GET],
        .route = route,
        .client = x->actor.client,
        .user_id = call_user(c),
        .status = x->status,
        .us = clock_monotonic_us() - http_started_us(c->request),
        .bytes_in = http_body_bytes(c->request),
        .bytes_out = http_reply_bytes(c->request),
    };
    if (http_method(c->request) >= HTTP_METHODS)
        line.method = "OTHER";
    log_access(c->app->log, &line);
    metrics_request(c->app->metrics, x->route.index, x->status, line.us);
    bool is_ours = error->code == E_INTERNAL || error->code == E_UNREADABLE || error->is_ours;
    if (is_ours || error->code == E_STORAGE_FULL || error->code == E_UNAVAILABLE) {
        log_write(c->app->log, is_ours ? LOG_ERROR : LOG_WARNING, call_request_id(c), "request.failed",
                  "%s %s: %s (%s:%d)", line.method, route, error->message, error->file ? error->file : "", error->line);
        metrics_error(c->app->metrics, call_request_id(c), route, error->message);
    }
}

static void audit_written(struct call *c, bool ok, void *context)
{
    (void)ok;
    (void)context;
    db_release(c);
    http_reply(c->request);
}

static bool audit_write(struct call *c, void *context)
{
    return audit_insert(c, context);
}

/* What was done always leaves its row, what was refused while there is room for such (audit.h). */
static bool leaves_row(struct exchange *x)
{
    const struct endpoint *e = x->endpoint;
    if (!e || !e->audit || x->actor.audit.written)
        return false;
    if (x->status < 400)
        return true;
    int64_t user = call_user(&x->call);
    if (x->status == 429 || (!user && !(e->flags & LOGIN)))
        return false;
    return audit_admits(x->call.app->audit, user, x->actor.network);
}

void answer_send(struct exchange *x, bool ok)
{
    struct call *c = &x->call;
    if (x->answer.starved) {
        if (x->answer.is_too_large) {
            hold_never(&c->hold, &c->error);
        } else {
            c->error.retry_after_s = 2;
            fail(c, E_UNAVAILABLE, "too much is under way: try again when that has ended");
        }
        ok = false;
    }
    if (ok && x->answer.overflowed)
        ok = fail(c, E_INTERNAL, "the answer grew past its maximum");
    build(x, ok);
    remember(x);
    db_release(c);
    struct audit_entry *entry = arena_new(&c->arena, struct audit_entry);
    if (leaves_row(x)) {
        exchange_audit_entry(x, entry);
        if (!audit_note(c->app->audit, entry)) {
            http_wait(c->request);
            db_transact_later(c, audit_write, entry, audit_written);
            return;
        }
    }
    if (ok && x->is_live)
        arena_release(&c->arena); /* it may go on for hours, and needs nothing of this */
    http_reply(c->request);
}
