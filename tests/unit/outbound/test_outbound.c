/* test_outbound.c - who may be asked, and what becomes of an answer. */
#include "listener.h"
#include "base/address.h"
#include "outbound/outbound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena arena;
static struct error error;
static struct outbound *outbound;

static bool opens(struct str hosts)
{
    struct outbound_options options = { hosts, S("INFERENCE_HOSTS") };
    error_clear(&error);
    return outbound_open(&options, &outbound, &error);
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    outbound_close(outbound);
    outbound = NULL;
    arena_release(&arena);
    return 0;
}

static void test_lists(void **state)
{
    (void)state;
    static const char *const good[] = { "", "gpu1:8000, triton.example.org 10.0.0.0/24:8000",
                                        "[2001:db8::1]:80 [2001:db8::/32] 2001:db8::1 fd00::/8", "127.0.0.1", "gpu_1" };
    static const char *const bad[] = {
        "http://gpu1", "gpu1:", "gpu1:0",  "gpu1:65536", "gpu1:http",     "10.0.0", "10.0.0.0/33", "0x7f.1", "a..b/8",
        "[gpu1]",      "[::1",  "[::1]80", "[10.0.0.1]", "*.example.org", "gpu1/8", "-:-",         ".",      "user@gpu1"
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (!opens(str_from(good[i])))
            fail_msg("%s: %s", good[i], error.message);
        outbound_close(outbound);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (opens(str_from(bad[i])))
            fail_msg("%s is taken", bad[i]);
    assert_non_null(strstr(error.message, "INFERENCE_HOSTS"));
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum error_code code;
    } rows[] = {
        { "http://127.0.0.1:8000/v2", E_NONE },
        { "http://127.1:8000/v2", E_NONE }, /* what libcurl connects to is what is judged */
        { "http://127.0.0.1:8001/v2", E_FORBIDDEN },
        { "http://127.0.0.1/v2", E_FORBIDDEN },
        { "http://127.0.0.2:8000", E_FORBIDDEN },
        { "http://0x7f000002:8000", E_FORBIDDEN },
        { "https://10.1.2.3", E_NONE },
        { "http://10.2.0.1", E_FORBIDDEN },
        { "http://[::ffff:10.1.2.3]", E_NONE },
        { "http://[::1]:8000", E_FORBIDDEN },
        { "http://169.254.169.254/latest/meta-data", E_FORBIDDEN },
        { "http://LOCALHOST:9", E_FORBIDDEN }, /* listed by name; 127.0.0.1 only for another port */
        { "http://localhost.:9", E_FORBIDDEN },
        { "http://localhost.example.org:9", E_FORBIDDEN },
        { "http://127.0.0.1:8000@example.org/", E_INVALID },
        { "http://user:word@127.0.0.1:8000", E_INVALID },
        { "http://127.0.0.1:8000#a", E_INVALID },
        { "http://127.0.0.1:99999", E_INVALID },
        { "ftp://127.0.0.1:8000", E_INVALID },
        { "file:///etc/passwd", E_INVALID },
        { "gopher://127.0.0.1:8000", E_INVALID },
        { "127.0.0.1:8000", E_INVALID },
        { "http://", E_INVALID },
        { "", E_INVALID },
        { "http://127.0.0.1:8000/\r\nHost: x", E_INVALID },
    };
    assert_true(opens(S("localhost:9 127.0.0.1:8000 10.1.0.0/16")));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        error_clear(&error);
        outbound_check(outbound, str_from(rows[i].url), &error);
        if (error.code != rows[i].code)
            fail_msg("%s: %d %s", rows[i].url, (int)error.code, error.message);
    }
}

