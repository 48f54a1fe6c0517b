/* test_golden.c - the shipped model on the films that it was judged by, all the way: decoder, window, fit, network,
 * gate. What has to come out was written by models/chest-pneumonia/golden.py, with PyTorch and numpy.
 *
 * Without ONNX Runtime the probabilities are left out, and said to be; the pixels are always looked at.
 */
#include "site/app.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "diagnosis.h"

static struct app app;
static struct call call;
static struct card card;
static struct model_pool *models;
static struct model_file file;
static json_t *golden;
static bool runs;

/* ---- a file below tests/data, as an image ---- */

static struct image open_image(const char *name)
{
    struct image image = { .fd = -1 };
    char path[4096];
    const char *mime;
    snprintf(path, sizeof(path), "%s/%s", getenv("ROENTGEN_TEST_DATA"), name);
    image.fd = open(path, O_RDONLY | O_CLOEXEC);
    struct str bytes = data_read(&call.arena, name);
    if (!bytes.at)
        fail_msg("%s is missing", path);
    image.file.file_type = sniff(str_slice(bytes, 0, SNIFF_BYTES), &mime);
    image.view.bytes = bytes;
    if (image.file.file_type == FILE_DICOM)
        assert_true(dicom_read(bytes, &dicom_default_limits, &call.arena, &image.dicom, &call.error));
    return image;
}

static void prepare_file(const char *name, struct prepared *ready)
{
    struct film film;
    struct image image = open_image(name);
    if (!film_of_image(&call, &image, 1, &card.input, &film) || !prepare(&call, &film, &card.input, ready))
        fail_msg("%s: %.*s", name, STR_FMT(error_told(&call.error)));
    if (image.dicom)
        dicom_object_release(image.dicom);
    close(image.fd);
}

/* ---- what was written ---- */

