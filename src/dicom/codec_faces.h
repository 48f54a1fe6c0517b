/* codec_faces.h - inside the codecs only: one function per coding, and what they share.
 *
 * Each face fills all of `out` (pixel_frame_bytes of the format, checked by frame_decode) or fails. `decoded` comes in
 * with the file's own values; a face changes what its codestream says otherwise.
 */
#ifndef ROENTGEN_DICOM_CODEC_FACES_H
#define ROENTGEN_DICOM_CODEC_FACES_H

#include "dicom/codec.h"

typedef bool codec_face(const struct pixel_format *format, struct str encoded, void *out,
                        struct decoded_format *decoded, struct error *error);

codec_face rle_decode;
codec_face jpeg_decode; /* looks at the frame header and calls one of the next three */
codec_face jpeg_turbo_decode;
codec_face jpeg_ls_decode;
codec_face jpeg2000_decode;
codec_face deflated_decode;
/* Has the frame all that its header promises? */
bool rle_is_whole(const struct pixel_format *format, struct str encoded);
bool deflated_is_whole(const struct pixel_format *format, struct str encoded);
bool native_decode(const struct pixel_format *format, struct str encoded, int first_bit, void *out,
                   struct error *error);
/* YBR_FULL_422 whose samples are as they were stored. Encoded frames of that name have, decoded, all samples of all
 * pixels. */
bool is_subsampled(const struct pixel_format *format);
/* What one frame takes in native coding. */
int64_t native_frame_bits(const struct pixel_format *format);

/* The element that holds the pixels, and what they are; NULL: none does. */
const struct dicom_node *pixel_node(const struct dicom_object *object, enum sample_kind *kind);

/* Bytes of one decoded sample: 1, 2, 4 or 8. */
int sample_bytes(const struct pixel_format *format);
int64_t frame_samples(const struct pixel_format *format); /* rows * columns * samples */

/* Samples of 8 or 16 bits into the width of `format`, which must be no narrower than what the values need. `out` is
 * advanced by the caller. */
void samples_widen_u8(const uint8_t *from, int64_t count, int width, void *out);
void samples_widen_u16(const uint16_t *from, int64_t count, int width, void *out);
/* planes[0] planes[1] ... of `pixels` units of `unit` bytes each into interleaved units. */
void planes_interleave(const void *planes, int64_t pixels, int count, int unit, void *out);

/* The codestream's dimensions against the file's. `coding` names it in the message. */
bool codestream_matches(const struct pixel_format *format, const char *coding, int64_t columns, int64_t rows,
                        int samples, int bits, struct error *error);
/* What a codestream says of its samples. Where they have no sign, the sign bit of a signed image is where the file
 * says. */
void codestream_samples(const struct pixel_format *format, int precision, bool is_signed,
                        struct decoded_format *decoded);

#endif
