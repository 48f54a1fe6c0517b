/* pixels.h - what the samples of an image are, and where each frame's bytes lie (PS3.3 C.7.6.3, PS3.5 chapter 8 and
 * annex A.4).
 *
 *     struct pixel_format format;
 *     struct frame_source frame;
 *     if (!pixel_format_of(object, &format, &error)) ...             // E_UNSUPPORTED_TYPE: no image; E_INVALID: absurd
 *     if (!pixel_frame(object, &format, 1, arena, &frame, &error)) ...  // its pieces in the file
 *
 * Every number comes from a file that may lie: dimensions are checked against limits and against the bytes there are,
 * before anything is allocated. A VR other than the dictionary's for a number is read by its own VR (object.h), never
 * by assumed size.
 */
#ifndef ROENTGEN_DICOM_PIXELS_H
#define ROENTGEN_DICOM_PIXELS_H

#include "dicom/object.h"

enum photometric {
    /* HSV, CMYK, anything, and YBR_RCT where no codestream transforms it: the samples can be sent, and not be shown */
    PHOTOMETRIC_UNKNOWN,
    MONOCHROME1,
    MONOCHROME2,
    PALETTE_COLOR,
    RGB,
    YBR_FULL,
    YBR_FULL_422,
    YBR_PARTIAL_420,
    YBR_ICT,
    YBR_RCT,
};
extern const char *const photometric_names[]; /* index: enum photometric; "" for unknown */

enum sample_kind { SAMPLE_INTEGER, SAMPLE_FLOAT, SAMPLE_DOUBLE };

struct pixel_format {
    const struct dicom_syntax *syntax;
    int64_t rows, columns, frames;
    int samples;        /* per pixel: 1 or 3 (4 in JPEG files) */
    int bits_allocated; /* 1, 8, 16, 32, 64; odd ones (12) as well where native */
    int bits_stored, high_bit;
    bool is_signed;
    bool planar;     /* native and RLE: R..R G..G B..B (planar configuration 1) */
    bool big_endian; /* native: order of the bytes in the file */
    bool as_words;   /* native, not of whole words, VR OW, big endian: bytes come in swapped pairs */
    enum photometric photometric;
    enum sample_kind kind;
};

enum { PIXEL_SIDE_MAX = 65535, PIXEL_FRAMES_MAX = 1 << 24 };

bool pixel_format_of(const struct dicom_object *object, struct pixel_format *out, struct error *error);

/* Bytes of one decoded frame, as EXPECTED.json of the sample files describes them: little endian, interleaved,
 * bits_allocated wide; one byte for each pixel of 1-bit images; native YBR_FULL_422 stays subsampled (two bytes a
 * pixel). INT64_MAX when it does not fit. */
int64_t pixel_frame_bytes(const struct pixel_format *format);

/* The pieces of one frame's encoded bytes, in order: one for native pixels, one or more fragments for encapsulated
 * ones. */
struct frame_source {
    const struct str *pieces; /* views of the file */
    const int64_t *offsets;   /* in the file; -1: the piece is not in the file (inflated) */
    int64_t count;
    int first_bit; /* native frames that do not begin on a byte: 0 to 7; on a pair of bytes (as_words): 0 to 15 */
};
/* `number` from 1. Frames of several fragments are told apart by the extended or basic offset table, else by one
 * fragment a frame, else by the fragments' own begin markers (JPEG SOI, JPEG 2000 SOC, RLE header). The last frame of a
 * file whose fragments end without a delimiter has to be whole. */
bool pixel_frame(const struct dicom_object *object, const struct pixel_format *format, int64_t number,
                 struct arena *arena, struct frame_source *out, struct error *error);
/* Bytes of native pixels behind the last frame, 0 where they are less than a row (padding) or zeros that are less than
 * a frame. Of encapsulated ones: 1 where an offset table, or the begin markers of more fragments than frames, tell of
 * further frames. */
int64_t pixels_left_over(const struct dicom_object *object, const struct pixel_format *format);
/* Are there as many bytes, or fragments, as all frames need? Without decoding any. E_INVALID says what is missing. */
bool pixels_are_there(const struct dicom_object *object, const struct pixel_format *format, struct arena *arena,
                      struct error *error);

#endif
