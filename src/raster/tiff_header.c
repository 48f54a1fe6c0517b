/* tiff_header.c - TIFF 6.0 section 2, and BigTIFF: header -> directory -> directory ...
 *
 * Each directory is a page. Looked at are its size, its kind (tiff_kind.c), and whether its strips or tiles are all in
 * the file: libtiff fills what is not there with whatever follows, or with black.
 */
#include "raster/exif.h"
#include "raster/raster_header.h"

#include <inttypes.h>
#include <unistd.h>

enum { PAGES_MAX = 65535, ENTRIES_LOOKED_AT = 256, ENTRY_MAX = 20, PIECES_MAX = 1 << 22 };

struct tiff {
    bool big;                                             /* order of the bytes */
    int offset_bytes, count_bytes, entry_bytes, in_entry; /* in_entry: where an entry's value stands */
    int64_t file_bytes;
    int64_t pieces; /* strips and tiles looked at so far */
};

/* Where the values of an entry are. */
struct field {
    int bytes; /* of each; 0: the directory has no such entry, or not of whole numbers */
    int64_t count, at;
};

enum tag {
    WIDTH,
    HEIGHT,
    BITS,
    COMPRESSION,
    PHOTOMETRIC,
    STRIP_OFFSETS,
    ORIENTATION,
    SAMPLES,
    ROWS_PER_STRIP,
    STRIP_BYTES,
    PLANAR,
    COLOUR_MAP,
    TILE_WIDTH,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_BYTES,
    INK_SET,
    EXTRA_SAMPLES,
    SAMPLE_FORMAT,
    TAGS
};

static const uint16_t tags[TAGS] = {
    [WIDTH] = 256,         [HEIGHT] = 257,      [BITS] = 258,          [COMPRESSION] = 259,   [PHOTOMETRIC] = 262,
    [STRIP_OFFSETS] = 273, [ORIENTATION] = 274, [SAMPLES] = 277,       [STRIP_BYTES] = 279,   [ROWS_PER_STRIP] = 278,
    [PLANAR] = 284,        [COLOUR_MAP] = 320,  [TILE_WIDTH] = 322,    [TILE_HEIGHT] = 323,   [TILE_OFFSETS] = 324,
    [TILE_BYTES] = 325,    [INK_SET] = 332,     [EXTRA_SAMPLES] = 338, [SAMPLE_FORMAT] = 339,
};

static bool read_offset(struct header *h, const struct tiff *t, int64_t at, int64_t *out)
{
    unsigned char s[8];
    if (!header_read(h, at, s, (size_t)t->offset_bytes))
        return false;
    uint64_t offset = header_number(s, t->offset_bytes, t->big);
    *out = (int64_t)offset;
    return offset <= INT64_MAX / 2 || header_damaged(h);
}

/* ---- the values of entries ---- */

/* BYTE, SHORT, LONG, LONG8. */
static int type_bytes(uint64_t type)
{
    return type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : type == 16 ? 8 : 0;
}

static bool find_field(struct header *h, const struct tiff *t, const unsigned char *entry, int64_t at,
                       struct field *out)
{
    uint64_t count = header_number(entry + 4, t->in_entry - 4, t->big);
    int bytes = type_bytes(header_number(entry + 2, 2, t->big));
    if (!bytes || !count || count > INT32_MAX)
        return true;
    *out = (struct field){ bytes, (int64_t)count, at + t->in_entry };
    return (int64_t)count * bytes <= t->offset_bytes || read_offset(h, t, at + t->in_entry, &out->at);
}

static bool find_fields(struct header *h, const struct tiff *t, int64_t at, int64_t entries, struct field *fields)
{
    unsigned char s[ENTRIES_LOOKED_AT * ENTRY_MAX];
    int64_t looked_at = entries < ENTRIES_LOOKED_AT ? entries : ENTRIES_LOOKED_AT;
    if (!header_read(h, at, s, (size_t)(looked_at * t->entry_bytes)))
        return false;
    for (int64_t i = 0; i < looked_at; i++) {
        const unsigned char *entry = s + i * t->entry_bytes;
        uint64_t tag = header_number(entry, 2, t->big);
        for (int k = 0; k < TAGS; k++)
            if (tags[k] == tag && !find_field(h, t, entry, at + i * t->entry_bytes, &fields[k]))
                return false;
    }
    return true;
}

