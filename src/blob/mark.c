/* mark.c - whose store it is: a small file in its root that names the owner, and that servers hold. */
#include "blob/store.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define MARK "installation"

static int open_mark(struct blob_store *store)
{
    const int how = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(store->root_fd, MARK, O_RDWR | how); /* NFS locks for oneself only what is open for writing */
    return fd >= 0 || (errno != EACCES && errno != EPERM && errno != EROFS)
               ? fd
               : openat(store->root_fd, MARK, O_RDONLY | how);
}

bool blob_mark(struct blob_store *store, char out[BLOB_MARK_MAX + 1], struct error *error)
{
    char text[BLOB_MARK_MAX + 2];
    int fd = open_mark(store);
    if (fd < 0 && errno == ENOENT) {
        out[0] = '\0';
        return true;
    }
    ptrdiff_t len = fd < 0 ? -1 : file_read_at(fd, 0, text, sizeof(text));
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return file_fail(error, "read", MARK " of the store", number);
    struct str said = str_trim((struct str){ text, len });
    if (said.len == 0 || said.len > BLOB_MARK_MAX || memchr(said.at, '\0', (size_t)said.len))
        return error_set(error, E_UNREADABLE, "the file " MARK " of the store %s does not say whose it is",
                         store->root);
    memcpy(out, said.at, (size_t)said.len);
    out[said.len] = '\0';
    return true;
}

/* Past the journal, whose files have their name before their bytes: who finds this one reads it whole. */
bool blob_set_mark(struct blob_store *store, struct str mark, struct error *error)
{
    struct blob_writer *writer;
    if (!blob_create(store, &writer, error))
        return false;
    if (blob_write_at(writer, 0, mark, error) && blob_write_at(writer, mark.len, S("\n"), error))
        return blob_commit(writer, S(MARK), error);
    blob_cancel(writer);
    return false;
}

bool blob_serve(struct blob_store *store, bool alone, struct error *error)
{
    int fd = open_mark(store);
    if (fd < 0)
        return file_fail(error, "open", MARK " of the store", errno);
    bool taken = flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!taken && blob_is_named(store, S(MARK), fd)) {
        store->serving_fd = fd;
        return true;
    }
    close(fd);
    return error_set(error, E_CONFLICT, "another server works on the store %s", store->root);
}
