/* http.h - HTTP/1.1 as the application sees it (libmicrohttpd below).
 *
 *   I/O thread                                     worker thread
 *   ----------                                     -------------
 *   headers in -> app->begin(r)
 *                   http_reply(r, ...)  ............ answer without reading the body
 *                   http_read_body(r, sink, max) ... body: buffers of 256 KiB -> sink->write(...)
 *   body done  -> app->ready(r)
 *                   http_reply(r, ...)               (fast, on this thread)
 *                   http_run(r, fn) ..............-> fn(r) ... http_reply(r, ...)
 *   answer sent or connection lost -> app->finish(r)
 *
 * Between begin and finish the request, its arena-like memory (`app_data`) and all strings here stay valid,
 * whichever thread looks. http_reply is called exactly once per request, from any thread. When a connection dies in
 * the middle of a body, the sink's `abandon` is called (on a worker), then finish. Nothing that blocks runs on an
 * I/O thread: body bytes are handed to the sink on a worker while the connection waits, with two buffers so that
 * receiving and writing overlap.
 *
 * Limits, all cut the connection: idle_timeout_s between requests; header_timeout_s from the request line to the end
 * of the headers; a body slower than body_min_bytes_per_s over body_window_s; an answer not taken for send_timeout_s.
 * Past max_connections the longest idle connection is closed for the new one. Early answers linger (RFC 9112 9.6): the
 * socket is drained for a bounded time, so the client can read why.
 */
#ifndef ROENTGEN_HTTP_H
#define ROENTGEN_HTTP_H

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHODS,
    HTTP_OTHER = HTTP_METHODS
};
extern const char *const http_method_names[]; /* "GET" ... */

struct http_server;
struct request;

/* The application's side. A block of `app_data_bytes` is zeroed when it is made, then goes from request to request
 * of the server: `finish` leaves it as the next `begin` wants it. */
struct http_app {
    void *context;
    ptrdiff_t app_data_bytes;
    void (*create)(void *app_data, void *context); /* once per block of memory */
    void (*destroy)(void *app_data, void *context);
    void (*begin)(struct request *r);  /* I/O thread; HEAD arrives as HTTP_HEAD */
    void (*ready)(struct request *r);  /* I/O thread; only after http_read_body */
    void (*finish)(struct request *r); /* I/O thread, or a worker that was still busy; app_data is re-used afterwards */
};

struct http_options {
    const char *host;
    int port; /* 0: any free one, see http_port */
    int io_threads;
    int worker_threads; /* of lane 0 */
    struct http_lane {
        int threads;
        int account_threads; /* at most so many at work for one account; 0: all */
    } lanes[4];              /* further ones, from 1: those with threads; `lanes[0]` bounds accounts in lane 0 */
    int max_connections;
    int idle_timeout_s, header_timeout_s, send_timeout_s;
    int64_t body_min_bytes_per_s;
    int body_window_s; /* over which the rate counts; 0: 20 */
    ptrdiff_t max_header_bytes;
    const char *tls_certificate, *tls_key; /* PEM files; NULL: plain HTTP, and nothing else on this port */
};

bool http_start(const struct http_options *options, const struct http_app *app, struct http_server **out,
                struct error *error);
int http_port(const struct http_server *server);
/* Of one that speaks TLS. Reads certificate and key again, for connections that begin from now on; *changed: they were
 * others. Where they cannot be used the old ones stay. One caller at a time. */
bool http_reload_certificate(struct http_server *server, bool *changed, struct error *error);
struct instant http_certificate_expires(const struct http_server *server);
/* Answers what is under way, gives new requests 503 and closes their connections; after at most `grace_ms` cuts every
 * connection and frees the server. Work not begun by then is dropped; work and answers (http_wait) under way are
 * waited for, since their memory cannot be taken from them. True when nothing had to be cut off. */
bool http_stop(struct http_server *server, int grace_ms);

struct http_stats {
    int64_t connections, connections_total, requests_total, refused_total;
    int64_t workers, workers_busy, worker_queue;
    int64_t timeouts_header, timeouts_body, timeouts_idle, timeouts_send;
    int64_t live_streams;
};
void http_stats(struct http_server *server, struct http_stats *out);

/* ---- the request ---- */
void *http_app_data(struct request *r);
void *http_context(struct request *r); /* http_app.context */
enum http_method http_method(const struct request *r);
struct str http_method_text(const struct request *r);
struct str http_path(const struct request *r);                     /* raw, before the '?', still percent-encoded */
struct str http_query(const struct request *r);                    /* raw, after the '?'; null if none */
struct str http_header(const struct request *r, const char *name); /* null if absent; the first line of that name */
/* All lines of that name as the one list they stand for (RFC 9110 5.3), joined with commas; null if absent. */
struct str http_header_list(const struct request *r, const char *name, struct arena *arena);
bool http_header_begins(const struct request *r, const char *prefix); /* is there a header whose name begins so? */
bool http_is_tls(const struct request *r);                            /* on this connection, not a proxy's */
struct str http_client(const struct request *r);                      /* peer address, text, without port */
int64_t http_content_length(const struct request *r);                 /* -1: not stated (chunked) or no body */
bool http_has_body(const struct request *r);                          /* Content-Length > 0 or Transfer-Encoding */
int64_t http_started_us(const struct request *r); /* clock_monotonic_us of the first byte seen by us */
int64_t http_body_bytes(const struct request *r); /* received so far */

/* Where body bytes go. Calls come one at a time, on worker threads, never two at once. Either the body is completed,
 * and `ready` comes without an error, or `abandon` is called once: after a failed write, past max_bytes, when the
 * connection dies. */
