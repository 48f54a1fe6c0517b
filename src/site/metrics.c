/* metrics.c - counters kept with relaxed atomics, one block per route, and the last failures. */
#include "site/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

struct route_counters {
    atomic_int_fast64_t count, total_us, by_class[6], buckets[METRIC_BUCKETS];
};

struct metrics {
    int routes;
    struct route_counters *counters; /* routes + 1: the last is for paths without a route */
    atomic_int_fast64_t uploads, upload_bytes;
    pthread_mutex_t mutex;
    struct error_kept errors[ERRORS_KEPT]; /* a ring */
    int errors_count, errors_next;
};

struct metrics *metrics_new(int routes)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        abort();
    metrics->routes = routes;
    metrics->counters = calloc((size_t)routes + 1, sizeof(*metrics->counters));
    if (!metrics->counters)
        abort();
    pthread_mutex_init(&metrics->mutex, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics->counters);
    free(metrics);
}

static void add(atomic_int_fast64_t *counter, int64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static int64_t get(const atomic_int_fast64_t *counter)
{
    return atomic_load_explicit((atomic_int_fast64_t *)(uintptr_t)counter, memory_order_relaxed);
}

void metrics_request(struct metrics *metrics, int route, int status, int64_t us)
{
    struct route_counters *r = &metrics->counters[route < 0 ? metrics->routes : route];
    int bucket = 0;
    while (bucket < METRIC_BUCKETS - 1 && us >= ((int64_t)METRIC_FIRST_BUCKET_US << bucket))
        bucket++;
    add(&r->count, 1);
    add(&r->total_us, us);
    add(&r->by_class[status / 100 < 6 ? status / 100 : 0], 1);
    add(&r->buckets[bucket], 1);
}

void metrics_upload(struct metrics *metrics, int64_t bytes)
{
    if (!metrics)
        return;
    add(&metrics->uploads, 1);
    add(&metrics->upload_bytes, bytes);
}

void metrics_uploads(const struct metrics *metrics, int64_t *uploads, int64_t *bytes)
{
    *uploads = get(&metrics->uploads);
    *bytes = get(&metrics->upload_bytes);
}

void metrics_error(struct metrics *metrics, const char *request_id, const char *route, const char *message)
{
    pthread_mutex_lock(&metrics->mutex);
    struct error_kept *kept = &metrics->errors[metrics->errors_next];
    kept->at = clock_now();
    snprintf(kept->request_id, sizeof(kept->request_id), "%s", request_id);
    snprintf(kept->route, sizeof(kept->route), "%s", route);
    snprintf(kept->message, sizeof(kept->message), "%s", message);
    metrics->errors_next = (metrics->errors_next + 1) % ERRORS_KEPT;
    if (metrics->errors_count < ERRORS_KEPT)
        metrics->errors_count++;
    pthread_mutex_unlock(&metrics->mutex);
}

int metrics_errors(struct metrics *metrics, struct error_kept *out, int most)
{
    pthread_mutex_lock(&metrics->mutex);
    int count = metrics->errors_count < most ? metrics->errors_count : most;
    for (int i = 0; i < count; i++)
        out[i] = metrics->errors[(metrics->errors_next - 1 - i + 2 * ERRORS_KEPT) % ERRORS_KEPT];
    pthread_mutex_unlock(&metrics->mutex);
    return count;
}

void metrics_route(const struct metrics *metrics, int route, struct route_stats *out)
{
    const struct route_counters *r = &metrics->counters[route < 0 ? metrics->routes : route];
    out->count = get(&r->count);
    out->total_us = get(&r->total_us);
    for (int i = 0; i < 6; i++)
        out->by_class[i] = get(&r->by_class[i]);
    for (int i = 0; i < METRIC_BUCKETS; i++)
        out->buckets[i] = get(&r->buckets[i]);
}

int64_t metrics_quantile_us(const int64_t *buckets, int count, int first_us, double share)
{
    int64_t total = 0, seen = 0;
    for (int i = 0; i < count; i++)
        total += buckets[i];
    for (int i = 0; i < count; i++) {
        seen += buckets[i];
        if (seen > 0 && (double)seen >= share * (double)total)
            return (int64_t)first_us << i;
    }
    return 0;
}
