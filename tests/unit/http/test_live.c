/* test_live.c - answers that go on for as long as something happens. */
#include "harness.h"

/* What is said to everybody: one byte each time, 'a', 'b', ... */
enum { HEARERS_MAX = 64 };
struct hearer {
    struct request *request;
    int heard;
};
static struct {
    pthread_mutex_t lock;
    struct hearer *hearers[HEARERS_MAX];
    int count, said;
    bool over;
} talk = { .lock = PTHREAD_MUTEX_INITIALIZER };

static ptrdiff_t hear(void *self, int64_t offset, char *out, ptrdiff_t max)
{
    struct hearer *h = self;
    (void)offset;
    pthread_mutex_lock(&talk.lock);
    ptrdiff_t n = 0;
    while (h->heard < talk.said && n < max)
        out[n++] = (char)('a' + h->heard++ % 26);
    bool over = talk.over;
    pthread_mutex_unlock(&talk.lock);
    return n ? n : over ? 0 : HTTP_STREAM_WAITS;
}

static void leave(void *self)
{
    pthread_mutex_lock(&talk.lock);
    for (int i = 0; i < talk.count; i++)
        if (talk.hearers[i] == self) {
            talk.hearers[i] = talk.hearers[--talk.count];
            break;
        }
    pthread_mutex_unlock(&talk.lock);
    free(self);
}

static void say(int times, bool over)
{
    pthread_mutex_lock(&talk.lock);
    talk.said += times;
    talk.over = over;
    for (int i = 0; i < talk.count; i++)
        http_stream_wake(talk.hearers[i]->request);
    pthread_mutex_unlock(&talk.lock);
}

static void join(struct request *r)
{
    struct hearer *h = calloc(1, sizeof(*h));
    h->request = r;
    pthread_mutex_lock(&talk.lock);
    talk.hearers[talk.count++] = h;
    pthread_mutex_unlock(&talk.lock);
    http_set_live_stream(r, hear, leave, h);
    http_reply(r);
}

static ptrdiff_t break_off(void *self, int64_t offset, char *out, ptrdiff_t max)
{
    if (offset)
        return self ? 0 : -1;
    memset(out, 'x', (size_t)max);
    return max;
}

static void begin_and_break_off(struct request *r)
{
    bool is_long = str_equal(http_query(r), S("long")), ends = str_equal(http_query(r), S("ends"));
    http_set_stream(r, is_long ? 1 << 20 : -1, break_off, NULL, ends ? r : NULL);
    http_reply(r);
}

static void begin(struct request *r)
{
    struct counters *n = http_context(r);
    atomic_fetch_add(&n->begun, 1);
    bool breaks = str_equal(http_path(r), S("/broken"));
    if (!breaks && !str_equal(http_path(r), S("/live")))
        answer_text(r, 200, S("hello"));
    else if (!http_run(r, 0, breaks ? begin_and_break_off : join))
        answer_text(r, 503, S("full"));
}

static struct http_server *open_live(struct http_options options, struct counters *counters)
{
    struct http_server *server = NULL;
    struct error error = { 0 };
    *counters = (struct counters){ .big = malloc(1) };
    talk.said = 0;
    talk.over = false;
    struct http_app app = { .context = counters,
                            .app_data_bytes = sizeof(struct exchange),
                            .create = app_create,
                            .destroy = app_destroy,
                            .begin = begin,
                            .ready = app_ready,
                            .finish = app_finish };
    if (!http_start(&options, &app, &server, &error))
        fail_msg("%s", error.message);
    return server;
}

