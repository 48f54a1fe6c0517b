/* harness.h - a small application on a real server, and a client that speaks bytes. */
#ifndef ROENTGEN_TEST_HARNESS_H
#define ROENTGEN_TEST_HARNESS_H

#include "base/clock.h"
#include "http/http.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG_BYTES = 8 << 20, PATTERN_BYTES = 100000 };

struct counters {
    atomic_int begun, finished, ready, abandoned, writes_at_once, overlapped, created, destroyed, worked;
    atomic_int place_of_8; /* which piece of work was account 8's */
    atomic_llong stored;
    atomic_bool held; /* work that is under way waits */
    char *big;
};

/* One per request; `sum` is a running hash of what the sink got. */
struct exchange {
    int uses; /* grows over the life of the block */
    bool failed_ready;
    uint64_t sum;
    int64_t stored, fail_after;
    int pause_us;
    bool hold; /* its sink waits while work that is held does */
    struct counters *counters;
    atomic_int in_write, abandoned;
    char text[128];
};

static inline uint64_t sum_bytes(uint64_t sum, const char *at, ptrdiff_t len)
{
    for (ptrdiff_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)at[i]) * 1099511628211ULL;
    return sum;
}

static inline int64_t query_number(struct request *r, const char *name, int64_t fallback)
{
    struct str query = http_query(r), one, key, value;
    while (query.len) {
        struct str rest;
        if (!str_cut(query, '&', &one, &rest)) {
            one = query;
            rest = STR_NULL;
        }
        int64_t n;
        if (str_cut(one, '=', &key, &value) && str_equal(key, str_from(name)) && str_to_integer(value, &n))
            return n;
        query = rest;
    }
    return fallback;
}

static inline void answer_text(struct request *r, int status, struct str text)
{
    http_set_status(r, status);
    http_set_header(r, "Content-Type", S("text/plain"));
    http_set_body(r, text);
    http_reply(r);
}

static inline void work_answer(struct request *r)
{
    struct counters *n = http_context(r);
    int place = atomic_fetch_add(&n->worked, 1) + 1;
    if (query_number(r, "account", 0) == 8)
        n->place_of_8 = place;
    usleep((useconds_t)query_number(r, "us", 0));
    while (atomic_load(&n->held))
        usleep(1000);
    answer_text(r, 200, S("worked"));
}

static inline void work_twice(struct request *r)
{
    if (!http_run(r, 0, work_answer))
        answer_text(r, 503, S("full"));
}

static inline void *reply_later(void *self)
{
    struct request *r = self;
    usleep((useconds_t)query_number(r, "us", 2000));
    answer_text(r, 200, S("later"));
    return NULL;
}

static inline bool sink_write(void *self, struct str bytes, struct error *error)
{
    struct exchange *x = self;
    if (atomic_fetch_add(&x->in_write, 1) != 0)
        atomic_fetch_add(&x->counters->overlapped, 1);
    if (x->pause_us)
        usleep((useconds_t)x->pause_us);
    while (x->hold && atomic_load(&x->counters->held))
        usleep(1000);
    x->sum = sum_bytes(x->sum, bytes.at, bytes.len);
    x->stored += bytes.len;
    atomic_fetch_add(&x->counters->stored, bytes.len);
    atomic_fetch_sub(&x->in_write, 1);
    return x->stored < x->fail_after || error_set(error, E_STORAGE_FULL, "no room");
}

static inline void sink_abandon(void *self)
{
    struct exchange *x = self;
    if (atomic_load(&x->in_write) || atomic_fetch_add(&x->abandoned, 1))
        atomic_fetch_add(&x->counters->overlapped, 1);
    atomic_fetch_add(&x->counters->abandoned, 1);
}

static inline ptrdiff_t pattern_read(void *self, int64_t offset, char *out, ptrdiff_t max)
{
    (void)self;
    ptrdiff_t n = PATTERN_BYTES - offset < max ? (ptrdiff_t)(PATTERN_BYTES - offset) : max;
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = (char)('a' + (offset + i) % 26);
    return n;
}

