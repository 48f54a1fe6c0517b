/* reply.c - answers: kept in the request until the I/O thread hands them to libmicrohttpd. */
#include "http/server.h"

#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what the application sets ---- */

void http_set_status(struct request *r, int status)
{
    assert(status >= 200 && status <= 599);
    r->status = status;
}

/* These follow from the body and the connection. */
static bool is_ours(struct str name)
{
    return str_equal_fold(name, S("content-length")) || str_equal_fold(name, S("transfer-encoding")) ||
           str_equal_fold(name, S("connection")) || str_equal_fold(name, S("date"));
}

void http_set_header(struct request *r, const char *name, struct str value)
{
    struct str key = str_from(name);
    if (!header_is_token(key.at, key.len) || !value.at || !header_value_is_clean(value) || is_ours(key))
        return;
    assert(r->reply_header_count < REPLY_HEADERS_MAX);
    r->reply_headers[r->reply_header_count++] =
        (struct header){ arena_copy(&r->arena, key), arena_copy(&r->arena, str_trim(value)) };
}

static void drop_body(struct request *r)
{
    if (r->fd >= 0) /* libmicrohttpd did not take it over */
        close(r->fd);
    if (r->reply_kind == REPLY_STREAM && r->stream.release)
        r->stream.release(r->stream.self);
    r->fd = -1;
    r->stream = (struct stream){ 0 };
    r->reply_kind = REPLY_BYTES;
    r->reply_bytes = STR_NULL;
    r->reply_length = 0;
}

void http_set_body(struct request *r, struct str bytes)
{
    drop_body(r);
    r->reply_bytes = bytes;
    r->reply_length = bytes.len;
}

void http_set_file(struct request *r, int fd, int64_t offset, int64_t length)
{
    drop_body(r);
    r->reply_kind = REPLY_FILE;
    r->fd = fd;
    r->file_offset = offset;
    r->reply_length = length;
}

void http_set_file_part(struct request *r, int64_t first, int64_t length)
{
    assert(r->reply_kind == REPLY_FILE && first >= 0 && first + length <= r->reply_length);
    r->file_offset += first;
    r->reply_length = length;
}

void http_set_stream(struct request *r, int64_t length,
                     ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max),
                     void (*release)(void *self), void *self)
{
    drop_body(r);
    r->reply_kind = REPLY_STREAM;
    r->stream = (struct stream){ read, release, self, false };
    r->reply_length = length;
}

void http_set_live_stream(struct request *r, ptrdiff_t (*read)(void *self, int64_t offset, char *out, ptrdiff_t max),
                          void (*release)(void *self), void *self)
{
    http_set_stream(r, -1, read, release, self);
    r->stream.live = true;
}

void http_set_close(struct request *r)
{
    r->close = true;
}

int64_t http_reply_bytes(const struct request *r)
{
    if (r->method == HTTP_HEAD || r->status == 204 || r->status == 304)
        return 0;
    return r->reply_kind == REPLY_STREAM ? r->streamed_bytes : r->reply_length;
}

void http_reply(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    assert(!r->replied);
    r->replied = true;
    struct MHD_Connection *sleeping = r->suspended ? r->mhd : NULL;
    r->suspended = false;
    pthread_mutex_unlock(&r->lock);
    /* Waking the I/O thread may run it at once, and it wants the lock. It sleeps until here, so that the connection is
     * still there. */
    if (sleeping)
        MHD_resume_connection(sleeping);
}

void reply_problem(struct request *r, int status, const char *detail)
{
    r->reply_header_count = 0;
    http_set_status(r, status);
    http_set_header(r, "Content-Type", S("application/problem+json"));
    http_set_header(r, "Cache-Control", S("no-store"));
    http_set_header(r, "X-Content-Type-Options", S("nosniff"));
    http_set_body(r,
                  arena_format(&r->arena, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}",
                               MHD_get_reason_phrase_for((unsigned)status), status, detail));
}

void reply_release(struct request *r)
{
    drop_body(r);
}

/* ---- handing it over ---- */

/* Told that the reader has failed, or has ended what has no last chunk, libmicrohttpd 0.9.75 ends the request but
 * leaves the connection in a list of which it looks at the oldest only: its descriptor stays for as long as an older
 * one does. After a send that fails it cleans up, and after this none succeeds. */
ssize_t reply_break_off(struct request *r, char *out, size_t max)
{
    shutdown(r->conn->fd, SHUT_WR);
    memset(out, 0, max);
    return (ssize_t)max;
}

