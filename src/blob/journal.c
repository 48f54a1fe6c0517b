/* journal.c - appending, the shared flush, and settling what was appended. */
#include "blob/journal.h"

#include "base/file.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    IDLE_SETTLE_US = 1000000,
    MAKE_AGAIN_US = 10000000 /* after there was no room for a segment */
};

enum state { FREE, OPEN, SEALED };

struct segment {
    enum state state;
    int fd; /* -1: not made yet */
    char name[JOURNAL_NAME_BYTES];
    uint64_t generation;
    int64_t appended, flushed; /* bytes */
    int64_t placed;            /* of these, what is to be flushed before anybody waits for it */
    int users;                 /* who have appended and not finished: their files may be half written, or claimed */
    bool flushing;
};

struct claim {
    struct claim *next;
    struct segment *segment;
    struct blob_key key;
};

struct journal {
    struct blob_store *store;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* a flush ended, a segment became free, a user left */
    pthread_cond_t to_do; /* for the thread that settles */
    pthread_cond_t put;   /* for the thread that flushes */
    struct segment segments[JOURNAL_SEGMENTS_MAX];
    struct segment *open; /* NULL: none */
    struct claim *claims; /* as many as files are being uploaded */
    uint64_t generations, numbers;
    int64_t last_append_us, full_until_us;
    bool stop, failed;
    struct thread settler, flusher; /* begun with the first segment */
    struct blob_counts counts;
};

/* ---- segments; all under the lock ---- */

static bool refuse(struct error *error)
{
    error->retry_after_s = 10;
    return error_set(error, E_UNAVAILABLE,
                     "an earlier write to the file store failed: it takes no files until the server is restarted");
}

static void settle_all(void *context);
static void flush_all(void *context);

/* Without them files go the way of large ones. */
static bool start_threads(struct journal *j)
{
    struct error ignored = { 0 };
    return (j->settler.started || thread_start(&j->settler, "blob-journal", settle_all, j, &ignored)) &&
           (j->flusher.started || thread_start(&j->flusher, "blob-flusher", flush_all, j, &ignored));
}

static struct segment *free_segment(struct journal *j)
{
    struct segment *unmade = NULL;
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX; i++) {
        struct segment *segment = &j->segments[i];
        if (segment->state != FREE)
            continue;
        if (segment->fd >= 0)
            return segment;
        unmade = segment;
    }
    if (!unmade || clock_monotonic_us() < j->full_until_us)
        return NULL;
    unmade->fd = journal_make_segment(j->store, unmade->name);
    if (unmade->fd >= 0)
        return unmade;
    j->full_until_us = clock_monotonic_us() + MAKE_AGAIN_US;
    return NULL;
}

static bool any_sealed(const struct journal *j)
{
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX; i++)
        if (j->segments[i].state == SEALED)
            return true;
    return false;
}

static void seal(struct journal *j)
{
    if (!j->open)
        return;
    j->open->state = SEALED;
    j->open = NULL;
    pthread_cond_signal(&j->to_do);
}

/* The open segment with room for `bytes`; NULL: there is none to be had. */
static struct segment *reserve(struct journal *j, ptrdiff_t bytes)
{
    for (;;) {
        if (j->failed)
            return NULL;
        if (j->open && j->open->appended + bytes <= JOURNAL_SEGMENT_BYTES)
            return j->open;
        seal(j);
        struct segment *segment = free_segment(j);
        if (segment && start_threads(j)) {
            segment->state = OPEN;
            segment->generation = ++j->generations;
            segment->appended = segment->flushed = segment->placed = 0;
            j->open = segment;
            pthread_cond_signal(&j->to_do);
            return segment;
        }
        if (!any_sealed(j) || !j->settler.started)
            return NULL;
        pthread_cond_wait(&j->moved, &j->lock); /* until one has been settled */
    }
}

/* ---- appending ---- */

/* Counts upwards, and is comparable with what another process has written. */
static uint64_t next_number(const struct journal *j)
{
    uint64_t now = (uint64_t)clock_now().us;
    return now > j->numbers ? now : j->numbers + 1;
}

