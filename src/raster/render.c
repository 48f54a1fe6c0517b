/* render.c - the pipeline put together: rows of brightness or colour, the size wanted, the encoding wanted. */
#include "raster/picture.h"

#include <inttypes.h>
#include <math.h>

static bool check(const struct rendering *rendering, struct error *error)
{
    if (rendering->bits != 8 && rendering->bits != 16)
        return error_set(error, E_INVALID, "pictures have 8 or 16 bits a channel, not %d", rendering->bits);
    if (rendering->bits == 16 && rendering->format != PICTURE_PNG)
        return error_set(error, E_INVALID, "only PNG has 16 bits a channel");
    if (rendering->quality < 1 || rendering->quality > 100)
        return error_set(error, E_INVALID, "the quality is 1 to 100, not %d", rendering->quality);
    if (rendering->box_width < 0 || rendering->box_height < 0)
        return error_set(error, E_INVALID, "a picture has no negative width or height");
    return true;
}

/* One side of the picture grows to make pixels square; then both shrink (or grow) by the same factor into the box. */
static bool size_of(const struct sample_layout *layout, const struct rendering *rendering, int64_t *width,
                    int64_t *height, struct error *error)
{
    double aspect = rendering->pixel_aspect, w = (double)layout->width, h = (double)layout->height;
    if (!isfinite(aspect) || aspect <= 0)
        return error_set(error, E_INVALID, "the pixel aspect ratio must be more than 0");
    if (aspect > 1)
        h *= aspect;
    else
        w /= aspect;
    double by_width = rendering->box_width ? rendering->box_width / w : INFINITY;
    double by_height = rendering->box_height ? rendering->box_height / h : INFINITY;
    double factor = by_width < by_height ? by_width : by_height;
    if (!isfinite(factor) || (factor > 1 && !rendering->enlarge))
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

static bool encode(const struct picture *picture, const struct rendering *rendering, struct text *out,
                   struct error *error)
{
    switch (rendering->format) {
    case PICTURE_PNG:
        return encode_png(picture, out, error);
    case PICTURE_WEBP:
        return encode_webp(picture, rendering->quality, out, error);
    case PICTURE_JPEG:
        return encode_jpeg(picture, rendering->quality, out, error);
    }
    return error_set(error, E_INVALID, "pictures are made as JPEG, PNG or WebP");
}

bool render(const struct samples *samples, const struct rendering *rendering, struct text *out, int64_t *width,
            int64_t *height, struct error *error)
{
    struct picture_rows rows = { .at = NULL };
    struct picture picture = { .at = NULL };
    struct sample_layout layout;
    int64_t w = 0, h = 0;
    if (!check(rendering, error) || !sample_layout_of(samples, &layout, error) ||
        !size_of(&layout, rendering, &w, &h, error))
        return false;
    bool deep = rendering->bits == 16 || w != layout.width || h != layout.height;
    bool ok = rows_open(&rows, samples, rendering, deep, error);
    if (ok && rendering->bits == 16 && rows.channels != 1)
        ok = error_set(error, E_INVALID, "16 bits a channel are for grey pictures; this one is in colour");
    ok = ok && picture_draw(&picture, &rows, w, h, rendering->bits, error) && encode(&picture, rendering, out, error);
    rows_release(&rows);
    picture_release(&picture);
    if (ok) {
        *width = w;
        *height = h;
    }
    return ok;
}
