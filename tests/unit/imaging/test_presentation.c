/* test_presentation.c - sample files as DCMTK shows them, and what files and requests say of a picture. */
#include "imaging/presentation.h"

#include "../dicom/frame.h"
#include "../raster/written.h"
#include "rendered_expected.h"

#include <png.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#undef fail /* cmocka has one, too */
#include <cmocka.h>

static struct call call;
static struct presentation *presentation;

static int begin(void **state)
{
    (void)state;
    call_init(&call, NULL, NULL);
    presentation = calloc(1, sizeof(*presentation));
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(presentation);
    call_release(&call);
    return 0;
}

static const char *path_of(const char *file)
{
    static char path[1000];
    snprintf(path, sizeof(path), "%s/dicom/%s", getenv("ROENTGEN_TEST_DATA"), file);
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

static bool describe(const struct shown *shown, const struct picture_query *query)
{
    call_reset(&call);
    return presentation_of(&call, shown->file.object, &shown->frame.format, 1, query, presentation);
}

/* Rendered as PNG and decoded again: width * height * channels bytes, malloc. */
static unsigned char *pixels_of(const struct shown *shown, int *width, int *height, int channels)
{
    struct samples samples = { shown->frame.samples, shown->frame.bytes, shown->frame.format, shown->frame.decoded };
    struct text out;
    struct error error = { 0 };
    int64_t w, h;
    text_init(&out, 64 << 20);
    if (!render(&samples, presentation, &out, &w, &h, &error))
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

/* DCMTK cuts fractions off where we round: brightness differs by 1, and the mean by up to a half. Its YBR tables
 * differ by 2. */
static void shown_as_dcmtk_shows_it(const struct expected *e)
{
    struct shown shown;
    struct picture_query query;
    int width, height;
    open_shown(&shown, e->file);
    picture_query_default(&query);
    query.format = PICTURE_PNG + 1;
    if (!strcmp(e->options, "+Wm"))
        query.voi = S("none");
    assert_true(describe(&shown, &query));
    presentation->pixel_aspect = 1;
    presentation->has_padding = false; /* which dcmj2pnm shows like any value */
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
        struct picture_query query;
        open_shown(&shown, rows[i].file);
        picture_query_default(&query);
        assert_true(describe(&shown, &query));
        assert_true(presentation->slope == rows[i].slope && presentation->intercept == rows[i].intercept);
        assert_int_equal(presentation->voi, rows[i].voi);
        assert_true(presentation->center == rows[i].center && presentation->width == rows[i].width);
        assert_int_equal(presentation->invert, rows[i].invert);
        assert_int_equal(presentation->has_padding, rows[i].padding);
        assert_true(fabs(presentation->pixel_aspect - rows[i].aspect) < 1e-9);
        close_shown(&shown);
    }
}

/* ---- data sets written here ---- */

static const struct pixel_format grey_format = { .rows = 4,
                                                 .columns = 4,
                                                 .frames = 1,
                                                 .samples = 1,
                                                 .bits_allocated = 16,
                                                 .bits_stored = 12,
                                                 .high_bit = 11,
                                                 .photometric = MONOCHROME2 };

/* A CT with two VOI LUTs (the first broken) and three windows (the second without width). */
static void write_choices(struct written *w)
{
    written_begin(w, false);
    written_text(w, DICOM_Modality, "CS", "CT");
    written_text(w, 0x00281050, "DS", "40\\50\\-600");
    written_text(w, 0x00281051, "DS", "400\\0\\1500");
    written_text(w, 0x00281052, "DS", "-1024");
    written_text(w, 0x00281053, "DS", "2");
    written_text(w, 0x00281055, "LO", "WINDOW1\\none such\\ Lung ");
    written_item(w, 0x00283010);
    written_us(w, 0x00283002, 3, (const uint16_t[]){ 9, 0, 16 });
    written_us(w, 0x00283006, 2, (const uint16_t[]){ 1, 2 });
    written_next_item(w);
    written_us(w, 0x00283002, 3, (const uint16_t[]){ 2, 0xFC00, 16 });
    written_text(w, 0x00283003, "LO", "HARD");
    written_us(w, 0x00283006, 2, (const uint16_t[]){ 1, 2 });
    written_item_end(w);
    written_read(w);
}

static bool ask(const struct written *w, const struct pixel_format *format, int64_t frame,
                const struct picture_query *query)
{
    call_reset(&call);
    return presentation_of(&call, w->object, format, frame, query, presentation);
}

static void choices_by_number_and_name(void **state)
{
    (void)state;
    static const struct {
        const char *voi;
        bool ok;
        enum voi_function function;
        double center, width;
    } rows[] = {
        { NULL, true, VOI_LINEAR, 40, 400 }, /* the first LUT is broken: passed over */
        { "none", true, VOI_NONE, 0, 0 },      { "1", false, VOI_NONE, 0, 0 },
        { "2", true, VOI_LUT, 0, 0 },          { "hard", true, VOI_LUT, 0, 0 },
        { "3", true, VOI_LINEAR, 40, 400 },    { "4", false, VOI_NONE, 0, 0 },
        { "5", true, VOI_LINEAR, -600, 1500 }, { "LUNG", true, VOI_LINEAR, -600, 1500 },
        { "6", false, VOI_NONE, 0, 0 },        { "0", false, VOI_NONE, 0, 0 },
        { "-1", false, VOI_NONE, 0, 0 },       { "soft", false, VOI_NONE, 0, 0 },
    };
    struct written w;
    write_choices(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct picture_query query;
        picture_query_default(&query);
        query.voi = str_from(rows[i].voi);
        if (ask(&w, &grey_format, 1, &query) != rows[i].ok)
            fail_msg("voi %s: %s", rows[i].voi, call.error.message);
        assert_int_equal(call.error.code, rows[i].ok ? E_NONE : E_INVALID);
        if (!rows[i].ok)
            continue;
        assert_int_equal(presentation->voi, rows[i].function);
        assert_true(presentation->center == rows[i].center && presentation->width == rows[i].width);
        assert_true(presentation->slope == 2 && presentation->intercept == -1024);
        if (presentation->voi == VOI_LUT) /* rescaled values are negative: so is the first one */
            assert_int_equal(presentation->voi_lut.first, -1024);
    }
    written_end(&w);
}

static void wishes_are_checked(void **state)
{
    (void)state;
    struct written w;
    struct pixel_format colour = grey_format;
    struct picture_query query;
    write_choices(&w);
    colour.samples = 3;
    colour.photometric = RGB;
#define ASKS(format, ok, change) picture_query_default(&query), change, assert_int_equal(ask(&w, format, 1, &query), ok)
    ASKS(&grey_format, true, (query.window_center = -5, query.window_width = 80));
    assert_true(presentation->voi == VOI_LINEAR && presentation->center == -5 && presentation->width == 80);
    ASKS(&grey_format, true, (query.window_center = -5, query.window_width = 0.5));
    assert_int_equal(presentation->voi, VOI_LINEAR_EXACT);
    ASKS(&grey_format, true, query.preset = 1);
    assert_true(presentation->center == -600 && presentation->width == 1500);
    ASKS(&grey_format, true, (query.bits = 16, query.format = PICTURE_PNG + 1));
    ASKS(&grey_format, true, (query.invert = true, query.width = 100));
    assert_true(presentation->invert && presentation->box_width == 100 && presentation->box_height == 0);
    ASKS(&grey_format, false, query.window_center = 5);
    ASKS(&grey_format, false, query.window_width = 5);
    ASKS(&grey_format, false, (query.window_center = 5, query.window_width = 0));
    ASKS(&grey_format, false, (query.preset = 1, query.voi = S("2")));
    ASKS(&grey_format, false, query.bits = 16);
    ASKS(&grey_format, false, query.bits = 12);
    assert_int_equal(call.error.code, E_INVALID);
    assert_int_equal(call.error.problem_count, 1);
    ASKS(&colour, true, query.invert = true);
    assert_int_equal(presentation->voi, VOI_NONE);
    ASKS(&colour, false, query.preset = 1);
    ASKS(&colour, false, query.voi = S("1"));
    ASKS(&colour, false, (query.window_center = 5, query.window_width = 5));
    ASKS(&colour, false, (query.bits = 16, query.format = PICTURE_PNG + 1));
    written_end(&w);
    written_begin(&w, false);
    written_text(&w, DICOM_Modality, "CS", "MR");
    written_read(&w);
    ASKS(&grey_format, false, query.preset = 1);
    written_end(&w);
}

/* The frame's own groups before the shared ones, these before the root. */
static void functional_groups_count_first(void **state)
{
    (void)state;
    struct written w;
    struct picture_query query;
    picture_query_default(&query);
    written_begin(&w, false);
    written_text(&w, 0x00281050, "DS", "1");
    written_text(&w, 0x00281051, "DS", "10");
    written_text(&w, 0x20500020, "CS", "INVERSE");
    written_item(&w, 0x52009229);
    written_item(&w, 0x00289145);
    written_text(&w, 0x00281052, "DS", "-7");
    written_text(&w, 0x00281053, "DS", "0.5");
    written_item_end(&w);
    written_item(&w, 0x00289110);
    written_text(&w, 0x00280030, "DS", "3\\1.5");
    written_item_end(&w);
    written_item_end(&w);
    written_item(&w, 0x52009230);
    written_text(&w, 0x00209999, "LO", "first frame");
    written_next_item(&w);
    written_item(&w, 0x00289132);
    written_text(&w, 0x00281050, "DS", "2");
    written_text(&w, 0x00281051, "DS", "20");
    written_text(&w, 0x00281056, "CS", "SIGMOID");
    written_item_end(&w);
    written_item_end(&w);
    written_read(&w);
    assert_true(ask(&w, &grey_format, 1, &query));
    assert_true(presentation->voi == VOI_LINEAR && presentation->center == 1 && presentation->width == 10);
    assert_true(presentation->slope == 0.5 && presentation->intercept == -7 && presentation->pixel_aspect == 2);
    assert_true(presentation->invert);
    assert_true(ask(&w, &grey_format, 2, &query));
    assert_true(presentation->voi == VOI_SIGMOID && presentation->center == 2 && presentation->width == 20);
    /* MONOCHROME1 and INVERSE say the same: one inversion, which the photometric interpretation makes. */
    struct pixel_format inverse = grey_format;
    inverse.photometric = MONOCHROME1;
    assert_true(ask(&w, &inverse, 1, &query));
    assert_false(presentation->invert);
    written_end(&w);
}

static void padding_is_what_the_stored_bits_hold(void **state)
{
    (void)state;
    static const struct {
        const char *vr;
        uint16_t value, limit;
        bool is_signed;
        int bits;
        bool has;
        int64_t low, high;
    } rows[] = {
        { "US", 63536, 0, true, 16, true, -2000, -2000 },
        { "SS", 63536, 63537, true, 16, true, -2000, -1999 },
        { "US", 0, 0, false, 12, true, 0, 0 },
        { "US", 4095, 4000, false, 12, true, 4000, 4095 },
        { "US", 63536, 0, false, 12, false, 0, 0 },
        { "SS", 63536, 0, false, 16, false, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct written w;
        struct picture_query query;
        struct pixel_format format = grey_format;
        format.is_signed = rows[i].is_signed;
        format.bits_stored = rows[i].bits;
        picture_query_default(&query);
        written_begin(&w, false);
        written_words(&w, 0x00280120, rows[i].vr, 1, &rows[i].value);
        if (rows[i].limit)
            written_words(&w, 0x00280121, rows[i].vr, 1, &rows[i].limit);
        written_read(&w);
        assert_true(ask(&w, &format, 1, &query));
        assert_int_equal(presentation->has_padding, rows[i].has);
        if (rows[i].has)
            assert_true(presentation->padding_low == rows[i].low && presentation->padding_high == rows[i].high);
        written_end(&w);
    }
}

static void photographs_are_as_they_are(void **state)
{
    (void)state;
    struct picture_query query;
    picture_query_default(&query);
    assert_true(presentation_of(&call, NULL, NULL, 1, &query, presentation));
    assert_int_equal(presentation->voi, VOI_AS_IS);
    query.preset = 1;
    call_reset(&call);
    assert_false(presentation_of(&call, NULL, NULL, 1, &query, presentation));
    assert_int_equal(call.error.code, E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_dcmtk_s),          cmocka_unit_test(files_say_how),
        cmocka_unit_test(choices_by_number_and_name),    cmocka_unit_test(wishes_are_checked),
        cmocka_unit_test(functional_groups_count_first), cmocka_unit_test(padding_is_what_the_stored_bits_hold),
        cmocka_unit_test(photographs_are_as_they_are),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
