/* stream.c - answers that go on for as long as something happens (http_set_live_stream).
 *
 *   live_read   read says bytes        -> sent                                     CONN_SENDING
 *               read says: it waits    -> woken meanwhile? read again
 *                                         else the connection is suspended         CONN_WAITING
 *   wake        suspended -> resumed, and libmicrohttpd asks for bytes again; else `woken` is noted
 *
 * libmicrohttpd lets a content reader suspend its connection, and then wants 0 from it. What it does not do for a
 * connection that is suspended is to look at its socket: the guard finds those whose peer has left, cuts them, and
 * wakes them so that they end. */
#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

void http_stream_wake(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    if (r->suspended)
        request_wake(r);
    else
        r->woken = true;
    pthread_mutex_unlock(&r->lock);
}

/* Bytes that a network has swallowed are no reason to keep a stream that has nothing more to say for now. */
static void give_up_on_silence(const struct request *r)
{
    unsigned ms = (unsigned)r->server->options.send_timeout_s * 1000U;
    setsockopt(r->conn->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void live_begin(struct request *r)
{
    struct http_server *server = r->server;
    give_up_on_silence(r);
    r->live = true;
    pthread_mutex_lock(&server->live_lock);
    r->next_live = server->live ? server->live : r;
    r->prev_live = server->live ? server->live->prev_live : r;
    r->prev_live->next_live = r->next_live->prev_live = r;
    server->live = r;
    pthread_mutex_unlock(&server->live_lock);
    atomic_fetch_add(&server->live_count, 1);
}

/* Thousands of these stay for hours, and nobody asks for their headers again. */
void live_forget(struct request *r)
{
    r->header_count = r->reply_header_count = 0;
    r->path = r->query = r->method_text = STR_NULL;
    arena_release(&r->arena);
}

void live_end(struct request *r)
{
    struct http_server *server = r->server;
    if (!r->live)
        return;
    r->live = false;
    pthread_mutex_lock(&server->live_lock);
    r->prev_live->next_live = r->next_live;
    r->next_live->prev_live = r->prev_live;
    if (server->live == r)
        server->live = r->next_live == r ? NULL : r->next_live;
    r->next_live = r->prev_live = NULL;
    pthread_mutex_unlock(&server->live_lock);
    atomic_fetch_sub(&server->live_count, 1);
}

void live_wake(struct http_server *server, bool all)
{
    pthread_mutex_lock(&server->live_lock);
    struct request *r = server->live;
    for (bool more = r != NULL; more; more = r != server->live) {
        if (all || atomic_load_explicit(&r->conn->cut, memory_order_relaxed))
            http_stream_wake(r);
        r = r->next_live;
    }
    pthread_mutex_unlock(&server->live_lock);
}

/* True: it sleeps now. */
static bool sleep_unless_woken(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    bool sleeps = !r->woken;
    r->woken = false;
    if (sleeps) {
        r->suspended = true;
        conn_enter(r->server, r->conn, CONN_WAITING);
        MHD_suspend_connection(r->mhd);
    }
    pthread_mutex_unlock(&r->lock);
    return sleeps;
}

/* What libmicrohttpd lends to be filled is all that is left of the connection's memory, and nothing in it counts before
 * it is filled. What headers and events have touched of it is the kernel's again while the connection sleeps. */
static void give_back_pages(char *out, size_t max)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)out;
    size_t skip = (page - at % page) % page;
    if (max > skip + page)
        madvise(out + skip, (max - skip) / page * page, MADV_DONTNEED);
}

ssize_t live_read(struct request *r, int64_t offset, char *out, size_t max)
{
    for (;;) {
        if (atomic_load(&r->conn->cut))
            return reply_break_off(r, out, max);
        ptrdiff_t n =
            atomic_load(&r->server->stopping) ? 0 : r->stream.read(r->stream.self, offset, out, (ptrdiff_t)max);
        if (n > 0) {
            if ((atomic_load_explicit(&r->conn->phase, memory_order_relaxed) & 7) != CONN_SENDING)
                conn_enter(r->server, r->conn, CONN_SENDING);
            r->streamed_bytes += n;
            return n;
        }
        if (n == 0 && !r->http_1_0)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (n != HTTP_STREAM_WAITS)
            return reply_break_off(r, out, max);
        if (sleep_unless_woken(r)) {
            give_back_pages(out, max);
            return 0;
        }
    }
}
