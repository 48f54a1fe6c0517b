/* test_raster_header.c - dimensions of JPEG, PNG and TIFF files from their headers, and headers that lie. */
#include "raster/raster.h"

#include <stdarg.h>

#include <setjmp.h>
#include <cmocka.h>

#include "made_rasters.h"

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

static struct error refused(struct bytes b, enum file_type type)
{
    struct error error = { 0 };
    struct raster_info info = { .width = 7 };
    int fd = fd_of(b);
    assert_false(raster_probe(fd, type, MAX_PIXELS, &info, &error));
    assert_int_equal(error.code, E_INVALID);
    assert_int_equal(info.width, 7);
    close(fd);
    return error;
}

static struct raster_info probed(struct bytes b, enum file_type type)
{
    struct error error = { 0 };
    struct raster_info info;
    int fd = fd_of(b);
    bool ok = raster_probe(fd, type, MAX_PIXELS, &info, &error);
    if (!ok)
        print_error("%s\n", error.message);
    assert_true(ok);
    close(fd);
    return info;
}

static struct bytes literal(const char *at, size_t len)
{
    struct bytes b = bytes_new();
    put(&b, at, len);
    return b;
}
#define BYTES(text) literal(text, sizeof(text) - 1)

/* ---- JPEG ---- */

#define SOF(marker, depth, size, components) "\xff" marker "\0\x0b" depth size components "\1\x11\0"
#define SOS "\xff\xda\0\x08\1\1\0\0\x3f\0"

static void jpeg_segments_are_walked(void **state)
{
    (void)state;
    /* A comment, a restart marker, fill bytes, then 300 lines of 500. */
    struct raster_info info =
        probed(BYTES("\xff\xd8\xff\xfe\0\6abcd\xff\xd0\xff\xff\xff" SOF("\xc0", "\x08", "\x01\x2c\x01\xf4", "\1") SOS),
               FILE_JPEG);
    assert_int_equal(info.width, 500);
    assert_int_equal(info.height, 300);
    assert_int_equal(info.pages, 1);
}

static void jpegs_that_lie(void **state)
{
    (void)state;
    refused(BYTES(""), FILE_JPEG);
    refused(BYTES("\xff\xd8"), FILE_JPEG);
    refused(BYTES("\xff\xd8\xff\xe0\0\0"), FILE_JPEG);     /* a segment shorter than its length */
    refused(BYTES("\xff\xd8\xff\xe0\xff\xff"), FILE_JPEG); /* one that ends past the file */
    refused(BYTES("\xff\xd8\xff\xd9"), FILE_JPEG);         /* nothing between beginning and end */
    refused(BYTES("\xff\xd8" SOS SOF("\xc0", "\x08", "\0\1\0\1", "\1")), FILE_JPEG); /* a scan of no frame */
    refused(BYTES("\xff\xd8" SOF("\xc0", "\x08", "\0\0\0\1", "\1") SOS), FILE_JPEG); /* no lines (B.2.5, DNL) */
    refused(BYTES("\xff\xd8" SOF("\xc0", "\x08", "\0\1\0\0", "\1") SOS), FILE_JPEG);
    refused(BYTES("\xff\xd8" SOF("\xc0", "\x08", "\0\1\0\1", "\5") SOS), FILE_JPEG);
    refused(BYTES("\xff\xd8" SOF("\xc0", "\x08", "\0\1\0\1", "\1") SOF("\xc0", "\x08", "\0\1\0\1", "\1") SOS),
            FILE_JPEG); /* two frames */
    assert_non_null(
        strstr(refused(BYTES("\xff\xd8" SOF("\xc1", "\x0c", "\0\1\0\1", "\1") SOS), FILE_JPEG).message, "12 bits"));
    assert_non_null(
        strstr(refused(BYTES("\xff\xd8" SOF("\xc3", "\x08", "\0\1\0\1", "\1") SOS), FILE_JPEG).message, "process 3"));
    /* Progressive, or its components one after another: decoded as a whole, so not at any size. */
    assert_non_null(
        strstr(refused(BYTES("\xff\xd8" SOF("\xc2", "\x08", "\x27\x10\x27\x10", "\3") SOS), FILE_JPEG).message,
               "progressive"));
    assert_non_null(
        strstr(refused(BYTES("\xff\xd8" SOF("\xc0", "\x08", "\x27\x10\x27\x10", "\3") SOS), FILE_JPEG).message,
               "progressive"));
}

/* ---- PNG ---- */

