/* test_settings.c - from environment and `.env` to a struct; what is refused, suggested and shown. */
#include "folder.h"

#include "base/file.h"
#include "base/settings.h"

struct sample {
    struct str name, secret, note;
    int64_t port, size, wait;
    bool flag;
    unsigned level;
};

static const char *const levels[] = { "low", "middle", "high", NULL };

static const struct setting rows[] = {
    SETTING(struct sample, name, TEXT, "SAMPLE_NAME", "x-ray", .min = 2, .max = 8, .group = "First", .doc = "A name."),
    SETTING(struct sample, secret, TEXT, "SAMPLE_SECRET", NULL, .min = 4, .max = 100, .group = "First",
            .flags = SETTING_SECRET | SETTING_REQUIRED, .doc = "A secret."),
    SETTING(struct sample, note, TEXT, "SAMPLE_NOTE", "", .group = "First", .doc = "Anything."),
    SETTING(struct sample, port, INTEGER, "SAMPLE_PORT", "8000", .min = 1, .max = 65535, .group = "Second",
            .flags = SETTING_RELOAD, .doc = "A port."),
    SETTING(struct sample, size, SIZE, "SAMPLE_SIZE", "64KiB", .min = 1, .max = INT64_C(1) << 40, .group = "Second",
            .doc = "A size."),
    SETTING(struct sample, wait, DURATION, "SAMPLE_WAIT", "15m", .group = "Second", .doc = "A time."),
    SETTING(struct sample, flag, BOOLEAN, "SAMPLE_FLAG", "true", .group = "Second", .doc = "A flag."),
    SETTING(struct sample, level, CHOICE, "SAMPLE_LEVEL", "middle", .choices = levels, .group = "Second",
            .doc = "A level."),
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct loaded {
    struct sample config;
    bool good;
    struct str problems, warnings;
};

static struct loaded load(struct folder *folder, const char *env)
{
    const char *path = folder_file(folder, "sample.env");
    unlink(path);
    if (env)
        folder_write(folder, "sample.env", str_from(env));
    struct loaded loaded = { 0 };
    struct settings_report report;
    settings_report_init(&report);
    loaded.good = settings_load(rows, ROWS, path, &loaded.config, &folder->arena, &report);
    loaded.problems = arena_copy(&folder->arena, text_str(&report.problems));
    loaded.warnings = arena_copy(&folder->arena, text_str(&report.warnings));
    settings_report_release(&report);
    return loaded;
}

static int clean(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        unsetenv(rows[i].name);
    unsetenv("ROENTGEN_TEST_DATA"); /* the test runner's own */
    return 0;
}

static bool has(struct str s, const char *part)
{
    return str_find(s, str_from(part)) >= 0;
}

static void defaults(void **state)
{
    struct loaded loaded = load(*state, "SAMPLE_SECRET=long enough\n");
    assert_true(loaded.good);
    assert_str_is(loaded.problems, "");
    assert_str_is(loaded.warnings, "");
    assert_str_is(loaded.config.name, "x-ray");
    assert_str_is(loaded.config.secret, "long enough");
    assert_str_is(loaded.config.note, "");
    assert_int_equal(loaded.config.port, 8000);
    assert_int_equal(loaded.config.size, 65536);
    assert_int_equal(loaded.config.wait, 900);
    assert_true(loaded.config.flag);
    assert_int_equal(loaded.config.level, 1);
}

static void the_environment_wins(void **state)
{
    setenv("SAMPLE_SECRET", "from outside", 1);
    setenv("SAMPLE_PORT", "", 1); /* counts as not set */
    struct loaded loaded = load(*state, "SAMPLE_SECRET=from file\nSAMPLE_PORT=81\nSAMPLE_NAME=\n");
    assert_true(loaded.good);
    assert_str_is(loaded.config.secret, "from outside");
    assert_int_equal(loaded.config.port, 81);
    assert_str_is(loaded.config.name, "x-ray");
    clean(state);
    setenv("SAMPLE_SECRET", "from outside", 1);
    assert_true(load(*state, NULL).good); /* no file is fine */
}

static void every_problem_is_told(void **state)
{
    struct loaded loaded = load(*state, "SAMPLE_NAME=x\nSAMPLE_PORT=0\nSAMPLE_SIZE=12parsecs\nSAMPLE_WAIT=-1\n"
                                        "SAMPLE_FLAG=maybe\nSAMPLE_LEVEL=top\nnonsense\n");
    assert_false(loaded.good);
    assert_true(has(loaded.problems, "SAMPLE_NAME: must be text of 2 to 8 characters\n"));
    assert_true(has(loaded.problems, "SAMPLE_SECRET: must be set, in the environment"));
    assert_true(has(loaded.problems, "SAMPLE_PORT: must be a whole number from 1 to 65535\n"));
    assert_true(has(loaded.problems, "SAMPLE_SIZE: must be a size (512, 64KiB, 100MB, 2GiB) from 1 to 1TiB\n"));
    assert_true(has(loaded.problems, "SAMPLE_WAIT: must be a duration"));
    assert_true(has(loaded.problems, "SAMPLE_FLAG: must be true or false\n"));
    assert_true(has(loaded.problems, "SAMPLE_LEVEL: must be one of low, middle, high\n"));
    assert_true(has(loaded.problems, "line 7: there is no '='\n"));
    assert_false(has(loaded.problems, "parsecs")); /* values are not quoted */
}

static bool takes(struct folder *folder, const char *name, const char *value, struct sample *out)
{
    setenv("SAMPLE_SECRET", "long enough", 1);
    setenv(name, value, 1);
    struct loaded loaded = load(folder, NULL);
    clean(NULL);
    *out = loaded.config;
    return loaded.good;
}

static void limits(void **state)
{
    struct sample out;
    static const struct {
        const char *name, *value;
        bool good;
    } cases[] = {
        { "SAMPLE_PORT", "1", true },
        { "SAMPLE_PORT", "0", false },
        { "SAMPLE_PORT", "65535", true },
        { "SAMPLE_PORT", "65536", false },
        { "SAMPLE_PORT", "80 ", false },
        { "SAMPLE_PORT", "8e1", false },
        { "SAMPLE_NAME", "ab", true },
        { "SAMPLE_NAME", "a", false },
        { "SAMPLE_NAME", "12345678", true },
        { "SAMPLE_NAME", "123456789", false },
        { "SAMPLE_NAME", "\xE5\xBC\xA0\xE5\xBC\xA0\xE5\xBC\xA0\xE5\xBC\xA0", true }, /* 4 characters in 12 bytes */
        { "SAMPLE_NAME", "ab\xFF", false },
        { "SAMPLE_SIZE", "0", false },
        { "SAMPLE_SIZE", "1TiB", true },
        { "SAMPLE_SIZE", "1025GiB", false },
        { "SAMPLE_SIZE", "99999999TiB", false },
        { "SAMPLE_SIZE", "1K", false },
        { "SAMPLE_SIZE", "KiB", false },
        { "SAMPLE_SIZE", "-1", false },
        { "SAMPLE_WAIT", "1y", false },
        { "SAMPLE_WAIT", "99999999999999999d", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (takes(*state, cases[i].name, cases[i].value, &out) != cases[i].good)
            fail_msg("%s=%s", cases[i].name, cases[i].value);
    }
}

static void units(void **state)
{
    struct sample out;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = { { "512", 512 },
                  { "64KiB", 65536 },
                  { "2GiB", INT64_C(2147483648) },
                  { "100MB", 100000000 },
                  { "3 MiB", 3145728 },
                  { "1kb", 1000 },
                  { "7B", 7 },
                  { "1gb", 1000000000 } };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_true(takes(*state, "SAMPLE_SIZE", sizes[i].text, &out));
        assert_int_equal(out.size, sizes[i].bytes);
    }
    static const struct {
        const char *text;
        int64_t seconds;
    } waits[] = { { "90s", 90 }, { "15m", 900 }, { "12h", 43200 }, { "30d", 2592000 }, { "0", 0 } };
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        assert_true(takes(*state, "SAMPLE_WAIT", waits[i].text, &out));
        assert_int_equal(out.wait, waits[i].seconds);
    }
    static const char *const yes[] = { "true", "1", "yes", "on", "TRUE" }, *const no[] = { "false", "0", "no", "Off" };
    for (size_t i = 0; i < 5; i++)
        assert_true(takes(*state, "SAMPLE_FLAG", yes[i], &out) && out.flag);
    for (size_t i = 0; i < 4; i++)
        assert_true(takes(*state, "SAMPLE_FLAG", no[i], &out) && !out.flag);
    assert_true(takes(*state, "SAMPLE_LEVEL", "High", &out) && out.level == 2);
}

