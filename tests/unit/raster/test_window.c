/* test_window.c - the three VOI functions at their edges: the standard's own examples (PS3.3 C.11.2.1.2.1,
 * C.11.2.1.3.2), and lookup tables. */
#include "raster/tone.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void near(double is, double should)
{
    if (fabs(is - should) > 1e-12)
        fail_msg("%.15g is not %.15g", is, should);
}

static void linear_is_the_standard_s(void **state)
{
    (void)state;
    /* c=2048, w=4096: x <= 0: ymin; x > 4095: ymax; else y = ((x - 2047.5) / 4095 + 0.5) * (ymax - ymin) + ymin. */
    near(window_apply(VOI_LINEAR, 2048, 4096, -1), 0);
    near(window_apply(VOI_LINEAR, 2048, 4096, 0), 0);
    near(window_apply(VOI_LINEAR, 2048, 4096, 1), 1 / 4095.0);
    near(window_apply(VOI_LINEAR, 2048, 4096, 2047.5), 0.5);
    near(window_apply(VOI_LINEAR, 2048, 4096, 4094), 4094 / 4095.0);
    near(window_apply(VOI_LINEAR, 2048, 4096, 4095), 1);
    near(window_apply(VOI_LINEAR, 2048, 4096, 4096), 1);
    /* c=2048, w=1: x <= 2047.5: ymin; else ymax. */
    near(window_apply(VOI_LINEAR, 2048, 1, 2047), 0);
    near(window_apply(VOI_LINEAR, 2048, 1, 2047.5), 0);
    near(window_apply(VOI_LINEAR, 2048, 1, 2048), 1);
    /* c=0, w=100: x <= -50: ymin; x > 49: ymax; else ((x + 0.5) / 99 + 0.5). */
    near(window_apply(VOI_LINEAR, 0, 100, -50), 0);
    near(window_apply(VOI_LINEAR, 0, 100, -49), 1 / 99.0);
    near(window_apply(VOI_LINEAR, 0, 100, 49), 1);
    near(window_apply(VOI_LINEAR, 0, 100, 0), 0.5 / 99 + 0.5);
    /* c=0, w=1: x <= -0.5: ymin; else ymax. */
    near(window_apply(VOI_LINEAR, 0, 1, -0.5), 0);
    near(window_apply(VOI_LINEAR, 0, 1, 0), 1);
}

static void linear_exact_is_the_standard_s(void **state)
{
    (void)state;
    /* c=2048, w=4096: x <= 0: ymin; x > 4096: ymax; else (x - 2048) / 4096 + 0.5. */
    near(window_apply(VOI_LINEAR_EXACT, 2048, 4096, 0), 0);
    near(window_apply(VOI_LINEAR_EXACT, 2048, 4096, 1), 1 / 4096.0);
    near(window_apply(VOI_LINEAR_EXACT, 2048, 4096, 4095), 4095 / 4096.0);
    near(window_apply(VOI_LINEAR_EXACT, 2048, 4096, 4096), 1);
    near(window_apply(VOI_LINEAR_EXACT, 2048, 4096, 1e300), 1);
    /* c=2048, w=1: between 2047.5 and 2048.5. */
    near(window_apply(VOI_LINEAR_EXACT, 2048, 1, 2047.5), 0);
    near(window_apply(VOI_LINEAR_EXACT, 2048, 1, 2048), 0.5);
    near(window_apply(VOI_LINEAR_EXACT, 2048, 1, 2048.5), 1);
    /* c=0, w=0.25: fractions are as good. */
    near(window_apply(VOI_LINEAR_EXACT, 0, 0.25, 0.0625), 0.75);
}

static void sigmoid_is_the_standard_s(void **state)
{
    (void)state;
    near(window_apply(VOI_SIGMOID, 40, 400, 40), 0.5);
    near(window_apply(VOI_SIGMOID, 40, 400, 140), 0.7310585786300049);  /* 1 / (1 + e^-1) */
    near(window_apply(VOI_SIGMOID, 40, 400, -160), 0.1192029220221176); /* 1 / (1 + e^2) */
    near(window_apply(VOI_SIGMOID, 40, 400, -1e300), 0);
    near(window_apply(VOI_SIGMOID, 40, 400, 1e300), 1);
}

static void a_window_has_a_width(void **state)
{
    (void)state;
    static const struct {
        enum voi_function function;
        double center, width;
        bool ok;
    } rows[] = {
        { VOI_LINEAR, 0, 1, true },         { VOI_LINEAR, 0, 0.999, false },     { VOI_LINEAR, NAN, 1, false },
        { VOI_LINEAR, 0, INFINITY, false }, { VOI_LINEAR_EXACT, 0, 1e-9, true }, { VOI_LINEAR_EXACT, 0, 0, false },
        { VOI_LINEAR_EXACT, 0, -1, false }, { VOI_SIGMOID, 0, 0.1, true },       { VOI_SIGMOID, 0, 0, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = { 0 };
        assert_int_equal(window_check(rows[i].function, rows[i].center, rows[i].width, &error), rows[i].ok);
        assert_int_equal(error.code, rows[i].ok ? E_NONE : E_INVALID);
    }
}

static void a_lut_ends_in_its_last_entry(void **state)
{
    (void)state;
    static struct lut lut = { .count = 4, .first = -2, .bits = 10, .entries = { 0, 100, 1023, 2000 } };
    static const struct {
        double value;
        uint16_t entry;
    } rows[] = { { -1e300, 0 }, { -3, 0 },   { -2, 0 },      { -1.5, 100 },   { -1, 100 },     { -0.51, 100 },
                 { 0, 1023 },   { 1, 2000 }, { 1.49, 2000 }, { 60000, 2000 }, { 1e300, 2000 }, { NAN, 0 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(lut_entry(&lut, rows[i].value), rows[i].entry);
    near(lut_brightness(&lut, -1), 100 / 1023.0);
    near(lut_brightness(&lut, 0), 1);
    near(lut_brightness(&lut, 1), 1); /* more than 10 bits hold */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_is_the_standard_s),     cmocka_unit_test(linear_exact_is_the_standard_s),
        cmocka_unit_test(sigmoid_is_the_standard_s),    cmocka_unit_test(a_window_has_a_width),
        cmocka_unit_test(a_lut_ends_in_its_last_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
