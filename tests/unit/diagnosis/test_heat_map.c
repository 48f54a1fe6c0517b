/* test_heat_map.c - grids made here, looked up, coloured, blended and outlined. */
#include "diagnosis/gate.h"
#include "diagnosis/heat_map.h"

#include <png.h>

#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

#include "diagnosis.h"

static struct placement whole(int64_t frame_width, int64_t frame_height, int64_t input_width, int64_t input_height)
{
    return (struct placement){ (double)input_width / (double)frame_width,
                               (double)input_height / (double)frame_height,
                               0,
                               0,
                               frame_width,
                               frame_height,
                               input_width,
                               input_height };
}

static const float two[] = { 0, 1 }, four[] = { 0, 1, 0.5f, 0.25f };

static void test_values_lie_between_centres(void **state)
{
    (void)state;
    struct grid grid = { 2, 1, two };
    struct placement p = whole(400, 100, 224, 224);
    assert_near(heat_map_value(&grid, &p, 100, 50), 0, 1e-12); /* the first cell's centre */
    assert_near(heat_map_value(&grid, &p, 300, 50), 1, 1e-12);
    assert_near(heat_map_value(&grid, &p, 200, 0), 0.5, 1e-12);
    assert_near(heat_map_value(&grid, &p, 150, 99), 0.25, 1e-12);
    assert_near(heat_map_value(&grid, &p, 0, 0), 0, 1e-12); /* beyond the outermost centres: as there */
    assert_near(heat_map_value(&grid, &p, 400, 100), 1, 1e-12);
    grid = (struct grid){ 2, 2, four };
    p = whole(4, 4, 224, 224);
    assert_near(heat_map_value(&grid, &p, 2, 2), 1.75 / 4, 1e-12);
    assert_near(heat_map_value(&grid, &p, 1, 3), 0.5, 1e-12);
    grid = (struct grid){ 1, 1, four + 2 };
    assert_near(heat_map_value(&grid, &p, 3, 3), 0.5, 0);
}

static void test_through_the_fit(void **state)
{
    (void)state;
    struct grid grid = { 2, 1, two };
    struct placement letterbox = { 0.5, 0.5, 16, 0, 64, 64, 64, 32 }; /* of a square frame in 64 x 32 */
    assert_near(heat_map_value(&grid, &letterbox, 0, 32), 0, 1e-12);  /* at 16 of 64: the first centre */
    assert_near(heat_map_value(&grid, &letterbox, 64, 32), 1, 1e-12);
    assert_near(heat_map_value(&grid, &letterbox, 32, 1), 0.5, 1e-12);
    struct placement crop = { 1, 1, -64, 0, 192, 32, 64, 32 };
    static const float one[] = { 1 };
    grid = (struct grid){ 1, 1, one };
    assert_near(heat_map_value(&grid, &crop, 96, 16), 1, 0);
    assert_near(heat_map_value(&grid, &crop, 10, 16), 0, 0); /* was not seen */
    assert_near(heat_map_value(&grid, &crop, 182, 16), 0, 0);
}

static void test_colours(void **state)
{
    (void)state;
    static const struct {
        enum heat_colours colours;
        double value;
        uint8_t rgb[3];
    } rows[] = {
        { COLOURS_INFERNO, 0, { 0, 0, 4 } },      { COLOURS_INFERNO, 1, { 252, 255, 164 } },
        { COLOURS_VIRIDIS, 0, { 68, 1, 84 } },    { COLOURS_VIRIDIS, 1, { 253, 231, 37 } },
        { COLOURS_GREY, 0.5, { 128, 128, 128 } }, { COLOURS_GREY, 2, { 255, 255, 255 } },
        { COLOURS_GREY, -1, { 0, 0, 0 } },        { COLOURS_GREY, NAN, { 0, 0, 0 } },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t rgb[3];
        heat_colour(rows[i].colours, rows[i].value, rgb);
        assert_memory_equal(rgb, rows[i].rgb, 3);
    }
    /* Brighter from step to step, all along. */
    for (int colours = COLOURS_INFERNO; colours <= COLOURS_GREY; colours++) {
        double before = -1;
        for (int i = 0; i < 256; i++) {
            uint8_t rgb[3];
            heat_colour((enum heat_colours)colours, i / 255.0, rgb);
            double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
            assert_true(luma > before - 1);
            before = luma;
        }
    }
}

