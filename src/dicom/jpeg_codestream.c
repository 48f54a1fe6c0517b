/* jpeg_codestream.c - markers and their segments (T.81 annex B). */
#include "dicom/jpeg.h"

const uint8_t jpeg_zigzag[64 + 16] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,
    6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31,
    39, 46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
};

enum {
    MARKER_DHT = 0xC4,
    MARKER_JPG = 0xC8,
    MARKER_DAC = 0xCC,
    MARKER_RST0 = 0xD0,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_DQT = 0xDB,
    MARKER_DNL = 0xDC,
    MARKER_DRI = 0xDD,
    MARKER_APP0 = 0xE0,
    MARKER_APP14 = 0xEE,
};

static int byte_at(struct str s, ptrdiff_t at)
{
    return (unsigned char)s.at[at];
}

static int word_at(struct str s, ptrdiff_t at)
{
    return byte_at(s, at) << 8 | byte_at(s, at + 1);
}

/* The next marker and its segment's contents. Bytes between segments are passed over, as 0xFF for filling is
 * (B.1.1.2). */
static bool next_marker(struct str bytes, ptrdiff_t *at, int *marker, struct str *segment, struct error *error)
{
    ptrdiff_t i = *at;
    for (;; i++) {
        while (i + 1 < bytes.len && byte_at(bytes, i) != 0xFF)
            i++;
        if (i + 1 >= bytes.len) {
            *marker = MARKER_EOI; /* left out by some */
            *at = bytes.len;
            *segment = STR_NULL;
            return true;
        }
        *marker = byte_at(bytes, i + 1);
        if (*marker != 0 && *marker != 0xFF)
            break;
    }
    i += 2;
    *segment = STR_NULL;
    if (*marker == 0x01 || (*marker >= MARKER_RST0 && *marker <= MARKER_EOI)) {
        *at = i;
        return true;
    }
    int len = i + 2 <= bytes.len ? word_at(bytes, i) : 0;
    if (len < 2 || i + len > bytes.len)
        return error_set(error, E_INVALID, "the JPEG segment FF%02X at byte %lld of the frame does not fit it", *marker,
                         (long long)i - 2);
    *segment = str_slice(bytes, i + 2, i + len);
    *at = i + len;
    return true;
}

static bool is_frame_marker(int marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != MARKER_DHT && marker != MARKER_JPG && marker != MARKER_DAC;
}

static int64_t divide_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

static bool components_read(struct str segment, struct jpeg_image *image, struct error *error)
{
    image->h_max = image->v_max = 1;
    for (int i = 0; i < image->count; i++) {
        struct jpeg_component *component = &image->components[i];
        component->id = byte_at(segment, 6 + 3 * i);
        component->h = byte_at(segment, 7 + 3 * i) >> 4;
        component->v = byte_at(segment, 7 + 3 * i) & 15;
        component->quantization = byte_at(segment, 8 + 3 * i);
        if (component->h < 1 || component->h > 4 || component->v < 1 || component->v > 4 ||
            component->quantization >= JPEG_TABLES)
            return error_set(error, E_INVALID, "JPEG component %d has sampling factors or a table out of range", i + 1);
        image->h_max = component->h > image->h_max ? component->h : image->h_max;
        image->v_max = component->v > image->v_max ? component->v : image->v_max;
    }
    int64_t mcus_x = divide_up(image->columns, (int64_t)8 * image->h_max);
    int64_t mcus_y = divide_up(image->rows, (int64_t)8 * image->v_max);
    for (int i = 0; i < image->count; i++) {
        struct jpeg_component *component = &image->components[i];
        component->columns = divide_up(image->columns * component->h, image->h_max);
        component->rows = divide_up(image->rows * component->v, image->v_max);
        component->blocks_x = divide_up(component->columns, 8);
        component->blocks_y = divide_up(component->rows, 8);
        component->padded_x = mcus_x * component->h;
        component->padded_y = mcus_y * component->v;
    }
    return true;
}

