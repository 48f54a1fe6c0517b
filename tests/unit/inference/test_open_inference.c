/* test_open_inference.c - messages of the Open Inference Protocol: what is carried comes through, all else is refused.
 */
#include "inference/open_inference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    error_clear(&error);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static bool reads(struct str body, int64_t header_bytes, struct oip_request *out)
{
    error_clear(&error);
    return oip_request_read(body, header_bytes, 1 << 20, &arena, out, &error);
}

static void test_numbers_flat_and_nested(void **state)
{
    (void)state;
    struct oip_request request;
    static const char *const bodies[] = { "[1, 2.5, -3, 4, 5, 6e2]", "[[1, 2.5, -3], [4, 5, 6e2]]" };
    for (int i = 0; i < 2; i++) {
        struct str body =
            arena_format(&arena,
                         "{\"id\": \"a7\", \"inputs\": [{\"name\": \"x\", \"shape\": [2, 3], \"datatype\": \"FP32\", "
                         "\"data\": %s}], \"outputs\": [{\"name\": \"y\", \"parameters\": {\"binary_data\": true}}]}",
                         bodies[i]);
        assert_true(reads(body, -1, &request));
        assert_true(str_equal(request.id, S("a7")));
        assert_int_equal(request.input_count, 1);
        assert_int_equal(request.inputs[0].bytes.len, 24);
        assert_true(tensor_at(&request.inputs[0], 2) == -3 && tensor_at(&request.inputs[0], 5) == 600);
        assert_int_equal(request.output_count, 1);
        assert_true(request.binary[0] && str_equal(request.outputs[0], S("y")));
    }
}

static void test_every_type_at_its_limits(void **state)
{
    (void)state;
    static const struct {
        const char *type, *number;
        bool fits;
    } rows[] = {
        { "BOOL", "true", true },
        { "BOOL", "1", true },
        { "BOOL", "2", false },
        { "UINT8", "255", true },
        { "UINT8", "256", false },
        { "UINT8", "-1", false },
        { "UINT8", "1.0", false },
        { "UINT16", "65536", false },
        { "UINT32", "4294967295", true },
        { "UINT64", "9223372036854775807", true },
        { "UINT64", "18446744073709551616", false },
        { "INT8", "-128", true },
        { "INT8", "128", false },
        { "INT16", "-32769", false },
        { "INT32", "2147483647", true },
        { "INT64", "-9223372036854775808", true },
        { "INT64", "9223372036854775808", false },
        { "FP32", "3.4e38", true },
        { "FP32", "3.5e38", false },
        { "FP64", "1e308", true },
        { "FP64", "\"1\"", false },
        { "FP64", "null", false },
        { "FP16", "1", false },
        { "BYTES", "\"a\"", false },
        { "fp32", "1", false },
    };
    struct oip_request request;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct str body = arena_format(
            &arena, "{\"inputs\": [{\"name\": \"x\", \"shape\": [1], \"datatype\": \"%s\", \"data\": [%s]}]}",
            rows[i].type, rows[i].number);
        assert_int_equal(reads(body, -1, &request), rows[i].fits);
        assert_true(rows[i].fits || error.code == E_INVALID);
    }
}

