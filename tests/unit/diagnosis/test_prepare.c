/* test_prepare.c - small films fitted in every way, beside values worked out by hand. */
#include "diagnosis/gate.h"

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "diagnosis.h"

static struct call call;
static struct card_input input;
static struct prepared ready;

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    input = (struct card_input){ .name = S("image"),
                                 .layout = LAYOUT_NCHW,
                                 .type = CARD_FLOAT32,
                                 .fit = FIT_SQUASH,
                                 .resample = RESAMPLE_AREA,
                                 .colour = COLOUR_GRAY,
                                 .bone = BONE_BRIGHT,
                                 .window = WINDOW_DEFAULT,
                                 .channels = 1,
                                 .low = 0,
                                 .high = 1,
                                 .deviation = { 1, 1, 1 } };
    return 0;
}

static int end(void **state)
{
    (void)state;
    call_release(&call);
    return 0;
}

static void into(int64_t width, int64_t height)
{
    input.width = width;
    input.height = height;
}

static void fit(int64_t width, int64_t height, int channels, const uint8_t *at)
{
    struct film film = { width, height, channels, 1, at };
    assert_true(prepare(&call, &film, &input, &ready));
    assert_int_equal(ready.tensor.info.shape.rank, 4);
    assert_int_equal(ready.tensor.bytes.len, tensor_bytes(&ready.tensor.info));
}

static void holds(int count, const double *expected)
{
    assert_int_equal(tensor_count(&ready.tensor.info.shape), count);
    for (int i = 0; i < count; i++)
        assert_near(tensor_at(&ready.tensor, i), expected[i], 1e-6);
}
#define HOLDS(...) holds(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double), (const double[]){ __VA_ARGS__ })

#define BYTE(n) ((n) / 255.0)

/* ---- resampling ---- */

static void test_area_takes_shares_of_pixels(void **state)
{
    (void)state;
    into(2, 1);
    fit(3, 1, 1, (const uint8_t[]){ 30, 60, 120 });
    HOLDS(BYTE((30 + 60 / 2.0) / 1.5), BYTE((60 / 2.0 + 120) / 1.5));
    into(3, 2); /* larger: the same formula */
    fit(2, 1, 1, (const uint8_t[]){ 0, 90 });
    HOLDS(0, BYTE(45), BYTE(90), 0, BYTE(45), BYTE(90));
    into(1, 1);
    fit(2, 2, 1, (const uint8_t[]){ 10, 20, 30, 41 });
    HOLDS(BYTE(25.25)); /* not rounded */
}

static void test_bilinear_goes_between_centres(void **state)
{
    (void)state;
    input.resample = RESAMPLE_BILINEAR;
    into(4, 1);
    fit(2, 1, 1, (const uint8_t[]){ 0, 200 });
    HOLDS(0, BYTE(50), BYTE(150), BYTE(200));
    into(2, 1); /* smaller: no antialiasing */
    fit(8, 1, 1, (const uint8_t[]){ 0, 10, 20, 30, 40, 50, 60, 70 });
    HOLDS(BYTE(15), BYTE(55));
    into(2, 2);
    fit(1, 1, 1, (const uint8_t[]){ 7 });
    HOLDS(BYTE(7), BYTE(7), BYTE(7), BYTE(7));
}

/* Every value of the input by the definition: the mean over its rectangle. */
static void test_area_of_odd_sizes(void **state)
{
    (void)state;
    enum { WIDE = 37, HIGH = 53, TO_WIDE = 11, TO_HIGH = 71 };
    static uint8_t film[WIDE * HIGH];
    for (int i = 0; i < WIDE * HIGH; i++)
        film[i] = (uint8_t)(i * 7919 >> 3);
    into(TO_WIDE, TO_HIGH);
    fit(WIDE, HIGH, 1, film);
    for (int i = 0; i < TO_WIDE * TO_HIGH; i++) {
        int row = i / TO_WIDE;
        double left = i % TO_WIDE * (double)WIDE / TO_WIDE, right = left + (double)WIDE / TO_WIDE, sum = 0;
        double top = (double)row * HIGH / TO_HIGH, bottom = top + (double)HIGH / TO_HIGH;
        for (int k = 0; k < WIDE * HIGH; k++) {
            int line = k / WIDE;
            double x = k % WIDE, y = line;
            sum += fmax(fmin(right, x + 1) - fmax(left, x), 0) * fmax(fmin(bottom, y + 1) - fmax(top, y), 0) * film[k];
        }
        assert_near(tensor_at(&ready.tensor, i), BYTE(sum / ((right - left) * (bottom - top))), 1e-6);
    }
}

