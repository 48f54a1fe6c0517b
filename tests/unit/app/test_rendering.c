/* test_rendering.c - sample files as DCMTK shows them, and what files and requests say of a picture. */
#include "app/rendering.h"

#include "../dicom/frame.h"
#include "rendered_expected.h"

#include <png.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

static struct call call;
static struct rendering *rendering;

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    rendering = calloc(1, sizeof(*rendering));
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(rendering);
    call_release(&call);
    return 0;
}

static const char *path_of(const char *file)
{
    static char path[1000];
    snprintf(path, sizeof(path), "%s/../../../shared/data/dicom/%s", getenv("ROENTGEN_TEST_DATA"), file);
    return path;
}

struct shown {
    struct test_file file;
    struct test_frame frame;
};

static void open_shown(struct shown *shown, const char *name)
{
    if (!test_file_open(&shown->file, path_of(name)))
        fail_msg("%s is missing", name);
    if (!test_frame_decode(&shown->file, 1, &shown->frame))
        fail_msg("%s: %s", name, shown->frame.error.message);
}

static void close_shown(struct shown *shown)
{
    free(shown->frame.samples);
    test_file_close(&shown->file);
}

static bool describe(const struct shown *shown, const struct rendering_query *query)
{
    call_reset(&call);
    return rendering_of(&call, shown->file.object, &shown->frame.format, 1, query, rendering);
}

/* Rendered as PNG and decoded again: width * height * channels bytes, malloc. */
static unsigned char *pixels_of(const struct shown *shown, int *width, int *height, int channels)
{
    struct samples samples = { shown->frame.samples, shown->frame.bytes, shown->frame.format, shown->frame.decoded };
    struct text out;
    struct error error = { 0 };
    int64_t w, h;
    text_init(&out, 64 << 20);
    if (!render(&samples, rendering, &out, &w, &h, &error))
        fail_msg("%s", error.message);
    png_image png = { .version = PNG_IMAGE_VERSION };
    assert_int_equal(png_image_begin_read_from_memory(&png, out.at, (size_t)out.len), 1);
    assert_int_equal(png.width, w);
    assert_int_equal(png.height, h);
    png.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    unsigned char *pixels = malloc(PNG_IMAGE_SIZE(png));
    assert_int_equal(png_image_finish_read(&png, NULL, pixels, 0, NULL), 1);
    text_release(&out);
    *width = (int)w;
    *height = (int)h;
    return pixels;
}

/* DCMTK cuts fractions off where we round: brightness differs by 1, and the mean by up to a half. Its YBR tables differ by 2. */
static void shown_as_dcmtk_shows_it(const struct expected *e)
{
    struct shown shown;
    struct rendering_query query;
    int width, height;
    open_shown(&shown, e->file);
    rendering_query_default(&query);
    query.format = PICTURE_PNG + 1;
    if (!strcmp(e->options, "+Wm"))
        query.voi = S("none");
    assert_true(describe(&shown, &query));
    rendering->pixel_aspect = 1;
    rendering->has_padding = false; /* which dcmj2pnm shows like any value */
    unsigned char *pixels = pixels_of(&shown, &width, &height, e->channels);
    assert_int_equal(width, e->width);
    assert_int_equal(height, e->height);
    double sum = 0;
    for (int i = 0; i < width * height * e->channels; i++)
        sum += pixels[i];
    double mean = sum / (width * height * e->channels), tolerance = strstr(e->file, "ybr") ? 2 : 1;
    if (fabs(mean - e->mean) > 0.9)
        fail_msg("%s: the mean is %.3f, DCMTK's %.3f", e->file, mean, e->mean);
    for (int i = 0; i < 64 * e->channels; i++) {
        int x = (2 * (i / e->channels % 8) + 1) * width / 16, y = (2 * (i / e->channels / 8) + 1) * height / 16;
        int pixel = pixels[(y * width + x) * e->channels + i % e->channels];
        if (abs(pixel - e->grid[i]) > tolerance)
            fail_msg("%s: pixel %d, %d is %d, DCMTK's %d", e->file, x, y, pixel, e->grid[i]);
    }
    free(pixels);
    close_shown(&shown);
}

static void pictures_are_dcmtk_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        shown_as_dcmtk_shows_it(&expected[i]);
}

/* What pydicom 3.0.2 and dcmdump read in the headers. */
static void files_say_how(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        double slope, intercept;
        enum voi_function voi;
        double center, width;
        bool invert, padding;
        double aspect;
    } rows[] = {
        { "CT_small.dcm", 1, -1024, VOI_NONE, 0, 0, false, true, 1 },
        { "ct_transfer_syntaxes/CTImage.dcm", 1, -1024, VOI_LINEAR, 40, 400, false, true, 1 },
        { "CR-MONO1-10-chest", 1, 0, VOI_LINEAR, 550, 1024, false, false, 1 },
        { "dx_image.dcm", 1, 0, VOI_LINEAR, 128, 256, false, false, 1 },
        { "vlut_04.dcm", 1, 0, VOI_LUT, 0, 0, false, false, 1 },
        { "US-PAL-8-10x-echo", 1, 0, VOI_NONE, 0, 0, false, false, 1 },
        { "emri_small.dcm", 1, 0, VOI_NONE, 0, 0, false, false, 1 },
        { "mlut_18.dcm", 1, 0, VOI_NONE, 0, 0, false, false, 1 },
        { "OutOfBoundsOverlay.dcm", 1, 0, VOI_LINEAR, 2048, 4096, false, true, 1 },
        { "PT_ACRIN-FLT-Breast_029.dcm", 9.12329, 0, VOI_LINEAR, 30157, 54282, false, false, 1 },
        /* In functional groups: shared window; of floating-point values. */
        { "legacy_converted_ct_mf.dcm", 1, 0, VOI_LINEAR, 1, 2, false, false, 1 },
        { "parametric_map_float.dcm", 1, 0, VOI_LINEAR_EXACT, 0.5, 1, false, false, 1 },
        { "color-px.dcm", 1, 0, VOI_NONE, 0, 0, false, false, 4 / 3.0 },
        { "sm_image.dcm", 1, 0, VOI_NONE, 0, 0, false, false, 1 },
        /* 8 bits: numbers; brightness. */
        { "seg_image_ct_true_fractional.dcm", 1, 0, VOI_NONE, 0, 0, false, false, 1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shown shown;
        struct rendering_query query;
        open_shown(&shown, rows[i].file);
        rendering_query_default(&query);
        print_message("%s\n", rows[i].file);
        assert_true(describe(&shown, &query));
        assert_true(rendering->slope == rows[i].slope && rendering->intercept == rows[i].intercept);
        assert_int_equal(rendering->voi, rows[i].voi);
        assert_true(rendering->center == rows[i].center && rendering->width == rows[i].width);
        assert_int_equal(rendering->invert, rows[i].invert);
        assert_int_equal(rendering->has_padding, rows[i].padding);
        assert_true(fabs(rendering->pixel_aspect - rows[i].aspect) < 1e-9);
        close_shown(&shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_dcmtk_s),
        cmocka_unit_test(files_say_how),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
