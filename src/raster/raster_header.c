/* raster_header.c - the dimensions of JPEG and PNG files, from their headers alone, and the limits of all.
 *
 * Runs in the server, on strangers' files: reads at most a few bytes at a time at places it has checked, allocates
 * nothing, and takes a bounded number of steps. Whether the pixels behind the header are whole shows when a decoder
 * process reads them.
 */
#include "raster/exif.h"
#include "raster/raster_header.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <zlib.h>

/* Interlaced and progressive files are decoded as a whole before the first line comes out; others line by line. */
enum { WHOLE_PICTURE_MAX_BYTES = 512 << 20 };
enum { JPEG_SEGMENTS_MAX = 10000, PNG_CHUNKS_MAX = 20000 };

bool header_damaged(const struct header *h)
{
    return error_set(h->error, E_INVALID, "the %s file is damaged or cut short", file_types[h->type - 1]);
}

bool header_read(const struct header *h, int64_t offset, void *bytes, size_t len)
{
    ssize_t got = offset >= 0 ? pread(h->fd, bytes, len, offset) : 0;
    if (got >= 0)
        return got == (ssize_t)len || header_damaged(h);
    h->error->retry_after_s = 1;
    h->error->is_ours = true;
    return error_set(h->error, E_UNAVAILABLE, "the file cannot be read now: %s", strerror(errno));
}

uint64_t header_number(const unsigned char *at, int bytes, bool big)
{
    uint64_t n = 0;
    for (int i = 0; i < bytes; i++)
        n |= (uint64_t)at[i] << (8 * (big ? bytes - 1 - i : i));
    return n;
}

/* ---- JPEG: ITU-T T.81 annex B ---- */

/* B.2.2: precision, lines, samples per line, components. */
static bool take_frame_header(struct header *h, int marker, const unsigned char *s)
{
    if (marker > 0xc2 && marker != 0xc9 && marker != 0xca)
        return error_set(h->error, E_INVALID, "JPEG files of coding process %d are not read", marker - 0xc0);
    if (s[0] != 8)
        return error_set(h->error, E_INVALID, "JPEG files of %d bits a sample are not read", s[0]);
    h->info.height = (int64_t)header_number(s + 1, 2, true);
    h->info.width = (int64_t)header_number(s + 3, 2, true);
    h->samples = s[5];
    h->is_whole = marker == 0xc2 || marker == 0xca;
    return (h->samples >= 1 && h->samples <= 4) || header_damaged(h);
}