static inline void pattern_release(void *self)
{
    struct exchange *x = self;
    x->text[0] = 'R';
}

static inline void answer_file(struct request *r)
{
    char name[] = "/tmp/roentgen-test-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    char *bytes = malloc(PATTERN_BYTES);
    pattern_read(NULL, 0, bytes, PATTERN_BYTES);
    assert_int_equal(write(fd, bytes, PATTERN_BYTES), PATTERN_BYTES);
    free(bytes);
    int64_t first = 0, length = PATTERN_BYTES;
    enum range_result range = http_parse_range(http_header(r, "range"), PATTERN_BYTES, &first, &length);
    http_set_status(r, range == RANGE_PART ? 206 : range == RANGE_UNSATISFIABLE ? 416 : 200);
    http_set_file(r, fd, first, range == RANGE_UNSATISFIABLE ? 0 : length);
    http_reply(r);
}

static inline void app_begin(struct request *r)
{
    struct counters *n = http_context(r);
    struct exchange *x = http_app_data(r);
    struct str path = http_path(r);
    atomic_fetch_add(&n->begun, 1);
    x->counters = n;
    x->uses++;
    if (str_equal(path, S("/small"))) {
        answer_text(r, 200, S("hello"));
    } else if (str_equal(path, S("/close"))) {
        http_set_close(r);
        answer_text(r, 200, S("bye"));
    } else if (str_equal(path, S("/empty"))) {
        http_set_status(r, 204);
        http_reply(r);
    } else if (str_equal(path, S("/same"))) {
        http_set_header(r, "ETag", S("\"1\""));
        answer_text(r, 304, S("hello"));
    } else if (str_equal(path, S("/work"))) {
        http_set_account(r, query_number(r, "account", 0));
        if (!http_run(r, (int)query_number(r, "lane", 0), work_answer))
            answer_text(r, 503, S("full"));
    } else if (str_equal(path, S("/twice"))) {
        if (!http_run(r, 0, work_twice))
            answer_text(r, 503, S("full"));
    } else if (str_equal(path, S("/later"))) {
        pthread_t thread;
        http_wait(r);
        assert_int_equal(pthread_create(&thread, NULL, reply_later, r), 0);
        pthread_detach(thread);
    } else if (str_equal(path, S("/file"))) {
        answer_file(r);
    } else if (str_equal(path, S("/stream"))) {
        http_set_stream(r, query_number(r, "length", -1), pattern_read, pattern_release, x);
        http_reply(r);
    } else if (str_equal(path, S("/big"))) {
        answer_text(r, 200, (struct str){ n->big, BIG_BYTES });
    } else if (str_equal(path, S("/echo"))) {
        http_collect_body(r, (ptrdiff_t)query_number(r, "max", 1 << 20));
    } else if (str_equal(path, S("/sink"))) {
        *x = (struct exchange){ .uses = x->uses,
                                .counters = n,
                                .sum = 14695981039346656037ULL,
                                .fail_after = query_number(r, "fail", INT64_MAX),
                                .pause_us = (int)query_number(r, "pause", 0),
                                .hold = query_number(r, "hold", 0) };
        http_read_body(r, &(struct body_sink){ sink_write, sink_abandon, x }, query_number(r, "max", 1LL << 40));
    } else if (str_equal(path, S("/inject"))) {
        http_set_header(r, "X-Bad", S("a\r\nX-Evil: 1"));
        http_set_header(r, "X-Bad\r\nX-Evil", S("1"));
        http_set_header(r, "Content-Length", S("3"));
        http_set_header(r, "X-Good", S("\xE4\xB8\xAD"));
        answer_text(r, 200, S("ok"));
    } else if (str_equal(path, S("/show"))) {
        snprintf(x->text, sizeof(x->text), "%s %.*s|%.*s|%.*s|%.*s",
                 http_method_names[http_method(r)] ? http_method_names[http_method(r)] : "?",
                 STR_FMT(http_method_text(r)), STR_FMT(http_query(r)), STR_FMT(http_header(r, "X-ONE")),
                 STR_FMT(http_client(r)));
        answer_text(r, 200, str_from(x->text));
    } else {
        answer_text(r, 413, S("refused"));
    }
}

