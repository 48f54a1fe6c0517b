/* test_raster_file.c - thumbnails of real pictures, made-up ones and damaged ones, made by decoder processes. */
#include "raster/decoder.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "made_rasters.h"

static struct decoder_pool *pool;

static bool make_thumbnail(int fd, enum file_type type, int size, int64_t max_pixels, struct arena *arena,
                           struct str *out, struct error *error)
{
    struct presentation *presentation = arena_new(arena, struct presentation);
    struct decode_result result;
    struct decode_job job = { .kind = DECODE_RENDER,
                              .fd = fd,
                              .file_type = type,
                              .page = 1,
                              .max_pixels = max_pixels,
                              .presentation = presentation };
    presentation->slope = presentation->pixel_aspect = 1;
    presentation->box_width = presentation->box_height = size;
    presentation->format = PICTURE_JPEG;
    presentation->quality = 82;
    presentation->bits = 8;
    if (!decoder_run(pool, &job, arena, &result, error))
        return false;
    *out = result.bytes;
    return true;
}

/* ---- looking at a thumbnail, with libvips' own eyes ---- */

struct look {
    int width, height, bands;
    double least, greatest, average;
};

static struct look look_at(struct str jpeg)
{
    void *vips = dlopen("libvips.so.42", RTLD_NOW);
    assert_non_null(vips);
    int (*load)(const void *, size_t, void **, ...);
    int (*statistic)(void *, double *, ...);
    int (*number)(void *);
    void (*unref)(void *);
    void *image = NULL, *found;
    struct look look = { 0 };
#define FIND(f, name) (found = dlsym(vips, name), assert_non_null(found), memcpy(&(f), &found, sizeof(found)))
    FIND(load, "vips_jpegload_buffer");
    assert_int_equal(load(jpeg.at, (size_t)jpeg.len, &image, (void *)0), 0);
    FIND(number, "vips_image_get_width");
    look.width = number(image);
    FIND(number, "vips_image_get_height");
    look.height = number(image);
    FIND(number, "vips_image_get_bands");
    look.bands = number(image);
    FIND(statistic, "vips_min");
    assert_int_equal(statistic(image, &look.least, (void *)0), 0);
    FIND(statistic, "vips_max");
    assert_int_equal(statistic(image, &look.greatest, (void *)0), 0);
    FIND(statistic, "vips_avg");
    assert_int_equal(statistic(image, &look.average, (void *)0), 0);
    FIND(unref, "g_object_unref");
    unref(image);
    dlclose(vips);
    return look;
}

static struct look thumbnail(int fd, enum file_type type, int size)
{
    struct arena arena;
    struct error error = { 0 };
    struct str jpeg;
    arena_init(&arena);
    bool ok = make_thumbnail(fd, type, size, MAX_PIXELS, &arena, &jpeg, &error);
    if (!ok)
        print_error("%s\n", error.message);
    assert_true(ok);
    assert_memory_equal(jpeg.at, "\xff\xd8\xff", 3);
    struct look look = look_at(jpeg);
    arena_release(&arena);
    close(fd);
    return look;
}

static struct error refused(int fd, enum file_type type, int64_t max_pixels)
{
    struct arena arena;
    struct error error = { 0 };
    struct str jpeg = S("untouched");
    arena_init(&arena);
    assert_false(make_thumbnail(fd, type, 64, max_pixels, &arena, &jpeg, &error));
    assert_true(str_equal(jpeg, S("untouched")));
    arena_release(&arena);
    close(fd);
    return error;
}

/* ---- tests ---- */

static void thumbnails_fit_and_are_never_larger(void **state)
{
    (void)state;
    struct look look = thumbnail(open_data("kermany_person101_virus_187.jpeg"), FILE_JPEG, 256);
    assert_int_equal(look.width, 256);
    assert_int_equal(look.height, 211);
    assert_int_equal(look.bands, 1);
    assert_true(look.average > 60 && look.average < 200);
    look = thumbnail(open_data("nih_00027426_000.png"), FILE_PNG, 128);
    assert_int_equal(look.width, 128);
    assert_int_equal(look.height, 128);
    look = thumbnail(open_data("stardist_img2d.tif"), FILE_TIFF, 100);
    assert_int_equal(look.width, 100);
    look = thumbnail(open_data("microaneurysms.png"), FILE_PNG, 1024);
    assert_int_equal(look.width, 102);
}

