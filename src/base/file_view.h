/* file_view.h - a file's bytes where they lie, without the danger of them.
 *
 *     struct file_view view;
 *     if (!file_view_open(&view, fd, size_bytes, error)) return false;
 *     ... view.bytes ...
 *     return file_view_close(&view, error) && ok;      // E_UNREADABLE: what was made of the bytes is worth nothing
 *
 * A mapped file that is cut while it is read, or lies on a sector that the disk no longer gives back, raises SIGBUS.
 * Here that ends nobody:
 *
 *   file    |#########|#########|  gone   |  gone   |
 *   view    |#########|#########|000000000|000000000|     from the page that could not be read on: zeros, and `lost`
 *
 * so reading goes on, with locks, cursors and memory as they are, and close says that it was for nothing. Zeros are as
 * good as any other bytes to code that reads strangers' files.
 *
 * A view belongs to the thread that opened it until that thread closes it, and stays where it is in memory. Any other
 * SIGBUS does what it did before.
 */
#ifndef ROENTGEN_FILE_VIEW_H
#define ROENTGEN_FILE_VIEW_H

#include "base/error.h"

#include <signal.h>

struct file_view {
    struct str bytes;
    void *pages; /* the mapping; NULL: there is none */
    size_t page_bytes;
    volatile sig_atomic_t lost; /* not all of it could be read */
    struct file_view *below;    /* opened before by the same thread */
};

/* `length` bytes from `offset`; needs no descriptor afterwards. E_UNAVAILABLE when there is no room for it. On failure
 * there is nothing to close. */
bool file_view_open_part(struct file_view *view, int fd, int64_t offset, int64_t length, struct error *error);
bool file_view_open(struct file_view *view, int fd, int64_t size_bytes, struct error *error);
/* False: some of it could not be read; *error is E_UNREADABLE then, whatever it was, since that may have come of the
 * zeros. Harmless when called again, and on a view that is all zero. */
bool file_view_close(struct file_view *view, struct error *error) __attribute__((warn_unused_result));

#endif
