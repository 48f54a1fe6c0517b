/* fuzz_codec_jpeg2000.c - JPEG 2000 and high-throughput JPEG 2000. The input is a codestream or a JP2 file alone: the
 * format is what its SIZ marker says. */
#include "codec_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pixel_format format = { 0 };
    fuzz_format(data, 0, CODING_JPEG2000, &format);
    struct str encoded = { (const char *)data, (ptrdiff_t)size };
    ptrdiff_t siz = str_find(encoded, S("\377\117\377\121"));
    if (siz < 0 || siz + 43 > encoded.len)
        return 0;
    format.columns = (int64_t)dicom_u32(data + siz + 8, true) - dicom_u32(data + siz + 16, true);
    format.rows = (int64_t)dicom_u32(data + siz + 12, true) - dicom_u32(data + siz + 20, true);
    format.samples = dicom_u16(data + siz + 40, true);
    if (format.rows < 1 || format.rows > FUZZ_SIDE_MAX || format.columns < 1 || format.columns > FUZZ_SIDE_MAX ||
        format.samples < 1 || format.samples > 4)
        return 0;
    format.bits_allocated = format.bits_stored = (data[siz + 42] & 0x7F) + 1 > 8 ? 16 : 8;
    format.photometric = format.samples == 3 ? YBR_RCT : PHOTOMETRIC_UNKNOWN;
    fuzz_decode(&format, encoded, 0);
    return 0;
}