static ssize_t read_stream(void *self, uint64_t offset, char *out, size_t max)
{
    struct request *r = self;
    if (r->stream.live)
        return live_read(r, (int64_t)offset, out, max);
    ptrdiff_t n = r->stream.read(r->stream.self, (int64_t)offset, out, (ptrdiff_t)max);
    bool is_chunked = r->reply_length < 0 && !r->http_1_0;
    if (n == 0 && is_chunked)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n <= 0)
        return reply_break_off(r, out, max);
    r->streamed_bytes += n;
    return n;
}

static struct MHD_Response *from_bytes(struct str bytes)
{
    return MHD_create_response_from_buffer((size_t)bytes.len, (void *)(uintptr_t)bytes.at, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *from_file(struct request *r)
{
    if (r->reply_length == 0)
        return from_bytes(STR_NULL);
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64((uint64_t)r->reply_length, r->fd, (uint64_t)r->file_offset);
    if (response)
        r->fd = -1; /* closed with the response */
    return response;
}

static struct MHD_Response *from_stream(struct request *r)
{
    enum { BLOCK_BYTES = 32 * 1024, LIVE_BLOCK_BYTES = 1024 /* many, and little at a time */ };
    uint64_t length = r->reply_length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)r->reply_length;
    if (length == 0)
        return from_bytes(STR_NULL);
    struct MHD_Response *response = MHD_create_response_from_callback(
        length, r->stream.live ? LIVE_BLOCK_BYTES : BLOCK_BYTES, read_stream, r, NULL);
    /* Without a body libmicrohttpd 0.9.75 still ends "chunked" with a last chunk, which the client would take for
     * the next answer. */
    if (response && r->reply_length < 0 && (r->method == HTTP_HEAD || r->status == 304))
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END); /* no length, and closes */
    return response;
}

static struct MHD_Response *make_response(struct request *r)
{
    switch (r->reply_kind) {
    case REPLY_FILE:
        return from_file(r);
    case REPLY_STREAM:
        return from_stream(r);
    case REPLY_BYTES:
    default:
        return from_bytes(r->reply_bytes);
    }
}

bool reply_queue(struct request *r)
{
    struct MHD_Response *response = make_response(r);
    if (!response)
        return false;
    for (int i = 0; i < r->reply_header_count; i++)
        MHD_add_response_header(response, r->reply_headers[i].name.at, r->reply_headers[i].value.at);
    if (r->close || atomic_load_explicit(&r->server->stopping, memory_order_relaxed))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    conn_enter(r->server, r->conn, CONN_SENDING);
    if (r->stream.live)
        live_begin(r);
    enum MHD_Result queued = MHD_queue_response(r->mhd, (unsigned)r->status, response);
    MHD_destroy_response(response);
    r->queued = queued == MHD_YES;
    if (r->stream.live)
        live_forget(r);
    return r->queued;
}

static void send_raw(struct request *r, struct str bytes)
{
    if (!r->server->tls) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        (void)!send(info->connect_fd, bytes.at, (size_t)bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    gnutls_session_t session = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    for (ssize_t sent; bytes.len > 0 && (sent = gnutls_record_send(session, bytes.at, (size_t)bytes.len)) > 0;)
        bytes = str_slice(bytes, sent, bytes.len);
}

/* An answer in the middle of a body is short and the socket's buffer empty, so one send takes it all; if not, the
 * client sees the connection close without an answer. */
void reply_write_raw(struct request *r)
{
    enum { RAW_MAX = 256 * 1024 };
    struct text out;
    struct str body = r->reply_kind == REPLY_BYTES ? r->reply_bytes : STR_NULL;
    text_init(&out, RAW_MAX);
    text_format(&out, "HTTP/1.1 %d %s\r\nDate: %.*s\r\nConnection: close\r\nContent-Length: %td\r\n", r->status,
                MHD_get_reason_phrase_for((unsigned)r->status), STR_FMT(instant_http_format(clock_now(), &r->arena)),
                body.len);
    for (int i = 0; i < r->reply_header_count; i++)
        text_format(&out, "%.*s: %.*s\r\n", STR_FMT(r->reply_headers[i].name), STR_FMT(r->reply_headers[i].value));
    text_put(&out, S("\r\n"));
    if (r->method != HTTP_HEAD)
        text_put(&out, body);
    if (!out.overflowed)
        send_raw(r, text_str(&out));
    text_release(&out);
}
