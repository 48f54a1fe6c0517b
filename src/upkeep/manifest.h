/* manifest.h - the list of a backup's files with their SHA-256, as sha256sum(1) writes it and `sha256sum -c` reads it.
 *
 *     9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  files/completed/9f/9f0c...e1.dcm
 *
 *     struct manifest *manifest;
 *     struct manifest_line line;
 *     if (!manifest_load("SHA256SUMS", &manifest, &error)) ...
 *     if (manifest_find(manifest, S("files/completed/..."), &line)) ...
 *     manifest_free(manifest);
 *
 * Strangers may have written to it. It is read as a whole before anything is believed: each line is 64 lower-case
 * hexadecimal digits, two spaces, and a path that stays below the folder: words of a-z, A-Z, 0-9, '.', '_' and '-' that
 * do not begin with a dot, between single slashes, at most MANIFEST_PATH_MAX bytes; no path comes twice; the last line
 * ends like the others. Else E_INVALID with the number of the first line that is not so.
 *
 * There are two ways to have it. manifest_load reads it into memory once: what was judged, whose seal was looked at,
 * and what is used are the same bytes, whatever becomes of the file. manifest_open looks at it where it lies
 * (base/file_view.h), for lists as long as a backup's that is being made within bounds: it may be cut, written to, or
 * lie on a disk that fails, at any moment, so nobody opens a file by a path of it, and whoever has done with it asks
 * manifest_close whether all of it could be read. As a view, it belongs to the thread that opened it.
 *
 * Beside the text a line costs eight bytes: where it begins, and the length of its path. The array is made once, as
 * long as the list has lines.
 */
#ifndef ROENTGEN_MANIFEST_H
#define ROENTGEN_MANIFEST_H

#include "base/crypto.h"
#include "base/error.h"
#include "base/file_view.h"

enum { MANIFEST_PATH_MAX = 240, MANIFEST_LINE_MAX = SHA256_TEXT + 2 + MANIFEST_PATH_MAX + 1 };

struct manifest_line {
    struct str sha256, path;
};

struct manifest {
    uint64_t *places; /* of the lines, by path: offset << 8 | length of the path */
    ptrdiff_t count;
    struct str text;
    char *own; /* the text, of one that was loaded */
    struct file_view view;
};

bool manifest_path_is_legal(struct str path);

/* `text` outlives it. `repeats`: lines that say the same are one; else they are E_INVALID. */
bool manifest_read(struct str text, bool repeats, struct manifest **out, struct error *error);
bool manifest_load(const char *path, bool repeats, struct manifest **out, struct error *error);
bool manifest_open(const char *path, bool repeats, struct manifest **out, struct error *error);
struct manifest_line manifest_line(const struct manifest *manifest, ptrdiff_t i);                /* by path */
bool manifest_find(const struct manifest *manifest, struct str path, struct manifest_line *out); /* false: not in it */
void manifest_path(const struct manifest_line *line, char path[MANIFEST_PATH_MAX + 1]); /* with an end of its own */
/* The end of it, which takes NULL. False: some of it could not be read, and *error is E_UNREADABLE, whatever it was. */
bool manifest_close(struct manifest *manifest, struct error *error) __attribute__((warn_unused_result));
void manifest_free(struct manifest *manifest); /* the same, where what was read does not matter any more */

#endif
