/* test_cli.c - command lines, and their help. */
#include "check.h"
#include "demo.h"

#include "schema/cli.h"

struct command {
    struct str name, user_name;
    int64_t page_size;
    bool verbose;
    unsigned level;
    struct texts files;
    int64_t id;
};

static const char *const levels[] = { "low", "high", NULL };
static const struct field command_fields[] = {
    FIELD(struct command, id, .flags = READ_ONLY, .doc = "Not an option."),
    FIELD(struct command, name, .flags = REQUIRED, .max = 20, .doc = "Its name."),
    FIELD(struct command, user_name, .max = 20, .doc = "Who."),
    FIELD(struct command, page_size, .min = 1, .max = 100, .fallback = "20", .doc = "Rows."),
    FIELD(struct command, verbose, .doc = "Say more."),
    FIELD(struct command, level, .choices = levels, .doc = "How much."),
    FIELD(struct command, files, .max = 3, .doc = "Files."),
};
static const struct schema command_schema = SCHEMA("Command", struct command, command_fields, .doc = "Does something.");

static struct call c;
static struct command *got;
static uint64_t given;

static int setup(void **state)
{
    (void)state;
    call_init(&c, NULL, NULL);
    got = schema_new(&command_schema, &c.arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    call_release(&c);
    return 0;
}

/* Words separated by '|'. */
static bool decode_with(const char *line, const char *positional)
{
    error_clear(&c.error);
    schema_clear(&command_schema, got);
    char *argv[20];
    int argc = 0;
    struct str rest = str_from(line), word;
    while (rest.at) {
        str_cut(rest, '|', &word, &rest);
        argv[argc++] = (char *)arena_copy(&c.arena, word).at;
    }
    given = 0;
    return cli_decode(&c, line[0] ? argc : 0, argv, positional, &command_schema, got, &given);
}

static bool decode(const char *line)
{
    return decode_with(line, "name,files");
}

static void options(void **state)
{
    (void)state;
    assert_true(decode("--name|x|--page-size=7|--verbose|--user_name|张|--level|high"));
    assert_str(got->name, "x");
    assert_int_equal(got->page_size, 7);
    assert_true(got->verbose);
    assert_str(got->user_name, "张");
    assert_int_equal(got->level, 2);
    assert_true(given == (GIVEN(1) | GIVEN(2) | GIVEN(3) | GIVEN(4) | GIVEN(5)));
    assert_true(decode("x|--verbose=false"));
    assert_false(got->verbose);
    assert_int_equal(got->page_size, 20);
    assert_true(got->id == INTEGER_NULL);
    assert_true(decode("--name=--x=y"));
    assert_str(got->name, "--x=y");
}

static void bare_words(void **state)
{
    (void)state;
    assert_true(decode("n|a,b|--verbose|-|c"));
    assert_str(got->name, "n");
    assert_int_equal(got->files.count, 3);
    assert_str(got->files.items[0], "a,b");
    assert_str(got->files.items[1], "-");
    assert_true(decode("--|--n"));
    assert_str(got->name, "--n");
    assert_false(decode("n|a|b|c|d"));
    check_problem(&c, "files", "too_long");
    assert_false(decode_with("n|m", "name"));
    check_problem(&c, "m", "unknown");
    assert_false(decode_with("--name|x|n", NULL));
    check_problem(&c, "n", "unknown");
}

static void problems(void **state)
{
    (void)state;
    assert_false(decode(""));
    check_problem(&c, "name", "missing");
    assert_false(decode("n|--nope|--page-size|x|--id|3|--user-name"));
    assert_str(problems_text(&c), "nope:unknown page_size:not_an_integer id:unknown user_name:missing_value");
}

static void problem_details(void **state)
{
    (void)state;
    assert_false(decode("n|--page-size|101"));
    check_problem(&c, "page_size", "too_large");
    assert_false(decode("n|--page-size|2|--page-size|3"));
    check_problem(&c, "page_size", "duplicate");
    assert_false(decode("n|--user-name|--verbose"));
    check_problem(&c, "user_name", "missing_value");
    assert_false(decode("n|--name|m"));
    check_problem(&c, "name", "duplicate");
    assert_false(decode("n|--verbose=maybe"));
    check_problem(&c, "verbose", "not_a_boolean");
    assert_false(decode("n|a\xff"));
    check_problem(&c, "files", "not_utf8");
    assert_string_equal(c.error.problems->place, "command line");
    assert_false(decode("n|--page_siz|2"));
}

static void help(void **state)
{
    (void)state;
    struct text out;
    text_init(&out, 65536);
    cli_print_help(&out, "thing", "name,files", &command_schema);
    assert_str(text_str(&out), "Usage: roentgen thing [options] NAME [FILES...]\n"
                               "\n"
                               "Does something.\n"
                               "\n"
                               "  NAME\n"
                               "        Its name. (required)\n"
                               "  --user-name TEXT\n"
                               "        Who.\n"
                               "  --page-size INTEGER\n"
                               "        Rows. (1 to 100; default 20)\n"
                               "  --verbose\n"
                               "        Say more.\n"
                               "  --level low|high\n"
                               "        How much.\n"
                               "  FILES\n"
                               "        Files. (at most 3)\n");
    text_release(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options), TEST(bare_words), TEST(problems), TEST(problem_details), TEST(help),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