/* The n-th value; `missing` when there is none, -1 when it is larger than any of these may be. */
static bool value(struct header *h, const struct tiff *t, const struct field *field, int64_t n, int64_t missing,
                  int64_t *out)
{
    unsigned char s[8];
    *out = missing;
    if (n >= field->count)
        return true;
    if (!header_read(h, field->at + n * field->bytes, s, (size_t)field->bytes))
        return false;
    uint64_t found = header_number(s, field->bytes, t->big);
    *out = found <= INT32_MAX ? (int64_t)found : -1;
    return true;
}

/* ---- are the pixels there? ---- */

/* A page as it is stored: in pieces, which are strips or tiles. */
struct page {
    int64_t width, height, planar, rows_per_strip, tile_width, tile_height, extra_samples, orientation;
    struct tiff_kind kind;
};

struct pieces {
    const char *name;
    struct field offsets, bytes;
    int64_t count, plane_count;         /* of all planes; of each */
    int64_t row_bytes, rows, last_rows; /* of one when it is not compressed */
};

static int64_t parts(int64_t whole, int64_t part)
{
    return (whole + part - 1) / part;
}

static bool find_pieces(const struct page *page, const struct field *fields, struct pieces *out)
{
    bool in_tiles = fields[TILE_OFFSETS].count > 0;
    int64_t planes = page->planar == 2 ? page->kind.samples : 1;
    int64_t pixel_bits = page->kind.bits * (page->planar == 2 ? 1 : page->kind.samples);
    if (in_tiles) {
        if (page->tile_width < 1 || page->tile_height < 1)
            return false;
        *out = (struct pieces){ .name = "tile", .offsets = fields[TILE_OFFSETS], .bytes = fields[TILE_BYTES] };
        out->plane_count = parts(page->width, page->tile_width) * parts(page->height, page->tile_height);
        out->row_bytes = parts(page->tile_width * pixel_bits, 8);
        out->rows = out->last_rows = page->tile_height;
    } else {
        bool is_one = page->rows_per_strip < 1 || page->rows_per_strip > page->height;
        *out = (struct pieces){ .name = "strip", .offsets = fields[STRIP_OFFSETS], .bytes = fields[STRIP_BYTES] };
        out->rows = is_one ? page->height : page->rows_per_strip;
        out->plane_count = parts(page->height, out->rows);
        out->row_bytes = parts(page->width * pixel_bits, 8);
        out->last_rows = page->height - (out->plane_count - 1) * out->rows;
    }
    return !__builtin_mul_overflow(out->plane_count, planes, &out->count);
}

/* Values one after another, read in blocks. */
struct column {
    struct field field;
    int64_t from, until;
    unsigned char block[4096];
};

static bool column_value(struct header *h, const struct tiff *t, struct column *c, int64_t n, uint64_t *out)
{
    if (n < c->from || n >= c->until) {
        int64_t room = (int64_t)sizeof(c->block) / c->field.bytes, left = c->field.count - n;
        c->from = n;
        c->until = n + (left < room ? left : room);
        if (!header_read(h, c->field.at + n * c->field.bytes, c->block, (size_t)((c->until - n) * c->field.bytes)))
            return false;
    }
    *out = header_number(c->block + (n - c->from) * c->field.bytes, c->field.bytes, t->big);
    return true;
}

/* A single piece may say nothing, or 0, of its length: writers of old did so, and libtiff takes what follows it. */
static bool pieces_are_there(struct header *h, const struct tiff *t, const struct pieces *pieces, bool is_compressed)
{
    struct column offsets = { .field = pieces->offsets }, lengths = { .field = pieces->bytes };
    for (int64_t i = 0; i < pieces->count; i++) {
        uint64_t offset = 0, length = 0, file_bytes = (uint64_t)t->file_bytes;
        bool is_last = i % pieces->plane_count == pieces->plane_count - 1;
        uint64_t needed =
            is_compressed ? 1 : (uint64_t)(pieces->row_bytes * (is_last ? pieces->last_rows : pieces->rows));
        if (!column_value(h, t, &offsets, i, &offset) ||
            (lengths.field.count > 0 && !column_value(h, t, &lengths, i, &length)))
            return false;
        uint64_t there = offset > 0 && offset < file_bytes ? file_bytes - offset : 0;
        if ((length || pieces->count > 1) && length < there)
            there = length;
        if (there < needed)
            return error_set(h->error, E_INVALID,
                             "page %d of the TIFF file is cut short: %s %" PRId64 " has %" PRIu64
                             " of at least %" PRIu64 " bytes",
                             h->info.pages, pieces->name, i + 1, there, needed);
    }
    return true;
}

