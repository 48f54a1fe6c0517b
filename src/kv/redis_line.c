/* redis_line.c - see redis_line.h. The descriptor never blocks; all waiting is poll with what is left of the deadline.
 */
#include "kv/redis_line.h"

#include "base/clock.h"
#include "kv/redis_reply.h"
#include "kv/redis_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

enum { PIECE_BYTES = 16384 };

struct line {
    int fd;
    struct tls_end *tls; /* NULL: in the clear */
    struct reply_reader *reader;
};

/* ---- bytes ---- */

static bool wait_for(int fd, short events, int64_t until_us, struct error *error)
{
    for (;;) {
        int64_t left_us = until_us - clock_monotonic_us();
        if (left_us <= 0)
            return error_set(error, E_UNAVAILABLE, "it does not answer in time");
        struct pollfd one = { .fd = fd, .events = events };
        int ready = poll(&one, 1, (int)(left_us < 60000000 ? (left_us + 999) / 1000 : 60000));
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return error_set(error, E_UNAVAILABLE, "cannot wait for it: %s", strerrordesc_np(errno));
    }
}

static bool send_raw(int fd, struct str bytes, int64_t until_us, struct error *error)
{
    while (bytes.len) {
        ssize_t sent = send(fd, bytes.at, (size_t)bytes.len, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes = str_slice(bytes, sent, bytes.len);
            continue;
        }
        if (errno == EAGAIN ? !wait_for(fd, POLLOUT, until_us, error) : errno != EINTR)
            return error_set(error, E_UNAVAILABLE, "the connection is lost: %s", strerrordesc_np(errno));
    }
    return true;
}

/* At least one byte. */
static bool receive_raw(int fd, char out[PIECE_BYTES], int64_t until_us, ptrdiff_t *got, struct error *error)
{
    for (;;) {
        ssize_t received = recv(fd, out, PIECE_BYTES, 0);
        if (received > 0) {
            *got = received;
            return true;
        }
        if (!received)
            return error_set(error, E_UNAVAILABLE, "it has closed the connection");
        if (errno == EAGAIN ? !wait_for(fd, POLLIN, until_us, error) : errno != EINTR)
            return error_set(error, E_UNAVAILABLE, "the connection is lost: %s", strerrordesc_np(errno));
    }
}

/* What TLS wants to say. */
static bool flush_tls(struct line *line, int64_t until_us, struct error *error)
{
    char piece[PIECE_BYTES];
    for (ptrdiff_t len; (len = tls_end_take(line->tls, piece, PIECE_BYTES)) > 0;)
        if (!send_raw(line->fd, (struct str){ piece, len }, until_us, error))
            return false;
    return true;
}

/* One step that TLS could not do for want of bytes: sends its own, and gets more. */
static bool feed_tls(struct line *line, int64_t until_us, struct error *error)
{
    char piece[PIECE_BYTES];
    ptrdiff_t got;
    if (!flush_tls(line, until_us, error) || !receive_raw(line->fd, piece, until_us, &got, error))
        return false;
    tls_end_give(line->tls, (struct str){ piece, got });
    return true;
}

static bool shake_hands(struct line *line, int64_t until_us, struct error *error)
{
    for (;;) {
        enum tls_step step = tls_end_shake(line->tls, error);
        if (step == TLS_BROKEN) {
            flush_tls(line, until_us, &(struct error){ 0 }); /* the alert, for the log over there */
            return false;
        }
        if (step == TLS_DONE)
            return flush_tls(line, until_us, error);
        if (!feed_tls(line, until_us, error))
            return false;
    }
}

bool line_send(struct line *line, struct str bytes, int64_t until_us, struct error *error)
{
    if (!line->tls)
        return send_raw(line->fd, bytes, until_us, error);
    while (bytes.len) {
        struct str piece = str_slice(bytes, 0, PIECE_BYTES);
        if (!tls_end_write(line->tls, piece, error) || !flush_tls(line, until_us, error))
            return false;
        bytes = str_slice(bytes, piece.len, bytes.len);
    }
    return true;
}

static bool receive_some(struct line *line, char out[PIECE_BYTES], int64_t until_us, ptrdiff_t *got,
                         struct error *error)
{
    if (!line->tls)
        return receive_raw(line->fd, out, until_us, got, error);
    for (;;) {
        enum tls_step step = tls_end_read(line->tls, out, PIECE_BYTES, got, error);
        if (step == TLS_DONE)
            return true;
        if (step == TLS_BROKEN || !feed_tls(line, until_us, error))
            return false;
    }
}

/* ---- replies ---- */

bool line_receive(struct line *line, struct arena *arena, struct redis_reply *out, int64_t until_us,
                  struct error *error)
{
    char piece[PIECE_BYTES];
    for (;;) {
        enum reply_found found = reply_reader_next(line->reader, arena, out, error);
        if (found != REPLY_NOT_YET)
            return found == REPLY_FOUND;
        ptrdiff_t got;
        if (clock_monotonic_us() >= until_us) /* bytes come all the time, but no end */
            return error_set(error, E_UNAVAILABLE, "it does not answer in time");
        if (!receive_some(line, piece, until_us, &got, error) ||
            !reply_reader_feed(line->reader, (struct str){ piece, got }, error))
            return false;
    }
}

bool line_holds_bytes(const struct line *line)
{
    return !reply_reader_is_empty(line->reader) || (line->tls && tls_end_holds_bytes(line->tls));
}

bool line_is_quiet(struct line *line)
{
    char byte;
    if (line_holds_bytes(line))
        return false;
    ssize_t seen = recv(line->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen < 0 && (errno == EAGAIN || errno == EINTR);
}

int line_descriptor(const struct line *line)
{
    return line->fd;
}

/* ---- birth and end ---- */

static bool connect_socket(int fd, const struct line_target *target, int64_t until_us, struct error *error)
{
    int number = 0, yes = 1;
    socklen_t len = sizeof(number);
    if (target->address.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    }
    int connected;
    while ((connected = connect(fd, (const struct sockaddr *)&target->address, target->length)) < 0 &&
           errno == EAGAIN && clock_monotonic_us() < until_us)
        poll(NULL, 0, 2); /* unix(7): more connect at this moment than it listens for */
    if (connected == 0)
        return true;
    if (errno != EINPROGRESS && errno != EINTR)
        return error_set(error, E_UNAVAILABLE, "cannot connect to %s: %s", target->shown, strerrordesc_np(errno));
    if (!wait_for(fd, POLLOUT, until_us, &(struct error){ 0 }))
        return error_set(error, E_UNAVAILABLE, "cannot connect to %s in time", target->shown);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0 || number)
        return error_set(error, E_UNAVAILABLE, "cannot connect to %s: %s", target->shown, strerrordesc_np(number));
    return true;
}

bool line_open(const struct line_target *target, struct ssl_ctx_st *tls, int64_t until_us, struct line **out,
               struct error *error)
{
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set(error, E_UNAVAILABLE, "cannot make a socket: %s", strerrordesc_np(errno));
    if (!connect_socket(fd, target, until_us, error)) {
        close(fd);
        return false;
    }
    struct line *line = calloc(1, sizeof(*line));
    if (!line)
        abort();
    *line = (struct line){ fd, tls ? tls_end_new(tls, target->name) : NULL, reply_reader_new() };
    if (tls && !shake_hands(line, until_us, error)) {
        line_close(line);
        return false;
    }
    *out = line;
    return true;
}

void line_close(struct line *line)
{
    if (!line)
        return;
    close(line->fd);
    tls_end_free(line->tls);
    reply_reader_free(line->reader);
    free(line);
}