static void deep_pictures_are_stretched(void **state)
{
    (void)state;
    /* 12 bits in 16: cut to the upper 8 this would be black. */
    unsigned char pixels[64 * 64 * 2];
    for (int i = 0; i < 64 * 64; i++) {
        pixels[2 * i] = (unsigned char)(i % 64 * 8);
        pixels[2 * i + 1] = (unsigned char)(i % 64 * 8 >> 8);
    }
    for (int size = 32; size <= 128; size *= 4) {
        struct bytes tiff = bytes_new();
        put_tiff(&tiff, 64, 64, 16, pixels, 1, 0);
        struct look look = thumbnail(fd_of(tiff), FILE_TIFF, size);
        assert_int_equal(look.width, size < 64 ? size : 64);
        assert_int_equal(look.bands, 1);
        assert_true(look.least < 10 && look.greatest > 245);
        assert_true(look.average > 110 && look.average < 145);
    }
    for (int i = 0; i < 64 * 64; i++) { /* the PNG is big endian */
        unsigned char low = pixels[2 * i];
        pixels[2 * i] = pixels[2 * i + 1];
        pixels[2 * i + 1] = low;
    }
    struct bytes png = bytes_new();
    put_png_header(&png, 64, 64, 16, 0, false);
    put_png_pixels(&png, pixels, 128, 64);
    struct look look = thumbnail(fd_of(png), FILE_PNG, 32);
    assert_true(look.least < 10 && look.greatest > 245);
}

static void transparency_becomes_white(void **state)
{
    (void)state;
    unsigned char clear[16 * 16 * 8] = { 0 };
    for (unsigned char depth = 8; depth <= 16; depth = (unsigned char)(depth * 2)) {
        struct bytes png = bytes_new();
        put_png_header(&png, 16, 16, depth, 6, false);
        put_png_pixels(&png, clear, 8u * depth, 16); /* 16 pixels of four samples */
        struct look look = thumbnail(fd_of(png), FILE_PNG, 16);
        assert_int_equal(look.bands, 3);
        if (depth == 8)
            assert_true(look.average > 250);
    }
}

static void pages(void **state)
{
    (void)state;
    unsigned char pixels[8 * 8] = { 0 };
    struct bytes tiff = bytes_new();
    put_tiff(&tiff, 8, 8, 8, pixels, 3, 0);
    int fd = fd_of(tiff);
    assert_int_equal(thumbnail(fd, FILE_TIFF, 8).height, 8); /* the first page only */
}

static void pictures_stand_upright(void **state)
{
    (void)state;
    unsigned char pixels[32 * 8 * 2] = { 0 };
    for (int bits = 8; bits <= 16; bits *= 2) {
        struct bytes tiff = bytes_new();
        put_tiff(&tiff, 32, 8, (uint32_t)bits, pixels, 1, 6); /* turn by 90 degrees */
        struct look look = thumbnail(fd_of(tiff), FILE_TIFF, 16);
        assert_int_equal(look.width, 4);
        assert_int_equal(look.height, 16);
    }
}

static void thin_pictures_keep_a_pixel(void **state)
{
    (void)state;
    unsigned char *pixels = calloc(20000, 2);
    for (int bits = 8; bits <= 16; bits *= 2) {
        struct bytes tiff = bytes_new();
        put_tiff(&tiff, 20000, 1, (uint32_t)bits, pixels, 1, 0);
        struct look look = thumbnail(fd_of(tiff), FILE_TIFF, 100);
        assert_int_equal(look.width, 100);
        assert_int_equal(look.height, 1);
    }
    free(pixels);
}

static void absurd_dimensions_are_refused_before_decoding(void **state)
{
    (void)state;
    struct bytes png = bytes_new();
    put_png_header(&png, 60000, 60000, 8, 0, false);
    put_png_pixels(&png, (unsigned char[]){ 0 }, 1, 1);
    struct error error = refused(fd_of(png), FILE_PNG, MAX_PIXELS);
    assert_int_equal(error.code, E_INVALID);
    assert_non_null(strstr(error.message, "60000 x 60000"));
    /* Within the limit, but interlaced, so that it would be decoded in one piece. */
    png = bytes_new();
    put_png_header(&png, 30000, 30000, 8, 6, true);
    put_png_pixels(&png, (unsigned char[]){ 0 }, 1, 1);
    error = refused(fd_of(png), FILE_PNG, INT64_C(1000000000));
    assert_int_equal(error.code, E_INVALID);
    assert_non_null(strstr(error.message, "interlaced"));
}

