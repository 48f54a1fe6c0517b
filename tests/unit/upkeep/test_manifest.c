/* The list of a backup's files: what sha256sum writes is read, and nothing that leads out of the folder. */
#include "../base/folder.h"

#include "base/text.h"
#include "upkeep/manifest.h"

#include <fcntl.h>
#include <sys/resource.h>

#define D1 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* of nothing (FIPS 180-4) */
#define D2 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc", as FIPS 180-2 B.1 says */

static enum error_code read_as(const char *text, bool repeats, struct manifest **out)
{
    struct error error = { 0 };
    *out = NULL;
    return manifest_read(str_from(text), repeats, out, &error) ? E_NONE : error.code;
}

static void test_lines_are_found_by_path(void **state)
{
    (void)state;
    struct manifest *m;
    assert_int_equal(read_as(D2 "  files/completed/b.dcm\n" D1 "  about.txt\n", false, &m), E_NONE);
    assert_int_equal(m->count, 2);
    struct manifest_line line;
    assert_true(manifest_find(m, S("files/completed/b.dcm"), &line));
    assert_true(str_equal(line.sha256, S(D2)));
    assert_true(manifest_find(m, S("about.txt"), &line));
    assert_true(str_equal(line.sha256, S(D1)));
    assert_false(manifest_find(m, S("about"), &line));
    assert_false(manifest_find(m, S("files/completed/b.dcm2"), &line));
    manifest_free(m);
}

static void test_what_is_no_line_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        D1 "  a",   /* no end */
        D1 " a\n",  /* one space */
        D1 " *a\n", /* binary mode, which we do not write */
        D1 "  \n",  /* no path */
        "\n",
        "# a comment\n",
        "\\" D1 "  a\n", /* sha256sum's escaped names */
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855  a\n",
        "e3b0  a\n",
        D1 "0  a\n",
        D1 "  a\r\n",
        D1 "  /a\n",
        D1 "  a/\n",
        D1 "  a//b\n",
        D1 "  ../a\n",
        D1 "  a/../b\n",
        D1 "  ./a\n",
        D1 "  a/.b\n",
        D1 "  a b\n",
        D1 "  \xe4\xbd\xa0\n",
        D1 "  a\\b\n",
        D1 "  a\n" D2 "  a\n", /* twice, and different */
        D1 "  a\n" D1 "  a\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct manifest *m;
        if (read_as(texts[i], false, &m) != E_INVALID)
            fail_msg("%s was taken", texts[i]);
        assert_null(m);
    }
}

static void test_a_nul_byte_ends_nothing(void **state)
{
    (void)state;
    static const char text[] = D1 "  a\0b\n";
    struct error error = { 0 };
    struct manifest *m = NULL;
    assert_false(manifest_read((struct str){ text, sizeof(text) - 1 }, false, &m, &error));
    assert_int_equal(error.code, E_INVALID);
}

static void test_paths_end_somewhere(void **state)
{
    (void)state;
    char path[MANIFEST_PATH_MAX + 2];
    memset(path, 'a', sizeof(path));
    assert_true(manifest_path_is_legal((struct str){ path, MANIFEST_PATH_MAX }));
    assert_false(manifest_path_is_legal((struct str){ path, MANIFEST_PATH_MAX + 1 }));
    assert_false(manifest_path_is_legal(S("")));
}

static void test_the_same_said_again_may_be_one(void **state)
{
    (void)state;
    struct manifest *m;
    assert_int_equal(read_as(D1 "  b\n" D2 "  a\n" D1 "  b\n", true, &m), E_NONE);
    assert_int_equal(m->count, 2);
    assert_true(str_equal(manifest_line(m, 0).path, S("a")));
    manifest_free(m);
    assert_int_equal(read_as(D1 "  b\n" D2 "  b\n", true, &m), E_INVALID);
    assert_int_equal(read_as("", true, &m), E_NONE);
    struct manifest_line line;
    assert_false(manifest_find(m, S("a"), &line));
    manifest_free(m);
}

static void test_the_first_wrong_line_is_named(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct manifest *m = NULL;
    assert_false(manifest_read(S(D1 "  a\n" D1 "  b\n" D1 "  ..\n"), false, &m, &error));
    assert_non_null(strstr(error.message, "line 3 "));
}

