/* file.c - whole files read and written, with what it takes to find them after a crash. */
#include "base/file.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP_BYTES = 64 * 1024 };

bool file_fail(struct error *error, const char *doing, const char *path, int number)
{
    /* This message may reach a client (error.c), so it does not name the path. */
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return error_set(error, E_STORAGE_FULL, "cannot %s a file: no space is left", doing);
    char text[128];
    if (error_is_shortage(number)) {
        error->retry_after_s = 1;
        error->is_ours = true;
        return error_set(error, E_UNAVAILABLE, "cannot %s a file now: %s", doing,
                         strerror_r(number, text, sizeof(text)));
    }
    return error_set(error, E_INTERNAL, "cannot %s %s: %s", doing, path, strerror_r(number, text, sizeof(text)));
}

/* The folder that holds `path`, in `out`. False when it does not fit. */
static bool folder_of(const char *path, char out[PATH_MAX])
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len >= PATH_MAX)
        return false;
    memcpy(out, len ? path : ".", len ? len : 1);
    out[len ? len : 1] = '\0';
    return true;
}

/* A new directory is only there after a crash if its parent was synced. */
static bool make_directory(const char *path, struct error *error)
{
    if (mkdir(path, 0750) == 0) {
        char parent[PATH_MAX];
        return folder_of(path, parent) ? file_sync_directory(parent, error)
                                       : file_fail(error, "sync the parent of", path, ENAMETOOLONG);
    }
    int number = errno;
    struct stat status;
    if (stat(path, &status) == 0)
        return S_ISDIR(status.st_mode) || file_fail(error, "make directory", path, ENOTDIR);
    return file_fail(error, "make directory", path, number);
}

bool file_make_directories(const char *path, struct error *error)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part))
        return file_fail(error, "make directory", path, len ? ENAMETOOLONG : ENOENT);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (!make_directory(part, error))
            return false;
    }
    return true;
}

bool file_sync_directory(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(error, "open directory", path, errno);
    bool good = fsync(fd) == 0 || file_fail(error, "sync directory", path, errno);
    close(fd);
    return good;
}

bool file_write_all(int fd, struct str bytes, struct error *error)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.at, (size_t)bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return file_fail(error, "write to", "a file", put < 0 ? errno : EIO);
        bytes = str_slice(bytes, put, bytes.len);
    }
    return true;
}

ptrdiff_t file_read_at(int fd, int64_t offset, void *to, ptrdiff_t most)
{
    ptrdiff_t len = 0;
    while (len < most) {
        ssize_t got = pread(fd, (char *)to + len, (size_t)(most - len), offset + len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += got;
    }
    return len;
}

bool file_write_at(int fd, int64_t offset, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = pwrite(fd, bytes.at, (size_t)bytes.len, offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put < 0 ? errno : EIO;
            return false;
        }
        offset += put;
        bytes = str_slice(bytes, put, bytes.len);
    }
    return true;
}

/* Reads to the end, or one byte past what may be. */
static bool read_all(int fd, const char *path, ptrdiff_t max_bytes, struct text *text, struct error *error)
{
    for (;;) {
        ptrdiff_t step = max_bytes + 1 - text->len < READ_STEP_BYTES ? max_bytes + 1 - text->len : READ_STEP_BYTES;
        if (step == 0)
            return error_set(error, E_TOO_LARGE, "the file is larger than %td bytes", max_bytes);
        ssize_t got = read(fd, text_room(text, step), (size_t)step);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_fail(error, "read", path, errno);
        if (got == 0)
            return true;
        text_grown(text, got);
    }
}

bool file_read_whole(const char *path, ptrdiff_t max_bytes, struct arena *arena, struct str *out, struct error *error)
{
    assert(max_bytes >= 0 && max_bytes < PTRDIFF_MAX / 8);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(error, "open", path, errno);
    struct text text;
    text_init(&text, max_bytes + 1);
    bool good = read_all(fd, path, max_bytes, &text, error);
    close(fd);
    if (good)
        *out = arena_copy(arena, text_str(&text));
    text_release(&text);
    return good;
}
