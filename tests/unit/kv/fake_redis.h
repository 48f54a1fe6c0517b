/* fake_redis.h - a peer that says what the test wants, on a Unix socket: it knows who connects (names, the small write
 * by which Redis is looked after), and gives one answer, as bytes, to all other questions. */
#ifndef ROENTGEN_TEST_FAKE_REDIS_H
#define ROENTGEN_TEST_FAKE_REDIS_H

#include "../base/test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_LINES = 64 };

struct fake_redis {
    char path[100], url[140];
    pthread_t thread;
    int listening, stop[2];
    pthread_mutex_t lock;
    struct str answer, auth_answer; /* under the lock */
    bool drips, hangs_up;           /* the answer comes byte by byte; the connection ends after it */
    _Atomic int asked, connected;
};

static inline void fake_say(struct fake_redis *fake, int fd, struct str bytes, bool drips)
{
    for (ptrdiff_t at = 0, step = drips ? 1 : bytes.len; at < bytes.len; at += step)
        if (send(fd, bytes.at + at, (size_t)step, MSG_NOSIGNAL) < 0)
            return;
    (void)fake;
}

/* False: the connection is over. */
static inline bool fake_answer(struct fake_redis *fake, int fd)
{
    char bytes[65536];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0)
        return false;
    struct str asked = { bytes, got };
    if (str_find(asked, S("$4\r\nauth")) >= 0)
        fake_say(fake, fd, fake->auth_answer, false);
    else if (str_find(asked, S("setname")) >= 0 || str_find(asked, S(":here")) >= 0)
        fake_say(fake, fd, S("+OK\r\n"), false);
    else {
        pthread_mutex_lock(&fake->lock);
        struct str answer = fake->answer;
        bool drips = fake->drips, hangs_up = fake->hangs_up;
        pthread_mutex_unlock(&fake->lock);
        atomic_fetch_add(&fake->asked, 1);
        fake_say(fake, fd, answer, drips);
        return !hangs_up;
    }
    return true;
}

static inline void *fake_run(void *context)
{
    struct fake_redis *fake = context;
    struct pollfd all[FAKE_LINES + 2] = { { .fd = fake->listening, .events = POLLIN },
                                          { .fd = fake->stop[0], .events = POLLIN } };
    int count = 2;
    while (poll(all, (nfds_t)count, -1) >= 0 && !all[1].revents) {
        for (int i = count - 1; i >= 2; i--)
            if (all[i].revents && !fake_answer(fake, all[i].fd)) {
                close(all[i].fd);
                all[i] = all[--count];
            }
        if (all[0].revents) {
            int fd = accept(fake->listening, NULL, NULL);
            assert_true(fd >= 0 && count < FAKE_LINES + 2);
            all[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
            atomic_fetch_add(&fake->connected, 1);
        }
    }
    while (count > 2)
        close(all[--count].fd);
    return NULL;
}

static inline void fake_start(struct fake_redis *fake, const char *folder)
{
    *fake = (struct fake_redis){ .answer = S("+OK\r\n"), .auth_answer = S("+OK\r\n") };
    snprintf(fake->path, sizeof(fake->path), "%s/fake.sock", folder);
    snprintf(fake->url, sizeof(fake->url), "redis+unix://%s", fake->path);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, fake->path, strlen(fake->path) + 1);
    unlink(fake->path);
    fake->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listening, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fake->listening, FAKE_LINES), 0);
    assert_int_equal(pipe(fake->stop), 0);
    pthread_mutex_init(&fake->lock, NULL);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

static inline void fake_stop(struct fake_redis *fake)
{
    close(fake->stop[1]);
    pthread_join(fake->thread, NULL);
    close(fake->stop[0]);
    close(fake->listening);
    unlink(fake->path);
}

static inline void fake_will_say(struct fake_redis *fake, struct str answer, bool hangs_up)
{
    pthread_mutex_lock(&fake->lock);
    fake->answer = answer;
    fake->hangs_up = hangs_up;
    pthread_mutex_unlock(&fake->lock);
}

#endif
