/* fuzz_codec_native.c - cells of any width, order and plane out of any bytes. */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pixel_format format = { 0 };
    struct str encoded = fuzz_format(data, size, CODING_NATIVE, &format);
    if (encoded.at)
        fuzz_decode(&format, encoded, data[1] >> 6);
    return 0;
}
