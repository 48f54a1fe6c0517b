/* claim.c - who uses the store, and for what: claims are empty files tmp/claim+KEY, with '+' for '/' (which no key
 * holds); every process holds a shared lock on the root. */
#include "blob/journal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX "claim+"

struct claim {
    char name[sizeof(BLOB_TEMPORARY "/" PREFIX) + BLOB_KEY_MAX];
};

static struct claim claim_of(const struct blob_key *key)
{
    struct claim claim;
    snprintf(claim.name, sizeof(claim.name), BLOB_TEMPORARY "/" PREFIX "%s", key->text);
    for (char *p = claim.name + sizeof(BLOB_TEMPORARY "/" PREFIX) - 1; *p; p++)
        if (*p == '/')
            *p = '+';
    return claim;
}

bool blob_claim(struct blob_store *store, struct str key_text, struct error *error)
{
    struct blob_key key;
    if (!blob_key(key_text, &key, error))
        return false;
    struct claim claim = claim_of(&key);
    int fd = openat(store->root_fd, claim.name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return file_fail(error, "create", claim.name, errno);
    close(fd);
    return true;
}

void blob_settle(struct blob_store *store, struct str key_text)
{
    struct blob_key key;
    struct error ignored = { 0 };
    if (!blob_key(key_text, &key, &ignored) || journal_release(store->journal, &key))
        return;
    struct claim claim = claim_of(&key);
    unlinkat(store->root_fd, claim.name, 0);
}

/* As a file: in the journal it would keep its segment from being settled for as long as this process lives. */
void blob_leave(struct blob_store *store, struct str key_text)
{
    struct blob_key key;
    struct error ignored = { 0 };
    if (!blob_key(key_text, &key, &ignored))
        return;
    blob_claim(store, key_text, &ignored); /* without it fsck finds the file */
    journal_release(store->journal, &key);
}

bool blob_claims(struct blob_store *store, bool (*each)(void *context, struct str key), void *context,
                 struct error *error)
{
    int fd = openat(store->root_fd, BLOB_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder)
        return file_fail(error, "read the temporary directory of", store->root, errno);
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct str name = str_from(entry->d_name);
        struct blob_key key;
        if (!str_starts(name, S(PREFIX)) || name.len - (ptrdiff_t)sizeof(PREFIX) + 1 > BLOB_KEY_MAX)
            continue;
        snprintf(key.text, sizeof(key.text), "%s", entry->d_name + sizeof(PREFIX) - 1);
        for (char *p = key.text; *p; p++)
            if (*p == '+')
                *p = '/';
        if (each(context, str_from(key.text)))
            blob_settle(store, str_from(key.text));
    }
    closedir(folder);
    return journal_claims(store, each, context, error);
}

/* The segments of the living are being written, but a record is there before its file is. */
static bool segment_mentions(struct blob_store *store, const char *name, struct str key)
{
    char path[sizeof(BLOB_TEMPORARY "/") + 255], *bytes = malloc(JOURNAL_SEGMENT_BYTES);
    if (!bytes)
        abort();
    snprintf(path, sizeof(path), BLOB_TEMPORARY "/%s", name);
    int fd = openat(store->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool gone = fd < 0 && errno == ENOENT;
    ptrdiff_t len = fd < 0 ? -1 : file_read_at(fd, 0, bytes, JOURNAL_SEGMENT_BYTES);
    bool found =
        !gone && (len < 0 || memmem(bytes, (size_t)len, key.at, (size_t)key.len)); /* what cannot be read may */
    if (fd >= 0)
        close(fd);
    free(bytes);
    return found;
}

bool blob_is_claimed(struct blob_store *store, struct str key_text)
{
    struct blob_key key;
    struct error ignored = { 0 };
    if (!blob_key(key_text, &key, &ignored) ||
        faccessat(store->root_fd, claim_of(&key).name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    int fd = openat(store->root_fd, BLOB_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    bool claimed = !folder;
    for (struct dirent *entry; !claimed && (entry = readdir(folder));)
        claimed =
            str_starts(str_from(entry->d_name), S(JOURNAL_PREFIX)) && segment_mentions(store, entry->d_name, key_text);
    if (folder)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return claimed;
}

bool blob_alone(struct blob_store *store)
{
    if (flock(store->root_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    blob_share(store); /* a failed change of lock may have lost the one that was there */
    return false;
}

void blob_share(struct blob_store *store)
{
    while (flock(store->root_fd, LOCK_SH) != 0 && errno == EINTR)
        continue;
}
