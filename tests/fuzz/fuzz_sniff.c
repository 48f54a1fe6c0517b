/* fuzz_sniff.c - whatever the first bytes are, they have a type and a media type. */
#include "raster/raster.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *mime = NULL;
    enum file_type type = sniff((struct str){ (const char *)data, (ptrdiff_t)size }, &mime);
    assert(type >= FILE_DICOM && type <= FILE_OTHER);
    assert(mime && strchr(mime, '/'));
    return 0;
}
