/* fuzz_raster_header.c - headers of JPEG, PNG and TIFF: dimensions that hold, or words about why not. */
#include "raster/raster.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_PIXELS = 1000000 };
    static const enum file_type types[] = { FILE_JPEG, FILE_PNG, FILE_TIFF };
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("picture", MFD_CLOEXEC);
    assert(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    for (int i = 0; i < 3; i++) {
        struct error error = { 0 };
        struct raster_info info = { 0 };
        if (raster_probe(fd, types[i], MAX_PIXELS, &info, &error))
            assert(info.width > 0 && info.height > 0 && info.pages > 0 && info.width * info.height <= MAX_PIXELS);
        else
            assert((error.code == E_INVALID || error.code == E_UNSUPPORTED_TYPE) && error.message[0]);
    }
    return 0;
}
