/* test_remote_model.c - models of other servers: what is asked, what is believed, what is tried again. */
#include "../outbound/listener.h"
#include "inference/remote_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena arena;
static struct error error;
static struct outbound *outbound;
static struct remote_options options;
static struct listener listener;
static const float film[] = { 0.5F, 1.5F };
static const struct tensor input = { { { "film", 4 }, TENSOR_FP32, { 2, { 1, 2 } } }, { (const char *)film, 8 } };

static int set_up(void **state)
{
    struct outbound_options hosts = { S("127.0.0.1"), S("INFERENCE_HOSTS") };
    (void)state;
    arena_init(&arena);
    error_clear(&error);
    assert_true(outbound_open(&hosts, &outbound, &error));
    options = (struct remote_options){ .outbound = outbound, .timeout_ms = 20000, .tensor_bytes = 1024 };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    outbound_close(outbound);
    arena_release(&arena);
    return 0;
}

static struct remote_model model_at(const struct listener *l)
{
    return (struct remote_model){ arena_format(&arena, "http://127.0.0.1:%d/", l->port), S("chest film/1"), S("3") };
}

static const char *answer_of(const char *status, const char *body)
{
    return arena_cstring(
        &arena, arena_format(&arena, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body));
}

static const char *ok(const char *body)
{
    return answer_of("200 OK", body);
}

static const struct model_face face = { .inputs = { { { "film", 4 }, TENSOR_FP32, { 2, { -1, 2 } } } },
                                        .outputs = { { { "p", 1 }, TENSOR_FP32, { 2, { -1, 1 } } } },
                                        .input_count = 1,
                                        .output_count = 1 };

static bool run(const char *const *answers, int count, struct model_answer *out)
{
    listener_start(&listener, answers, count);
    struct remote_order order = { model_at(&listener), &face, true, S("run-7"), &input, 1 };
    error_clear(&error);
    bool is_fine = remote_model_run(&options, &order, &arena, out, &error);
    assert_int_equal(listener_asked(&listener), count);
    listener_stop(&listener);
    return is_fine;
}

static void test_a_run(void **state)
{
    (void)state;
    const char *answers[] = { ok("{\"model_name\": \"m\", \"outputs\": [{\"name\": \"p\", \"shape\": [1, 1], "
                                 "\"datatype\": \"FP32\", \"data\": [0.25]}]}") };
    struct model_answer answer;
    assert_true(run(answers, 1, &answer));
    assert_int_equal(answer.output_count, 1);
    assert_true(tensor_at(&answer.outputs[0], 0) == 0.25 && str_equal(answer.outputs[0].info.name, S("p")));
    assert_non_null(strstr(listener.last, "POST /v2/models/chest%20film%2F1/versions/3/infer HTTP/1.1\r\n"));
    const char *length = strstr(listener.last, "Inference-Header-Content-Length: ");
    const char *body = strstr(listener.last, "\r\n\r\n") + 4;
    assert_non_null(length);
    assert_memory_equal(body + strtol(length + 33, NULL, 10), film, 8);
    assert_non_null(strstr(body, "\"id\":\"run-7\""));
}

static void test_what_passes_is_tried_again(void **state)
{
    (void)state;
    const char *answers[] = { NULL, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
                              ok("{\"outputs\": [{\"name\": \"p\", \"shape\": [1, 1], \"datatype\": \"FP32\", "
                                 "\"data\": [1]}]}") };
    struct model_answer answer;
    assert_true(run(answers, 3, &answer));
    const char *never[] = { NULL, NULL, NULL };
    assert_false(run(never, 3, &answer));
    assert_int_equal(error.code, E_UNAVAILABLE);
}

