/* test_mask.c - masks of grids made here: small cells, borders, what a finding holds, what is drawn. */
#include "diagnosis/mask.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "diagnosis.h"

enum { SIDE = 16 };

/* A grid of SIDE x SIDE where only `at` and its neighbour to the right have a value. */
static struct mask of_two_cells(struct call *c, const struct placement *p, int64_t x, int64_t y, double threshold)
{
    static float cells[SIDE * SIDE];
    memset(cells, 0, sizeof(cells));
    for (int64_t i = x; i <= x + 1 && i < SIDE; i++)
        cells[y * SIDE + i] = 0.99f;
    struct grid grid = { SIDE, SIDE, cells };
    struct mask mask;
    assert_true(mask_of_grid(c, &grid, p, threshold, &mask));
    return mask;
}

/* Wherever a few high cells lie, frames of any size say how high they are; smaller ones have them in their masks. */
static void test_no_cell_is_lost(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1, 2, 3, 4, 5, 7, 11, 15, 16, 17, 31, 32, 100 };
    struct call call;
    call_init(&call, NULL, NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int64_t size = sizes[i];
        struct placement p = { (double)64 / (double)size, (double)64 / (double)size, 0, 0, size, size, 64, 64 };
        for (int64_t cell = 0; cell < SIDE * SIDE; cell++) {
            struct mask mask = of_two_cells(&call, &p, cell % SIDE, cell / SIDE, 0.5);
            assert_near(mask.most, 0.99, 1e-6);
            if (size <= SIDE) {
                int64_t x = (2 * (cell % SIDE) + 1) * size / (2 * SIDE),
                        y = (2 * (cell / SIDE) + 1) * size / (2 * SIDE);
                assert_in_range(mask.pixels, 1, 2);
                assert_near(mask.box.x, (double)x, 0);
                assert_near(mask.box.y, (double)y, 0);
                assert_near(mask.mean, 0.99, 1e-6);
            }
        }
        arena_reset(&call.arena);
    }
    call_release(&call);
}

/* Of a letterbox the border says nothing, of a crop what the model did not see is not in the mask. */
static void test_only_cells_on_the_frame(void **state)
{
    (void)state;
    struct call call;
    call_init(&call, NULL, NULL);
    for (int64_t size = 3; size <= 48; size++) {
        struct placement letterbox = {
            (double)32 / (double)size, (double)64 / (double)size, 16, 0, size, size, 64, 64
        };
        assert_near(of_two_cells(&call, &letterbox, 2, 5, 0.5).most, 0, 0);
        assert_near(of_two_cells(&call, &letterbox, 12, 5, 0.5).most, 0, 0);
        assert_near(of_two_cells(&call, &letterbox, 3, 5, 0.5).most, 0.99, 1e-6);
        assert_near(of_two_cells(&call, &letterbox, 11, 5, 0.5).most, 0.99, 1e-6);
        assert_int_equal(of_two_cells(&call, &letterbox, 2, 5, 0.5).pixels, 0);
    }
    struct placement crop = { 8, 8, -32, 0, 16, 8, 64, 64 };
    struct mask mask = of_two_cells(&call, &crop, 0, 0, 0.5);
    assert_near(mask.most, 0.99, 1e-6);
    assert_int_equal(mask.pixels, 1);
    assert_near(mask.box.x, 4, 0);
    call_release(&call);
}

/* As large as masks may be (two to the 32nd), and no larger. */
static void test_areas_that_are_read_again(void **state)
{
    (void)state;
    static const char *const rest =
        "\"code\":{\"scheme\":\"99TEST\",\"value\":\"a\",\"meaning\":\"A\"},\"label\":\"a\"";
    static const struct {
        int64_t pixels;
        bool ok;
    } rows[] = { { 0, true }, { 1073741825, true }, { 4294967296, true }, { 4294967297, false }, { -1, false } };
    struct call call;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct finding finding;
        uint64_t given;
        call_init(&call, NULL, NULL);
        struct str text = arena_format(&call.arena, "{%s,\"area_pixels\":%" PRId64 "}", rest, rows[i].pixels);
        schema_clear(&finding_schema, &finding);
        assert_int_equal(json_decode(&call, text, &finding_schema, &finding, false, &given), rows[i].ok);
        if (rows[i].ok)
            assert_int_equal(finding.area_pixels, rows[i].pixels);
        call_release(&call);
    }
}

static bool has(const struct mask *mask, struct str bits, const struct canvas *canvas, int64_t x, int64_t y)
{
    int64_t column = (2 * x + 1) * mask->width / (2 * canvas->width);
    int64_t row = (2 * y + 1) * mask->height / (2 * canvas->height);
    return mask_has(bits, row * mask->width + column);
}

