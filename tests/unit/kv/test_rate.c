/* test_rate.c - token buckets, at chosen moments. */
#include "kv/rate.h"

#include "base/clock.h"
#include "kv/siphash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <setjmp.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)

static void siphash_gives_the_published_values(void **state)
{
    (void)state;
    /* From the authors' reference vectors for SipHash-2-4-128: key 00..0f, input of n bytes 00 01 02 ... */
    struct sip_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    char input[16];
    for (int i = 0; i < 16; i++)
        input[i] = (char)i;
    static const struct {
        ptrdiff_t len;
        uint64_t a, b;
    } rows[] = {
        { 0, 0xe6a825ba047f81a3, 0x930255c71472f66d },
        { 1, 0x44af996bd8c187da, 0x45fc229b11597634 },
        { 15, 0x11a8b03399e99354, 0xd9c3cf970fec087e },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sip_hash hash = siphash(key, (struct str){ input, rows[i].len });
        assert_true(hash.a == rows[i].a);
        assert_true(hash.b == rows[i].b);
    }
}

static int taken(struct rate *rate, struct str key, int64_t now_us, int tries)
{
    int count = 0, retry;
    for (int i = 0; i < tries; i++)
        count += rate_take_at(rate, key, now_us, &retry);
    return count;
}

static void burst_is_allowed_and_not_one_more(void **state)
{
    (void)state;
    struct rate *rate = rate_new(5, 60, 100);
    assert_int_equal(taken(rate, S("a"), 1000 * SECOND, 20), 5);
    assert_int_equal(taken(rate, S("b"), 1000 * SECOND, 20), 5); /* another key, another bucket */
    rate_free(rate);
}

static void tokens_come_back_with_time(void **state)
{
    (void)state;
    struct rate *rate = rate_new(5, 60, 100); /* one a second */
    int64_t now = 1000 * SECOND;
    assert_int_equal(taken(rate, S("a"), now, 5), 5);
    assert_int_equal(taken(rate, S("a"), now + SECOND - 1, 5), 0);
    assert_int_equal(taken(rate, S("a"), now + SECOND, 5), 1);
    assert_int_equal(taken(rate, S("a"), now + 3 * SECOND, 5), 2);
    assert_int_equal(taken(rate, S("a"), now + 3600 * SECOND, 50), 5); /* never more than the burst */
    rate_free(rate);
}

static void refusal_says_when_and_costs_nothing(void **state)
{
    (void)state;
    struct rate *rate = rate_new(1, 6, 100); /* one in ten seconds */
    int64_t now = 1000 * SECOND;
    int retry = -1;
    assert_true(rate_take_at(rate, S("a"), now, &retry));
    assert_int_equal(retry, -1);
    for (int i = 0; i < 100; i++) {
        assert_false(rate_take_at(rate, S("a"), now, &retry));
        assert_int_equal(retry, 10);
    }
    assert_false(rate_take_at(rate, S("a"), now + 9 * SECOND + 1, &retry));
    assert_int_equal(retry, 1);
    assert_true(rate_take_at(rate, S("a"), now + 10 * SECOND, &retry));
    rate_free(rate);
}

static void long_run_rate_is_never_exceeded(void **state)
{
    (void)state;
    struct rate *rate = rate_new(10, 700, 100); /* 60 s / 700 is no whole number of microseconds */
    int64_t now = 1000 * SECOND;
    int count = 0, retry;
    for (int64_t t = 0; t < 600 * SECOND; t += 10007)
        count += rate_take_at(rate, S("a"), now + t, &retry);
    assert_in_range(count, 6900, 7010);
    rate_free(rate);
}

static void invented_keys_do_not_free_who_is_over_the_limit(void **state)
{
    (void)state;
    struct rate *rate = rate_new(10, 1, 64);
    int64_t now = 1000 * SECOND;
    assert_int_equal(taken(rate, S("offender"), now, 20), 10);
    for (int i = 0; i < 100000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "invented %d", i);
        taken(rate, str_from(key), now, 1);
    }
    assert_int_equal(taken(rate, S("offender"), now, 20), 0);
    rate_free(rate);
}

static void empty_key_and_smallest_table_work(void **state)
{
    (void)state;
    struct rate *rate = rate_new(1, 1, 1);
    int retry;
    assert_true(rate_take(rate, STR_NULL, &retry));
    assert_false(rate_take(rate, S(""), &retry));
    assert_in_range(retry, 1, 60);
    rate_free(rate);
    rate_free(NULL);
}

static atomic_int allowed;

static void *hammer(void *context)
{
    struct rate *rate = context;
    for (int i = 0; i < 20000; i++) {
        char key[8];
        snprintf(key, sizeof(key), "%d", i % 50);
        int retry;
        allowed += rate_take_at(rate, str_from(key), 5 * SECOND, &retry);
    }
    return NULL;
}

static void threads_share_the_buckets(void **state)
{
    (void)state;
    struct rate *rate = rate_new(30, 60, 10000);
    allowed = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, hammer, rate);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(allowed, 50 * 30);
    rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_values),
        cmocka_unit_test(burst_is_allowed_and_not_one_more),
        cmocka_unit_test(tokens_come_back_with_time),
        cmocka_unit_test(refusal_says_when_and_costs_nothing),
        cmocka_unit_test(long_run_rate_is_never_exceeded),
        cmocka_unit_test(invented_keys_do_not_free_who_is_over_the_limit),
        cmocka_unit_test(empty_key_and_smallest_table_work),
        cmocka_unit_test(threads_share_the_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
