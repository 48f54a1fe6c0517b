/* outbound_breaker.c - hosts that failed several times in turn. */
#include "outbound/outbound_breaker.h"

#include "base/clock.h"
#include "outbound/outbound.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct breaker_line *find(struct breaker *b, const char *key)
{
    for (int i = 0; i < BREAKER_LINES; i++)
        if (strcmp(b->lines[i].key, key) == 0)
            return &b->lines[i];
    return NULL;
}

/* NULL: all are in use; then nothing is remembered of this one. */
static struct breaker_line *take(struct breaker *b, const char *key)
{
    struct breaker_line *found = find(b, key);
    if (found)
        return found;
    for (int i = 0; i < BREAKER_LINES; i++) {
        struct breaker_line *one = &b->lines[i];
        if (!one->under_way && (!found || one->used_us < found->used_us))
            found = one;
    }
    if (found) {
        *found = (struct breaker_line){ 0 };
        snprintf(found->key, sizeof(found->key), "%s", key);
    }
    return found;
}

bool breaker_enter(struct breaker *b, const char *key, struct error *error)
{
    int64_t now_us = clock_monotonic_us(), wait_us = 0;
    pthread_mutex_lock(&b->lock);
    struct breaker_line *line = take(b, key);
    if (line && line->failures >= OUTBOUND_BROKEN) {
        bool may_try = now_us >= line->rest_until_us && !line->is_trying;
        wait_us = may_try ? 0 : line->rest_until_us > now_us ? line->rest_until_us - now_us : 1;
        line->is_trying |= may_try;
    }
    if (line && !wait_us) {
        line->under_way++;
        line->used_us = now_us;
    }
    pthread_mutex_unlock(&b->lock);
    if (!wait_us)
        return true;
    int64_t wait_s = (wait_us + 999999) / 1000000;
    error_set(error, E_UNAVAILABLE, "%s did not answer %d times in turn; it is asked again in %" PRId64 " s", key,
              OUTBOUND_BROKEN, wait_s);
    error->retry_after_s = (int)wait_s;
    return false;
}

void breaker_leave(struct breaker *b, const char *key, enum outbound_end how)
{
    pthread_mutex_lock(&b->lock);
    struct breaker_line *line = find(b, key);
    if (line) {
        line->under_way--;
        line->is_trying = false;
        if (how == OUTBOUND_ANSWERED)
            line->failures = 0;
        if (how == OUTBOUND_FAILED && ++line->failures >= OUTBOUND_BROKEN)
            line->rest_until_us = clock_monotonic_us() + OUTBOUND_REST_S * INT64_C(1000000);
    }
    pthread_mutex_unlock(&b->lock);
}
