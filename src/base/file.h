/* file.h - files that survive: written whole, synced, then named.
 *
 * The order that keeps promises: write -> fsync(file) -> rename -> fsync(directory) -> the row commits.
 * Paths here are made by us; a client's file name never becomes one.
 */
#ifndef ROENTGEN_FILE_H
#define ROENTGEN_FILE_H

#include "base/error.h"

#include <sys/types.h>

bool file_make_directories(const char *path, struct error *error); /* mkdir -p, mode 0750 */
bool file_sync_directory(const char *path, struct error *error);
bool file_write_all(int fd, struct str bytes, struct error *error); /* handles short writes, EINTR */
/* As many bytes as there are, `most` at most: fewer only at the end of the file. -1: errno says why. */
ptrdiff_t file_read_at(int fd, int64_t offset, void *to, ptrdiff_t most);
/* All of them. False: errno says why. */
bool file_write_at(int fd, int64_t offset, struct str bytes);
bool file_read_whole(const char *path, ptrdiff_t max_bytes, struct arena *arena, struct str *out, struct error *error);
/* errno of a failed file call as an error: ENOSPC and EDQUOT are E_STORAGE_FULL, others E_INTERNAL. */
bool file_fail(struct error *error, const char *doing, const char *path, int number);

#endif
