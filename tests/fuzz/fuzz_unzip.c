/* fuzz_unzip.c - ZIPs of strangers: whatever is told of an entry lies within the ZIP, what comes out of one is what
 * its directory promises, and what is refused is refused with words. */
#include "intake/unzip.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES_MAX = 64, BYTES_MAX = 1 << 16, PIECE = 4096 };

struct taken {
    int64_t bytes;
    uint32_t crc;
    bool stopped;
};

static bool take(void *context, struct str bytes)
{
    struct taken *taken = context;
    assert(bytes.len > 0 && bytes.len <= PIECE);
    taken->bytes += bytes.len;
    taken->crc = (uint32_t)crc32(taken->crc, (const unsigned char *)bytes.at, (unsigned)bytes.len);
    taken->stopped = taken->bytes > BYTES_MAX;
    return !taken->stopped;
}

static void read_entry(const struct unzip *zip, const struct unzip_entry *entry)
{
    char buffer[PIECE];
    struct taken taken = { 0 };
    struct error error = { 0 };
    if (unzip_read(zip, entry, buffer, PIECE, take, &taken, &error))
        assert(taken.bytes == entry->size_bytes && taken.crc == entry->crc);
    else
        assert(taken.stopped || (error.code == E_BAD_REQUEST && error.message[0]));
}

static void walk(struct unzip *zip)
{
    struct unzip_entry entry;
    struct error error = { 0 };
    enum unzip_step step = UNZIP_ENTRY;
    unsigned char names = 0;
    for (int i = 0; i < ENTRIES_MAX && (step = unzip_next(zip, &entry, &error)) == UNZIP_ENTRY; i++) {
        assert(entry.name.len >= 0 && entry.name.len <= 0xffff && entry.packed_bytes >= 0 && entry.size_bytes >= 0 &&
               entry.offset >= 0);
        for (ptrdiff_t k = 0; k < entry.name.len; k++)
            names ^= (unsigned char)entry.name.at[k];
        if (entry.kind == UNZIP_FILE && !entry.is_encrypted)
            read_entry(zip, &entry);
    }
    (void)names;
    assert(zip->seen <= ENTRIES_MAX && zip->at <= zip->end);
    if (step == UNZIP_FAILED)
        assert(error.code == E_BAD_REQUEST && error.message[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static struct unzip zip;
    struct error error = { 0 };
    if (fd < 0)
        fd = memfd_create("zip", MFD_CLOEXEC);
    assert(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    if (unzip_open(fd, (int64_t)size, &zip, &error))
        walk(&zip);
    else
        assert(error.code == E_BAD_REQUEST && error.message[0]);
    return 0;
}
