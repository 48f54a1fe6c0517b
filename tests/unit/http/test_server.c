/* test_server.c - requests and answers over real connections. */
#include "harness.h"

static struct http_server *server;
static struct counters counters;
static int descriptors;

static int count_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static int setup(void **state)
{
    (void)state;
    descriptors = count_descriptors();
    server = start(default_options(), &counters);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop(server, &counters);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

static void get(void **state)
{
    (void)state;
    int fd = dial(server);
    for (int i = 0; i < 3; i++) {
        put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
        struct answer answer = get_answer(fd, false);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "hello");
        assert_non_null(answer_header(&answer, "Date"));
        assert_null(answer_header(&answer, "Connection"));
        assert_memory_equal(answer_header(&answer, "Content-Length"), "5\r", 2);
        free(answer.body);
    }
    close(fd);
}

static void pipelined(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\nGET /work HTTP/1.1\r\nHost: x\r\n\r\n"
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /close HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "hello");
    expect_answer(fd, 200, "worked");
    expect_answer(fd, 200, "abc");
    expect_answer(fd, 200, "later");
    struct answer answer = get_answer(fd, false);
    assert_string_equal(answer.body, "bye");
    assert_memory_equal(answer_header(&answer, "Connection"), "close", 5);
    free(answer.body);
    assert_true(closes_within(fd, PATIENCE_MS));
    close(fd);
}

static void byte_by_byte(void **state)
{
    (void)state;
    int fd = dial(server);
    for (const char *c = "POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"; *c; c++) {
        put_bytes(fd, c, 1);
        all_is_read(fd);
    }
    expect_answer(fd, 200, "hello");
    close(fd);
}

static void http_1_0(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "GET /small HTTP/1.0\r\n\r\n");
    expect_answer(fd, 200, "hello");
    assert_true(closes_within(fd, PATIENCE_MS));
    close(fd);
    fd = dial(server);
    put(fd, "GET /small HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect_answer(fd, 200, "hello");
    put(fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct answer answer = get_answer(fd, true);
    assert_false(answer.chunked);
    char *body = malloc(PATTERN_BYTES);
    assert_true(get_bytes(fd, body, PATTERN_BYTES));
    free(body);
    assert_true(closes_within(fd, PATIENCE_MS));
    close(fd);
}

static void head(void **state)
{
    (void)state;
    int fd = dial(server);
    static const char *const paths[] = { "/small", "/file", "/stream?length=100000", "/work" };
    for (int i = 0; i < 4; i++) {
        char text[128];
        snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        put(fd, text);
        struct answer answer = get_answer(fd, true);
        assert_int_equal(answer.status, 200);
        if (i < 3)
            assert_int_equal(strtol(answer_header(&answer, "Content-Length"), NULL, 10), i ? 100000 : 5);
    }
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n"); /* nothing was left over between */
    expect_answer(fd, 200, "hello");
    put(fd, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    struct answer answer = get_answer(fd, true);
    assert_null(answer_header(&answer, "Content-Length"));
    assert_int_equal(get_char(fd), -1);
    close(fd);
}

static void no_content(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "GET /empty HTTP/1.1\r\nHost: x\r\n\r\nGET /same HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    struct answer answer = get_answer(fd, false);
    assert_int_equal(answer.status, 204);
    assert_null(answer_header(&answer, "Content-Length"));
    answer = get_answer(fd, false);
    assert_int_equal(answer.status, 304);
    assert_memory_equal(answer_header(&answer, "Content-Length"), "5\r", 2);
    expect_answer(fd, 200, "hello");
    close(fd);
}

static void file_and_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        int status;
        int64_t first, length;
    } rows[] = {
        { "bytes=0-", 206, 0, 100000 },    { "bytes=0-0", 206, 0, 1 },
        { "bytes=99999-", 206, 99999, 1 }, { "bytes=-26", 206, 99974, 26 },
        { "bytes=100000-", 416, 0, 0 },    { "bytes=1-2,4-5", 200, 0, 100000 },
        { "bytes=26-100", 206, 26, 75 },   { "bytes=5000-200000", 206, 5000, 95000 },
    };
    int fd = dial(server);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[256];
        snprintf(text, sizeof(text), "GET /file HTTP/1.1\r\nHost: x\r\nRange: %s\r\n\r\n", rows[i].range);
        put(fd, text);
        struct answer answer = get_answer(fd, false);
        assert_int_equal(answer.status, rows[i].status);
        assert_int_equal(answer.body_len, rows[i].length);
        for (ptrdiff_t j = 0; j < answer.body_len; j++)
            assert_int_equal(answer.body[j], 'a' + (rows[i].first + j) % 26);
        free(answer.body);
    }
    close(fd);
}

static void streams(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /stream?length=100000 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        struct answer answer = get_answer(fd, false);
        assert_int_equal(answer.chunked, i == 0);
        assert_int_equal(answer.body_len, PATTERN_BYTES);
        for (ptrdiff_t j = 0; j < answer.body_len; j++)
            assert_int_equal(answer.body[j], 'a' + j % 26);
        free(answer.body);
    }
    put(fd, "GET /stream?length=100001 HTTP/1.1\r\nHost: x\r\n\r\n"); /* promises more than comes */
    struct answer answer = get_answer(fd, false);
    assert_int_equal(answer.body_len, -1);
    free(answer.body);
    close(fd);
}

