/* test_blob.c - the file store on a real directory. */
#include "blob/blob.h"

#include "base/text.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

struct fixture {
    char folder[64];
    struct blob_store *store;
    struct error error;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/roentgen-blob-XXXXXX");
    char url[100];
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(url, sizeof(url), "file://%s/a/b", f->folder);
    *state = f;
    return blob_open(str_from(url), &f->store, &f->error) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int remove_tree(const char *path)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blob_close(f->store);
    remove_tree(f->folder);
    free(f);
    return 0;
}

/* More than is held in memory: the writer has a temporary file from here on. */
static void write_much(struct blob_writer *writer)
{
    enum { MUCH = (1 << 20) + 1 };
    struct error error = { 0 };
    char *bytes = calloc(1, MUCH);
    assert_non_null(bytes);
    assert_true(blob_write(writer, (struct str){ bytes, MUCH }, &error));
    free(bytes);
}

static bool save(struct fixture *f, struct str key, struct str bytes)
{
    struct blob_writer *writer;
    error_clear(&f->error);
    assert_true(blob_create(f->store, &writer, &f->error));
    assert_true(blob_write(writer, bytes, &f->error));
    return blob_commit(writer, key, &f->error);
}

static void assert_holds(struct fixture *f, struct str key, struct str bytes)
{
    int fd;
    int64_t size;
    char buffer[4096];
    error_clear(&f->error);
    assert_true(blob_open_read(f->store, key, &fd, &size, &f->error));
    assert_int_equal(size, bytes.len);
    assert_int_equal(read(fd, buffer, sizeof(buffer)), bytes.len);
    assert_memory_equal(buffer, bytes.at, (size_t)bytes.len);
    close(fd);
}

static int count_temporary(struct fixture *f)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/tmp", blob_root(f->store));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return blob_sweep(f->store, -1);
}

static void keys(void **state)
{
    (void)state;
    static const char *const legal[] = { "a",    "a/b",    "completed/ab/cd-1_2.dcm", "0", "a..b", "...", ".a",
                                         "tmpx", "tmp-1/a" };
    static const char *const illegal[] = { "",       "/",    "/a",   "a/",  "a//b", ".",   "..",   "../a",
                                           "a/../b", "a/..", "a/.",  "./a", "A",    "a b", "a\\b", "\xe5\xbc\xa0",
                                           "a\nb",   "tmp",  "tmp/a" };
    for (size_t i = 0; i < sizeof(legal) / sizeof(legal[0]); i++)
        assert_true(blob_key_is_legal(str_from(legal[i])));
    for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++)
        assert_false(blob_key_is_legal(str_from(illegal[i])));
    assert_false(blob_key_is_legal(STR_NULL));
    assert_false(blob_key_is_legal(S("a\0b")));
    char longest[201];
    memset(longest, 'a', sizeof(longest));
    assert_true(blob_key_is_legal((struct str){ longest, 200 }));
    assert_false(blob_key_is_legal((struct str){ longest, 201 }));
}

static void written_committed_and_read(void **state)
{
    struct fixture *f = *state;
    assert_true(save(f, S("x/y/z/file.bin"), S("one\0two")));
    assert_holds(f, S("x/y/z/file.bin"), S("one\0two"));
    assert_true(save(f, S("top"), S("")));
    assert_holds(f, S("top"), S(""));
    assert_true(blob_exists(f->store, S("top")));
    assert_false(blob_exists(f->store, S("x/y"))); /* a directory is no file */
    assert_false(blob_exists(f->store, S("x/none")));
    assert_false(blob_exists(f->store, S("../a")));
    assert_int_equal(count_temporary(f), 0);
}

static void nothing_is_there_before_commit(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer;
    assert_true(blob_create(f->store, &writer, &f->error));
    assert_true(blob_write(writer, S("half"), &f->error));
    assert_false(blob_exists(f->store, S("t/half")));
    blob_cancel(writer);
    blob_cancel(NULL);
    assert_int_equal(count_temporary(f), 0);
}

static void an_existing_file_is_never_replaced(void **state)
{
    struct fixture *f = *state;
    assert_true(save(f, S("t/same"), S("first")));
    assert_false(save(f, S("t/same"), S("second")));
    assert_int_equal(f->error.code, E_CONFLICT);
    assert_holds(f, S("t/same"), S("first"));
    assert_int_equal(count_temporary(f), 0);
}

