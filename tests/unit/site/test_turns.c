/* test_turns.c - one at a time about the same thing, and nobody held up by another. */
#include "site/turns.h"

#include "../base/test.h"

#include <pthread.h>
#include <stdatomic.h>

struct taker {
    struct turns *turns;
    const char *key;
    atomic_int *inside, *most;
    int rounds;
};

static void *take_again_and_again(void *context)
{
    struct taker *t = context;
    for (int i = 0; i < t->rounds; i++) {
        struct turn turn;
        if (!turn_take(t->turns, str_from(t->key), &turn))
            return t;
        int now = atomic_fetch_add(t->inside, 1) + 1;
        if (now > atomic_load(t->most))
            atomic_store(t->most, now);
        atomic_fetch_sub(t->inside, 1);
        turn_give(&turn);
    }
    return NULL;
}

static void two_never_have_the_same_turn(void **state)
{
    (void)state;
    enum { N = 8, ROUNDS = 2000 };
    struct turns *turns = turns_new();
    pthread_t threads[N];
    atomic_int inside = 0, most = 0;
    struct taker taker = { turns, "same", &inside, &most, ROUNDS };
    void *gave_up;
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_again_and_again, &taker), 0);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], &gave_up);
        assert_null(gave_up);
    }
    assert_int_equal(most, 1);
    turns_free(turns);
}

static void other_keys_are_free(void **state)
{
    (void)state;
    struct turns *turns = turns_new();
    struct turn a, b, c;
    char copy[] = "a"; /* keys are the same when their letters are */
    assert_true(turn_take(turns, S("a"), &a));
    assert_true(turn_take(turns, S("b"), &b));
    turn_give(&a);
    assert_true(turn_take(turns, str_from(copy), &c));
    turn_give(&b);
    turn_give(&c);
    turn_give(&c); /* given already */
    turns_free(turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_never_have_the_same_turn),
        cmocka_unit_test(other_keys_are_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
