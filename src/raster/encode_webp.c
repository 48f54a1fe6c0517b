/* encode_webp.c - WebP (RFC 9649) by libwebp; quality 100 is lossless. */
#include "raster/canvas.h"

#include <webp/encode.h>

/* Of 0, the fastest, to 6, the smallest. Lossy: 2 is smaller than 1 in the same time, 4 takes twice as long. Lossless:
 * 0 makes files as large as PNG. */
enum { LOSSY_METHOD = 2, LOSSLESS_METHOD = 1 };

static int on_bytes(const uint8_t *at, size_t len, const WebPPicture *picture)
{
    struct text *out = picture->custom_ptr;
    text_put(out, (struct str){ (const char *)at, (ptrdiff_t)len });
    return !out->overflowed;
}

/* Grey needs no colour conversion: its luminance in 16 to 235 (libwebp's own coefficients, summed), and no colour. */
static bool import_grey(WebPPicture *picture, const struct canvas *canvas)
{
    uint8_t luminance[256];
    for (int i = 0; i < 256; i++)
        luminance[i] = (uint8_t)((56318 * i + (16 << 16) + 32768) >> 16);
    if (!WebPPictureAlloc(picture))
        return false;
    for (int y = 0; y < picture->height; y++) {
        const unsigned char *row = canvas->at + y * canvas->stride;
        uint8_t *out = picture->y + (ptrdiff_t)y * picture->y_stride;
        for (int x = 0; x < picture->width; x++)
            out[x] = luminance[row[x]];
    }
    for (int y = 0; y < (picture->height + 1) / 2; y++) {
        memset(picture->u + (ptrdiff_t)y * picture->uv_stride, 128, (size_t)(picture->width + 1) / 2);
        memset(picture->v + (ptrdiff_t)y * picture->uv_stride, 128, (size_t)(picture->width + 1) / 2);
    }
    return true;
}

static bool import_grey_exactly(WebPPicture *picture, const struct canvas *canvas)
{
    if (!WebPPictureAlloc(picture))
        return false;
    for (int y = 0; y < picture->height; y++) {
        const unsigned char *row = canvas->at + y * canvas->stride;
        uint32_t *out = picture->argb + (ptrdiff_t)y * picture->argb_stride;
        for (int x = 0; x < picture->width; x++)
            out[x] = 0xFF000000 | row[x] * 0x010101u;
    }
    return true;
}

static bool import(WebPPicture *picture, const struct canvas *canvas)
{
    if (canvas->channels == 3)
        return WebPPictureImportRGB(picture, canvas->at, (int)canvas->stride);
    return picture->use_argb ? import_grey_exactly(picture, canvas) : import_grey(picture, canvas);
}

bool encode_webp(const struct canvas *canvas, int quality, struct text *out, struct error *error)
{
    if (canvas->width > WEBP_MAX_DIMENSION || canvas->height > WEBP_MAX_DIMENSION)
        return error_set(error, E_INVALID, "a WebP is at most %d pixels wide and high", WEBP_MAX_DIMENSION);
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
        return error_set(error, E_INTERNAL, "libwebp is of another version than its header");
    config.lossless = quality == 100;
    config.quality = config.lossless ? 20 : (float)quality; /* lossless: effort */
    config.method = config.lossless ? LOSSLESS_METHOD : LOSSY_METHOD;
    picture.use_argb = config.lossless;
    picture.width = (int)canvas->width;
    picture.height = (int)canvas->height;
    picture.writer = on_bytes;
    picture.custom_ptr = out;
    bool ok = import(&picture, canvas) && WebPEncode(&config, &picture);
    int code = (int)picture.error_code;
    WebPPictureFree(&picture);
    if (out->overflowed)
        return error_set(error, E_TOO_LARGE, "the WebP has more than %td bytes", out->max);
    return ok || error_set(error, E_TOO_LARGE, "the WebP could not be made (libwebp error %d)", code);
}
