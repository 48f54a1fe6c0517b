/* test_histogram.c - bins and moments by hand. */
#include "raster/render.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct presentation *r;

static int begin(void **state)
{
    (void)state;
    r = calloc(1, sizeof(*r));
    r->slope = 1;
    r->quality = 90;
    r->bits = 8;
    r->pixel_aspect = 1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(r);
    return 0;
}

static struct samples samples(const void *at, int64_t count, int bytes, bool is_signed)
{
    int bits = bytes * 8;
    return (struct samples){ at,
                             count * bytes,
                             { .rows = 1,
                               .columns = count,
                               .frames = 1,
                               .samples = 1,
                               .bits_allocated = bits,
                               .bits_stored = bits,
                               .high_bit = bits - 1,
                               .is_signed = is_signed,
                               .photometric = MONOCHROME2 },
                             { MONOCHROME2, bits, is_signed } };
}

static void near(double is, double should)
{
    if (fabs(is - should) > 1e-9)
        fail_msg("%.15g is not %.15g", is, should);
}

static void of_rescaled_values_without_padding(void **state)
{
    (void)state;
    const int16_t at[] = { -2000, 0, 0, 10, 255, -2000, 510 };
    struct samples s = samples(at, 7, 2, true);
    struct histogram h;
    struct error error = { 0 };
    r->slope = 0.5;
    r->intercept = -1000;
    r->has_padding = true;
    r->padding_low = r->padding_high = -2000;
    assert_true(histogram(&s, r, &h, &error));
    near(h.low, -1000);
    near(h.high, -745);
    near(h.min, -1000);
    near(h.max, -745);
    assert_int_equal(h.count, 5);
    near(h.mean, (-1000 - 1000 - 995 - 872.5 - 745) / 5);
    near(h.sd, 101.26697388586271); /* numpy 2.4.6: std */
    assert_int_equal(h.bins[0], 2);
    assert_int_equal(h.bins[5], 1); /* 5 / 255 * 256 = 5.02 */
    assert_int_equal(h.bins[128], 1);
    assert_int_equal(h.bins[255], 1);
}

static void of_one_value(void **state)
{
    (void)state;
    const uint8_t at[] = { 7, 7, 7 };
    struct samples s = samples(at, 3, 1, false);
    struct histogram h;
    struct error error = { 0 };
    assert_true(histogram(&s, r, &h, &error));
    assert_true(h.low == 7 && h.high == 8 && h.sd == 0 && h.mean == 7 && h.bins[0] == 3);
    r->has_padding = true;
    r->padding_low = r->padding_high = 7;
    assert_false(histogram(&s, r, &h, &error));
    assert_int_equal(error.code, E_INVALID);
}

static void of_floating_values(void **state)
{
    (void)state;
    const float at[] = { NAN, 1e9f, 1e9f + 64, INFINITY };
    struct samples s = samples(at, 4, 4, false);
    struct histogram h;
    struct error error = { 0 };
    s.format.kind = SAMPLE_FLOAT;
    assert_true(histogram(&s, r, &h, &error));
    assert_int_equal(h.count, 2);
    near(h.mean, 1e9 + 32);
    near(h.sd, 32);
}

/* Their distance, or the square of it, is more than a double can hold. */
static void values_too_far_apart_are_refused(void **state)
{
    (void)state;
    const double at[][2] = { { -1e308, 1e308 }, { 0, 1e160 }, { 0, 1e150 } };
    for (int i = 0; i < 3; i++) {
        struct samples s = samples(at[i], 2, 8, false);
        struct histogram h;
        struct error error = { 0 };
        s.format.kind = SAMPLE_DOUBLE;
        assert_int_equal(histogram(&s, r, &h, &error), i == 2);
        assert_int_equal(error.code, i == 2 ? E_NONE : E_INVALID);
    }
}

static void of_colour_is_of_its_luminance(void **state)
{
    (void)state;
    const uint8_t at[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9 };
    struct samples s = samples(at, 12, 1, false);
    struct histogram h;
    struct error error = { 0 };
    s.format.samples = 3;
    s.format.columns = 4;
    s.decoded.photometric = RGB;
    assert_true(histogram(&s, r, &h, &error));
    assert_true(h.low == 0 && h.high == 256 && h.count == 4);
    assert_true(h.bins[76] == 1 && h.bins[150] == 1 && h.bins[29] == 1 && h.bins[9] == 1);
}

/* One by one and by table, which is made after some have been asked for: bits beyond those stored, padding, a range,
 * a table of values. */
static void meanings_are_the_same_by_table(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    static uint16_t at[COUNT];
    struct error error = { 0 };
    for (int i = 0; i < COUNT; i++)
        at[i] = (uint16_t)(i << 2 | (i & 1 ? 0x8001 : 2)); /* 12 bits from bit 2 on */
    struct samples s = samples(at, COUNT, 2, true);
    s.format.bits_stored = s.decoded.bits_stored = 12;
    s.format.high_bit = 13;
    r->has_padding = true;
    r->padding_low = -5, r->padding_high = 4;
    for (int way = 0; way < 3; way++) {
        r->has_range = way == 1;
        r->range_low = -100, r->range_high = 1000;
        r->world.count = way == 2 ? 50 : 0;
        r->world.first = -10;
        for (int i = 0; i < 50; i++)
            r->world.values[i] = i % 7 ? i * 1.5 : NAN;
        struct sample_meanings *m = sample_meanings_new(&s, r, &error);
        assert_non_null(m);
        for (int turn = 0; turn < 2; turn++)
            for (int i = 0; i < COUNT; i++) {
                int stored = i < 2048 ? i : i - 4096, entry = stored + 10;
                bool is_none = (stored >= -5 && stored <= 4) || (way == 1 && (stored < -100 || stored > 1000)) ||
                               (way == 2 && (entry < 0 || entry >= 50 || entry % 7 == 0));
                double value = sample_meaning(m, i);
                assert_true(is_none ? isnan(value) : value == (way == 2 ? entry * 1.5 : stored));
            }
        sample_meanings_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
        EACH(meanings_are_the_same_by_table),
        EACH(of_rescaled_values_without_padding),
        EACH(of_one_value),
        EACH(of_floating_values),
        EACH(values_too_far_apart_are_refused),
        EACH(of_colour_is_of_its_luminance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
