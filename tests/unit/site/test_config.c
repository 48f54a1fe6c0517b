/* test_config.c - settings as the program meets them: defaults, what is refused, and what does not go together. */
#include "site/config.h"

#include "../base/folder.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const secret = "q8Zr2mWv5xTn7bLc4kJh9sGd3fPy6uEa";

/* Loads with these settings in the environment and nothing beside. */
static bool loads(struct config *config, struct arena *arena, const char *name, const char *value)
{
    setenv("SECRET_KEY", secret, 1);
    if (name)
        setenv(name, value, 1);
    int kept = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr)); /* complaints are read by people */
    bool ok = config_load(config, arena);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    if (name)
        unsetenv(name);
    return ok;
}

static void defaults_hold_together(void **state)
{
    (void)state;
    struct arena arena;
    struct config config;
    const char *names[CONTRADICTIONS_MAX];
    arena_init(&arena);
    assert_true(loads(&config, &arena, NULL, NULL));
    assert_int_equal(config_contradictions(&config, names), 0);
    assert_int_equal(config.decoder_timeout_s, 30);
    assert_int_equal(config.max_upload_bytes, INT64_C(4) << 30);
    arena_release(&arena);
}

static void units_are_read(void **state)
{
    (void)state;
    struct arena arena;
    struct config config;
    arena_init(&arena);
    assert_true(loads(&config, &arena, "IDLE_TIMEOUT", "2m"));
    assert_int_equal(config.idle_timeout_s, 120);
    assert_true(loads(&config, &arena, "MAX_UPLOAD", "3GiB"));
    assert_int_equal(config.max_upload_bytes, INT64_C(3) << 30);
    assert_true(loads(&config, &arena, "MAX_UPLOAD", "100MB"));
    assert_int_equal(config.max_upload_bytes, 100000000);
    arena_release(&arena);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "WORKERS", "1" },     { "WORKERS", "many" },       { "IDLE_TIMEOUT", "5" },        { "IDLE_TIMEOUT", "0s" },
        { "MAX_UPLOAD", "-1" }, { "RATE_LIMIT", "perhaps" }, { "REGISTRATION", "sideways" }, { "SECRET_KEY", "short" },
    };
    struct arena arena;
    struct config config;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_false(loads(&config, &arena, rows[i][0], rows[i][1]));
    assert_true(loads(&config, &arena, "WORKERS", "")); /* as if it were not there */
    arena_release(&arena);
}

static void what_cannot_go_together_is_named(void **state)
{
    (void)state;
    struct config config = { .memory_budget_bytes = 64 << 20, .max_frame_bytes = 256 << 20, .max_json_bytes = 1 << 20 };
    const char *names[CONTRADICTIONS_MAX];
    assert_int_equal(config_contradictions(&config, names), 1);
    assert_string_equal(names[0], "MAX_FRAME");
    config.max_json_bytes = 65 << 20;
    assert_int_equal(config_contradictions(&config, names), 2);
    assert_string_equal(names[1], "MAX_JSON");
    config.memory_budget_bytes = 256 << 20; /* just enough */
    assert_int_equal(config_contradictions(&config, names), 0);
}

static void secrets_that_are_none(void **state)
{
    (void)state;
    static const char *const none[] = {
        "00000000000000000000000000000000",         "abcabcabcabcabcabcabcabcabcabcabcab",
        "0123456789012345678901234567890123456789", "your-secret-key-change-in-production-please",
        "CHANGE-ME-CHANGE-ME-CHANGE-ME-9f8a7",
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_true(config_secret_is_guessable(str_from(none[i])));
    static const char *const good[] = {
        "q8Zr2mWv5xTn7bLc4kJh9sGd3fPy6uEa", "3f786850e387550fdab836ed7e6dc881de23001b", /* hexadecimal */
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_false(config_secret_is_guessable(str_from(good[i])));
}

/* No .env of anybody's. */
static int enter_folder(void **state)
{
    return folder_setup(state) || chdir(((struct folder *)*state)->path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_together),   cmocka_unit_test(units_are_read),
        cmocka_unit_test(what_is_wrong_is_refused), cmocka_unit_test(what_cannot_go_together_is_named),
        cmocka_unit_test(secrets_that_are_none),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_teardown);
}
