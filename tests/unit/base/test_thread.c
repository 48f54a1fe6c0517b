/* test_thread.c - threads that begin, wait, are woken and end; also run under ThreadSanitizer (meson.build). */
#include "test.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>

/* ---- the system, which may refuse ---- */

static int refusal; /* errno of the next pthread_create; 0: it is done */

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    return refusal ? refusal : __real_pthread_create(id, attributes, run, context);
}

/* ---- a thread ---- */

struct seen {
    struct thread thread;
    char name[16];
    sigset_t mask;
    bool self;
};

static void look(void *context)
{
    struct seen *seen = context;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    seen->self = thread_is_self(&seen->thread);
}

static void thread_has_a_name_and_takes_no_signals(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    struct error error = { 0 };
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_true(thread_start(&seen.thread, "fifteen-letters", look, &seen, &error));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_false(thread_is_self(&seen.thread));
    thread_join(&seen.thread);
    assert_string_equal(seen.name, "fifteen-letters");
    assert_true(seen.self);
    static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE, SIGALRM };
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        assert_true(sigismember(&seen.mask, ours[i]));
    static const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        assert_false(sigismember(&seen.mask, faults[i]));
    for (int number = 1; number < NSIG; number++)
        assert_int_equal(sigismember(&after, number), sigismember(&before, number));
}

static void joined_twice_or_never_started(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    struct thread none = { 0 };
    struct error error = { 0 };
    thread_join(&none);
    assert_true(thread_start(&seen.thread, "once", look, &seen, &error));
    assert_true(seen.thread.started);
    thread_join(&seen.thread);
    assert_false(seen.thread.started);
    thread_join(&seen.thread);
    assert_true(thread_start(&seen.thread, "again", look, &seen, &error));
    thread_join(&seen.thread);
    assert_string_equal(seen.name, "again");
}

static void cannot_be_made(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    struct background background = { 0 };
    struct error error = { 0 };
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    refusal = EAGAIN;
    assert_false(thread_start(&seen.thread, "too-many", look, &seen, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    assert_string_equal(error.message, "cannot start the thread too-many: Resource temporarily unavailable");
    assert_false(seen.thread.started);
    thread_join(&seen.thread);
    error_clear(&error);
    assert_false(background_start(&background, "too-many", look, &seen, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    refusal = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

/* ---- waiting ---- */

static void waits_until_a_moment(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    int64_t moments[] = { clock_monotonic_us() + 2000, clock_monotonic_us() - 1, 0, -5, INT64_MIN };
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        while (thread_wait(&never, &lock, moments[i]))
            continue;
        assert_true(clock_monotonic_us() >= moments[i]);
    }
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
    pthread_mutex_destroy(&lock);
}

/* ---- the background ---- */

enum { PIECES = 2000 };

/* Adds up what it is given. */
struct adder {
    struct background background;
    pthread_cond_t added; /* who gives waits for it, with the same lock */
    int waiting[8];
    int count, late;
    int64_t sum;
    int64_t until_us; /* for how long it waits each time */
};

static void add_all(void *context)
{
    struct adder *a = context;
    background_lock(&a->background);
    while (a->count || !a->background.stopping) {
        if (!a->count) {
            background_wait(&a->background, a->until_us);
            continue;
        }
        int piece = a->waiting[--a->count];
        background_unlock(&a->background);
        if (background_is_stopping(&a->background))
            a->late++; /* what waited is done all the same */
        background_lock(&a->background);
        a->sum += piece;
        pthread_cond_signal(&a->added);
    }
    background_unlock(&a->background);
}

static void start_adder(struct adder *a, int64_t until_us)
{
    struct error error = { 0 };
    *a = (struct adder){ .until_us = until_us };
    pthread_cond_init(&a->added, NULL);
    assert_true(background_start(&a->background, "adder", add_all, a, &error));
}

static void give(struct adder *a, int piece)
{
    background_lock(&a->background);
    while (a->count == 8)
        assert_true(thread_wait(&a->added, &a->background.lock, NEVER));
    a->waiting[a->count++] = piece;
    background_wake(&a->background);
    background_unlock(&a->background);
}

static void end_adder(struct adder *a)
{
    background_stop(&a->background);
    background_lock(&a->background); /* may still be looked at */
    background_unlock(&a->background);
    background_release(&a->background);
    pthread_cond_destroy(&a->added);
}

static void everything_given_is_done_before_the_end(void **state)
{
    (void)state;
    struct adder a;
    start_adder(&a, NEVER);
    for (int i = 1; i <= PIECES; i++)
        give(&a, i);
    end_adder(&a);
    assert_int_equal(a.sum, (int64_t)PIECES * (PIECES + 1) / 2);
    assert_int_equal(a.count, 0);
}

static void ends_while_it_waits(void **state)
{
    (void)state;
    struct adder a;
    int64_t waits[] = { NEVER, clock_monotonic_us() + INT64_C(3600000000), 0 };
    for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
        for (int round = 0; round < 50; round++) {
            start_adder(&a, waits[i]);
            if (round % 2)
                give(&a, 7);
            assert_false(background_is_stopping(&a.background));
            end_adder(&a);
            assert_int_equal(a.sum, round % 2 ? 7 : 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_has_a_name_and_takes_no_signals),
        cmocka_unit_test(joined_twice_or_never_started),
        cmocka_unit_test(cannot_be_made),
        cmocka_unit_test(waits_until_a_moment),
        cmocka_unit_test(everything_given_is_done_before_the_end),
        cmocka_unit_test(ends_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
