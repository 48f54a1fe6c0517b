/* picture.c - memory for a picture, and its rows. */
#include "raster/picture.h"

#include <inttypes.h>

bool picture_draw(struct picture *picture, const struct picture_rows *rows, int64_t width, int64_t height, int bits,
                  struct error *error)
{
    *picture = (struct picture){ .width = width, .height = height, .channels = rows->channels, .bits = bits };
    picture->stride = (ptrdiff_t)(width * rows->channels * (bits / 8));
    picture->at = malloc((size_t)(picture->stride * height)); /* sides are 65535 at most */
    if (!picture->at)
        return error_set(error, E_TOO_LARGE, "there is no memory for a picture of %" PRId64 " x %" PRId64 " pixels",
                         width, height);
    if (width != rows->width || height != rows->height)
        return picture_resample(picture, rows, error);
    for (int64_t y = 0; y < height; y++) {
        unsigned char *row = picture->at + y * picture->stride;
        if (bits == 8)
            rows->draw8(rows, y, row);
        else
            rows->draw16(rows, y, (uint16_t *)(void *)row);
    }
    return true;
}

void picture_release(struct picture *picture)
{
    free(picture->at);
    picture->at = NULL;
}
