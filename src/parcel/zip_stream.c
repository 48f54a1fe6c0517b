/* zip_stream.c - writes a ZIP piece by piece: each piece of structure goes through a small buffer, data goes straight
 * to the reader. */
#include "parcel/zip_stream.h"

#include "base/file.h"
#include "base/text.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

enum { LIMIT_16 = 0xFFFF, HAS_DESCRIPTOR = 1 << 3, VERSION_PLAIN = 20, VERSION_64 = 45, PIECE_MAX = 1024 };
#define LIMIT_32 0xFFFFFFFFll
enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END_64_BYTES = 56,
    LOCATOR_BYTES = 20,
    LOCAL_EXTRA_BYTES = 20
};

struct entry {
    char *name;
    char *bytes; /* or a file: */
    int fd;      /* -1: it has a key */
    char *key;
    struct blob_store *store;
    int64_t size, offset;
    uint32_t crc;
    bool is_known; /* size and CRC stand in the local header, and no descriptor follows */
};

/* What comes after the piece at hand: the next local header, data (then its descriptor), the next central header,
 * nothing. */
enum step { STEP_LOCAL, STEP_DATA, STEP_CENTRAL, STEP_DONE };

struct zip_stream {
    struct entry *entries;
    int64_t count, room;
    unsigned dos_date, dos_time;
    bool is_open; /* more may be added behind the last */
    /* where making stands */
    enum step step;
    int64_t current, data_done, made, central_offset;
    int fd;
    struct text piece;
    ptrdiff_t piece_done;
};

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

struct zip_stream *zip_stream_new(struct instant now)
{
    struct zip_stream *zip = must(calloc(1, sizeof(*zip)));
    int year, month, day;
    struct date date = date_of(now);
    int64_t seconds = (now.us - date_midnight(date).us) / 1000000;
    date_to_ymd(date, &year, &month, &day);
    zip->dos_date = (unsigned)((year - 1980) << 9 | month << 5 | day);
    zip->dos_time = (unsigned)(seconds / 3600 << 11 | seconds / 60 % 60 << 5 | seconds % 60 / 2);
    zip->fd = -1;
    text_init(&zip->piece, PIECE_MAX);
    return zip;
}

void zip_stream_free(void *self)
{
    struct zip_stream *zip = self;
    if (!zip)
        return;
    if (zip->fd >= 0)
        close(zip->fd);
    for (int64_t i = 0; i < zip->count; i++) {
        free(zip->entries[i].name);
        free(zip->entries[i].bytes);
        free(zip->entries[i].key);
    }
    free(zip->entries);
    text_release(&zip->piece);
    free(zip);
}

static char *copy(struct str s)
{
    char *out = must(malloc((size_t)s.len + 1));
    if (s.len)
        memcpy(out, s.at, (size_t)s.len);
    out[s.len] = '\0';
    return out;
}

static struct entry *add(struct zip_stream *zip, struct str name, int64_t size)
{
    if (zip->count == zip->room) {
        zip->room = zip->room ? zip->room * 2 : 64;
        zip->entries = must(realloc(zip->entries, (size_t)zip->room * sizeof(struct entry)));
    }
    struct entry *entry = &zip->entries[zip->count++];
    *entry = (struct entry){ .name = copy(name), .fd = -1, .size = size };
    return entry;
}

void zip_stream_add_bytes(struct zip_stream *zip, struct str name, struct str bytes)
{
    struct entry *entry = add(zip, name, bytes.len);
    entry->bytes = copy(bytes);
    entry->is_known = bytes.len < LIMIT_32;
    if (entry->is_known)
        entry->crc = (uint32_t)crc32(0, (const unsigned char *)entry->bytes, (unsigned)bytes.len);
}

void zip_stream_add_file(struct zip_stream *zip, struct str name, struct blob_store *store, struct str key,
                         int64_t size_bytes)
{
    struct entry *entry = add(zip, name, size_bytes);
    entry->store = store;
    entry->key = copy(key);
}

void zip_stream_add_open(struct zip_stream *zip, struct str name, int fd, int64_t size_bytes)
{
    add(zip, name, size_bytes)->fd = fd;
}

void zip_stream_keep_open(struct zip_stream *zip)
{
    zip->is_open = true;
}

void zip_stream_end(struct zip_stream *zip)
{
    zip->is_open = false;
}

/* ---- sizes ---- */

static bool is_large(const struct entry *entry)
{
    return entry->size >= LIMIT_32;
}

static int descriptor_bytes(const struct entry *entry)
{
    return entry->is_known ? 0 : is_large(entry) ? 24 : 16;
}

