/* handler.c - what libmicrohttpd calls, and the order in which a request meets the application.
 *
 * libmicrohttpd calls on_request several times: once with the headers (STEP_FIRST), for each piece of body
 * (STEP_BODY), once at the end, and again whenever the connection was suspended and resumed. An answer queued in the
 * first call closes the connection, so a request without a body meets `begin` in its last call. In the middle of a
 * body no answer is taken at all: there it is written to the socket by hand. */
#include "http/handler.h"

#include <assert.h>

/* ---- steps ---- */

static void begin(struct request *r)
{
    struct http_server *server = r->server;
    r->begun = true;
    atomic_fetch_add_explicit(&server->requests_total, 1, memory_order_relaxed);
    atomic_fetch_add(&server->active, 1); /* before looking at `stopping`: http_stop does it the other way round */
    if (!atomic_load(&server->stopping)) {
        r->counted = true;
        server->app.begin(r);
        assert(r->waits || r->replied || r->body.mode != BODY_UNWANTED);
        return;
    }
    atomic_fetch_sub(&server->active, 1);
    atomic_fetch_add_explicit(&server->refused_total, 1, memory_order_relaxed);
    reply_problem(r, 503, "the server is shutting down");
    http_set_header(r, "Retry-After", arena_format(&r->arena, "%d", error_row(E_UNAVAILABLE)->retry_after_s));
    http_set_close(r);
    http_reply(r);
}

static void give_body(struct request *r)
{
    r->body.given = true;
    if (r->body.mode == BODY_SINK && (r->body.begun || r->body.failed))
        body_release(r); /* else a worker has still to take it (body_deliver) */
    conn_enter(r->server, r->conn, CONN_HANDLING);
    r->server->app.ready(r);
}

/* True: the answer is there. False: the connection sleeps until it is. */
static bool is_replied(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    bool replied = r->replied;
    if (!replied)
        request_suspend(r);
    pthread_mutex_unlock(&r->lock);
    return replied;
}

enum outcome { OUTCOME_OPEN, OUTCOME_BODY, OUTCOME_REPLY };

/* How `begin` ended: with an answer, with the wish for a body, or not yet; then the connection sleeps. */
static enum outcome outcome_of_begin(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    enum outcome outcome = r->replied                                                 ? OUTCOME_REPLY
                           : r->go_on || (!r->waits && r->body.mode != BODY_UNWANTED) ? OUTCOME_BODY
                                                                                      : OUTCOME_OPEN;
    if (outcome == OUTCOME_OPEN)
        request_suspend(r);
    pthread_mutex_unlock(&r->lock);
    return outcome;
}

static enum MHD_Result queue(struct request *r)
{
    return reply_queue(r) ? MHD_YES : MHD_NO;
}

/* May the rest of the body be read and dropped, so that the connection lives on? Who asked for 100 (Continue) waits
 * for a word and gets the answer instead. */
static bool may_swallow(const struct request *r)
{
    int64_t left = r->content_length - r->body_bytes;
    bool asked = r->expects_continue && r->body_bytes == 0;
    return r->content_length >= 0 && left <= SWALLOW_BYTES && !asked && !r->close;
}

static void drop_rest(struct request *r)
{
    r->drop = true;
    conn_enter(r->server, r->conn, CONN_BODY);
}

static enum MHD_Result first_call(struct request *r, const char *method, const char *version)
{
    if (!r->begun) {
        conn_enter(r->server, r->conn, CONN_HANDLING);
        if (!request_read_headers(r, method, version)) {
            r->begun = true;
            return queue(r);
        }
        if (!r->has_body) {
            r->step = STEP_LAST;
            return MHD_YES;
        }
        begin(r);
    }
    switch (outcome_of_begin(r)) {
    case OUTCOME_OPEN:
        return MHD_YES;
    case OUTCOME_BODY:
        conn_enter(r->server, r->conn, CONN_BODY);
        break;
    case OUTCOME_REPLY:
        if (!may_swallow(r))
            return queue(r);
        drop_rest(r);
        break;
    }
    r->step = STEP_BODY;
    return MHD_YES;
}

