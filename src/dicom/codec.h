/* codec.h - one encoded frame to samples. Runs in a decoder process (raster/decoder.h): what is here may crash without
 * hurting anybody, and is fuzzed so that it does not.
 *
 *     struct decoded_format decoded;
 *     if (!frame_decode(&format, encoded, first_bit, out, out_bytes, &decoded, &error)) ...
 *
 * `out` is pixel_frame_bytes(format) bytes. After success it holds samples in little endian, interleaved (R1 G1 B1 R2
 * ...), bits_allocated wide, stored values: no rescale, no palette, no window. *decoded says what they are: JPEG's
 * YBR_FULL_422 comes out as YBR_FULL, JPEG 2000's YBR_RCT and YBR_ICT as RGB; JPEG whose components are RGB stays RGB;
 * native YBR_FULL_422 stays subsampled. The dimensions inside the codestream must be the file's; another bit depth
 * inside than bits_stored is taken where it fits bits_allocated.
 *
 * Nothing may be assumed about bits outside Bits Stored (PS3.5 8.1.1): encoders that take whole cells carry an old
 * overlay along in them. They are left in `out`; whoever wants values masks by decoded.bits_stored, which is never more
 * than the file's (raster/layout.h).
 *
 * Native, RLE, JPEG-LS and JPEG other than 8-bit DCT are our own code; 8-bit DCT JPEG is libjpeg-turbo; JPEG 2000 is
 * OpenJPEG. (CharLS 2.4.1 never returns from some damaged codestreams.)
 */
#ifndef ROENTGEN_DICOM_CODEC_H
#define ROENTGEN_DICOM_CODEC_H

#include "dicom/pixels.h"
#include "dicom/syntax.h"

struct decoded_format {
    enum photometric photometric;
    int bits_stored; /* as the codestream says where it says less, else the file's */
    bool is_signed;
    int precision; /* bits of the codestream's samples; 0: they lie as in native pixels */
};

/* E_INVALID with what is wrong; E_UNSUPPORTED_TYPE for codings that are not decoded. May allocate up to a small
 * multiple of out_bytes; frees all of it. `encoded` is contiguous. */
bool frame_decode(const struct pixel_format *format, struct str encoded, int first_bit, void *out, ptrdiff_t out_bytes,
                  struct decoded_format *decoded, struct error *error);
/* The samples within `encoded` itself, for frames of which frame_decode would make an exact copy; NULL for others, and
 * for what it would refuse. */
const void *frame_in_place(const struct pixel_format *format, struct str encoded, int first_bit,
                           struct decoded_format *decoded);

#endif
