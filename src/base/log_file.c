/* log_file.c - opens, writes and rotates the log's file. */
#include "base/log_file.h"

#include "base/clock.h"
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_US (60 * INT64_C(1000000))

/* When the file was made, so that its age outlives a restart; its last change where the file system cannot say. */
static void look_at(struct log_file *file)
{
    struct statx status = { 0 };
    file->bytes = 0;
    file->since_us = clock_now().us;
    if (statx(file->fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_BTIME | STATX_MTIME, &status) != 0)
        return;
    file->bytes = (int64_t)status.stx_size;
    if (file->bytes == 0)
        return;
    struct statx_timestamp since = status.stx_mask & STATX_BTIME ? status.stx_btime : status.stx_mtime;
    file->since_us = since.tv_sec * INT64_C(1000000) + since.tv_nsec / 1000;
}

static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

bool log_file_open(const struct log_options *options, struct log_file *out, struct error *error)
{
    struct log_file file = { .fd = STDERR_FILENO };
    if (options->path && *options->path) {
        file.fd = open_path(options->path);
        if (file.fd < 0)
            return file_fail(error, "open log", options->path, errno);
        file.path = strdup(options->path);
        if (!file.path)
            abort();
        file.rotate_bytes = options->rotate_bytes;
        file.rotate_age_s = options->rotate_age_s;
        file.keep = options->keep;
        look_at(&file);
    }
    *out = file;
    return true;
}

void log_file_close(struct log_file *file)
{
    if (file->path)
        close(file->fd);
    free(file->path);
    *file = (struct log_file){ .fd = -1 };
}

void log_file_reopen(struct log_file *file)
{
    if (!file->path)
        return;
    int fd = open_path(file->path);
    if (fd < 0)
        return;
    close(file->fd);
    file->fd = fd;
    look_at(file);
}

static bool is_due(const struct log_file *file, ptrdiff_t more)
{
    if (!file->path || file->bytes == 0)
        return false;
    if (file->rotate_bytes > 0 && file->bytes + more > file->rotate_bytes)
        return true;
    return file->rotate_age_s > 0 && clock_now().us - file->since_us >= file->rotate_age_s * INT64_C(1000000);
}

/* path.1 becomes path.2 and so on, the last falling off the end; then path becomes path.1. */
static bool shift(const struct log_file *file)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (file->keep <= 0)
        return unlink(file->path) == 0;
    for (int i = file->keep; i >= 1; i--) {
        if (snprintf(to, sizeof(to), "%s.%d", file->path, i) >= (int)sizeof(to))
            return false;
        if (i == 1)
            return rename(file->path, to) == 0;
        snprintf(from, sizeof(from), "%s.%d", file->path, i - 1);
        if (rename(from, to) != 0 && errno != ENOENT)
            return false;
    }
    return false;
}

static void rotate(struct log_file *file)
{
    int64_t now = clock_monotonic_us();
    if (now < file->next_try_us)
        return;
    file->next_try_us = now + RETRY_US;
    if (!shift(file))
        return;
    log_file_reopen(file);
    file->next_try_us = 0;
}

static bool write_all(struct log_file *file, struct str bytes)
{
    ptrdiff_t whole = bytes.len;
    while (bytes.len > 0) {
        ssize_t put = write(file->fd, bytes.at, (size_t)bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            file->lost_bytes += bytes.len;
            file->cut = file->cut || bytes.len < whole;
            return false;
        }
        file->bytes += put;
        bytes = str_slice(bytes, put, bytes.len);
    }
    return true;
}

static void tell_loss(struct log_file *file)
{
    char time[INSTANT_TEXT_MAX], line[256];
    int len = snprintf(line, sizeof(line),
                       "{\"time\":\"%.*s\",\"level\":\"warning\",\"event\":\"log.lost\",\"message\":\"%" PRId64
                       " bytes of log could not be written\"}\n",
                       (int)instant_write(clock_now(), time), time, file->lost_bytes);
    int64_t lost = file->lost_bytes;
    file->lost_bytes = 0;
    if (!write_all(file, (struct str){ line, len }))
        file->lost_bytes = lost;
}

void log_file_write(struct log_file *file, struct str lines)
{
    if (lines.len == 0)
        return;
    if (is_due(file, lines.len))
        rotate(file);
    if (file->cut && write(file->fd, "\n", 1) == 1)
        file->cut = false;
    if (write_all(file, lines) && file->lost_bytes)
        tell_loss(file);
}
