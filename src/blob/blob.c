/* blob.c - the file store on a local disk: open, write, commit, read, remove. */
#include "blob/journal.h"

#include "base/crypto.h"
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    HELD_FIRST_BYTES = 32 << 10,
    HELD_BYTES_MAX = 16 << 20, /* in memory, of all files that are being written; more go to temporary files */
};

/* Small files are held in memory until the journal takes them; the others are in a temporary file. */
struct blob_writer {
    struct blob_store *store;
    int64_t at; /* where blob_write goes on */
    char *held; /* while fd is -1: the bytes */
    int64_t held_capacity;
    int fd;
    int view; /* -1, or a file in memory with the first `viewed` bytes of `held` */
    int64_t viewed;
    char name[sizeof(BLOB_TEMPORARY "/") + UUID_TEXT]; /* of the temporary file; "" without */
};

/* file:///absolute/path, file://relative/path; the path is taken as it stands. */
static bool path_of_url(struct str url, char **out, struct error *error)
{
    struct str scheme = S("file://");
    if (!str_starts(url, scheme) || url.len == scheme.len)
        return error_set(error, E_INTERNAL, "a storage URL looks like file:///absolute/path or file://relative/path");
    struct str path = str_slice(url, scheme.len, url.len);
    if (memchr(path.at, '\0', (size_t)path.len))
        return error_set(error, E_INTERNAL, "a storage URL holds no NUL");
    *out = strndup(path.at, (size_t)path.len);
    assert(*out);
    return true;
}

static bool open_root(struct blob_store *store, struct error *error)
{
    if (!file_make_directories(store->root, error))
        return false;
    store->root_fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root_fd < 0)
        return file_fail(error, "open", store->root, errno);
    if (mkdirat(store->root_fd, BLOB_TEMPORARY, 0750) != 0 && errno != EEXIST)
        return file_fail(error, "make the temporary directory of", store->root, errno);
    struct stat st;
    if (fstat(store->root_fd, &st) != 0)
        return file_fail(error, "look at", store->root, errno);
    store->device = st.st_dev;
    /* Said at start rather than at the first upload. */
    if (faccessat(store->root_fd, BLOB_TEMPORARY, W_OK | X_OK, AT_EACCESS) != 0)
        return file_fail(error, "write to", store->root, errno);
    return fsync(store->root_fd) == 0 || file_fail(error, "sync", store->root, errno);
}

bool blob_open(struct str url, struct blob_store **out, struct error *error)
{
    char *root = NULL;
    if (!path_of_url(url, &root, error))
        return false;
    struct blob_store *store = calloc(1, sizeof(*store));
    assert(store);
    *store = (struct blob_store){ .root = root, .root_fd = -1, .serving_fd = -1 };
    pthread_mutex_init(&store->making, NULL);
    store->journal = journal_new(store);
    if (!open_root(store, error)) {
        blob_close(store);
        return false;
    }
    blob_share(store);
    if (!journal_replay(store, error)) {
        blob_close(store);
        return false;
    }
    *out = store;
    return true;
}

void blob_reserve(struct blob_store *store, int64_t bytes)
{
    store->reserve_bytes = bytes;
}

void blob_close(struct blob_store *store)
{
    if (!store)
        return;
    journal_free(store->journal);
    if (store->serving_fd >= 0)
        close(store->serving_fd);
    if (store->root_fd >= 0)
        close(store->root_fd);
    pthread_mutex_destroy(&store->making);
    free(store->root);
    free(store);
}

const char *blob_root(const struct blob_store *store)
{
    return store->root;
}

/* The folder was removed, or lost and mounted again: whoever uses root_fd gets the one that has its name now. Only on
 * the same file system as at the start: the empty folder below a lost mount is not the store. */
static bool find_root_again(struct blob_store *store)
{
    pthread_mutex_lock(&store->making);
    struct stat st;
    int fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* The lock of blob_share goes with the folder. */
    bool found = fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == store->device &&
                 (mkdirat(fd, BLOB_TEMPORARY, 0750) == 0 || errno == EEXIST) && fsync(fd) == 0 &&
                 flock(fd, LOCK_SH | LOCK_NB) == 0 && dup3(fd, store->root_fd, O_CLOEXEC) >= 0;
    if (fd >= 0)
        close(fd);
    if (found)
        memset(store->durable, 0, sizeof(store->durable));
    pthread_mutex_unlock(&store->making);
    return found;
}