static void lines_of_the_file(void **state)
{
    static const struct {
        const char *line, *note; /* NULL: a problem */
    } cases[] = {
        { "SAMPLE_NOTE=plain", "plain" },
        { "SAMPLE_NOTE = spaced out  ", "spaced out" },
        { "export SAMPLE_NOTE=x", "x" },
        { "  SAMPLE_NOTE=x\r", "x" },
        { "SAMPLE_NOTE=a # comment", "a" },
        { "SAMPLE_NOTE=a#b", "a#b" },
        { "SAMPLE_NOTE=#c", "" },
        { "SAMPLE_NOTE='a # \\n \"b\"' # c", "a # \\n \"b\"" },
        { "SAMPLE_NOTE=\"a # \\\"b\\\" \\n \\$ \\x\"", "a # \"b\" \n $ \\x" },
        { "SAMPLE_NOTE=\"\"", "" },
        { "SAMPLE_NOTE=mysql://u:p=w@h/db?x=1", "mysql://u:p=w@h/db?x=1" },
        { "SAMPLE_NOTE=a'b", "a'b" },
        { "SAMPLE_NOTE=first\nSAMPLE_NOTE=second", "second" },
        { "# SAMPLE_NOTE=no\n\n   \n", "" },
        { "\xEF\xBB\xBFSAMPLE_NOTE=marked", "marked" },
        { "SAMPLE_NOTE='open", NULL },
        { "SAMPLE_NOTE=\"open\\\"", NULL },
        { "SAMPLE_NOTE='a' b", NULL },
        { "SAMPLE_NOTE=\"a\"b", NULL },
        { "SAMPLE NOTE=x", NULL },
        { "=x", NULL },
        { "1A=x", NULL },
        { "SAMPLE_NOTE=\xFF", NULL },
        { "export", NULL },
    };
    setenv("SAMPLE_SECRET", "long enough", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loaded loaded = load(*state, cases[i].line);
        if (loaded.good != (cases[i].note != NULL))
            fail_msg("%s: %.*s", cases[i].line, STR_FMT(loaded.problems));
        if (cases[i].note)
            assert_str_is(loaded.config.note, cases[i].note);
        else
            assert_true(has(loaded.problems, "sample.env line 1: "));
    }
}

