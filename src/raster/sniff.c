/* sniff.c - what a file is, by its first bytes. */
#include "raster/raster.h"

#include "base/names.h"

const char *const file_types[] = { "DICOM", "JPEG", "PNG", "TIFF", "OTHER", NULL };
NAMES_REACH(file_types, FILE_OTHER);

bool file_is_raster(unsigned type)
{
    return type == FILE_JPEG || type == FILE_PNG || type == FILE_TIFF;
}

struct magic {
    ptrdiff_t offset;
    struct str bytes;
    enum file_type type;
    const char *mime;
    bool active; /* a program or document: never DICOM, whatever stands at 128 */
};

#define M(offset, literal, type, mime, active) \
    { \
        offset, { literal, sizeof(literal) - 1 }, type, mime, active \
    }

/* The first that fits is it. */
static const struct magic magics[] = {
    M(0, "\xff\xd8\xff", FILE_JPEG, "image/jpeg", false),
    M(0, "\x89PNG\r\n\x1a\n", FILE_PNG, "image/png", false),
    M(0, "II*\0", FILE_TIFF, "image/tiff", false),
    M(0, "MM\0*", FILE_TIFF, "image/tiff", false),
    M(0, "II+\0\x08\0\0\0", FILE_TIFF, "image/tiff", false), /* BigTIFF */
    M(0, "MM\0+\0\x08\0\0", FILE_TIFF, "image/tiff", false),
    M(0, "%PDF-", FILE_OTHER, "application/pdf", true),
    M(0, "PK\3\4", FILE_OTHER, "application/zip", true),
    M(0, "PK\5\6", FILE_OTHER, "application/zip", true), /* an empty one */
    M(0, "PK\7\x08", FILE_OTHER, "application/zip", true),
    M(0,
      "\x7f"
      "ELF",
      FILE_OTHER, "application/x-executable", true),
    M(0, "MZ", FILE_OTHER, "application/vnd.microsoft.portable-executable", true),
    M(0, "#!", FILE_OTHER, "text/x-script", true),
    M(0, "\xcf\xfa\xed\xfe", FILE_OTHER, "application/x-mach-binary", true),
    M(0, "\xca\xfe\xba\xbe", FILE_OTHER, "application/x-mach-binary", true),
    M(0, "Rar!\x1a\7", FILE_OTHER, "application/vnd.rar", true),
    M(0, "7z\xbc\xaf\x27\x1c", FILE_OTHER, "application/x-7z-compressed", true),
    M(0, "\x1f\x8b", FILE_OTHER, "application/gzip", true),
    M(0, "BZh", FILE_OTHER, "application/x-bzip2", true),
    M(0,
      "\xfd"
      "7zXZ\0",
      FILE_OTHER, "application/x-xz", true),
    M(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FILE_OTHER, "application/x-ole-storage", true),
    M(0, "<?xml", FILE_OTHER, "application/xml", true),
    M(0, "<", FILE_OTHER, "text/html", true),
    M(0, "GIF8", FILE_OTHER, "image/gif", false),
    M(0, "BM", FILE_OTHER, "image/bmp", false),
    M(8, "WEBP", FILE_OTHER, "image/webp", false),
    M(0, "\0\0\0\x0cjP  \r\n", FILE_OTHER, "image/jp2", false),
    M(0, "\xff\x4f\xff\x51", FILE_OTHER, "image/j2c", false),
    M(344, "n+1\0", FILE_OTHER, "application/x-nifti", false),
    M(257, "ustar", FILE_OTHER, "application/x-tar", true),
    M(4, "ftyp", FILE_OTHER, "video/mp4", false),
};

static const struct magic *find_magic(struct str head)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        const struct magic *m = &magics[i];
        if (str_equal(str_slice(head, m->offset, m->offset + m->bytes.len), m->bytes))
            return m;
    }
    return NULL;
}

/* ---- DICOM ---- */

static unsigned number_at(struct str s, ptrdiff_t at, int bytes, bool big)
{
    unsigned n = 0;
    for (int i = 0; i < bytes; i++)
        n |= (unsigned)(unsigned char)s.at[at + i] << (8 * (big ? bytes - 1 - i : i));
    return n;
}

static bool is_one_of(const char *pairs, struct str vr)
{
    for (; *pairs; pairs += 3)
        if (pairs[0] == vr.at[0] && pairs[1] == vr.at[1])
            return true;
    return false;
}