static inline void app_ready(struct request *r)
{
    struct exchange *x = http_app_data(r);
    const struct error *error = http_body_error(r);
    atomic_fetch_add(&x->counters->ready, 1);
    if (error->code) {
        answer_text(r, error_row(error->code)->status, S("body error"));
    } else if (str_equal(http_path(r), S("/echo"))) {
        answer_text(r, 200, http_body(r));
    } else if (query_number(r, "run", 0)) {
        http_run(r, 0, work_answer);
    } else {
        snprintf(x->text, sizeof(x->text), "%lld %016llx", (long long)x->stored, (unsigned long long)x->sum);
        answer_text(r, 200, str_from(x->text));
    }
}

static inline void app_finish(struct request *r)
{
    struct counters *n = http_context(r);
    atomic_fetch_add(&n->finished, 1);
}

static inline void app_create(void *data, void *context)
{
    (void)data;
    atomic_fetch_add(&((struct counters *)context)->created, 1);
}

static inline void app_destroy(void *data, void *context)
{
    (void)data;
    atomic_fetch_add(&((struct counters *)context)->destroyed, 1);
}

/* ---- the server ---- */

/* A machine may be slow: what must happen is waited for long, and nothing is said of how long it took. */
enum { PATIENCE_MS = 100000 };

static inline struct http_options default_options(void)
{
    return (struct http_options){ .host = "127.0.0.1",
                                  .io_threads = 2,
                                  .worker_threads = 3,
                                  .max_connections = 500,
                                  .idle_timeout_s = PATIENCE_MS / 100,
                                  .header_timeout_s = PATIENCE_MS / 100,
                                  .send_timeout_s = PATIENCE_MS / 100,
                                  .body_min_bytes_per_s = 1,
                                  .max_header_bytes = 16384 };
}

static inline struct http_server *start(struct http_options options, struct counters *counters)
{
    struct http_server *server = NULL;
    struct error error = { 0 };
    *counters = (struct counters){ .big = malloc(BIG_BYTES) };
    memset(counters->big, 'B', BIG_BYTES);
    struct http_app app = { .context = counters,
                            .app_data_bytes = sizeof(struct exchange),
                            .create = app_create,
                            .destroy = app_destroy,
                            .begin = app_begin,
                            .ready = app_ready,
                            .finish = app_finish };
    if (!http_start(&options, &app, &server, &error))
        fail_msg("%s", error.message);
    return server;
}

static inline void check_balance(struct counters *counters)
{
    assert_int_equal(counters->begun, counters->finished);
    assert_int_equal(counters->created, counters->destroyed);
    assert_int_equal(counters->overlapped, 0);
    free(counters->big);
}

static inline void stop(struct http_server *server, struct counters *counters)
{
    assert_true(http_stop(server, PATIENCE_MS));
    check_balance(counters);
}

/* ---- the client ---- */

static inline int dial(struct http_server *server)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_port(server)) };
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