struct body_sink {
    bool (*write)(void *self, struct str bytes, struct error *error);
    void (*abandon)(void *self); /* the body will not be completed; may be NULL */
    void *self;
    /* A body that fits into one buffer is written by the worker that http_run from `ready` brings, before the work: two
     * changes of thread fewer. The work then looks at http_body_error first; without http_run nothing is written. */
    bool late;
};
/* From begin, or from the worker that goes on with it (see http_go_on). Bytes beyond `max_bytes` end the body with
 * E_TOO_LARGE (known before reading when Content-Length says so: check that first), as does a failed write with its own
 * error: then `ready` is called with http_body_error set, in the middle of the body. The answer to that must be bytes,
 * not a file or a stream. */
void http_read_body(struct request *r, const struct body_sink *sink, int64_t max_bytes);
/* Gathers a small body in memory instead; http_body gives it in ready. */
void http_collect_body(struct request *r, ptrdiff_t max_bytes);
struct str http_body(const struct request *r);
const struct error *http_body_error(const struct request *r); /* code E_NONE when all went well */

/* Runs `work` on a worker thread of this lane: what is slow in one does not hold up another. From begin, ready, or
 * another worker. In each lane accounts take turns, so that whoever asks for a thousand things waits for them alone.
 * When too much waits (64 for each thread, or half of that for one account) returns false: answer 503. Bodies are taken
 * in lane 0. */
bool http_run(struct request *r, int lane, void (*work)(struct request *r));
/* Whose turn it is when this request needs a worker: any number; 0, as long as nobody has said: everybody's together.
 * From begin, or a worker. */
void http_set_account(struct request *r, int64_t account);
/* `begin` may also go on on a worker (http_run): after http_read_body or http_collect_body there, this lets the body
 * come. */
void http_go_on(struct request *r);
/* From begin or ready, before they return without a reply, when the reply will come from another thread
 * (db_transact_later's done, for example). http_run does this itself. */
void http_wait(struct request *r);

/* ---- the answer ---- */
/* Begin an answer; names and values are copied. Headers with control characters are dropped (header injection), as
 * are those made here (Content-Length, Date, ...). Setting a name twice sends it twice. At most 32. */
void http_set_status(struct request *r, int status);
void http_set_header(struct request *r, const char *name, struct str value);
/* The body: bytes that stay valid until finish (no copy). A 304 carries their length as Content-Length, as the 200
 * would. */
void http_set_body(struct request *r, struct str bytes);
/* or part of a file, sent by sendfile; takes over the descriptor. */
void http_set_file(struct request *r, int fd, int64_t offset, int64_t length);
/* of which only this part, counted from its offset. */
void http_set_file_part(struct request *r, int64_t first, int64_t length);
/* or made while it is sent: `read` fills up to `max` bytes, returns how many, 0 at the end, -1 to break the
 * connection; called on I/O thread; `length` -1 when unknown. */
void http_set_stream(struct request *r, int64_t length,
                     ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max),
                     void (*release)(void *self), void *self);
/* or made as things happen, for as long as it takes (stream.c): `read` may also return HTTP_STREAM_WAITS. The
 * connection then sleeps, without a thread, until http_stream_wake, after which `read` is called again; waking one that
 * does not sleep is no loss. Ends when the server stops. No time is too long for it to say nothing, but whoever does
 * not take what was sent within send_timeout_s is cut off, and so is whoever has closed their side. Until `release` has
 * returned the request is there to be woken: a lock that both take says so. Its strings are gone once it is sent. */
enum { HTTP_STREAM_WAITS = -2 };
void http_set_live_stream(struct request *r, ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max),
                          void (*release)(void *self), void *self);
void http_stream_wake(struct request *r);
void http_set_close(struct request *r); /* Connection: close after this answer */
/* Sends what was set. From any thread, once. Content-Length, Date and Connection are added; HEAD answers lose the
 * body. */
void http_reply(struct request *r);
int64_t http_reply_bytes(const struct request *r);

/* ---- pieces that stand alone ---- */

/* Range: bytes=... (RFC 9110 14.2) against a representation of `size`. Only single ranges are honoured: RANGE_NONE
 * means send the whole. */
enum range_result { RANGE_NONE, RANGE_PART, RANGE_UNSATISFIABLE };
enum range_result http_parse_range(struct str header, int64_t size, int64_t *first, int64_t *length);
/* Is `etag` (quoted, strong) in the list? `weak`: compare weakly (If-None-Match); "*" matches always. */
bool http_etag_matches(struct str list, struct str etag, bool weak);
/* Does Accept-Encoding allow gzip with q > 0? */
bool http_accepts_gzip(struct str header);
/* gzip of `in`, or false when it would not get smaller. */
bool http_gzip(struct str in, struct text *out);
/* Appends what `in` was before it was packed, by gzip or by deflate (RFC 1952, RFC 1950): it says itself which. False:
 * it is not whole, or there is more than `out` takes (out->overflowed). Stops there, whatever it would become. */
bool http_unpack(struct str in, struct text *out);
/* attachment; filename="ascii"; filename*=UTF-8''... (RFC 6266, 8187), as base/file_name.h calls it. */
struct str http_content_disposition(struct arena *arena, struct str name);
/* %XX decoded into the arena; false for bad escapes, NUL or bytes that are not UTF-8. */
bool http_percent_decode(struct str in, bool plus_is_space, struct arena *arena, struct str *out);
/* A parameter of a header value: ("multipart/form-data; boundary=x", "boundary"). Null when absent. */
struct str http_header_parameter(struct str value, struct str name, struct arena *arena);
struct str http_media_type(struct str value); /* before the ';', trimmed; compare with str_equal_fold */

#endif
