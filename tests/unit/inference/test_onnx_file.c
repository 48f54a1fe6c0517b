/* test_onnx_file.c - what files say of themselves; those that are refused before anything runs them. */
#include "inference/onnx_file.h"
#include "inference/onnx_runtime.h"
#include "models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;
static struct error error;

static bool reads(const char *name, struct onnx_file *out)
{
    struct str bytes = model_bytes(&arena, name);
    assert_non_null(bytes.at);
    error_clear(&error);
    return onnx_file_read(bytes, &arena, out, &error);
}

static void test_what_goes_in_and_out(void **state)
{
    (void)state;
    struct onnx_file file;
    assert_true(reads("brightness", &file));
    assert_int_equal(file.input_count, 1);
    assert_true(str_equal(file.inputs[0].name, S("image")));
    assert_int_equal(file.inputs[0].type, TENSOR_FP32);
    assert_int_equal(file.inputs[0].shape.rank, 4);
    assert_int_equal(file.inputs[0].shape.at[0], -1);
    assert_int_equal(file.inputs[0].shape.at[3], 8);
    assert_int_equal(file.output_count, 2);
    assert_true(str_equal(file.outputs[1].name, S("evidence")));
    assert_int_equal(file.opset, 17);
    assert_true(str_equal(file.producer, S("roentgen-tests")));
    assert_true(str_equal(onnx_property(&file, S("version")), S("1.0")));
    assert_null(onnx_property(&file, S("author")).at);
    assert_int_equal(file.nodes, 5);
    assert_int_equal(file.weights, 2);
}

static void test_scalars_have_no_dimensions(void **state)
{
    (void)state;
    struct onnx_file file;
    assert_true(reads("sums", &file));
    assert_int_equal(file.inputs[1].shape.rank, 0);
    assert_int_equal(file.inputs[1].type, TENSOR_INT64);
}

static void test_what_is_refused_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } rows[] = {
        { "elsewhere", "external data" },
        { "elsewhere_within", "external data" },
        { "texts", "no tensor of numbers" },
    };
    struct onnx_file file;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(reads(rows[i].name, &file));
        assert_int_equal(error.code, E_INVALID);
        assert_non_null(strstr(error.message, rows[i].words));
    }
}

/* Of every model, every beginning: refused, or as good as the whole; never read past its end (sanitizers see that). */
static void test_what_is_cut_off_is_no_model(void **state)
{
    (void)state;
    struct onnx_file file;
    struct str whole = model_bytes(&arena, "brightness");
    for (ptrdiff_t len = 0; len < whole.len; len++) {
        char *copy = malloc((size_t)len + 1);
        assert_non_null(copy);
        memcpy(copy, whole.at, (size_t)len);
        error_clear(&error);
        bool ok = onnx_file_read((struct str){ copy, len }, &arena, &file, &error);
        assert_true(ok || error.code == E_INVALID);
        free(copy);
    }
    assert_false(onnx_file_read(S("PK\3\4 this is a ZIP"), &arena, &file, &error));
    assert_false(onnx_file_read(S(""), &arena, &file, &error));
}

/* A key is a number of 32 bits. Readers that drop what is above them find "functions" where another finds a field that
 * it does not know, and weights in other files may hide there. */
static void test_keys_are_read_as_the_runtime_reads_them(void **state)
{
    (void)state;
    struct onnx_file file;
    struct str whole = model_bytes(&arena, "brightness");
    static const unsigned char empty[] = { 26, 0 }, same_in_five[] = { 26 | 128, 128, 128, 128, 0, 0 },
                               beyond[] = { 26 | 128, 128, 128, 128, 16, 0 };
    const struct {
        const unsigned char *at;
        size_t len;
        bool ok;
    } rows[] = { { empty, sizeof(empty), true },
                 { same_in_five, sizeof(same_in_five), true },
                 { beyond, sizeof(beyond), false } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *copy = arena_alloc(&arena, whole.len + (ptrdiff_t)rows[i].len);
        memcpy(copy, whole.at, (size_t)whole.len);
        memcpy(copy + whole.len, rows[i].at, rows[i].len);
        error_clear(&error);
        assert_int_equal(
            onnx_file_read((struct str){ copy, whole.len + (ptrdiff_t)rows[i].len }, &arena, &file, &error),
            rows[i].ok);
    }
}

