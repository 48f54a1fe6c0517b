/* codec_jpegls.c - JPEG-LS frames: markers (T.87 annex C), scans, and samples in the order of DICOM. */
#include "dicom/jpegls.h"

enum {
    MARKER_RST0 = 0xD0,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_DRI = 0xDD,
    MARKER_APP8 = 0xE8,
    MARKER_SOF55 = 0xF7,
    MARKER_LSE = 0xF8,
};

struct jls_reader {
    struct str bytes;
    ptrdiff_t at;
    struct jls_frame frame;
    struct jls_decoder decoder;
    const struct pixel_format *format;
    char *out;
    uint16_t *lines; /* two of each component, each with a sample at both ends */
    int8_t *gradients;
    unsigned seen; /* components that have come */
};

static int byte_at(struct str s, ptrdiff_t at)
{
    return (unsigned char)s.at[at];
}

static int word_at(struct str s, ptrdiff_t at)
{
    return byte_at(s, at) << 8 | byte_at(s, at + 1);
}

static bool next_marker(struct jls_reader *reader, int *marker, struct str *segment, struct error *error)
{
    struct str bytes = reader->bytes;
    ptrdiff_t i = reader->at;
    while (i + 1 < bytes.len &&
           (byte_at(bytes, i) != 0xFF || byte_at(bytes, i + 1) < 0x80 || byte_at(bytes, i + 1) == 0xFF))
        i++;
    *segment = STR_NULL;
    *marker = i + 1 < bytes.len ? byte_at(bytes, i + 1) : MARKER_EOI;
    reader->at = i + 1 < bytes.len ? i + 2 : bytes.len;
    if (*marker >= MARKER_RST0 && *marker <= MARKER_EOI)
        return true;
    int len = i + 4 <= bytes.len ? word_at(bytes, i + 2) : 0;
    if (len < 2 || i + 2 + len > bytes.len)
        return error_set(error, E_INVALID, "the JPEG-LS segment FF%02X at byte %lld of the frame does not fit it",
                         *marker, (long long)i);
    *segment = str_slice(bytes, i + 4, i + 2 + len);
    reader->at = i + 2 + len;
    return true;
}

/* C.2.2 */
static bool frame_read(struct jls_reader *reader, struct str segment, struct error *error)
{
    struct jls_frame *frame = &reader->frame;
    int count = segment.len >= 6 ? byte_at(segment, 5) : 0;
    if (frame->count || count < 1 || count > JLS_COMPONENTS_MAX || segment.len < 6 + 3 * count)
        return error_set(error, E_INVALID, "the JPEG-LS frame header is cut short, comes twice, or has %d components",
                         count);
    frame->precision = byte_at(segment, 0);
    frame->rows = word_at(segment, 1);
    frame->columns = word_at(segment, 3);
    for (int i = 0; i < count; i++) {
        frame->ids[i] = byte_at(segment, 6 + 3 * i);
        if (byte_at(segment, 7 + 3 * i) != 0x11)
            return error_set(error, E_UNSUPPORTED_TYPE, "JPEG-LS with subsampled components is not decoded");
    }
    if (frame->precision < 2 || frame->precision > 16)
        return error_set(error, E_INVALID, "the JPEG-LS frame has samples of %d bits", frame->precision);
    frame->count = count;
    reader->gradients = malloc(((size_t)2 << frame->precision) + 1);
    if (!reader->gradients)
        abort();
    reader->decoder.gradients = reader->gradients + ((ptrdiff_t)1 << frame->precision);
    return codestream_matches(reader->format, "JPEG-LS", frame->columns, frame->rows, count, frame->precision, error);
}

/* C.2.4.1 */
static bool parameters_read(struct jls_reader *reader, struct str segment, struct error *error)
{
    if (segment.len < 11 || byte_at(segment, 0) != 1)
        return error_set(error, E_UNSUPPORTED_TYPE, "JPEG-LS parameters of kind %d are not decoded",
                         segment.len ? byte_at(segment, 0) : 0);
    reader->frame.preset = (struct jls_preset){ .max_value = word_at(segment, 1),
                                                .t1 = word_at(segment, 3),
                                                .t2 = word_at(segment, 5),
                                                .t3 = word_at(segment, 7),
                                                .reset = word_at(segment, 9) };
    return true;
}

