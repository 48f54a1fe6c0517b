/* thread.h - threads of our own: how they are begun, wait, are woken, and end.
 *
 * Most work in the background is one thread that waits under a lock until there is something to do, does it with the
 * lock given back, and is told to end. That is a `struct background`, part of what it works for:
 *
 *     struct sender {
 *         struct background background;
 *         struct letter *first;                                 // under its lock
 *     };
 *
 *     static void send_all(void *context)
 *     {
 *         struct sender *s = context;
 *         background_lock(&s->background);
 *         while (s->first || !s->background.stopping) {
 *             if (!s->first) {
 *                 background_wait(&s->background, NEVER);       // or a moment: clock_monotonic_us() + 1000000
 *                 continue;
 *             }
 *             struct letter *letter = take_first(s);
 *             background_unlock(&s->background);
 *             send_one(letter);
 *             background_lock(&s->background);
 *         }
 *         background_unlock(&s->background);
 *     }
 *
 *     if (!background_start(&s->background, "sender", send_all, s, error)) {
 *         free(s);                                              // nothing else is left of it
 *         return false;
 *     }
 *     ...
 *     background_lock(&s->background);
 *     put_last(s, letter);
 *     background_wake(&s->background);
 *     background_unlock(&s->background);
 *     ...
 *     background_stop(&s->background);                          // returns when the thread has ended
 *     background_release(&s->background);
 *
 * What has several threads, or several reasons to wait, takes the parts: `struct thread`, pthread's locks and
 * conditions, and thread_wait, which knows about moments.
 *
 * Moments are of clock_monotonic_us: nobody waits longer because a clock was set. A wait may end for no reason; so each
 * stands in a loop that looks again at what it waits for.
 *
 * Signals are for the main thread: ours take none, but those that a thread raises by itself (SIGBUS of a mapped file,
 * file_view.h). A thread that cannot be made (too many, no memory) is told as E_UNAVAILABLE by thread_start alone, and
 * whoever needs it fails with that error. pthread_create and waits on the wall clock do not compile elsewhere in the
 * product (poison.h).
 */
#ifndef ROENTGEN_THREAD_H
#define ROENTGEN_THREAD_H

#include "base/error.h"

#include <pthread.h>
#include <signal.h>

/* ---- a thread ---- */

struct thread {
    pthread_t id;
    const char *name; /* as ps and debuggers show it; at most 15 bytes, never freed */
    void (*run)(void *context);
    void *context;
    bool started; /* of whoever starts and joins it */
};

/* `thread` stays where it is until it has been joined. */
bool thread_start(struct thread *thread, const char *name, void (*run)(void *context), void *context,
                  struct error *error);
/* Waits for the end of run. One that was never started, or has been joined, is fine. */
void thread_join(struct thread *thread);
/* Is it `thread` that asks? */
bool thread_is_self(const struct thread *thread);

/* For threads that a library begins: they take over the signals of who calls it. pthread_sigmask undoes it. */
void thread_mask_signals(sigset_t *before);

/* ---- waiting ---- */

#define NEVER INT64_MAX

/* Under `lock`, which is free meanwhile. False: the moment has come. */
bool thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);

/* ---- one thread with a lock, something that wakes it, and an end ---- */

struct background {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct thread thread;
    bool stopping; /* under the lock */
};

/* False: there is nothing to release. What the thread sees has to be there before it. */
bool background_start(struct background *background, const char *name, void (*run)(void *context), void *context,
                      struct error *error);
void background_lock(struct background *background);
void background_unlock(struct background *background);
/* Under the lock: the thread looks again. */
void background_wake(struct background *background);
/* Under the lock, by the thread. False: the moment has come. */
bool background_wait(struct background *background, int64_t until_us);
/* For whoever does not hold the lock, as between two pieces of long work. */
bool background_is_stopping(struct background *background);
/* Says so, wakes the thread and waits for its end. The lock can be used still, until it is released. */
void background_stop(struct background *background);
void background_release(struct background *background);

#endif