/* B.2.2 */
static bool frame_read(int marker, struct str segment, struct jpeg_image *image, struct error *error)
{
    if (segment.len < 6 || segment.len < 6 + 3 * byte_at(segment, 5))
        return error_set(error, E_INVALID, "the JPEG frame header is cut short");
    image->frame_marker = marker;
    image->process = marker == 0xC3 ? JPEG_LOSSLESS : marker == 0xC2 ? JPEG_PROGRESSIVE : JPEG_SEQUENTIAL;
    image->precision = byte_at(segment, 0);
    image->rows = word_at(segment, 1);
    image->columns = word_at(segment, 3);
    image->count = byte_at(segment, 5);
    if (image->rows == 0 || image->columns == 0)
        return error_set(error, E_INVALID, "the JPEG frame header says %lld x %lld pixels", (long long)image->columns,
                         (long long)image->rows);
    if (image->count < 1 || image->count > JPEG_COMPONENTS_MAX)
        return error_set(error, E_INVALID, "the JPEG frame has %d components", image->count);
    if (image->precision < 2 || image->precision > 16)
        return error_set(error, E_INVALID, "the JPEG frame has samples of %d bits", image->precision);
    return components_read(segment, image, error);
}

static void application_read(int marker, struct str segment, struct jpeg_image *image)
{
    if (marker == MARKER_APP0 && str_starts(segment, S("JFIF\0")))
        image->has_jfif = true;
    if (marker == MARKER_APP14 && str_starts(segment, S("Adobe")) && segment.len >= 12) {
        image->has_adobe = true;
        image->adobe_transform = byte_at(segment, 11);
    }
}

/* From the frame header to the first scan: markers that speak of colour may stand there as well. What is damaged there
 * is for the decoder to tell. */
static void application_read_rest(struct str encoded, ptrdiff_t at, struct jpeg_image *image)
{
    int marker;
    struct str segment;
    struct error ignored = { 0 };
    while (next_marker(encoded, &at, &marker, &segment, &ignored) && marker != MARKER_SOS && marker != MARKER_EOI)
        application_read(marker, segment, image);
}

bool jpeg_header(struct str encoded, struct jpeg_image *image, struct error *error)
{
    *image = (struct jpeg_image){ 0 };
    if (encoded.len < 4 || word_at(encoded, 0) != 0xFFD8)
        return error_set(error, E_INVALID, "the frame does not begin as JPEG does");
    for (ptrdiff_t at = 2;;) {
        int marker;
        struct str segment;
        if (!next_marker(encoded, &at, &marker, &segment, error))
            return false;
        if (is_frame_marker(marker)) {
            bool ok = frame_read(marker, segment, image, error);
            if (ok)
                application_read_rest(encoded, at, image);
            return ok;
        }
        if (marker == MARKER_EOI || marker == MARKER_SOS)
            return error_set(error, E_INVALID, "the JPEG frame has no frame header");
        application_read(marker, segment, image);
    }
}

/* Of DC coefficients and lossless differences (T.81 tables F.1 and H.2). */
static bool categories_fit(struct str segment, int total)
{
    for (int i = 0; i < total; i++)
        if (byte_at(segment, 17 + i) > 16)
            return false;
    return true;
}