static void workers(void **state)
{
    (void)state;
    enum { N = 50 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = dial(server);
        put(fds[i], i % 3 == 0   ? "GET /work?us=1000 HTTP/1.1\r\nHost: x\r\n\r\n"
                    : i % 3 == 1 ? "GET /twice HTTP/1.1\r\nHost: x\r\n\r\n"
                                 : "GET /later?us=0 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (int i = 0; i < N; i++) {
        expect_answer(fds[i], 200, i % 3 == 2 ? "later" : "worked");
        close(fds[i]);
    }
}

static void what_the_request_says(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "BREW /show?a=%20b+c&d HTTP/1.1\r\nHost: x\r\nx-one:  two words \t\r\n\r\n");
    expect_answer(fd, 200, "? BREW|a=%20b+c&d|two words|127.0.0.1");
    put(fd, "PATCH http://x/show HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "PATCH PATCH|||127.0.0.1");
    put(fd, "PUT http://x?q HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 413, "refused"); /* the path is "/" */
    put(fd, "GET /show? HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "GET GET|||127.0.0.1");
    close(fd);
}

static void injection(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n");
    struct answer answer = get_answer(fd, false);
    assert_null(answer_header(&answer, "X-Evil"));
    assert_null(answer_header(&answer, "X-Bad"));
    assert_memory_equal(answer_header(&answer, "X-Good"), "\xE4\xB8\xAD", 3);
    assert_string_equal(answer.body, "ok");
    free(answer.body);
    close(fd);
}

static void refused_requests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        { "GET /small HTTP/1.1\r\n\r\n", 400 },
        { "GET /small HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
        { "GET /sm all HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
        { "GET small HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
        { "GET /small HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n", 400 },
        { "GET /small HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\n", 400 },
        { "GET /small HTTP/1.1\r\nHost: a\r\nX: a\x01"
          "b\r\n\r\n",
          400 },
        { "GET /small HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked \r\n\r\n", 501 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\na", 413 },
        { "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400 },
        { "GET /small HTTP/3.0\r\nHost: a\r\n\r\n", 505 },
        { "GET /small HTTP/1.1\r\nno colon\r\n\r\n", 400 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int fd = dial(server);
        put(fd, rows[i].text);
        struct answer answer = get_answer(fd, true);
        if (answer.status != rows[i].status)
            fail_msg("%s -> %d", rows[i].text, answer.status);
        assert_true(closes_within(fd, PATIENCE_MS));
        close(fd);
    }
    assert_int_equal(counters.begun, counters.finished);
}

static void send_with_headers(int fd, int count, int bytes_each)
{
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n");
    char *line = malloc((size_t)bytes_each + 32);
    for (int i = 1; i < count; i++) {
        int n = snprintf(line, 32, "X-%d: ", i);
        memset(line + n, 'v', (size_t)bytes_each);
        memcpy(line + n + bytes_each, "\r\n", 3);
        put(fd, line);
    }
    free(line);
    put(fd, "\r\n");
}

static void header_limits(void **state)
{
    (void)state;
    static const struct {
        int count, bytes, status;
    } rows[] = { { 100, 10, 200 },  { 101, 10, 431 },   { 2, 16000, 200 },
                 { 2, 16380, 431 }, { 2, 100000, 431 }, { 5000, 10, 431 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int fd = dial(server);
        send_with_headers(fd, rows[i].count, rows[i].bytes);
        struct answer answer = get_answer(fd, true);
        if (answer.status != rows[i].status)
            fail_msg("%d headers of %d bytes: %d", rows[i].count, rows[i].bytes, answer.status);
        close(fd);
    }
    int fd = dial(server);
    char *path = malloc(70000);
    memset(path, 'a', 69999);
    path[69999] = '\0';
    put(fd, "GET /");
    put(fd, path);
    put(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(get_answer(fd, true).status, 414);
    free(path);
    close(fd);
}

static void *hammer(void *self)
{
    (void)self;
    for (int i = 0; i < 30; i++) {
        int fd = dial(server);
        static const char *const requests[] = {
            "GET /small HTTP/1.1\r\nHost: x\r\n\r\n", "GET /work HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /later?us=10 HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            "POST /sink?run=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        };
        for (int j = 0; j < 20; j++) {
            put(fd, requests[(i + j) % 5]);
            if (i % 7 == 6 && j == 10)
                break; /* leaves without waiting */
            struct answer answer = get_answer(fd, false);
            if (answer.status != 200)
                return "no answer";
            free(answer.body);
        }
        close(fd);
    }
    return NULL;
}

static void many_at_once(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    struct http_stats stats;
    http_stats(server, &stats);
    assert_true(stats.requests_total >= 8 * 30 * 11);
    assert_int_equal(stats.workers, 3);
    assert_true(counters.created < 200); /* memory is used again */
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(get),        CASE(pipelined),        CASE(byte_by_byte),  CASE(http_1_0),     CASE(head),
        CASE(no_content), CASE(file_and_ranges),  CASE(streams),       CASE(workers),      CASE(what_the_request_says),
        CASE(injection),  CASE(refused_requests), CASE(header_limits), CASE(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