static void illegal_keys_are_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    int fd;
    int64_t size;
    assert_false(save(f, S("../outside"), S("x")));
    assert_int_equal(f->error.code, E_INTERNAL);
    error_clear(&f->error);
    assert_false(blob_open_read(f->store, S("../../etc/passwd"), &fd, &size, &f->error));
    error_clear(&f->error);
    assert_false(blob_remove(f->store, S("/etc/passwd"), &f->error));
    error_clear(&f->error);
    assert_true(save(f, S("t/a"), S("x")));
    assert_false(blob_rename(f->store, S("t/a"), S("../a"), &f->error));
    assert_int_equal(count_temporary(f), 0);
}

static void pieces_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *writer;
    assert_true(blob_create(f->store, &writer, &f->error));
    assert_true(blob_write_at(writer, 4, S("5678"), &f->error));
    assert_true(blob_write_at(writer, 0, S("1234"), &f->error));
    char back[8];
    assert_int_equal(pread(blob_writer_fd(writer), back, 8, 0), 8);
    assert_memory_equal(back, "12345678", 8);
    assert_true(blob_commit(writer, S("t/pieces"), &f->error));
    assert_holds(f, S("t/pieces"), S("12345678"));
}

static void absent_files(void **state)
{
    struct fixture *f = *state;
    int fd = -7;
    int64_t size = -7;
    assert_false(blob_open_read(f->store, S("x/none"), &fd, &size, &f->error));
    assert_int_equal(f->error.code, E_NOT_FOUND);
    assert_int_equal(fd, -7);
    assert_int_equal(size, -7);
    error_clear(&f->error);
    assert_true(save(f, S("t/file"), S("x")));
    assert_false(blob_open_read(f->store, S("t/file/below"), &fd, &size, &f->error));
    assert_int_equal(f->error.code, E_NOT_FOUND);
    error_clear(&f->error);
    assert_false(blob_open_read(f->store, S("t"), &fd, &size, &f->error)); /* a directory */
    assert_int_equal(f->error.code, E_NOT_FOUND);
    error_clear(&f->error);
    assert_true(blob_remove(f->store, S("x/none"), &f->error));
    assert_true(blob_remove(f->store, S("t/file/below"), &f->error));
    assert_false(blob_rename(f->store, S("x/none"), S("x/other"), &f->error));
    assert_int_equal(f->error.code, E_NOT_FOUND);
}

static void symbolic_links_are_not_followed(void **state)
{
    struct fixture *f = *state;
    assert_true(save(f, S("t/real"), S("x")));
    char path[200];
    snprintf(path, sizeof(path), "%s/t/link", blob_root(f->store));
    assert_int_equal(symlink("/etc/hostname", path), 0);
    int fd;
    int64_t size;
    assert_false(blob_open_read(f->store, S("t/link"), &fd, &size, &f->error));
    assert_false(blob_exists(f->store, S("t/link")));
    unlink(path);
}

static void renaming(void **state)
{
    struct fixture *f = *state;
    assert_true(save(f, S("t/a"), S("a")));
    assert_true(blob_rename(f->store, S("t/a"), S("x/y/b"), &f->error));
    assert_false(blob_exists(f->store, S("t/a")));
    assert_holds(f, S("x/y/b"), S("a"));
    assert_true(save(f, S("t/a"), S("other")));
    assert_false(blob_rename(f->store, S("t/a"), S("x/y/b"), &f->error));
    assert_int_equal(f->error.code, E_CONFLICT);
    assert_holds(f, S("x/y/b"), S("a"));
    assert_holds(f, S("t/a"), S("other"));
}

static void sweeping_takes_the_old_ones(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *left, *young;
    assert_true(blob_create(f->store, &left, &f->error));
    assert_true(blob_create(f->store, &young, &f->error));
    write_much(left);
    assert_int_equal(futimens(blob_writer_fd(left), (struct timespec[]){ { .tv_sec = 1000 }, { .tv_sec = 1000 } }), 0);
    assert_int_equal(blob_sweep(f->store, 3600), 1);
    assert_int_equal(blob_sweep(f->store, 3600), 0);
    assert_false(blob_commit(left, S("t/left"), &f->error)); /* what was swept cannot be named */
    assert_int_equal(f->error.code, E_INTERNAL);
    error_clear(&f->error);
    assert_true(blob_write(young, S("young"), &f->error));
    assert_true(blob_commit(young, S("t/young"), &f->error));
}

