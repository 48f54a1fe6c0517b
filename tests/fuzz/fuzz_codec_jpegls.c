/* fuzz_codec_jpegls.c - JPEG-LS. The input is a codestream alone: the format is what its frame header (SOF55) says. */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pixel_format format = { 0 };
    fuzz_format(data, 0, CODING_JPEG_LS, &format);
    size_t at = 0;
    while (at + 10 <= size && !(data[at] == 0xFF && data[at + 1] == 0xF7))
        at++;
    if (at + 10 > size)
        return 0;
    format.rows = data[at + 5] << 8 | data[at + 6];
    format.columns = data[at + 7] << 8 | data[at + 8];
    format.samples = data[at + 9];
    if (format.rows < 1 || format.rows > FUZZ_OWN_SIDE_MAX || format.columns < 1 ||
        format.columns > FUZZ_OWN_SIDE_MAX || format.samples < 1 || format.samples > 4)
        return 0;
    if (data[at + 4] > 12 && size % 8) /* tables of 128 KiB for each frame: one in eight is enough */
        return 0;
    format.bits_allocated = format.bits_stored = data[at + 4] > 8 ? 16 : 8;
    format.photometric = format.samples == 3 ? RGB : PHOTOMETRIC_UNKNOWN;
    fuzz_decode(&format, (struct str){ (const char *)data, (ptrdiff_t)size }, 0);
    return 0;
}