static void listen_to(int fd)
{
    char line[256];
    put(fd, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(get_line(fd, line, sizeof(line)) > 0 && strstr(line, "200"));
    while (get_line(fd, line, sizeof(line)) > 2)
        continue;
}

/* The next `count` letters, however they are put into chunks. */
static void hears(int fd, int from, int count)
{
    char line[64], bytes[1 << 15];
    for (int at = 0; at < count;) {
        assert_true(get_line(fd, line, sizeof(line)) > 0);
        long size = strtol(line, NULL, 16);
        assert_true(size > 0 && size < (long)sizeof(bytes) - 2 && get_bytes(fd, bytes, size + 2));
        for (long i = 0; i < size; i++)
            assert_int_equal(bytes[i], 'a' + (from + at + i) % 26);
        at += (int)size;
        assert_true(at <= count);
    }
}

static void hears_the_end(int fd)
{
    char line[64];
    assert_true(get_line(fd, line, sizeof(line)) == 3 && !strncmp(line, "0\r\n", 3));
    assert_true(get_line(fd, line, sizeof(line)) == 2);
}

static void stream_count(struct http_server *server, int64_t count)
{
    struct http_stats stats = { .live_streams = -1 };
    for (int i = 0; i < PATIENCE_MS && stats.live_streams != count; i++) {
        usleep(1000);
        http_stats(server, &stats);
    }
    assert_int_equal(stats.live_streams, count);
}

static void what_is_said_is_heard(void **state)
{
    (void)state;
    enum { HEARERS = 20 };
    struct counters counters;
    struct http_server *server = open_live(default_options(), &counters);
    int fds[HEARERS];
    for (int i = 0; i < HEARERS; i++)
        listen_to(fds[i] = dial(server));
    for (int round = 0; round < 30; round++) {
        say(1, false);
        for (int i = 0; i < HEARERS; i++)
            hears(fds[i], round, 1);
    }
    say(0, true);
    for (int i = 0; i < HEARERS; i++)
        hears_the_end(fds[i]);
    put(fds[0], "GET /small HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection lives on */
    struct answer answer = get_answer(fds[0], false);
    assert_int_equal(answer.status, 200);
    free(answer.body);
    stream_count(server, 0);
    for (int i = 0; i < HEARERS; i++)
        close(fds[i]);
    stop(server, &counters);
}

static void *say_much(void *times)
{
    for (int i = 0; i < *(int *)times; i++)
        say(1, false);
    return NULL;
}

/* Between "there is nothing" and sleep somebody says something, thousands of times. */
static void nothing_said_is_slept_through(void **state)
{
    (void)state;
    enum { HEARERS = 8, TIMES = 5000 };
    struct counters counters;
    struct http_server *server = open_live(default_options(), &counters);
    int fds[HEARERS], times = TIMES;
    pthread_t speakers[2];
    for (int i = 0; i < HEARERS; i++)
        listen_to(fds[i] = dial(server));
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&speakers[i], NULL, say_much, &times), 0);
    for (int i = 0; i < HEARERS; i++)
        hears(fds[i], 0, 2 * TIMES);
    for (int i = 0; i < 2; i++)
        pthread_join(speakers[i], NULL);
    for (int i = 0; i < HEARERS; i++)
        close(fds[i]);
    assert_true(http_stop(server, PATIENCE_MS));
    check_balance(&counters);
}

/* While it sleeps nobody looks at its socket but the guard. */
static void who_leaves_is_let_go(void **state)
{
    (void)state;
    struct counters counters;
    struct http_server *server = open_live(default_options(), &counters);
    int stays = dial(server), leaves = dial(server), resets = dial(server);
    struct linger hard = { .l_onoff = 1 };
    listen_to(stays);
    listen_to(leaves);
    listen_to(resets);
    stream_count(server, 3);
    close(leaves);
    assert_int_equal(setsockopt(resets, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    close(resets);
    stream_count(server, 1);
    say(3, false);
    hears(stays, 0, 3);
    close(stays);
    stop(server, &counters);
}

static void connection_count(struct http_server *server, int64_t count)
{
    struct http_stats stats = { .connections = -1 };
    for (int i = 0; i < PATIENCE_MS && stats.connections != count; i++) {
        usleep(1000);
        http_stats(server, &stats);
    }
    assert_int_equal(stats.connections, count);
}

/* An older connection, which stays, has libmicrohttpd pass over younger ones that have ended while it was asked for
 * their bytes. */
static void nothing_is_kept_of_who_has_left(void **state)
{
    (void)state;
    struct counters counters;
    struct http_options options = default_options();
    options.io_threads = 1;
    struct http_server *server = open_live(options, &counters);
    struct linger hard = { .l_onoff = 1 };
    int older = dial(server);
    put(older, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(older, 200, "hello");
    static const char *const broken[] = { "/broken HTTP/1.1", "/broken?long HTTP/1.1", "/broken HTTP/1.0",
                                          "/broken?ends HTTP/1.0" };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        int breaks = dial(server), bytes = 0;
        char request[64];
        snprintf(request, sizeof(request), "GET %s\r\nHost: x\r\n\r\n", broken[i]);
        put(breaks, request);
        for (; get_char(breaks) >= 0; bytes++)
            continue;
        assert_in_range(bytes, 100, 100000); /* in the middle, and nothing that was not meant */
        close(breaks);
        connection_count(server, 1);
    }
    int leaves = dial(server);
    listen_to(leaves);
    assert_int_equal(setsockopt(leaves, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    close(leaves);
    connection_count(server, 1);
    put(older, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(older, 200, "hello");
    close(older);
    stop(server, &counters);
}

static void the_end_of_the_server_is_theirs(void **state)
{
    (void)state;
    struct counters counters;
    struct http_server *server = open_live(default_options(), &counters);
    int fds[10];
    for (int i = 0; i < 10; i++)
        listen_to(fds[i] = dial(server));
    say(2, false);
    for (int i = 0; i < 10; i++)
        hears(fds[i], 0, 2);
    assert_true(http_stop(server, PATIENCE_MS)); /* at once, although nothing more is said */
    for (int i = 0; i < 10; i++) {
        hears_the_end(fds[i]);
        close(fds[i]);
    }
    check_balance(&counters);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_heard),
        cmocka_unit_test(nothing_said_is_slept_through),
        cmocka_unit_test(who_leaves_is_let_go),
        cmocka_unit_test(nothing_is_kept_of_who_has_left),
        cmocka_unit_test(the_end_of_the_server_is_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