static bool segment_read(struct jls_reader *reader, int marker, struct str segment, struct error *error)
{
    if (marker == MARKER_SOF55)
        return frame_read(reader, segment, error);
    if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC)
        return error_set(error, E_INVALID, "the frame is JPEG, not JPEG-LS");
    if (marker == MARKER_LSE)
        return parameters_read(reader, segment, error);
    if (marker == MARKER_DRI && segment.len >= 2 && segment.len <= 4) /* C.2.5: 2, 3 or 4 bytes */
        for (ptrdiff_t i = reader->frame.restart_lines = 0; i < segment.len; i++)
            reader->frame.restart_lines = reader->frame.restart_lines << 8 | byte_at(segment, i);
    if (marker == MARKER_APP8 && str_starts(segment, S("mrfx")) && segment.len >= 5 && byte_at(segment, 4) != 0)
        return error_set(error, E_UNSUPPORTED_TYPE,
                         "JPEG-LS with a colour transformation of its own, which DICOM does not know, is not decoded");
    return true;
}

/* C.2.3 */
static bool scan_read(struct jls_reader *reader, struct str segment, struct error *error)
{
    struct jls_scan *scan = &reader->decoder.scan;
    const struct jls_frame *frame = &reader->frame;
    *scan = (struct jls_scan){ .count = segment.len ? byte_at(segment, 0) : 0 };
    if (frame->count == 0)
        return error_set(error, E_INVALID, "the JPEG-LS frame has no frame header");
    if (scan->count < 1 || scan->count > frame->count || segment.len < 4 + 2 * scan->count)
        return error_set(error, E_INVALID, "a JPEG-LS scan header is cut short or has %d components", scan->count);
    for (int i = 0, k = 0; i < scan->count; i++, k++) {
        while (k < frame->count && frame->ids[k] != byte_at(segment, 1 + 2 * i))
            k++;
        if (k == frame->count || reader->seen & 1u << k)
            return error_set(error, E_INVALID, "a JPEG-LS scan has component %d, which the frame has not, or had",
                             byte_at(segment, 1 + 2 * i));
        if (byte_at(segment, 2 + 2 * i) != 0)
            return error_set(error, E_UNSUPPORTED_TYPE, "JPEG-LS with mapping tables is not decoded");
        scan->component[i] = k;
        reader->seen |= 1u << k;
    }
    int tail = 1 + 2 * scan->count, interleave = byte_at(segment, tail + 1);
    scan->near = byte_at(segment, tail);
    scan->interleave = (enum jls_interleave)interleave;
    if (interleave > JLS_BY_SAMPLE || (interleave == JLS_BY_COMPONENT && scan->count > 1))
        return error_set(error, E_INVALID, "a JPEG-LS scan of %d components has interleave mode %d", scan->count,
                         interleave);
    if (scan->count == 1) /* is not interleaved with anything, whatever is written */
        scan->interleave = JLS_BY_COMPONENT;
    if (byte_at(segment, tail + 2) & 15)
        return error_set(error, E_UNSUPPORTED_TYPE, "JPEG-LS with a point transform is not decoded");
    if (!jls_prepare(&reader->decoder, frame))
        return error_set(error, E_INVALID, "the JPEG-LS coding parameters contradict each other");
    return true;
}

/* The data from here to the next marker. */
static void data_find(struct jls_reader *reader)
{
    const char *end = reader->bytes.at + reader->bytes.len, *from = reader->bytes.at + reader->at, *mark = from;
    while (mark < end && (mark = memchr(mark, 0xFF, (size_t)(end - mark))) != NULL && mark + 1 < end &&
           (unsigned char)mark[1] < 0x80)
        mark++;
    if (!mark || mark > end)
        mark = end;
    reader->decoder.bits = (struct jls_bits){ .at = (const uint8_t *)from, .end = (const uint8_t *)mark };
    reader->at = mark - reader->bytes.at;
}

static bool data_ended(const struct jls_reader *reader, struct error *error)
{
    return error_set(error, E_INVALID,
                     "the JPEG-LS data ends early, or is damaged, before byte %lld of the frame's %lld",
                     (long long)reader->at, (long long)reader->bytes.len);
}

