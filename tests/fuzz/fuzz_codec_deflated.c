/* fuzz_codec_deflated.c - deflated frames. */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pixel_format format = { 0 };
    struct str encoded = fuzz_format(data, size, CODING_DEFLATED_FRAME, &format);
    if (encoded.at)
        fuzz_decode(&format, encoded, 0);
    return 0;
}
