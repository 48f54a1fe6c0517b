/* decoder_protocol.h - what server and decoder process say to each other (boxed.h says how). Private to raster/.
 *
 * A setup first, with the descriptor of the shared memory, which a reply answers; then requests, each with the
 * descriptor of the file, read-only, and a reply to each. In the shared memory:
 *
 *   0             REQUEST_BYTES
 *   | pieces, LUTs, profile | result .......... |
 *     server writes  decoder writes
 */
#ifndef ROENTGEN_RASTER_DECODER_PROTOCOL_H
#define ROENTGEN_RASTER_DECODER_PROTOCOL_H

#include "base/boxed.h"
#include "raster/decoder.h"

enum { DECODER_PIECES_MAX = 65536, DECODER_LUTS = 5 };
enum { DECODER_REQUEST_BYTES = 8 << 20 }; /* holds the most pieces and LUTs, and a profile */
enum { DECODER_RESULT_KEPT = 8 << 20 };   /* result pages that stay between jobs */
#define DECODER_MAGIC 0x726f656eu

/* Frames of DICOM files need nothing but this program; raster files need libvips, which is slow to load and large. */
enum decoder_flavour { DECODER_FRAMES, DECODER_RASTER, DECODER_FLAVOURS };

struct decoder_setup {
    uint32_t magic;
    enum decoder_flavour flavour;
    int64_t memory_bytes, max_result_bytes;
};

struct decoder_piece {
    int64_t offset, length;
};

struct decoder_request {
    uint32_t magic;
    enum decode_kind kind;
    uint64_t number; /* comes back in the reply */
    enum file_type file_type;
    int syntax;                 /* index into dicom_syntaxes; -1: none */
    struct pixel_format format; /* without the pointer to its syntax */
    int first_bit;
    int64_t pieces; /* of them in the shared memory, from its start; 0: the whole file */
    int64_t page, max_pixels;
    /* struct presentation as far as its first LUT; those with a count follow the pieces, one after another: modality,
     * VOI, palette; then the table of values, then the ICC profile. */
    _Alignas(double) char presentation[offsetof(struct presentation, modality)];
    struct decoder_lut {
        int32_t count, first, bits;
    } luts[DECODER_LUTS];
    struct {
        int32_t count, first;
    } world;
    int64_t profile_bytes; /* of the ICC profile, which comes last; more than COLOUR_PROFILE_MAX: it is left out */
};

struct decoder_reply {
    uint32_t magic;
    enum error_code code; /* E_NONE: done */
    uint64_t number;
    int64_t bytes; /* of the result */
    int64_t width, height;
    struct pixel_format format; /* without the pointer to its syntax */
    struct decoded_format decoded;
    char message[ERROR_MESSAGE_MAX];
    char remark[DECODE_REMARK_BYTES];
};

#endif
