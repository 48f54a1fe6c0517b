/* Images as objects of the file (ISO 32000-1 8.9.5). */
#include "pdf/composer.h"

#include <assert.h>
#include <png.h>

/* Walks over the markers of a JPEG file up to its frame header (ITU-T T.81 B.2.2). */
static bool jpeg_size(struct call *c, struct str bytes, int *width, int *height, int *components)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    ptrdiff_t i = 2;
    if (bytes.len < 4 || at[0] != 0xFF || at[1] != 0xD8)
        return fail(c, E_INVALID, "an image that is said to be a JPEG file is none");
    while (i + 9 < bytes.len && at[i] == 0xFF) {
        unsigned marker = at[i + 1];
        if (marker == 0xFF || marker == 1 || (marker >= 0xD0 && marker <= 0xD7)) {
            i += marker == 0xFF ? 1 : 2;
            continue;
        }
        ptrdiff_t len = at[i + 2] << 8 | at[i + 3];
        if (marker >= 0xC0 && marker <= 0xC2) {
            *height = at[i + 5] << 8 | at[i + 6];
            *width = at[i + 7] << 8 | at[i + 8];
            *components = at[i + 9];
            if (at[i + 4] != 8 || (*components != 1 && *components != 3))
                return fail(c, E_INVALID, "a JPEG image is neither grey nor colour of 8 bits");
            return true;
        }
        i += 2 + len;
    }
    return fail(c, E_INVALID, "a JPEG image has no frame header that is understood");
}

static bool png_size(struct call *c, struct str bytes, int *width, int *height)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    if (bytes.len < 24 || memcmp(at, "\x89PNG\r\n\x1a\n", 8) != 0 || memcmp(at + 12, "IHDR", 4) != 0 || at[16] ||
        at[20])
        return fail(c, E_INVALID, "an image that is said to be a PNG file is none, or too large");
    *width = at[17] << 16 | at[18] << 8 | at[19];
    *height = at[21] << 16 | at[22] << 8 | at[23];
    return true;
}

bool pdf_image_size(struct call *c, const struct pdf_image *image, int *width, int *height)
{
    int w = image->width, h = image->height, components;
    if (image->kind == PDF_NO_IMAGE)
        return fail(c, E_INVALID, "a figure has no image");
    if (image->kind == PDF_PNG && !png_size(c, image->bytes, &w, &h))
        return false;
    if (image->kind == PDF_JPEG && !jpeg_size(c, image->bytes, &w, &h, &components))
        return false;
    if (w < 1 || h < 1 || w > PDF_IMAGE_SIDE_MAX || h > PDF_IMAGE_SIDE_MAX)
        return fail(c, E_INVALID, "an image has %d x %d pixels; a side may have 1 to %d", w, h, PDF_IMAGE_SIDE_MAX);
    if (image->kind == PDF_RGB && image->bytes.len != (ptrdiff_t)w * h * 3)
        return fail(c, E_INVALID, "an image of %d x %d pixels has %td bytes", w, h, image->bytes.len);
    *width = w;
    *height = h;
    return true;
}

/* On white where it is transparent. */
static bool png_pixels(struct call *c, struct str bytes, struct str *out)
{
    png_image png = { .version = PNG_IMAGE_VERSION };
    if (!png_image_begin_read_from_memory(&png, bytes.at, (size_t)bytes.len))
        return fail(c, E_INVALID, "a PNG image cannot be read: %s", png.message);
    png.format = PNG_FORMAT_RGB;
    ptrdiff_t len = (ptrdiff_t)PNG_IMAGE_SIZE(png);
    char *pixels = arena_try_alloc(&c->arena, len);
    if (!pixels) {
        png_image_free(&png);
        return fail(c, E_UNAVAILABLE, "there is no memory for an image");
    }
    if (!png_image_finish_read(&png, &(png_color){ 255, 255, 255 }, pixels, 0, NULL))
        return fail(c, E_INVALID, "a PNG image is broken: %s", png.message);
    *out = (struct str){ pixels, len };
    return true;
}

/* Grey as one byte a pixel, where all of it is: most pictures here are. */
static struct str as_grey(struct call *c, struct str rgb, bool *is_grey)
{
    for (ptrdiff_t i = 0; i < rgb.len; i += 3)
        if (rgb.at[i] != rgb.at[i + 1] || rgb.at[i] != rgb.at[i + 2]) {
            *is_grey = false;
            return rgb;
        }
    char *grey = arena_alloc(&c->arena, rgb.len / 3);
    for (ptrdiff_t i = 0; i < rgb.len / 3; i++)
        grey[i] = rgb.at[3 * i];
    *is_grey = true;
    return (struct str){ grey, rgb.len / 3 };
}

bool pdf_image_put(struct pdf_composer *p, const struct pdf_image *image)
{
    int width = 0, height = 0, components = 3;
    struct str bytes = image->bytes;
    bool is_grey = false;
    if (!pdf_image_size(p->c, image, &width, &height))
        return false;
    p->pixels += (int64_t)width * height;
    if (p->pixels > PDF_IMAGE_PIXELS_MAX)
        return fail(p->c, E_TOO_LARGE, "the document's images have more than %d pixels", PDF_IMAGE_PIXELS_MAX);
    if (image->kind == PDF_PNG && !png_pixels(p->c, bytes, &bytes))
        return false;
    if (image->kind == PDF_JPEG)
        is_grey = jpeg_size(p->c, bytes, &width, &height, &components) && components == 1;
    else
        bytes = as_grey(p->c, bytes, &is_grey);
    struct str entries = arena_format(
        &p->c->arena, "/Type /XObject /Subtype /Image /Width %d /Height %d /BitsPerComponent 8 /ColorSpace /Device%s%s",
        width, height, is_grey ? "Gray" : "RGB", image->kind == PDF_JPEG ? " /Filter /DCTDecode" : "");
    int number = pdf_writer_number(&p->writer);
    pdf_writer_stream(&p->writer, number, entries, bytes, image->kind != PDF_JPEG);
    p->pictures[p->picture_count++] = (struct pdf_picture){ image, number, width, height };
    return true;
}

void pdf_image_paint(struct pdf_composer *p, struct text *out, const struct pdf_image *image, double x, double y,
                     double width, double height)
{
    int index = p->pictures_painted++;
    assert(index < p->picture_count && p->pictures[index].image == image);
    text_put(out, S("q "));
    pdf_put_numbers(out, 6, (double[]){ width, 0, 0, height, x, p->page_height - y - height });
    text_format(out, "cm /I%d Do Q\n", index);
}
