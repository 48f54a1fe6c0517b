/* test_ramp.c - brightness by arithmetic is brightness by table: every value, rows of every length, windows on the
 * edge between shades. */
#include "raster/ramp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { VALUES = 65536, LONGEST = 100 };

static uint16_t words[VALUES], table[VALUES];
static uint8_t drawn[VALUES];

static struct sample_layout layout_of(int bits, int shift, bool is_signed)
{
    return (struct sample_layout){ .width = 256,
                                   .height = 256,
                                   .samples = 1,
                                   .bytes = 2,
                                   .bits = bits,
                                   .shift = shift,
                                   .is_signed = is_signed,
                                   .photometric = MONOCHROME2 };
}

static struct tone tone_open_of(const struct presentation *r, const struct sample_layout *layout)
{
    struct samples none = { .at = NULL };
    struct tone tone;
    struct error error = { 0 };
    assert_true(tone_open(&tone, &none, layout, r, &error));
    return tone;
}

/* All words there are, garbage beside the stored bits too. */
static void compare(const struct ramp *ramp, const struct sample_layout *layout, int64_t from, int64_t count)
{
    ramp_draw(ramp, words + from, drawn, count);
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)words[from + i] >> layout->shift & ((1u << layout->bits) - 1);
        if (drawn[i] != table[bits])
            fail_msg("word %04X is %d, not %d", words[from + i], drawn[i], table[bits]);
    }
}

static bool is_the_table(const struct presentation *r, const struct sample_layout *layout)
{
    struct ramp ramp;
    struct tone tone = tone_open_of(r, layout);
    if (!ramp_open(&ramp, &tone, layout))
        return false;
    tone_table(&tone, layout, 255, table);
    compare(&ramp, layout, 0, VALUES);
    for (int64_t count = 0; count <= LONGEST; count++)
        compare(&ramp, layout, 37 * count, count);
    return true;
}

static int begin(void **state)
{
    for (int i = 0; i < VALUES; i++)
        words[i] = (uint16_t)(i * 40503); /* odd: every word once */
    *state = calloc(1, sizeof(struct presentation));
    return *state ? 0 : -1;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void every_value_is_as_in_the_table(void **state)
{
    static const double windows[][2] = { { 40, 400 }, { 40.5, 80 },   { -600, 1500 }, { 128, 256 },  { 0, 2 },
                                         { 50, 1 },   { 1000, 4000 }, { 127.5, 255 }, { 90000, 300 } };
    static const int bits[][2] = { { 16, 0 }, { 12, 0 }, { 12, 4 }, { 9, 3 } };
    struct presentation *r = *state;
    int ramps = 0;
    for (int way = 0; way < 9 * 4 * 16; way++) {
        struct sample_layout layout = layout_of(bits[way / 9 % 4][0], bits[way / 9 % 4][1], way / 36 & 1);
        r->slope = way / 36 & 2 ? 1 : -0.37;
        r->intercept = way / 36 & 2 ? -1024 : 12.5;
        r->invert = way / 36 & 4;
        r->voi = way / 36 & 8 ? VOI_LINEAR : VOI_LINEAR_EXACT;
        r->center = windows[way % 9][0];
        r->width = windows[way % 9][1];
        ramps += is_the_table(r, &layout);
    }
    assert_true(ramps > 9 * 4 * 16 * 8 / 10); /* not: a slope of too many values, a step, many values on edges */
}

static void what_is_no_line_needs_the_table(void **state)
{
    struct presentation *r = *state;
    struct sample_layout layout = layout_of(16, 0, true), narrow = layout;
    r->slope = 1;
    r->voi = VOI_LINEAR;
    r->center = 40;
    r->width = 400;
    assert_true(is_the_table(r, &layout));
    narrow.bytes = 1;
    narrow.bits = 8;
    struct ramp ramp;
    struct tone tone = tone_open_of(r, &narrow);
    assert_false(ramp_open(&ramp, &tone, &narrow));
    r->width = 20000;
    assert_false(is_the_table(r, &layout));
    r->width = 400;
    r->voi = VOI_SIGMOID;
    assert_false(is_the_table(r, &layout));
    r->voi = VOI_LINEAR;
    r->modality.count = 1;
    r->modality.bits = 8;
    assert_false(is_the_table(r, &layout));
}

static void padding_is_black_or_needs_the_table(void **state)
{
    struct presentation *r = *state;
    struct sample_layout layout = layout_of(16, 0, true);
    r->slope = 1;
    r->voi = VOI_LINEAR;
    r->center = 40;
    r->width = 400;
    r->has_padding = true;
    r->padding_low = -2000;
    r->padding_high = -1000;
    assert_true(is_the_table(r, &layout));
    r->invert = true; /* the values beside it are white now */
    assert_false(is_the_table(r, &layout));
    r->invert = false;
    r->padding_high = 50;
    assert_false(is_the_table(r, &layout));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_value_is_as_in_the_table),
        TEST(what_is_no_line_needs_the_table),
        TEST(padding_is_black_or_needs_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