static void unknown_names_are_warned_about(void **state)
{
    setenv("SAMPLE_SECRET", "long enough", 1);
    setenv("ROENTGEN_SAMPLE_PROT", "1", 1);
    setenv("SAMPLE_PROT", "1", 1); /* the environment is everybody's */
    struct loaded loaded = load(*state, "SAMPLE_PROT=1\nsample_size=5\nSAMPLE_PORT=5\nCOMPLETELY_DIFFERENT=1\n");
    unsetenv("ROENTGEN_SAMPLE_PROT");
    unsetenv("SAMPLE_PROT");
    assert_true(loaded.good);
    assert_true(has(loaded.warnings, "line 1: no setting is called SAMPLE_PROT; is SAMPLE_PORT meant?\n"));
    assert_true(has(loaded.warnings, "line 2: no setting is called sample_size; is SAMPLE_SIZE meant?\n"));
    assert_true(has(loaded.warnings, "line 4: no setting is called COMPLETELY_DIFFERENT\n"));
    assert_true(has(loaded.warnings, "environment: no setting is called ROENTGEN_SAMPLE_PROT; is SAMPLE_PORT"));
    assert_false(has(loaded.warnings, "line 3"));
    assert_false(has(loaded.warnings, "environment: no setting is called SAMPLE_PROT"));
}

