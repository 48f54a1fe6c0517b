/* outbound_breaker.h - which hosts are left alone for a while. Private to outbound/.
 *
 *     if (!breaker_enter(&breaker, "gpu1:8000", &error)) ...     // E_UNAVAILABLE: not now
 *     ... ask it ...
 *     breaker_leave(&breaker, "gpu1:8000", OUTBOUND_FAILED);
 */
#ifndef ROENTGEN_OUTBOUND_BREAKER_H
#define ROENTGEN_OUTBOUND_BREAKER_H

#include "base/error.h"

#include <pthread.h>

enum { BREAKER_LINES = 64, BREAKER_KEY_MAX = 272 };

enum outbound_end { OUTBOUND_ANSWERED, OUTBOUND_FAILED, OUTBOUND_LEFT /* by ourselves: says nothing of the host */ };

struct breaker_line {
    char key[BREAKER_KEY_MAX];
    int failures;          /* in turn */
    int64_t rest_until_us; /* of clock_monotonic_us */
    bool is_trying;        /* the one request after the rest is under way */
    int under_way;
    int64_t used_us;
};
struct breaker {
    pthread_mutex_t lock;
    struct breaker_line lines[BREAKER_LINES]; /* the one unused longest makes room */
};

bool breaker_enter(struct breaker *breaker, const char *key, struct error *error);
void breaker_leave(struct breaker *breaker, const char *key, enum outbound_end how);

#endif
