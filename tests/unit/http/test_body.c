/* test_body.c - bodies on their way to sinks, early answers, clients that leave. */
#include "harness.h"

static struct http_server *server;
static struct counters counters;

static int setup(void **state)
{
    (void)state;
    server = start(default_options(), &counters);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop(server, &counters);
    return 0;
}

static char *random_bytes(ptrdiff_t len)
{
    char *bytes = malloc((size_t)len + 1);
    uint64_t seed = (uint64_t)len * 2654435761u + 1;
    for (ptrdiff_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        bytes[i] = (char)(seed >> 56);
    }
    return bytes;
}

static void expect_sum(int fd, const char *bytes, ptrdiff_t len)
{
    char text[64];
    snprintf(text, sizeof(text), "%td %016llx", len,
             (unsigned long long)sum_bytes(14695981039346656037ULL, bytes, len));
    expect_answer(fd, 200, text);
}

static void post(int fd, const char *path, int64_t length, const char *more)
{
    char head[512];
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %lld\r\n%s\r\n", path,
             (long long)length, more);
    put(fd, head);
}

static bool put_chunks(int fd, const char *bytes, ptrdiff_t len, ptrdiff_t step)
{
    for (ptrdiff_t at = 0; at < len; at += step) {
        ptrdiff_t n = len - at < step ? len - at : step;
        char head[32];
        snprintf(head, sizeof(head), "%tx;ext=1\r\n", n);
        if (!put(fd, head) || !put_bytes(fd, bytes + at, n) || !put(fd, "\r\n"))
            return false;
    }
    return put(fd, "0\r\nTrailer: 1\r\n\r\n");
}

/* Sizes around the buffers' edges, known and chunked, one connection for all. */
static void bodies_of_all_sizes(void **state)
{
    (void)state;
    static const ptrdiff_t sizes[] = { 0, 1, 16384, 262143, 262144, 262145, 524287, 524288, 524289, 3000000 };
    int fd = dial(server);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *bytes = random_bytes(sizes[i]);
        post(fd, "/sink", sizes[i], "");
        put_bytes(fd, bytes, sizes[i]);
        expect_sum(fd, bytes, sizes[i]);
        put(fd, "POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        put_chunks(fd, bytes, sizes[i], 100003);
        expect_sum(fd, bytes, sizes[i]);
        free(bytes);
    }
    close(fd);
    assert_int_equal(counters.abandoned, 0);
}

