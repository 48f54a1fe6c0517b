/* test_file_view.c - views of files that are cut while they are looked at, and signals that are none of their
 * business. */
#include "folder.h"

#include "base/file_view.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_BYTES = 64 * 1024 + 100 };

static int make_file(struct folder *folder, const char *name)
{
    static char bytes[FILE_BYTES];
    memset(bytes, 'x', sizeof(bytes));
    int fd = open(folder_file(folder, name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    return fd;
}

static int64_t count(struct str bytes, char wanted)
{
    int64_t found = 0;
    for (ptrdiff_t i = 0; i < bytes.len; i++)
        found += bytes.at[i] == wanted;
    return found;
}

static void whole(void **state)
{
    struct error error = { 0 };
    struct file_view view, part, none = { 0 };
    int fd = make_file(*state, "whole");
    assert_true(file_view_open(&view, fd, FILE_BYTES, &error));
    assert_true(file_view_open_part(&part, fd, 5001, 7000, &error));
    assert_int_equal(count(view.bytes, 'x'), FILE_BYTES);
    assert_ptr_not_equal(part.bytes.at, view.bytes.at + 5001);
    assert_int_equal(part.bytes.len, 7000);
    assert_int_equal(count(part.bytes, 'x'), 7000);
    assert_true(file_view_close(&view, &error)); /* in any order */
    assert_int_equal(count(part.bytes, 'x'), 7000);
    assert_true(file_view_close(&part, &error));
    assert_true(file_view_close(&part, &error));
    assert_true(file_view_close(&none, &error));
    assert_true(file_view_open(&view, fd, 0, &error));
    assert_int_equal(view.bytes.len, 0);
    assert_true(file_view_close(&view, &error));
    assert_false(file_view_open_part(&view, fd, -1, 4, &error));
    error_clear(&error);
    assert_false(file_view_open(&view, -1, 4, &error));
    assert_int_equal(error.code, E_INTERNAL);
    close(fd);
}

/* What was there is told, what is gone are zeros, and close says so whatever went wrong before. */
static void cut(void **state)
{
    struct error error = { 0 };
    struct file_view other, view, part;
    int fd = make_file(*state, "cut"), safe = make_file(*state, "safe");
    assert_true(file_view_open(&view, fd, FILE_BYTES, &error));
    assert_true(file_view_open_part(&part, fd, 40000, 20000, &error));
    assert_true(file_view_open(&other, safe, FILE_BYTES, &error));
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_int_equal(view.lost, 0);
    assert_int_equal(count(view.bytes, 'x'), 8192);
    assert_int_equal(count(view.bytes, 0), FILE_BYTES - 8192);
    assert_int_equal(count(part.bytes, 0), 20000);
    assert_int_equal(count(other.bytes, 'x'), FILE_BYTES);
    assert_int_equal(view.lost, 1);
    error_set(&error, E_INVALID, "a stray zero");
    assert_false(file_view_close(&view, &error));
    assert_int_equal(error.code, E_UNREADABLE);
    error_clear(&error);
    assert_true(file_view_close(&other, &error));
    assert_false(file_view_close(&part, &error));
    close(fd);
    close(safe);
}

static void *cut_elsewhere(void *state)
{
    struct error error = { 0 };
    struct file_view view;
    int fd = make_file(state, "thread");
    assert_true(file_view_open(&view, fd, FILE_BYTES, &error));
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(count(view.bytes, 0), FILE_BYTES);
    assert_false(file_view_close(&view, &error));
    close(fd);
    return NULL;
}

/* Threads of the server are begun with all signals blocked. */
static void in_a_thread_without_signals(void **state)
{
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    assert_int_equal(pthread_create(&thread, NULL, cut_elsewhere, *state), 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_join(thread, NULL);
}

/* How a child ends that meets a SIGBUS of its own. */
static int end_of(void **state, bool by_fault)
{
    pid_t child = fork();
    if (child == 0) {
        struct error error = { 0 };
        struct file_view view;
        int fd = make_file(*state, "own");
        (void)!freopen("/dev/null", "w", stderr); /* a sanitizer's report */
        signal(SIGBUS, SIG_DFL);
        if (!file_view_open(&view, fd, FILE_BYTES, &error))
            _exit(3);
        const volatile char *own = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        if (ftruncate(fd, 0) != 0)
            _exit(4);
        if (by_fault)
            _exit(own[0] ? 5 : 6);
        raise(SIGBUS);
        _exit(7);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void others_end_the_process_as_before(void **state)
{
    for (int by_fault = 0; by_fault < 2; by_fault++) {
        int status = end_of(state, by_fault != 0);
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS : WEXITSTATUS(status) == 1);
    }
}

/* In one test, since cmocka takes SIGBUS for itself at the beginning of each. */
static void views(void **state)
{
    whole(state);
    cut(state);
    in_a_thread_without_signals(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_end_the_process_as_before),
        cmocka_unit_test(views),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
