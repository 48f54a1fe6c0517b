/* The list of a backup's files: what sha256sum writes is read, and nothing that leads out of the folder. */
#include "upkeep/manifest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_found_by_path),        cmocka_unit_test(test_what_is_no_line_is_refused),
        cmocka_unit_test(test_a_nul_byte_ends_nothing),        cmocka_unit_test(test_paths_end_somewhere),
        cmocka_unit_test(test_the_same_said_again_may_be_one), cmocka_unit_test(test_the_first_wrong_line_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
