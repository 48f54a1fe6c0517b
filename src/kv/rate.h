/* rate.h - how often somebody may do something: token buckets in fixed memory.
 *
 *     struct rate *rate = rate_new(30, 600, 65536);   // 30 at once, 600 a minute in the long run, 65,536 callers
 *     int retry_after_s;
 *     if (!rate_take(rate, S("user:17"), &retry_after_s))
 *         ... 429 with Retry-After: retry_after_s ...
 *
 * A bucket holds `burst` tokens and gains `per_minute` of them a minute; each call takes one. A refused call takes
 * nothing, so asking again too early costs no extra time. Thread-safe.
 *
 * Memory is taken once. When a new key finds its place full, the bucket nearest to full is forgotten, which forgives
 * its owner the least: a stranger who invents keys pushes out his own, not those of callers who are over their limit.
 *
 * Several servers have one limit when each shares it (rate_share): then a bucket is Redis', by Redis' clock, and exact
 * whichever server is asked. Each also counts what it let pass itself: who is over the limit by that alone is refused
 * without a question, and while Redis is away that count goes on, so that the limit is then one for each server.
 */
#ifndef ROENTGEN_KV_RATE_H
#define ROENTGEN_KV_RATE_H

#include "base/str.h"

struct key;
struct rate;
struct redis;

struct rate *rate_new(int burst, int per_minute, int max_keys); /* all at least 1 */
void rate_free(struct rate *rate);                              /* takes NULL */

/* Before it is used. `table`: of those that mean the same on all servers; of the rate's life. */
void rate_share(struct rate *rate, struct redis *redis, const char *table, const struct key *secret);

/* True: go on. False: *retry_after_s (at least 1) says when a token will be there. */
bool rate_take(struct rate *rate, struct str key, int *retry_after_s);
/* The same in this process alone, at a moment of clock_monotonic_us. */
bool rate_take_at(struct rate *rate, struct str key, int64_t now_us, int *retry_after_s);

#endif