#define ONE(MEMBERS) "{\"inputs\": [{\"name\": \"x\", \"datatype\": \"UINT8\", " MEMBERS "}]}"

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *words;
        int64_t header_bytes;
    } rows[] = {
        { "[]", "no JSON object", -1 },
        { "{\"inputs\": [", "line 1", -1 },
        { "{\"inputs\": []}", "1 to 16", -1 },
        { "{}", "1 to 16", -1 },
        { ONE("\"shape\": [2], \"data\": [1]"), "\"data\"", -1 },
        { ONE("\"shape\": [1], \"data\": [1, 2]"), "\"data\"", -1 },
        { ONE("\"shape\": [2, 2], \"data\": [[1, 2], [3]]"), "\"data\"", -1 },
        { ONE("\"shape\": [2, 2], \"data\": [[1, 2, 3], [4]]"), "\"data\"", -1 },
        { ONE("\"shape\": [2, 2], \"data\": [[1, 2], 3, 4]"), "\"data\"", -1 },
        { ONE("\"shape\": [2, 2], \"data\": [1, [2, 3], 4]"), "\"data\"", -1 },
        { ONE("\"shape\": [1], \"data\": [[[[1]]]]"), "\"data\"", -1 },
        { ONE("\"shape\": [1]"), "neither", -1 },
        { ONE("\"data\": [1]"), "\"shape\"", -1 },
        { ONE("\"shape\": [-1], \"data\": [1]"), "length 1", -1 },
        { ONE("\"shape\": [1.5], \"data\": [1]"), "length 1", -1 },
        { ONE("\"shape\": [1,1,1,1,1,1,1,1,1], \"data\": [1]"), "\"shape\"", -1 },
        { ONE("\"shape\": [4294967296, 4294967296], \"data\": [1]"), "larger", -1 },
        { ONE("\"shape\": [1000000], \"data\": [1]"), "send it as bytes", -1 },
        { ONE("\"shape\": [1], \"parameters\": {\"binary_data_size\": 1}"), "more than the body", -1 },
        { ONE("\"shape\": [1], \"parameters\": {\"shared_memory_region\": \"a\"}"), "shared memory", -1 },
        { ONE("\"shape\": [1], \"data\": [1], \"parameters\": {\"binary_data_size\": 1}"), "both", -1 },
        { "{\"parameters\": {\"sequence_id\": 7}, \"inputs\": []}", "sequences", -1 },
        { "{\"id\": 7, \"inputs\": []}", "\"id\"", -1 },
        { "abc", "nothing but bytes", 0 },
        { "{}", "more than the body", 3 },
    };
    struct oip_request request;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_false(reads(str_from(rows[i].body), rows[i].header_bytes, &request));
        if (!strstr(error.message, rows[i].words))
            fail_msg("%s: %s", rows[i].body, error.message);
    }
    assert_false(reads(S("{\"inputs\": [{\"name\": \"x\", \"datatype\": \"UINT8\", \"shape\": [0], \"data\": []}, "
                         "{\"name\": \"x\", \"datatype\": \"UINT8\", \"shape\": [0], \"data\": []}]}"),
                       -1, &request));
    assert_non_null(strstr(error.message, "twice"));
}

static void test_bytes_behind_the_json(void **state)
{
    (void)state;
    static const float film[] = { 0.5F, -1.0F };
    static const uint16_t half[] = { 0x3c00, 0xc000 };
    struct oip_request asked = { .id = S("q\"1"), .input_count = 2, .all_binary = true, .output_count = 1 }, got;
    asked.outputs[0] = S("y");
    asked.inputs[0] = (struct tensor){ { S("film"), TENSOR_FP32, { 2, { 1, 2 } } }, { (const char *)film, 8 } };
    asked.inputs[1] = (struct tensor){ { S("half"), TENSOR_FP16, { 1, { 2 } } }, { (const char *)half, 4 } };
    struct text out;
    int64_t header_bytes;
    text_init(&out, 1 << 16);
    assert_true(oip_request_write(&asked, true, &out, &header_bytes, &error));
    assert_true(header_bytes > 0 && header_bytes == out.len - 12);
    assert_true(reads(text_str(&out), header_bytes, &got));
    assert_true(got.all_binary && str_equal(got.id, asked.id) && !got.binary[0]);
    assert_true(tensor_at(&got.inputs[0], 1) == -1 && tensor_at(&got.inputs[1], 1) == -2);
    text_put_char(&out, 'x');
    assert_false(reads(text_str(&out), header_bytes, &got));
    assert_non_null(strstr(error.message, "behind the last"));
    assert_false(reads(str_slice(text_str(&out), 0, out.len - 2), header_bytes, &got));
    text_clear(&out);
    assert_false(oip_request_write(&asked, false, &out, &header_bytes, &error)); /* FP16 has no JSON */
    text_release(&out);
}