static bool pixels_are_there(struct header *h, struct tiff *t, const struct page *page, const struct field *fields)
{
    enum { NO_COMPRESSION = 1, OLD_JPEG = 6 };
    struct pieces pieces;
    if (page->kind.compression == OLD_JPEG) /* its stream may stand outside of strips */
        return true;
    if (!find_pieces(page, fields, &pieces))
        return header_damaged(h);
    int64_t told = pieces.offsets.count;
    if (pieces.bytes.count < told && pieces.count > 1)
        told = pieces.bytes.count;
    if (told < pieces.count)
        return error_set(h->error, E_INVALID,
                         "page %d of the TIFF file is cut short: it has %" PRId64 " of %" PRId64 " %ss", h->info.pages,
                         told, pieces.count, pieces.name);
    t->pieces += pieces.count;
    if (t->pieces > PIECES_MAX)
        return error_set(h->error, E_INVALID, "TIFF files of more than %d strips or tiles are not taken", PIECES_MAX);
    return pieces_are_there(h, t, &pieces, page->kind.compression != NO_COMPRESSION);
}

/* ---- pages ---- */

/* Which samples are colours, and which of the others is transparency (TIFF 6.0 section 18, ExtraSamples). A fourth one
 * of RGB that the tag is silent of is taken for it, as libtiff and Pillow do. */
static bool find_alpha(struct header *h, const struct tiff *t, struct tiff_kind *kind, const struct field *extra)
{
    enum { RGB = 2, PALETTE = 3, SEPARATED = 5, YCBCR = 6, ASSOCIATED = 1, UNASSOCIATED = 2, LOOKED_AT = 16 };
    int64_t photometric = kind->photometric, what;
    if (photometric == PALETTE)
        return true;
    int colours = photometric == RGB || photometric == YCBCR ? 3 : photometric == SEPARATED ? 4 : 1;
    kind->colours = kind->samples > colours ? colours : (int)kind->samples;
    for (int i = 0; i < extra->count && i < LOOKED_AT && colours + i < kind->samples; i++) {
        if (!value(h, t, extra, i, 0, &what))
            return false;
        if (what == ASSOCIATED || what == UNASSOCIATED) {
            kind->alpha = colours + i;
            return true;
        }
    }
    if (!extra->count && photometric == RGB && kind->samples > colours)
        kind->alpha = colours;
    return true;
}

static bool read_page(struct header *h, const struct tiff *t, const struct field *fields, struct page *page)
{
    const struct {
        enum tag tag;
        bool is_of_samples; /* a value for each */
        int64_t missing, *to;
    } rows[] = {
        { WIDTH, false, -1, &page->width },
        { HEIGHT, false, -1, &page->height },
        { ORIENTATION, false, EXIF_UPRIGHT, &page->orientation },
        { PLANAR, false, 1, &page->planar },
        { ROWS_PER_STRIP, false, -1, &page->rows_per_strip },
        { TILE_WIDTH, false, -1, &page->tile_width },
        { TILE_HEIGHT, false, -1, &page->tile_height },
        { BITS, true, 1, &page->kind.bits },
        { COMPRESSION, false, 1, &page->kind.compression },
        { PHOTOMETRIC, false, 0, &page->kind.photometric },
        { SAMPLES, false, 1, &page->kind.samples },
        { SAMPLE_FORMAT, true, 1, &page->kind.sample_format },
        { INK_SET, false, 1, &page->kind.ink_set },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!value(h, t, &fields[rows[i].tag], 0, rows[i].missing, rows[i].to))
            return false;
        if (fields[rows[i].tag].count > 1 && !rows[i].is_of_samples)
            *rows[i].to = -1;
    }
    page->kind.has_map = fields[COLOUR_MAP].count > 0;
    page->kind.is_planar = page->planar == 2 && page->kind.samples > 1;
    page->kind.is_tiled = fields[TILE_OFFSETS].count > 0;
    bool is_sound = page->width > 0 && page->height > 0 && page->kind.bits > 0 && page->kind.bits <= UINT16_MAX &&
                    page->kind.samples > 0 && page->kind.samples <= UINT16_MAX;
    return is_sound || header_damaged(h);
}

