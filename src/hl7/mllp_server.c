/* mllp_server.c - see mllp_server.h. */
#include "hl7/mllp_line.h"

#include "base/clock.h"
#include "base/thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 128,
    ACCEPTS_A_TURN = 64,
    READ_BYTES = 64 << 10,
    ANSWERS_MAX = 4 << 20,
    TURN_MS = 1000,
    SHORTAGE_MS = 100
};

struct connection {
    struct mllp_line line;
    struct address peer;
    struct mllp in;
    struct text out;
    ptrdiff_t sent;   /* of out */
    int64_t heard_us; /* when it last said something, or took an answer */
    int64_t since_us; /* when what is under way began: a handshake, a message, its answer; 0: it rests */
    bool ends;        /* with its answer */
};

/* What is said once a minute, however often it happens: since that was last done, so many times. */
struct complaint {
    int64_t count, told_us;
};

struct mllp_server {
    struct mllp_options options;
    struct thread thread;
    int listener, waker;
    atomic_bool stopping;
    struct connection *connections;
    struct pollfd *polled; /* the waker, the listener, the connections */
    int count;
    struct complaint refused, broken; /* hosts that are not allowed; handshakes that came to nothing */
};

/* ---- connections ---- */

static void drop(struct mllp_server *s, int at)
{
    struct connection *one = &s->connections[at];
    mllp_line_close(&one->line);
    mllp_release(&one->in);
    text_release(&one->out);
    *one = s->connections[--s->count];
}

static bool rests(const struct connection *one)
{
    return !one->since_us;
}

/* Of those that are shaking hands, or else of those that rest, the one that has done so longest; -1: there is none. */
static int longest(const struct mllp_server *s, bool is_shaking)
{
    int oldest = -1;
    for (int i = 0; i < s->count; i++) {
        const struct connection *one = &s->connections[i];
        bool counts = is_shaking ? one->line.is_shaking : rests(one);
        if (counts && (oldest < 0 || one->heard_us < s->connections[oldest].heard_us))
            oldest = i;
    }
    return oldest;
}

/* The one that has rested longest gives way, or that has not shaken hands where many do; false: all are at work. */
static bool make_room(struct mllp_server *s)
{
    int shaking = 0;
    for (int i = 0; i < s->count; i++)
        shaking += s->connections[i].line.is_shaking;
    bool are_many = 4 * shaking > s->count;
    int at = longest(s, are_many);
    if (at < 0)
        at = longest(s, !are_many);
    if (at >= 0)
        drop(s, at);
    return at >= 0;
}

static struct address address_of(const struct sockaddr_storage *from)
{
    struct address out = { { [10] = 0xFF, [11] = 0xFF } };
    if (from->ss_family == AF_INET6)
        memcpy(out.bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    else
        memcpy(out.bytes + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    return out;
}

static bool is_to_be_said(struct complaint *complaint)
{
    int64_t now_us = clock_monotonic_us();
    complaint->count++;
    if (complaint->told_us && now_us - complaint->told_us < 60000000)
        return false;
    complaint->told_us = now_us;
    return true;
}

static void tell_refused(struct mllp_server *s, struct address peer)
{
    struct arena arena;
    if (!is_to_be_said(&s->refused))
        return;
    arena_init(&arena);
    log_write(s->options.log, LOG_WARNING, NULL, "hl7.refused",
              "%.*s is not among the hosts that may connect (%" PRId64 " connections refused since this was last said)",
              STR_FMT(address_text(peer, &arena)), s->refused.count);
    arena_release(&arena);
    s->refused.count = 0;
}

static void tell_broken(struct mllp_server *s, struct address peer, const char *why)
{
    struct arena arena;
    if (!is_to_be_said(&s->broken))
        return;
    arena_init(&arena);
    log_write(s->options.log, LOG_WARNING, NULL, "hl7.tls",
              "TLS with %.*s has failed: %s (%" PRId64 " times since this was last said)",
              STR_FMT(address_text(peer, &arena)), why, s->broken.count);
    arena_release(&arena);
    s->broken.count = 0;
}

static void take_connection(struct mllp_server *s, int fd, struct address peer)
{
    int on = 1;
    if (!address_in(peer, s->options.allowed)) {
        tell_refused(s, peer);
        close(fd);
        return;
    }
    if (s->count == s->options.connections_max && !make_room(s)) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    struct connection *one = &s->connections[s->count];
    *one = (struct connection){ .peer = peer, .heard_us = clock_monotonic_us() };
    if (!mllp_line_begin(&one->line, s->options.tls, fd))
        return;
    one->since_us = one->line.is_shaking ? one->heard_us : 0;
    s->count++;
    mllp_init(&one->in, s->options.message_bytes_max);
    text_init(&one->out, ANSWERS_MAX);
}

static void take_connections(struct mllp_server *s)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        int fd = accept4(s->listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0 && error_is_shortage(errno) && !make_room(s))
            poll(NULL, 0, SHORTAGE_MS); /* they wait for a descriptor; so that nobody turns in circles meanwhile */
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
            return;
        if (fd >= 0)
            take_connection(s, fd, address_of(&from));
    }
}

