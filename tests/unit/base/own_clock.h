/* own_clock.h - clocks that belong to a test: they stand until it moves them. For one source of a test program.
 *
 *     own_clock_stop();
 *     ... something is put down for 30 ms ...
 *     own_clock_move_ms(29);
 *     ... it is there ...
 *     own_clock_move_ms(1);
 *     ... it is gone ...
 *
 * This replaces libc's clock_gettime in the program. A thread that looks at the clock now and then, as the guard of
 * connections does, sleeps in epoll_wait; while the clock stands, such a sleep takes a few milliseconds, and
 * own_clock_pass_ms returns only when the thread has seen the new time and done what it does at that time. */
#ifndef ROENTGEN_TEST_OWN_CLOCK_H
#define ROENTGEN_TEST_OWN_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_bool own_clock_stands;
static _Atomic int64_t own_clock_us[2]; /* CLOCK_REALTIME, CLOCK_MONOTONIC */
static _Atomic int64_t own_clock_seen_us;

int clock_gettime(clockid_t id, struct timespec *out)
{
    static _Thread_local int64_t last_us;
    if (!atomic_load(&own_clock_stands) || (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC))
        return (int)syscall(SYS_clock_gettime, id, out);
    int64_t us = atomic_load(&own_clock_us[id]);
    *out = (struct timespec){ us / 1000000, us % 1000000 * 1000 };
    if (id == CLOCK_MONOTONIC) {
        if (us == last_us) /* this thread has been round with this time */
            atomic_store(&own_clock_seen_us, us);
        last_us = us;
    }
    return 0;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    bool short_ = atomic_load(&own_clock_stands) && (timeout < 0 || timeout > 5);
    return epoll_pwait(epoll, events, most, short_ ? 5 : timeout, NULL);
}

static inline void own_clock_stop(void)
{
    for (clockid_t id = CLOCK_REALTIME; id <= CLOCK_MONOTONIC; id++) {
        struct timespec now;
        syscall(SYS_clock_gettime, id, &now);
        atomic_store(&own_clock_us[id], (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    }
    atomic_store(&own_clock_stands, true);
}

static inline void own_clock_go(void)
{
    atomic_store(&own_clock_stands, false);
}

static inline void own_clock_move_ms(int64_t ms)
{
    atomic_fetch_add(&own_clock_us[CLOCK_REALTIME], ms * 1000);
    atomic_fetch_add(&own_clock_us[CLOCK_MONOTONIC], ms * 1000);
}

static inline void own_clock_pass_ms(int64_t ms)
{
    own_clock_move_ms(ms);
    while (atomic_load(&own_clock_seen_us) != atomic_load(&own_clock_us[CLOCK_MONOTONIC]))
        usleep(500);
}

#endif
