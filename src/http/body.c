/* body.c - body bytes on their way from the I/O thread to a sink on a worker.
 *
 *   I/O thread --copies--> filling    emptying --sink->write--> worker
 *                              \___ swapped __/
 *
 * While a worker empties one buffer the other fills; when both are taken, the connection is suspended. Whoever makes
 * progress moves the buffers on and wakes the connection. A body that will not be completed ends in exactly one
 * sink->abandon, never beside a write. */
#include "http/server.h"

#include <assert.h>

static struct str buffer_str(const struct buffer *buffer)
{
    return (struct str){ buffer->at, buffer->len };
}

static void buffer_release(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){ 0 };
}

static void buffer_reserve(struct buffer *buffer, ptrdiff_t capacity)
{
    if (buffer->capacity >= capacity)
        return;
    buffer->at = realloc(buffer->at, (size_t)capacity);
    if (!buffer->at)
        abort();
    buffer->capacity = capacity;
}

static ptrdiff_t smaller(int64_t a, int64_t b)
{
    return (ptrdiff_t)(a < b ? a : b);
}

static void fail_body(struct request *r, const struct error *error)
{
    r->body.failed = true;
    if (r->body_error.code == E_NONE)
        r->body_error = *error;
}

/* ---- on a worker ---- */

static void empty_buffer(struct request *r);

/* The next four under r->lock. */
static void hand_over(struct request *r)
{
    struct body *b = &r->body;
    struct buffer filled = b->filling;
    b->filling = b->emptying;
    b->filling.len = 0;
    b->emptying = filled;
    b->full = false;
    b->busy = b->begun = true;
    workers_add(&r->server->lanes[0], &r->body_job, r, empty_buffer, false);
}

static void abandon_now(struct request *r)
{
    struct body *b = &r->body;
    b->abandoned = true;
    if (!b->sink.abandon)
        return;
    b->busy = true;
    pthread_mutex_unlock(&r->lock);
    b->sink.abandon(b->sink.self);
    pthread_mutex_lock(&r->lock);
    b->busy = false;
}

static void empty_buffer(struct request *r)
{
    struct body *b = &r->body;
    struct error error = { 0 };
    bool ok = b->sink.write(b->sink.self, buffer_str(&b->emptying), &error);
    pthread_mutex_lock(&r->lock);
    b->busy = false;
    if (!ok) {
        error_set(&error, E_INTERNAL, "the body could not be stored"); /* when the sink did not say why */
        fail_body(r, &error);
    }
    if ((b->failed || b->dead) && !b->abandoned)
        abandon_now(r);
    else if (b->full && !b->abandoned)
        hand_over(r);
    request_wake(r);
    pthread_mutex_unlock(&r->lock);
    request_release(r);
}

static void run_abandon(struct request *r)
{
    pthread_mutex_lock(&r->lock);
    abandon_now(r);
    request_wake(r);
    pthread_mutex_unlock(&r->lock);
    request_release(r);
}

static void abandon_later(struct request *r)
{
    struct body *b = &r->body;
    if (b->busy || b->abandoned)
        return;
    b->abandoned = true;
    if (!b->sink.abandon)
        return;
    b->busy = true;
    workers_add(&r->server->lanes[0], &r->body_job, r, run_abandon, false);
}

/* Nobody else looks at the body after `ready`. */
void body_deliver(struct request *r)
{
    struct body *b = &r->body;
    struct error error = { 0 };
    if (b->mode != BODY_SINK || !b->given || b->begun || b->failed || b->filling.len == 0)
        return;
    b->begun = true;
    bool ok = b->sink.write(b->sink.self, buffer_str(&b->filling), &error);
    buffer_release(&b->filling);
    if (ok)
        return;
    error_set(&error, E_INTERNAL, "the body could not be stored");
    fail_body(r, &error);
    b->abandoned = true;
    if (b->sink.abandon)
        b->sink.abandon(b->sink.self);
}

/* ---- on the I/O thread ---- */

/* Is all of the body in `filling`, and may it stay there until the work begins? */
static bool is_kept(const struct request *r)
{
    return r->body.sink.late && !r->body.begun && r->body_bytes == r->content_length;
}

static enum body_progress wait_for_worker(struct request *r)
{
    request_suspend(r);
    return BODY_WAITS;
}

/* Under r->lock, when the body has failed: ready may be called once the sink has been told. */
static enum body_progress end_failed(struct request *r)
{
    abandon_later(r);
    return r->body.busy ? wait_for_worker(r) : BODY_READY;
}

static bool is_too_large(struct request *r, ptrdiff_t more)
{
    if (more <= r->body.max_bytes - r->body_bytes)
        return false;
    struct error error = { 0 };
    error_set(&error, E_TOO_LARGE, "the body has more than the %lld bytes allowed", (long long)r->body.max_bytes);
    fail_body(r, &error);
    return true;
}

