/* test_roi.c - the pixels of a figure, beside a slow test of every centre; their statistics; the bound on work. */
#include "measure/measure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 40, CELLS = SIDE * SIDE };

static int64_t last_row, last_end;

static void mark(void *context, int64_t row, int64_t from, int64_t to)
{
    unsigned char *cells = context;
    assert_true(row >= 0 && row < SIDE && from >= 0 && from < to && to <= SIDE);
    assert_true(row > last_row || (row == last_row && from >= last_end));
    last_row = row;
    last_end = to;
    for (int64_t x = from; x < to; x++)
        cells[row * SIDE + x]++;
}

static int visit(enum measure_region region, const struct measure_point *points, int64_t count, unsigned char *cells)
{
    struct roi roi = { region, points, count, SIDE, SIDE };
    struct error error = { 0 };
    struct arena arena;
    int64_t work = ROI_WORK_MAX;
    int n = 0;
    arena_init(&arena);
    last_row = last_end = -1;
    memset(cells, 0, CELLS);
    assert_true(roi_visit(&roi, &work, &arena, mark, cells, &error));
    arena_release(&arena);
    for (int i = 0; i < CELLS; i++)
        n += cells[i];
    return n;
}

/* Even-odd by counting edges to the right of the centre. */
static bool inside(const struct measure_point *p, int64_t count, double x, double y)
{
    bool in = false;
    for (int64_t i = 0, j = count - 1; i < count; j = i++)
        if ((p[i].y <= y) != (p[j].y <= y) && x >= p[i].x + (y - p[i].y) * (p[j].x - p[i].x) / (p[j].y - p[i].y))
            in = !in;
    return in;
}

static double random_below(uint64_t *seed, double most)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return most * (double)(*seed >> 11) / 9007199254740992.0;
}

static void polygons_hold_the_centres_inside(void **state)
{
    (void)state;
    unsigned char cells[CELLS];
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        struct measure_point p[12];
        int64_t count = 3 + round % 10;
        for (int64_t i = 0; i < count; i++)
            p[i] = (struct measure_point){ random_below(&seed, SIDE), random_below(&seed, SIDE) };
        visit(REGION_POLYGON, p, count, cells);
        for (int i = 0; i < CELLS; i++)
            if (cells[i] != inside(p, count, i % SIDE + 0.5, i / SIDE + 0.5))
                fail_msg("round %d, pixel %d,%d", round, i % SIDE, i / SIDE);
    }
}

static void ellipses_hold_the_centres_inside(void **state)
{
    (void)state;
    unsigned char cells[CELLS];
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        double x = random_below(&seed, SIDE), y = random_below(&seed, SIDE), turn = random_below(&seed, 7);
        double p = 1 + random_below(&seed, 20), q = 1 + random_below(&seed, 10);
        struct measure_point a = { p * cos(turn), p * sin(turn) }, b = { -q * sin(turn), q * cos(turn) };
        struct measure_point ends[] = {
            { x - a.x, y - a.y }, { x + a.x, y + a.y }, { x - b.x, y - b.y }, { x + b.x, y + b.y }
        };
        visit(REGION_ELLIPSE, ends, 4, cells);
        for (int i = 0; i < CELLS; i++) {
            double dx = i % SIDE + 0.5 - x, dy = i / SIDE + 0.5 - y;
            double u = (dx * a.x + dy * a.y) / (p * p), v = (dx * b.x + dy * b.y) / (q * q), r = u * u + v * v;
            if (fabs(r - 1) > 1e-9 && cells[i] != (r < 1))
                fail_msg("round %d, pixel %d,%d", round, i % SIDE, i / SIDE);
        }
    }
}

static void edges_have_one_owner(void **state)
{
    (void)state;
    unsigned char cells[CELLS];
    /* Corners of pixels: exactly those between. */
    assert_int_equal(visit(REGION_RECTANGLE, (const struct measure_point[]){ { 2, 3 }, { 6, 8 } }, 2, cells), 20);
    assert_int_equal(cells[3 * SIDE + 2], 1);
    assert_int_equal(cells[7 * SIDE + 5], 1);
    /* Through centres: left and upper ones are in, right and lower ones are not. */
    assert_int_equal(visit(REGION_RECTANGLE, (const struct measure_point[]){ { 6.5, 8.5 }, { 2.5, 3.5 } }, 2, cells),
                     20);
    assert_int_equal(cells[3 * SIDE + 2], 1);
    assert_int_equal(cells[8 * SIDE + 6], 0);
    /* Nothing is wider than a centre. */
    assert_int_equal(visit(REGION_RECTANGLE, (const struct measure_point[]){ { 2.6, 3.6 }, { 3.4, 4.4 } }, 2, cells),
                     0);
    /* The whole image. */
    assert_int_equal(visit(REGION_RECTANGLE, (const struct measure_point[]){ { 0, 0 }, { SIDE, SIDE } }, 2, cells),
                     CELLS);
    /* A ring by the even-odd rule: the inner square counts out. */
    const struct measure_point ring[] = { { 0, 0 }, { 10, 0 }, { 10, 10 }, { 0, 10 }, { 0, 0 },
                                          { 3, 3 }, { 3, 7 },  { 7, 7 },   { 7, 3 },  { 3, 3 } };
    assert_int_equal(visit(REGION_POLYGON, ring, 10, cells), 100 - 16);
    /* A polygon without height. */
    assert_int_equal(visit(REGION_POLYGON, (const struct measure_point[]){ { 1, 5 }, { 9, 5 }, { 4, 5 } }, 3, cells),
                     0);
}

