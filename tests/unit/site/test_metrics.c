/* test_metrics.c - what is counted of answers, and how the figures are read. */
#include "site/metrics.h"

#include "../base/test.h"

static int64_t sum(const int64_t *numbers, int count)
{
    int64_t all = 0;
    for (int i = 0; i < count; i++)
        all += numbers[i];
    return all;
}

static void each_answer_is_counted_once_under_its_route(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new(2);
    struct route_stats stats;
    metrics_request(metrics, 1, 200, 5);
    metrics_request(metrics, 1, 204, 7);
    metrics_request(metrics, 1, 503, 11);
    metrics_request(metrics, -1, 404, 13); /* no such path */
    metrics_route(metrics, 0, &stats);
    assert_int_equal(stats.count, 0);
    metrics_route(metrics, 1, &stats);
    assert_int_equal(stats.count, 3);
    assert_int_equal(stats.total_us, 23);
    assert_int_equal(stats.by_class[2], 2);
    assert_int_equal(stats.by_class[5], 1);
    assert_int_equal(sum(stats.by_class, 6), 3);
    assert_int_equal(sum(stats.buckets, METRIC_BUCKETS), 3);
    metrics_route(metrics, -1, &stats);
    assert_int_equal(stats.by_class[4], 1);
    metrics_free(metrics);
}

static void a_time_falls_below_the_bound_of_its_bucket(void **state)
{
    (void)state;
    static const int64_t times[] = { 0, 7, 8, 15, 16, 1000000, INT64_MAX };
    static const int buckets[] = { 0, 0, 1, 1, 2, 17, METRIC_BUCKETS - 1 }; /* 2^17 * 8 us = 1.05 s */
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct metrics *metrics = metrics_new(1);
        struct route_stats stats;
        metrics_request(metrics, 0, 200, times[i]);
        metrics_route(metrics, 0, &stats);
        assert_int_equal(stats.buckets[buckets[i]], 1);
        metrics_free(metrics);
    }
}

static void a_quantile_is_never_told_as_quicker_than_it_was(void **state)
{
    (void)state;
    int64_t none[4] = { 0 }, some[4] = { 90, 5, 4, 1 };
    assert_int_equal(metrics_quantile_us(none, 4, 8, 0.5), 0);
    assert_int_equal(metrics_quantile_us(some, 4, 8, 0.5), 8);
    assert_int_equal(metrics_quantile_us(some, 4, 8, 0.9), 8);
    assert_int_equal(metrics_quantile_us(some, 4, 8, 0.95), 16);
    assert_int_equal(metrics_quantile_us(some, 4, 8, 0.99), 32);
    assert_true(metrics_quantile_us(some, 4, 8, 1) > 32);
}

static void uploads_are_counted_with_their_bytes(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new(1);
    int64_t uploads, bytes;
    metrics_upload(NULL, 5); /* a command counts nothing */
    metrics_upload(metrics, 5);
    metrics_upload(metrics, INT64_C(5000000000));
    metrics_uploads(metrics, &uploads, &bytes);
    assert_int_equal(uploads, 2);
    assert_int_equal(bytes, INT64_C(5000000005));
    metrics_free(metrics);
}

static void the_last_failures_are_kept_newest_first(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new(1);
    static struct error_kept kept[ERRORS_KEPT + 5];
    char number[8];
    assert_int_equal(metrics_errors(metrics, kept, ERRORS_KEPT), 0);
    for (int i = 0; i < ERRORS_KEPT + 3; i++) {
        snprintf(number, sizeof(number), "%d", i);
        metrics_error(metrics, number, "/r", "m");
    }
    assert_int_equal(metrics_errors(metrics, kept, ERRORS_KEPT + 5), ERRORS_KEPT);
    assert_string_equal(kept[0].request_id, "102");
    assert_string_equal(kept[ERRORS_KEPT - 1].request_id, "3");
    assert_int_equal(metrics_errors(metrics, kept, 2), 2);
    assert_string_equal(kept[1].request_id, "101");
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_is_counted_once_under_its_route),
        cmocka_unit_test(a_time_falls_below_the_bound_of_its_bucket),
        cmocka_unit_test(a_quantile_is_never_told_as_quicker_than_it_was),
        cmocka_unit_test(uploads_are_counted_with_their_bytes),
        cmocka_unit_test(the_last_failures_are_kept_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
