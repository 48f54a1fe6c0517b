/* codec_input.h - for the fuzz targets of codecs: a pixel format from the first bytes of the input, small enough that
 * millions of frames can be decoded, and the decoding itself.
 *
 *   byte 0: rows 1 to 64   1: columns 1 to 64   2: samples, sign, planes   3: bits allocated
 *        4: photometric interpretation
 */
#ifndef ROENTGEN_FUZZ_CODEC_INPUT_H
#define ROENTGEN_FUZZ_CODEC_INPUT_H

#include "dicom/jpeg.h"

#include <assert.h>

enum { FUZZ_HEADER = 5, FUZZ_SIDE_MAX = 64, FUZZ_OWN_SIDE_MAX = 32 };

static inline struct str fuzz_format(const uint8_t *data, size_t size, enum dicom_coding coding,
                                     struct pixel_format *format)
{
    static const int bits[] = { 1, 8, 12, 16, 32, 64, 9, 33 };
    for (int i = 0; i < dicom_syntax_count; i++)
        if (dicom_syntaxes[i].coding == coding)
            format->syntax = &dicom_syntaxes[i];
    if (size < FUZZ_HEADER)
        return STR_NULL;
    format->rows = 1 + (data[0] & 63);
    format->columns = 1 + (data[1] & 63);
    format->frames = 1;
    format->samples = (data[2] & 3) == 0 ? 1 : (data[2] & 3) == 3 ? 4 : 3;
    format->is_signed = data[2] & 4;
    format->planar = data[2] & 8;
    format->big_endian = coding == CODING_NATIVE && data[2] & 16;
    format->bits_allocated = bits[data[3] & 7];
    format->as_words = format->big_endian && data[2] & 32;
    format->bits_stored = 1 + (data[3] >> 3) % format->bits_allocated;
    format->high_bit = format->bits_stored - 1;
    format->photometric = (enum photometric)(data[4] % (YBR_RCT + 1));
    if (format->photometric == YBR_FULL_422)
        format->columns += format->columns & 1;
    return (struct str){ (const char *)data + FUZZ_HEADER, (ptrdiff_t)size - FUZZ_HEADER };
}

/* The format that a JPEG codestream's own frame header says, so that it is not the first check that ends most of the
 * runs. False: none, or too big. */
static inline bool fuzz_jpeg_format(struct str encoded, struct pixel_format *format, struct jpeg_image *image,
                                    int64_t side_max)
{
    struct error error = { 0 };
    fuzz_format(NULL, 0, CODING_JPEG, format);
    if (!jpeg_header(encoded, image, &error) || image->rows > side_max || image->columns > side_max)
        return false;
    format->rows = image->rows;
    format->columns = image->columns;
    format->samples = image->count;
    format->bits_allocated = format->bits_stored = image->precision > 8 ? 16 : 8;
    format->photometric = image->count == 1 ? MONOCHROME2 : image->count == 3 ? YBR_FULL_422 : PHOTOMETRIC_UNKNOWN;
    return true;
}

/* Either all samples are there or the error says why not. */
static inline void fuzz_decode(const struct pixel_format *format, struct str encoded, int first_bit)
{
    ptrdiff_t bytes = pixel_frame_bytes(format);
    void *out = malloc((size_t)bytes); /* the exact size, so that the address sanitizer sees a write past the end */
    struct decoded_format decoded, undecoded;
    struct error error = { 0 };
    bool ok = frame_decode(format, encoded, first_bit, out, bytes, &decoded, &error);
    if (ok)
        assert(decoded.bits_stored >= 1 && decoded.bits_stored <= 64);
    else
        assert(error.code == E_INVALID || error.code == E_UNSUPPORTED_TYPE);
    const void *in_place = frame_in_place(format, encoded, first_bit, &undecoded);
    assert(!in_place || (ok && memcmp(in_place, out, (size_t)bytes) == 0));
    free(out);
}

#endif
