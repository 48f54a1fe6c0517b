/* zip_stream.h - a ZIP archive that is made while it is sent (APPNOTE.TXT 6.3.10): of any size, in little memory.
 *
 *     struct zip_stream *zip = zip_stream_new(clock_now());
 *     zip_stream_add_bytes(zip, "DICOMDIR", bytes);                 // copied
 *     zip_stream_add_file(zip, "DICOM/...", store, key, size);      // opened when its turn comes
 *     int64_t length = zip_stream_length(zip);                      // exact, before a byte is made
 *     ... zip_stream_read(zip, offset, out, max) until it gives 0 ...
 *     zip_stream_free(zip);
 *
 * Where what is in it is made one after the other, it stays open meanwhile, and what was read is let go of:
 *
 *     zip_stream_keep_open(zip);
 *     for each: zip_stream_add_bytes(...), then zip_stream_read until it gives 0: that is all so far
 *     zip_stream_end(zip);
 *     ... zip_stream_read until it gives 0 ...
 *
 *   [local header][data][descriptor: CRC-32, sizes]  ...  [central directory][ZIP64 end][ZIP64 locator][end]
 *
 * Of bytes the header says CRC-32 and size itself, without a descriptor: there are programs that take none behind what
 * is stored.
 * Entries are stored, not compressed. Names are ours: ASCII. Sizes and offsets past 4 GiB take the ZIP64 form, as do
 * more than 65,534 entries. The bytes are made in order, once. A file that is gone, or shorter than was said, breaks
 * the stream (-1): an archive that ends well is whole.
 *
 * The stream owns copies of names and keys, of bytes until they were read, and one open file at a time; the stores must
 * outlive it, and descriptors until they were read. One thread at a time uses it.
 */
#ifndef ROENTGEN_ZIP_STREAM_H
#define ROENTGEN_ZIP_STREAM_H

#include "blob/blob.h"

struct zip_stream;

struct zip_stream *zip_stream_new(struct instant now);
void zip_stream_free(void *zip); /* takes NULL */
void zip_stream_add_bytes(struct zip_stream *zip, struct str name, struct str bytes);
/* A file of the store, which has to have that many bytes when its turn comes. */
void zip_stream_add_file(struct zip_stream *zip, struct str name, struct blob_store *store, struct str key,
                         int64_t size_bytes);
/* The first bytes behind `fd`, which stays the caller's. */
void zip_stream_add_open(struct zip_stream *zip, struct str name, int fd, int64_t size_bytes);
/* Before the first read: more is added while it is read. Its length is not known before its end. */
void zip_stream_keep_open(struct zip_stream *zip);
void zip_stream_end(struct zip_stream *zip);
/* Of all of it, once the last was added. */
int64_t zip_stream_length(const struct zip_stream *zip);
/* Up to `max` of the next bytes; `offset` is where reading stands. 0: the end, or, while it is kept open, of what was
 * added so far; -1: it cannot be ended well. */
ptrdiff_t zip_stream_read(void *zip, int64_t offset, char *out, ptrdiff_t max);

#endif
