/* replay.c - what the journals of dead processes say is made true again. */
#include "blob/journal.h"

#include "base/crypto.h"
#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A segment nobody else has, read into memory. */
struct dead {
    struct dead *next;
    int fd;
    char *at;
    ptrdiff_t len;
    char name[sizeof(BLOB_TEMPORARY "/") + 255];
};

/* One record; `key` and `payload` point into its segment. */
struct said {
    struct str key, payload;
    uint64_t number;
    bool put;
};

struct replay {
    struct blob_store *store;
    struct dead *segments;
    struct said *said; /* after sort_out: one for each key, the last */
    ptrdiff_t count, capacity;
};

/* ---- reading ---- */

static void add(struct replay *r, struct said said)
{
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 256;
        r->said = realloc(r->said, (size_t)r->capacity * sizeof(*r->said));
        assert(r->said);
    }
    r->said[r->count++] = said;
}

/* The record at the beginning of `bytes`, and how long it is; 0: there is no whole one, or it is of an older
 * generation. */
static ptrdiff_t read_record(struct str bytes, uint64_t *generation, struct said *out)
{
    struct journal_record record;
    if (bytes.len < (ptrdiff_t)sizeof(record))
        return 0;
    memcpy(&record, bytes.at, sizeof(record));
    if (record.mark != JOURNAL_MARK || (record.kind != JOURNAL_PUT && record.kind != JOURNAL_DROP) ||
        (*generation && record.generation != *generation) || record.key_len > BLOB_KEY_MAX ||
        record.payload_len > JOURNAL_PAYLOAD_MAX)
        return 0;
    ptrdiff_t key_len = (ptrdiff_t)record.key_len, payload_len = (ptrdiff_t)record.payload_len;
    ptrdiff_t whole = journal_record_bytes(key_len, payload_len);
    if (whole > bytes.len)
        return 0;
    struct str key = { bytes.at + sizeof(record), key_len }, payload = { key.at + key_len, payload_len };
    if (record.sum != journal_record_sum(&record, key.at, payload.at) || !blob_key_is_legal(key))
        return 0;
    *generation = record.generation;
    *out = (struct said){ key, payload, record.number, record.kind == JOURNAL_PUT };
    return whole;
}

static void read_segment(struct replay *r, const struct dead *segment)
{
    struct str rest = { segment->at, segment->len };
    struct said said;
    uint64_t generation = 0;
    for (ptrdiff_t len; (len = read_record(rest, &generation, &said)) > 0; rest = str_slice(rest, len, rest.len))
        add(r, said);
}

static int by_key_and_number(const void *left, const void *right)
{
    const struct said *a = left, *b = right;
    int order = str_compare(a->key, b->key);
    if (order)
        return order;
    return (a->number > b->number) - (a->number < b->number);
}

static void sort_out(struct replay *r)
{
    ptrdiff_t kept = 0;
    if (r->count)
        qsort(r->said, (size_t)r->count, sizeof(*r->said), by_key_and_number);
    for (ptrdiff_t i = 0; i < r->count; i++)
        if (i + 1 == r->count || !str_equal(r->said[i].key, r->said[i + 1].key))
            r->said[kept++] = r->said[i];
    r->count = kept;
}

