/* jpeg.h - our own decoder of ISO 10918-1 (ITU-T T.81), for what libjpeg-turbo of Debian 12 does not read: lossless
 * (SOF3, 2 to 16 bits, all predictors) and 12-bit sequential and progressive DCT (SOF0 to SOF2).
 *
 *   SOI  [DQT DHT DRI APPn COM ...]  SOFn  [DQT DHT ...]  SOS data RSTm data ...  [DHT ...] SOS data ...  EOI
 *
 *     struct jpeg_image image;
 *     if (!jpeg_header(encoded, &image, &error)) ...                 // up to the frame header: what the picture is
 *     if (!jpeg_own_decode(format, encoded, out, decoded, &error)) ...  // all of it
 *
 * Entropy-coded data is first copied without its stuffed bytes (T.81 B.1.1.5), one restart interval at a time: the bit
 * reader then loads eight bytes at once, wherever they are. Past the end it gives zeros; whether more was taken than
 * there was is asked once a row of blocks.
 */
#ifndef ROENTGEN_DICOM_JPEG_H
#define ROENTGEN_DICOM_JPEG_H

#include "dicom/codec_faces.h"

enum { JPEG_COMPONENTS_MAX = 4, JPEG_TABLES = 4, JPEG_SCANS_MAX = 256 };

enum jpeg_process { JPEG_SEQUENTIAL, JPEG_PROGRESSIVE, JPEG_LOSSLESS };

struct jpeg_component {
    int id, h, v;               /* sampling factors, 1 to 4 */
    int quantization;           /* number of its table */
    int64_t columns, rows;      /* of samples */
    int64_t blocks_x, blocks_y; /* that hold them */
    int64_t padded_x, padded_y; /* with those that fill the last MCUs */
    int16_t *coefficients;      /* DCT: padded_x * padded_y blocks of 64, in natural order */
};

struct jpeg_image {
    enum jpeg_process process;
    int frame_marker; /* 0xC0 to 0xCF */
    int precision;    /* bits of a sample */
    int64_t columns, rows;
    int count; /* of components */
    int h_max, v_max;
    struct jpeg_component components[JPEG_COMPONENTS_MAX];
    bool has_jfif, has_adobe;
    int adobe_transform; /* 0: as it is, 1: YCbCr, 2: YCCK */
};

/* ---- Huffman (jpeg_huffman.c) ---- */

enum { JPEG_LOOKAHEAD = 10 };
struct jpeg_huffman {
    bool defined;
    uint8_t symbols[256];
    int32_t longest[18];                /* largest code of each length; -1: none. [17] ends every search */
    int32_t first[17];                  /* what added to a code of that length is the index of its symbol */
    uint16_t look[1 << JPEG_LOOKAHEAD]; /* code length << 8 | symbol; 0: longer than the lookahead */
    /* Difference and code in one step: difference << 16 | symbol << 8 | bits of both; 0: does not fit the lookahead.
     * For the lossless process, whose symbols are the number of bits that follow. */
    int32_t difference[1 << JPEG_LOOKAHEAD];
};
/* A DHT table of 16 counts and their symbols; false: the codes do not fit 16 bits. */
bool jpeg_huffman_define(struct jpeg_huffman *table, const uint8_t counts[16], const uint8_t *symbols);
void jpeg_huffman_differences(struct jpeg_huffman *table);

/* ---- bits ---- */

struct jpeg_bits {
    const uint8_t *bytes;
    ptrdiff_t at, len; /* bytes[len] to bytes[len + 7] are zero */
    uint64_t window;   /* the next bit is the highest */
    int count;         /* valid bits of the window */
};

/* At least 56 bits, of which those past the end are zero. */
static inline void jpeg_bits_fill(struct jpeg_bits *bits)
{
    if (__builtin_expect(bits->at <= bits->len, 1)) {
        uint64_t next;
        memcpy(&next, bits->bytes + bits->at, 8);
        bits->window |= __builtin_bswap64(next) >> bits->count;
    }
    bits->at += (63 - bits->count) >> 3;
    bits->count |= 56;
}

static inline void jpeg_bits_skip(struct jpeg_bits *bits, int n)
{
    bits->window <<= n;
    bits->count -= n;
}

