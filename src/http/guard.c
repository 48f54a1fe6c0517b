/* guard.c - one thread that cuts connections which break a limit, and drains those that linger.
 *
 * Connections hang in a wheel of slots, one per tick, by when to look at them next. I/O threads only store what
 * phase a connection is in (one word, no lock); a look compares the phase's age with its limit and sets the next
 * look, at the deadline or after interval_ms, which is no longer than the shortest limit. So thousands of idle
 * connections cost a few looks per tick.
 *
 * A client's FIN that arrives together with its last bytes escapes libmicrohttpd 0.9.75 (it takes a short read for
 * "all read" although epoll, edge-triggered, will not report again). So a look also finds the connections whose peer
 * has left. It also waits for one more event before it looks at those it has whenever it was given MAX_EVENTS (128) at
 * once, and nobody may cause one: so what has come and was not read by the next look is reported again.
 *
 * Cutting is shutdown(2); libmicrohttpd then closes the descriptor itself. guard_remove runs before that close,
 * under the same lock, so a descriptor that was given to someone else meanwhile is never hit. */
#include "http/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 128, /* connections per hold of the lock */
    LONGEST_LOOK_MS = 2000,
    EVICT_MAX = 64,
    EVENT_WAKE = LINGERS_MAX /* epoll tag of the event descriptor */
};

static int64_t phase_of(int64_t since_ms, enum conn_state state)
{
    return since_ms * 8 + state;
}

void conn_enter(struct http_server *server, struct conn *conn, enum conn_state state)
{
    if (!conn)
        return;
    if (state == CONN_BODY)
        atomic_store_explicit(&conn->body_mark, atomic_load_explicit(&conn->body_bytes, memory_order_relaxed),
                              memory_order_relaxed);
    int64_t now_ms = atomic_load_explicit(&server->guard.now_ms, memory_order_relaxed);
    atomic_store_explicit(&conn->phase, phase_of(now_ms, state), memory_order_release);
}

/* ---- the wheel; under lock ---- */

static void link_into(struct conn *head, struct conn *conn)
{
    conn->next = head;
    conn->prev = head->prev;
    head->prev->next = conn;
    head->prev = conn;
}

static void unlink_conn(struct conn *conn)
{
    conn->prev->next = conn->next;
    conn->next->prev = conn->prev;
}

static void place(struct guard *guard, struct conn *conn, int64_t look_ms)
{
    int64_t tick = look_ms / TICK_MS + 1;
    if (tick <= guard->tick)
        tick = guard->tick + 1;
    if (tick > guard->tick + WHEEL_SLOTS - 1)
        tick = guard->tick + WHEEL_SLOTS - 1;
    link_into(&guard->slots[tick % WHEEL_SLOTS], conn);
}

static void cut(struct conn *conn)
{
    atomic_store(&conn->cut, true);
    shutdown(conn->fd, SHUT_RDWR);
}

static struct tcp_info tcp_info_of(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
        memset(&info, 0, sizeof(info));
    return info;
}

/* The peer has closed and all it sent was read, at this look and at the one before: nobody will finish that request. Of
 * a stream that waits, libmicrohttpd does not look at the socket, so that a reset is found here too. */
static bool is_deserted(struct conn *conn, int64_t phase)
{
    enum { TCP_STATE_CLOSE = 7, TCP_STATE_CLOSE_WAIT = 8 }; /* include/net/tcp_states.h */
    int unread = 0, state = tcp_info_of(conn->fd).tcpi_state;
    int64_t bytes = atomic_load_explicit(&conn->body_bytes, memory_order_relaxed);
    bool left = state == TCP_STATE_CLOSE_WAIT && ioctl(conn->fd, FIONREAD, &unread) == 0 && !unread;
    if ((phase & 7) == CONN_WAITING && state == TCP_STATE_CLOSE)
        return true;
    bool again = left && conn->left_phase == phase && conn->left_bytes == bytes;
    conn->left_phase = left ? phase : 0;
    conn->left_bytes = bytes;
    return again;
}