/* One directory. */
static bool read_directory(struct header *h, struct tiff *t, int64_t at, int64_t *next)
{
    unsigned char s[8];
    struct field fields[TAGS] = { { 0 } };
    struct page page = { 0 };
    int64_t pixels;
    if (!header_read(h, at, s, (size_t)t->count_bytes))
        return false;
    uint64_t entries = header_number(s, t->count_bytes, t->big);
    at += t->count_bytes;
    if (entries < 1 || entries > UINT16_MAX)
        return header_damaged(h);
    h->info.pages++;
    if (!find_fields(h, t, at, (int64_t)entries, fields) || !read_page(h, t, fields, &page) ||
        !find_alpha(h, t, &page.kind, &fields[EXTRA_SAMPLES]) || !tiff_kind_is_shown(h, &page.kind))
        return false;
    if ((fields[STRIP_OFFSETS].count || fields[TILE_OFFSETS].count) && !pixels_are_there(h, t, &page, fields))
        return false;
    if (h->info.pages == 1 || h->info.pages == h->page) {
        h->info.width = page.width;
        h->info.height = page.height;
        h->info.orientation = exif_orientation_of(page.orientation);
        h->info.colours = page.kind.colours;
        h->info.alpha = page.kind.alpha;
        h->info.is_white_zero = page.kind.photometric == 0;
    }
    if (__builtin_mul_overflow(page.width, page.height, &pixels) ||
        __builtin_add_overflow(h->pixels, pixels, &h->pixels))
        h->pixels = INT64_MAX;
    return read_offset(h, t, at + (int64_t)entries * t->entry_bytes, next);
}

/* Directory after directory. One seen at page 1, 2, 4, 8 ... is remembered: a chain that runs in a circle comes by
 * there again. */
static bool read_directories(struct header *h, struct tiff *t, int64_t at)
{
    int64_t seen = 0;
    while (at) {
        if (at == seen)
            return header_damaged(h);
        if (h->info.pages == PAGES_MAX)
            return error_set(h->error, E_INVALID, "TIFF files of more than %d pages are not taken", PAGES_MAX);
        if ((h->info.pages & (h->info.pages - 1)) == 0)
            seen = at;
        if (!read_directory(h, t, at, &at))
            return false;
    }
    return h->info.pages > 0 || header_damaged(h);
}

/* By seeking: a decoder may not ask the file system (base/sandbox.c). */
static int64_t file_length(int fd)
{
    off_t before = lseek(fd, 0, SEEK_CUR), length = lseek(fd, 0, SEEK_END);
    lseek(fd, before, SEEK_SET);
    return length > 0 ? length : 0;
}

bool tiff_header_read(struct header *h)
{
    unsigned char s[8];
    int64_t at;
    if (!header_read(h, 0, s, sizeof(s)))
        return false;
    struct tiff t = { .big = s[0] == 'M', .offset_bytes = 4, .count_bytes = 2, .entry_bytes = 12, .in_entry = 8 };
    uint64_t version = header_number(s + 2, 2, t.big);
    if (s[0] != s[1] || (s[0] != 'I' && s[0] != 'M') || (version != 42 && version != 43))
        return header_damaged(h);
    if (version == 43) {
        t = (struct tiff){ .big = t.big, .offset_bytes = 8, .count_bytes = 8, .entry_bytes = 20, .in_entry = 12 };
        if (header_number(s + 4, 2, t.big) != 8 || header_number(s + 6, 2, t.big) != 0)
            return header_damaged(h);
    }
    t.file_bytes = file_length(h->fd);
    h->info.pages = 0;
    h->samples = 1;
    return read_offset(h, &t, t.offset_bytes, &at) && read_directories(h, &t, at);
}
