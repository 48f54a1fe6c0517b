/* test_limits.c - slow, silent and numerous clients; stopping. */
#include "harness.h"

#include "../base/own_clock.h"

static struct http_options tight(void)
{
    struct http_options options = default_options();
    options.idle_timeout_s = options.header_timeout_s = options.send_timeout_s = options.body_window_s = 1;
    return options;
}

/* The clock of these tests stands until they move it, so a machine that is held up cuts nobody off. */
static struct http_server *start_at_noon(struct http_options options, struct counters *counters)
{
    own_clock_stop();
    return start(options, counters);
}

static void stop_and_go_on(struct http_server *server, struct counters *counters)
{
    own_clock_go();
    stop(server, counters);
}

static void connects(struct http_server *server, int64_t connections)
{
    struct http_stats stats = { 0 };
    for (int i = 0; i < PATIENCE_MS && stats.connections != connections; i++) {
        usleep(1000);
        http_stats(server, &stats);
    }
    assert_int_equal(stats.connections, connections);
}

static void slow_header(void **state)
{
    (void)state;
    struct counters counters;
    struct http_options options = tight();
    options.idle_timeout_s = 30;
    struct http_server *server = start_at_noon(options, &counters);
    struct http_stats stats;
    int fd = dial(server);
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 9; i++) {
        put(fd, "X: 1\r\n");
        all_is_read(fd);
        own_clock_pass_ms(100);
        assert_false(closes_within(fd, 1));
    }
    own_clock_pass_ms(1300); /* it began within the first step; and the guard's ticks */
    assert_true(closes_within(fd, PATIENCE_MS));
    http_stats(server, &stats);
    assert_int_equal(stats.timeouts_header, 1);
    close(fd);
    stop_and_go_on(server, &counters);
}

