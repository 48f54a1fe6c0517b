/* test_journal.c - what is left of small files after a kill, a power cut, a full or a failing disk.
 *
 * A store is "killed" by a child that ends without closing it. A power cut is the same, and then the files that
 * nobody synced are taken away or damaged by hand. The calls that make bytes durable are ours (below): they can fail,
 * and wait for no disk. */
#include "blob/journal.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

static _Atomic int failing_fdatasync, failing_fallocate, fdatasyncs;
static _Atomic bool slow_fdatasync;

int fdatasync(int fd)
{
    atomic_fetch_add(&fdatasyncs, 1);
    while (atomic_load(&slow_fdatasync))
        sched_yield();
    (void)fd;
    errno = failing_fdatasync;
    return failing_fdatasync ? -1 : 0;
}

int fsync(int fd)
{
    (void)fd;
    return 0;
}

int syncfs(int fd)
{
    (void)fd;
    return 0;
}

/* The megabytes of zeros in a new segment are a hole, which reads the same. */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    static const char zeros[1 << 16];
    if (len == sizeof(zeros) && memcmp(bytes, zeros, len) == 0 &&
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)len) == 0)
        return (ssize_t)len;
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, at);
}

/* Up to where a hole begins or ends. */
ssize_t pread(int fd, void *out, size_t len, off_t at)
{
    off_t end = at + (off_t)len, data = lseek(fd, at, SEEK_DATA), size = lseek(fd, 0, SEEK_END);
    if (data == at || size < 0) {
        off_t hole = lseek(fd, at, SEEK_HOLE);
        return (ssize_t)syscall(SYS_pread64, fd, out, hole > at && hole < end ? (size_t)(hole - at) : len, at);
    }
    data = data < 0 || data > size ? size : data;
    ptrdiff_t n = data < end ? data - at : end - at;
    if (n <= 0)
        return 0;
    memset(out, 0, (size_t)n);
    return n;
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    return failing_fallocate ? failing_fallocate : ftruncate(fd, offset + len);
}

