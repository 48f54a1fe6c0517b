/* The list of a backup's files: what sha256sum writes is read, and nothing that leads out of the folder. */
#include "../base/folder.h"

#include "base/text.h"
#include "upkeep/manifest.h"

#include <fcntl.h>

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
    const struct manifest_line *line = manifest_find(m, S("files/completed/b.dcm"));
    assert_non_null(line);
    assert_true(str_equal(line->sha256, S(D2)));
    assert_true(str_equal(manifest_find(m, S("about.txt"))->sha256, S(D1)));
    assert_null(manifest_find(m, S("about")));
    assert_null(manifest_find(m, S("files/completed/b.dcm2")));
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
    assert_true(str_equal(m->lines[0].path, S("a")));
    manifest_free(m);
    assert_int_equal(read_as(D1 "  b\n" D2 "  b\n", true, &m), E_INVALID);
    assert_int_equal(read_as("", true, &m), E_NONE);
    assert_null(manifest_find(m, S("a")));
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

enum { LONG_LINES = 1000 };

/* Each line has the digits of D2 and a number in four digits. */
static const char *write_long(struct folder *folder)
{
    struct text text;
    text_init(&text, 1 << 20);
    for (int i = 0; i < LONG_LINES; i++)
        text_format(&text, D2 "  files/%04d\n", i);
    folder_write(folder, "SHA256SUMS", text_str(&text));
    text_release(&text);
    return folder_file(folder, "SHA256SUMS");
}

/* Whoever cuts it while it is read, or a disk that fails, ends nobody. */
static void test_a_list_that_is_cut_is_unreadable(void **state)
{
    struct error error = { 0 };
    struct manifest *m;
    char path_of[MANIFEST_PATH_MAX + 1];
    const char *path = write_long(*state);
    assert_true(manifest_open(path, false, &m, &error));
    assert_int_equal(m->count, LONG_LINES);
    assert_int_equal(truncate(path, 100), 0);
    assert_null(manifest_find(m, S("files/0999")));
    assert_true(manifest_path(&m->lines[0], path_of, &error));
    assert_string_equal(path_of, "files/0000");
    assert_false(manifest_path(&m->lines[LONG_LINES - 1], path_of, &error));
    assert_int_equal(error.code, E_UNREADABLE);
    error_clear(&error);
    assert_false(manifest_close(m, &error));
    assert_int_equal(error.code, E_UNREADABLE);
    assert_true(manifest_close(NULL, &error));
}

/* A path that led nowhere when the list was judged does not lead out of the folder later. */
static void test_a_path_that_changes_is_not_followed(void **state)
{
    struct error error = { 0 };
    struct manifest *m;
    char path_of[MANIFEST_PATH_MAX + 1];
    const char *path = write_long(*state);
    assert_true(manifest_open(path, false, &m, &error));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "../../etc0", 10, SHA256_TEXT + 2), 10);
    close(fd);
    assert_false(manifest_path(&m->lines[0], path_of, &error));
    assert_int_equal(error.code, E_UNREADABLE);
    error_clear(&error);
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
        cmocka_unit_test(test_a_path_that_changes_is_not_followed),
        cmocka_unit_test(test_what_is_no_file_is_no_list),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