static void test_blended_and_alone(void **state)
{
    (void)state;
    struct grid grid = { 2, 1, two };
    struct placement p = whole(2, 1, 224, 224);
    uint8_t pixels[] = { 100, 100, 100, 100, 100, 100 };
    struct canvas canvas = { 2, 1, pixels };
    struct heat_map map = { &grid, &p, COLOURS_INFERNO, 0.5, true, NULL };
    heat_map_draw(&map, &canvas);
    assert_memory_equal(pixels, ((uint8_t[]){ 100, 100, 100, 176, 178, 132 }), 6); /* no evidence: as it was */
    map.opacity = 7;                                                               /* at most all */
    heat_map_draw(&map, &canvas);
    assert_memory_equal(pixels + 3, ((uint8_t[]){ 252, 255, 164 }), 3);
    map.blended = false;
    map.opacity = 0;
    heat_map_draw(&map, &canvas);
    assert_memory_equal(pixels, ((uint8_t[]){ 0, 0, 4, 252, 255, 164 }), 6);
}

/* A square in the middle, on canvases of two sizes. */
static void test_outline(void **state)
{
    (void)state;
    static const float square[] = { 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0 };
    static const float all[] = { 1 };
    struct grid grid = { 4, 4, square };
    struct placement p = whole(1000, 1000, 224, 224);
    for (int64_t side = 100; side <= 1600; side *= 4) {
        uint8_t *pixels = calloc((size_t)(side * side), 3);
        struct canvas canvas = { side, side, pixels };
        struct heat_map map = { .placement = &p, .outline = &grid };
        heat_map_draw(&map, &canvas);
        int64_t drawn = 0, middle = 0;
        for (int64_t i = 0; i < side * side; i++) {
            bool here = pixels[3 * i + 1] != 0;
            drawn += here;
            middle += here && i / side == side / 2;
        }
        int64_t wide = 1 + side / 700;
        assert_int_equal(middle, 2 * wide); /* left and right */
        assert_true(drawn > side * wide && drawn < side * wide * 3);
        assert_int_equal(pixels[3 * (side / 2 * side + side / 2) + 1], 0);
        /* What is all over the picture has no border in it. */
        memset(pixels, 0, (size_t)(side * side * 3));
        map.outline = &(struct grid){ 1, 1, all };
        heat_map_draw(&map, &canvas);
        for (int64_t i = 0; i < side * side * 3; i++)
            assert_int_equal(pixels[i], 0);
        free(pixels);
    }
}

static void test_as_png(void **state)
{
    (void)state;
    struct call call;
    struct canvas canvas;
    struct str png;
    call_init(&call, NULL, NULL);
    static const uint8_t grey[] = { 1, 2, 3, 4, 5, 6 };
    struct film film = { 3, 2, 1, 1, grey };
    assert_true(canvas_of_film(&call, &film, &canvas));
    canvas.at[3] = 200;
    assert_true(heat_map_png(&call, &canvas, &png));
    png_image image = { .version = PNG_IMAGE_VERSION };
    assert_true(png_image_begin_read_from_memory(&image, png.at, (size_t)png.len));
    assert_int_equal(image.width, 3);
    assert_int_equal(image.height, 2);
    image.format = PNG_FORMAT_RGB;
    uint8_t back[18];
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, ((uint8_t[]){ 1, 1, 1, 200, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6 }), 18);
    film.channels = 3;
    film.width = film.height = 1;
    assert_true(canvas_of_film(&call, &film, &canvas));
    assert_memory_equal(canvas.at, grey, 3);
    call_release(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_lie_between_centres),
        cmocka_unit_test(test_through_the_fit),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_blended_and_alone),
        cmocka_unit_test(test_outline),
        cmocka_unit_test(test_as_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