static void a_file_that_cannot_be_read_is_a_problem(void **state)
{
    struct folder *folder = *state;
    setenv("SAMPLE_SECRET", "long enough", 1);
    struct settings_report report;
    settings_report_init(&report);
    struct sample config;
    assert_false(settings_load(rows, ROWS, folder->path, &config, &folder->arena, &report)); /* a directory */
    assert_true(has(text_str(&report.problems), folder->path));
    settings_report_release(&report);
}

static void secrets_are_masked(void **state)
{
    struct folder *folder = *state;
    struct loaded loaded = load(folder, "SAMPLE_SECRET=very private\nSAMPLE_SIZE=100MB\nSAMPLE_WAIT=90s\n"
                                        "SAMPLE_NOTE='a \"b\" $c'\n");
    assert_true(loaded.good);
    struct text out;
    text_init(&out, 10000);
    settings_print(rows, ROWS, &loaded.config, &out);
    assert_str_is(text_str(&out), "SAMPLE_NAME=x-ray\nSAMPLE_SECRET=\"********\"\nSAMPLE_NOTE=\"a \\\"b\\\" \\$c\"\n"
                                  "SAMPLE_PORT=8000\nSAMPLE_SIZE=100MB\nSAMPLE_WAIT=90s\nSAMPLE_FLAG=true\n"
                                  "SAMPLE_LEVEL=middle\n");
    text_release(&out);
    assert_str_is(settings_value(&rows[1], &loaded.config, &folder->arena), "********");
    loaded.config.secret = S("");
    assert_str_is(settings_value(&rows[1], &loaded.config, &folder->arena), "");
}

/* What is printed is read back as the same: the example as the defaults, the listing as what was in force. */
static void prints_are_read_back(void **state)
{
    struct folder *folder = *state;
    struct text out;
    text_init(&out, 10000);
    settings_print_example(rows, ROWS, &out);
    struct str example = arena_copy(&folder->arena, text_str(&out));
    assert_true(has(example, "# ===== Second =====\n"));
    assert_true(has(example, "# A port.\n"
                             "# a whole number from 1 to 65535; SIGHUP takes a new value\n# SAMPLE_PORT=8000\n"));
    assert_true(has(example, "\nSAMPLE_SECRET=\n"));
    struct loaded loaded = load(folder, example.at);
    assert_true(has(loaded.problems, "SAMPLE_SECRET: must be set, in the environment or in /"));
    assert_true(has(loaded.problems, "which does not set it"));
    assert_str_is(loaded.warnings, "");
    loaded = load(folder, "SAMPLE_SECRET=long enough\n"
                          "SAMPLE_NOTE=\"tab\\t quote\\\" \\\\ \\$ # ' end\"\nSAMPLE_SIZE=3MiB\n");
    text_clear(&out);
    settings_print(rows, ROWS, &loaded.config, &out);
    struct loaded again = load(folder, arena_cstring(&folder->arena, text_str(&out)));
    assert_true(again.good);
    assert_true(str_equal(again.config.note, loaded.config.note));
    assert_int_equal(again.config.size, 3145728);
    text_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, clean, clean),
        cmocka_unit_test_setup_teardown(the_environment_wins, clean, clean),
        cmocka_unit_test_setup_teardown(every_problem_is_told, clean, clean),
        cmocka_unit_test_setup_teardown(limits, clean, clean),
        cmocka_unit_test_setup_teardown(units, clean, clean),
        cmocka_unit_test_setup_teardown(lines_of_the_file, clean, clean),
        cmocka_unit_test_setup_teardown(unknown_names_are_warned_about, clean, clean),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_a_problem, clean, clean),
        cmocka_unit_test_setup_teardown(secrets_are_masked, clean, clean),
        cmocka_unit_test_setup_teardown(prints_are_read_back, clean, clean),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
