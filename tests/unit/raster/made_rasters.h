/* made_rasters.h - PNG and TIFF files made by tests, and the real ones of tests/data. Include after cmocka.h. */
#ifndef ROENTGEN_TEST_MADE_RASTERS_H
#define ROENTGEN_TEST_MADE_RASTERS_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PIXELS = 100000000, FILE_MAX = 4 << 20 };

/* ---- files made here ---- */

struct bytes {
    unsigned char *at;
    size_t len;
};

__attribute__((unused)) static void put(struct bytes *b, const void *data, size_t len)
{
    assert_true(b->len + len <= FILE_MAX);
    memcpy(b->at + b->len, data, len);
    b->len += len;
}

__attribute__((unused)) static void put_big(struct bytes *b, uint32_t n)
{
    put(b,
        (unsigned char[]){ (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                           (unsigned char)n },
        4);
}

__attribute__((unused)) static void put_little(struct bytes *b, uint32_t n, int bytes)
{
    for (int i = 0; i < bytes; i++, n >>= 8)
        put(b, (unsigned char[]){ (unsigned char)n }, 1);
}

__attribute__((unused)) static uint32_t crc32_of(const unsigned char *at, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

__attribute__((unused)) static void put_chunk(struct bytes *b, const char *type, const void *data, size_t len)
{
    put_big(b, (uint32_t)len);
    size_t from = b->len;
    put(b, type, 4);
    put(b, data, len);
    put_big(b, crc32_of(b->at + from, b->len - from));
}

__attribute__((unused)) static void put_png_header(struct bytes *b, uint32_t width, uint32_t height,
                                                   unsigned char depth, unsigned char colour, bool interlaced)
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
__attribute__((unused)) static void put_png_pixels(struct bytes *b, const unsigned char *pixels, size_t row_bytes,
                                                   size_t rows)
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
__attribute__((unused)) static void put_tiff(struct bytes *b, uint32_t width, uint32_t height, uint32_t bits,
                                             const unsigned char *pixels, int pages, uint32_t orientation)
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

__attribute__((unused)) static struct bytes bytes_new(void)
{
    return (struct bytes){ calloc(1, FILE_MAX), 0 };
}

/* As a file without a name; frees the bytes. */
__attribute__((unused)) static int fd_of(struct bytes b)
{
    char path[] = "/tmp/roentgen-raster-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, b.at, b.len), (ssize_t)b.len);
    free(b.at);
    return fd;
}

__attribute__((unused)) static int open_data(const char *name)
{
    char path[1000];
    snprintf(path, sizeof(path), "%s/images/%s", getenv("ROENTGEN_TEST_DATA"), name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    return fd;
}

#endif
