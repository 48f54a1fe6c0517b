/* test_file_name.c - what files are called, whatever their senders call them. */
#include "base/file_name.h"

#include "test.h"

static struct arena arena;

static const struct {
    const char *sent, *name, *path;
} rows[] = {
    { "x.png", "x.png", "x.png" },
    { "片 1.png", "片 1.png", "片 1.png" },
    { "films/1.png", "1.png", "films/1.png" },
    { "../../x", "x", "x" },
    { "/etc/passwd", "passwd", "etc/passwd" },
    { "a\\..\\b/./c", "c", "a/b/c" },
    { "C:\\fakepath\\x.png", "x.png", "fakepath/x.png" },
    { "C:x.png", "x.png", "x.png" },
    { "C:d:x.png", "x.png", "x.png" },
    { "C:..", "unnamed", "unnamed" },
    { "12:30.png", "12:30.png", "12:30.png" },
    { "é:x.png", "é:x.png", "é:x.png" },
    { "...png", "...png", "...png" },
    { "", "unnamed", "unnamed" },
    { "\t", "\xef\xbf\xbd", NULL }, /* a tab is a control */
    { "   ", "unnamed", "unnamed" },
    { "films/", "unnamed", "films" },
    { "a/..", "unnamed", "a" },
    { "evil\xE2\x80\xAEgnp.exe", "evilgnp.exe", "evilgnp.exe" },
    { ".\xE2\x80\x8B./x", "x", "x" },                         /* what is dropped hides no ".." */
    { "a\xE2\x81\xA6 \xD8\x9C \xE2\x80\x8F", "a  ", "a  " },  /* isolate, letter mark, right-to-left mark */
    { "\xEF\xBB\xBFx\xF3\xA0\x81\xA1", "x", "x" },            /* byte order mark, tag */
    { "ه\xE2\x80\x8Cا", "ه\xE2\x80\x8Cا", "ه\xE2\x80\x8Cا" }, /* Persian is written with it */
    { "👨\xE2\x80\x8D👩.png", "👨\xE2\x80\x8D👩.png", "👨\xE2\x80\x8D👩.png" },
    { "a\x01\x7F\xC2\x85", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", NULL },
    { "\xFFx", "\xef\xbf\xbdx", NULL },
};

static void expect(struct str got, const char *wanted, const char *sent)
{
    if (!str_equal(got, str_from(wanted)))
        fail_msg("\"%s\": \"%.*s\" instead of \"%s\"", sent, STR_FMT(got), wanted);
}

static void names_and_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str name = file_name_of(str_from(rows[i].sent), &arena),
                   path = file_path_of(str_from(rows[i].sent), &arena);
        expect(name, rows[i].name, rows[i].sent);
        expect(file_name_of(name, &arena), rows[i].name, rows[i].name);
        if (rows[i].path)
            expect(path, rows[i].path, rows[i].sent);
        assert_true(str_equal(file_path_of(path, &arena), path));
    }
    assert_true(str_equal(file_name_of((struct str){ "a\0b", 3 }, &arena), S("a\xef\xbf\xbd"
                                                                             "b")));
    assert_true(str_equal(file_name_of(STR_NULL, &arena), S("unnamed")));
}

static void long_names_are_cut_at_a_code_point(void **state)
{
    char name[3 * 400];
    (void)state;
    for (int i = 0; i < 400; i++)
        memcpy(name + (ptrdiff_t)3 * i, "影", 3);
    struct str cut = file_name_of((struct str){ name, sizeof(name) }, &arena);
    assert_int_equal(cut.len, 510);
    assert_true(str_is_utf8(cut));
    char deep[1200];
    memset(deep, '/', sizeof(deep));
    for (int i = 0; i < 1199; i += 2)
        deep[i] = 'd';
    deep[1199] = 'x';
    assert_true(str_equal(file_name_of((struct str){ deep, sizeof(deep) }, &arena), S("dx")));
    assert_true(file_path_of((struct str){ deep, sizeof(deep) }, &arena).len <= FILE_NAME_BYTES_MAX);
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_paths),
        cmocka_unit_test(long_names_are_cut_at_a_code_point),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