/* Takes the segment `name` when its process is gone. */
static void take(struct replay *r, const char *name)
{
    struct dead *segment = calloc(1, sizeof(*segment));
    assert(segment);
    struct stat st;
    snprintf(segment->name, sizeof(segment->name), BLOB_TEMPORARY "/%s", name);
    segment->fd = openat(r->store->root_fd, segment->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (segment->fd < 0 || flock(segment->fd, LOCK_EX | LOCK_NB) != 0 || fstat(segment->fd, &st) != 0 ||
        !S_ISREG(st.st_mode) || st.st_nlink == 0) {
        if (segment->fd >= 0)
            close(segment->fd);
        free(segment);
        return;
    }
    ptrdiff_t size = st.st_size < JOURNAL_SEGMENT_BYTES ? (ptrdiff_t)st.st_size : JOURNAL_SEGMENT_BYTES;
    segment->at = malloc((size_t)size + 1);
    assert(segment->at);
    while (segment->len < size) {
        ssize_t got = pread(segment->fd, segment->at + segment->len, (size_t)(size - segment->len), segment->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break; /* what cannot be read ends it like what is damaged: what comes before counts */
        segment->len += got;
    }
    segment->next = r->segments;
    r->segments = segment;
}

static bool begin(struct replay *r, struct blob_store *store, struct error *error)
{
    *r = (struct replay){ .store = store };
    int fd = openat(store->root_fd, BLOB_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return file_fail(error, "read the temporary directory of", store->root, number);
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (str_starts(str_from(entry->d_name), S(JOURNAL_PREFIX)))
            take(r, entry->d_name);
    closedir(folder);
    for (const struct dead *segment = r->segments; segment; segment = segment->next)
        read_segment(r, segment);
    sort_out(r);
    return true;
}

static void end(struct replay *r, bool remove)
{
    for (struct dead *segment = r->segments, *next; segment; segment = next) {
        next = segment->next;
        if (remove)
            unlinkat(r->store->root_fd, segment->name, 0);
        close(segment->fd);
        free(segment->at);
        free(segment);
    }
    free(r->said);
}

/* ---- restoring ---- */

static bool holds(struct blob_store *store, const struct blob_key *key, struct str bytes)
{
    enum { COMPARED_BYTES = 65536 };
    struct stat st;
    int fd = openat(store->root_fd, key->text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == bytes.len;
    char *buffer = malloc(COMPARED_BYTES);
    assert(buffer);
    for (ptrdiff_t at = 0; same && at < bytes.len;) {
        ptrdiff_t got = file_read_at(fd, at, buffer, COMPARED_BYTES);
        same = got > 0 && got <= bytes.len - at && memcmp(buffer, bytes.at + at, (size_t)got) == 0;
        at += got;
    }
    free(buffer);
    close(fd);
    return same;
}

static bool restore(struct blob_store *store, const struct blob_key *key, struct str bytes, struct error *error)
{
    char uuid[UUID_TEXT + 1], name[sizeof(BLOB_TEMPORARY "/") + UUID_TEXT];
    crypto_uuid(uuid);
    snprintf(name, sizeof(name), BLOB_TEMPORARY "/%s", uuid);
    if (!blob_make_parents(store, key, false, error))
        return false;
    int fd = openat(store->root_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return file_fail(error, "create", name, errno);
    bool ok = file_write_at(fd, 0, bytes) || file_fail(error, "write", name, errno);
    ok = ok &&
         (renameat(store->root_fd, name, store->root_fd, key->text) == 0 || file_fail(error, "name", key->text, errno));
    if (!ok)
        unlinkat(store->root_fd, name, 0);
    close(fd);
    return ok;
}

bool journal_replay(struct blob_store *store, struct error *error)
{
    struct replay r;
    if (!begin(&r, store, error))
        return false;
    bool ok = true;
    for (ptrdiff_t i = 0; ok && i < r.count; i++) {
        struct blob_key key;
        if (r.said[i].put)
            ok = blob_key(r.said[i].key, &key, error) &&
                 (holds(store, &key, r.said[i].payload) || restore(store, &key, r.said[i].payload, error));
    }
    /* Those that were there already may be so only in memory. */
    if (ok && r.count && syncfs(store->root_fd) != 0)
        ok = file_fail(error, "sync", store->root, errno);
    end(&r, false);
    return ok;
}

bool journal_claims(struct blob_store *store, bool (*each)(void *context, struct str key), void *context,
                    struct error *error)
{
    struct replay r;
    if (!begin(&r, store, error))
        return false;
    bool all = true;
    for (ptrdiff_t i = 0; i < r.count; i++)
        if (r.said[i].put && !each(context, r.said[i].key))
            all = false;
    end(&r, all);
    return true;
}