static void pngs_that_lie(void **state)
{
    (void)state;
    struct bytes b = bytes_new();
    put_png_header(&b, 7, 9, 16, 6, true);
    b.len--; /* the CRC's last byte */
    refused(b, FILE_PNG);
    b = bytes_new();
    put_png_header(&b, 7, 9, 16, 6, true);
    b.at[19]++; /* the width, and no longer the CRC's */
    refused(b, FILE_PNG);
    static const struct {
        uint32_t width, height;
        unsigned char depth, colour;
    } rows[] = { { 0, 9, 8, 0 }, { 7, 0, 8, 0 },   { 0x80000000, 1, 8, 0 }, { 1, 0xffffffff, 8, 0 },
                 { 7, 9, 3, 0 }, { 7, 9, 4, 2 },   { 7, 9, 16, 3 },         { 7, 9, 8, 5 },
                 { 7, 9, 0, 0 }, { 7, 9, 8, 255 }, { 20000, 20000, 8, 0 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        b = bytes_new();
        put_png_header(&b, rows[i].width, rows[i].height, rows[i].depth, rows[i].colour, false);
        refused(b, FILE_PNG);
    }
    b = bytes_new();
    put_png_header(&b, 7, 9, 16, 6, true);
    struct raster_info info = probed(b, FILE_PNG);
    assert_int_equal(info.width, 7);
    assert_int_equal(info.height, 9);
}

/* ---- TIFF ---- */

static void pages_are_counted(void **state)
{
    (void)state;
    unsigned char pixels[8 * 8] = { 0 };
    struct bytes b = bytes_new();
    struct raster_info info;
    struct error error = { 0 };
    put_tiff(&b, 8, 8, 8, pixels, 3, 0);
    int fd = fd_of(b);
    assert_true(raster_probe(fd, FILE_TIFF, 8 * 8 * 3, &info, &error));
    assert_int_equal(info.pages, 3);
    assert_false(raster_probe(fd, FILE_TIFF, 8 * 8 * 3 - 1, &info, &error));
    assert_int_equal(error.code, E_INVALID);
    close(fd);
}

static void big_tiffs(void **state)
{
    (void)state;
    struct raster_info info = probed(BYTES("MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10"
                                           "\0\0\0\0\0\0\0\2"
                                           "\1\0\0\3\0\0\0\0\0\0\0\1\2\0\0\0\0\0\0\0"   /* SHORT 512 */
                                           "\1\1\0\x10\0\0\0\0\0\0\0\1\0\0\0\0\0\1\0\0" /* LONG8 65536 */
                                           "\0\0\0\0\0\0\0\0"),
                                     FILE_TIFF);
    assert_int_equal(info.width, 512);
    assert_int_equal(info.height, 65536);
    assert_int_equal(info.pages, 1);
}

static void tiffs_that_lie(void **state)
{
    (void)state;
    unsigned char pixel = 0;
    struct bytes b = bytes_new(); /* a directory that names itself as the next */
    put_tiff(&b, 1, 1, 8, &pixel, 1, 0);
    b.len -= 4;
    put_little(&b, 9, 4);
    refused(b, FILE_TIFF);
    refused(BYTES("II*\0\x08\0\0\0\xff\xff"), FILE_TIFF); /* 65535 entries, none there */
    refused(BYTES("II*\0\0\0\0\0"), FILE_TIFF);           /* the directory is the header */
    refused(BYTES("II*\0\xff\xff\xff\xff"), FILE_TIFF);
    refused(BYTES("IM*\0\x08\0\0\0"), FILE_TIFF);
    refused(BYTES("II*\0\x08\0\0\0\0\0\0\0\0\0"), FILE_TIFF);                     /* no entries */
    refused(BYTES("II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), FILE_TIFF); /* an offset past every file */
    /* Width and height of a type that is no number, of several numbers, past 2^31. */
    refused(BYTES("II*\0\x08\0\0\0\2\0\0\1\2\0\1\0\0\0A\0\0\0\1\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"), FILE_TIFF);
    refused(BYTES("II*\0\x08\0\0\0\2\0\0\1\3\0\2\0\0\0\1\0\0\0\1\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"), FILE_TIFF);
    refused(BYTES("II*\0\x08\0\0\0\2\0\0\1\4\0\1\0\0\0\xff\xff\xff\xff\1\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"), FILE_TIFF);
}

static void others_have_no_header(void **state)
{
    (void)state;
    refused(BYTES("whatever"), FILE_DICOM);
    refused(BYTES("whatever"), FILE_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),        cmocka_unit_test(jpeg_segments_are_walked), cmocka_unit_test(jpegs_that_lie),
        cmocka_unit_test(pngs_that_lie),  cmocka_unit_test(pages_are_counted),        cmocka_unit_test(big_tiffs),
        cmocka_unit_test(tiffs_that_lie), cmocka_unit_test(others_have_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
