/* tries.h - failures counted under a key, in fixed memory; too many of them lock the key for a while.
 *
 *     struct tries *tries = tries_new(65536);
 *     static const struct tries_rule rule = { .most = 5, .lock_us = 900000000 };
 *     bool begins;
 *     int64_t until = right ? tries_locked_until(tries, key, now_us, 0) : tries_fail(tries, key, &rule, now_us, 0,
 *     &begins);
 *     if (until)
 *         ... refuse, right or not ...
 *     else if (right)
 *         tries_forget(tries, key);
 *
 * Counting and looking are one step under a lock, so that of attempts made at the same moment no more get an answer
 * than of attempts made in turn: whoever is told "right" knows that fewer than `most` failures were counted before.
 *
 * Failures count until none came for lock_us; a lock lasts lock_us from the failure that began it, is not made longer
 * by further ones, and leaves nothing behind. `forgiven_us`: what was counted up to that moment is forgotten (somebody
 * has lifted the lock).
 *
 * Moments are clock_now's, so that a lock can outlive the process. Memory is taken once; a new key whose place is full
 * takes that of the key with the fewest failures, so that inventing keys pushes out invented ones. Only keyed hashes of
 * keys are kept. Thread-safe.
 *
 * Several servers count together when each shares its tries (tries_share): then Redis counts, by its own clock, and of
 * attempts made at the same moment on any of them no more get an answer than one server would give. What it says is
 * remembered here: while Redis is away each server goes on from there, and a lock that is known here holds whatever
 * Redis has forgotten.
 */
#ifndef ROENTGEN_KV_TRIES_H
#define ROENTGEN_KV_TRIES_H

#include "base/str.h"

struct key;
struct redis;
struct tries;
struct tries_rule {
    int64_t most, lock_us;
};

struct tries *tries_new(int max_keys); /* at least 1 */
void tries_free(struct tries *tries);  /* takes NULL */
/* Before they are used. `table`: as of rate_share. */
void tries_share(struct tries *tries, struct redis *redis, const char *table, const struct key *secret);

/* The end of the key's lock, 0 when there is none. */
int64_t tries_locked_until(struct tries *tries, struct str key, int64_t now_us, int64_t forgiven_us);
/* Counts a failure, unless the key is locked. The end of the lock or 0; *begins: this very failure locked it. */
int64_t tries_fail(struct tries *tries, struct str key, const struct tries_rule *rule, int64_t now_us,
                   int64_t forgiven_us, bool *begins);
void tries_forget(struct tries *tries, struct str key);
/* A lock that was kept elsewhere, known here from now on. */
void tries_lock(struct tries *tries, struct str key, int64_t since_us, int64_t until_us);

#endif
