/* test_raster.c - dimensions and thumbnails of real pictures, made-up ones and damaged ones. */
#include "raster/raster.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum { MAX_PIXELS = 100000000, FILE_MAX = 4 << 20 };

/* ---- files made here ---- */

struct bytes {
    unsigned char *at;
    size_t len;
};

static void put(struct bytes *b, const void *data, size_t len)
{
    assert_true(b->len + len <= FILE_MAX);
    memcpy(b->at + b->len, data, len);
    b->len += len;
}

static void put_big(struct bytes *b, uint32_t n)
{
    put(b,
        (unsigned char[]){ (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                           (unsigned char)n },
        4);
}

static void put_little(struct bytes *b, uint32_t n, int bytes)
{
    for (int i = 0; i < bytes; i++, n >>= 8)
        put(b, (unsigned char[]){ (unsigned char)n }, 1);
}

static uint32_t crc32_of(const unsigned char *at, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void put_chunk(struct bytes *b, const char *type, const void *data, size_t len)
{
    put_big(b, (uint32_t)len);
    size_t from = b->len;
    put(b, type, 4);
    put(b, data, len);
    put_big(b, crc32_of(b->at + from, b->len - from));
}

static void put_png_header(struct bytes *b, uint32_t width, uint32_t height, unsigned char depth, unsigned char colour,
                           bool interlaced)
{
    put(b, "\x89PNG\r\n\x1a\n", 8);
    unsigned char header[13];
    struct bytes h = { header, 0 };
    put_big(&h, width);
    put_big(&h, height);
    put(&h, (unsigned char[]){ depth, colour, 0, 0, interlaced }, 5);
    put_chunk(b, "IHDR", header, sizeof(header));
}

/* Pixels as the PNG holds them, one row after another; deflate in stored blocks. */
static void put_png_pixels(struct bytes *b, const unsigned char *pixels, size_t row_bytes, size_t rows)
{
    struct bytes z = { malloc(FILE_MAX), 0 };
    put(&z, "\x78\x01", 2);
    uint32_t a = 1, c = 0;
    for (size_t y = 0; y < rows; y++) {
        uint32_t len = (uint32_t)row_bytes + 1;
        put(&z, (unsigned char[]){ y + 1 == rows }, 1);
        put_little(&z, len, 2);
        put_little(&z, ~len, 2);
        size_t from = z.len;
        put(&z, "", 1);
        put(&z, pixels + y * row_bytes, row_bytes);
        for (size_t i = from; i < z.len; i++) {
            a = (a + z.at[i]) % 65521;
            c = (c + a) % 65521;
        }
    }
    put_big(&z, c << 16 | a);
    put_chunk(b, "IDAT", z.at, z.len);
    put_chunk(b, "IEND", "", 0);
    free(z.at);
}

/* A little-endian TIFF of one strip a page, grey, `bits` a sample. orientation 0: none said. */
static void put_tiff(struct bytes *b, uint32_t width, uint32_t height, uint32_t bits, const unsigned char *pixels,
                     int pages, uint32_t orientation)
{
    uint32_t strip = width * height * bits / 8;
    put(b, "II*\0", 4);
    put_little(b, 8 + strip, 4);
    put(b, pixels, strip);
    for (int page = 0; page < pages; page++) {
        const uint32_t tags[][2] = { { 256, width },
                                     { 257, height },
                                     { 258, bits },
                                     { 259, 1 },
                                     { 262, 1 },
                                     { 273, 8 },
                                     { 274, orientation ? orientation : 1 },
                                     { 277, 1 },
                                     { 278, height },
                                     { 279, strip } };
        enum { TAGS = sizeof(tags) / sizeof(tags[0]) };
        put_little(b, TAGS, 2);
        for (int i = 0; i < TAGS; i++) {
            put_little(b, tags[i][0], 2);
            put_little(b, 4, 2); /* LONG */
            put_little(b, 1, 4);
            put_little(b, tags[i][1], 4);
        }
        put_little(b, page + 1 < pages ? (uint32_t)b->len + 4 : 0, 4);
    }
}

static struct bytes bytes_new(void)
{
    return (struct bytes){ calloc(1, FILE_MAX), 0 };
}

/* As a file without a name; frees the bytes. */
static int fd_of(struct bytes b)
{
    char path[] = "/tmp/roentgen-raster-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, b.at, b.len), (ssize_t)b.len);
    free(b.at);
    return fd;
}

static int open_data(const char *name)
{
    char path[1000];
    snprintf(path, sizeof(path), "%s/images/%s", getenv("ROENTGEN_TEST_DATA"), name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    return fd;
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
    bool ok = raster_thumbnail(fd, type, size, MAX_PIXELS, &arena, &jpeg, &error);
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
    assert_false(raster_thumbnail(fd, type, 64, max_pixels, &arena, &jpeg, &error));
    assert_true(str_equal(jpeg, S("untouched")));
    arena_release(&arena);
    close(fd);
    return error;
}

/* ---- tests ---- */

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum file_type type;
        int width, height;
    } rows[] = {
        { "kermany_person101_virus_187.jpeg", FILE_JPEG, 1592, 1312 },
        { "nih_00027426_000.png", FILE_PNG, 512, 512 },
        { "microaneurysms.png", FILE_PNG, 102, 102 },
        { "stardist_img2d.tif", FILE_TIFF, 256, 256 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raster_info info;
        struct error error = { 0 };
        int64_t pixels = (int64_t)rows[i].width * rows[i].height;
        int fd = open_data(rows[i].name);
        assert_true(raster_probe(fd, rows[i].type, pixels, &info, &error));
        assert_int_equal(info.width, rows[i].width);
        assert_int_equal(info.height, rows[i].height);
        assert_int_equal(info.pages, 1);
        assert_false(raster_probe(fd, rows[i].type, pixels - 1, &info, &error));
        assert_int_equal(error.code, E_INVALID);
        close(fd);
    }
}

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
    struct raster_info info;
    struct error error = { 0 };
    assert_true(raster_probe(fd, FILE_TIFF, 8 * 8 * 3, &info, &error));
    assert_int_equal(info.pages, 3);
    assert_false(raster_probe(fd, FILE_TIFF, 8 * 8 * 3 - 1, &info, &error));
    assert_int_equal(error.code, E_INVALID);
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
            assert_non_null(strstr(error.message, "damaged"));
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
    b = bytes_new(); /* a directory that names itself as the next */
    unsigned char pixel = 0;
    put_tiff(&b, 1, 1, 8, &pixel, 1, 0);
    b.len -= 4;
    put_little(&b, 9, 4);
    struct raster_info info;
    struct error error = { 0 };
    int fd = fd_of(b);
    bool ok = raster_probe(fd, FILE_TIFF, MAX_PIXELS, &info, &error);
    assert_true(ok ? info.pages < 3 : error.code == E_INVALID);
    close(fd);
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
        bool right = raster_thumbnail(good, FILE_PNG, 64, MAX_PIXELS, &arena, &jpeg, &error) &&
                     !raster_thumbnail(bad, FILE_JPEG, 64, MAX_PIXELS, &arena, &jpeg, &error) &&
                     error.code == E_INVALID;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_threads_at_once), /* first: all find the library not yet open */
        cmocka_unit_test(headers),
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}
