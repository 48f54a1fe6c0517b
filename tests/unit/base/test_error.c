/* test_error.c - errors, problems, calls and values. */
#include "test.h"

#undef fail /* cmocka's; base/call.h has its own */
#include "base/call.h"
#include "base/value.h"

#include <math.h>

static void every_code_has_a_row(void **state)
{
    (void)state;
    int before = 0;
    for (int code = 0; code < E_CODES; code++) {
        const struct error_row *row = error_row((enum error_code)code);
        assert_true(row->status > before); /* the table is in the order of statuses */
        before = row->status;
        assert_true(strlen(row->title) > 1);
        assert_true(str_is_utf8(str_from(row->title_zh)) && strlen(row->title_zh) > 3);
        bool is_4xx = row->status >= 400 && row->status < 500;
        assert_int_equal(row->message_is_public,
                         is_4xx || code == E_UNREADABLE || code == E_UNAVAILABLE || code == E_STORAGE_FULL);
    }
    assert_int_equal(error_row(E_NONE)->status, 200);
    assert_int_equal(error_row(E_INVALID)->status, 422);
    assert_int_equal(error_row(E_HEADERS_TOO_LARGE)->status, 431);
    assert_int_equal(error_row(E_STORAGE_FULL)->status, 507);
}

static void the_first_cause_stays(void **state)
{
    (void)state;
    struct error error = { 0 };
    assert_false(error_set(&error, E_NOT_FOUND, "study %d", 7));
    int line = error.line;
    assert_false(error_set(&error, E_INTERNAL, "later"));
    assert_int_equal(error.code, E_NOT_FOUND);
    assert_string_equal(error.message, "study 7");
    assert_int_equal(error.line, line);
    assert_non_null(strstr(error.file, "test_error.c"));
    error.retry_after_s = 5;
    error_clear(&error);
    assert_int_equal(error.code, E_NONE);
    assert_string_equal(error.message, "");
    assert_int_equal(error.retry_after_s, 0);
    error_set(&error, E_GONE, "new");
    assert_string_equal(error.message, "new");
}

static void long_messages_are_cut_between_code_points(void **state)
{
    (void)state;
    for (int start = 0; start < 4; start++) {
        char text[600] = "";
        memset(text, 'x', (size_t)start);
        for (int i = start; i + 3 < (int)sizeof(text) - 1; i += 3)
            memcpy(text + i, "\xE5\xBC\xA0", 3);
        struct error error = { 0 };
        error_set(&error, E_CONFLICT, "%s", text);
        ptrdiff_t len = (ptrdiff_t)strlen(error.message);
        assert_true(len > ERROR_MESSAGE_MAX - 4 && len < ERROR_MESSAGE_MAX);
        assert_true(str_is_utf8((struct str){ error.message, len }));
    }
    char plain[500] = "";
    memset(plain, 'y', ERROR_MESSAGE_MAX - 1);
    struct error error = { 0 };
    error_set(&error, E_CONFLICT, "%s", plain);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
}

static void problems_keep_their_order(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct arena arena;
    arena_init(&arena);
    char member[] = "items.2.name";
    assert_false(error_add_problem(&error, &arena, "body", (struct str){ member, 12 }, "too_long", "at most %d", 9));
    memset(member, 'x', sizeof(member)); /* problems do not point into the input */
    assert_false(error_add_problem(&error, &arena, "query", STR_NULL, "missing", "needed"));
    assert_int_equal(error.code, E_INVALID);
    assert_int_equal(error.problem_count, 2);
    assert_str_is(error.problems->member, "items.2.name");
    assert_str_is(error.problems->message, "at most 9");
    assert_string_equal(error.problems->type, "too_long");
    assert_string_equal(error.problems->next->place, "query");
    assert_true(str_is_null(error.problems->next->member));
    assert_null(error.problems->next->next);
    arena_release(&arena);
}

static void what_is_told_of_an_error_is_public(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct arena arena;
    arena_init(&arena);
    error_set(&error, E_CONFLICT, "it is there");
    assert_str_is(error_told(&error), "it is there");
    error_clear(&error);
    error_set(&error, E_INTERNAL, "table patients is locked");
    assert_str_is(error_told(&error), error_row(E_INTERNAL)->title);
    error_clear(&error);
    error_set(&error, E_NOT_FOUND, "%s", "");
    assert_str_is(error_told(&error), error_row(E_NOT_FOUND)->title);
    error_clear(&error);
    error_add_problem(&error, &arena, "body", S("a"), "too_long", "at most 9");
    error_add_problem(&error, &arena, "body", S("b"), "missing", "needed");
    assert_str_is(error_told(&error), "at most 9");
    arena_release(&arena);
}

static void problems_are_bounded(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < PROBLEMS_MAX + 10; i++)
        error_add_problem(&error, &arena, "body", S("a"), "missing", "problem %d", i);
    assert_int_equal(error.problem_count, PROBLEMS_MAX + 10);
    int kept = 0;
    for (struct problem *problem = error.problems; problem; problem = problem->next)
        kept++;
    assert_int_equal(kept, PROBLEMS_MAX);
    error_clear(&error);
    assert_null(error.problems);
    error_set(&error, E_TOO_LARGE, "first");
    error_add_problem(&error, &arena, "body", S("a"), "missing", "later");
    assert_int_equal(error.code, E_TOO_LARGE);
    assert_int_equal(error.problem_count, 1);
    arena_release(&arena);
}

static void calls(void **state)
{
    (void)state;
    struct call call;
    int app, db;
    call_init(&call, (struct app *)(void *)&app, (struct db *)(void *)&db);
    call.in = arena_alloc(&call.arena, 10);
    call.given = 5;
    assert_false(fail(&call, E_LOCKED, "by %s", "another"));
    assert_string_equal(call.error.message, "by another");
    call_reset(&call);
    assert_int_equal(call.error.code, E_NONE);
    assert_null(call.in);
    assert_int_equal(call.given, 0);
    assert_int_equal(call.arena.used_bytes, 0);
    assert_ptr_equal(call.app, &app);
    assert_ptr_equal(call.db, &db);
    call_release(&call);
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(V(S("x")).type, VALUE_TEXT);
    assert_int_equal(V(S("")).type, VALUE_TEXT);
    assert_int_equal(V(STR_NULL).type, VALUE_NOTHING);
    assert_int_equal(V((int64_t)5).integer, 5);
    assert_int_equal(V(INTEGER_NULL).type, VALUE_NOTHING);
    assert_int_equal(V(-7).type, VALUE_INTEGER);
    assert_int_equal(V(-7).integer, -7);
    assert_int_equal(V((bool)true).type, VALUE_BOOLEAN);
    assert_true(V((bool)true).boolean);
    assert_true(V(0.5).type == VALUE_REAL && V(0.5).real == 0.5);
    assert_int_equal(V((double)NAN).type, VALUE_NOTHING);
    assert_int_equal(V(INSTANT_NULL).type, VALUE_NOTHING);
    assert_int_equal(V(((struct instant){ -3 })).integer, -3);
    assert_int_equal(V(value_int(9)).integer, 9);
    assert_int_equal(value_nothing().type, VALUE_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_row),
        cmocka_unit_test(the_first_cause_stays),
        cmocka_unit_test(long_messages_are_cut_between_code_points),
        cmocka_unit_test(problems_keep_their_order),
        cmocka_unit_test(what_is_told_of_an_error_is_public),
        cmocka_unit_test(problems_are_bounded),
        cmocka_unit_test(calls),
        cmocka_unit_test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
