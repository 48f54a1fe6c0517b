/* check.c - can files be written? For those who ask how the store is. */
#include "blob/store.h"

#include "base/crypto.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIED_BYTES = 4096 };

bool blob_is_there(struct blob_store *store)
{
    return faccessat(store->root_fd, BLOB_TEMPORARY, F_OK, 0) == 0;
}

static bool may_write(int folder, const char *name, struct error *error)
{
    return faccessat(folder, name, W_OK | X_OK, AT_EACCESS) == 0 || errno == ENOENT ||
           file_fail(error, "write to", name, errno);
}

/* The folders in it: files rest in 256 of them. */
static bool check_inside(int folder, struct error *error)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *open = fd < 0 ? NULL : fdopendir(fd);
    if (!open) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return file_fail(error, "read", "a folder of the store", number);
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(open));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            ok = may_write(folder, entry->d_name, error);
    closedir(open);
    return ok;
}

/* A name there, as a file that is uploaded gets one. No key looks like it. */
static bool check_naming(struct blob_store *store, int folder, struct error *error)
{
    static const char zeros[TRIED_BYTES];
    char uuid[UUID_TEXT + 1], from[sizeof(BLOB_TEMPORARY "/") + UUID_TEXT], to[sizeof("check+") + UUID_TEXT];
    crypto_uuid(uuid);
    snprintf(from, sizeof(from), BLOB_TEMPORARY "/%s", uuid);
    snprintf(to, sizeof(to), "check+%s", uuid);
    int fd = openat(store->root_fd, from, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return file_fail(error, "create a temporary file in", store->root, errno);
    ssize_t written = write(fd, zeros, sizeof(zeros));
    bool ok = written == (ssize_t)sizeof(zeros) ||
              file_fail(error, "write", "a temporary file", written < 0 ? errno : ENOSPC);
    close(fd);
    bool named = ok && renameat(store->root_fd, from, folder, to) == 0;
    if (ok && !named)
        ok = file_fail(error, "name", "a file", errno);
    if (named)
        unlinkat(folder, to, 0);
    else
        unlinkat(store->root_fd, from, 0);
    return ok;
}

bool blob_check(struct blob_store *store, struct str prefix, struct error *error)
{
    struct blob_writer *writer;
    struct blob_key key;
    if (!blob_create(store, &writer,
                     error)) /* finds a folder again that was lost; tells of a journal that has failed */
        return false;
    blob_cancel(writer);
    snprintf(key.text, sizeof(key.text), "%.*scheck", STR_FMT(prefix));
    if (!blob_make_parents(store, &key, false, error))
        return false;
    snprintf(key.text, sizeof(key.text), "%.*s", STR_FMT(prefix));
    int folder = openat(store->root_fd, key.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return file_fail(error, "open", key.text, errno);
    bool ok = check_naming(store, folder, error) && check_inside(folder, error);
    close(folder);
    return ok;
}