/* Under the lock, so that no record lies behind one that is not whole. */
static bool append(struct journal *j, struct segment *segment, enum journal_kind kind, const struct blob_key *key,
                   struct str payload)
{
    ptrdiff_t key_len = (ptrdiff_t)strlen(key->text);
    struct journal_record record = {
        .mark = JOURNAL_MARK,
        .kind = kind,
        .generation = segment->generation,
        .number = j->numbers = next_number(j),
        .key_len = (uint64_t)key_len,
        .payload_len = (uint64_t)payload.len,
    };
    record.sum = journal_record_sum(&record, key->text, payload.at);
    struct iovec parts[] = {
        { &record, sizeof(record) },
        { (void *)(uintptr_t)key->text, (size_t)key_len },
        { (void *)(uintptr_t)payload.at, (size_t)payload.len },
    };
    if (!journal_write(segment->fd, parts, payload.len ? 3 : 2, segment->appended))
        return false; /* the next record overwrites what there is of this one */
    segment->appended += journal_record_bytes(key_len, payload.len);
    j->last_append_us = clock_monotonic_us();
    return true;
}

void journal_drop(struct journal *j, const struct blob_key *key)
{
    pthread_mutex_lock(&j->lock);
    bool about_something = j->open && j->open->appended > 0;
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX; i++)
        about_something |= j->segments[i].state == SEALED;
    struct segment *segment =
        about_something ? reserve(j, journal_record_bytes((ptrdiff_t)strlen(key->text), 0)) : NULL;
    if (segment)
        append(j, segment, JOURNAL_DROP, key, (struct str){ "", 0 });
    pthread_mutex_unlock(&j->lock);
}

/* ---- the shared flush ---- */

static void leave(struct journal *j, struct segment *segment)
{
    if (--segment->users == 0)
        pthread_cond_broadcast(&j->moved);
}

/* Under the lock. The first who comes flushes for all that appended so far; those who come meanwhile share the next
 * one. As a user of the segment: should it begin anew meanwhile, `until` would mean other bytes. */
static bool flush(struct journal *j, struct segment *segment, int64_t until)
{
    segment->users++;
    while (segment->flushed < until && !j->failed) {
        if (segment->flushing) {
            pthread_cond_wait(&j->moved, &j->lock);
            continue;
        }
        int64_t covered = segment->appended;
        segment->flushing = true;
        pthread_mutex_unlock(&j->lock);
        bool ok = fdatasync(segment->fd) == 0;
        pthread_mutex_lock(&j->lock);
        segment->flushing = false;
        j->counts.flushes++;
        if (ok)
            segment->flushed = covered;
        else
            j->failed = true;
        pthread_cond_broadcast(&j->moved);
    }
    leave(j, segment);
    return segment->flushed >= until;
}

/* What is put for later is flushed at once, while the row that will name it is being written: journal_flush then seldom
 * waits. */
