/* backup_take.c - one file on its way into a backup (backup_parts.h). */
#include "upkeep/backup_parts.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOKS = 3 };

/* ---- bytes ---- */

bool backup_say(const struct backup_watch *watch, int64_t done, int64_t total, const char *what, struct error *error)
{
    return !watch || !watch->tell || watch->tell(watch->context, done, total, what, error);
}

bool backup_read(int from, int to, const struct backup_pace *pace, struct backup_bytes *out, struct error *error)
{
    char md5[MD5_TEXT + 1];
    char *piece = malloc(BACKUP_PIECE_BYTES);
    struct digests *digests = digests_new_sha256();
    bool ok = true;
    if (!piece)
        abort();
    out->size = 0;
    for (ptrdiff_t got = 1; ok && got > 0;) {
        got = file_read_at(from, out->size, piece, BACKUP_PIECE_BYTES);
        if (got < 0) {
            ok = error_set(error, E_UNREADABLE, "a file cannot be read: %s", strerror_r(errno, md5, sizeof(md5)));
            break;
        }
        digests_update(digests, piece, got);
        ok = to < 0 || file_write_all(to, (struct str){ piece, got }, error);
        if (out->size && got)
            ok = ok && backup_say(pace->watch, pace->done, pace->total, pace->what, error);
        out->size += got;
    }
    digests_finish(digests, md5, out->sha256);
    digests_free(digests);
    free(piece);
    return ok;
}

