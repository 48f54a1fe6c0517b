/* test_cache.c - the cache keeps, forgets, and is never newer than the truth. */
#include "kv/cache.h"

#include "../base/own_clock.h"

#include <pthread.h>
#include <stdarg.h>

#include <setjmp.h>
#include <cmocka.h>

struct value {
    int64_t id;
    char name[20];
};

static void put(struct cache *cache, struct str key, int64_t id)
{
    struct value value = { .id = id };
    cache_put(cache, key, cache_epoch(cache), &value, 60000);
}

static int64_t get(struct cache *cache, struct str key)
{
    struct value value = { .id = -1 };
    cache_get(cache, key, cache_epoch(cache), &value);
    return value.id;
}

static void keeps_what_was_put(void **state)
{
    (void)state;
    struct cache *cache = cache_new(100, sizeof(struct value));
    assert_int_equal(get(cache, S("a")), -1);
    put(cache, S("a"), 1);
    put(cache, S("b"), 2);
    put(cache, S(""), 3);
    assert_int_equal(get(cache, S("a")), 1);
    assert_int_equal(get(cache, S("b")), 2);
    assert_int_equal(get(cache, STR_NULL), 3);
    put(cache, S("a"), 4);
    assert_int_equal(get(cache, S("a")), 4);
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_int_equal(stats.hits, 4);
    assert_int_equal(stats.misses, 1);
    assert_true(stats.capacity >= 100);
    cache_free(cache);
    cache_free(NULL);
}

static void forgets_after_its_time(void **state)
{
    (void)state;
    struct cache *cache = cache_new(10, sizeof(struct value));
    struct value value = { .id = 5 };
    own_clock_stop();
    cache_put(cache, S("a"), cache_epoch(cache), &value, 30);
    own_clock_move_ms(29);
    assert_int_equal(get(cache, S("a")), 5);
    own_clock_move_ms(1);
    assert_int_equal(get(cache, S("a")), -1);
    cache_put(cache, S("b"), cache_epoch(cache), &value, 0);
    assert_int_equal(get(cache, S("b")), -1);
    own_clock_go();
    cache_free(cache);
}

static void clearing(void **state)
{
    (void)state;
    struct cache *cache = cache_new(1000, sizeof(struct value));
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        put(cache, str_from(key), i);
    }
    assert_int_equal(get(cache, S("8")), 8);
    cache_clear(cache);
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(get(cache, str_from(key)), -1);
    }
    put(cache, S("8"), 9);
    assert_int_equal(get(cache, S("8")), 9);
    cache_free(cache);
}

static void what_was_read_before_a_change_is_dropped(void **state)
{
    (void)state;
    struct cache *cache = cache_new(10, sizeof(struct value));
    struct value old = { .id = 1 };
    uint64_t epoch = cache_epoch(cache);
    cache_clear(cache);
    cache_put(cache, S("a"), epoch, &old, 60000);
    assert_int_equal(get(cache, S("a")), -1);
    cache_put(cache, S("a"), cache_epoch(cache), &old, 60000);
    assert_int_equal(get(cache, S("a")), 1);
    cache_free(cache);
}

static void full_table_keeps_its_size(void **state)
{
    (void)state;
    struct cache *cache = cache_new(1, 8);
    int64_t found = 0;
    for (int64_t i = 0; i < 10000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%d", (int)i);
        cache_put(cache, str_from(key), cache_epoch(cache), &i, 60000);
        int64_t back = -1;
        assert_true(cache_get(cache, str_from(key), cache_epoch(cache), &back)); /* the newest is always there */
        assert_int_equal(back, i);
    }
    for (int64_t i = 0; i < 10000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%d", (int)i);
        int64_t back;
        found += cache_get(cache, str_from(key), cache_epoch(cache), &back);
    }
    struct cache_stats stats;
    cache_stats(cache, &stats);
    assert_int_equal(found, stats.capacity);
    cache_free(cache);
}

static void *churn(void *context)
{
    struct cache *cache = context;
    for (int i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i % 97);
        struct value value = { .id = i % 97 };
        snprintf(value.name, sizeof(value.name), "%d", i % 97);
        cache_put(cache, str_from(key), cache_epoch(cache), &value, 1000);
        struct value back;
        if (cache_get(cache, str_from(key), cache_epoch(cache), &back) &&
            (back.id != i % 97 || strcmp(back.name, key) != 0))
            return cache; /* torn or another's */
        if (i % 1000 == 0)
            cache_clear(cache);
    }
    return NULL;
}

static void threads_see_whole_values(void **state)
{
    (void)state;
    struct cache *cache = cache_new(64, sizeof(struct value));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, churn, cache);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_put),
        cmocka_unit_test(forgets_after_its_time),
        cmocka_unit_test(clearing),
        cmocka_unit_test(what_was_read_before_a_change_is_dropped),
        cmocka_unit_test(full_table_keeps_its_size),
        cmocka_unit_test(threads_see_whole_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