static bool is_drawn(const struct mask *mask, struct str bits, const struct canvas *canvas, int64_t at, bool outline)
{
    int64_t x = at % canvas->width, y = at / canvas->width;
    bool is_border = !outline;
    for (int64_t i = 0; i < 9; i++) {
        int64_t to_x = x + i % 3 - 1, to_y = y + i / 3 - 1;
        if (to_x >= 0 && to_x < canvas->width && to_y >= 0 && to_y < canvas->height)
            is_border = is_border || !has(mask, bits, canvas, to_x, to_y);
    }
    return is_border && has(mask, bits, canvas, x, y);
}

/* Two masks over each other, larger and smaller than their frame, pixel by pixel. */
static void test_drawn(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = { { 37, 29 }, { 11, 40 }, { 90, 71 }, { 1, 1 } };
    static const float square[] = { 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 }, corner[] = { 0, 0, 0, 1 };
    struct placement p = { 64.0 / 37, 64.0 / 29, 0, 0, 37, 29, 64, 64 };
    struct call call;
    struct mask masks[2];
    struct str bits[2] = { STR_NULL, STR_NULL };
    call_init(&call, NULL, NULL);
    assert_true(mask_of_grid(&call, &(struct grid){ 4, 4, square }, &p, 0.5, &masks[0]));
    assert_true(mask_of_grid(&call, &(struct grid){ 2, 2, corner }, &p, 0.5, &masks[1]));
    for (int i = 0; i < 2; i++)
        assert_true(mask_bits(&call, &masks[i], &bits[i]));
    masks[0].place = 0;
    masks[1].place = 5;
    for (int i = 0; i < 8; i++) {
        uint8_t pixels[90 * 71 * 3] = { 0 };
        struct canvas canvas = { sizes[i / 2][0], sizes[i / 2][1], pixels };
        struct mask_style style = { .opacity = 1, .outline = i % 2, .colour = INTEGER_NULL };
        assert_true(masks_draw(&call, &(struct list){ masks, 2 }, &style, &canvas));
        for (int64_t at = 0; at < canvas.width * canvas.height; at++) {
            bool first = is_drawn(&masks[0], bits[0], &canvas, at, style.outline);
            bool second = is_drawn(&masks[1], bits[1], &canvas, at, style.outline);
            assert_int_equal(pixels[3 * at], second ? 0xD5 : first ? 0x56 : 0);
        }
    }
    call_release(&call);
}

/* What is packed, loaded, drawn counts; beyond the budget nothing is drawn. */
static void test_counted(void **state)
{
    (void)state;
    enum { WIDE = 800 };
    float *noise = calloc(WIDE * WIDE, sizeof(float));
    uint8_t *pixels = calloc(WIDE * WIDE, 3);
    uint32_t random = 1;
    for (int i = 0; i < WIDE * WIDE; i++) {
        random = random * 1664525 + 1013904223;
        noise[i] = (float)(random >> 31);
    }
    struct placement p = { 1, 1, 0, 0, 4 * WIDE, 4 * WIDE, 4 * WIDE, 4 * WIDE };
    struct canvas canvas = { WIDE, WIDE, pixels };
    struct mask_style style = { .opacity = 1, .blended = true, .colour = INTEGER_NULL };
    struct call call;
    struct mask mask;
    call_init(&call, NULL, NULL);
    call.hold = (struct hold){ .budget = budget_new(4 << 20, 4 << 20) };
    assert_true(mask_of_grid(&call, &(struct grid){ WIDE, WIDE, noise }, &p, 0.5, &mask));
    int64_t packed = call.hold.bytes;
    assert_true(mask.kept.len > mask.packed.len && packed >= mask.packed.len + mask.kept.len);
    assert_true(masks_draw(&call, &(struct list){ &mask, 1 }, &style, &canvas));
    assert_true(call.hold.bytes >= packed + (int64_t)WIDE * WIDE);
    hold_end(&call.hold);
    budget_free(call.hold.budget);
    call.hold.budget = budget_new(1 << 16, 1 << 16);
    assert_false(masks_draw(&call, &(struct list){ &mask, 1 }, &style, &canvas));
    assert_int_equal(call.error.code, E_TOO_LARGE);
    hold_end(&call.hold);
    budget_free(call.hold.budget);
    call.hold = (struct hold){ 0 };
    call_release(&call);
    free(noise);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_cell_is_lost),
        cmocka_unit_test(test_only_cells_on_the_frame),
        cmocka_unit_test(test_areas_that_are_read_again),
        cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