int64_t backup_written_ns(const struct stat *st)
{
    return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

int backup_open(int root, const char *path)
{
    struct stat st;
    int fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    close(fd);
    errno = ENOENT;
    return -1;
}

bool backup_make_parents(int root, const char *path, mode_t mode)
{
    char part[PATH_MAX];
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdirat(root, part, mode) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

int backup_create(int root, const char *path, mode_t mode, mode_t folder_mode)
{
    enum { HOW = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(root, path, HOW, mode);
    if (fd < 0 && errno == ENOENT && backup_make_parents(root, path, folder_mode))
        fd = openat(root, path, HOW, mode);
    return fd;
}

struct walking {
    bool (*each)(void *context, struct str path, int64_t size);
    void *context;
    struct error *error;
    char path[PATH_MAX];
};

/* Takes fd over. */
static bool walk_folder(struct walking *w, int fd, size_t len)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return file_fail(w->error, "read directory", w->path, errno);
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(directory));) {
        struct stat st;
        const char *name = entry->d_name;
        size_t more = strlen(name);
        if (!strcmp(name, ".") || !strcmp(name, "..") || len + more + 2 > sizeof(w->path) ||
            fstatat(dirfd(directory), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "/" : "", name);
        size_t end = strlen(w->path);
        if (!S_ISDIR(st.st_mode)) {
            ok = w->each(w->context, (struct str){ w->path, (ptrdiff_t)end }, st.st_size);
            continue;
        }
        int below = openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        ok = below >= 0 ? walk_folder(w, below, end) : file_fail(w->error, "open", name, errno);
    }
    closedir(directory);
    return ok;
}

bool backup_walk(int root, const char *name, bool (*each)(void *context, struct str path, int64_t size), void *context,
                 struct error *error)
{
    struct walking w = { .each = each, .context = context, .error = error };
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || file_fail(error, "open", name, errno);
    snprintf(w.path, sizeof(w.path), "%s", strcmp(name, ".") != 0 ? name : "");
    return walk_folder(&w, fd, strlen(w.path));
}

/* ---- from the earlier backup, or one that was interrupted ---- */

const char *backup_path_of(struct arena *arena, bool archived, struct str key)
{
    return arena_format(arena, "%s/%.*s", archived ? "archive" : "files", STR_FMT(key)).at;
}

static struct backup_pace pace_of(const struct backup *b)
{
    return (struct backup_pace){ b->watch, b->done, b->total, "files" };
}

static bool link_to(const struct backup *b, int folder, const char *path, const char *to, int flags)
{
    return linkat(folder, path, b->fd, to, flags) == 0 ||
           (errno == ENOENT && backup_make_parents(b->fd, to, 0700) && linkat(folder, path, b->fd, to, flags) == 0);
}

static void count_taken(struct backup *b, int64_t size)
{
    b->made->taken_files++;
    b->made->taken_bytes += size;
}

/* Copies what is behind fd, if it is of that SHA-256; else nothing is there. */
static enum backup_taken copy_from(struct backup *b, int fd, const char *to, struct str wanted,
                                   struct backup_bytes *bytes)
{
    struct backup_pace pace = pace_of(b);
    int copy = backup_create(b->fd, to, 0600, 0700);
    if (copy < 0)
        return file_fail(&b->c->error, "make", to, errno), TAKE_FAILED;
    bool ok = backup_read(fd, copy, &pace, bytes, &b->c->error);
    close(copy);
    if (ok && (!wanted.len || str_equal(str_from(bytes->sha256), wanted)))
        return TAKE_DONE;
    unlinkat(b->fd, to, 0);
    return ok ? TAKE_DAMAGED : TAKE_FAILED;
}

/* What a whole backup says has these bytes has them: it was read when it got them, and nobody has written to it since.
 * That may be the store's own file, where both are links to one. */
static enum backup_taken take_whole(struct backup *b, const struct backup_donor *donor, const struct backup_row *row,
                                    const char *from, const char *to)
{
    struct manifest_line line;
    struct backup_bytes bytes;
    struct stat st;
    if (!manifest_find(donor->manifest, str_from(from), &line) || !str_equal(line.sha256, row->sha256) ||
        fstatat(donor->fd, from, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) || st.st_size != row->size ||
        backup_written_ns(&st) > donor->written_ns)
        return TAKE_MISSING;
    if (link_to(b, donor->fd, from, to, 0))
        return TAKE_DONE;
    if (errno == ENOSPC || errno == EDQUOT)
        return file_fail(&b->c->error, "link", to, errno), TAKE_FAILED;
    int fd = backup_open(donor->fd, from); /* too many links, or a file system without */
    enum backup_taken taken = fd < 0 ? TAKE_MISSING : copy_from(b, fd, to, row->sha256, &bytes);
    if (fd >= 0)
        close(fd);
    return taken == TAKE_DAMAGED ? TAKE_MISSING : taken;
}

/* Nobody knows how much of it reached the disk. */
static enum backup_taken take_partial(struct backup *b, const struct backup_donor *donor, const struct backup_row *row,
                                      const char *from, const char *to)
{
    struct backup_pace pace = pace_of(b);
    struct backup_bytes bytes;
    struct stat st;
    if (fstatat(donor->fd, from, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_size != row->size)
        return TAKE_MISSING;
    int fd = backup_open(donor->fd, from);
    if (fd < 0)
        return TAKE_MISSING;
    struct error error = { 0 };
    bool read = backup_read(fd, -1, &pace, &bytes, &error);
    close(fd);
    if (!read && error.code != E_UNREADABLE)
        return b->c->error = error, TAKE_FAILED;
    if (!read || !str_equal(str_from(bytes.sha256), row->sha256))
        return TAKE_MISSING;
    if (renameat(donor->fd, from, b->fd, to) == 0 ||
        (errno == ENOENT && backup_make_parents(b->fd, to, 0700) && renameat(donor->fd, from, b->fd, to) == 0)) {
        count_taken(b, bytes.size);
        return TAKE_DONE;
    }
    return TAKE_MISSING;
}

static enum backup_taken take_from_donors(struct backup *b, const struct backup_row *row, const char *to)
{
    enum backup_taken taken = TAKE_MISSING;
    for (int i = 0; taken == TAKE_MISSING && row->sha256.len == SHA256_TEXT && i < 2 * b->donor_count; i++) {
        const struct backup_donor *donor = &b->donors[i / 2];
        const char *from = backup_path_of(&b->c->arena, row->archived != (i % 2 == 1), row->key);
        taken = donor->whole ? take_whole(b, donor, row, from, to) : take_partial(b, donor, row, from, to);
    }
    return taken;
}

/* ---- from the store ---- */

/* A link to the store's own file where that is possible; it is read all the same. */
static enum backup_taken take_open(struct backup *b, int fd, const char *to, struct str wanted,
                                   struct backup_bytes *bytes)
{
    char name[64];
    struct backup_pace pace = pace_of(b);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    if (!link_to(b, AT_FDCWD, name, to, AT_SYMLINK_FOLLOW))
        return copy_from(b, fd, to, wanted, bytes);
    if (!backup_read(fd, -1, &pace, bytes, &b->c->error)) {
        unlinkat(b->fd, to, 0);
        return TAKE_FAILED;
    }
    if (!wanted.len || str_equal(str_from(bytes->sha256), wanted))
        return TAKE_DONE;
    unlinkat(b->fd, to, 0);
    return TAKE_DAMAGED;
}

/* Looked for where the row says, and in the other store, and again: a move may be under way. */
static bool open_stored(struct backup *b, const struct backup_row *row, int *fd, struct error *error)
{
    struct app *app = b->c->app;
    for (int i = 0; i < 2 * LOOKS; i++) {
        struct blob_store *store = row->archived != (i % 2 == 1) ? app->archive : app->files;
        int64_t size;
        error_clear(error);
        if (store && blob_open_read(store, row->key, fd, &size, error))
            return true;
        if (store && error->code != E_NOT_FOUND)
            return false;
    }
    return error_set(error, E_NOT_FOUND, "it is in no store");
}

static bool is_there(const struct backup *b, const char *to)
{
    struct stat st;
    return fstatat(b->fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Bytes that cannot be read, or are others than they were, are the disk's fault; what else fails is the target's. */
static enum backup_taken take_stored(struct backup *b, const struct backup_row *row, const char *to, bool damaged_too,
                                     struct str *sha256)
{
    struct call *c = b->c;
    struct error error = { 0 };
    struct backup_bytes bytes;
    int fd;
    if (!open_stored(b, row, &fd, &error)) {
        if (error.code == E_NOT_FOUND || error.code == E_UNREADABLE)
            return TAKE_MISSING;
        c->error = error;
        return TAKE_FAILED;
    }
    enum backup_taken taken = take_open(b, fd, to, row->sha256, &bytes);
    if (taken == TAKE_DAMAGED && damaged_too && take_open(b, fd, to, STR_NULL, &bytes) != TAKE_DONE)
        taken = TAKE_FAILED;
    close(fd);
    if (taken == TAKE_FAILED && c->error.code == E_UNREADABLE) {
        error_clear(&c->error);
        return TAKE_MISSING;
    }
    if (taken == TAKE_DONE || (taken == TAKE_DAMAGED && damaged_too)) {
        *sha256 = arena_copy(&c->arena, str_from(bytes.sha256));
        count_taken(b, bytes.size);
    }
    return taken;
}

enum backup_taken backup_take(struct backup *b, const struct backup_row *row, bool damaged_too, struct str *sha256)
{
    const char *to = backup_path_of(&b->c->arena, row->archived, row->key);
    *sha256 = row->sha256;
    if (is_there(b, to))
        return TAKE_WAS_THERE;
    if (row->archived && !b->c->app->archive)
        return fail(b->c, E_UNAVAILABLE, "the archive that has some of the files is not configured now"), TAKE_FAILED;
    enum backup_taken taken = take_from_donors(b, row, to);
    return taken == TAKE_MISSING ? take_stored(b, row, to, damaged_too, sha256) : taken;
}

enum backup_taken backup_take_aside(struct backup *b, struct str key, struct str *sha256)
{
    struct backup_row row = { .key = key };
    const char *to = backup_path_of(&b->c->arena, false, key);
    unlinkat(b->fd, to, 0); /* of an earlier moment */
    return take_stored(b, &row, to, false, sha256);
}
