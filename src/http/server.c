/* server.c - start, stop, numbers. */
#include "http/handler.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    SPARE_DESCRIPTORS = 512,    /* for files, databases, lingering sockets */
    SPARE_CONNECTIONS = 1024,   /* libmicrohttpd's own limit stays out of reach; handler_may_connect keeps ours */
    SMALLEST_MEMORY = 32 * 1024 /* per connection: headers, then received bytes of the body pass through it */
};

/* ---- the listening socket ---- */

static int listen_at(const struct addrinfo *address)
{
    static const int yes = 1, no = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)); /* "::" serves IPv4 too */
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

/* *six: the socket speaks IPv6. */
static bool open_listener(struct http_server *server, bool *six, struct error *error)
{
    const struct http_options *options = &server->options;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found = NULL;
    const char *host = options->host && *options->host ? options->host : NULL;
    char port[16];
    snprintf(port, sizeof(port), "%d", options->port);
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed)
        return error_set(error, E_INTERNAL, "cannot find the address of %s: %s", host ? host : "this machine",
                         gai_strerror(failed));
    for (const struct addrinfo *a = found; a && server->listener < 0; a = a->ai_next) {
        server->listener = listen_at(a);
        *six = a->ai_family == AF_INET6;
    }
    int number = errno;
    freeaddrinfo(found);
    if (server->listener < 0)
        return error_set(error, E_INTERNAL, "cannot listen on %s port %s: %s", host ? host : "any address", port,
                         strerror(number));
    server->port = port_of(server->listener);
    return true;
}

/* As many descriptors as allowed; fewer connections when that is not enough. */
static void raise_descriptors(struct http_server *server)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT32_MAX)
        return;
    int room =
        (int)limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? (int)limit.rlim_cur - SPARE_DESCRIPTORS : (int)limit.rlim_cur / 2;
    if (server->options.max_connections > room)
        server->options.max_connections = room;
}

/* ---- start ---- */

static size_t memory_per_connection(const struct http_options *options)
{
    size_t twice = 2 * (size_t)options->max_header_bytes;
    return twice > SMALLEST_MEMORY ? twice : SMALLEST_MEMORY;
}

static bool start_daemon(struct http_server *server, bool six, struct error *error)
{
    const struct http_options *options = &server->options;
    unsigned threads = options->io_threads > 1 ? (unsigned)options->io_threads : 1;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (six ? MHD_USE_IPv6 : 0);
    /* libmicrohttpd divides its limit among its threads, and connections do not come evenly. */
    unsigned most = ((unsigned)options->max_connections + SPARE_CONNECTIONS) * threads;
    struct MHD_OptionItem pool[] = { { threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads,
                                       NULL },
                                     { MHD_OPTION_END, 0, NULL } };
    struct MHD_OptionItem tls[] = { { MHD_OPTION_END, 0, NULL },
                                    { MHD_OPTION_END, 0, NULL },
                                    { MHD_OPTION_END, 0, NULL },
                                    { MHD_OPTION_END, 0, NULL } };
    if (server->tls) {
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES };
        tls[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
                                          (void *)(uintptr_t)http_tls_certificate_text(server->tls) };
        tls[2] =
            (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)http_tls_key_text(server->tls) };
    }
    server->daemon = MHD_start_daemon(
        flags, (uint16_t)server->port, handler_may_connect, server, handler_on_request, server,
        MHD_OPTION_LISTEN_SOCKET, server->listener, MHD_OPTION_CONNECTION_LIMIT, most,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_per_connection(options), MHD_OPTION_URI_LOG_CALLBACK,
        handler_on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, handler_keep_escapes, server,
        MHD_OPTION_NOTIFY_COMPLETED, handler_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, handler_on_connection,
        server, MHD_OPTION_ARRAY, pool, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (server->daemon)
        return true;
    return error_set(error, E_INTERNAL, "cannot start %u threads for HTTP: %s", threads, strerror(errno));
}

