/* codec.c - which codec decodes a frame, and what all of them share. */
#include "dicom/codec_faces.h"

#include <assert.h>

int sample_bytes(const struct pixel_format *format)
{
    return format->bits_allocated <= 8 ? 1 : format->bits_allocated <= 16 ? 2 : format->bits_allocated <= 32 ? 4 : 8;
}

int64_t frame_samples(const struct pixel_format *format)
{
    return format->rows * format->columns * format->samples;
}

void samples_widen_u8(const uint8_t *from, int64_t count, int width, void *out)
{
    if (width == 1)
        memcpy(out, from, (size_t)count);
    else if (width == 2)
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)out)[i] = from[i];
    else if (width == 4)
        for (int64_t i = 0; i < count; i++)
            ((uint32_t *)out)[i] = from[i];
    else
        for (int64_t i = 0; i < count; i++)
            ((uint64_t *)out)[i] = from[i];
}

void samples_widen_u16(const uint16_t *from, int64_t count, int width, void *out)
{
    if (width == 1)
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)out)[i] = (uint8_t)from[i];
    else if (width == 2)
        memcpy(out, from, (size_t)count * 2);
    else if (width == 4)
        for (int64_t i = 0; i < count; i++)
            ((uint32_t *)out)[i] = from[i];
    else
        for (int64_t i = 0; i < count; i++)
            ((uint64_t *)out)[i] = from[i];
}

/* Two and three planes of bytes are RLE of 16 bits and of colour: loops that the compiler turns into shuffles. */
static void interleave_bytes(const uint8_t *planes, int64_t pixels, int count, uint8_t *out)
{
    if (count == 2) {
        const uint8_t *a = planes, *b = planes + pixels;
        for (int64_t i = 0; i < pixels; i++) {
            out[2 * i] = a[i];
            out[2 * i + 1] = b[i];
        }
        return;
    }
    if (count == 3) {
        const uint8_t *a = planes, *b = a + pixels, *c = b + pixels;
        for (int64_t i = 0; i < pixels; i++) {
            out[3 * i] = a[i];
            out[3 * i + 1] = b[i];
            out[3 * i + 2] = c[i];
        }
        return;
    }
    for (int p = 0; p < count; p++)
        for (int64_t i = 0; i < pixels; i++)
            out[i * count + p] = planes[p * pixels + i];
}

void planes_interleave(const void *planes, int64_t pixels, int count, int unit, void *out)
{
    if (unit == 1) {
        interleave_bytes(planes, pixels, count, out);
        return;
    }
    for (int p = 0; p < count; p++) {
        const char *from = (const char *)planes + p * pixels * unit;
        char *to = (char *)out + (ptrdiff_t)p * unit;
        if (unit == 2)
            for (int64_t i = 0; i < pixels; i++)
                memcpy(to + i * count * 2, from + i * 2, 2);
        else if (unit == 4)
            for (int64_t i = 0; i < pixels; i++)
                memcpy(to + i * count * 4, from + i * 4, 4);
        else
            for (int64_t i = 0; i < pixels; i++)
                memcpy(to + i * count * 8, from + i * 8, 8);
    }
}

bool codestream_matches(const struct pixel_format *format, const char *coding, int64_t columns, int64_t rows,
                        int samples, int bits, struct error *error)
{
    if (columns != format->columns || rows != format->rows)
        return error_set(
            error, E_INVALID,
            "the %s frame is %lld x %lld pixels, but Columns (0028,0011) x Rows (0028,0010) say %lld x %lld", coding,
            (long long)columns, (long long)rows, (long long)format->columns, (long long)format->rows);
    if (samples != format->samples)
        return error_set(error, E_INVALID, "the %s frame has %d components, but Samples per Pixel (0028,0002) is %d",
                         coding, samples, format->samples);
    if (bits > sample_bytes(format) * 8)
        return error_set(error, E_INVALID, "the %s frame has samples of %d bits, but Bits Allocated (0028,0100) is %d",
                         coding, bits, format->bits_allocated);
    return true;
}

void codestream_samples(const struct pixel_format *format, int precision, bool is_signed,
                        struct decoded_format *decoded)
{
    bool sign_is_above = format->is_signed && !is_signed;
    decoded->precision = precision;
    decoded->is_signed = format->is_signed;
    decoded->bits_stored = precision < format->bits_stored && !sign_is_above ? precision : format->bits_stored;
}

/* ---- lossy samples beyond Bits Stored ----
 *
 * A lossy codestream of more bits than are stored comes back a little above white, or below black: masked, such pixels
 * would turn over. They are cut to the ends of what can be stored, unless any lies so far beyond that the bits above
 * hold something of their own. */

