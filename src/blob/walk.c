/* walk.c - going over what the store holds: every key, and the temporary files that a crash left. */
#include "blob/journal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    struct str prefix;
    bool (*each)(void *context, struct str key, int64_t size_bytes, struct instant changed);
    void *context;
    struct error *error;
    char path[BLOB_KEY_MAX + 1]; /* of the directory being read, with a slash at its end; "" is the root */
    ptrdiff_t path_len;
    bool stopped; /* `each` said so */
};

static struct instant instant_of(struct timespec t)
{
    return (struct instant){ (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 };
}

static struct instant last_change(const struct stat *st)
{
    struct instant written = instant_of(st->st_mtim), named = instant_of(st->st_ctim);
    return written.us > named.us ? written : named;
}

/* Could anything below `key` (a directory) begin with the prefix? */
static bool leads_to(struct str prefix, struct str key)
{
    return str_starts(key, prefix) || (str_starts(prefix, key) && prefix.at[key.len] == '/');
}

static bool walk_directory(struct walk *w, int fd);

/* False: stop, with or without an error. */
static bool walk_entry(struct walk *w, int directory, const char *name)
{
    ptrdiff_t before = w->path_len, len = (ptrdiff_t)strlen(name);
    if (before + len > BLOB_KEY_MAX)
        return true;
    memcpy(w->path + before, name, (size_t)len);
    struct str key = { w->path, before + len };
    struct stat st;
    /* Not a key (".", ".." and the temporary directory among them); or removed since the directory was read. */
    if (!blob_key_is_legal(key) || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    if (S_ISREG(st.st_mode) && str_starts(key, w->prefix) && !w->each(w->context, key, st.st_size, last_change(&st))) {
        w->stopped = true;
        return false;
    }
    if (!S_ISDIR(st.st_mode) || !leads_to(w->prefix, key) || key.len >= BLOB_KEY_MAX)
        return true;
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || file_fail(w->error, "open directory", name, errno);
    w->path[key.len] = '/';
    w->path_len = key.len + 1;
    bool ok = walk_directory(w, fd);
    w->path_len = before;
    return ok;
}

/* Takes fd over. Depth is bounded by the length of a key. */
static bool walk_directory(struct walk *w, int fd)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int number = errno;
        close(fd);
        return file_fail(w->error, "read directory", w->path_len ? "of the store" : ".", number);
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(directory));)
        ok = walk_entry(w, dirfd(directory), entry->d_name);
    closedir(directory);
    return ok;
}

bool blob_walk(struct blob_store *store, struct str prefix,
               bool (*each)(void *context, struct str key, int64_t size_bytes, struct instant changed), void *context,
               struct error *error)
{
    int fd = openat(store->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(error, "open directory", store->root, errno);
    if (str_is_null(prefix))
        prefix = S("");
    struct walk walk = { .prefix = prefix, .each = each, .context = context, .error = error };
    return walk_directory(&walk, fd) || walk.stopped;
}

int blob_sweep(struct blob_store *store, int64_t age_s)
{
    int fd = openat(store->root_fd, BLOB_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    int removed = 0;
    int64_t limit_us = clock_now().us - age_s * 1000000;
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat st;
        if (str_starts(str_from(entry->d_name), S(JOURNAL_PREFIX)))
            continue; /* goes when it has been replayed and asked about */
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            instant_of(st.st_mtim).us <= limit_us && unlinkat(fd, entry->d_name, 0) == 0)
            removed++;
    }
    closedir(directory);
    return removed;
}
