/* test_chest_model.c - the model that comes with the product says of twenty films what it said when it was made
 * (tests/data/chest/golden.json), through a process of its own. */
#include "inference/model_pool.h"
#include "models.h"

#include <jansson.h>
#include <jpeglib.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { SIDE = 224 };

/* 224 x 224 gray values as they are; 0..1 is all that the graph wants of whoever asks. */
static void read_film(const char *name, float *out)
{
    char path[4096];
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    snprintf(path, sizeof(path), "%s/chest/%s", getenv("ROENTGEN_TEST_DATA"), name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_stdio_src(&jpeg, file);
    jpeg_read_header(&jpeg, TRUE);
    jpeg_start_decompress(&jpeg);
    assert_true(jpeg.output_width == SIDE && jpeg.output_height == SIDE && jpeg.output_components == 1);
    while (jpeg.output_scanline < SIDE) {
        JSAMPLE line[SIDE];
        JSAMPROW rows[] = { line };
        float *to = out + (size_t)jpeg.output_scanline * SIDE;
        jpeg_read_scanlines(&jpeg, rows, 1);
        for (int x = 0; x < SIDE; x++)
            to[x] = (float)line[x] / 255;
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    fclose(file);
}

static double mean_of(const struct tensor *map)
{
    int64_t count = tensor_count(&map->info.shape);
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += tensor_at(map, i);
    return sum / (double)count;
}

static void compare(const struct model_answer *answer, const json_t *film, double tolerance)
{
    bool seen[4] = { false };
    for (int i = 0; i < answer->output_count; i++) {
        const struct tensor *out = &answer->outputs[i];
        static const char *const names[] = { "probability", "frontal", "lungs", "evidence" };
        assert_true(tensor_is_finite(out));
        for (int k = 0; k < 4; k++) {
            if (!str_equal(out->info.name, str_from(names[k])))
                continue;
            const json_t *wanted = json_object_get(film, names[k]);
            double is = k < 2 ? tensor_at(out, 0) : mean_of(out);
            double should = json_real_value(json_object_get(wanted, k < 2 ? "onnxruntime" : "mean"));
            assert_true(fabs(is - should) <= tolerance);
            seen[k] = true;
        }
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
}

static void test_it_says_what_it_said(void **state)
{
    (void)state;
    static float pixels[SIDE * SIDE];
    char path[4096];
    struct arena arena;
    struct error error = { 0 };
    struct model_pool *pool;
    struct model_pool_options options = { 1, 1, INT64_C(1) << 30, 60000, 4 << 20, NULL, getenv("TEST_ROENTGEN") };
    snprintf(path, sizeof(path), "%s/chest/golden.json", getenv("ROENTGEN_TEST_DATA"));
    json_t *golden = json_load_file(path, 0, NULL);
    snprintf(path, sizeof(path), "%s/../../models/chest-pneumonia/model.onnx", getenv("ROENTGEN_TEST_DATA"));
    struct model_file file = { str_from(json_string_value(json_object_get(golden, "sha256"))), open(path, O_RDONLY) };
    assert_true(golden && file.fd >= 0 && model_pool_open(&options, &pool, &error));
    arena_init(&arena);
    const char *name;
    json_t *film;
    int films = 0;
    json_object_foreach(json_object_get(golden, "films"), name, film)
    {
        struct tensor input = { { S("film"), TENSOR_FP32, { 4, { 1, 1, SIDE, SIDE } } },
                                { (const char *)pixels, sizeof(pixels) } };
        struct model_order order = { file, &input, 1 };
        struct model_answer answer;
        read_film(name, pixels);
        if (!model_run(pool, &order, &arena, &answer, &error))
            fail_msg("%s: %s; %s", name, error.message, answer.trouble);
        compare(&answer, film, json_real_value(json_object_get(golden, "tolerance")));
        arena_reset(&arena);
        films++;
    }
    assert_int_equal(films, 20);
    model_pool_close(pool);
    arena_release(&arena);
    json_decref(golden);
    close(file.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_it_says_what_it_said) };
    return models_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : TEST_SKIPPED;
}
