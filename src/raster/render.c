/* render.c - the pipeline put together: rows of brightness or colour, the size wanted, the encoding wanted. */
#include "raster/picture.h"

#include <inttypes.h>
#include <math.h>

static bool check(const struct presentation *presentation, struct error *error)
{
    if (presentation->bits != 8 && presentation->bits != 16)
        return error_set(error, E_INVALID, "pictures have 8 or 16 bits a channel, not %d", presentation->bits);
    if (presentation->bits == 16 && presentation->format != PICTURE_PNG)
        return error_set(error, E_INVALID, "only PNG has 16 bits a channel");
    if (presentation->quality < 1 || presentation->quality > 100)
        return error_set(error, E_INVALID, "the quality is 1 to 100, not %d", presentation->quality);
    if (presentation->box_width < 0 || presentation->box_height < 0)
        return error_set(error, E_INVALID, "a picture has no negative width or height");
    return true;
}

/* One side of the picture grows to make pixels square; then both shrink (or grow) by the same factor into the box. */
static bool size_of(const struct sample_layout *layout, const struct presentation *presentation, int64_t *width,
                    int64_t *height, struct error *error)
{
    double aspect = presentation->pixel_aspect, w = (double)layout->width, h = (double)layout->height;
    if (!isfinite(aspect) || aspect <= 0)
        return error_set(error, E_INVALID, "the pixel aspect ratio must be more than 0");
    if (aspect > 1)
        h *= aspect;
    else
        w /= aspect;
    double by_width = presentation->box_width ? presentation->box_width / w : INFINITY;
    double by_height = presentation->box_height ? presentation->box_height / h : INFINITY;
    double factor = by_width < by_height ? by_width : by_height;
    if (!isfinite(factor) || (factor > 1 && !presentation->enlarge))
        factor = 1;
    w = fmax(1, floor(w * factor + 0.5));
    h = fmax(1, floor(h * factor + 0.5));
    if (!(w <= PIXEL_SIDE_MAX && h <= PIXEL_SIDE_MAX))
        return error_set(error, E_INVALID, "the picture would be larger than %d x %d pixels", PIXEL_SIDE_MAX,
                         PIXEL_SIDE_MAX);
    *width = (int64_t)w;
    *height = (int64_t)h;
    return true;
}

static bool put_rows(const struct picture *picture, struct text *out, struct error *error)
{
    for (int64_t y = 0; y < picture->height && !out->overflowed; y++)
        text_put(out, (struct str){ (const char *)picture->at + y * picture->stride,
                                    (ptrdiff_t)(picture->width * picture->channels) });
    return !out->overflowed || error_set(error, E_TOO_LARGE, "the picture has more than %td bytes", out->max);
}

static bool encode(const struct picture *picture, const struct presentation *presentation, struct text *out,
                   struct error *error)
{
    switch (presentation->format) {
    case PICTURE_PNG:
        return encode_png(picture, out, error);
    case PICTURE_WEBP:
        return encode_webp(picture, presentation->quality, out, error);
    case PICTURE_JPEG:
        return encode_jpeg(picture, presentation->quality, out, error);
    case PICTURE_RAW:
        return put_rows(picture, out, error);
    }
    return error_set(error, E_INVALID, "pictures are made as JPEG, PNG or WebP");
}

bool render_png(const uint8_t *pixels, int64_t width, int64_t height, int channels, struct text *out,
                struct error *error)
{
    struct picture picture = { width, height, channels, 8, (ptrdiff_t)(width * channels), (unsigned char *)pixels };
    return encode_png(&picture, out, error);
}

bool render(const struct samples *samples, const struct presentation *presentation, struct text *out, int64_t *width,
            int64_t *height, struct error *error)
{
    struct picture_rows rows = { .at = NULL };
    struct picture picture = { .at = NULL };
    struct sample_layout layout;
    int64_t w = 0, h = 0;
    if (!check(presentation, error) || !sample_layout_of(samples, &layout, error) ||
        !size_of(&layout, presentation, &w, &h, error))
        return false;
    bool deep = presentation->bits == 16 || w != layout.width || h != layout.height;
    bool ok = rows_open(&rows, samples, presentation, deep, error);
    if (ok && presentation->bits == 16 && rows.channels != 1)
        ok = error_set(error, E_INVALID, "16 bits a channel are for grey pictures; this one is in colour");
    ok = ok && picture_draw(&picture, &rows, w, h, presentation->bits, error) &&
         encode(&picture, presentation, out, error);
    rows_release(&rows);
    picture_release(&picture);
    if (ok) {
        *width = w;
        *height = h;
    }
    return ok;
}