static void flush_all(void *context)
{
    struct journal *j = context;
    pthread_mutex_lock(&j->lock);
    while (!j->stop && !j->failed)
        if (j->open && j->open->flushed < j->open->placed)
            flush(j, j->open, j->open->placed);
        else
            pthread_cond_wait(&j->put, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

/* ---- one file ---- */

static bool write_file(int fd, struct str bytes)
{
    struct iovec part = { (void *)(uintptr_t)bytes.at, (size_t)bytes.len };
    return bytes.len == 0 || journal_write(fd, &part, 1, 0);
}

/* Under the lock: no name is taken twice, and a record is there before its file. -1: see result. */
static int begin(struct journal *j, struct segment *segment, const struct blob_key *key, struct str bytes,
                 struct error *error)
{
    struct stat st;
    int root = j->store->root_fd;
    if (fstatat(root, key->text, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        error_set(error, E_CONFLICT, "a file with this storage key exists already");
        return -1;
    }
    if (!append(j, segment, JOURNAL_PUT, key, bytes)) {
        file_fail(error, "write to the journal of", j->store->root, errno);
        return -1;
    }
    int fd = openat(root, key->text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) {
        file_fail(error, "create", key->text, errno);
        append(j, segment, JOURNAL_DROP, key, (struct str){ "", 0 });
    }
    return fd;
}

/* The bytes are not wanted any more, whatever has become of them. */
static void undo(struct journal *j, const struct blob_key *key)
{
    unlinkat(j->store->root_fd, key->text, 0);
    journal_drop(j, key);
}

static void claim(struct journal *j, struct segment *segment, const struct blob_key *key)
{
    struct claim *claim = malloc(sizeof(*claim));
    assert(claim);
    *claim = (struct claim){ j->claims, segment, *key };
    j->claims = claim;
}

bool journal_release(struct journal *j, const struct blob_key *key)
{
    pthread_mutex_lock(&j->lock);
    struct claim **at = &j->claims;
    while (*at && strcmp((*at)->key.text, key->text) != 0)
        at = &(*at)->next;
    struct claim *found = *at;
    if (found) {
        *at = found->next;
        leave(j, found->segment);
    }
    pthread_mutex_unlock(&j->lock);
    free(found);
    return found != NULL;
}

enum journal_result journal_put(struct journal *j, const struct blob_key *key, struct str bytes, unsigned how,
                                struct error *error)
{
    if (bytes.len > JOURNAL_PAYLOAD_MAX)
        return JOURNAL_UNABLE;
    /* With room for the record that takes it back. */
    ptrdiff_t key_len = (ptrdiff_t)strlen(key->text);
    ptrdiff_t room = journal_record_bytes(key_len, bytes.len) + journal_record_bytes(key_len, 0);
    pthread_mutex_lock(&j->lock);
    struct segment *segment = reserve(j, room);
    if (!segment) {
        bool failed = j->failed;
        pthread_mutex_unlock(&j->lock);
        return failed ? (refuse(error), JOURNAL_FAILED) : JOURNAL_UNABLE;
    }
    int fd = begin(j, segment, key, bytes, error);
    int64_t until = segment->appended;
    segment->users += fd >= 0;
    if (how & JOURNAL_LATER) {
        segment->placed = until;
        pthread_cond_signal(&j->put);
    }
    pthread_mutex_unlock(&j->lock);
    if (fd < 0)
        return JOURNAL_FAILED;
    bool ok = write_file(fd, bytes) || file_fail(error, "write", key->text, errno);
    close(fd);
    pthread_mutex_lock(&j->lock);
    if (ok && !(how & JOURNAL_LATER) && !flush(j, segment, until))
        ok = refuse(error);
    j->counts.files += ok;
    if (ok && (how & JOURNAL_CLAIMED))
        claim(j, segment, key);
    else
        leave(j, segment);
    pthread_mutex_unlock(&j->lock);
    if (!ok)
        undo(j, key);
    return ok ? JOURNAL_DONE : JOURNAL_FAILED;
}

bool journal_flush(struct journal *j, struct error *error)
{
    bool ok = true;
    pthread_mutex_lock(&j->lock);
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX && ok; i++)
        ok = j->segments[i].state == FREE || flush(j, &j->segments[i], j->segments[i].appended);
    ok = ok && !j->failed;
    pthread_mutex_unlock(&j->lock);
    return ok || refuse(error);
}

/* ---- settling ---- */

/* Makes the files of all sealed segments durable by themselves: one syncfs for thousands of them. Under the lock. */
static void settle(struct journal *j)
{
    bool chosen[JOURNAL_SEGMENTS_MAX] = { false };
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX; i++) {
        chosen[i] = j->segments[i].state == SEALED;
        while (chosen[i] && j->segments[i].users && !j->stop)
            pthread_cond_wait(&j->moved, &j->lock);
        chosen[i] &= !j->segments[i].users; /* at the end a claim may be left for the next start */
    }
    pthread_mutex_unlock(&j->lock);
    bool ok = syncfs(j->store->root_fd) == 0;
    pthread_mutex_lock(&j->lock);
    j->counts.settles++;
    if (!ok)
        j->failed = true;
    static const struct journal_record nothing;
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX && ok; i++) {
        /* Only so that a replay has less to read: what it says is true for as long as it is there. */
        if (chosen[i] && pwrite(j->segments[i].fd, &nothing, sizeof(nothing), 0) == (ssize_t)sizeof(nothing))
            j->segments[i].state = FREE;
        else if (chosen[i])
            j->failed = true;
    }
    pthread_cond_broadcast(&j->moved);
}