static enum MHD_Result drop_piece(struct request *r, size_t *len)
{
    r->body_bytes += (int64_t)*len;
    atomic_store_explicit(&r->conn->body_bytes, r->body_bytes, memory_order_relaxed);
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result body_call(struct request *r, const char *data, size_t *len)
{
    if (r->drop)
        return drop_piece(r, len);
    if (!r->body.given) {
        if ((atomic_load_explicit(&r->conn->phase, memory_order_relaxed) & 7) != CONN_BODY)
            conn_enter(r->server, r->conn, CONN_BODY); /* after a sleep */
        if (body_take(r, data, len) != BODY_READY)
            return MHD_YES;
        give_body(r);
    }
    if (!is_replied(r))
        return MHD_YES;
    if (may_swallow(r)) {
        drop_rest(r);
        return drop_piece(r, len);
    }
    reply_write_raw(r);
    return MHD_NO; /* closes */
}

static enum MHD_Result last_call(struct request *r)
{
    r->step = STEP_LAST;
    if (!r->begun)
        begin(r);
    if (!r->body.given && !r->drop && r->body.mode != BODY_UNWANTED && !r->replied) {
        if (body_end(r) == BODY_WAITS)
            return MHD_YES;
        give_body(r);
    }
    return is_replied(r) ? queue(r) : MHD_YES;
}

/* ---- callbacks ---- */

void *handler_on_target(void *self, const char *uri, struct MHD_Connection *mhd)
{
    struct http_server *server = self;
    struct request *r = request_take(server);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->mhd = mhd;
    r->conn = info->socket_context;
    r->started_us = clock_monotonic_us();
    memcpy(r->client, r->conn->client, sizeof(r->client));
    r->client_len = r->conn->client_len;
    atomic_store_explicit(&r->conn->body_bytes, 0, memory_order_relaxed);
    conn_enter(server, r->conn, CONN_HEADER);
    request_read_target(r, uri);
    return r;
}

enum MHD_Result handler_on_request(void *self, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *len, void **context)
{
    (void)self, (void)mhd, (void)url;
    struct request *r = *context;
    if (r->queued)
        return MHD_YES;
    if (r->step == STEP_FIRST)
        return first_call(r, method, version);
    return *len ? body_call(r, data, len) : last_call(r);
}

void handler_on_completed(void *self, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode why)
{
    (void)mhd;
    struct http_server *server = self;
    struct request *r = *context;
    if (!r)
        return;
    *context = NULL;
    live_end(r);
    bool client_gone = why == MHD_REQUEST_TERMINATED_CLIENT_ABORT || why == MHD_REQUEST_TERMINATED_READ_ERROR;
    if (r->step != STEP_LAST && !client_gone)
        r->conn->linger = true; /* if it closes now, input stays unread */
    body_lost(r);
    pthread_mutex_lock(&r->lock); /* whoever called http_reply has let go of the lock after this */
    pthread_mutex_unlock(&r->lock);
    conn_enter(server, r->conn, CONN_IDLE);
    request_release(r);
}

enum MHD_Result handler_may_connect(void *self, const struct sockaddr *address, socklen_t len)
{
    (void)address, (void)len;
    struct http_server *server = self;
    /* A little past the limit, so that a new one gets in while the guard is closing old ones. */
    int limit = server->options.max_connections, spare = limit / 8 > 64 ? limit / 8 : 64, most = limit + spare;
    if (atomic_load(&server->connections) < most)
        return MHD_YES;
    atomic_fetch_add_explicit(&server->refused_total, 1, memory_order_relaxed);
    return MHD_NO;
}

void handler_on_connection(void *self, struct MHD_Connection *mhd, void **context,
                           enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = self;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = guard_add(server, fd, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
        if (server->tls)
            http_tls_begin(server->tls, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
    } else {
        guard_remove(server, *context);
        *context = NULL;
    }
}

size_t handler_keep_escapes(void *self, struct MHD_Connection *mhd, char *text)
{
    (void)self, (void)mhd;
    return strlen(text);
}