static int64_t sample_get(const void *at, int64_t index, int width, bool is_signed)
{
    if (width == 1)
        return is_signed ? ((const int8_t *)at)[index] : ((const uint8_t *)at)[index];
    return is_signed ? ((const int16_t *)at)[index] : ((const uint16_t *)at)[index];
}

static void sample_set(void *at, int64_t index, int width, int64_t value)
{
    if (width == 1)
        ((uint8_t *)at)[index] = (uint8_t)value;
    else
        ((uint16_t *)at)[index] = (uint16_t)value;
}

static void overshoot_cut(const struct pixel_format *format, const struct decoded_format *decoded, void *out)
{
    enum { MARGIN = 8 }; /* the part of the range that is no more than overshoot */
    int width = sample_bytes(format), bits = decoded->bits_stored;
    if (width > 2 || decoded->precision <= bits || (format->high_bit >= bits && decoded->precision > format->high_bit))
        return;
    int64_t range = INT64_C(1) << bits, low = decoded->is_signed ? -range / 2 : 0, high = low + range - 1;
    int64_t count = frame_samples(format), least = low, most = high;
    for (int64_t i = 0; i < count; i++) {
        int64_t value = sample_get(out, i, width, decoded->is_signed);
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    if ((least == low && most == high) || least < low - range / MARGIN || most > high + range / MARGIN)
        return;
    for (int64_t i = 0; i < count; i++) {
        int64_t value = sample_get(out, i, width, decoded->is_signed);
        if (value < low || value > high)
            sample_set(out, i, width, value < low ? low : high);
    }
}

bool is_subsampled(const struct pixel_format *format)
{
    const struct dicom_syntax *syntax = format->syntax; /* NULL: samples of a file that is not DICOM */
    bool native = syntax && (syntax->coding == CODING_NATIVE || syntax->coding == CODING_DEFLATED_FRAME);
    return native && format->photometric == YBR_FULL_422;
}

static struct decoded_format format_before_decoding(const struct pixel_format *format)
{
    bool is_full = format->photometric == YBR_FULL_422 && !is_subsampled(format);
    return (struct decoded_format){ .photometric = is_full ? YBR_FULL : format->photometric,
                                    .bits_stored = format->bits_stored,
                                    .is_signed = format->is_signed };
}

const void *frame_in_place(const struct pixel_format *format, struct str encoded, int first_bit,
                           struct decoded_format *decoded)
{
    int width = sample_bytes(format);
    bool as_it_lies = format->syntax->coding == CODING_NATIVE && !format->as_words && first_bit == 0 &&
                      format->bits_allocated == width * 8 && (!format->big_endian || width == 1) &&
                      (format->samples == 1 || !format->planar);
    if (!as_it_lies || encoded.len < pixel_frame_bytes(format) || (uintptr_t)encoded.at % (uintptr_t)width)
        return NULL;
    *decoded = format_before_decoding(format);
    return encoded.at;
}

bool frame_decode(const struct pixel_format *format, struct str encoded, int first_bit, void *out, ptrdiff_t out_bytes,
                  struct decoded_format *decoded, struct error *error)
{
    static codec_face *const faces[] = {
        [CODING_RLE] = rle_decode,
        [CODING_JPEG] = jpeg_decode,
        [CODING_JPEG_LS] = jpeg_ls_decode,
        [CODING_JPEG2000] = jpeg2000_decode,
        [CODING_DEFLATED_FRAME] = deflated_decode,
        [CODING_UNSUPPORTED] = NULL,
    };
    assert(out_bytes == pixel_frame_bytes(format) && first_bit >= 0 && first_bit < 16);
    struct decoded_format result = format_before_decoding(format);
    enum dicom_coding coding = format->syntax->coding;
    if (coding == CODING_NATIVE) {
        if (!native_decode(format, encoded, first_bit, out, error))
            return false;
    } else if (!faces[coding]) {
        return error_set(error, E_UNSUPPORTED_TYPE, "pixels in %s are not decoded", format->syntax->name);
    } else if (format->kind != SAMPLE_INTEGER && coding != CODING_DEFLATED_FRAME) {
        return error_set(error, E_INVALID, "pixels of real numbers cannot be in %s", format->syntax->name);
    } else if (!faces[coding](format, encoded, out, &result, error)) {
        return false;
    }
    if (format->syntax->lossy && result.precision > result.bits_stored)
        overshoot_cut(format, &result, out);
    *decoded = result;
    return true;
}