static void server_free(struct http_server *server)
{
    for (int i = 0; i < LANES; i++)
        workers_stop(&server->lanes[i]);
    guard_stop(server);
    if (server->listener >= 0 && !server->daemon)
        close(server->listener);
    request_free_all(server);
    if (server->tls)
        http_tls_free(server->tls);
    pthread_mutex_destroy(&server->free_lock);
    pthread_mutex_destroy(&server->live_lock);
    free(server);
}

static bool start_lanes(struct http_server *server, struct error *error)
{
    for (int i = 0; i < LANES; i++) {
        struct http_lane lane = server->options.lanes[i];
        lane.threads = i == 0 ? server->options.worker_threads : lane.threads;
        if (lane.threads > 0 && !workers_start(&server->lanes[i], &lane, error))
            return false;
    }
    return true;
}

static bool start_threads(struct http_server *server, bool six, struct error *error)
{
    sigset_t before;
    thread_mask_signals(&before); /* for libmicrohttpd's */
    bool ok = guard_start(server, error) && start_lanes(server, error) && start_daemon(server, six, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

bool http_start(const struct http_options *options, const struct http_app *app, struct http_server **out,
                struct error *error)
{
    assert(options->worker_threads > 0 && options->max_connections > 0);
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        abort();
    server->options = *options;
    server->app = *app;
    server->listener = -1;
    if (server->options.body_window_s <= 0)
        server->options.body_window_s = 20;
    pthread_mutex_init(&server->free_lock, NULL);
    pthread_mutex_init(&server->live_lock, NULL);
    guard_init(server);
    raise_descriptors(server);
    bool six = false;
    if ((options->tls_certificate && !http_tls_open(options->tls_certificate, options->tls_key, &server->tls, error)) ||
        !open_listener(server, &six, error) || !start_threads(server, six, error)) {
        server_free(server);
        return false;
    }
    *out = server;
    return true;
}

int http_port(const struct http_server *server)
{
    return server->port;
}

bool http_reload_certificate(struct http_server *server, bool *changed, struct error *error)
{
    return http_tls_load(server->tls, changed, error);
}

struct instant http_certificate_expires(const struct http_server *server)
{
    return http_tls_expires(server->tls);
}

/* ---- stop ---- */

static void sleep_a_little(void)
{
    struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
    nanosleep(&pause, NULL);
}

static bool is_busy(struct http_server *server)
{
    return atomic_load(&server->active) > 0 || atomic_load(&server->guard.lingering) > 0;
}

/* libmicrohttpd's own quiescing can abort the process when its threads are busy, so connections are still taken
 * while this waits; their requests get 503. */
bool http_stop(struct http_server *server, int grace_ms)
{
    int64_t until_us = clock_monotonic_us() + grace_ms * 1000LL;
    atomic_store(&server->stopping, true);
    live_wake(server, true);
    while (is_busy(server) && clock_monotonic_us() < until_us)
        sleep_a_little();
    bool clean = atomic_load(&server->active) == 0;
    if (!clean)
        atomic_store(&server->cutting, true);
    /* Work that runs cannot be taken back, and libmicrohttpd must not be stopped beneath it. */
    while (atomic_load(&server->active) > 0) {
        guard_cut_all(server);
        sleep_a_little();
    }
    MHD_stop_daemon(server->daemon); /* closes the listener as well */
    server_free(server);
    return clean;
}

void http_stats(struct http_server *server, struct http_stats *out)
{
    *out = (struct http_stats){
        .connections = atomic_load(&server->connections),
        .connections_total = atomic_load(&server->connections_total),
        .requests_total = atomic_load(&server->requests_total),
        .refused_total = atomic_load(&server->refused_total),
        .timeouts_header = atomic_load(&server->timeouts_header),
        .timeouts_body = atomic_load(&server->timeouts_body),
        .timeouts_idle = atomic_load(&server->timeouts_idle),
        .timeouts_send = atomic_load(&server->timeouts_send),
        .live_streams = atomic_load(&server->live_count),
    };
    for (int i = 0; i < LANES; i++) {
        struct workers *workers = &server->lanes[i];
        if (!workers->count)
            continue;
        pthread_mutex_lock(&workers->lock);
        out->workers += workers->count;
        out->workers_busy += workers->busy;
        out->worker_queue += workers->waiting;
        pthread_mutex_unlock(&workers->lock);
    }
}
