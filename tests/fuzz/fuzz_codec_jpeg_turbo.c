/* fuzz_codec_jpeg_turbo.c - DCT JPEG of 8 bits. The input is a codestream alone. */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str encoded = { (const char *)data, (ptrdiff_t)size };
    struct pixel_format format = { 0 };
    struct jpeg_image image;
    if (fuzz_jpeg_format(encoded, &format, &image, FUZZ_SIDE_MAX) && image.process != JPEG_LOSSLESS &&
        image.precision == 8)
        fuzz_decode(&format, encoded, 0);
    return 0;
}
