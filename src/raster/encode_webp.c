/* encode_webp.c - WebP (RFC 9649) by libwebp; quality 100 is lossless. */
#include "raster/picture.h"

#include <webp/encode.h>

/* Of 0, the fastest, to 6, the smallest. Lossy: 2 is smaller than 1 in the same time, 4 takes twice as long. Lossless:
 * 0 makes files as large as PNG. */
enum { LOSSY_METHOD = 2, LOSSLESS_METHOD = 1 };

static int on_bytes(const uint8_t *at, size_t len, const WebPPicture *webp)
{
    struct text *out = webp->custom_ptr;
    text_put(out, (struct str){ (const char *)at, (ptrdiff_t)len });
    return !out->overflowed;
}

/* Grey needs no colour conversion: its luminance in 16 to 235 (libwebp's own coefficients, summed), and no colour. */
static bool import_grey(WebPPicture *webp, const struct picture *picture)
{
    uint8_t luminance[256];
    for (int i = 0; i < 256; i++)
        luminance[i] = (uint8_t)((56318 * i + (16 << 16) + 32768) >> 16);
    if (!WebPPictureAlloc(webp))
        return false;
    for (int y = 0; y < webp->height; y++) {
        const unsigned char *row = picture->at + y * picture->stride;
        uint8_t *out = webp->y + (ptrdiff_t)y * webp->y_stride;
        for (int x = 0; x < webp->width; x++)
            out[x] = luminance[row[x]];
    }
    for (int y = 0; y < (webp->height + 1) / 2; y++) {
        memset(webp->u + (ptrdiff_t)y * webp->uv_stride, 128, (size_t)(webp->width + 1) / 2);
        memset(webp->v + (ptrdiff_t)y * webp->uv_stride, 128, (size_t)(webp->width + 1) / 2);
    }
    return true;
}

static bool import_grey_exactly(WebPPicture *webp, const struct picture *picture)
{
    if (!WebPPictureAlloc(webp))
        return false;
    for (int y = 0; y < webp->height; y++) {
        const unsigned char *row = picture->at + y * picture->stride;
        uint32_t *out = webp->argb + (ptrdiff_t)y * webp->argb_stride;
        for (int x = 0; x < webp->width; x++)
            out[x] = 0xFF000000 | row[x] * 0x010101u;
    }
    return true;
}

static bool import(WebPPicture *webp, const struct picture *picture)
{
    if (picture->channels == 3)
        return WebPPictureImportRGB(webp, picture->at, (int)picture->stride);
    return webp->use_argb ? import_grey_exactly(webp, picture) : import_grey(webp, picture);
}

bool encode_webp(const struct picture *picture, int quality, struct text *out, struct error *error)
{
    if (picture->width > WEBP_MAX_DIMENSION || picture->height > WEBP_MAX_DIMENSION)
        return error_set(error, E_INVALID, "a WebP is at most %d pixels wide and high", WEBP_MAX_DIMENSION);
    WebPConfig config;
    WebPPicture webp;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&webp))
        return error_set(error, E_INTERNAL, "libwebp is of another version than its header");
    config.lossless = quality == 100;
    config.quality = config.lossless ? 20 : (float)quality; /* lossless: effort */
    config.method = config.lossless ? LOSSLESS_METHOD : LOSSY_METHOD;
    webp.use_argb = config.lossless;
    webp.width = (int)picture->width;
    webp.height = (int)picture->height;
    webp.writer = on_bytes;
    webp.custom_ptr = out;
    bool ok = import(&webp, picture) && WebPEncode(&config, &webp);
    int code = (int)webp.error_code;
    WebPPictureFree(&webp);
    if (out->overflowed)
        return error_set(error, E_TOO_LARGE, "the WebP has more than %td bytes", out->max);
    return ok || error_set(error, E_TOO_LARGE, "the WebP could not be made (libwebp error %d)", code);
}
