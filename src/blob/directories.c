/* directories.c - keys, and the directories above them. */
#include "blob/journal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool blob_key_is_legal(struct str key)
{
    if (str_is_empty(key) || key.len > BLOB_KEY_MAX)
        return false;
    if (str_equal(key, S(BLOB_TEMPORARY)) || str_starts(key, S(BLOB_TEMPORARY "/")))
        return false;    /* the sweep would take it */
    ptrdiff_t start = 0; /* of the segment */
    for (ptrdiff_t i = 0; i <= key.len; i++) {
        if (i < key.len && key.at[i] != '/') {
            if (!is_key_byte(key.at[i]))
                return false;
            continue;
        }
        /* No empty segment, hence no leading, trailing or double slash; no "." and no "..". */
        struct str segment = str_slice(key, start, i);
        if (segment.len == 0 || str_equal(segment, S(".")) || str_equal(segment, S("..")))
            return false;
        start = i + 1;
    }
    return true;
}

bool blob_key(struct str key, struct blob_key *out, struct error *error)
{
    if (!blob_key_is_legal(key))
        return error_set(error, E_INTERNAL, "illegal storage key of %td bytes", key.len);
    memcpy(out->text, key.at, (size_t)key.len);
    out->text[key.len] = '\0';
    return true;
}

static bool sync_at(struct blob_store *store, const char *directory, struct error *error)
{
    int fd = openat(store->root_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(error, "open directory", directory, errno);
    int number = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return number == 0 || file_fail(error, "sync directory", directory, number);
}

/* Cuts the path at its last slash; "." when there is none. */
static const char *parent_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    *slash = '\0';
    return path;
}

bool blob_sync_parent(struct blob_store *store, const struct blob_key *key, struct error *error)
{
    struct blob_key path = *key;
    return sync_at(store, parent_of(path.text), error);
}

/* Whoever made it: does its name survive a power cut? Under `making`. */
static bool make_durable(struct blob_store *store, const char *directory, struct error *error)
{
    struct blob_key path;
    uint64_t mark = journal_sum(0, directory, (ptrdiff_t)strlen(directory)) | 1;
    uint64_t *known = &store->durable[mark % BLOB_DIRECTORIES_KNOWN];
    if (*known == mark)
        return true;
    snprintf(path.text, sizeof(path.text), "%s", directory);
    if (!sync_at(store, parent_of(path.text), error))
        return false;
    *known = mark;
    return true;
}

static bool make_one(struct blob_store *store, const char *directory, bool durable, struct error *error)
{
    if (mkdirat(store->root_fd, directory, 0750) != 0 && errno != EEXIST)
        return file_fail(error, "make directory", directory, errno);
    return !durable || make_durable(store, directory, error);
}

bool blob_make_parents(struct blob_store *store, const struct blob_key *key, bool durable, struct error *error)
{
    struct blob_key path = *key;
    struct stat st;
    if (!durable && fstatat(store->root_fd, parent_of(path.text), &st, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    bool ok = true;
    pthread_mutex_lock(&store->making);
    path = *key;
    for (char *slash = strchr(path.text, '/'); slash && ok; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ok = make_one(store, path.text, durable, error);
        *slash = '/';
    }
    pthread_mutex_unlock(&store->making);
    return ok;
}
