/* exif.c - the first directory of Exif data, entry by entry. */
#include "raster/exif.h"

#include <string.h>
#include <unistd.h>

enum { ENTRY = 12, ENTRIES_MAX = 1000, TIFF_HEADER = 8, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t number(const unsigned char *at, int bytes, bool big)
{
    uint32_t n = 0;
    for (int i = 0; i < bytes; i++)
        n |= (uint32_t)at[i] << (8 * (big ? bytes - 1 - i : i));
    return n;
}

static bool read_at(int fd, int64_t offset, void *bytes, size_t len)
{
    return pread(fd, bytes, len, offset) == (ssize_t)len;
}

int exif_orientation_of(int64_t value)
{
    return value >= 1 && value <= 8 ? (int)value : EXIF_UPRIGHT;
}

bool exif_lies(int orientation)
{
    return orientation > 4;
}

/* The number that the first directory gives for `tag`; false: none that can be read. */
static bool find_number(int fd, int64_t offset, int64_t len, uint32_t tag, uint32_t *out)
{
    unsigned char s[ENTRY];
    if (len < TIFF_HEADER || !read_at(fd, offset, s, TIFF_HEADER) ||
        (memcmp(s, "II*\0", 4) != 0 && memcmp(s, "MM\0*", 4) != 0))
        return false;
    bool big = s[0] == 'M';
    int64_t at = number(s + 4, 4, big);
    if (at > len - 2 || !read_at(fd, offset + at, s, 2))
        return false;
    int64_t entries = number(s, 2, big);
    at += 2;
    for (int64_t i = 0; i < entries && i < ENTRIES_MAX && at <= len - ENTRY; i++, at += ENTRY) {
        if (!read_at(fd, offset + at, s, ENTRY))
            return false;
        uint32_t type = number(s + 2, 2, big);
        if (number(s, 2, big) != tag || number(s + 4, 4, big) != 1 || (type != TYPE_SHORT && type != TYPE_LONG))
            continue;
        *out = number(s + 8, type == TYPE_SHORT ? 2 : 4, big);
        return true;
    }
    return false;
}

int exif_orientation(int fd, int64_t offset, int64_t len)
{
    uint32_t said;
    return find_number(fd, offset, len, EXIF_ORIENTATION, &said) ? exif_orientation_of(said) : EXIF_UPRIGHT;
}

int64_t exif_pictures(int fd, int64_t offset, int64_t len)
{
    uint32_t said;
    return find_number(fd, offset, len, MPF_NUMBER_OF_IMAGES, &said) && said > 1 ? said : 1;
}