static void test_what_is_public(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool is_public;
    } rows[] = {
        { "8.8.8.8", true },          { "192.0.1.1", true },     { "172.32.0.1", true },   { "2606:4700::1111", true },
        { "0.0.0.0", false },         { "10.0.0.1", false },     { "100.64.0.1", false },  { "127.0.0.1", false },
        { "169.254.1.1", false },     { "172.31.1.1", false },   { "192.168.0.1", false }, { "224.0.0.1", false },
        { "255.255.255.255", false }, { "::", false },           { "::1", false },         { "::ffff:10.0.0.1", false },
        { "64:ff9b::a00:1", false },  { "2002:a00:1::", false }, { "2001:db8::1", false }, { "fc00::1", false },
        { "fe80::1", false },         { "ff02::1", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct address address;
        assert_true(address_parse(str_from(rows[i].address), &address));
        if (address_is_public(address) != rows[i].is_public)
            fail_msg("%s", rows[i].address);
    }
}

static struct outbound_request request_to(const struct listener *l, int64_t answer_bytes)
{
    return (struct outbound_request){ .url = arena_format(&arena, "http://127.0.0.1:%d/a", l->port),
                                      .timeout_ms = 20000,
                                      .answer_bytes = answer_bytes };
}

static void test_answers(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-Place: 7\r\n\r\nhi",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789",
        "HTTP/1.1 200 OK\r\n\r\n01234567890123456789",
    };
    struct listener l;
    listener_start(&l, answers, 4);
    assert_true(opens(S("127.0.0.1")));
    struct outbound_answer answer;
    struct outbound_request request = request_to(&l, 10);
    request.body = S("{}");
    request.content_type = "application/json";
    request.wanted = "X-Place";
    assert_true(outbound_send(outbound, &request, &arena, &answer, &error));
    assert_int_equal(answer.status, 200);
    assert_true(str_equal(answer.body, S("hi")) && str_equal(answer.wanted, S("7")));
    assert_non_null(strstr(l.last, "POST /a HTTP/1.1\r\n"));
    assert_non_null(strstr(l.last, "Content-Type: application/json\r\n"));
    request.body = STR_NULL;
    assert_true(outbound_send(outbound, &request, &arena, &answer, &error));
    assert_int_equal(answer.status, 302); /* not followed */
    for (int i = 0; i < 2; i++) {
        error_clear(&error);
        assert_false(outbound_send(outbound, &request, &arena, &answer, &error));
        assert_int_equal(error.code, E_TOO_LARGE);
    }
    listener_stop(&l);
}

static void test_a_host_that_fails_is_left_alone(void **state)
{
    (void)state;
    static const char *const answers[OUTBOUND_BROKEN] = {
        NULL, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", NULL, "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n",
        NULL,
    };
    struct listener l;
    listener_start(&l, answers, OUTBOUND_BROKEN);
    assert_true(opens(S("127.0.0.1")));
    struct outbound_answer answer;
    struct outbound_request request = request_to(&l, 10);
    for (int i = 0; i < OUTBOUND_BROKEN; i++) {
        error_clear(&error);
        assert_int_equal(outbound_send(outbound, &request, &arena, &answer, &error), answers[i] != NULL);
        assert_int_equal(error.retry_after_s, 0);
    }
    error_clear(&error);
    assert_false(outbound_send(outbound, &request, &arena, &answer, &error));
    assert_true(error.code == E_UNAVAILABLE && error.retry_after_s > 0);
    assert_int_equal(listener_asked(&l), OUTBOUND_BROKEN);
    listener_stop(&l);
}

static bool stop_it(const void *context)
{
    return *(const bool *)context;
}

static void test_who_stops_is_not_kept(void **state)
{
    (void)state;
    static const bool stopping = true;
    struct listener l;
    static const char *const answers[] = { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot all" };
    listener_start(&l, answers, 1);
    assert_true(opens(S("127.0.0.1")));
    struct outbound_answer answer;
    struct outbound_request request = request_to(&l, 10);
    request.is_stopping = stop_it;
    request.context = &stopping;
    error_clear(&error);
    assert_false(outbound_send(outbound, &request, &arena, &answer, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_non_null(strstr(error.message, "given up"));
    listener_stop(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_urls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_public, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_host_that_fails_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_stops_is_not_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("outbound", tests, NULL, NULL);
}