struct fixture {
    char folder[64], url[100];
    struct error error;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    failing_fdatasync = failing_fallocate = 0;
    snprintf(f->folder, sizeof(f->folder), "/tmp/roentgen-journal-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(f->url, sizeof(f->url), "file://%s", f->folder);
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nftw(f->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static struct blob_store *open_store(struct fixture *f)
{
    struct blob_store *store = NULL;
    error_clear(&f->error);
    assert_true(blob_open(str_from(f->url), &store, &f->error));
    return store;
}

static bool put(struct blob_store *store, const char *key, struct str bytes, bool claimed, struct error *error)
{
    struct blob_writer *writer;
    return blob_create(store, &writer, error) && (blob_write(writer, bytes, error) || (blob_cancel(writer), false)) &&
           (claimed ? blob_place(writer, str_from(key), error) && blob_flush(store, error)
                    : blob_commit(writer, str_from(key), error));
}

/* ---- a process that dies ---- */

static const char *const keys[] = { "completed/aa/1", "completed/ab/2", "completed/ac/3" };
static const char *const contents[] = { "one", "two, which is longer", "three" };
enum { KEYS = 3 };

static void put_all(struct blob_store *store)
{
    struct error error = { 0 };
    for (int i = 0; i < KEYS; i++)
        if (!put(store, keys[i], str_from(contents[i]), true, &error))
            _exit(1);
}

static void put_and_remove(struct blob_store *store)
{
    struct error error = { 0 };
    put_all(store);
    if (!blob_remove(store, str_from(keys[1]), &error))
        _exit(1);
}

static void put_nothing(struct blob_store *store)
{
    (void)store;
}

static void kill_after(struct fixture *f, void (*what)(struct blob_store *store))
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        struct blob_store *store = open_store(f);
        what(store);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static char *path_of(struct fixture *f, const char *name)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    return path;
}

static int count_segments(struct fixture *f, char first[300])
{
    glob_t found;
    if (glob(path_of(f, "tmp/journal+*"), 0, NULL, &found) != 0)
        return 0;
    int count = (int)found.gl_pathc;
    if (first)
        snprintf(first, 300, "%s", found.gl_pathv[0]);
    globfree(&found);
    return count;
}

static bool holds(struct fixture *f, const char *key, const char *content)
{
    char buffer[200];
    int fd = open(path_of(f, key), O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
    if (fd >= 0)
        close(fd);
    return got == (ssize_t)strlen(content) && memcmp(buffer, content, strlen(content)) == 0;
}

static void damage(const char *path, off_t at)
{
    char byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte = (char)~byte;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

struct asked {
    int count;
    bool settle;
};

static bool ask(void *context, struct str key)
{
    struct asked *asked = context;
    assert_true(str_starts(key, S("completed/")));
    asked->count++;
    return asked->settle;
}

static int claims(struct blob_store *store, bool settle)
{
    struct asked asked = { 0, settle };
    struct error error = { 0 };
    assert_true(blob_claims(store, ask, &asked, &error));
    return asked.count;
}

/* ---- tests ---- */

static void an_end_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct blob_store *store = open_store(f);
    assert_int_equal(count_segments(f, NULL), 0);
    assert_true(put(store, keys[0], str_from(contents[0]), false, &f->error));
    assert_int_equal(count_segments(f, NULL), 1);
    blob_close(store);
    assert_int_equal(count_segments(f, NULL), 0);
    assert_true(holds(f, keys[0], contents[0]));
}

static void a_power_cut_takes_nothing(void **state)
{
    struct fixture *f = *state;
    kill_after(f, put_all);
    unlink(path_of(f, keys[0]));                           /* its name was never synced */
    assert_int_equal(truncate(path_of(f, keys[1]), 4), 0); /* short */
    damage(path_of(f, keys[2]), 1);                        /* of the right length, with other bytes */
    rmdir(path_of(f, "completed/aa"));
    for (int again = 0; again < 2; again++) { /* and a second time, as after a crash of the replay */
        kill_after(f, put_nothing);
        for (int i = 0; i < KEYS; i++)
            assert_true(holds(f, keys[i], contents[i]));
        assert_int_equal(count_segments(f, NULL), 1);
    }
    struct blob_store *store = open_store(f);
    assert_int_equal(claims(store, false), KEYS); /* nobody could say: they stay */
    assert_int_equal(count_segments(f, NULL), 1);
    assert_int_equal(claims(store, true), KEYS);
    assert_int_equal(count_segments(f, NULL), 0);
    assert_int_equal(claims(store, true), 0);
    blob_close(store);
}

static void a_torn_tail_is_ignored(void **state)
{
    struct fixture *f = *state;
    char segment[300];
    kill_after(f, put_all);
    assert_int_equal(count_segments(f, segment), 1);
    off_t last = journal_record_bytes(14, 3) + journal_record_bytes(14, 20);
    assert_int_equal(truncate(segment, last + 50), 0);
    for (int i = 0; i < KEYS; i++)
        unlink(path_of(f, keys[i]));
    struct blob_store *store = open_store(f);
    assert_true(holds(f, keys[0], contents[0]) && holds(f, keys[1], contents[1]));
    assert_int_equal(access(path_of(f, keys[2]), F_OK), -1);
    assert_int_equal(claims(store, true), 2);
    blob_close(store);
}

static void a_damaged_record_ends_the_journal(void **state)
{
    struct fixture *f = *state;
    char segment[300];
    ptrdiff_t first = journal_record_bytes(14, 3), second = journal_record_bytes(14, 20);
    /* Every byte of the second record that means something: none of them may be believed. */
    for (ptrdiff_t at = 0; at < (ptrdiff_t)sizeof(struct journal_record) + 14 + 20; at++) {
        kill_after(f, put_all);
        assert_int_equal(count_segments(f, segment), 1);
        damage(segment, first + at);
        for (int i = 0; i < KEYS; i++)
            unlink(path_of(f, keys[i]));
        struct blob_store *store = open_store(f);
        assert_true(holds(f, keys[0], contents[0]));
        assert_int_equal(access(path_of(f, keys[1]), F_OK), -1);
        assert_int_equal(claims(store, true), 1);
        blob_close(store);
        unlink(path_of(f, keys[0]));
    }
    assert_true(second > 0);
}

static void what_was_removed_stays_away(void **state)
{
    struct fixture *f = *state;
    kill_after(f, put_and_remove);
    struct blob_store *store = open_store(f);
    assert_true(holds(f, keys[0], contents[0]));
    assert_int_equal(access(path_of(f, keys[1]), F_OK), -1);
    assert_int_equal(claims(store, true), 2);
    blob_close(store);
}

static void a_living_process_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct blob_store *one = open_store(f), *other = open_store(f);
    assert_true(put(one, keys[0], str_from(contents[0]), false, &f->error));
    assert_true(put(other, keys[1], str_from(contents[1]), false, &f->error));
    assert_int_equal(count_segments(f, NULL), 2); /* each its own */
    unlink(path_of(f, keys[0]));
    struct blob_store *third = open_store(f);
    assert_int_equal(access(path_of(f, keys[0]), F_OK), -1);
    assert_int_equal(claims(third, true), 0);
    assert_int_equal(blob_sweep(third, -1), 0);
    assert_int_equal(count_segments(f, NULL), 2);
    assert_false(put(other, keys[1], str_from(contents[0]), false, &f->error));
    assert_int_equal(f->error.code, E_CONFLICT);
    blob_close(third);
    blob_close(other);
    blob_close(one);
    assert_int_equal(count_segments(f, NULL), 0);
}

static void after_a_failed_flush_nothing_is_taken(void **state)
{
    struct fixture *f = *state;
    struct blob_store *store = open_store(f);
    struct blob_writer *begun;
    assert_true(put(store, keys[0], str_from(contents[0]), true, &f->error));
    assert_true(blob_create(store, &begun, &f->error));
    failing_fdatasync = EIO;
    assert_false(put(store, keys[1], str_from(contents[1]), false, &f->error));
    assert_int_equal(f->error.code, E_UNAVAILABLE);
    assert_int_equal(access(path_of(f, keys[1]), F_OK), -1);
    failing_fdatasync = 0; /* the disk may say yes now: it is not believed */
    error_clear(&f->error);
    assert_false(put(store, keys[1], str_from(contents[1]), true, &f->error));
    assert_int_equal(f->error.code, E_UNAVAILABLE);
    error_clear(&f->error);
    assert_false(blob_commit(begun, S("completed/zz/9"), &f->error));
    assert_int_equal(f->error.code, E_UNAVAILABLE);
    error_clear(&f->error);
    assert_false(blob_check(store, S("completed/"), &f->error));
    blob_settle(store, str_from(keys[0]));
    blob_close(store);
    assert_int_equal(count_segments(f, NULL), 1); /* what it said before is still needed */
    unlink(path_of(f, keys[0]));
    store = open_store(f);
    assert_true(holds(f, keys[0], contents[0]));
    claims(store, true);
    assert_true(put(store, "completed/ad/4", S("four"), false, &f->error));
    blob_close(store);
}

static void without_room_for_a_journal_files_are_synced_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct blob_store *store = open_store(f);
    failing_fallocate = ENOSPC;
    assert_true(put(store, keys[0], str_from(contents[0]), true, &f->error));
    assert_int_equal(count_segments(f, NULL), 0);
    assert_true(holds(f, keys[0], contents[0]));
    assert_int_equal(claims(store, true), 1); /* its claim is a file then */
    struct blob_counts counts;
    blob_count(store, &counts);
    assert_int_equal(counts.files, 0);
    blob_close(store);
}

static void segments_are_used_again(void **state)
{
    struct fixture *f = *state;
    struct blob_store *store = open_store(f);
    enum { FILES = 300, BYTES = 1000000 }; /* more than all segments hold */
    char *bytes = malloc(BYTES), key[40];
    assert_non_null(bytes);
    memset(bytes, 'x', BYTES);
    for (int i = 0; i < FILES; i++) {
        snprintf(key, sizeof(key), "completed/%02x/%d", i % 7, i);
        assert_true(put(store, key, (struct str){ bytes, BYTES }, false, &f->error));
    }
    free(bytes);
    assert_true(count_segments(f, NULL) <= JOURNAL_SEGMENTS_MAX);
    struct blob_counts counts;
    blob_count(store, &counts);
    assert_int_equal(counts.files, FILES);
    assert_true(counts.settles > 0);
    blob_close(store);
    assert_int_equal(count_segments(f, NULL), 0);
}

/* What an earlier use of the segment left behind the new records is not read as new. */
static void use_again(struct blob_store *store)
{
    struct error error = { 0 };
    put_all(store);
    for (int i = 0; i < KEYS; i++)
        blob_settle(store, str_from(keys[i]));
    if (!journal_settle(store->journal, &error) || !put(store, "completed/ad/4", S("one"), false, &error))
        _exit(1);
}

static void an_older_use_of_a_segment_is_not_believed(void **state)
{
    struct fixture *f = *state;
    kill_after(f, use_again);
    assert_int_equal(count_segments(f, NULL), 1);
    struct blob_store *store = open_store(f);
    assert_int_equal(claims(store, true), 1);
    blob_close(store);
}

static void a_claim_outlives_its_files_sync(void **state)
{
    struct fixture *f = *state;
    struct blob_store *store = open_store(f);
    assert_true(put(store, keys[0], str_from(contents[0]), true, &f->error));
    blob_close(store); /* before the row was there: the next start has to ask */
    assert_int_equal(count_segments(f, NULL), 1);
    store = open_store(f);
    assert_int_equal(claims(store, true), 1);
    blob_close(store);
}

struct putting {
    struct blob_store *store;
    int number;
    bool ok;
};

static void *put_one(void *context)
{
    struct putting *p = context;
    struct error error = { 0 };
    char key[40];
    snprintf(key, sizeof(key), "completed/ee/%d", p->number);
    p->ok = put(p->store, key, S("together"), false, &error);
    return NULL;
}

static void those_who_wait_share_a_flush(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 16 };
    struct blob_store *store = open_store(f);
    struct putting puttings[THREADS];
    pthread_t threads[THREADS];
    assert_true(put(store, keys[0], S("x"), false, &f->error));
    fdatasyncs = 0;
    slow_fdatasync = true;
    for (int i = 0; i < THREADS; i++) {
        puttings[i] = (struct putting){ store, i, false };
        pthread_create(&threads[i], NULL, put_one, &puttings[i]);
    }
    struct stat st;
    for (int i = 0; i < THREADS; i++) { /* until every one of them has its file and waits, or is about to */
        char name[40];
        snprintf(name, sizeof(name), "completed/ee/%d", i);
        while (stat(path_of(f, name), &st) != 0 || st.st_size == 0)
            sched_yield();
    }
    slow_fdatasync = false;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(puttings[i].ok);
    }
    /* The one that was held, and one for all others; where the machine made them come a second apart, the journal has
     * gone on in another segment meanwhile. */
    assert_true(fdatasyncs <= 1 + count_segments(f, NULL));
    blob_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_end_leaves_nothing_behind),
        TEST(a_power_cut_takes_nothing),
        TEST(a_torn_tail_is_ignored),
        TEST(a_damaged_record_ends_the_journal),
        TEST(what_was_removed_stays_away),
        TEST(a_living_process_is_left_alone),
        TEST(after_a_failed_flush_nothing_is_taken),
        TEST(without_room_for_a_journal_files_are_synced_one_by_one),
        TEST(segments_are_used_again),
        TEST(an_older_use_of_a_segment_is_not_believed),
        TEST(a_claim_outlives_its_files_sync),
        TEST(those_who_wait_share_a_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
