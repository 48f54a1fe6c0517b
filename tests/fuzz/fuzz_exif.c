/* fuzz_exif.c - Exif data at any place of a file: an orientation from 1 to 8, and nothing read outside of what is
 * said to be there. */
#include "raster/exif.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("exif", MFD_CLOEXEC);
    if (size < 2)
        return 0;
    /* The last two bytes: where it begins, and how much is said to be more or less than is there. */
    int64_t offset = data[size - 2] % 8, len = (int64_t)size - 2 - offset + (int8_t)data[size - 1];
    assert(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size - 2, 0) == (ssize_t)(size - 2));
    int orientation = exif_orientation(fd, offset, len);
    assert(orientation >= 1 && orientation <= 8 && exif_orientation_of(orientation) == orientation);
    assert(exif_lies(orientation) == (orientation >= 5));
    if (len < 22) /* a header, and a directory of one entry */
        assert(orientation == EXIF_UPRIGHT);
    return 0;
}
