/* test_tries.c - counted failures and the locks they leave, at chosen moments. */
#include "kv/tries.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOW (1000 * SECOND)

static const struct tries_rule rule = { .most = 3, .lock_us = 60 * SECOND };

static int64_t fail_at(struct tries *tries, const char *key, int64_t now_us)
{
    bool begins;
    return tries_fail(tries, str_from(key), &rule, now_us, 0, &begins);
}

static void the_last_failure_allowed_locks(void **state)
{
    (void)state;
    struct tries *tries = tries_new(100);
    bool begins;
    assert_int_equal(fail_at(tries, "a", NOW), 0);
    assert_int_equal(fail_at(tries, "a", NOW + 1), 0);
    assert_int_equal(tries_fail(tries, S("a"), &rule, NOW + 2, 0, &begins), NOW + 2 + 60 * SECOND);
    assert_true(begins);
    assert_int_equal(tries_fail(tries, S("a"), &rule, NOW + 30 * SECOND, 0, &begins), NOW + 2 + 60 * SECOND);
    assert_false(begins); /* not made longer */
    assert_int_equal(tries_locked_until(tries, S("a"), NOW + 59 * SECOND, 0), NOW + 2 + 60 * SECOND);
    assert_int_equal(tries_locked_until(tries, S("b"), NOW, 0), 0);
    assert_int_equal(tries_locked_until(tries, S("a"), NOW + 2 + 60 * SECOND, 0), 0);
    assert_int_equal(fail_at(tries, "a", NOW + 61 * SECOND), 0); /* it begins anew */
    tries_free(tries);
}

static void old_and_forgiven_failures_do_not_count(void **state)
{
    (void)state;
    struct tries *tries = tries_new(100);
    bool begins;
    fail_at(tries, "a", NOW);
    fail_at(tries, "a", NOW + 1);
    assert_int_equal(fail_at(tries, "a", NOW + 62 * SECOND), 0);
    fail_at(tries, "b", NOW);
    fail_at(tries, "b", NOW + 1);
    assert_int_equal(tries_fail(tries, S("b"), &rule, NOW + 2, NOW + 1, &begins), 0);
    fail_at(tries, "c", NOW);
    fail_at(tries, "c", NOW);
    fail_at(tries, "c", NOW);
    assert_int_equal(tries_locked_until(tries, S("c"), NOW + 5, NOW + 4), 0);
    assert_int_equal(tries_locked_until(tries, S("c"), NOW + 5, 0), 0); /* for good */
    fail_at(tries, "d", NOW);
    fail_at(tries, "d", NOW);
    tries_forget(tries, S("d"));
    assert_int_equal(fail_at(tries, "d", NOW), 0);
    tries_free(tries);
}

static void a_lock_can_be_taken_over(void **state)
{
    (void)state;
    struct tries *tries = tries_new(100);
    tries_lock(tries, S("a"), NOW, NOW + SECOND);
    assert_int_equal(tries_locked_until(tries, S("a"), NOW + 1, 0), NOW + SECOND);
    assert_int_equal(tries_locked_until(tries, S("a"), NOW + 1, NOW - 1), NOW + SECOND);
    assert_int_equal(tries_locked_until(tries, S("a"), NOW + SECOND, 0), 0);
    tries_free(tries);
}

static void invented_keys_push_out_invented_keys(void **state)
{
    (void)state;
    struct tries *tries = tries_new(64);
    char key[32];
    fail_at(tries, "victim", NOW);
    fail_at(tries, "victim", NOW);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof(key), "invented %d", i);
        fail_at(tries, key, NOW + 1);
    }
    assert_int_equal(fail_at(tries, "victim", NOW + 2), NOW + 2 + 60 * SECOND);
    tries_free(tries);
}

static atomic_int passed;

static void *guess(void *tries)
{
    for (int i = 0; i < 1000; i++)
        passed += fail_at(tries, "one", NOW) == 0;
    return NULL;
}

static void guesses_at_the_same_moment_count_each(void **state)
{
    (void)state;
    struct tries *tries = tries_new(64);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, tries), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(passed, 2);
    tries_free(tries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_failure_allowed_locks),
        cmocka_unit_test(old_and_forgiven_failures_do_not_count),
        cmocka_unit_test(a_lock_can_be_taken_over),
        cmocka_unit_test(invented_keys_push_out_invented_keys),
        cmocka_unit_test(guesses_at_the_same_moment_count_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