/* Each line has the digits of D2 and a number in six digits. */
static const char *write_long(struct folder *folder, int lines)
{
    struct text text;
    text_init(&text, 64 << 20);
    for (int i = 0; i < lines; i++)
        text_format(&text, D2 "  files/%06d\n", i);
    assert_false(text.overflowed);
    folder_write(folder, "SHA256SUMS", text_str(&text));
    text_release(&text);
    return folder_file(folder, "SHA256SUMS");
}

/* Whoever cuts it while it is looked at, or a disk that fails, ends nobody. */
static void test_a_list_that_is_cut_is_unreadable(void **state)
{
    struct error error = { 0 };
    struct manifest *m;
    struct manifest_line line;
    const char *path = write_long(*state, 1000);
    assert_true(manifest_open(path, false, &m, &error));
    assert_int_equal(m->count, 1000);
    assert_int_equal(truncate(path, 100), 0);
    assert_false(manifest_find(m, S("files/000999"), &line));
    assert_false(manifest_close(m, &error));
    assert_int_equal(error.code, E_UNREADABLE);
    assert_true(manifest_close(NULL, &error));
}

/* What its seal was looked at for is what is used: nobody who writes to the file later changes digits or paths. */
static void test_a_list_that_was_loaded_does_not_change(void **state)
{
    struct error error = { 0 };
    struct manifest *m;
    struct manifest_line line;
    char path_of[MANIFEST_PATH_MAX + 1];
    const char *path = write_long(*state, 1000);
    assert_true(manifest_load(path, false, &m, &error));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, D1 "  ../../etc000", SHA256_TEXT + 14, 0), SHA256_TEXT + 14);
    assert_int_equal(ftruncate(fd, SHA256_TEXT + 15), 0);
    close(fd);
    assert_int_equal(m->count, 1000);
    line = manifest_line(m, 0);
    manifest_path(&line, path_of);
    assert_string_equal(path_of, "files/000000");
    assert_true(str_equal(line.sha256, S(D2)));
    assert_true(manifest_find(m, S("files/000999"), &line) && str_equal(line.sha256, S(D2)));
    assert_true(manifest_close(m, &error));
}

static int64_t data_bytes(void)
{
    int64_t kib = 0;
    char line[200];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        if (!strncmp(line, "VmData:", 7))
            kib = strtoll(line + 7, NULL, 10);
    fclose(status);
    return kib << 10;
}

/* A backup of very many files is made by a process whose memory is bounded (backup_task.c), with two lists of them
 * one after the other: eight bytes a line, and as much while they are sorted. */
static void test_a_long_list_needs_little_memory(void **state)
{
    enum { LINES = 300000, ROOM = 2 * 8 * LINES + (2 << 20) };
    struct error error = { 0 };
    struct rlimit before;
    struct manifest *m;
    const char *path = write_long(*state, LINES);
    getrlimit(RLIMIT_DATA, &before);
    struct rlimit tight = { (rlim_t)(data_bytes() + ROOM), before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_DATA, &tight), 0);
    bool opened = manifest_open(path, false, &m, &error);
    setrlimit(RLIMIT_DATA, &before);
    assert_true(opened);
    assert_int_equal(m->count, LINES);
    assert_true(manifest_close(m, &error));
}

static void test_what_is_no_file_is_no_list(void **state)
{
    struct error error = { 0 };
    struct manifest *m = NULL;
    folder_write(*state, "empty", S(""));
    assert_false(manifest_open(folder_file(*state, "empty"), false, &m, &error));
    assert_int_equal(error.code, E_INVALID);
    error_clear(&error);
    assert_false(manifest_open(folder_file(*state, "."), false, &m, &error));
    error_clear(&error);
    assert_false(manifest_open(folder_file(*state, "none"), false, &m, &error));
    assert_int_equal(error.code, E_NOT_FOUND);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_found_by_path),
        cmocka_unit_test(test_what_is_no_line_is_refused),
        cmocka_unit_test(test_a_nul_byte_ends_nothing),
        cmocka_unit_test(test_paths_end_somewhere),
        cmocka_unit_test(test_the_same_said_again_may_be_one),
        cmocka_unit_test(test_the_first_wrong_line_is_named),
        cmocka_unit_test(test_a_list_that_is_cut_is_unreadable),
        cmocka_unit_test(test_a_list_that_was_loaded_does_not_change),
        cmocka_unit_test(test_a_long_list_needs_little_memory),
        cmocka_unit_test(test_what_is_no_file_is_no_list),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