static void tiny_chunks(void **state)
{
    (void)state;
    int fd = dial(server);
    char *bytes = random_bytes(5000);
    put(fd, "POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    put_chunks(fd, bytes, 5000, 1);
    expect_sum(fd, bytes, 5000);
    put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n");
    put_chunks(fd, "hello", 5, 2);
    expect_answer(fd, 200, "hello");
    free(bytes);
    close(fd);
}

static void slow_sink(void **state)
{
    (void)state;
    int fd = dial(server);
    char *bytes = random_bytes(4 << 20);
    post(fd, "/sink?pause=20000&run=0", 4 << 20, "");
    put_bytes(fd, bytes, 4 << 20);
    expect_sum(fd, bytes, 4 << 20);
    free(bytes);
    close(fd);
}

static void *upload(void *self)
{
    ptrdiff_t len = *(ptrdiff_t *)self;
    char *bytes = random_bytes(len), text[64];
    int fd = dial(server);
    post(fd, "/sink?pause=300", len, "");
    put_bytes(fd, bytes, len);
    snprintf(text, sizeof(text), "%td %016llx", len,
             (unsigned long long)sum_bytes(14695981039346656037ULL, bytes, len));
    struct answer answer = get_answer(fd, false);
    bool same = answer.body && strcmp(answer.body, text) == 0;
    free(answer.body);
    free(bytes);
    close(fd);
    return same ? NULL : "differs";
}

static void uploads_at_once(void **state)
{
    (void)state;
    enum { N = 16 };
    pthread_t threads[N];
    ptrdiff_t sizes[N];
    for (int i = 0; i < N; i++) {
        sizes[i] = 500000 + i * 77777;
        pthread_create(&threads[i], NULL, upload, &sizes[i]);
    }
    for (int i = 0; i < N; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void collect_limit(void **state)
{
    (void)state;
    int fd = dial(server);
    post(fd, "/echo?max=5", 5, "");
    put(fd, "hello");
    expect_answer(fd, 200, "hello");
    post(fd, "/echo?max=5", 6, "");
    put(fd, "hello!");
    expect_answer(fd, 413, "body error"); /* the rest is small: the connection lives */
    post(fd, "/echo?max=5", 0, "");
    expect_answer(fd, 200, "");
    put(fd, "POST /echo?max=5 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n");
    struct answer answer = get_answer(fd, false);
    assert_int_equal(answer.status, 413);
    assert_memory_equal(answer_header(&answer, "Connection"), "close", 5);
    free(answer.body);
    close(fd);
}

/* A chunked body past the limit, a sink that fails: the answer comes in the middle of the body, and the client gets
 * to read it although it goes on sending. */
static void expect_mid_body_answer(const char *path, int status)
{
    int fd = dial(server);
    char *bytes = random_bytes(1 << 20), head[256];
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    put(fd, head);
    for (int i = 0; i < 8 && put_chunks(fd, bytes, 1 << 20, 65536); i++)
        continue;
    expect_answer(fd, status, "body error");
    free(bytes);
    close(fd);
}

static void answers_in_the_middle(void **state)
{
    (void)state;
    expect_mid_body_answer("/sink?max=1000000", 413);
    expect_mid_body_answer("/sink?fail=600000", 507);
    expect_mid_body_answer("/sink?fail=600000&pause=30000", 507);
    assert_int_equal(counters.abandoned, 3);
    int fd = dial(server);
    char *bytes = random_bytes(300000);
    post(fd, "/sink?fail=1", 300000, ""); /* fails with 37856 bytes left: dropped, and the connection lives */
    put_bytes(fd, bytes, 300000);
    expect_answer(fd, 507, "body error");
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "hello");
    assert_int_equal(counters.abandoned, 4);
    free(bytes);
    close(fd);
}

static void early_answer_small_rest(void **state)
{
    (void)state;
    int fd = dial(server);
    char *bytes = random_bytes(65536);
    for (int i = 0; i < 3; i++) {
        post(fd, "/refuse", 65536, "");
        put_bytes(fd, bytes, 65536);
        expect_answer(fd, 413, "refused");
    }
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "hello");
    free(bytes);
    close(fd);
}

/* 32 MiB are on their way when the answer comes: it must not be lost to a reset. */
static void early_answer_large_body(void **state)
{
    (void)state;
    char *bytes = random_bytes(32 << 20);
    for (int i = 0; i < 3; i++) {
        int fd = dial(server);
        post(fd, i == 2 ? "/work" : "/refuse", 32 << 20, "");
        assert_true(put_bytes(fd, bytes, 32 << 20));
        struct answer answer = get_answer(fd, false);
        assert_int_equal(answer.status, i == 2 ? 200 : 413);
        assert_memory_equal(answer_header(&answer, "Connection"), "close", 5);
        free(answer.body);
        assert_true(closes_within(fd, PATIENCE_MS));
        close(fd);
    }
    int fd = dial(server);
    post(fd, "/refuse", 65537, "");
    expect_answer(fd, 413, "refused"); /* before any byte of the body */
    assert_true(closes_within(fd, PATIENCE_MS));
    close(fd);
    free(bytes);
}

static void expect_continue(void **state)
{
    (void)state;
    int fd = dial(server);
    post(fd, "/sink", 5, "Expect: 100-continue\r\n");
    assert_int_equal(get_answer(fd, false).status, 100);
    put(fd, "hello");
    expect_sum(fd, "hello", 5);
    post(fd, "/refuse", 5, "Expect: 100-continue\r\n");
    expect_answer(fd, 413, "refused"); /* and no 100 */
    assert_true(closes_within(fd, PATIENCE_MS));
    close(fd);
    fd = dial(server);
    post(fd, "/later", 5, "Expect: 100-continue\r\n");
    expect_answer(fd, 200, "later");
    close(fd);
}

static void waits_before_reading(void **state)
{
    (void)state;
    int fd = dial(server);
    counters.held = true;
    post(fd, "/work", 5, "");
    assert_true(reaches(&counters.worked, 1));
    put(fd, "hello");
    counters.held = false;
    expect_answer(fd, 200, "worked");
    put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, "hello");
    close(fd);
}

static void abandoned_uploads(void **state)
{
    (void)state;
    char *bytes = random_bytes(2 << 20);
    static const ptrdiff_t sent[] = { 0, 1, 262144, 300000, 1 << 20, (2 << 20) - 1 };
    int n = 0;
    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < sizeof(sent) / sizeof(*sent); i++) {
            int fd = dial(server);
            n++;
            post(fd, round & 1 ? "/sink?pause=5000" : "/sink", 2 << 20, "");
            put_bytes(fd, bytes, sent[i]);
            if (round & 2)
                all_is_read(fd);
            struct linger reset = { 1, 0 };
            if (i & 1)
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            assert_true(reaches(&counters.begun, n));
            close(fd);
        }
    assert_true(reaches(&counters.finished, n));
    assert_int_equal(counters.abandoned, n);
    assert_int_equal(counters.ready, 0);
    free(bytes);
}

/* The whole body is there, the sink is still busy, the client goes. Nobody notices before the answer, which is fine;
 * but everything is called once. */
static void leaves_after_body(void **state)
{
    (void)state;
    char *bytes = random_bytes(600000);
    for (int i = 0; i < 10; i++) {
        int fd = dial(server);
        post(fd, "/sink?pause=5000&run=1", 600000, "");
        put_bytes(fd, bytes, 600000);
        close(fd);
    }
    assert_true(reaches(&counters.finished, 10));
    assert_int_equal(counters.ready + counters.abandoned, 10);
    free(bytes);
}

static void malformed_chunk(void **state)
{
    (void)state;
    int fd = dial(server);
    put(fd, "POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
    struct answer answer = get_answer(fd, true);
    assert_int_equal(answer.status, 400);
    close(fd);
    assert_true(reaches(&counters.abandoned, 1));
    assert_true(reaches(&counters.finished, 1));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(bodies_of_all_sizes),
        CASE(tiny_chunks),
        CASE(slow_sink),
        CASE(uploads_at_once),
        CASE(collect_limit),
        CASE(answers_in_the_middle),
        CASE(early_answer_small_rest),
        CASE(early_answer_large_body),
        CASE(expect_continue),
        CASE(waits_before_reading),
        CASE(abandoned_uploads),
        CASE(leaves_after_body),
        CASE(malformed_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