/* ---- messages ---- */

/* False: it is over. */
static bool take_bytes(struct mllp_server *s, struct connection *one, struct str bytes)
{
    struct str message;
    enum mllp_step step;
    while ((step = mllp_take(&one->in, &bytes, &message)) == MLLP_MESSAGE) {
        struct text answer;
        text_init(&answer, ANSWERS_MAX);
        s->options.answer(s->options.context, one->peer, message, &answer);
        mllp_put(&one->out, text_str(&answer));
        text_release(&answer);
    }
    if (step == MLLP_TOO_LONG) {
        struct text answer;
        text_init(&answer, ANSWERS_MAX);
        s->options.too_long(s->options.context, &answer);
        mllp_put(&one->out, text_str(&answer));
        text_release(&answer);
        one->ends = true;
    }
    return step != MLLP_NO_FRAME && !one->out.overflowed;
}

static bool send_out(struct connection *one)
{
    while (one->sent < one->out.len) {
        ptrdiff_t n;
        enum mllp_io step =
            mllp_line_send(&one->line, (struct str){ one->out.at + one->sent, one->out.len - one->sent }, &n);
        if (step != MLLP_IO_DONE)
            return step == MLLP_IO_WAIT;
        one->sent += n;
        one->heard_us = clock_monotonic_us();
    }
    text_clear(&one->out);
    one->sent = 0;
    one->since_us = mllp_is_within(&one->in) ? one->heard_us : 0;
    if (one->ends)
        mllp_line_finish(&one->line); /* what is on its way is not torn by a reset; time-outs end it */
    return true;
}

static bool read_in(struct mllp_server *s, struct connection *one)
{
    char buffer[READ_BYTES];
    ptrdiff_t n;
    enum mllp_io step = mllp_line_receive(&one->line, buffer, sizeof(buffer), &n);
    if (step != MLLP_IO_DONE)
        return step == MLLP_IO_WAIT;
    if (one->ends)
        return true; /* read no more than that it may be sent */
    one->heard_us = clock_monotonic_us();
    if (!take_bytes(s, one, (struct str){ buffer, n }))
        return false;
    if (rests(one) && (mllp_is_within(&one->in) || one->out.len))
        one->since_us = one->heard_us;
    return !one->out.len || send_out(one);
}

static bool shake(struct mllp_server *s, struct connection *one)
{
    const char *why = "";
    enum mllp_io step = mllp_line_shake(&one->line, &why);
    if (step == MLLP_IO_ENDED)
        tell_broken(s, one->peer, why);
    if (step != MLLP_IO_DONE)
        return step == MLLP_IO_WAIT;
    one->heard_us = clock_monotonic_us();
    one->since_us = 0;
    return true;
}

static bool go_on(struct mllp_server *s, struct connection *one)
{
    return one->line.is_shaking ? shake(s, one) : one->out.len ? send_out(one) : read_in(s, one);
}

