/* metrics.h - what the server counts, and its Prometheus text.
 *
 *     metrics_request(app->metrics, x->route.index, 200, us);  // of every answer: which route, how it ended, how long
 *     struct route_stats stats;
 *     metrics_route(app->metrics, route, &stats);
 *     metrics_quantile_us(stats.buckets, METRIC_BUCKETS, METRIC_FIRST_BUCKET_US, 0.95)
 *
 * Counting never waits and cannot fail: atomics, one block for each route, times in buckets that double. Readers see
 * numbers of about one moment. All of it begins at zero with the process. The last failures that were the server's are
 * kept as well, without anything of what was sent, for administrators.
 */
#ifndef ROENTGEN_METRICS_H
#define ROENTGEN_METRICS_H

#include "base/call.h"
#include "base/clock.h"
#include "base/text.h"

enum { METRIC_BUCKETS = 20, METRIC_FIRST_BUCKET_US = 8, ERRORS_KEPT = 100 };

struct metrics;
struct metrics *metrics_new(int routes);
void metrics_free(struct metrics *metrics); /* takes NULL */

/* `route` -1: no such path. Lock-free. */
void metrics_request(struct metrics *metrics, int route, int status, int64_t us);
void metrics_upload(struct metrics *metrics, int64_t bytes);
/* Those that were stored. */
void metrics_uploads(const struct metrics *metrics, int64_t *uploads, int64_t *bytes);
/* The last ERRORS_KEPT failures that were our fault, for /system/errors. */
void metrics_error(struct metrics *metrics, const char *request_id, const char *route, const char *message);

struct route_stats {
    int64_t count, total_us;
    int64_t by_class[6];             /* 1xx .. 5xx at 1 .. 5 */
    int64_t buckets[METRIC_BUCKETS]; /* bucket i: < 2^i * 8 us; last: all above */
};
void metrics_route(const struct metrics *metrics, int route, struct route_stats *out);
/* Upper bound of the bucket in which the given share (0..1) of requests had been answered, in microseconds. */
int64_t metrics_quantile_us(const int64_t *buckets, int count, int first_us, double share);

struct error_kept {
    struct instant at;
    char request_id[37];
    char route[100];
    char message[ERROR_MESSAGE_MAX];
};
/* Newest first; returns how many were copied to out[0..most). */
int metrics_errors(struct metrics *metrics, struct error_kept *out, int most);

void metrics_print(struct call *c, struct text *out); /* Prometheus text format 0.0.4 */

#endif