struct seen {
    int count, stop_after;
    int64_t bytes;
    struct text keys;
};

static bool see(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    struct seen *seen = context;
    assert_true(clock_now().us - changed.us < INT64_C(60000000));
    text_put(&seen->keys, key);
    text_put_char(&seen->keys, ' ');
    seen->bytes += size_bytes;
    return ++seen->count != seen->stop_after;
}

static struct seen walk(struct fixture *f, struct str prefix, int stop_after)
{
    struct seen seen = { .stop_after = stop_after };
    text_init(&seen.keys, 10000);
    assert_true(blob_walk(f->store, prefix, see, &seen, &f->error));
    text_release(&seen.keys);
    return seen;
}

static void walking(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(walk(f, S(""), 0).count, 0);
    assert_true(save(f, S("completed/ab/1"), S("1")));
    assert_true(save(f, S("completed/ab/2"), S("22")));
    assert_true(save(f, S("completed/cd/3"), S("333")));
    assert_true(save(f, S("completedx"), S("4444")));
    struct blob_writer *writer;
    assert_true(blob_create(f->store, &writer, &f->error));
    char path[200]; /* not a key, so not ours */
    snprintf(path, sizeof(path), "%s/completed/README", blob_root(f->store));
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(walk(f, S(""), 0).count, 4);
    assert_int_equal(walk(f, S(""), 0).bytes, 10);
    assert_int_equal(walk(f, STR_NULL, 0).count, 4);
    assert_int_equal(walk(f, S("completed"), 0).count, 4);
    assert_int_equal(walk(f, S("completed/"), 0).count, 3);
    assert_int_equal(walk(f, S("completed/a"), 0).count, 2);
    assert_int_equal(walk(f, S("completed/ab/2"), 0).bytes, 2);
    assert_int_equal(walk(f, S("other"), 0).count, 0);
    assert_int_equal(walk(f, S(""), 2).count, 2);
    unlink(path);
    blob_cancel(writer);
}

static void a_lost_folder_is_found_again(void **state)
{
    struct fixture *f = *state;
    assert_true(save(f, S("top"), S("x")));
    assert_int_equal(remove_tree(blob_root(f->store)), 0);
    struct blob_writer *writer;
    assert_false(blob_create(f->store, &writer, &f->error));
    assert_true(f->error.code != E_NONE);
    assert_int_equal(access(blob_root(f->store), F_OK), -1); /* not made anew: it may be a mount that went away */
    assert_int_equal(mkdir(blob_root(f->store), 0750), 0);
    assert_true(save(f, S("t/again"), S("x")));
    assert_holds(f, S("t/again"), S("x"));
}

static void space(void **state)
{
    struct fixture *f = *state;
    int64_t available = -1, total = -1;
    assert_true(blob_space(f->store, &available, &total, &f->error));
    assert_true(available >= 0 && total > 0 && available <= total);
}

static void urls(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "/data", "data", "file://", "file:/data", "s3://bucket/x", "FILE:///data"
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct blob_store *store = NULL;
        struct error error = { 0 };
        assert_false(blob_open(str_from(wrong[i]), &store, &error));
        assert_true(error.code != E_NONE);
        assert_null(store);
    }
    struct blob_store *store = NULL;
    struct error error = { 0 };
    assert_false(blob_open(S("file:///dev/null/x"), &store, &error));
    assert_false(blob_open(S("file:///tmp/a\0b"), &store, &error));
    blob_close(NULL);
}

static void a_full_disk_is_said(void **state)
{
    struct fixture *f = *state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0)
        skip();
    struct blob_writer *writer;
    assert_true(blob_create(f->store, &writer, &f->error));
    write_much(writer);
    assert_true(dup2(full, blob_writer_fd(writer)) >= 0);
    close(full);
    assert_false(blob_write(writer, S("x"), &f->error));
    assert_int_equal(f->error.code, E_STORAGE_FULL);
    blob_cancel(writer);
}