/* Whatever was inherited: official builds from 1.29 on send telemetry unless told not to before they are set up. */
static void test_telemetry_is_off_before_anything_is_loaded(void **state)
{
    (void)state;
    struct onnx_runtime *runtime;
    setenv("ORT_DISABLE_TELEMETRY", "0", 1);
    error_clear(&error);
    assert_false(onnx_runtime_open("/nonexistent", &runtime, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_string_equal(getenv("ORT_DISABLE_TELEMETRY"), "1");
}

/* A graph in an attribute of a node of a graph, seventeen times. */
static void test_depth_is_bounded(void **state)
{
    (void)state;
    char *graph = malloc(4096), *next = malloc(4096);
    ptrdiff_t len = 0;
    for (int i = 0; i < ONNX_DEPTH_MAX + 2; i++) {
        static const unsigned char tags[] = { 6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2 }; /* g, attribute, node */
        for (int k = 0; k < 3; k++) {
            ptrdiff_t at = 0;
            next[at++] = (char)tags[k];
            if (len >= 128)
                next[at++] = (char)((len & 127) | 128);
            next[at++] = (char)(len >= 128 ? len >> 7 : len);
            memcpy(next + at, graph, (size_t)len);
            len += at;
            memcpy(graph, next, (size_t)len);
        }
    }
    char model[4200] = { 1 << 3, 8, 7 << 3 | 2 }; /* ir_version 8, graph */
    ptrdiff_t at = 3;
    model[at++] = (char)((len & 127) | 128);
    model[at++] = (char)(len >> 7);
    memcpy(model + at, graph, (size_t)len);
    struct onnx_file file;
    error_clear(&error);
    assert_false(onnx_file_read((struct str){ model, at + len }, &arena, &file, &error));
    assert_non_null(strstr(error.message, "nested deeper"));
    free(graph);
    free(next);
}

static void test_tensors(void **state)
{
    (void)state;
    static const float numbers[] = { 1.5f, -2, 0 };
    static const uint16_t halves[] = { 0x3c00, 0xc000, 0x0001, 0x7c00, 0x7bff };
    struct tensor t = { { S("x"), TENSOR_FP32, { 2, { 1, 3 } } }, { (const char *)numbers, sizeof(numbers) } };
    struct tensor_info wanted = { S("x"), TENSOR_FP32, { 2, { -1, 3 } } };
    error_clear(&error);
    assert_true(tensor_check(&t, &error) && tensor_suits(&t, &wanted, &error) && tensor_is_finite(&t));
    assert_true(tensor_at(&t, 1) == -2);
    wanted.shape.at[1] = 4;
    assert_false(tensor_suits(&t, &wanted, &error));
    error_clear(&error);
    t.bytes.len--;
    assert_false(tensor_check(&t, &error));
    t.info.shape = (struct tensor_shape){ 3, { INT64_C(1) << 40, INT64_C(1) << 40, 0 } };
    assert_int_equal(tensor_bytes(&t.info), -1);
    struct tensor h = { { S("h"), TENSOR_FP16, { 1, { 5 } } }, { (const char *)halves, sizeof(halves) } };
    assert_true(tensor_at(&h, 0) == 1 && tensor_at(&h, 1) == -2 && tensor_at(&h, 4) == 65504);
    assert_true(tensor_at(&h, 2) == 0x1p-24);
    assert_false(tensor_is_finite(&h));
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
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_in_and_out),
        cmocka_unit_test(test_scalars_have_no_dimensions),
        cmocka_unit_test(test_what_is_refused_is_refused_in_words),
        cmocka_unit_test(test_what_is_cut_off_is_no_model),
        cmocka_unit_test(test_keys_are_read_as_the_runtime_reads_them),
        cmocka_unit_test(test_telemetry_is_off_before_anything_is_loaded),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_tensors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