static double number_of(const json_t *from, const char *name)
{
    const json_t *value = json_object_get(from, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void check_pixels(const char *name, const json_t *entry, const struct prepared *ready)
{
    enum { FIRST = 14, STEP = 28, SIDE = 224 };
    const json_t *values = json_object_get(entry, "values");
    const float *at = (const float *)(const void *)ready->tensor.bytes.at;
    assert_int_equal(ready->tensor.bytes.len, SIDE * SIDE * 4);
    for (size_t i = 0; i < json_array_size(values); i++) {
        double expected = json_number_value(json_array_get(values, i));
        double value = (double)at[(FIRST + STEP * (i / 8)) * SIDE + FIRST + STEP * (i % 8)];
        if (!(fabs(value - expected) <= 1e-4))
            fail_msg("%s, pixel %zu: %.6f, not %.6f", name, i, value, expected);
    }
    if (json_object_get(entry, "pixel_mean"))
        assert_near(ready->mean, number_of(entry, "pixel_mean"), 1e-4);
    assert_near(ready->deviation, number_of(json_object_get(entry, "gate"), "pixel_deviation"), 1e-4);
}

static void check_grid(const struct answer *answer, const char *name, const json_t *entry, enum card_role role)
{
    struct grid grid;
    double sum = 0, most = 0;
    assert_true(answer_grid(&call, answer, role, STR_NULL, &grid));
    assert_int_equal(grid.width, 28);
    assert_int_equal(grid.height, 28);
    for (int i = 0; i < 28 * 28; i++) {
        sum += (double)grid.at[i];
        most = fmax(most, (double)grid.at[i]);
    }
    assert_near(sum / (28 * 28), number_of(json_object_get(entry, name), "mean"), 1e-4);
    assert_near(most, number_of(json_object_get(entry, name), "max"), 1e-3);
}

/* A cell more or less at 0.5 is a cell of the area. */
static void check_gate(const char *name, const json_t *entry, const struct answer *answer, const struct prepared *ready)
{
    const char *measure;
    json_t *expected;
    struct gate_reason reason;
    json_object_foreach(json_object_get(entry, "gate"), measure, expected)
    {
        double value = gate_measure(&call, answer, ready, str_from(measure));
        if (!(fabs(value - json_number_value(expected)) <= 1e-4))
            fail_msg("%s, %s: %.6f, not %.6f", name, measure, value, json_number_value(expected));
    }
    const char *refused = json_string_value(json_object_get(entry, "refused"));
    assert_int_equal(gate_pixels(&call, answer, ready, &reason), refused == NULL);
    assert_true(str_equal(reason.code, str_from(refused)));
}

static void check_answer(const char *name, const json_t *entry, const struct prepared *ready)
{
    struct model_answer given;
    struct model_order order = { file, &ready->tensor, 1 };
    struct list findings, masks;
    if (!model_run(models, &order, &call.arena, &given, &call.error))
        fail_msg("%s: %s", name, call.error.message);
    struct answer answer = { &card, given.outputs, given.output_count, &ready->placement };
    assert_true(answer_check(&answer, &call.error) && answer_findings(&call, &answer, &findings, &masks));
    const struct finding *finding = findings.items;
    assert_int_equal(findings.count, 1);
    assert_true(str_equal(finding->code.value, S("233604007")));
    double expected = number_of(json_object_get(entry, "probability"), "pytorch");
    if (!(fabs(finding->probability - expected) <= 1e-4))
        fail_msg("%s: %.6f, not %.6f", name, finding->probability, expected);
    assert_int_equal(finding->positive, expected >= 0.55);
    check_grid(&answer, "lungs", entry, ROLE_MASK);
    check_grid(&answer, "evidence", entry, ROLE_EVIDENCE);
    check_gate(name, entry, &answer, ready);
}

static void check_all(const char *list, const char *folder, int count)
{
    const char *name;
    json_t *entry;
    assert_int_equal(json_object_size(json_object_get(golden, list)), count);
    json_object_foreach(json_object_get(golden, list), name, entry)
    {
        char path[300];
        struct prepared ready;
        snprintf(path, sizeof(path), "%s%s", folder, name);
        prepare_file(path, &ready);
        check_pixels(name, entry, &ready);
        if (runs)
            check_answer(name, entry, &ready);
    }
}

static void test_films(void **state)
{
    (void)state;
    check_all("films", "chest/", 20);
}

static void test_larger_pictures(void **state)
{
    (void)state;
    check_all("larger", "", 6);
}

static void test_the_card_is_that_of_the_model(void **state)
{
    (void)state;
    struct model_face face;
    if (!runs)
        skip();
    assert_true(model_describe(models, &file, &call.arena, &face, &call.error));
    if (!card_suits(&call, &card, &face))
        fail_msg("%.*s", STR_FMT(error_told(&call.error)));
}

/* The same pixels have the same digest, whatever file they are in and whoever asks. */
static void test_the_digest_is_that_of_the_pixels(void **state)
{
    (void)state;
    struct prepared first, again, other;
    prepare_file("chest/k_00084.jpg", &first);
    prepare_file("chest/k_00084.jpg", &again);
    prepare_file("chest/k_00183.jpg", &other);
    assert_string_equal(first.pixels_sha256, again.pixels_sha256);
    assert_string_not_equal(first.pixels_sha256, other.pixels_sha256);
    assert_int_equal(strlen(first.pixels_sha256), 64);
}

/* ---- */

static void open_models(void)
{
    struct model_pool_options options = { 1, 1, INT64_C(2) << 30, 60000, 16 << 20, NULL, getenv("TEST_ROENTGEN") };
    struct model_face face;
    char path[4096];
    snprintf(path, sizeof(path), "%s/" SHIPPED "model.onnx", getenv("ROENTGEN_TEST_DATA"));
    file = (struct model_file){ card.sha256, open(path, O_RDONLY | O_CLOEXEC) };
    assert_true(model_pool_open(&options, &models, &call.error));
    runs = model_describe(models, &file, &call.arena, &face, &call.error);
    if (!runs && strstr(call.error.message, "ONNX Runtime cannot be loaded"))
        print_message("without probabilities: %s\n", call.error.message);
    else if (!runs)
        fail_msg("%s", call.error.message);
    error_clear(&call.error);
}

static int set_up(void **state)
{
    (void)state;
    json_error_t trouble;
    struct decoder_options options = { 1, INT64_C(2) << 30, 60000, 1 << 28, getenv("TEST_ROENTGEN") };
    app.config.max_pixels = 100000000;
    app.config.max_frame_bytes = 1 << 28;
    call_init(&call, &app, NULL);
    assert_true(decoder_pool_open(&options, &app.decoders, &call.error));
    card_of(&call, data_read(&call.arena, SHIPPED "card.json"), &card);
    struct str text = data_read(&call.arena, "chest/golden.json");
    golden = json_loadb(text.at, (size_t)text.len, 0, &trouble);
    assert_non_null(golden);
    open_models();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(golden);
    close(file.fd);
    model_pool_close(models);
    decoder_pool_close(app.decoders);
    call_release(&call);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_films),
        cmocka_unit_test(test_larger_pictures),
        cmocka_unit_test(test_the_card_is_that_of_the_model),
        cmocka_unit_test(test_the_digest_is_that_of_the_pixels),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