static void damage_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum file_type type;
    } rows[] = { { "kermany_person101_virus_187.jpeg", FILE_JPEG },
                 { "nih_00027426_000.png", FILE_PNG },
                 { "microaneurysms.png", FILE_PNG },
                 { "stardist_img2d.tif", FILE_TIFF } };
    struct error error = refused(open_data("truncated.jpg"), FILE_JPEG, MAX_PIXELS);
    assert_int_equal(error.code, E_INVALID);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int part = 1; part <= 9; part += 2) { /* cut at a tenth, three tenths ... of its length */
            struct bytes b = bytes_new();
            int fd = open_data(rows[i].name);
            b.len = (size_t)read(fd, b.at, FILE_MAX) * (size_t)part / 10;
            close(fd);
            print_message("%s, %d tenths\n", rows[i].name, part);
            error = refused(fd_of(b), rows[i].type, MAX_PIXELS);
            assert_int_equal(error.code, E_INVALID);
            assert_true(strstr(error.message, "damaged") || strstr(error.message, "cut short"));
        }
}

static void files_that_lie(void **state)
{
    (void)state;
    struct bytes b = bytes_new();
    put(&b, "\xff", 1);
    assert_int_equal(refused(fd_of(b), FILE_JPEG, MAX_PIXELS).code, E_INVALID);
    assert_int_equal(refused(fd_of(bytes_new()), FILE_PNG, MAX_PIXELS).code, E_INVALID); /* empty */
    assert_int_equal(refused(open_data("stardist_img2d.tif"), FILE_JPEG, MAX_PIXELS).code, E_INVALID);
    assert_int_equal(refused(open_data("microaneurysms.png"), FILE_TIFF, MAX_PIXELS).code, E_INVALID);
    assert_int_equal(refused(open_data("../NOTICE.md"), FILE_PNG, MAX_PIXELS).code, E_INVALID);
    assert_int_equal(refused(open_data("microaneurysms.png"), FILE_DICOM, MAX_PIXELS).code, E_INVALID);
    /* The right first bytes, and then nothing of the kind. */
    b = bytes_new();
    put(&b, "\xff\xd8\xff\xe0 and no more", 16);
    assert_int_equal(refused(fd_of(b), FILE_JPEG, MAX_PIXELS).code, E_INVALID);
    b = bytes_new();
    put(&b, "II*\0\x08\0\0\0\xff\xff", 10);
    assert_int_equal(refused(fd_of(b), FILE_TIFF, MAX_PIXELS).code, E_INVALID);
}

static void *make_thumbnails(void *context)
{
    const char *const *paths = context; /* a failing assertion may not leave this thread */
    for (int i = 0; i < 5; i++) {
        struct arena arena;
        struct error error = { 0 };
        struct str jpeg;
        arena_init(&arena);
        int good = open(paths[0], O_RDONLY), bad = open(paths[1], O_RDONLY);
        bool right = make_thumbnail(good, FILE_PNG, 64, MAX_PIXELS, &arena, &jpeg, &error) &&
                     !make_thumbnail(bad, FILE_JPEG, 64, MAX_PIXELS, &arena, &jpeg, &error) && error.code == E_INVALID;
        close(good);
        close(bad);
        arena_release(&arena);
        if (!right)
            return (void *)1;
    }
    return NULL;
}

static void several_threads_at_once(void **state)
{
    (void)state;
    char good[1000], bad[1000];
    snprintf(good, sizeof(good), "%s/images/nih_00027426_000.png", getenv("ROENTGEN_TEST_DATA"));
    snprintf(bad, sizeof(bad), "%s/images/truncated.jpg", getenv("ROENTGEN_TEST_DATA"));
    const char *paths[] = { good, bad };
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, make_thumbnails, paths);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

static int open_pool(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct decoder_options options = { .processes = 2,
                                       .memory_bytes = INT64_C(2) << 30,
                                       .timeout_ms = 60000,
                                       .max_result_bytes = 1 << 30,
                                       .program = getenv("TEST_ROENTGEN") };
    return decoder_pool_open(&options, &pool, &error) ? 0 : -1;
}

static int close_pool(void **state)
{
    (void)state;
    decoder_pool_close(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_threads_at_once),
        cmocka_unit_test(thumbnails_fit_and_are_never_larger),
        cmocka_unit_test(deep_pictures_are_stretched),
        cmocka_unit_test(transparency_becomes_white),
        cmocka_unit_test(pages),
        cmocka_unit_test(pictures_stand_upright),
        cmocka_unit_test(thin_pictures_keep_a_pixel),
        cmocka_unit_test(absurd_dimensions_are_refused_before_decoding),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(files_that_lie),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