/* ---- fits ---- */

static void test_letterbox(void **state)
{
    (void)state;
    input.fit = FIT_LETTERBOX;
    input.padding = 0.25;
    into(5, 2);
    fit(2, 2, 1, (const uint8_t[]){ 10, 20, 30, 40 });
    HOLDS(0.25, BYTE(10), BYTE(20), 0.25, 0.25, 0.25, BYTE(30), BYTE(40), 0.25, 0.25); /* what is odd is right */
    assert_near(ready.placement.left, 1, 0);
    assert_near(ready.placement.scale_x, 1, 0);
    into(2, 4);
    fit(2, 1, 1, (const uint8_t[]){ 10, 20 });
    HOLDS(0.25, 0.25, BYTE(10), BYTE(20), 0.25, 0.25, 0.25, 0.25);
    assert_near(ready.placement.top, 1, 0);
}

static void test_crop(void **state)
{
    (void)state;
    input.fit = FIT_CROP;
    into(2, 2);
    fit(4, 2, 1, (const uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
    HOLDS(BYTE(2), BYTE(3), BYTE(6), BYTE(7));
    assert_near(ready.placement.left, -1, 0);
    fit(2, 5, 1, (const uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 });
    HOLDS(BYTE(5), BYTE(6), BYTE(7), BYTE(8)); /* rows 2 and 3 of five: as the odd one of a border */
}

static void test_points_go_there_and_back(void **state)
{
    (void)state;
    static const unsigned fits[] = { FIT_SQUASH, FIT_LETTERBOX, FIT_CROP };
    struct film film = { 1000, 600, 1, 1, NULL };
    struct placement p;
    double x, y, back_x, back_y;
    into(224, 160);
    for (int i = 0; i < 3; i++) {
        input.fit = fits[i];
        assert_true(placement_of(&film, &input, &p, &call.error));
        placement_to_input(&p, 123.5, 456.25, &x, &y);
        placement_to_frame(&p, x, y, &back_x, &back_y);
        assert_near(back_x, 123.5, 1e-9);
        assert_near(back_y, 456.25, 1e-9);
        placement_to_input(&p, 500, 300, &x, &y); /* the middle stays the middle */
        assert_near(x, 112, 0.51);
        assert_near(y, 80, 0.51);
    }
    input.fit = FIT_LETTERBOX;
    assert_true(placement_of(&film, &input, &p, &call.error));
    assert_near(p.scale_x, 0.224, 1e-9);
    assert_near(p.scale_y, 134 / 600.0, 1e-9); /* 134.4 rows are 134 */
    assert_near(p.top, 13, 0);
}

static void test_pixels_that_are_not_square(void **state)
{
    (void)state;
    struct film film = { 100, 50, 1, 2, NULL }; /* each twice as high as wide */
    struct placement p;
    into(200, 200);
    input.fit = FIT_LETTERBOX;
    assert_true(placement_of(&film, &input, &p, &call.error));
    assert_near(p.scale_x, 2, 0);
    assert_near(p.scale_y, 4, 0);
    assert_near(p.top, 0, 0);
    film.pixel_aspect = NAN;
    assert_false(placement_of(&film, &input, &p, &call.error));
    assert_int_equal(call.error.code, E_INVALID);
}

/* ---- colours and numbers ---- */

static const uint8_t colours[] = { 10, 20, 30, 200, 100, 50 };

static void test_grey_of_colours(void **state)
{
    (void)state;
    into(2, 1);
    fit(2, 1, 3, colours);
    HOLDS(BYTE(0.299 * 10 + 0.587 * 20 + 0.114 * 30), BYTE(0.299 * 200 + 0.587 * 100 + 0.114 * 50));
}

static void test_colours(void **state)
{
    (void)state;
    input.colour = COLOUR_RGB;
    input.channels = 3;
    into(2, 1);
    fit(2, 1, 3, colours);
    HOLDS(BYTE(10), BYTE(200), BYTE(20), BYTE(100), BYTE(30), BYTE(50));
    fit(2, 1, 1, colours);
    HOLDS(BYTE(10), BYTE(20), BYTE(10), BYTE(20), BYTE(10), BYTE(20));
    input.layout = LAYOUT_NHWC;
    fit(2, 1, 3, colours);
    HOLDS(BYTE(10), BYTE(20), BYTE(30), BYTE(200), BYTE(100), BYTE(50));
    assert_int_equal(ready.tensor.info.shape.at[3], 3);
}

static void test_range_and_normalisation(void **state)
{
    (void)state;
    input.colour = COLOUR_RGB;
    input.channels = 3;
    input.low = -1;
    for (int i = 0; i < 3; i++) {
        input.mean[i] = 0.1 * i;
        input.deviation[i] = 1 + i;
    }
    into(1, 1);
    fit(1, 1, 3, (const uint8_t[]){ 0, 255, 51 });
    HOLDS(-1, (1 - 0.1) / 2, (-0.6 - 0.2) / 3);
}

static void test_dark_bone(void **state)
{
    (void)state;
    input.bone = BONE_DARK;
    into(2, 1);
    fit(2, 1, 1, (const uint8_t[]){ 0, 100 });
    HOLDS(1, BYTE(155));
}

static void test_bytes(void **state)
{
    (void)state;
    input.type = CARD_UINT8;
    input.high = 255;
    into(1, 1);
    fit(2, 1, 1, (const uint8_t[]){ 10, 11 });
    HOLDS(11);
    assert_int_equal(ready.tensor.bytes.len, 1);
}

/* Every byte, and numbers past and below what 16 bits hold. */
static void test_halves(void **state)
{
    (void)state;
    uint8_t film[256];
    for (int i = 0; i < 256; i++)
        film[i] = (uint8_t)i;
    input.type = CARD_FLOAT16;
    into(256, 1);
    fit(256, 1, 1, film);
    for (int i = 0; i < 256; i++)
        assert_near(tensor_at(&ready.tensor, i), BYTE(i), BYTE(i) / 2048 + 1e-7);
    input.high = 255;
    fit(256, 1, 1, film);
    for (int i = 0; i < 256; i++)
        assert_true(tensor_at(&ready.tensor, i) == i);
    input.low = -1e-6;
    input.high = 1e6;
    fit(256, 1, 1, film);
    assert_near(tensor_at(&ready.tensor, 0), -1e-6, 6e-8);
    assert_true(isinf(tensor_at(&ready.tensor, 255)));
}

/* ---- what is told of it ---- */

static void test_figures_of_the_fitted_picture(void **state)
{
    (void)state;
    into(4, 1);
    input.mean[0] = 5; /* they are of the picture before that */
    fit(4, 1, 1, (const uint8_t[]){ 0, 0, 255, 127 });
    double mean = (1 + 127 / 255.0) / 4;
    assert_near(ready.mean, mean, 1e-9);
    assert_near(ready.deviation, sqrt((1 + 127 / 255.0 * 127 / 255.0) / 4 - mean * mean), 1e-9);
    assert_near(ready.histogram[0], 0.5, 0);
    assert_near(ready.histogram[7], 0.25, 0);
    assert_near(ready.histogram[15], 0.25, 0);
}

static void test_the_digest_knows_the_shape(void **state)
{
    (void)state;
    char first[65];
    into(2, 2);
    fit(4, 1, 1, (const uint8_t[]){ 1, 2, 3, 4 });
    memcpy(first, ready.pixels_sha256, sizeof(first));
    fit(2, 2, 1, (const uint8_t[]){ 1, 2, 3, 4 });
    assert_string_not_equal(first, ready.pixels_sha256);
    /* printf '4 1 1\n\1\2\3\4' | sha256sum */
    assert_string_equal(first, "7f1cd75da473e482c9c8cd59e0597d8fbd88f140b3e535a7d284e4ab14be2628");
}

static void test_what_is_no_film(void **state)
{
    (void)state;
    static const struct film films[] = { { 0, 1, 1, 1, NULL }, { 1, 0, 1, 1, NULL }, { 1, 1, 2, 1, NULL } };
    into(2, 2);
    for (int i = 0; i < 3; i++) {
        error_clear(&call.error);
        assert_false(prepare(&call, &films[i], &input, &ready));
        assert_int_equal(call.error.code, E_INVALID);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_area_takes_shares_of_pixels),
        TEST(test_bilinear_goes_between_centres),
        TEST(test_area_of_odd_sizes),
        TEST(test_letterbox),
        TEST(test_crop),
        TEST(test_points_go_there_and_back),
        TEST(test_pixels_that_are_not_square),
        TEST(test_grey_of_colours),
        TEST(test_colours),
        TEST(test_range_and_normalisation),
        TEST(test_dark_bone),
        TEST(test_bytes),
        TEST(test_halves),
        TEST(test_figures_of_the_fitted_picture),
        TEST(test_the_digest_knows_the_shape),
        TEST(test_what_is_no_film),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