static void test_answers_in_both_forms(void **state)
{
    (void)state;
    static const double numbers[] = { 0.1, 1e-300 };
    static const uint64_t large[] = { UINT64_MAX };
    struct oip_answer answer = { .model_name = S("m"), .model_version = S("2"), .output_count = 2 }, got;
    answer.outputs[0] = (struct tensor){ { S("p"), TENSOR_FP64, { 1, { 2 } } }, { (const char *)numbers, 16 } };
    answer.outputs[1] = (struct tensor){ { S("n"), TENSOR_UINT64, { 0 } }, { (const char *)large, 8 } };
    struct text out;
    int64_t header_bytes;
    text_init(&out, 1 << 16);
    assert_true(oip_answer_write(&answer, &out, &header_bytes, &error));
    assert_int_equal(header_bytes, -1);
    text_put_char(&out, '\0');
    assert_non_null(strstr(out.at, "[18446744073709551615]"));
    text_clear(&out);
    answer.binary[1] = true;
    assert_true(oip_answer_write(&answer, &out, &header_bytes, &error));
    assert_true(oip_answer_read(text_str(&out), header_bytes, 1 << 20, &arena, &got, &error));
    assert_true(str_equal(got.model_version, S("2")) && !got.id.at);
    assert_true(tensor_at(&got.outputs[0], 0) == 0.1 && tensor_at(&got.outputs[0], 1) == 1e-300);
    assert_memory_equal(got.outputs[1].bytes.at, large, 8);
    text_release(&out);
}

static void test_what_has_no_form_is_said(void **state)
{
    (void)state;
    static const float nothing[] = { 0.0F / 0.0F };
    struct oip_answer answer = { .model_name = S("m"), .output_count = 1 };
    answer.outputs[0] = (struct tensor){ { S("p"), TENSOR_FP32, { 1, { 1 } } }, { (const char *)nothing, 4 } };
    struct text out;
    int64_t header_bytes;
    text_init(&out, 60);
    assert_false(oip_answer_write(&answer, &out, &header_bytes, &error));
    assert_int_equal(error.code, E_INVALID);
    error_clear(&error);
    static const float one[] = { 1 };
    answer.outputs[0].bytes.at = (const char *)one;
    text_clear(&out);
    assert_false(oip_answer_write(&answer, &out, &header_bytes, &error));
    assert_int_equal(error.code, E_TOO_LARGE);
    text_release(&out);
}

static void test_a_model_described(void **state)
{
    (void)state;
    struct oip_model model = { .name = S("chest"),
                               .platform = S("onnxruntime_onnx"),
                               .version_count = 1,
                               .input_count = 1,
                               .output_count = 1 },
                     got;
    model.versions[0] = S("1.0.0");
    model.inputs[0] = (struct tensor_info){ S("film"), TENSOR_FP32, { 4, { -1, 1, 224, 224 } } };
    model.outputs[0] = (struct tensor_info){ S("p"), TENSOR_FP32, { 2, { -1, 1 } } };
    struct text out;
    text_init(&out, 4096);
    oip_model_write(&model, &out);
    assert_true(oip_model_read(text_str(&out), &arena, &got, &error));
    assert_true(str_equal(got.name, model.name) && str_equal(got.versions[0], S("1.0.0")));
    assert_memory_equal(&got.inputs[0].shape, &model.inputs[0].shape, sizeof(got.inputs[0].shape));
    assert_false(
        oip_model_read(S("{\"name\": \"m\", \"inputs\": [{\"name\": \"t\", \"datatype\": \"BYTES\", \"shape\": "
                         "[1]}], \"outputs\": []}"),
                       &arena, &got, &error));
    text_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers_flat_and_nested, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_type_at_its_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_behind_the_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_in_both_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_no_form_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_model_described, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("open_inference", tests, NULL, NULL);
}