static void idle_time_begins_with_the_answer(void **state)
{
    (void)state;
    struct counters counters;
    struct http_server *server = start_at_noon(tight(), &counters);
    struct http_stats stats;
    int silent = dial(server), dripping = dial(server), served = dial(server);
    connects(server, 3);
    own_clock_pass_ms(900);
    put(served, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(served, 200, "hello");
    put(dripping, "GET /sm"); /* no whole request line: counts as idle */
    all_is_read(dripping);
    assert_false(closes_within(silent, 1));
    own_clock_pass_ms(600);
    assert_true(closes_within(silent, PATIENCE_MS));
    assert_true(closes_within(dripping, PATIENCE_MS));
    assert_false(closes_within(served, 1));
    own_clock_pass_ms(1300); /* it may have been noted as idle after that step; and the guard's ticks */
    assert_true(closes_within(served, PATIENCE_MS));
    http_stats(server, &stats);
    assert_int_equal(stats.timeouts_idle, 3);
    close(silent), close(dripping), close(served);
    stop_and_go_on(server, &counters);
}

static void only_the_slow_body_is_cut(void **state)
{
    (void)state;
    struct counters counters;
    struct http_options options = tight();
    options.body_min_bytes_per_s = 1000;
    struct http_server *server = start_at_noon(options, &counters);
    struct http_stats stats;
    int slow = dial(server), steady = dial(server);
    put(slow, "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    put(steady, "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 24000\r\n\r\n");
    assert_true(reaches(&counters.begun, 2));
    char bytes[2000];
    memset(bytes, 'x', sizeof(bytes));
    for (int i = 0; i < 12; i++) { /* 400 and 8000 bytes a second */
        if (i < 4)
            put_bytes(slow, bytes, 100);
        assert_true(put_bytes(steady, bytes, 2000));
        all_is_read(slow);
        all_is_read(steady);
        own_clock_pass_ms(250);
    }
    assert_true(closes_within(slow, PATIENCE_MS));
    expect_answer(steady, 200, NULL);
    http_stats(server, &stats);
    assert_int_equal(stats.timeouts_body, 1);
    assert_true(reaches(&counters.abandoned, 1));
    close(slow), close(steady);
    stop_and_go_on(server, &counters);
}

/* As many bytes as the server takes before it wants no more. */
static int64_t put_until_full(int fd, const char *bytes, int64_t most)
{
    int64_t done = 0;
    struct pollfd room = { .fd = fd, .events = POLLOUT };
    while (done < most && poll(&room, 1, 300) > 0) {
        ssize_t n = send(fd, bytes + done, (size_t)(most - done), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            break;
        done += n > 0 ? n : 0;
    }
    return done;
}

/* A slow sink is not the client's fault. */
static void slow_sink_is_not_a_slow_body(void **state)
{
    (void)state;
    enum { BYTES = 32 << 20 };
    struct counters counters;
    struct http_options options = tight();
    options.body_min_bytes_per_s = 100 << 20;
    struct http_server *server = start_at_noon(options, &counters);
    struct http_stats stats;
    int fd = dial(server);
    char *bytes = calloc(1, BYTES);
    counters.held = true; /* the sink takes nothing */
    put(fd, "POST /sink?hold=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\n");
    int64_t done = put_until_full(fd, bytes, BYTES);
    assert_true(done < BYTES);
    for (int i = 0; i < 10; i++)
        own_clock_pass_ms(500);
    counters.held = false;
    assert_true(put_bytes(fd, bytes, BYTES - done));
    expect_answer(fd, 200, NULL);
    http_stats(server, &stats);
    assert_int_equal(stats.timeouts_body, 0);
    free(bytes);
    close(fd);
    stop_and_go_on(server, &counters);
}

static void only_the_stuck_answer_is_cut(void **state)
{
    (void)state;
    struct counters counters;
    struct http_server *server = start_at_noon(tight(), &counters);
    struct http_stats stats;
    int stuck = dial(server), slow = dial(server);
    put(stuck, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    put(slow, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    enum { PART = 1 << 20 };
    char *bytes = malloc(BIG_BYTES);
    for (int i = 0; i < 6; i++) { /* takes some now and then, which is enough */
        assert_true(get_bytes(slow, bytes, PART));
        own_clock_pass_ms(500);
    }
    assert_true(get_bytes(slow, bytes, BIG_BYTES - 6 * PART));
    own_clock_pass_ms(1500);
    assert_true(reaches(&counters.finished, 2));
    http_stats(server, &stats);
    assert_int_equal(stats.timeouts_send, 1);
    free(bytes);
    close(stuck), close(slow);
    stop_and_go_on(server, &counters);
}

static void many_idle(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * N + 600)
        skip();
    struct counters counters;
    struct http_options options = default_options();
    options.max_connections = N + 100;
    options.idle_timeout_s = PATIENCE_MS / 100; /* no matter how long taking them all in takes */
    struct http_server *server = start(options, &counters);
    int *fds = malloc(N * sizeof(*fds));
    for (int i = 0; i < N; i++)
        fds[i] = dial(server);
    for (int i = 0; i < 20; i++) {
        int fd = dial(server);
        put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
        expect_answer(fd, 200, "hello");
        close(fd);
    }
    struct http_stats stats = { 0 };
    for (int i = 0; i < PATIENCE_MS && stats.connections < N; i++) {
        usleep(1000);
        http_stats(server, &stats);
    }
    assert_true(stats.connections >= N);
    assert_int_equal(stats.refused_total, 0);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    free(fds);
    stop(server, &counters);
}

/* Past the limit the longest idle connection makes room; busy ones stay. */
static void longest_idle_makes_room(void **state)
{
    (void)state;
    enum { N = 60 };
    struct counters counters;
    struct http_options options = default_options();
    options.max_connections = 32;
    struct http_server *server = start_at_noon(options, &counters);
    int busy = dial(server), fds[N];
    counters.held = true;
    put(busy, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(reaches(&counters.begun, 1));
    for (int i = 0; i < N; i++) {
        fds[i] = dial(server);
        put(fds[i], "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
        expect_answer(fds[i], 200, "hello");
        own_clock_move_ms(10);
    }
    assert_true(closes_within(fds[0], PATIENCE_MS));
    assert_false(closes_within(fds[N - 1], 100));
    counters.held = false;
    expect_answer(busy, 200, "worked");
    for (int i = 0; i < N; i++)
        close(fds[i]);
    close(busy);
    stop_and_go_on(server, &counters);
}

static void full_queue(void **state)
{
    (void)state;
    enum { N = 80 };
    struct counters counters;
    struct http_options options = default_options();
    options.worker_threads = 1; /* 64 wait, 1 runs */
    struct http_server *server = start(options, &counters);
    int fds[N], worked = 0, full = 0;
    counters.held = true;
    for (int i = 0; i < N; i++) {
        fds[i] = dial(server);
        put(fds[i], "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    assert_true(reaches(&counters.begun, N));
    counters.held = false;
    for (int i = 0; i < N; i++) {
        struct answer answer = get_answer(fds[i], false);
        worked += answer.status == 200;
        full += answer.status == 503;
        free(answer.body);
        close(fds[i]);
    }
    assert_int_equal(worked + full, N);
    assert_true(worked >= 64 && full > 0);
    stop(server, &counters);
}

static void ask_for_work(int fd, int account, int lane)
{
    char text[120];
    snprintf(text, sizeof(text), "GET /work?account=%d&lane=%d HTTP/1.1\r\nHost: x\r\n\r\n", account, lane);
    put(fd, text);
}

static int status_of(int fd)
{
    struct answer answer = get_answer(fd, false);
    free(answer.body);
    close(fd);
    return answer.status;
}

/* One account cannot have all threads of a lane, nor all of its queue, and none of another lane. */
static void lanes_and_accounts(void **state)
{
    (void)state;
    enum { N = 200, MOST = (4 * 64) / 2 };
    struct counters counters;
    struct http_options options = default_options();
    options.worker_threads = 4;
    options.lanes[0].account_threads = 3;
    options.lanes[2] = (struct http_lane){ .threads = 1 };
    struct http_server *server = start(options, &counters);
    int greedy[N], full = 0;
    counters.held = true;
    for (int i = 0; i < N; i++) {
        greedy[i] = dial(server);
        ask_for_work(greedy[i], 7, 0);
    }
    assert_true(reaches(&counters.begun, N));
    assert_true(reaches(&counters.worked, 3));
    int other = dial(server), probe = dial(server);
    ask_for_work(other, 8, 0);
    assert_true(reaches(&counters.worked, 4)); /* the thread that nobody else could have */
    ask_for_work(probe, 7, 2);
    assert_true(reaches(&counters.worked, 5));
    struct http_stats stats;
    http_stats(server, &stats);
    assert_int_equal(stats.workers, 5);
    assert_int_equal(stats.workers_busy, 5);
    assert_true(stats.worker_queue <= MOST);
    counters.held = false;
    assert_int_equal(status_of(other), 200);
    assert_int_equal(status_of(probe), 200);
    for (int i = 0; i < N; i++)
        full += status_of(greedy[i]) == 503;
    assert_in_range(full, N - MOST - 3, N - MOST);
    stop(server, &counters);
}

/* With one thread: whoever comes after many of one account's is next. */
static void accounts_take_turns(void **state)
{
    (void)state;
    enum { N = 30 };
    struct counters counters;
    struct http_options options = default_options();
    options.worker_threads = 1;
    struct http_server *server = start(options, &counters);
    int greedy[N];
    struct http_stats stats = { 0 };
    counters.held = true;
    for (int i = 0; i < N; i++) {
        greedy[i] = dial(server);
        ask_for_work(greedy[i], 7, 0);
    }
    int other = dial(server);
    assert_true(reaches(&counters.begun, N));
    assert_true(reaches(&counters.worked, 1)); /* else the queue below could be full without the other one */
    ask_for_work(other, 8, 0);
    while (stats.worker_queue < N)
        http_stats(server, &stats);
    counters.held = false;
    assert_int_equal(status_of(other), 200);
    for (int i = 0; i < N; i++)
        assert_int_equal(status_of(greedy[i]), 200);
    assert_true(counters.place_of_8 <= 3);
    stop(server, &counters);
}

struct stopping {
    struct http_server *server;
    int grace_ms;
    bool clean;
};

static void *stop_it(void *self)
{
    struct stopping *s = self;
    s->clean = http_stop(s->server, s->grace_ms);
    return NULL;
}

/* What is under way is answered; what comes meanwhile gets 503. */
static void stop_lets_finish(void **state)
{
    (void)state;
    struct counters counters;
    struct http_server *server = start(default_options(), &counters);
    int working = dial(server), idle = dial(server), uploading = dial(server);
    counters.held = true;
    put(working, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    put(uploading, "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
    assert_true(reaches(&counters.begun, 2));
    struct stopping s = { server, PATIENCE_MS, false };
    pthread_t thread;
    pthread_create(&thread, NULL, stop_it, &s);
    struct answer answer;
    do { /* until the thread has got that far */
        int probe = dial(server);
        put(probe, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
        answer = get_answer(probe, false);
        free(answer.body);
        close(probe);
    } while (answer.status == 200);
    put(idle, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    answer = get_answer(idle, false);
    free(answer.body);
    assert_int_equal(answer.status, 503);
    assert_memory_equal(answer_header(&answer, "Connection"), "close", 5);
    counters.held = false;
    put(uploading, "hello");
    expect_answer(uploading, 200, NULL);
    expect_answer(working, 200, "worked");
    pthread_join(thread, NULL);
    assert_true(s.clean);
    check_balance(&counters);
    close(working), close(idle), close(uploading);
}

static void *let_go_after_the_cut(void *self)
{
    struct counters *counters = self;
    while (atomic_load(&counters->finished) == 0) /* the download */
        usleep(1000);
    counters->held = false;
    return NULL;
}

/* Grace runs out over a stalled upload, a stalled download and queued work. */
static void stop_cuts(void **state)
{
    (void)state;
    struct counters counters;
    struct http_options options = default_options();
    options.worker_threads = 1;
    struct http_server *server = start(options, &counters);
    int uploading = dial(server), taking = dial(server), first = dial(server), second = dial(server);
    put(uploading, "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
    put(taking, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    counters.held = true;
    put(first, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(reaches(&counters.worked, 1));
    put(second, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(reaches(&counters.begun, 4));
    pthread_t thread;
    pthread_create(&thread, NULL, let_go_after_the_cut, &counters);
    int64_t begun = clock_monotonic_us();
    assert_false(http_stop(server, 100));
    assert_true(clock_monotonic_us() - begun >= 100000);
    pthread_join(thread, NULL);
    assert_int_equal(counters.worked, 1); /* the queued one never began */
    assert_int_equal(counters.abandoned, 1);
    check_balance(&counters);
    close(uploading), close(taking), close(first), close(second);
}

static void *keep_asking(void *self)
{
    struct stopping *s = self;
    for (int i = 0; i < 2000; i++) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)s->grace_ms) };
        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool there = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
        if (there && put(fd, i & 1 ? "GET /work HTTP/1.1\r\nHost: x\r\n\r\n"
                                   : "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"))
            for (char dropped[256]; recv(fd, dropped, sizeof(dropped), 0) == sizeof(dropped);)
                continue;
        close(fd);
        if (!there) /* the next who listens at this port may be another program's server */
            break;
    }
    return NULL;
}

static void stop_under_load(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct counters counters;
        struct http_server *server = start(default_options(), &counters);
        struct stopping s = { NULL, http_port(server), false };
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, keep_asking, &s);
        while (atomic_load(&counters.finished) < 50)
            usleep(1000);
        assert_true(http_stop(server, PATIENCE_MS));
        check_balance(&counters);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
}

static void start_failures(void **state)
{
    (void)state;
    struct counters counters;
    struct http_server *server = start(default_options(), &counters), *none = NULL;
    struct http_options options = default_options();
    struct http_app app = {
        .context = &counters, .app_data_bytes = 8, .begin = app_begin, .ready = app_ready, .finish = app_finish
    };
    struct error error = { 0 };
    options.port = http_port(server);
    assert_false(http_start(&options, &app, &none, &error));
    assert_non_null(strstr(error.message, "in use"));
    error = (struct error){ 0 };
    options.host = "256.1.1.1.invalid";
    assert_false(http_start(&options, &app, &none, &error));
    assert_int_equal(error.code, E_INTERNAL);
    assert_null(none);
    stop(server, &counters);
}

static void ipv6(void **state)
{
    (void)state;
    struct counters counters;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
    bool there = probe >= 0 && bind(probe, (struct sockaddr *)&any, sizeof(any)) == 0;
    close(probe);
    if (!there)
        skip();
    struct http_options options = default_options();
    options.host = "::";
    options.io_threads = 1;
    struct http_server *server = start(options, &counters);
    int fd = dial(server); /* over IPv4 */
    put(fd, "GET /show HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "GET GET|||127.0.0.1");
    close(fd);
    stop(server, &counters);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_header),
        cmocka_unit_test(idle_time_begins_with_the_answer),
        cmocka_unit_test(only_the_slow_body_is_cut),
        cmocka_unit_test(slow_sink_is_not_a_slow_body),
        cmocka_unit_test(only_the_stuck_answer_is_cut),
        cmocka_unit_test(many_idle),
        cmocka_unit_test(longest_idle_makes_room),
        cmocka_unit_test(full_queue),
        cmocka_unit_test(lanes_and_accounts),
        cmocka_unit_test(accounts_take_turns),
        cmocka_unit_test(stop_lets_finish),
        cmocka_unit_test(stop_cuts),
        cmocka_unit_test(stop_under_load),
        cmocka_unit_test(start_failures),
        cmocka_unit_test(ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