/* The line after a restart marker, like the first, has zeros above it. */
static bool interval_begin(struct jls_reader *reader, int64_t y, struct error *error)
{
    if (y > 0) {
        int marker;
        struct str segment;
        if (!next_marker(reader, &marker, &segment, error))
            return false;
        if (marker < MARKER_RST0 || marker >= MARKER_SOI)
            return data_ended(reader, error);
    }
    data_find(reader);
    jls_reset(&reader->decoder);
    memset(reader->lines, 0, (size_t)((reader->frame.columns + 2) * 2 * reader->decoder.scan.count) * 2);
    return true;
}

static void line_write(const struct jls_reader *reader, int64_t y, int component, const uint16_t *line)
{
    int64_t columns = reader->frame.columns;
    int width = sample_bytes(reader->format), count = reader->frame.count;
    char *to = reader->out + (y * columns * count + component) * width;
    if (count == 1)
        samples_widen_u16(line, columns, width, to);
    else
        for (int64_t x = 0; x < columns; x++)
            samples_widen_u16(line + x, 1, width, to + x * count * width);
}

static bool scan_decode(struct jls_reader *reader, struct error *error)
{
    struct jls_decoder *decoder = &reader->decoder;
    int64_t columns = reader->frame.columns, restart = reader->frame.restart_lines;
    int count = decoder->scan.count;
    for (int64_t y = 0; y < reader->frame.rows; y++) {
        if ((y == 0 || (restart && y % restart == 0)) && !interval_begin(reader, y, error))
            return false;
        uint16_t *lines[JLS_COMPONENTS_MAX], *above[JLS_COMPONENTS_MAX];
        for (int i = 0; i < count; i++) {
            uint16_t *pair = reader->lines + (columns + 2) * 2 * i + 1;
            lines[i] = pair + (columns + 2) * (y & 1);
            above[i] = pair + (columns + 2) * (~y & 1);
            lines[i][-1] = above[i][0]; /* A.2.1: to the left of the first, what is above it */
            above[i][columns] = above[i][columns - 1];
        }
        if (decoder->scan.interleave == JLS_BY_SAMPLE)
            jls_line_of_samples(decoder, lines, above, columns);
        else
            for (int i = 0; i < count; i++)
                jls_line(decoder, i, lines[i], above[i], columns);
        if (decoder->damaged || jls_overrun(decoder))
            return data_ended(reader, error);
        for (int i = 0; i < count; i++)
            line_write(reader, y, decoder->scan.component[i], lines[i]);
    }
    return true;
}

static bool scans_decode(struct jls_reader *reader, struct error *error)
{
    for (;;) {
        int marker;
        struct str segment;
        if (!next_marker(reader, &marker, &segment, error))
            return false;
        if (marker == MARKER_EOI)
            return error_set(error, E_INVALID, "the JPEG-LS frame ends before all of its components came");
        if (marker != MARKER_SOS) {
            if (!segment_read(reader, marker, segment, error))
                return false;
            continue;
        }
        if (!scan_read(reader, segment, error) || !scan_decode(reader, error))
            return false;
        if (reader->seen == (1u << reader->frame.count) - 1)
            return true;
    }
}

bool jpeg_ls_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                    struct error *error)
{
    if (encoded.len < 4 || word_at(encoded, 0) != 0xFFD8)
        return error_set(error, E_INVALID, "the frame does not begin as JPEG-LS does");
    struct jls_reader *reader = calloc(1, sizeof(*reader));
    size_t samples = (size_t)(format->columns + 2) * 2 * JLS_COMPONENTS_MAX;
    uint16_t *lines = calloc(samples, sizeof(uint16_t));
    if (!reader || !lines)
        abort();
    reader->bytes = encoded;
    reader->at = 2;
    reader->format = format;
    reader->out = out;
    reader->lines = lines;
    bool ok = scans_decode(reader, error);
    if (ok)
        codestream_samples(format, reader->frame.precision, false, decoded);
    free(reader->gradients);
    free(lines);
    free(reader);
    return ok;
}
