/* test_file.c - whole files, directories, and what a failed call becomes. */
#include "folder.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static void directories(void **state)
{
    struct folder *folder = *state;
    struct error error = { 0 };
    const char *deep = folder_file(folder, "a//b/c/");
    assert_true(file_make_directories(deep, &error));
    assert_true(file_make_directories(deep, &error)); /* again is fine */
    struct stat status;
    assert_int_equal(stat(folder_file(folder, "a/b/c"), &status), 0);
    assert_int_equal(status.st_mode & 07777 & ~0750u, 0);
    assert_true(file_sync_directory(deep, &error));
    folder_write(folder, "plain", S("x"));
    assert_false(file_make_directories(folder_file(folder, "plain/sub"), &error));
    assert_int_equal(error.code, E_INTERNAL);
    error_clear(&error);
    assert_false(file_make_directories(folder_file(folder, "plain"), &error));
    error_clear(&error);
    assert_false(file_make_directories("", &error));
    error_clear(&error);
    assert_false(file_sync_directory(folder_file(folder, "none"), &error));
    assert_non_null(strstr(error.message, "none"));
    error_clear(&error);
    char *endless = arena_alloc(&folder->arena, 6000);
    memset(endless, 'a', 5999);
    assert_false(file_make_directories(endless, &error));
}

static void reading_has_a_limit(void **state)
{
    struct folder *folder = *state;
    static const ptrdiff_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *bytes = arena_alloc(&folder->arena, sizes[i] + 1);
        for (ptrdiff_t k = 0; k < sizes[i]; k++)
            bytes[k] = (char)(k * 7 + k / 256);
        const char *path = folder_file(folder, "content");
        struct error error = { 0 };
        struct str out = S("untouched");
        folder_write(folder, "content", (struct str){ bytes, sizes[i] });
        assert_true(file_read_whole(path, sizes[i], &folder->arena, &out, &error));
        assert_int_equal(out.len, sizes[i]);
        assert_memory_equal(out.at, bytes, (size_t)sizes[i]);
        if (sizes[i] == 0)
            continue;
        struct str untouched = S("untouched");
        assert_false(file_read_whole(path, sizes[i] - 1, &folder->arena, &untouched, &error));
        assert_int_equal(error.code, E_TOO_LARGE);
        assert_str_is(untouched, "untouched");
    }
    struct error error = { 0 };
    struct str out;
    assert_false(file_read_whole(folder_file(folder, "none"), 10, &folder->arena, &out, &error));
    assert_int_equal(error.code, E_INTERNAL);
    error_clear(&error);
    assert_false(file_read_whole(folder->path, 10, &folder->arena, &out, &error)); /* a directory */
}

static void pieces(void **state)
{
    struct folder *folder = *state;
    char out[8] = "........";
    int fd = open(folder_file(folder, "pieces"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(file_write_at(fd, 2, S("cdef")) && file_write_at(fd, 0, S("ab")) && file_write_at(fd, 9, S("")));
    assert_int_equal(file_read_at(fd, 1, out, 3), 3);
    assert_memory_equal(out, "bcd.", 4);
    assert_int_equal(file_read_at(fd, 4, out, 8), 2); /* to the end */
    assert_int_equal(file_read_at(fd, 6, out, 8), 0);
    close(fd);
    assert_int_equal(file_read_at(fd, 0, out, 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(file_read_at(fd, 0, out, 0), 0);
    assert_false(file_write_at(fd, 0, S("x")));
    assert_int_equal(errno, EBADF);
    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(file_write_at(fd, 0, S("x")));
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void a_full_disk_is_told_apart(void **state)
{
    (void)state;
    struct error error = { 0 };
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(file_write_all(fd, S("x"), &error));
    close(fd);
    assert_int_equal(error.code, E_STORAGE_FULL);
    error_clear(&error);
    assert_false(file_fail(&error, "write", "/a/secret/place", EDQUOT));
    assert_int_equal(error.code, E_STORAGE_FULL);
    assert_null(strstr(error.message, "secret")); /* clients see this one */
    error_clear(&error);
    assert_false(file_fail(&error, "write", "/a/place", EIO));
    assert_int_equal(error.code, E_INTERNAL);
    assert_non_null(strstr(error.message, "/a/place"));
    error_clear(&error);
    assert_false(file_write_all(-1, S("x"), &error));
    assert_int_equal(error.code, E_INTERNAL);
    error_clear(&error);
    assert_true(file_write_all(-1, S(""), &error)); /* nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories),
        cmocka_unit_test(reading_has_a_limit),
        cmocka_unit_test(pieces),
        cmocka_unit_test(a_full_disk_is_told_apart),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