static int open_temporary(const struct blob_writer *writer)
{
    return openat(writer->store->root_fd, writer->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
}

static bool make_temporary(struct blob_writer *writer, struct error *error)
{
    struct blob_store *store = writer->store;
    char uuid[UUID_TEXT + 1];
    crypto_uuid(uuid);
    snprintf(writer->name, sizeof(writer->name), BLOB_TEMPORARY "/%s", uuid);
    writer->fd = open_temporary(writer);
    if (writer->fd < 0 && (errno == ENOENT || errno == ESTALE)) {
        int number = errno;
        if (find_root_again(store)) {
            journal_forget(store->journal);
            writer->fd = open_temporary(writer);
        }
        errno = number;
    }
    return writer->fd >= 0 || file_fail(error, "create a temporary file in", store->root, errno);
}

bool blob_has_room(struct blob_store *store, int64_t more_bytes, struct error *error)
{
    int64_t free_bytes, total_bytes;
    if (!store->reserve_bytes && !more_bytes)
        return true;
    if (!blob_space(store, &free_bytes, &total_bytes, error))
        return false;
    return free_bytes - more_bytes >= store->reserve_bytes ||
           error_set(error, E_STORAGE_FULL, "no space is left for files: the last %" PRId64 " MiB are kept free",
                     (store->reserve_bytes + (1 << 20) - 1) >> 20);
}

bool blob_create(struct blob_store *store, struct blob_writer **out, struct error *error)
{
    if (!journal_works(store->journal, error))
        return false;
    struct blob_writer *writer = calloc(1, sizeof(*writer));
    assert(writer);
    *writer = (struct blob_writer){ .store = store, .fd = -1, .view = -1 };
    /* Is the folder still there? If not, it is looked for again on the way to a temporary file. */
    if (faccessat(store->root_fd, BLOB_TEMPORARY, F_OK, 0) != 0 && !make_temporary(writer, error)) {
        free(writer);
        return false;
    }
    if (!blob_has_room(store, 0, error)) {
        free(writer);
        return false;
    }
    *out = writer;
    return true;
}

static bool pwrite_all(struct blob_writer *writer, int fd, int64_t offset, struct str bytes, struct error *error)
{
    return file_write_at(fd, offset, bytes) ||
           file_fail(error, "write", *writer->name ? writer->name : "a temporary file", errno);
}

static void let_go(struct blob_writer *writer)
{
    atomic_fetch_sub(&writer->store->held_bytes, writer->held_capacity);
    free(writer->held);
    writer->held = NULL;
    writer->held_capacity = 0;
    if (writer->view >= 0)
        close(writer->view);
    writer->view = -1;
}

/* Out of memory, into a temporary file. */
static bool spill(struct blob_writer *writer, struct error *error)
{
    if (writer->fd >= 0)
        return true;
    struct str held = { writer->held, (ptrdiff_t)writer->at };
    if (!make_temporary(writer, error) || !pwrite_all(writer, writer->fd, 0, held, error))
        return false;
    let_go(writer);
    return true;
}

/* Room for `more` bytes in memory; false: they belong into a file. */
static bool hold(struct blob_writer *writer, int64_t more)
{
    int64_t needed = writer->at + more, capacity = writer->held_capacity ? writer->held_capacity : HELD_FIRST_BYTES;
    if (needed > JOURNAL_PAYLOAD_MAX)
        return false;
    while (capacity < needed)
        capacity *= 2;
    int64_t growth = capacity - writer->held_capacity;
    if (growth == 0)
        return true;
    if (atomic_fetch_add(&writer->store->held_bytes, growth) + growth > HELD_BYTES_MAX) {
        atomic_fetch_sub(&writer->store->held_bytes, growth);
        return false;
    }
    writer->held = realloc(writer->held, (size_t)capacity);
    assert(writer->held);
    writer->held_capacity = capacity;
    return true;
}

bool blob_write_at(struct blob_writer *writer, int64_t offset, struct str bytes, struct error *error)
{
    return blob_has_room(writer->store, bytes.len, error) && spill(writer, error) &&
           pwrite_all(writer, writer->fd, offset, bytes, error);
}

bool blob_write(struct blob_writer *writer, struct str bytes, struct error *error)
{
    if (bytes.len == 0)
        return true;
    if (writer->fd < 0 && hold(writer, bytes.len))
        memcpy(writer->held + writer->at, bytes.at, (size_t)bytes.len);
    else if (!blob_write_at(writer, writer->at, bytes, error))
        return false;
    writer->at += bytes.len;
    return true;
}

struct str blob_writer_bytes(const struct blob_writer *writer)
{
    if (writer->fd >= 0)
        return STR_NULL;
    return (struct str){ writer->held ? writer->held : "", (ptrdiff_t)writer->at };
}

int blob_writer_fd(struct blob_writer *writer)
{
    struct error ignored = { 0 };
    if (writer->fd >= 0)
        return writer->fd;
    if (writer->view < 0)
        writer->view = memfd_create("upload", MFD_CLOEXEC);
    struct str rest = { writer->held + writer->viewed, (ptrdiff_t)(writer->at - writer->viewed) };
    if (writer->view >= 0 && pwrite_all(writer, writer->view, writer->viewed, rest, &ignored)) {
        writer->viewed = writer->at;
        return writer->view;
    }
    return spill(writer, &ignored) ? writer->fd : -1;
}

/* Renames without replacing; `absent` is the error when there is no `from`. */
static bool name_it(struct blob_store *store, const char *from, const char *to, enum error_code absent,
                    struct error *error)
{
    if (renameat2(store->root_fd, from, store->root_fd, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EINVAL || errno == ENOSYS) { /* file systems without the flag: a link never replaces either */
        if (linkat(store->root_fd, from, store->root_fd, to, 0) == 0)
            return unlinkat(store->root_fd, from, 0) == 0 || file_fail(error, "unlink", from, errno);
    }
    if (errno == EEXIST)
        return error_set(error, E_CONFLICT, "a file with this storage key exists already");
    if (errno == ENOENT)
        return error_set(error, absent, "the file %s is not in the store", from);
    return file_fail(error, "name", to, errno);
}

/* Its bytes are durable, and its name can be. */
static bool prepare(struct blob_writer *writer, const struct blob_key *key, struct error *error)
{
    if (!spill(writer, error))
        return false;
    if (fsync(writer->fd) != 0)
        return file_fail(error, "sync", writer->name, errno);
    return blob_make_parents(writer->store, key, true, error);
}

static bool commit_alone(struct blob_writer *writer, const struct blob_key *key, bool claimed, struct error *error)
{
    return (!claimed || blob_claim(writer->store, str_from(key->text), error)) && prepare(writer, key, error) &&
           name_it(writer->store, writer->name, key->text, E_INTERNAL, error) &&
           blob_sync_parent(writer->store, key, error);
}

static bool commit(struct blob_writer *writer, struct str key_text, unsigned how, struct error *error)
{
    struct blob_key key;
    if (!blob_key(key_text, &key, error) || !journal_works(writer->store->journal, error))
        return false;
    if (writer->fd < 0) {
        if (!blob_make_parents(writer->store, &key, false, error))
            return false;
        enum journal_result result = journal_put(writer->store->journal, &key, blob_writer_bytes(writer), how, error);
        if (result != JOURNAL_UNABLE)
            return result == JOURNAL_DONE;
    }
    return commit_alone(writer, &key, how & JOURNAL_CLAIMED, error);
}

static void end(struct blob_writer *writer, bool named)
{
    if (!named && *writer->name)
        unlinkat(writer->store->root_fd, writer->name, 0); /* gone already when only the last sync failed */
    if (writer->fd >= 0)
        close(writer->fd);
    let_go(writer);
    free(writer);
}

static bool commit_and_end(struct blob_writer *writer, struct str key, unsigned how, struct error *error)
{
    bool ok = commit(writer, key, how, error);
    end(writer, ok);
    return ok;
}

bool blob_commit(struct blob_writer *writer, struct str key, struct error *error)
{
    return commit_and_end(writer, key, 0, error);
}

bool blob_place(struct blob_writer *writer, struct str key, struct error *error)
{
    return commit_and_end(writer, key, JOURNAL_CLAIMED | JOURNAL_LATER, error);
}

/* A folder has the name that a file is to have: no rename replaces it, and what is in it may be dear to somebody. */
static bool move_folder_aside(struct blob_store *store, const char *name, struct error *error)
{
    struct blob_key aside;
    char uuid[UUID_TEXT + 1], text[sizeof("aside/folder-") + UUID_TEXT];
    crypto_uuid(uuid);
    snprintf(text, sizeof(text), "aside/folder-%s", uuid);
    if (!blob_key(str_from(text), &aside, error) || !blob_make_parents(store, &aside, true, error))
        return false;
    return renameat(store->root_fd, name, store->root_fd, aside.text) == 0 || file_fail(error, "move", name, errno);
}

static bool take_place(struct blob_writer *writer, const char *name, struct error *error)
{
    int root = writer->store->root_fd;
    if (renameat(root, writer->name, root, name) == 0)
        return true;
    if (errno != EISDIR)
        return file_fail(error, "name", name, errno);
    return move_folder_aside(writer->store, name, error) &&
           (renameat(root, writer->name, root, name) == 0 || file_fail(error, "name", name, errno));
}

static bool replace(struct blob_writer *writer, struct str key_text, struct error *error)
{
    struct blob_key key;
    return blob_key(key_text, &key, error) && journal_works(writer->store->journal, error) &&
           prepare(writer, &key, error) && take_place(writer, key.text, error) &&
           blob_sync_parent(writer->store, &key, error);
}

bool blob_replace(struct blob_writer *writer, struct str key, struct error *error)
{
    bool ok = replace(writer, key, error);
    end(writer, ok);
    return ok;
}

bool blob_flush(struct blob_store *store, struct error *error)
{
    return journal_flush(store->journal, error);
}

void blob_cancel(struct blob_writer *writer)
{
    if (writer)
        end(writer, false);
}

void blob_count(struct blob_store *store, struct blob_counts *out)
{
    journal_count(store->journal, out);
}

/* What open says when there is nothing, a symbolic link (O_NOFOLLOW: open(2)), a socket, or a device that is not
 * there. */
static bool says_no_file(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENXIO || number == ENODEV;
}

bool blob_open_read(struct blob_store *store, struct str key_text, int *fd, int64_t *size_bytes, struct error *error)
{
    struct blob_key key;
    if (!blob_key(key_text, &key, error))
        return false;
    int opened = openat(store->root_fd, key.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0 && says_no_file(errno))
        return error_set(error, E_NOT_FOUND, "the file is not in the store");
    if (opened < 0)
        return file_fail(error, "open", key.text, errno);
    struct stat st;
    if (fstat(opened, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(opened);
        return error_set(error, E_NOT_FOUND, "the file is not in the store");
    }
    *fd = opened;
    *size_bytes = st.st_size;
    return true;
}

bool blob_exists(struct blob_store *store, struct str key_text)
{
    struct blob_key key;
    struct error ignored = { 0 };
    struct stat st;
    return blob_key(key_text, &key, &ignored) && fstatat(store->root_fd, key.text, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode);
}

bool blob_is_named(struct blob_store *store, struct str key_text, int fd)
{
    struct blob_key key;
    struct error ignored = { 0 };
    struct stat named, opened;
    return blob_key(key_text, &key, &ignored) && fstat(fd, &opened) == 0 &&
           fstatat(store->root_fd, key.text, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

/* Not synced: should a power cut bring the file back, fsck finds it as one without a row. */
bool blob_remove(struct blob_store *store, struct str key_text, struct error *error)
{
    struct blob_key key;
    if (!blob_key(key_text, &key, error))
        return false;
    if (unlinkat(store->root_fd, key.text, 0) == 0) {
        journal_drop(store->journal, &key);
        return true;
    }
    return errno == ENOENT || errno == ENOTDIR || errno == EISDIR || file_fail(error, "remove", key.text, errno);
}

bool blob_rename(struct blob_store *store, struct str from_text, struct str to_text, struct error *error)
{
    struct blob_key from, to;
    return blob_key(from_text, &from, error) && blob_key(to_text, &to, error) &&
           journal_settle(store->journal, error) && /* what it says of `from` is not true of `to` */
           blob_make_parents(store, &to, true, error) && name_it(store, from.text, to.text, E_NOT_FOUND, error) &&
           blob_sync_parent(store, &to, error) && blob_sync_parent(store, &from, error);
}

bool blob_space(struct blob_store *store, int64_t *free_bytes, int64_t *total_bytes, struct error *error)
{
    struct statvfs vfs;
    if (fstatvfs(store->root_fd, &vfs) != 0)
        return file_fail(error, "ask for the space of", store->root, errno);
    *free_bytes = (int64_t)(vfs.f_bavail * vfs.f_frsize); /* what is left for us, without root's reserve */
    *total_bytes = (int64_t)(vfs.f_blocks * vfs.f_frsize);
    return true;
}
