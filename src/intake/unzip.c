/* unzip.c - the directory of a ZIP, and its entries by libarchive, each alone. APPNOTE.TXT is PKWARE's, 6.3.10. */
#include "intake/unzip.h"

#include "base/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    LOCAL = 0x04034b50, /* signatures */
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50,
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    COMMENT_MAX = 0xffff,
    EXTRA_ZIP64 = 0x0001,
    EXTRA_UNICODE_NAME = 0x7075,
    FLAG_ENCRYPTED = 1,
    FLAG_DESCRIPTOR = 8,
    FROM_UNIX = 3,
    FROM_OS_X = 19,
    DOS_FOLDER = 0x10,
    VERSION_ZIP64 = 45,
    GIVE_BYTES = 1 << 15
};
static_assert(UNZIP_WINDOW >= CENTRAL_BYTES + 2 * 0xffff, "a header with the longest name and the longest extra field");

static uint16_t u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | (uint32_t)u16(p + 2) << 16;
}

/* A size or an offset; beyond 2^63 it is nonsense, and past the end of every file. */
static int64_t u64(const unsigned char *p)
{
    uint64_t n = u32(p) | (uint64_t)u32(p + 4) << 32;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static bool damaged(struct error *error, const char *why)
{
    return error_set(error, E_BAD_REQUEST, "the ZIP is damaged: %s", why);
}

static bool read_at(int fd, void *to, int64_t bytes, int64_t at, struct error *error)
{
    ptrdiff_t got = file_read_at(fd, at, to, (ptrdiff_t)bytes);
    if (got < 0)
        return error_set(error, E_INTERNAL, "an upload cannot be read: %s", strerror(errno));
    return got == bytes || damaged(error, "it is cut short");
}

/* ---- where the directory is ---- */

struct directory {
    int64_t offset, bytes, entries;
};

static bool read_end64(int fd, int64_t end_at, struct directory *out, int64_t *end64_at, struct error *error)
{
    unsigned char locator[LOCATOR64_BYTES], end[END64_BYTES];
    *end64_at = -1;
    if (end_at < LOCATOR64_BYTES)
        return true;
    if (!read_at(fd, locator, LOCATOR64_BYTES, end_at - LOCATOR64_BYTES, error))
        return false;
    if (u32(locator) != LOCATOR64)
        return true;
    /* Nothing lies between the record and its locator, whatever lies before the ZIP (4.3.6). */
    int64_t at = end_at - LOCATOR64_BYTES - END64_BYTES;
    if (at < 0 || !read_at(fd, end, END64_BYTES, at, error) || u32(end) != END64)
        return damaged(error, "its ZIP64 record is not where it should be");
    *out = (struct directory){ .entries = u64(end + 32), .bytes = u64(end + 40), .offset = u64(end + 48) };
    *end64_at = at;
    return true;
}

/* The end record is the last thing but for its comment, whose length has to fit. */
static int64_t find_end(const unsigned char *tail, int64_t bytes)
{
    for (int64_t i = bytes - END_BYTES; i >= 0; i--)
        if (u32(tail + i) == END && i + END_BYTES + u16(tail + i + 20) <= bytes)
            return i;
    return -1;
}

bool unzip_open(int fd, int64_t size_bytes, struct unzip *out, struct error *error)
{
    *out = (struct unzip){ .fd = fd, .size_bytes = size_bytes };
    int64_t most = COMMENT_MAX + END_BYTES, bytes = size_bytes < most ? size_bytes : most, end64_at;
    if (!read_at(fd, out->window, bytes, size_bytes - bytes, error))
        return false;
    int64_t found = find_end(out->window, bytes);
    if (found < 0)
        return damaged(error, "it has no directory; it may be cut short");
    const unsigned char *end = out->window + found;
    int64_t end_at = size_bytes - bytes + found;
    struct directory directory = { u32(end + 16), u32(end + 12), u16(end + 10) };
    if (!read_end64(fd, end_at, &directory, &end64_at, error))
        return false;
    out->end = end64_at >= 0 ? end64_at : end_at;
    if (directory.bytes > out->end || directory.offset > out->end - directory.bytes)
        return damaged(error, "its directory is not where it should be");
    out->at = out->end - directory.bytes;
    out->base = out->at - directory.offset;
    out->entries = directory.entries;
    return true;
}

/* ---- the entries of the directory ---- */

/* `bytes` of the directory at zip->at; NULL: there are not so many, or they cannot be read. */
static const unsigned char *look(struct unzip *zip, int64_t bytes, struct error *error)
{
    if (bytes > zip->end - zip->at) {
        damaged(error, "its directory ends too early");
        return NULL;
    }
    if (zip->at < zip->window_at || zip->at + bytes > zip->window_at + zip->window_len) {
        int64_t most = zip->end - zip->at < UNZIP_WINDOW ? zip->end - zip->at : UNZIP_WINDOW;
        zip->window_len = 0;
        if (!read_at(zip->fd, zip->window, most, zip->at, error))
            return NULL;
        zip->window_at = zip->at;
        zip->window_len = most;
    }
    return zip->window + (zip->at - zip->window_at);
}

/* ZIP64 (4.5.3): those of the three numbers that are all ones in the header follow here, in this order. */
static void take_zip64(struct unzip_entry *e, const unsigned char *value, ptrdiff_t bytes)
{
    int64_t *numbers[] = { &e->size_bytes, &e->packed_bytes, &e->offset };
    for (int i = 0; i < 3; i++)
        if (*numbers[i] == UINT32_MAX && bytes >= 8) {
            *numbers[i] = u64(value);
            value += 8;
            bytes -= 8;
        }
}

/* Info-ZIP's Unicode path (4.6.9), if it speaks of this very name. */
static struct str unicode_name(struct str name, const unsigned char *value, ptrdiff_t bytes)
{
    if (bytes < 6 || value[0] != 1 || u32(value + 1) != crc32(0, (const unsigned char *)name.at, (unsigned)name.len))
        return name;
    return (struct str){ (const char *)value + 5, bytes - 5 };
}

static void take_extra(struct unzip_entry *e, const unsigned char *extra, ptrdiff_t bytes)
{
    while (bytes >= 4) {
        ptrdiff_t len = u16(extra + 2);
        if (len > bytes - 4)
            return;
        if (u16(extra) == EXTRA_ZIP64)
            take_zip64(e, extra + 4, len);
        else if (u16(extra) == EXTRA_UNICODE_NAME)
            e->name = unicode_name(e->name, extra + 4, len);
        extra += 4 + len;
        bytes -= 4 + len;
    }
}

static enum unzip_kind kind_of(const unsigned char *header, struct str name)
{
    unsigned made_by = header[5];
    uint32_t attributes = u32(header + 38), mode = attributes >> 16;
    bool has_mode = (made_by == FROM_UNIX || made_by == FROM_OS_X) && (mode & S_IFMT);
    if (has_mode && S_ISLNK(mode))
        return UNZIP_LINK;
    if (str_ends(name, S("/")) || (has_mode ? S_ISDIR(mode) : (attributes & DOS_FOLDER) != 0))
        return UNZIP_FOLDER;
    return has_mode && !S_ISREG(mode) ? UNZIP_OTHER : UNZIP_FILE;
}

enum unzip_step unzip_next(struct unzip *zip, struct unzip_entry *out, struct error *error)
{
    if (zip->at == zip->end && (zip->seen & 0xffff) == (zip->entries & 0xffff)) /* what counts in 16 bits wraps */
        return UNZIP_END;
    const unsigned char *header = look(zip, CENTRAL_BYTES, error);
    if (!header)
        return UNZIP_FAILED;
    if (u32(header) != CENTRAL)
        return damaged(error, "its directory is unreadable from here on"), UNZIP_FAILED;
    ptrdiff_t name_bytes = u16(header + 28), extra_bytes = u16(header + 30);
    int64_t whole = CENTRAL_BYTES + name_bytes + extra_bytes + u16(header + 32);
    header = look(zip, CENTRAL_BYTES + name_bytes + extra_bytes, error);
    if (!header || whole > zip->end - zip->at)
        return damaged(error, "its directory ends too early"), UNZIP_FAILED;
    const unsigned char *name = header + CENTRAL_BYTES;
    *out = (struct unzip_entry){ .name = { (const char *)name, name_bytes },
                                 .flags = u16(header + 8),
                                 .method = u16(header + 10),
                                 .crc = u32(header + 16),
                                 .packed_bytes = u32(header + 20),
                                 .size_bytes = u32(header + 24),
                                 .offset = u32(header + 42) };
    take_extra(out, name + name_bytes, extra_bytes);
    out->is_encrypted = out->flags & FLAG_ENCRYPTED;
    out->kind = kind_of(header, out->name);
    zip->at += whole;
    zip->seen++;
    return UNZIP_ENTRY;
}

/* ---- one entry, as a ZIP that has no other ---- */

struct alone {
    int fd;
    int64_t at, left;
    struct error error;
    unsigned char header[LOCAL_BYTES + 1 + 20]; /* with a name of one letter and the ZIP64 sizes */
    bool began;
    char buffer[GIVE_BYTES];
};

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

/* Sizes and checksum are the directory's, so no data descriptor is looked for. */
static void make_header(unsigned char *to, const struct unzip_entry *e)
{
    memset(to, 0, LOCAL_BYTES);
    put(to, LOCAL, 4);
    put(to + 4, VERSION_ZIP64, 2);
    put(to + 6, e->flags & ~(unsigned)FLAG_DESCRIPTOR, 2);
    put(to + 8, e->method, 2);
    put(to + 14, e->crc, 4);
    put(to + 18, UINT32_MAX, 4);
    put(to + 22, UINT32_MAX, 4);
    put(to + 26, 1, 2);
    put(to + 28, 20, 2);
    to[LOCAL_BYTES] = 'x';
    put(to + LOCAL_BYTES + 1, EXTRA_ZIP64, 2);
    put(to + LOCAL_BYTES + 3, 16, 2);
    put(to + LOCAL_BYTES + 5, (uint64_t)e->size_bytes, 8);
    put(to + LOCAL_BYTES + 13, (uint64_t)e->packed_bytes, 8);
}

static la_ssize_t give(struct archive *archive, void *context, const void **out)
{
    struct alone *a = context;
    (void)archive;
    if (!a->began) {
        a->began = true;
        *out = a->header;
        return sizeof(a->header);
    }
    int64_t bytes = a->left < GIVE_BYTES ? a->left : GIVE_BYTES;
    if (!read_at(a->fd, a->buffer, bytes, a->at, &a->error))
        return ARCHIVE_FATAL;
    a->at += bytes;
    a->left -= bytes;
    *out = a->buffer;
    return (la_ssize_t)bytes;
}

/* Where its data begin: behind its own local header, of which only the lengths count. */
static bool find_data(const struct unzip *zip, const struct unzip_entry *e, int64_t *at, struct error *error)
{
    unsigned char local[LOCAL_BYTES];
    if (e->offset > zip->size_bytes - zip->base - LOCAL_BYTES)
        return error_set(error, E_BAD_REQUEST, "the ZIP entry is damaged: it lies past the end");
    if (!read_at(zip->fd, local, LOCAL_BYTES, zip->base + e->offset, error))
        return false;
    if (u32(local) != LOCAL)
        return error_set(error, E_BAD_REQUEST, "the ZIP entry is damaged: its header is not where it should be");
    *at = zip->base + e->offset + LOCAL_BYTES + u16(local + 26) + u16(local + 28);
    if (e->packed_bytes <= zip->size_bytes - *at)
        return true;
    return error_set(error, E_BAD_REQUEST, "the ZIP entry is damaged: it is cut short");
}

/* What libarchive says of a ZIP holds nothing of the file: "ZIP bad CRC: 0x.. should be 0x.." */
static bool entry_damaged(struct archive *archive, const struct alone *a, struct error *error)
{
    if (a->error.code && a->error.code != E_BAD_REQUEST)
        return error_set(error, a->error.code, "%s", a->error.message);
    const char *why = archive ? archive_error_string(archive) : NULL;
    return error_set(error, E_BAD_REQUEST, "the ZIP entry is damaged: %s", why ? why : "it cannot be read");
}

/* libarchive compares sizes and checksums where it has unpacked something: an entry of no packed bytes is an empty
 * file to it, whatever the directory says. */
static bool is_as_promised(const struct unzip_entry *entry, int64_t bytes)
{
    return bytes == entry->size_bytes && (bytes || !entry->crc);
}

bool unzip_read(const struct unzip *zip, const struct unzip_entry *entry, char *buffer, ptrdiff_t buffer_bytes,
                bool (*take)(void *context, struct str bytes), void *context, struct error *error)
{
    assert(entry->kind == UNZIP_FILE && !entry->is_encrypted);
    struct alone alone = { .fd = zip->fd, .left = entry->packed_bytes };
    if (!find_data(zip, entry, &alone.at, error))
        return false;
    make_header(alone.header, entry);
    struct archive *archive = archive_read_new();
    struct archive_entry *ignored;
    bool ok = archive && archive_read_support_format_zip_streamable(archive) == ARCHIVE_OK &&
              archive_read_open(archive, &alone, NULL, give, NULL) == ARCHIVE_OK &&
              archive_read_next_header(archive, &ignored) >= ARCHIVE_WARN;
    la_ssize_t got = 1;
    int64_t bytes = 0;
    bool taken = true;
    while (ok && taken && (got = archive_read_data(archive, buffer, (size_t)buffer_bytes)) > 0) {
        bytes += got;
        taken = take(context, (struct str){ buffer, got });
    }
    ok = ok && got >= 0;
    if (!ok)
        entry_damaged(archive, &alone, error);
    else if (taken && !is_as_promised(entry, bytes))
        ok = error_set(error, E_BAD_REQUEST,
                       "the ZIP entry is damaged: it gives %" PRId64 " bytes, the directory promises others", bytes);
    archive_read_free(archive);
    return ok && taken;
}