/* B.2.4.2 */
static bool huffman_read(struct jpeg_reader *reader, struct str segment, struct error *error)
{
    while (segment.len > 0) {
        uint8_t counts[16];
        int total = 0, target = byte_at(segment, 0);
        if (segment.len < 17)
            return error_set(error, E_INVALID, "a JPEG Huffman table is cut short");
        for (int i = 0; i < 16; i++)
            total += counts[i] = (uint8_t)byte_at(segment, 1 + i);
        if (total > 256 || segment.len < 17 + total || target >> 4 > 1 || (target & 15) >= JPEG_TABLES)
            return error_set(error, E_INVALID, "a JPEG Huffman table has %d codes or number %d", total, target);
        if (target >> 4 == 0 && !categories_fit(segment, total))
            return error_set(error, E_INVALID, "a JPEG Huffman table has differences of more than 16 bits");
        struct jpeg_huffman *table = target >> 4 ? &reader->ac[target & 15] : &reader->dc[target & 15];
        if (!jpeg_huffman_define(table, counts, (const uint8_t *)segment.at + 17))
            return error_set(error, E_INVALID, "a JPEG Huffman table has more codes than fit");
        if (reader->image.process == JPEG_LOSSLESS && target >> 4 == 0)
            jpeg_huffman_differences(table);
        segment = str_slice(segment, 17 + total, segment.len);
    }
    return true;
}

/* B.2.4.1 */
static bool quantization_read(struct jpeg_reader *reader, struct str segment, struct error *error)
{
    while (segment.len > 0) {
        int target = byte_at(segment, 0), wide = target >> 4, bytes = wide ? 128 : 64;
        if (segment.len < 1 + bytes || wide > 1 || (target & 15) >= JPEG_TABLES)
            return error_set(error, E_INVALID, "a JPEG quantization table is cut short or has number %d", target);
        uint16_t *table = reader->quantization[target & 15];
        for (int i = 0; i < 64; i++)
            table[jpeg_zigzag[i]] = (uint16_t)(wide ? word_at(segment, 1 + 2 * i) : byte_at(segment, 1 + i));
        reader->quantization_defined[target & 15] = true;
        segment = str_slice(segment, 1 + bytes, segment.len);
    }
    return true;
}

static bool scan_tables_check(const struct jpeg_reader *reader, int i, struct error *error)
{
    const struct jpeg_scan *scan = &reader->scan;
    bool dct = reader->image.process != JPEG_LOSSLESS;
    bool needs_dc = !dct || (scan->spectral_first == 0 && scan->high == 0), needs_ac = dct && scan->spectral_last > 0;
    if (needs_dc && (scan->dc_table[i] >= JPEG_TABLES || !reader->dc[scan->dc_table[i]].defined))
        return error_set(error, E_INVALID, "a JPEG scan uses DC Huffman table %d, which is not defined",
                         scan->dc_table[i]);
    if (needs_ac && (scan->ac_table[i] >= JPEG_TABLES || !reader->ac[scan->ac_table[i]].defined))
        return error_set(error, E_INVALID, "a JPEG scan uses AC Huffman table %d, which is not defined",
                         scan->ac_table[i]);
    return true;
}

/* Which spectral bands and bits a scan may bring: T.81 table B.3 and G.1.1.1. */
static bool scan_range_check(const struct jpeg_image *image, const struct jpeg_scan *scan, struct error *error)
{
    bool ok = true;
    if (image->process == JPEG_LOSSLESS)
        ok = scan->spectral_first >= 1 && scan->spectral_first <= 7 && scan->low < image->precision;
    else if (image->process == JPEG_PROGRESSIVE)
        ok = scan->spectral_last <= 63 && scan->spectral_first <= scan->spectral_last && scan->low <= 13 &&
             (scan->high == 0 || scan->high == scan->low + 1) &&
             (scan->spectral_first == 0 ? scan->spectral_last == 0 : scan->count == 1);
    if (!ok)
        return error_set(error, E_INVALID, "a JPEG scan has parameters %d, %d, %d, %d, which its process does not have",
                         scan->spectral_first, scan->spectral_last, scan->high, scan->low);
    return true;
}