/* n from 0 to 16; as many must be in the window. */
static inline int jpeg_bits_take(struct jpeg_bits *bits, int n)
{
    int value = (int)(bits->window >> 1 >> (63 - n));
    jpeg_bits_skip(bits, n);
    return value;
}

/* More bits taken than there were. */
static inline bool jpeg_bits_overrun(const struct jpeg_bits *bits)
{
    return bits->at * 8 - bits->count > bits->len * 8;
}

/* The next symbol; takes at most 16 bits, which must be in the window. A code that is not in the table gives 0. */
static inline int jpeg_symbol(struct jpeg_bits *bits, const struct jpeg_huffman *table)
{
    unsigned entry = table->look[bits->window >> (64 - JPEG_LOOKAHEAD)];
    if (__builtin_expect(entry != 0, 1)) {
        jpeg_bits_skip(bits, (int)(entry >> 8));
        return (int)(entry & 0xFF);
    }
    int length = JPEG_LOOKAHEAD + 1;
    int32_t code = (int32_t)(bits->window >> (64 - length));
    while (code > table->longest[length]) {
        length++;
        code = (int32_t)(bits->window >> (64 - length));
    }
    if (length > 16) {
        jpeg_bits_skip(bits, 16);
        return 0;
    }
    jpeg_bits_skip(bits, length);
    return table->symbols[(code + table->first[length]) & 0xFF];
}

/* T.81 F.2.2.1 EXTEND: n bits as a signed number. */
static inline int jpeg_extend(int value, int n)
{
    return n && value < 1 << (n - 1) ? value - (1 << n) + 1 : value;
}

/* ---- the codestream (jpeg_codestream.c) ---- */

struct jpeg_scan {
    int count;                          /* of components */
    int component[JPEG_COMPONENTS_MAX]; /* their index in the image */
    int dc_table[JPEG_COMPONENTS_MAX], ac_table[JPEG_COMPONENTS_MAX];
    int spectral_first, spectral_last; /* lossless: the predictor, 0 */
    int high, low;                     /* successive approximation; lossless: 0, the point transform */
};

struct jpeg_reader {
    struct str bytes;
    ptrdiff_t at;
    struct jpeg_image image;
    struct jpeg_huffman dc[JPEG_TABLES], ac[JPEG_TABLES];
    uint16_t quantization[JPEG_TABLES][64]; /* natural order */
    bool quantization_defined[JPEG_TABLES];
    int64_t restart_interval; /* in MCUs; 0: none */
    struct jpeg_scan scan;
    uint8_t *unstuffed; /* of the interval under way; room for all of the frame and eight bytes */
};

/* Up to and with the frame header, and what application markers say up to the first scan; needs no memory. */
bool jpeg_header(struct str encoded, struct jpeg_image *image, struct error *error);
/* Goes on to the next SOS and reads it. *found false: the picture ended. */
bool jpeg_next_scan(struct jpeg_reader *reader, bool *found, struct error *error);
/* The entropy-coded data from here to the next marker. A restart marker is passed over first where `restart` says that
 * one must be there. */
bool jpeg_interval(struct jpeg_reader *reader, bool restart, struct jpeg_bits *bits, struct error *error);
bool jpeg_data_ended(const struct jpeg_reader *reader, struct error *error); /* sets the error, for `return` */

/* ---- processes ---- */
bool jpeg_lossless_scan(struct jpeg_reader *reader, uint16_t *samples,
                        struct error *error);                        /* interleaved, whole image */
bool jpeg_dct_scan(struct jpeg_reader *reader, struct error *error); /* into the coefficients */
/* Samples of one row of blocks of a component, 8 * padded_x columns wide, in eight rows. */
void jpeg_dct_row(const struct jpeg_component *component, const uint16_t quantization[64], int precision, int64_t row,
                  uint16_t *samples);
/* libjpeg exports names with this prefix as well: a new one must not be among them (nm -D). */
extern const uint8_t jpeg_zigzag[64 + 16]; /* zigzag index to natural; past the 64th it stays at 63 */

codec_face jpeg_own_decode;

#endif