static void points_and_boxes(void **state)
{
    (void)state;
    unsigned char cells[CELLS];
    assert_int_equal(visit(REGION_POINT, (const struct measure_point[]){ { 2.99, 3 } }, 1, cells), 1);
    assert_int_equal(cells[3 * SIDE + 2], 1);
    visit(REGION_POINT, (const struct measure_point[]){ { SIDE, SIDE } }, 1, cells);
    assert_int_equal(cells[CELLS - 1], 1);
    assert_int_equal(visit(REGION_NONE, NULL, 0, cells), 0);
    unsigned char other[CELLS];
    /* A box and its axes are the same ellipse. */
    visit(REGION_ELLIPSE, (const struct measure_point[]){ { 20, 4 }, { 2, 30 } }, 2, cells);
    visit(REGION_ELLIPSE, (const struct measure_point[]){ { 2, 17 }, { 20, 17 }, { 11, 4 }, { 11, 30 } }, 4, other);
    assert_memory_equal(cells, other, CELLS);
    /* A turned ellipse that reaches past the image is cut there. */
    assert_true(visit(REGION_ELLIPSE,
                      (const struct measure_point[]){ { 0, 0 }, { SIDE, SIDE }, { SIDE, 0 }, { 0, SIDE } }, 4,
                      cells) == CELLS);
}

static void ignore(void *context, int64_t row, int64_t from, int64_t to)
{
    (void)row;
    *(int64_t *)context += to - from;
}

static void work_is_bounded(void **state)
{
    (void)state;
    struct measure_point *zigzag = calloc(MEASURE_POINTS_MAX, sizeof(*zigzag));
    for (int i = 0; i < MEASURE_POINTS_MAX; i++)
        zigzag[i] = (struct measure_point){ i * 7919 % 60000, i % 2 ? 60000 : 0 };
    struct roi roi = { REGION_POLYGON, zigzag, MEASURE_POINTS_MAX, 60000, 60000 };
    struct error error = { 0 };
    struct arena arena;
    int64_t work = ROI_WORK_MAX, seen = 0;
    arena_init(&arena);
    assert_false(roi_visit(&roi, &work, &arena, ignore, &seen, &error));
    assert_int_equal(error.code, E_INVALID);
    assert_int_equal(seen, 0);
    assert_int_equal(work, ROI_WORK_MAX);
    /* What fits is taken off, so that many figures together are bounded too. */
    const struct measure_point box[] = { { 0, 0 }, { 8000, 8000 } };
    roi = (struct roi){ REGION_RECTANGLE, box, 2, 60000, 60000 };
    error_clear(&error);
    assert_true(roi_visit(&roi, &work, &arena, ignore, &seen, &error));
    assert_int_equal(seen, 64000000);
    assert_true(work <= ROI_WORK_MAX - 64000000);
    assert_false(roi_visit(&roi, &work, &arena, ignore, &seen, &error));
    const struct measure_point huge[] = { { 0, 0 }, { 60000, 60000 } };
    roi = (struct roi){ REGION_ELLIPSE, huge, 2, 60000, 60000 };
    error_clear(&error);
    assert_false(roi_visit(&roi, &work, &arena, ignore, &seen, &error));
    arena_release(&arena);
    free(zigzag);
}

static void statistics(void **state)
{
    (void)state;
    struct roi_stats s = { 0 };
    assert_true(roi_stats_sd(&s) == 0);
    static const double values[] = { 2, 4, 4, 4, 5, 5, 7, 9 };
    for (int i = 0; i < 8; i++)
        roi_stats_add(&s, values[i] + 1e9);
    assert_int_equal(s.count, 8);
    assert_true(s.mean == 1e9 + 5 && s.min == 1e9 + 2 && s.max == 1e9 + 9);
    assert_true(fabs(roi_stats_sd(&s) - 2) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polygons_hold_the_centres_inside),
        cmocka_unit_test(ellipses_hold_the_centres_inside),
        cmocka_unit_test(edges_have_one_owner),
        cmocka_unit_test(points_and_boxes),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