/* Has epoll report what has come and is not read. Setting SO_RCVLOWAT, to what it is, wakes who waits for input. */
static void report_unread(struct conn *conn)
{
    char byte;
    int one = 1;
    if (recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
}

/* The next three: has the connection broken its limit? If not, *look_ms is when to look again. A phase began up to
 * one tick after the time it carries. */
static bool is_too_old(int64_t since_ms, int seconds, int64_t now_ms, int64_t *look_ms)
{
    *look_ms = since_ms + seconds * 1000LL + TICK_MS;
    return now_ms >= *look_ms;
}

static bool is_too_slow(struct http_server *server, struct conn *conn, int64_t phase, int64_t now_ms, int64_t *look_ms)
{
    int64_t bytes = atomic_load_explicit(&conn->body_bytes, memory_order_relaxed);
    int64_t window_ms = server->options.body_window_s * 1000LL;
    if (conn->window_phase != phase) {
        conn->window_phase = phase;
        conn->window_start_ms = phase / 8 + TICK_MS;
        conn->window_bytes = atomic_load_explicit(&conn->body_mark, memory_order_relaxed);
    }
    *look_ms = conn->window_start_ms + window_ms;
    if (now_ms < *look_ms)
        return false;
    if ((bytes - conn->window_bytes) * 1000 < server->options.body_min_bytes_per_s * (now_ms - conn->window_start_ms))
        return true;
    conn->window_start_ms = now_ms;
    conn->window_bytes = bytes;
    *look_ms = now_ms + window_ms;
    return false;
}

static bool is_stuck_sending(struct http_server *server, struct conn *conn, int64_t phase, int64_t now_ms,
                             int64_t *look_ms)
{
    bool fresh = conn->window_phase != phase;
    uint64_t taken = fresh || now_ms >= conn->window_start_ms + server->options.send_timeout_s * 1000LL
                         ? tcp_info_of(conn->fd).tcpi_bytes_acked
                         : conn->sent_mark;
    bool due = now_ms >= conn->window_start_ms + server->options.send_timeout_s * 1000LL;
    if (!fresh && due && taken == conn->sent_mark)
        return true;
    if (fresh || due) {
        conn->window_phase = phase;
        conn->window_start_ms = now_ms;
        conn->sent_mark = taken;
    }
    *look_ms = conn->window_start_ms + server->options.send_timeout_s * 1000LL;
    return false;
}

static void count_up(_Atomic int64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* The counter of the limit that is broken, or NULL. */
static _Atomic int64_t *find_broken(struct http_server *server, struct conn *conn, int64_t phase, int64_t now_ms,
                                    int64_t *look_ms)
{
    const struct http_options *options = &server->options;
    switch ((enum conn_state)(phase & 7)) {
    case CONN_IDLE:
        return is_too_old(phase / 8, options->idle_timeout_s, now_ms, look_ms) ? &server->timeouts_idle : NULL;
    case CONN_HEADER:
        return is_too_old(phase / 8, options->header_timeout_s, now_ms, look_ms) ? &server->timeouts_header : NULL;
    case CONN_BODY:
        return is_too_slow(server, conn, phase, now_ms, look_ms) ? &server->timeouts_body : NULL;
    case CONN_SENDING:
        return is_stuck_sending(server, conn, phase, now_ms, look_ms) ? &server->timeouts_send : NULL;
    case CONN_HANDLING:
    case CONN_WAITING:
        break;
    }
    return NULL;
}

static void look_at(struct http_server *server, struct conn *conn, int64_t now_ms)
{
    int64_t phase = atomic_load_explicit(&conn->phase, memory_order_acquire);
    bool reads = (phase & 7) == CONN_BODY || (phase & 7) == CONN_HEADER || (phase & 7) == CONN_IDLE;
    bool leaves = (phase & 7) == CONN_BODY || (phase & 7) == CONN_HEADER || (phase & 7) == CONN_WAITING;
    int64_t look_ms = now_ms + server->guard.interval_ms, deadline_ms = INT64_MAX;
    _Atomic int64_t *broken = find_broken(server, conn, phase, now_ms, &deadline_ms);
    if (broken && !conn->cut) {
        count_up(broken);
        cut(conn);
    } else if (leaves && !conn->cut && is_deserted(conn, phase)) {
        cut(conn);
    } else if (reads) {
        report_unread(conn);
    }
    unlink_conn(conn);
    place(&server->guard, conn, deadline_ms < look_ms ? deadline_ms : look_ms);
}

static void look_at_slot(struct http_server *server, struct conn *head, int64_t now_ms)
{
    struct guard *guard = &server->guard;
    for (bool more = true; more;) {
        pthread_mutex_lock(&guard->lock);
        for (int n = 0; n < BATCH && head->next != head; n++)
            look_at(server, head->next, now_ms);
        more = head->next != head;
        pthread_mutex_unlock(&guard->lock);
    }
}

static void turn_wheel(struct http_server *server, int64_t now_ms)
{
    struct guard *guard = &server->guard;
    int64_t last = now_ms / TICK_MS;
    for (int64_t first = last - WHEEL_SLOTS + 1; guard->tick < last;) {
        pthread_mutex_lock(&guard->lock);
        guard->tick = guard->tick + 1 < first ? first : guard->tick + 1;
        pthread_mutex_unlock(&guard->lock);
        look_at_slot(server, &guard->slots[guard->tick % WHEEL_SLOTS], now_ms);
    }
}

/* ---- when connections run short ---- */

static int64_t margin_of(const struct http_server *server)
{
    int64_t eighth = server->options.max_connections / 8 + 1;
    return eighth < EVICT_MAX ? eighth : EVICT_MAX;
}

/* Keeps the `count` longest idle ones, oldest first. */
static int keep_oldest(struct conn **oldest, int count, int most, struct conn *conn)
{
    int64_t phase = atomic_load_explicit(&conn->phase, memory_order_relaxed);
    int at = count;
    while (at > 0 && atomic_load_explicit(&oldest[at - 1]->phase, memory_order_relaxed) > phase)
        at--;
    if (at == most)
        return count;
    int moved = (count < most ? count : most - 1) - at;
    memmove(&oldest[at + 1], &oldest[at], (size_t)moved * sizeof(*oldest));
    oldest[at] = conn;
    return count < most ? count + 1 : most;
}

static void close_longest_idle(struct http_server *server)
{
    struct guard *guard = &server->guard;
    struct conn *oldest[EVICT_MAX];
    int found = 0;
    pthread_mutex_lock(&guard->lock);
    int64_t wanted = atomic_load(&server->connections) - (server->options.max_connections - margin_of(server));
    for (int i = 0; i < WHEEL_SLOTS; i++)
        for (struct conn *conn = guard->slots[i].next; conn != &guard->slots[i]; conn = conn->next) {
            if (conn->cut)
                wanted--;
            else if ((atomic_load_explicit(&conn->phase, memory_order_relaxed) & 7) == CONN_IDLE)
                found = keep_oldest(oldest, found, EVICT_MAX, conn);
        }
    for (int i = 0; i < found && i < wanted; i++)
        cut(oldest[i]);
    pthread_mutex_unlock(&guard->lock);
}

static void wake_guard(struct guard *guard)
{
    uint64_t one = 1;
    (void)!write(guard->event, &one, sizeof(one));
}

/* ---- connections come and go; on I/O threads ---- */

static void write_address(struct conn *conn, const struct sockaddr *address)
{
    const void *bytes = NULL;
    int family = address ? address->sa_family : AF_UNSPEC;
    if (family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else if (family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bytes = six;
        if (IN6_IS_ADDR_V4MAPPED(six)) {
            family = AF_INET;
            bytes = &six->s6_addr[12];
        }
    }
    if (bytes && inet_ntop(family, bytes, conn->client, sizeof(conn->client)))
        conn->client_len = (ptrdiff_t)strlen(conn->client);
}

struct conn *guard_add(struct http_server *server, int fd, const struct sockaddr *address)
{
    struct guard *guard = &server->guard;
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        abort();
    conn->fd = fd;
    write_address(conn, address);
    conn_enter(server, conn, CONN_IDLE);
    int64_t now_ms = atomic_load(&guard->now_ms);
    pthread_mutex_lock(&guard->lock);
    place(guard, conn, now_ms + guard->interval_ms);
    pthread_mutex_unlock(&guard->lock);
    count_up(&server->connections_total);
    int64_t open = atomic_fetch_add(&server->connections, 1) + 1;
    if (open > server->options.max_connections - margin_of(server) && !atomic_exchange(&guard->pressed, true))
        wake_guard(guard);
    return conn;
}

void guard_remove(struct http_server *server, struct conn *conn)
{
    struct guard *guard = &server->guard;
    pthread_mutex_lock(&guard->lock);
    unlink_conn(conn);
    if (conn->linger && !conn->cut)
        linger_start(guard, conn->fd);
    pthread_mutex_unlock(&guard->lock);
    atomic_fetch_sub(&server->connections, 1);
    free(conn);
}

void guard_cut_all(struct http_server *server)
{
    struct guard *guard = &server->guard;
    pthread_mutex_lock(&guard->lock);
    for (int i = 0; i < WHEEL_SLOTS; i++)
        for (struct conn *conn = guard->slots[i].next; conn != &guard->slots[i]; conn = conn->next)
            if (!conn->cut)
                cut(conn);
    pthread_mutex_unlock(&guard->lock);
}

/* ---- the thread ---- */

static void take_events(struct guard *guard)
{
    struct epoll_event events[32];
    int n = epoll_wait(guard->epoll, events, 32, TICK_MS);
    for (int i = 0; i < n; i++) {
        uint32_t tag = events[i].data.u32;
        uint64_t count;
        if (tag == EVENT_WAKE) {
            (void)!read(guard->event, &count, sizeof(count));
            continue;
        }
        linger_drain(guard, (int)tag);
    }
}

static void guard_main(void *self)
{
    struct http_server *server = self;
    struct guard *guard = &server->guard;
    while (!atomic_load(&guard->stopping)) {
        take_events(guard);
        int64_t now_ms = clock_monotonic_us() / 1000;
        atomic_store(&guard->now_ms, now_ms);
        linger_end_old(guard, now_ms);
        turn_wheel(server, now_ms);
        if (atomic_exchange(&guard->pressed, false))
            close_longest_idle(server);
        live_wake(server, false);
    }
}

static int64_t shortest_limit_ms(const struct http_options *options)
{
    int64_t seconds[] = { options->idle_timeout_s, options->header_timeout_s, options->send_timeout_s,
                          options->body_window_s };
    int64_t shortest = LONGEST_LOOK_MS;
    for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++)
        if (seconds[i] * 1000 < shortest)
            shortest = seconds[i] * 1000;
    return shortest;
}

void guard_init(struct http_server *server)
{
    struct guard *guard = &server->guard;
    pthread_mutex_init(&guard->lock, NULL);
    guard->epoll = guard->event = -1;
    for (int i = 0; i < WHEEL_SLOTS; i++)
        guard->slots[i].next = guard->slots[i].prev = &guard->slots[i];
    for (int i = 0; i < LINGERS_MAX; i++)
        guard->lingers[i].fd = -1;
}

bool guard_start(struct http_server *server, struct error *error)
{
    struct guard *guard = &server->guard;
    guard->interval_ms = shortest_limit_ms(&server->options);
    int64_t now_ms = clock_monotonic_us() / 1000;
    atomic_store(&guard->now_ms, now_ms);
    guard->tick = now_ms / TICK_MS;
    guard->epoll = epoll_create1(EPOLL_CLOEXEC);
    guard->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = EVENT_WAKE };
    if (guard->epoll < 0 || guard->event < 0 || epoll_ctl(guard->epoll, EPOLL_CTL_ADD, guard->event, &event))
        return error_set(error, E_INTERNAL, "cannot watch connections: %s", strerror(errno));
    return thread_start(&guard->thread, "http-guard", guard_main, server, error);
}

void guard_stop(struct http_server *server)
{
    struct guard *guard = &server->guard;
    atomic_store(&guard->stopping, true);
    if (guard->thread.started)
        wake_guard(guard);
    thread_join(&guard->thread);
    for (int i = 0; i < LINGERS_MAX; i++)
        if (guard->lingers[i].fd >= 0)
            close(guard->lingers[i].fd);
    if (guard->epoll >= 0)
        close(guard->epoll);
    if (guard->event >= 0)
        close(guard->event);
    pthread_mutex_destroy(&guard->lock);
}