static void *commit_many(void *context)
{
    struct fixture *f = context;
    long wins = 0;
    for (int i = 0; i < 30; i++) {
        struct blob_writer *writer;
        struct error error = { 0 };
        char key[32];
        snprintf(key, sizeof(key), "x/y/%d", i);
        if (!blob_create(f->store, &writer, &error) || !blob_write(writer, S("same"), &error))
            return (void *)-1;
        if (blob_commit(writer, str_from(key), &error))
            wins++;
        else if (error.code != E_CONFLICT)
            return (void *)-1;
    }
    return (void *)wins;
}

static void one_of_many_threads_wins_a_key(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    long wins = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, commit_many, f);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_true((long)result >= 0);
        wins += (long)result;
    }
    assert_int_equal(wins, 30);
    assert_int_equal(count_temporary(f), 0);
}

/* ---- whose store it is ---- */

static struct blob_store *open_again(struct fixture *f)
{
    struct blob_store *store;
    char url[100];
    snprintf(url, sizeof(url), "file://%s/a/b", f->folder);
    assert_true(blob_open(str_from(url), &store, &f->error));
    return store;
}

static void a_mark_is_given_once(void **state)
{
    struct fixture *f = *state;
    char mark[BLOB_MARK_MAX + 1] = "x";
    assert_true(blob_mark(f->store, mark, &f->error));
    assert_string_equal(mark, "");
    assert_true(blob_set_mark(f->store, S("first"), &f->error));
    assert_false(blob_set_mark(f->store, S("second"), &f->error));
    assert_int_equal(f->error.code, E_CONFLICT);
    error_clear(&f->error);
    struct blob_store *again = open_again(f);
    assert_true(blob_mark(again, mark, &f->error));
    assert_string_equal(mark, "first");
    blob_close(again);
    assert_int_equal(count_temporary(f), 0);
}

static void a_mark_that_says_nothing_is_not_none(void **state)
{
    struct fixture *f = *state;
    char path[100], mark[BLOB_MARK_MAX + 1], much[BLOB_MARK_MAX + 2];
    memset(much, 'a', sizeof(much));
    const struct str wrong[] = { S(""), S(" \n"), S("a\0b"), { much, sizeof(much) } };
    snprintf(path, sizeof(path), "%s/a/b/installation", f->folder);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(wrong[i].at, 1, (size_t)wrong[i].len, file), wrong[i].len);
        fclose(file);
        assert_false(blob_mark(f->store, mark, &f->error));
        assert_int_equal(f->error.code, E_UNREADABLE);
        error_clear(&f->error);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_false(blob_mark(f->store, mark, &f->error));
}

static bool serves(struct blob_store *store, bool alone)
{
    struct error error = { 0 };
    bool ok = blob_serve(store, alone, &error);
    assert_int_equal(error.code, ok ? E_NONE : E_CONFLICT);
    return ok;
}

static void one_serves_alone_or_many_together(void **state)
{
    struct fixture *f = *state;
    struct blob_store *others[3];
    assert_true(blob_set_mark(f->store, S("mine"), &f->error));
    for (int i = 0; i < 3; i++)
        others[i] = open_again(f);
    assert_true(serves(others[0], true));
    assert_false(serves(others[1], true));
    assert_false(serves(others[1], false));
    blob_close(others[0]);
    assert_true(serves(others[1], false));
    assert_true(serves(others[2], false));
    assert_false(serves(f->store, true));
    blob_close(others[1]);
    blob_close(others[2]);
    assert_true(serves(f->store, true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(urls),
        TEST(written_committed_and_read),
        TEST(nothing_is_there_before_commit),
        TEST(an_existing_file_is_never_replaced),
        TEST(illegal_keys_are_refused_everywhere),
        TEST(pieces_in_any_order),
        TEST(absent_files),
        TEST(symbolic_links_are_not_followed),
        TEST(renaming),
        TEST(sweeping_takes_the_old_ones),
        TEST(walking),
        TEST(a_lost_folder_is_found_again),
        TEST(space),
        TEST(a_full_disk_is_said),
        TEST(one_of_many_threads_wins_a_key),
        TEST(a_mark_is_given_once),
        TEST(a_mark_that_says_nothing_is_not_none),
        TEST(one_serves_alone_or_many_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