/* The header of a data element (PS3.5 7.1): tag, then [VR, length] or a length of four bytes. */
struct element {
    unsigned group, number;
    uint32_t length;
    ptrdiff_t header_bytes;
    bool is_explicit;
};

static bool read_element(struct str s, bool big, struct element *out)
{
    if (s.len < 8)
        return false;
    struct element e = { .group = number_at(s, 0, 2, big), .number = number_at(s, 2, 2, big), .header_bytes = 8 };
    struct str vr = str_slice(s, 4, 6);
    if (is_one_of("OB OW OF OD OL OV SQ UN UT UC UR SV UV ", vr)) { /* PS3.5 table 7.1-1 */
        if (s.len < 12)
            return false;
        e.is_explicit = true;
        e.length = number_at(s, 8, 4, big);
        e.header_bytes = 12;
    } else if (is_one_of("AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US ", vr)) {
        e.is_explicit = true;
        e.length = number_at(s, 6, 2, big);
    } else {
        e.length = number_at(s, 4, 4, big);
    }
    *out = e;
    return true;
}

/* Does a data set that begins with group 0002 or 0008 stand here? Its first element must be one that can come first,
 * and the next, as far as it is in sight, must follow it in order. */
static bool is_data_set_in(struct str s, bool big)
{
    struct element first, next;
    if (!read_element(s, big, &first) || (first.group != 0x0002 && first.group != 0x0008))
        return false;
    /* Data sets in big endian are explicit (PS3.5 A.3). What comes first in these groups is short: a length, a UID, a
     * name. */
    if ((big && !first.is_explicit) || first.number > 0x1200 || first.length > (first.is_explicit ? 1024 : 256))
        return false;
    if (first.number == 0 && first.length != 4) /* group length is UL */
        return false;
    ptrdiff_t end = first.header_bytes + (ptrdiff_t)first.length;
    if (end + 8 > s.len) /* nothing follows, or it lies past the head */
        return end == s.len || (first.is_explicit && s.len == SNIFF_BYTES);
    return read_element(str_slice(s, end, s.len), big, &next) && next.group >= first.group && next.group <= 0x0010 &&
           (next.group > first.group || next.number > first.number);
}

static bool is_data_set(struct str s)
{
    return is_data_set_in(s, false) || is_data_set_in(s, true);
}

/* A file meta group (PS3.10 7.1), possibly written without its group length, or as some old writers do a bare data
 * set. */
static bool is_after_preamble(struct str s)
{
    if (s.len < 8)
        return false;
    unsigned little = number_at(s, 0, 2, false), big = number_at(s, 0, 2, true);
    return little == 0x0002 || big == 0x0002 || little == 0x0008 || big == 0x0008;
}

static bool is_dicom(struct str head)
{
    bool preamble =
        str_equal(str_slice(head, 128, 132), S("DICM")) && is_after_preamble(str_slice(head, 132, head.len));
    return preamble || is_data_set(head);
}

/* ---- */

/* UTF-8 text without control characters; the last code point may be cut off. */
static bool is_text(struct str head)
{
    for (ptrdiff_t i = 0; i < head.len; i++) {
        unsigned char c = (unsigned char)head.at[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f)
            return false;
    }
    for (ptrdiff_t cut = 0; cut < 4 && cut < head.len; cut++) {
        if (str_is_utf8(str_slice(head, 0, head.len - cut)))
            return true;
        if ((unsigned char)head.at[head.len - 1 - cut] < 0x80)
            return false;
    }
    return false;
}

static const char *mime_of_text(struct str head)
{
    struct str trimmed = str_trim(head);
    if (str_starts(trimmed, S("{")) || str_starts(trimmed, S("[")))
        return "application/json";
    return "text/plain";
}

enum file_type sniff(struct str head, const char **mime)
{
    head = str_slice(head, 0, SNIFF_BYTES);
    const struct magic *magic = find_magic(head);
    /* The preamble belongs to whoever wrote the file and may make it a TIFF as well (PS3.10 7.1). What makes it a
     * program or a document is refused: such a file could act on whoever opens it (PS3.10 7.5). */
    if (!(magic && magic->active) && is_dicom(head)) {
        *mime = "application/dicom";
        return FILE_DICOM;
    }
    if (magic) {
        *mime = magic->mime;
        return magic->type;
    }
    *mime = head.len > 0 && is_text(head) ? mime_of_text(head) : "application/octet-stream";
    return FILE_OTHER;
}