/* The ZIP64 field of a central header holds just what does not fit: both sizes, the offset. */
static int central_extra_bytes(const struct entry *entry, int64_t offset)
{
    int bytes = (is_large(entry) ? 16 : 0) + (offset >= LIMIT_32 ? 8 : 0);
    return bytes ? bytes + 4 : 0;
}

static bool end_is_large(const struct zip_stream *zip, int64_t central_offset, int64_t central_bytes)
{
    return zip->count >= LIMIT_16 || central_offset >= LIMIT_32 || central_bytes >= LIMIT_32;
}

int64_t zip_stream_length(const struct zip_stream *zip)
{
    int64_t offset = 0, central = 0;
    for (int64_t i = 0; i < zip->count; i++) {
        const struct entry *e = &zip->entries[i];
        int64_t name = (int64_t)strlen(e->name);
        central += CENTRAL_BYTES + name + central_extra_bytes(e, offset);
        offset += LOCAL_BYTES + name + (is_large(e) ? LOCAL_EXTRA_BYTES : 0) + e->size + descriptor_bytes(e);
    }
    return offset + central + (end_is_large(zip, offset, central) ? END_64_BYTES + LOCATOR_BYTES : 0) + END_BYTES;
}

/* ---- pieces of structure ---- */

static void put(struct text *out, int bytes, uint64_t n)
{
    for (int i = 0; i < bytes; i++)
        text_put_char(out, (char)(n >> (8 * i)));
}

static uint64_t capped(int64_t n)
{
    return (uint64_t)(n < LIMIT_32 ? n : LIMIT_32);
}

static uint64_t flags_of(const struct entry *entry)
{
    return entry->is_known ? 0 : HAS_DESCRIPTOR;
}

static void put_local(struct zip_stream *zip)
{
    struct entry *e = &zip->entries[zip->current];
    struct text *out = &zip->piece;
    bool large = is_large(e);
    e->offset = zip->made;
    put(out, 4, 0x04034b50);
    put(out, 2, large ? VERSION_64 : VERSION_PLAIN);
    put(out, 2, flags_of(e));
    put(out, 2, 0); /* stored */
    put(out, 2, zip->dos_time);
    put(out, 2, zip->dos_date);
    put(out, 4, e->is_known ? e->crc : 0); /* else it is in the descriptor, and so are the sizes */
    put(out, 4, e->is_known ? (uint64_t)e->size : large ? (uint64_t)LIMIT_32 : 0);
    put(out, 4, e->is_known ? (uint64_t)e->size : large ? (uint64_t)LIMIT_32 : 0);
    put(out, 2, strlen(e->name));
    put(out, 2, large ? LOCAL_EXTRA_BYTES : 0);
    text_put(out, str_from(e->name));
    if (large) { /* says that the descriptor's sizes have 8 bytes */
        put(out, 2, 1);
        put(out, 2, 16);
        put(out, 8, 0);
        put(out, 8, 0);
    }
}

static void put_descriptor(struct zip_stream *zip)
{
    const struct entry *e = &zip->entries[zip->current];
    int width = is_large(e) ? 8 : 4;
    if (e->is_known)
        return;
    put(&zip->piece, 4, 0x08074b50);
    put(&zip->piece, 4, e->crc);
    put(&zip->piece, width, (uint64_t)e->size);
    put(&zip->piece, width, (uint64_t)e->size);
}

static void put_central(struct zip_stream *zip)
{
    const struct entry *e = &zip->entries[zip->current];
    struct text *out = &zip->piece;
    int extra = central_extra_bytes(e, e->offset);
    put(out, 4, 0x02014b50);
    put(out, 2, 3 << 8 | VERSION_64); /* made by: Unix */
    put(out, 2, extra ? VERSION_64 : VERSION_PLAIN);
    put(out, 2, flags_of(e));
    put(out, 2, 0);
    put(out, 2, zip->dos_time);
    put(out, 2, zip->dos_date);
    put(out, 4, e->crc);
    put(out, 4, capped(e->size));
    put(out, 4, capped(e->size));
    put(out, 2, strlen(e->name));
    put(out, 2, (uint64_t)extra);
    put(out, 2, 0); /* comment */
    put(out, 2, 0); /* disk */
    put(out, 2, 0);
    put(out, 4, (uint64_t)0100644 << 16); /* a file, rw-r--r-- */
    put(out, 4, capped(e->offset));
    text_put(out, str_from(e->name));
    if (extra) {
        put(out, 2, 1);
        put(out, 2, (uint64_t)(extra - 4));
    }
    if (is_large(e)) {
        put(out, 8, (uint64_t)e->size);
        put(out, 8, (uint64_t)e->size);
    }
    if (e->offset >= LIMIT_32)
        put(out, 8, (uint64_t)e->offset);
}