static void count(struct request *r, ptrdiff_t bytes)
{
    r->body_bytes += bytes;
    atomic_store_explicit(&r->conn->body_bytes, r->body_bytes, memory_order_relaxed);
}

static enum body_progress collect(struct request *r, const char *at, size_t *len)
{
    struct buffer *buffer = &r->body.filling;
    ptrdiff_t more = (ptrdiff_t)*len;
    if (r->body.failed || is_too_large(r, more))
        return BODY_READY;
    if (buffer->capacity < buffer->len + more) {
        ptrdiff_t room = buffer->capacity ? buffer->capacity * 2 : 4096;
        if (!buffer->capacity && r->content_length > 0)
            room = smaller(r->content_length, SWALLOW_BYTES);
        buffer_reserve(buffer, room < buffer->len + more ? buffer->len + more : room);
    }
    memcpy(buffer->at + buffer->len, at, (size_t)more);
    buffer->len += more;
    count(r, more);
    *len = 0;
    return BODY_MORE;
}

/* Takes what fits into the buffer being filled. Under r->lock. */
static ptrdiff_t fill(struct request *r, const char *at, ptrdiff_t len)
{
    struct body *b = &r->body;
    if (!b->filling.at)
        buffer_reserve(&b->filling,
                       r->content_length > 0 ? smaller(r->content_length, BODY_BUFFER_BYTES) : BODY_BUFFER_BYTES);
    assert(b->filling.at);
    ptrdiff_t n = smaller(len, b->filling.capacity - b->filling.len);
    memcpy(b->filling.at + b->filling.len, at, (size_t)n);
    b->filling.len += n;
    count(r, n);
    if (b->filling.len < b->filling.capacity || is_kept(r))
        return n;
    if (b->busy)
        b->full = true;
    else
        hand_over(r);
    return n;
}

static enum body_progress feed(struct request *r, const char *at, size_t *len)
{
    while (*len > 0) {
        if (r->body.failed || is_too_large(r, (ptrdiff_t)*len))
            return end_failed(r);
        if (r->body.full)
            return wait_for_worker(r);
        ptrdiff_t n = fill(r, at, (ptrdiff_t)*len);
        at += n;
        *len -= (size_t)n;
    }
    return BODY_MORE;
}

enum body_progress body_take(struct request *r, const char *at, size_t *len)
{
    if (r->body.mode == BODY_COLLECT)
        return collect(r, at, len);
    assert(r->body.mode == BODY_SINK);
    pthread_mutex_lock(&r->lock);
    enum body_progress progress = feed(r, at, len);
    pthread_mutex_unlock(&r->lock);
    return progress;
}

static enum body_progress drain(struct request *r)
{
    struct body *b = &r->body;
    if (b->failed)
        return end_failed(r);
    if (b->filling.len > 0 && !is_kept(r)) {
        if (b->busy)
            b->full = true;
        else
            hand_over(r);
    }
    return b->busy ? wait_for_worker(r) : BODY_READY;
}

enum body_progress body_end(struct request *r)
{
    if (r->body.mode != BODY_SINK)
        return BODY_READY;
    pthread_mutex_lock(&r->lock);
    enum body_progress progress = drain(r);
    pthread_mutex_unlock(&r->lock);
    return progress;
}

void body_lost(struct request *r)
{
    if (r->body.mode != BODY_SINK || r->body.given)
        return;
    pthread_mutex_lock(&r->lock);
    r->body.dead = true;
    abandon_later(r);
    pthread_mutex_unlock(&r->lock);
}

void body_release(struct request *r)
{
    buffer_release(&r->body.filling);
    buffer_release(&r->body.emptying);
}

/* ---- what the application asks ---- */

void http_read_body(struct request *r, const struct body_sink *sink, int64_t max_bytes)
{
    assert(r->body.mode == BODY_UNWANTED);
    r->body.mode = BODY_SINK;
    r->body.sink = *sink;
    r->body.max_bytes = max_bytes;
    request_keep_strings(r); /* a worker may read them while the connection dies */
}

void http_collect_body(struct request *r, ptrdiff_t max_bytes)
{
    assert(r->body.mode == BODY_UNWANTED);
    r->body.mode = BODY_COLLECT;
    r->body.max_bytes = max_bytes;
}

struct str http_body(const struct request *r)
{
    return r->body.mode == BODY_COLLECT
               ? (struct str){ r->body.filling.at ? r->body.filling.at : "", r->body.filling.len }
               : STR_NULL;
}

const struct error *http_body_error(const struct request *r)
{
    return &r->body_error;
}
