/* codec_rle.c - RLE Lossless (PS3.5 annex G): a header of 16 numbers, then one PackBits segment for each byte of the
 * samples.
 *
 *   [count][offset of segment 1]..[offset of segment 15]
 *   segment 1: most significant bytes of the first sample of all pixels
 *   segment 2 ...
 */
#include "dicom/codec_faces.h"

enum { SEGMENTS_MAX = 15, HEADER_BYTES = 64 };

/* Fills `plane`; what a segment has beyond that is padding. Returns the bytes it made. */
static int64_t segment_unpack(const uint8_t *at, const uint8_t *end, uint8_t *plane, int64_t len)
{
    uint8_t *to = plane, *stop = plane + len;
    while (to < stop && at < end) {
        int control = *at++;
        ptrdiff_t run = control < 128 ? control + 1 : 257 - control;
        if (control == 128)
            continue;
        if (run > stop - to)
            run = stop - to;
        if (control < 128) {
            if (run > end - at)
                run = end - at;
            memcpy(to, at, (size_t)run);
            at += run;
        } else {
            if (at == end)
                break;
            memset(to, *at++, (size_t)run);
        }
        to += run;
    }
    return to - plane;
}

/* The planes in the order of the decoded bytes: the least significant byte of the first sample comes first. */
static bool planes_unpack(struct str encoded, const int64_t *offsets, int segments, int width, int64_t plane_bytes,
                          uint8_t *planes, struct error *error)
{
    const uint8_t *bytes = (const uint8_t *)encoded.at;
    for (int i = 0; i < segments; i++) {
        int plane = i / width * width + width - 1 - i % width;
        int64_t got =
            segment_unpack(bytes + offsets[i], bytes + offsets[i + 1], planes + plane * plane_bytes, plane_bytes);
        if (got < plane_bytes)
            return error_set(error, E_INVALID, "RLE segment %d, at byte %lld of the frame, gives %lld of %lld bytes",
                             i + 1, (long long)offsets[i], (long long)got, (long long)plane_bytes);
    }
    return true;
}

/* What the segment would make of it, without making it. */
static int64_t segment_count(const uint8_t *at, const uint8_t *end, int64_t len)
{
    int64_t made = 0;
    while (made < len && at < end) {
        int control = *at++;
        ptrdiff_t run = control < 128 ? control + 1 : 257 - control;
        if (control == 128)
            continue;
        if (control < 128 && run > end - at)
            run = end - at;
        else if (control > 128 && at == end)
            break;
        at += control < 128 ? run : 1;
        made += run;
    }
    return made;
}

static bool header_read(struct str encoded, int segments, int64_t *offsets, struct error *error)
{
    if (encoded.len < HEADER_BYTES)
        return error_set(error, E_INVALID, "the RLE frame has %lld bytes: too few for its header",
                         (long long)encoded.len);
    uint32_t count = dicom_u32(encoded.at, false);
    if (count != (uint32_t)segments)
        return error_set(error, E_INVALID, "the RLE frame has %u segments, and the samples need %d", count, segments);
    int64_t last = HEADER_BYTES;
    for (int i = 0; i < segments; i++) {
        int64_t offset = dicom_u32(encoded.at + 4 + (ptrdiff_t)4 * i, false);
        if (offset < last || offset > encoded.len)
            return error_set(error, E_INVALID, "RLE segment %d of %d begins at byte %lld of a frame of %lld bytes",
                             i + 1, segments, (long long)offset, (long long)encoded.len);
        offsets[i] = last = offset;
    }
    offsets[segments] = encoded.len;
    return true;
}

static int segments_of(const struct pixel_format *format)
{
    return format->samples * sample_bytes(format);
}

static int64_t plane_bytes_of(const struct pixel_format *format)
{
    int64_t pixels = format->rows * format->columns;
    return format->bits_allocated == 1 ? (pixels + 7) / 8 : pixels;
}

bool rle_is_whole(const struct pixel_format *format, struct str encoded)
{
    int64_t offsets[SEGMENTS_MAX + 1], plane_bytes = plane_bytes_of(format);
    int segments = segments_of(format);
    struct error ignored = { 0 };
    const uint8_t *bytes = (const uint8_t *)encoded.at;
    bool whole = segments <= SEGMENTS_MAX && header_read(encoded, segments, offsets, &ignored);
    for (int i = 0; whole && i < segments; i++)
        whole = segment_count(bytes + offsets[i], bytes + offsets[i + 1], plane_bytes) >= plane_bytes;
    return whole;
}

bool rle_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                struct error *error)
{
    (void)decoded;
    int width = sample_bytes(format), segments = segments_of(format);
    bool bits = format->bits_allocated == 1 && format->samples == 1;
    if ((!bits && format->bits_allocated != width * 8) || segments > SEGMENTS_MAX)
        return error_set(error, E_INVALID, "RLE does not hold %d samples of %d bits", format->samples,
                         format->bits_allocated);
    int64_t offsets[SEGMENTS_MAX + 1];
    if (!header_read(encoded, segments, offsets, error))
        return false;
    int64_t pixels = format->rows * format->columns, plane_bytes = plane_bytes_of(format);
    /* Two bytes make at most 128: nothing is allocated for what cannot be whole. */
    if (encoded.len < plane_bytes / 64 * segments)
        return error_set(error, E_INVALID, "%lld RLE bytes cannot hold a frame of %lld", (long long)encoded.len,
                         (long long)(plane_bytes * segments));
    if (segments == 1 && !bits)
        return planes_unpack(encoded, offsets, 1, 1, plane_bytes, out, error);
    uint8_t *planes = malloc((size_t)(plane_bytes * segments));
    if (!planes)
        abort();
    bool ok = planes_unpack(encoded, offsets, segments, width, plane_bytes, planes, error);
    if (ok && bits)
        ok = native_decode(format, (struct str){ (char *)planes, plane_bytes }, 0, out, error);
    else if (ok)
        planes_interleave(planes, pixels, segments, 1, out);
    free(planes);
    return ok;
}
