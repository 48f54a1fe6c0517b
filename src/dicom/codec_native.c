/* codec_native.c - pixels as they are (PS3.5 8.1.1, 8.2 and annex D), and deflated frames (PS3.5 A.4.13), which are
 * native ones inside. */
#include "dicom/codec_faces.h"

#include <zlib.h>

int64_t native_frame_bits(const struct pixel_format *format)
{
    /* 4:2:2: two pixels share one Cb and one Cr: Y Y Cb Cr (PS3.3 C.7.6.3.1.2). */
    int64_t samples = is_subsampled(format) ? format->rows * format->columns * 2 : frame_samples(format);
    return samples * format->bits_allocated;
}

/* One bit a pixel, the least significant first; eight at once where the bits begin on a byte. */
static void bits_unpack(const uint8_t *bits, int64_t first, int64_t count, uint8_t *out)
{
    bits += first >> 3;
    first &= 7;
    int64_t done = 0;
    for (; done < count && first; done++) {
        out[done] = *bits >> first & 1;
        first = (first + 1) & 7;
        bits += first == 0;
    }
    for (; done + 8 <= count; done += 8, bits++) {
        /* Spreads the byte over eight and keeps one bit of each. */
        uint64_t spread = *bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
        spread = (spread + UINT64_C(0x00406070787C7E7F)) >> 7 & UINT64_C(0x0101010101010101);
        memcpy(out + done, &spread, 8);
    }
    for (; done < count; done++, first++)
        out[done] = *bits >> first & 1;
}

/* Cells of any width one after the other, as a stream of bits from the least significant on. */
static void cells_unpack(const uint8_t *bytes, int64_t len, int64_t first, int64_t count, int bits, int width,
                         uint8_t *out)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at = first + i * bits;
        uint64_t cell = 0;
        int got = 0;
        for (int64_t byte = at >> 3; got < bits && byte < len; byte++) {
            int skip = got ? 0 : (int)(at & 7);
            cell |= (uint64_t)(bytes[byte] >> skip) << got;
            got += 8 - skip;
        }
        if (bits < 64)
            cell &= (UINT64_C(1) << bits) - 1;
        memcpy(out + i * width, &cell, (size_t)width);
    }
}

static void swap_bytes(void *out, int64_t count, int width)
{
    if (width == 2)
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)out)[i] = __builtin_bswap16(((uint16_t *)out)[i]);
    else if (width == 4)
        for (int64_t i = 0; i < count; i++)
            ((uint32_t *)out)[i] = __builtin_bswap32(((uint32_t *)out)[i]);
    else if (width == 8)
        for (int64_t i = 0; i < count; i++)
            ((uint64_t *)out)[i] = __builtin_bswap64(((uint64_t *)out)[i]);
}

static void cells_decode(const struct pixel_format *format, struct str encoded, int64_t first, int64_t count, void *out)
{
    int bits = format->bits_allocated, width = sample_bytes(format);
    const uint8_t *from = (const uint8_t *)encoded.at;
    if (bits == 1) {
        bits_unpack(from, first, count, out);
    } else if (bits == width * 8 && (first & 7) == 0) {
        memcpy(out, from + (first >> 3), (size_t)(count * width));
        if (format->big_endian)
            swap_bytes(out, count, width);
    } else {
        cells_unpack(from, encoded.len, first, count, bits, width, out);
    }
}

/* Words of 16 bits in big endian: the stream of bytes in each is the other way round. */
static char *swapped_words(struct str encoded)
{
    char *words = malloc((size_t)encoded.len);
    if (!words)
        abort();
    for (ptrdiff_t i = 0; i < encoded.len; i++)
        words[i] = encoded.at[i ^ 1];
    return words;
}

bool native_decode(const struct pixel_format *format, struct str encoded, int first_bit, void *out, struct error *error)
{
    int64_t bits = native_frame_bits(format), needed = (first_bit + bits + 7) / 8;
    if (format->as_words)
        needed = (needed + 1) & ~INT64_C(1);
    if (encoded.len < needed)
        return error_set(error, E_INVALID, "Pixel Data (7FE0,0010): the frame needs %lld bytes, and %lld are there",
                         (long long)needed, (long long)encoded.len);
    int64_t count = bits / format->bits_allocated, pixels = format->rows * format->columns;
    bool planar = format->planar && format->samples > 1 && count == frame_samples(format);
    int width = sample_bytes(format);
    if (!format->as_words && !planar) {
        cells_decode(format, encoded, first_bit, count, out);
        return true;
    }
    char *words = format->as_words ? swapped_words(str_slice(encoded, 0, needed)) : NULL;
    struct str source = words ? (struct str){ words, needed } : encoded;
    if (planar) {
        char *planes = malloc((size_t)(count * width));
        if (!planes)
            abort();
        cells_decode(format, source, first_bit, count, planes);
        planes_interleave(planes, pixels, format->samples, width, out);
        free(planes);
    } else {
        cells_decode(format, source, first_bit, count, out);
    }
    free(words);
    return true;
}

bool deflated_is_whole(const struct pixel_format *format, struct str encoded)
{
    int64_t left = (native_frame_bits(format) + 7) / 8;
    unsigned char some[1 << 14];
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)encoded.at, .avail_in = (uInt)encoded.len };
    if (encoded.len > UINT32_MAX)
        return false;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        abort();
    int status = Z_OK;
    while (left > 0 && status == Z_OK) {
        stream.next_out = some;
        stream.avail_out = sizeof(some);
        status = inflate(&stream, Z_NO_FLUSH);
        left -= (int64_t)sizeof(some) - stream.avail_out;
    }
    inflateEnd(&stream);
    return left <= 0;
}

bool deflated_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                     struct error *error)
{
    (void)decoded;
    int64_t needed = (native_frame_bits(format) + 7) / 8;
    /* RFC 1951 makes at most 1032 bytes of one: a shorter frame cannot be whole, and nothing is allocated for it. */
    if (encoded.len < needed / 1032 || encoded.len > UINT32_MAX || needed > UINT32_MAX)
        return error_set(error, E_INVALID, "%lld deflated bytes cannot hold a frame of %lld", (long long)encoded.len,
                         (long long)needed);
    char *inflated = malloc((size_t)needed);
    if (!inflated)
        abort();
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)encoded.at,
                        .avail_in = (uInt)encoded.len,
                        .next_out = (Bytef *)inflated,
                        .avail_out = (uInt)needed };
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        abort();
    int status = inflate(&stream, Z_FINISH);
    int64_t got = (int64_t)stream.total_out, read = (int64_t)stream.total_in;
    inflateEnd(&stream);
    bool ok = true;
    if (got < needed)
        ok = error_set(error, E_INVALID, "the deflated frame %s at its byte %lld and gives %lld of %lld bytes",
                       status == Z_DATA_ERROR ? "is damaged" : "ends", (long long)read, (long long)got,
                       (long long)needed);
    else
        ok = native_decode(format, (struct str){ inflated, needed }, 0, out, error);
    free(inflated);
    return ok;
}
