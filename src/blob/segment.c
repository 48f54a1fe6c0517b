/* segment.c - making the file of a segment. */
#include "blob/journal.h"

#include "base/crypto.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* With bytes, not only with room for them: a flush of what was written before touches nothing but the bytes. */
static bool fill(int fd)
{
    static const char zeros[1 << 16];
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < JOURNAL_SEGMENT_BYTES)
        return false; /* trying would bring a signal */
    if (posix_fallocate(fd, 0, JOURNAL_SEGMENT_BYTES) != 0)
        return false;
    for (off_t at = 0; at < JOURNAL_SEGMENT_BYTES; at += (off_t)sizeof(zeros))
        if (pwrite(fd, zeros, sizeof(zeros), at) != (ssize_t)sizeof(zeros))
            return false;
    return true;
}

/* With its lock, so that nobody takes it for one of a dead process. Somebody may have done so between open and flock,
 * and have removed it: then another is made. */
static int make_file(const char *name, int root)
{
    for (;;) {
        int fd = openat(root, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
            return -1;
        struct stat st;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0) {
            if (fill(fd) && fsync(fd) == 0)
                return fd;
            unlinkat(root, name, 0);
            close(fd);
            return -1;
        }
        close(fd);
        unlinkat(root, name, 0);
    }
}

int journal_make_segment(struct blob_store *store, char name[JOURNAL_NAME_BYTES])
{
    char uuid[UUID_TEXT + 1];
    struct error ignored = { 0 };
    if (!blob_has_room(store, JOURNAL_SEGMENT_BYTES, &ignored))
        return -1; /* trying would take, for a moment, the last bytes from others */
    crypto_uuid(uuid);
    snprintf(name, JOURNAL_NAME_BYTES, BLOB_TEMPORARY "/" JOURNAL_PREFIX "%s", uuid);
    int fd = make_file(name, store->root_fd);
    int folder = fd < 0 ? -1 : openat(store->root_fd, BLOB_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool named = folder >= 0 && fsync(folder) == 0; /* a record in a segment without a name is no record */
    if (folder >= 0)
        close(folder);
    if (named || fd < 0)
        return fd;
    unlinkat(store->root_fd, name, 0);
    close(fd);
    return -1;
}
