/* test_budget.c - who may hold how much, and that all of it comes back. */
#include "test.h"

#include "base/budget.h"
#include "base/text.h"

enum { MB = 1 << 20 };

static void shares(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct budget *budget = budget_new(100 * MB, 40 * MB);
    struct hold one = { budget, budget_account(1), 0 }, two = one, other = { budget, budget_account(2), 0 };
    assert_true(hold_more(&one, 30 * MB, &error));
    assert_false(hold_more(&two, 11 * MB, &error)); /* of the same account */
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_true(error.retry_after_s > 0);
    error_clear(&error);
    assert_true(hold_more(&two, 10 * MB, &error));
    assert_false(hold_more(&other, 61 * MB, &error)); /* more than there is now */
    assert_int_equal(error.code, E_UNAVAILABLE);
    error_clear(&error);
    assert_true(hold_more(&other, 60 * MB, &error)); /* more than a share, but the only thing */
    assert_false(hold_more(&other, 1 * MB, &error));
    error_clear(&error);
    assert_true(hold_more(&other, HOLD_FROM_BYTES - 1, &error)); /* not counted */
    assert_int_equal(budget_used(budget), 100 * MB);
    hold_less(&one, 10 * MB);
    assert_int_equal(one.bytes, 20 * MB);
    hold_end(&one);
    hold_end(&one);
    hold_end(&two);
    hold_end(&other);
    assert_int_equal(budget_used(budget), 0);
    budget_free(budget);
    budget_free(NULL);
}

/* What could not be had on an idle server is never told to come again. */
static void what_never_fits(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct budget *budget = budget_new(100 * MB, 50 * MB);
    struct hold one = { budget, budget_account(1), 0 }, other = { budget, budget_account(2), 0 };
    assert_false(hold_more(&one, 101 * MB, &error));
    assert_int_equal(error.code, E_TOO_LARGE);
    assert_int_equal(error.retry_after_s, 0);
    assert_non_null(strstr(error.message, "MEMORY_BUDGET"));
    error_clear(&error);
    for (int i = 0; i < 99; i++) /* step by step, past its share, since it is the only one of its account */
        assert_true(hold_more(&one, MB, &error));
    assert_true(hold_more(&other, MB, &error));
    assert_false(hold_more(&one, MB, &error)); /* which fitted without the other */
    assert_int_equal(error.code, E_UNAVAILABLE);
    error_clear(&error);
    assert_false(hold_more(&one, 2 * MB, &error));
    assert_int_equal(error.code, E_TOO_LARGE);
    assert_int_equal(budget_used(budget), 100 * MB);
    hold_end(&one);
    hold_end(&other);
    budget_free(budget);
}

static void strangers(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct budget *budget = budget_new(100 * MB, 32 * MB);
    struct hold first = { budget, budget_stranger(S("10.0.0.1")), 0 }, second = first;
    struct hold known = { budget, budget_account(7), 0 };
    assert_true(hold_more(&first, MB / 2, &error));
    assert_true(hold_more(&second, MB / 2, &error));
    assert_false(hold_more(&second, MB / 2, &error)); /* a 32nd of a share */
    error_clear(&error);
    assert_true(hold_more(&known, 20 * MB, &error)); /* from there, too, but signed in */
    hold_end(&known);
    hold_end(&first);
    hold_end(&second);
    assert_int_equal(budget_used(budget), 0);
    budget_free(budget);
    struct hold unlimited = { NULL, 0, 0 };
    assert_true(hold_more(&unlimited, INT64_MAX, &error));
    hold_end(&unlimited);
}

/* A text that may not grow is told as overflowed, and gives back what it held. */
static void texts(void **state)
{
    (void)state;
    struct budget *budget = budget_new(MB, MB / 2);
    struct hold hold = { budget, budget_account(1), 0 };
    struct text text;
    text_init(&text, 8 * MB);
    text.hold = &hold;
    for (int i = 0; i < 3 * MB / 16 && !text.overflowed; i++)
        text_put(&text, S("0123456789abcdef"));
    assert_true(text.overflowed && text.starved);
    assert_true(budget_used(budget) > 0 && budget_used(budget) <= MB);
    text_clear(&text); /* what is large is not kept */
    assert_int_equal(budget_used(budget), 0);
    assert_false(text.overflowed || text.starved);
    text_put(&text, S("again"));
    assert_int_equal(text.len, 5);
    text_release(&text);
    budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),
        cmocka_unit_test(what_never_fits),
        cmocka_unit_test(strangers),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
