/* test_encode_jpeg.c - the short way of grey pictures makes the same bytes as libjpeg's own. */
#include "raster/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jpeglib.h>

static void fill(struct picture *picture)
{
    uint32_t noise = 1;
    for (ptrdiff_t i = 0; i < picture->stride * picture->height; i++) {
        noise = noise * 1664525 + 1013904223;
        picture->at[i] = (unsigned char)((i % picture->stride) / 3 + (noise >> 28));
    }
}

/* Row by row, which takes rows of any width. */
static void by_rows(const struct picture *picture, int quality, unsigned char **out, unsigned long *len)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr trouble;
    jpeg.err = jpeg_std_error(&trouble);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, out, len);
    jpeg.image_width = (JDIMENSION)picture->width;
    jpeg.image_height = (JDIMENSION)picture->height;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = picture->at + (ptrdiff_t)jpeg.next_scanline * picture->stride;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
}

static void grey_pictures_are_what_libjpeg_makes_of_their_rows(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = { { 8, 8 }, { 8, 1 }, { 16, 13 }, { 64, 23 }, { 512, 65 }, { 61, 17 }, { 1, 1 } };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int quality = 40; quality <= 100; quality += 30) {
            struct picture picture = { sizes[i][0], sizes[i][1], 1, 8, (ptrdiff_t)sizes[i][0], NULL };
            struct error error = { 0 };
            struct text out;
            unsigned char *expected = NULL;
            unsigned long len = 0;
            picture.at =
                malloc((size_t)(picture.stride * picture.height)); /* not a byte more: AddressSanitizer looks */
            assert_non_null(picture.at);
            fill(&picture);
            text_init(&out, 1 << 20);
            assert_true(encode_jpeg(&picture, quality, &out, &error));
            by_rows(&picture, quality, &expected, &len);
            assert_int_equal(out.len, len);
            assert_memory_equal(out.at, expected, len);
            text_release(&out);
            free(expected);
            free(picture.at);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(grey_pictures_are_what_libjpeg_makes_of_their_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
