/* unzip.h - a stranger's ZIP, one entry at a time: each is read as if it were alone.
 *
 *     struct unzip zip;
 *     unzip_open(fd, size_bytes, &zip, &error)                      // finds the directory at its end
 *     while ((step = unzip_next(&zip, &entry, &error)) == UNZIP_ENTRY)
 *         if (entry.kind == UNZIP_FILE)
 *             unzip_read(&zip, &entry, buffer, bytes, take, context, &error)
 *
 *   local header, data | local header, data | ... | directory: one header for each entry | where the directory is,
 *   how many it has
 *
 * What there is, is said by the directory (APPNOTE.TXT 4.3.12), which is walked through a window: memory does not
 * grow with the number of entries. What an entry holds is decoded by libarchive, which gets that entry alone, behind
 * a local header made from the directory's: so neither a damaged entry nor a damaged local header keeps the others
 * from being read, and libarchive lists nothing. ZIP64, entries in any order and bytes before the first entry are
 * read.
 *
 * All numbers are claims of the sender: they are checked against the file's size, and what comes out is the caller's
 * to limit.
 */
#ifndef ROENTGEN_UNZIP_H
#define ROENTGEN_UNZIP_H

#include "base/error.h"
#include "base/str.h"

enum { UNZIP_WINDOW = 1 << 18 }; /* the largest header of the directory fits */

struct unzip {
    int fd; /* the caller's */
    int64_t size_bytes;
    int64_t at, end;       /* in the directory */
    int64_t base;          /* bytes before the first entry that offsets do not count */
    int64_t entries, seen; /* as the ZIP says; as walked */
    int64_t window_at, window_len;
    unsigned char window[UNZIP_WINDOW];
};

enum unzip_kind { UNZIP_FILE, UNZIP_FOLDER, UNZIP_LINK, UNZIP_OTHER };
struct unzip_entry {
    struct str name; /* as it is in the ZIP, UTF-8 or not; until the next entry */
    enum unzip_kind kind;
    bool is_encrypted;
    unsigned method, flags;
    uint32_t crc;
    int64_t packed_bytes, size_bytes, offset;
};
enum unzip_step { UNZIP_ENTRY, UNZIP_END, UNZIP_FAILED };

/* False, with E_BAD_REQUEST or what reading the file met: it has no directory that could be read. */
bool unzip_open(int fd, int64_t size_bytes, struct unzip *out, struct error *error);
/* UNZIP_FAILED: the directory is damaged from here on; zip->seen of zip->entries were told. */
enum unzip_step unzip_next(struct unzip *zip, struct unzip_entry *out, struct error *error);
/* Hands the entry's bytes to `take`, piece by piece, each read into `buffer`. False: `take` said so (with its own
 * error), or the entry is damaged (E_BAD_REQUEST, with the reason): its checksum, too. */
bool unzip_read(const struct unzip *zip, const struct unzip_entry *entry, char *buffer, ptrdiff_t buffer_bytes,
                bool (*take)(void *context, struct str bytes), void *context, struct error *error);

#endif
