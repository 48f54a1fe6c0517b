/* encode_png.c - PNG (ISO 15948) by libpng: grey or RGB, 8 or 16 bits. */
#include "raster/picture.h"

#include <endian.h>

#include <png.h>

/* Measured on CT, CR, MR, fundus and ultrasound: level 3 makes files 5 to 8 % smaller than level 1 and takes about
 * twice as long, level 6 another 5 % for four times as long. Differences of neighbours (SUB) help what is grey; the
 * text and flat areas of colour screens are better left alone. */
enum { DEFLATE_LEVEL = 1 };

struct png_trouble {
    char message[120];
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_trouble *trouble = png_get_error_ptr(png);
    snprintf(trouble->message, sizeof(trouble->message), "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_bytes(png_structp png, png_bytep at, size_t len)
{
    text_put(png_get_io_ptr(png), (struct str){ (const char *)at, (ptrdiff_t)len });
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_picture(png_structp png, png_infop info, const struct picture *picture)
{
    png_set_IHDR(png, info, (png_uint_32)picture->width, (png_uint_32)picture->height, picture->bits,
                 picture->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, DEFLATE_LEVEL);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, picture->channels == 1 ? PNG_FILTER_SUB : PNG_FILTER_NONE);
    png_write_info(png, info);
    if (picture->bits == 16 && BYTE_ORDER == LITTLE_ENDIAN)
        png_set_swap(png);
    for (int64_t y = 0; y < picture->height; y++)
        png_write_row(png, picture->at + y * picture->stride);
    png_write_end(png, info);
}

bool encode_png(const struct picture *picture, struct text *out, struct error *error)
{
    struct png_trouble trouble = { .message = "no memory" };
    png_infop info = NULL;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &trouble, on_error, on_warning);
    if (png)
        info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return error_set(error, E_TOO_LARGE, "the PNG could not be made: %s", trouble.message);
    }
    png_set_write_fn(png, out, on_bytes, on_flush);
    png_set_user_limits(png, PIXEL_SIDE_MAX, PIXEL_SIDE_MAX);
    write_picture(png, info, picture);
    png_destroy_write_struct(&png, &info);
    return !out->overflowed || error_set(error, E_TOO_LARGE, "the PNG has more than %td bytes", out->max);
}