/* B.2.3 */
static bool scan_read(struct jpeg_reader *reader, struct str segment, struct error *error)
{
    struct jpeg_scan *scan = &reader->scan;
    struct jpeg_image *image = &reader->image;
    *scan = (struct jpeg_scan){ .count = segment.len ? byte_at(segment, 0) : 0 };
    if (scan->count < 1 || scan->count > image->count || segment.len < 4 + 2 * scan->count)
        return error_set(error, E_INVALID, "a JPEG scan header is cut short or has %d components", scan->count);
    int tail = 1 + 2 * scan->count, blocks = 0;
    scan->spectral_first = byte_at(segment, tail);
    scan->spectral_last = byte_at(segment, tail + 1);
    scan->high = byte_at(segment, tail + 2) >> 4;
    scan->low = byte_at(segment, tail + 2) & 15;
    if (image->process == JPEG_SEQUENTIAL) { /* all of them; some encoders write nothing but zeros here */
        scan->spectral_first = scan->high = scan->low = 0;
        scan->spectral_last = 63;
    }
    if (!scan_range_check(image, scan, error))
        return false;
    for (int i = 0, from = 0; i < scan->count; i++) {
        int id = byte_at(segment, 1 + 2 * i), tables = byte_at(segment, 2 + 2 * i);
        int k = from;
        while (k < image->count && image->components[k].id != id)
            k++;
        if (k == image->count)
            return error_set(error, E_INVALID, "a JPEG scan has component %d, which the frame has not, or not there",
                             id);
        from = k + 1; /* in the frame's order (B.2.3), so that none comes twice */
        scan->component[i] = k;
        scan->dc_table[i] = tables >> 4;
        scan->ac_table[i] = tables & 15;
        blocks += image->components[k].h * image->components[k].v;
        if (!scan_tables_check(reader, i, error))
            return false;
    }
    if (scan->count > 1 && blocks > 10)
        return error_set(error, E_INVALID, "a JPEG scan has %d blocks in one unit", blocks);
    return true;
}

bool jpeg_next_scan(struct jpeg_reader *reader, bool *found, struct error *error)
{
    for (;;) {
        int marker;
        struct str segment;
        if (!next_marker(reader->bytes, &reader->at, &marker, &segment, error))
            return false;
        *found = marker == MARKER_SOS;
        if (marker == MARKER_SOS)
            return scan_read(reader, segment, error);
        if (marker == MARKER_EOI)
            return true;
        if (marker == MARKER_DHT && !huffman_read(reader, segment, error))
            return false;
        if (marker == MARKER_DQT && !quantization_read(reader, segment, error))
            return false;
        if (marker == MARKER_DRI && segment.len >= 2)
            reader->restart_interval = word_at(segment, 0);
        if (marker == MARKER_DNL)
            return error_set(error, E_UNSUPPORTED_TYPE,
                             "JPEG whose number of lines comes after the scan is not decoded");
    }
}

bool jpeg_interval(struct jpeg_reader *reader, bool restart, struct jpeg_bits *bits, struct error *error)
{
    struct str bytes = reader->bytes;
    if (restart) {
        int marker;
        struct str segment;
        ptrdiff_t at = reader->at;
        if (!next_marker(bytes, &at, &marker, &segment, error))
            return false;
        if (marker < MARKER_RST0 || marker >= MARKER_SOI)
            return jpeg_data_ended(reader, error);
        reader->at = at;
    }
    uint8_t *to = reader->unstuffed;
    const char *end = bytes.at + bytes.len, *from = bytes.at + reader->at;
    for (;;) {
        const char *mark = memchr(from, 0xFF, (size_t)(end - from));
        ptrdiff_t len = (mark ? mark : end) - from;
        memcpy(to, from, (size_t)len);
        to += len;
        from += len;
        if (!mark || from + 1 == end)
            break;
        if (from[1] != 0)
            break;
        *to++ = 0xFF;
        from += 2;
    }
    reader->at = from - bytes.at;
    memset(to, 0, 8);
    *bits = (struct jpeg_bits){ .bytes = reader->unstuffed, .len = to - reader->unstuffed };
    return true;
}

bool jpeg_data_ended(const struct jpeg_reader *reader, struct error *error)
{
    return error_set(error, E_INVALID, "the JPEG data ends early, or is damaged, before byte %lld of the frame's %lld",
                     (long long)reader->at, (long long)reader->bytes.len);
}