static void test_what_the_server_refuses_is_told_in_its_words(void **state)
{
    (void)state;
    const char *answers[] = { answer_of("400 No", "{\"error\": \"wrong\\u001b[31m shape\"}") };
    struct model_answer answer;
    assert_false(run(answers, 1, &answer));
    assert_int_equal(error.code, E_INVALID);
    assert_non_null(strstr(error.message, "answered 400: wrong [31m shape"));
    static const char *const bodies[][2] = {
        { "Traceback (most recent call last):\n  File \"a.py\"\nValueError: no such card\n\n",
          "400: ValueError: no such" },
        { "plain words\r\n", "400: plain words" },
        { "<html>\n<body>Bad</body>\n</html>", "does not say why" },
        { "\xff\xfe", "does not say why" },
        { "{\"error\": ", "does not say why" },
        { "{\"detail\": [{\"msg\": \"no\"}]}", "does not say why" },
        { "", "does not say why" },
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        const char *wrong[] = { answer_of("400 No", bodies[i][0]) };
        assert_false(run(wrong, 1, &answer));
        assert_non_null(strstr(error.message, bodies[i][1]));
    }
    const char *elsewhere[] = { "HTTP/1.1 307 No\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n" };
    assert_false(run(elsewhere, 1, &answer));
    assert_non_null(strstr(error.message, "not followed"));
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "not json",
        "{\"outputs\": []}",
        "{\"outputs\": [{\"name\": \"p\", \"shape\": [2], \"datatype\": \"FP32\", \"data\": [1]}]}",
        "{\"outputs\": [{\"name\": \"p\", \"shape\": [1], \"datatype\": \"FP32\", \"data\": [NaN]}]}",
        "{\"outputs\": [{\"name\": \"p\", \"shape\": [1], \"datatype\": \"BYTES\", \"data\": [\"a\"]}]}",
        "{\"outputs\": [{\"name\": \"q\", \"shape\": [1, 1], \"datatype\": \"FP32\", \"data\": [1]}]}",
        "{\"outputs\": [{\"name\": \"p\", \"shape\": [1, 2], \"datatype\": \"FP32\", \"data\": [1, 2]}]}",
        "{\"outputs\": [{\"name\": \"p\", \"shape\": [1, 1], \"datatype\": \"INT8\", \"data\": [1]}]}",
        "{\"outputs\": [{\"name\": \"p\", \"shape\": [1000], \"datatype\": \"FP32\", \"data\": [1]}]}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        const char *answers[] = { ok(bodies[i]) };
        struct model_answer answer;
        if (run(answers, 1, &answer))
            fail_msg("%s is taken", bodies[i]);
        assert_int_equal(error.code, E_INVALID);
    }
}

static void test_a_model_described(void **state)
{
    (void)state;
    const char *answers[] = {
        ok("{\"name\": \"m\", \"versions\": [\"3\"], \"platform\": \"onnxruntime_onnx\", \"inputs\": "
           "[{\"name\": \"film\", \"datatype\": \"FP32\", \"shape\": [-1, 2]}], \"outputs\": "
           "[{\"name\": \"p\", \"datatype\": \"FP32\", \"shape\": [-1, 1]}]}"),
        ok("{\"name\": \"s\", \"extensions\": [\"a\", \"binary_tensor_data\"]}")
    };
    struct remote_said said;
    listener_start(&listener, answers, 2);
    struct remote_model at = model_at(&listener);
    assert_true(remote_model_describe(&options, &at, &arena, &said, &error));
    assert_true(said.face.input_count == 1 && said.face.inputs[0].shape.at[0] == -1 && said.is_binary);
    assert_true(said.face.inputs[0].type == TENSOR_FP32 && str_starts(said.text, S("{\"name\": \"m\"")));
    assert_non_null(strstr(listener.last, "GET /v2 HTTP/1.1\r\n"));
    listener_stop(&listener);
}

static void test_who_is_not_listed_is_not_asked(void **state)
{
    (void)state;
    struct remote_model at = { S("http://192.0.2.1:8000"), S("m"), STR_NULL };
    struct remote_said said;
    assert_false(remote_model_describe(&options, &at, &arena, &said, &error));
    assert_int_equal(error.code, E_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_passes_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_server_refuses_is_told_in_its_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_model_described, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_is_not_listed_is_not_asked, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("remote_model", tests, NULL, NULL);
}