static bool is_late(const struct mllp_server *s, const struct connection *one, int64_t now_us)
{
    if (one->ends && !one->out.len)
        return now_us - one->heard_us > s->options.message_ms * 1000;
    return rests(one) ? now_us - one->heard_us > s->options.idle_ms * 1000
                      : now_us - one->since_us > s->options.message_ms * 1000;
}

/* ---- the thread ---- */

static void poll_all(struct mllp_server *s)
{
    s->polled[0] = (struct pollfd){ s->waker, POLLIN, 0 };
    s->polled[1] = (struct pollfd){ s->listener, POLLIN, 0 };
    for (int i = 0; i < s->count; i++) { /* whoever does not take answers is not listened to */
        const struct connection *one = &s->connections[i];
        short wants = one->line.is_shaking ? one->line.wants : one->out.len ? POLLOUT : POLLIN;
        s->polled[i + 2] = (struct pollfd){ one->line.fd, wants, 0 };
    }
    if (poll(s->polled, (nfds_t)s->count + 2, TURN_MS) <= 0)
        for (int i = 0; i < s->count + 2; i++)
            s->polled[i].revents = 0;
}

static void run(void *context)
{
    struct mllp_server *s = context;
    while (!atomic_load(&s->stopping)) {
        poll_all(s);
        int64_t now_us = clock_monotonic_us();
        for (int i = s->count - 1; i >= 0; i--) { /* from the end: the last takes the place of one that goes */
            struct connection *one = &s->connections[i];
            short events = s->polled[i + 2].revents;
            bool stays = !events || go_on(s, one);
            if (!stays || is_late(s, one, now_us))
                drop(s, i);
            if (atomic_load(&s->stopping))
                return;
        }
        if (s->polled[1].revents)
            take_connections(s);
    }
}

/* ---- from open to close ---- */

static bool bind_to(struct mllp_server *s, struct error *error)
{
    struct addrinfo wish = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE }, *at = NULL;
    char port[INTEGER_TEXT_MAX + 1] = "";
    int on = 1;
    integer_write(s->options.port, port);
    if (getaddrinfo(s->options.host, port, &wish, &at))
        return error_set(error, E_INVALID, "%s is no address", s->options.host);
    s->listener = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = s->listener >= 0 && !setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
              !bind(s->listener, at->ai_addr, at->ai_addrlen) && !listen(s->listener, BACKLOG);
    int number = errno;
    freeaddrinfo(at);
    return ok || error_set(error, E_UNAVAILABLE, "%s port %d: %s", s->options.host, s->options.port, strerror(number));
}

static bool start(struct mllp_server *s, struct error *error)
{
    s->listener = -1;
    s->waker = eventfd(0, EFD_CLOEXEC);
    s->connections = calloc((size_t)s->options.connections_max, sizeof(*s->connections));
    s->polled = calloc((size_t)s->options.connections_max + 2, sizeof(*s->polled));
    if (s->waker < 0 || !s->connections || !s->polled)
        return error_set(error, E_UNAVAILABLE, "there is no memory, or no descriptor, to listen with");
    return bind_to(s, error) && thread_start(&s->thread, "mllp", run, s, error);
}

bool mllp_listen(const struct mllp_options *options, struct mllp_server **out, struct error *error)
{
    struct mllp_server *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return error_set(error, E_UNAVAILABLE, "there is no memory to listen with");
    s->options = *options;
    if (!start(s, error)) {
        mllp_close(s);
        return false;
    }
    *out = s;
    return true;
}

int mllp_port(const struct mllp_server *s)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof(at);
    if (getsockname(s->listener, (struct sockaddr *)&at, &size))
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&at)->sin6_port
                                          : ((struct sockaddr_in *)(void *)&at)->sin_port);
}

void mllp_close(struct mllp_server *s)
{
    uint64_t one = 1;
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    if (s->waker >= 0 && write(s->waker, &one, sizeof(one)) < 0)
        (void)0; /* it looks once a second */
    thread_join(&s->thread);
    while (s->count)
        drop(s, s->count - 1);
    if (s->listener >= 0)
        close(s->listener);
    if (s->waker >= 0)
        close(s->waker);
    free(s->connections);
    free(s->polled);
    free(s);
}