static void put_end(struct zip_stream *zip)
{
    struct text *out = &zip->piece;
    int64_t end = zip->made, central = end - zip->central_offset;
    if (end_is_large(zip, zip->central_offset, central)) {
        put(out, 4, 0x06064b50);
        put(out, 8, END_64_BYTES - 12);
        put(out, 2, 3 << 8 | VERSION_64);
        put(out, 2, VERSION_64);
        put(out, 8, 0); /* this disk, disk of the directory */
        put(out, 8, (uint64_t)zip->count);
        put(out, 8, (uint64_t)zip->count);
        put(out, 8, (uint64_t)central);
        put(out, 8, (uint64_t)zip->central_offset);
        put(out, 4, 0x07064b50);
        put(out, 4, 0);
        put(out, 8, (uint64_t)end);
        put(out, 4, 1);
    }
    uint64_t count = (uint64_t)(zip->count < LIMIT_16 ? zip->count : LIMIT_16);
    put(out, 4, 0x06054b50);
    put(out, 4, 0);
    put(out, 2, count);
    put(out, 2, count);
    put(out, 4, capped(central));
    put(out, 4, capped(zip->central_offset));
    put(out, 2, 0);
}

/* ---- making it ---- */

static bool open_data(struct zip_stream *zip)
{
    const struct entry *e = &zip->entries[zip->current];
    struct error error = { 0 };
    int64_t size;
    if (e->bytes || e->fd >= 0)
        return true;
    if (!blob_open_read(e->store, str_from(e->key), &zip->fd, &size, &error))
        return false;
    (void)posix_fadvise(zip->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return size == e->size;
}

static void close_data(struct zip_stream *zip)
{
    struct entry *e = &zip->entries[zip->current];
    free(e->bytes);
    e->bytes = NULL;
    if (zip->fd >= 0)
        close(zip->fd);
    zip->fd = -1;
}

/* Up to `max` bytes of the current entry; -1: it cannot be read, or ends too early. */
static ptrdiff_t read_data(struct zip_stream *zip, char *out, ptrdiff_t max)
{
    struct entry *e = &zip->entries[zip->current];
    int64_t left = e->size - zip->data_done;
    ptrdiff_t n = (ptrdiff_t)(left < max ? left : max);
    if (e->bytes)
        memcpy(out, e->bytes + zip->data_done, (size_t)n);
    else
        n = file_read_at(e->fd >= 0 ? e->fd : zip->fd, zip->data_done, out, n);
    if (n <= 0)
        return -1;
    if (!e->is_known)
        e->crc = (uint32_t)crc32(e->crc, (const unsigned char *)out, (unsigned)n);
    zip->data_done += n;
    return n;
}

static bool waits_for_more(const struct zip_stream *zip)
{
    return zip->is_open && zip->step == STEP_LOCAL && zip->current == zip->count;
}

/* The next piece of structure, or the way to the data. False: broken. */
static bool next_step(struct zip_stream *zip)
{
    text_clear(&zip->piece);
    zip->piece_done = 0;
    switch (zip->step) {
    case STEP_LOCAL:
        if (zip->current == zip->count) {
            zip->step = STEP_CENTRAL;
            zip->current = 0;
            zip->central_offset = zip->made;
            return true;
        }
        put_local(zip);
        zip->data_done = 0;
        zip->step = STEP_DATA;
        return open_data(zip);
    case STEP_DATA:
        close_data(zip);
        put_descriptor(zip);
        zip->current++;
        zip->step = STEP_LOCAL;
        return true;
    case STEP_CENTRAL:
        if (zip->current == zip->count) {
            put_end(zip);
            zip->step = STEP_DONE;
        } else {
            put_central(zip);
            zip->current++;
        }
        return true;
    case STEP_DONE:
        break;
    }
    return true;
}

ptrdiff_t zip_stream_read(void *self, int64_t offset, char *out, ptrdiff_t max)
{
    struct zip_stream *zip = self;
    ptrdiff_t done = 0;
    if (offset != zip->made)
        return -1;
    while (done < max) {
        ptrdiff_t left = zip->piece.len - zip->piece_done, n;
        if (left > 0) {
            n = left < max - done ? left : max - done;
            memcpy(out + done, zip->piece.at + zip->piece_done, (size_t)n);
            zip->piece_done += n;
        } else if (zip->step == STEP_DATA && zip->data_done < zip->entries[zip->current].size) {
            n = read_data(zip, out + done, max - done);
            if (n < 0)
                return -1;
        } else if (zip->step == STEP_DONE || waits_for_more(zip)) {
            break;
        } else {
            if (!next_step(zip))
                return -1;
            continue;
        }
        done += n;
        zip->made += n;
    }
    return done;
}