/* Under the lock; until a segment is sealed, or seals the open one when nothing has come for a while. */
static void wait_for_sealed(struct journal *j)
{
    while (!j->stop && !any_sealed(j)) {
        if (!j->open || j->failed) {
            pthread_cond_wait(&j->to_do, &j->lock);
            continue;
        }
        if (!thread_wait(&j->to_do, &j->lock, j->last_append_us + IDLE_SETTLE_US) && j->open &&
            clock_monotonic_us() - j->last_append_us >= IDLE_SETTLE_US)
            seal(j);
    }
}

static void settle_all(void *context)
{
    struct journal *j = context;
    pthread_mutex_lock(&j->lock);
    for (;;) {
        wait_for_sealed(j);
        if (j->stop)
            seal(j);
        bool last = j->stop;
        if (any_sealed(j) && !j->failed)
            settle(j);
        if (last || j->failed)
            break;
    }
    pthread_mutex_unlock(&j->lock);
}

bool journal_settle(struct journal *j, struct error *error)
{
    pthread_mutex_lock(&j->lock);
    seal(j);
    while (any_sealed(j) && !j->failed)
        pthread_cond_wait(&j->moved, &j->lock);
    bool ok = !j->failed;
    pthread_mutex_unlock(&j->lock);
    return ok || refuse(error);
}

bool journal_works(struct journal *j, struct error *error)
{
    pthread_mutex_lock(&j->lock);
    bool failed = j->failed;
    pthread_mutex_unlock(&j->lock);
    return !failed || refuse(error);
}

void journal_count(struct journal *j, struct blob_counts *out)
{
    pthread_mutex_lock(&j->lock);
    *out = j->counts;
    pthread_mutex_unlock(&j->lock);
}

/* ---- birth and end ---- */

struct journal *journal_new(struct blob_store *store)
{
    struct journal *j = calloc(1, sizeof(*j));
    assert(j);
    j->store = store;
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX; i++)
        j->segments[i].fd = -1;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->moved, NULL);
    pthread_cond_init(&j->put, NULL);
    pthread_cond_init(&j->to_do, NULL);
    return j;
}

/* Those that still say something stay, for whoever opens the store next. */
static void close_segments(struct journal *j)
{
    for (int i = 0; i < JOURNAL_SEGMENTS_MAX; i++) {
        struct segment *segment = &j->segments[i];
        if (segment->fd < 0)
            continue;
        if (segment->state == FREE)
            unlinkat(j->store->root_fd, segment->name, 0);
        close(segment->fd);
        *segment = (struct segment){ .fd = -1 };
    }
}

void journal_forget(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    seal(j);
    while (any_sealed(j) && !j->failed)
        pthread_cond_wait(&j->moved, &j->lock);
    if (!j->failed)
        close_segments(j);
    pthread_mutex_unlock(&j->lock);
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_signal(&j->to_do);
    pthread_cond_signal(&j->put);
    pthread_cond_broadcast(&j->moved);
    pthread_mutex_unlock(&j->lock);
    thread_join(&j->flusher);
    thread_join(&j->settler);
    close_segments(j);
    for (struct claim *claim = j->claims, *next; claim; claim = next) {
        next = claim->next;
        free(claim);
    }
    pthread_cond_destroy(&j->moved);
    pthread_cond_destroy(&j->put);
    pthread_cond_destroy(&j->to_do);
    pthread_mutex_destroy(&j->lock);
    free(j);
}
