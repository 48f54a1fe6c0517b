/* canvas.c - memory for a picture, and its rows. */
#include "raster/canvas.h"

#include <inttypes.h>

bool canvas_draw(struct canvas *canvas, const struct picture_rows *rows, int64_t width, int64_t height, int bits,
                 struct error *error)
{
    *canvas = (struct canvas){ .width = width, .height = height, .channels = rows->channels, .bits = bits };
    canvas->stride = (ptrdiff_t)(width * rows->channels * (bits / 8));
    canvas->at = malloc((size_t)(canvas->stride * height)); /* sides are 65535 at most */
    if (!canvas->at)
        return error_set(error, E_TOO_LARGE, "there is no memory for a picture of %" PRId64 " x %" PRId64 " pixels",
                         width, height);
    if (width != rows->width || height != rows->height)
        return canvas_resample(canvas, rows, error);
    for (int64_t y = 0; y < height; y++) {
        unsigned char *row = canvas->at + y * canvas->stride;
        if (bits == 8)
            rows->draw8(rows, y, row);
        else
            rows->draw16(rows, y, (uint16_t *)(void *)row);
    }
    return true;
}

void canvas_release(struct canvas *canvas)
{
    free(canvas->at);
    canvas->at = NULL;
}
