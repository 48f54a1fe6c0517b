/* fuzz_codec_jpeg_own.c - our JPEG decoder: lossless, sequential and progressive. The input is a codestream alone.
 * DCT of 8 bits comes here, too, although libjpeg-turbo decodes it in the product. */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str encoded = { (const char *)data, (ptrdiff_t)size };
    struct pixel_format format = { 0 };
    struct jpeg_image image;
    if (!fuzz_jpeg_format(encoded, &format, &image, FUZZ_OWN_SIDE_MAX) || image.frame_marker > 0xC3)
        return 0;
    struct error error = { 0 };
    struct decoded_format decoded;
    void *out = malloc((size_t)pixel_frame_bytes(&format));
    if (!jpeg_own_decode(&format, encoded, out, &decoded, &error))
        assert(error.code == E_INVALID || error.code == E_UNSUPPORTED_TYPE);
    free(out);
    return 0;
}
