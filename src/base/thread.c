/* thread.c - see thread.h. */
#include "base/thread.h"

#include <assert.h>
#include <errno.h>

enum { NAME_MAX_BYTES = 15 }; /* the kernel's limit */

/* ---- a thread ---- */

static void *thread_main(void *self)
{
    struct thread *thread = self;
    pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->context);
    return NULL;
}

/* All but faults: one that is blocked ends the process, whoever would handle it. */
void thread_mask_signals(sigset_t *before)
{
    static const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
    sigset_t masked;
    sigfillset(&masked);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        sigdelset(&masked, faults[i]);
    pthread_sigmask(SIG_BLOCK, &masked, before);
}

bool thread_start(struct thread *thread, const char *name, void (*run)(void *context), void *context,
                  struct error *error)
{
    assert(strlen(name) <= NAME_MAX_BYTES);
    sigset_t before;
    *thread = (struct thread){ .name = name, .run = run, .context = context };
    thread_mask_signals(&before);
    int number = pthread_create(&thread->id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    thread->started = number == 0;
    return thread->started ||
           error_set(error, E_UNAVAILABLE, "cannot start the thread %s: %s", name, strerrordesc_np(number));
}

void thread_join(struct thread *thread)
{
    if (!thread->started)
        return;
    int number = pthread_join(thread->id, NULL);
    assert(number == 0); /* else it waits for itself */
    thread->started = false;
}

bool thread_is_self(const struct thread *thread)
{
    return pthread_equal(pthread_self(), thread->id);
}

/* ---- waiting ---- */

bool thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
    if (until_us == NEVER) {
        pthread_cond_wait(condition, lock);
        return true;
    }
    if (until_us < 0)
        until_us = 0;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT;
}

/* ---- one thread with a lock, something that wakes it, and an end ---- */

bool background_start(struct background *background, const char *name, void (*run)(void *context), void *context,
                      struct error *error)
{
    pthread_mutex_init(&background->lock, NULL);
    pthread_cond_init(&background->wake, NULL);
    background->stopping = false;
    if (thread_start(&background->thread, name, run, context, error))
        return true;
    background_release(background);
    return false;
}

void background_lock(struct background *background)
{
    pthread_mutex_lock(&background->lock);
}

void background_unlock(struct background *background)
{
    pthread_mutex_unlock(&background->lock);
}

void background_wake(struct background *background)
{
    pthread_cond_signal(&background->wake);
}

bool background_wait(struct background *background, int64_t until_us)
{
    return thread_wait(&background->wake, &background->lock, until_us);
}

bool background_is_stopping(struct background *background)
{
    background_lock(background);
    bool stopping = background->stopping;
    background_unlock(background);
    return stopping;
}

void background_stop(struct background *background)
{
    background_lock(background);
    background->stopping = true;
    background_wake(background);
    background_unlock(background);
    thread_join(&background->thread);
}

void background_release(struct background *background)
{
    pthread_cond_destroy(&background->wake);
    pthread_mutex_destroy(&background->lock);
}