static bool is_frame_header(int marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool is_without_segment(int marker)
{
    return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

/* APP1 of Exif; the first one counts. `at` and `length`: of what follows the marker, the length's own two bytes and
 * all. */
static void take_exif(struct header *h, int64_t at, int64_t length)
{
    enum { NAME = 6 };
    char name[NAME];
    if (h->has_exif || length < 2 + NAME || pread(h->fd, name, NAME, at + 2) != NAME ||
        memcmp(name, "Exif\0", NAME - 1) != 0)
        return;
    h->has_exif = true;
    h->info.orientation = exif_orientation(h->fd, at + 2 + NAME, length - 2 - NAME);
}

/* APP2 of the Multi-Picture Format (CIPA DC-007, 5.2.2): the same, with the pictures that follow behind the first. */
static void take_mpf(struct header *h, int64_t at, int64_t length)
{
    enum { NAME = 4 };
    char name[NAME];
    if (length >= 2 + NAME && pread(h->fd, name, NAME, at + 2) == NAME && memcmp(name, "MPF", NAME) == 0)
        h->info.pictures = exif_pictures(h->fd, at + 2 + NAME, length - 2 - NAME);
}

/* APP2 of an ICC profile (ICC.1 annex B.4), or of a part of it. */
static void take_profile(struct header *h, int64_t at, int64_t length)
{
    enum { NAME = 12 };
    char name[NAME];
    if (length >= 2 + NAME && pread(h->fd, name, NAME, at + 2) == NAME && memcmp(name, "ICC_PROFILE", NAME) == 0)
        h->info.has_profile = true;
}

/* From marker to marker until the first scan begins. */
static bool read_jpeg(struct header *h)
{
    enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, APP1 = 0xe1, APP2 = 0xe2, APP14 = 0xee };
    unsigned char s[10]; /* marker, length, then the first six bytes of the segment */
    int64_t at = 2;
    if (!header_read(h, 0, s, 2) || s[0] != 0xff || s[1] != SOI)
        return header_damaged(h);
    for (int segments = 0; segments < JPEG_SEGMENTS_MAX; segments++) {
        if (!header_read(h, at, s, 2))
            return false;
        int marker = s[1];
        if (s[0] != 0xff || marker == 0 || marker == EOI)
            return header_damaged(h);
        if (marker == 0xff || is_without_segment(marker)) { /* a fill byte, or nothing follows */
            at += marker == 0xff ? 1 : 2;
            continue;
        }
        if (!header_read(h, at, s, 5))
            return false;
        int64_t length = (int64_t)header_number(s + 2, 2, true);
        if (length < 2 || (marker == SOS && !h->samples))
            return header_damaged(h);
        if (marker == SOS) {
            h->is_whole |= s[4] < h->samples; /* the components come in several scans */
            return true;
        }
        if (is_frame_header(marker) &&
            (h->samples || length < 8 || !header_read(h, at, s, 10) || !take_frame_header(h, marker, s + 4)))
            return header_damaged(h);
        if (marker == APP1)
            take_exif(h, at + 2, length);
        if (marker == APP2) {
            take_mpf(h, at + 2, length);
            take_profile(h, at + 2, length);
        }
        if (marker == APP14 && length >= 14 && header_read(h, at, s, 10))
            h->info.has_adobe |= memcmp(s + 4, "Adobe", 5) == 0;
        at += 2 + length;
    }
    return header_damaged(h);
}

/* ---- PNG: W3C PNG specification, 5.6 and 11.2.2 ---- */

static bool is_png_depth(int depth, int colour)
{
    bool power = depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    switch (colour) {
    case 0:
        return power;
    case 3:
        return power && depth <= 8;
    case 2:
    case 4:
    case 6:
        return power && depth >= 8;
    default:
        return false;
    }
}

/* acTL (W3C PNG specification, third edition, 11.3.6.1): the pictures of an animation. */
static void take_animation(struct header *h, int64_t at)
{
    unsigned char s[4];
    if (pread(h->fd, s, sizeof(s), at) == (ssize_t)sizeof(s) && header_number(s, 4, true) > 1)
        h->info.pictures = (int64_t)header_number(s, 4, true);
}

/* Light and primaries: gAMA within 5 %, as decoders take it, cHRM within a hundredth. */
static bool is_odd_number(uint64_t number, uint64_t right, uint64_t most)
{
    return number > right + most || number + most < right;
}

/* W3C PNG specification, third edition, 11.3.2. A chunk of another length than its own says nothing. */
static void take_colours(struct header *h, const unsigned char *type, int64_t at, int64_t length)
{
    static const uint64_t primaries[] = { 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000 };
    enum { GAMMA = 45455, GAMMA_MOST = 2273, PRIMARY_MOST = 1000, PRIMARIES_BYTES = 32 };
    bool is_code = !memcmp(type, "cICP", 4) && length == 4, is_gamma = !memcmp(type, "gAMA", 4) && length == 4;
    bool is_primaries = !memcmp(type, "cHRM", 4) && length == PRIMARIES_BYTES;
    unsigned char s[PRIMARIES_BYTES];
    h->info.has_profile |= !memcmp(type, "iCCP", 4);
    h->says.has_profile |= !memcmp(type, "iCCP", 4) || !memcmp(type, "sRGB", 4);
    if ((!is_code && !is_gamma && !is_primaries) || pread(h->fd, s, (size_t)length, at) != (ssize_t)length)
        return;
    if (is_code) {
        h->says.has_code = true;
        h->says.odd_code = memcmp(s, "\1\15\0\1", 4) != 0; /* of sRGB (ITU-T H.273) */
    }
    if (is_gamma)
        h->says.odd_numbers |= is_odd_number(header_number(s, 4, true), GAMMA, GAMMA_MOST);
    for (int i = 0; is_primaries && i < 8; i++)
        h->says.odd_numbers |= is_odd_number(header_number(s + 4 * i, 4, true), primaries[i], PRIMARY_MOST);
}

/* eXIf (PNG extensions, 11.3.4.7) stands before or behind the pixels, acTL before. Chunk after chunk; what follows is
 * not looked at once one is strange. */
static void look_at_chunks(struct header *h)
{
    enum { FIRST_CHUNK = 33, OVERHEAD = 12 };
    unsigned char s[8];
    bool has_pixels = false;
    int64_t at = FIRST_CHUNK;
    for (int chunks = 0; chunks < PNG_CHUNKS_MAX && pread(h->fd, s, sizeof(s), at) == (ssize_t)sizeof(s); chunks++) {
        int64_t length = (int64_t)header_number(s, 4, true);
        if (length > INT32_MAX || !memcmp(s + 4, "IEND", 4))
            return;
        has_pixels |= !memcmp(s + 4, "IDAT", 4);
        if (!memcmp(s + 4, "acTL", 4) && !has_pixels)
            take_animation(h, at + 8);
        if (!has_pixels)
            take_colours(h, s + 4, at + 8, length);
        if (!memcmp(s + 4, "eXIf", 4) && !h->has_exif) {
            h->has_exif = true;
            h->info.orientation = exif_orientation(h->fd, at + 8, length);
        }
        if (h->has_exif && has_pixels)
            return;
        at += OVERHEAD + length;
    }
}

static bool read_png(struct header *h)
{
    static const int samples[] = { 1, 0, 3, 3, 2, 0, 4 };
    unsigned char s[33]; /* signature 8, length 4, type 4, IHDR 13, CRC 4 */
    if (!header_read(h, 0, s, sizeof(s)) || memcmp(s, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) != 0 ||
        crc32(0, s + 12, 17) != header_number(s + 29, 4, true))
        return header_damaged(h);
    uint64_t width = header_number(s + 16, 4, true), height = header_number(s + 20, 4, true);
    if (width > INT32_MAX || height > INT32_MAX || !is_png_depth(s[24], s[25]) || s[26] || s[27] || s[28] > 1)
        return header_damaged(h);
    h->info.width = (int64_t)width;
    h->info.height = (int64_t)height;
    h->samples = samples[s[25]];
    h->is_whole = s[28] == 1;
    look_at_chunks(h);
    bool is_colour = s[25] & 2;
    h->info.odd_colours =
        is_colour && (h->says.has_code ? h->says.odd_code : !h->says.has_profile && h->says.odd_numbers);
    return true;
}

/* ---- */

static bool check_size(struct header *h)
{
    struct raster_info *info = &h->info;
    if (info->width < 1 || info->height < 1)
        return header_damaged(h);
    if (h->type != FILE_TIFF)
        h->pixels = info->width * info->height; /* each is below 2^31 */
    if (h->pixels > h->max_pixels)
        return error_set(h->error, E_INVALID,
                         "the picture has %" PRId64 " x %" PRId64 " pixels on %d pages; at most %" PRId64
                         " pixels are allowed",
                         info->width, info->height, info->pages, h->max_pixels);
    /* Two bytes a sample: the coefficients of a JPEG, or 16 bits. */
    if (h->is_whole && h->pixels > WHOLE_PICTURE_MAX_BYTES / 2 / h->samples)
        return error_set(h->error, E_INVALID, "the picture is too large to be progressive or interlaced");
    return true;
}

bool raster_probe(int fd, enum file_type type, int64_t max_pixels, struct raster_info *out, struct error *error)
{
    return raster_probe_page(fd, type, 1, max_pixels, out, error);
}

bool raster_probe_page(int fd, enum file_type type, int64_t page, int64_t max_pixels, struct raster_info *out,
                       struct error *error)
{
    struct header h = { .fd = fd, .type = type, .error = error, .page = page, .max_pixels = max_pixels };
    h.info.pages = 1;
    h.info.pictures = 1;
    h.info.orientation = EXIF_UPRIGHT;
    bool ok = type == FILE_JPEG   ? read_jpeg(&h)
              : type == FILE_PNG  ? read_png(&h)
              : type == FILE_TIFF ? tiff_header_read(&h)
                                  : error_set(error, E_INVALID, "only JPEG, PNG and TIFF files are pictures");
    if (!ok || !check_size(&h))
        return false;
    if (exif_lies(h.info.orientation)) {
        int64_t width = h.info.width;
        h.info.width = h.info.height;
        h.info.height = width;
    }
    *out = h.info;
    return true;
}