static inline bool put_bytes(int fd, const char *at, ptrdiff_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, (size_t)len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

static inline bool put(int fd, const char *text)
{
    return put_bytes(fd, text, (ptrdiff_t)strlen(text));
}

struct answer {
    int status;
    char head[8192];
    char *body;
    ptrdiff_t body_len;
    bool chunked;
};

/* One byte, or -1 at the end or after a long wait. */
static inline int get_char(int fd)
{
    unsigned char c;
    return recv(fd, &c, 1, 0) == 1 ? c : -1;
}

static inline ptrdiff_t get_line(int fd, char *line, ptrdiff_t max)
{
    ptrdiff_t n = 0;
    int c;
    while (n < max - 1 && (c = get_char(fd)) >= 0) {
        line[n++] = (char)c;
        if (c == '\n')
            break;
    }
    line[n] = '\0';
    return n;
}

static inline bool get_bytes(int fd, char *at, ptrdiff_t len)
{
    while (len > 0) {
        ssize_t n = recv(fd, at, (size_t)len, 0);
        if (n <= 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

static inline const char *answer_header(const struct answer *answer, const char *name)
{
    char needle[128];
    snprintf(needle, sizeof(needle), "\n%s: ", name);
    const char *at = strcasestr(answer->head, needle);
    return at ? at + strlen(needle) : NULL;
}

/* status 0: the connection closed first. `head`: no body follows. */
static inline struct answer get_answer(int fd, bool head)
{
    struct answer answer = { 0 };
    ptrdiff_t len = 0;
    char line[4096];
    for (;;) {
        ptrdiff_t n = get_line(fd, line, sizeof(line));
        if (n == 0)
            return answer;
        if (n == 2)
            break;
        assert_true(len + n < (ptrdiff_t)sizeof(answer.head));
        memcpy(answer.head + len, line, (size_t)n);
        len += n;
    }
    if (sscanf(answer.head, "HTTP/1.1 %d", &answer.status) != 1)
        fail_msg("not an answer: %.200s", answer.head);
    if (answer.status == 100)
        return answer;
    const char *length = answer_header(&answer, "Content-Length");
    answer.chunked = answer_header(&answer, "Transfer-Encoding") != NULL;
    if (head || answer.status == 204 || answer.status == 304)
        return answer;
    if (length) {
        answer.body_len = (ptrdiff_t)strtoll(length, NULL, 10);
        answer.body = calloc(1, (size_t)answer.body_len + 1);
        if (!get_bytes(fd, answer.body, answer.body_len))
            answer.body_len = -1;
        return answer;
    }
    answer.body = calloc(1, 1);
    while (answer.chunked && get_line(fd, line, sizeof(line)) > 0) {
        ptrdiff_t n = (ptrdiff_t)strtoll(line, NULL, 16);
        answer.body = realloc(answer.body, (size_t)(answer.body_len + n + 3));
        if (!get_bytes(fd, answer.body + answer.body_len, n + 2))
            break;
        answer.body_len += n;
        answer.body[answer.body_len] = '\0';
        if (n == 0)
            break;
    }
    return answer;
}

static inline void expect_answer(int fd, int status, const char *body)
{
    struct answer answer = get_answer(fd, false);
    if (answer.status != status)
        fail_msg("status %d, not %d: %s%s", answer.status, status, answer.head, answer.body ? answer.body : "");
    if (body)
        assert_string_equal(answer.body ? answer.body : "", body);
    free(answer.body);
}

/* The other side closes within `ms`, sending nothing more. */
static inline bool closes_within(int fd, int ms)
{
    int64_t until = clock_monotonic_us() + ms * 1000LL;
    for (char dropped[65536];;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        int left = (int)((until - clock_monotonic_us()) / 1000);
        if (left < 0 || poll(&wait, 1, left) <= 0)
            return false;
        if (recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) <= 0)
            return true;
    }
}

/* The server has taken all that `fd` has sent: its end of the connection, which is in this process, has nothing left
 * to read. */
static inline void all_is_read(int fd)
{
    struct sockaddr_in own, peer;
    socklen_t size = sizeof(own);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    for (int other = 3; other < 1024; other++) {
        size = sizeof(peer);
        if (other == fd || getpeername(other, (struct sockaddr *)&peer, &size) || peer.sin_family != AF_INET ||
            peer.sin_port != own.sin_port)
            continue;
        for (int unread = 1, i = 0; i < PATIENCE_MS && ioctl(other, FIONREAD, &unread) == 0 && unread; i++)
            usleep(1000);
        return;
    }
}

static inline bool reaches(atomic_int *counter, int value)
{
    for (int i = 0; i < PATIENCE_MS && atomic_load(counter) < value; i++)
        usleep(1000);
    return atomic_load(counter) == value;
}

#endif
