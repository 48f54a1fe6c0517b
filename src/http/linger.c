/* linger.c - connections that closed with input unread (RFC 9112 9.6).
 *
 * Closing such a socket makes the kernel send RST, which can destroy the answer on its way. So a duplicate of the
 * descriptor is kept when libmicrohttpd closes its own, and the guard's thread drains it for a bounded time. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 3000, LINGER_MAX_BYTES = 64 << 20, DRAIN_ROUNDS = 64 /* the others want their turn */ };

void linger_start(struct guard *guard, int socket)
{
    for (int i = 0; i < LINGERS_MAX; i++) {
        if (guard->lingers[i].fd >= 0)
            continue;
        int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return;
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.u32 = (uint32_t)i };
        shutdown(fd, SHUT_WR);
        if (epoll_ctl(guard->epoll, EPOLL_CTL_ADD, fd, &event)) {
            close(fd);
            return;
        }
        guard->lingers[i] = (struct lingerer){ .fd = fd, .until_ms = atomic_load(&guard->now_ms) + LINGER_MS };
        atomic_fetch_add(&guard->lingering, 1);
        return;
    }
}

static void end(struct guard *guard, struct lingerer *linger)
{
    pthread_mutex_lock(&guard->lock);
    epoll_ctl(guard->epoll, EPOLL_CTL_DEL, linger->fd, NULL); /* libmicrohttpd's descriptor may still be open */
    close(linger->fd);
    linger->fd = -1;
    pthread_mutex_unlock(&guard->lock);
    atomic_fetch_sub(&guard->lingering, 1);
}

void linger_drain(struct guard *guard, int index)
{
    struct lingerer *linger = &guard->lingers[index];
    char dropped[16 * 1024];
    pthread_mutex_lock(&guard->lock); /* linger_start fills the entry after adding the event */
    int fd = linger->fd;
    pthread_mutex_unlock(&guard->lock);
    if (fd < 0)
        return;
    for (int i = 0; i < DRAIN_ROUNDS; i++) {
        ssize_t n = recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0)
            linger->bytes += n;
        if (n <= 0 || linger->bytes > LINGER_MAX_BYTES) {
            end(guard, linger);
            return;
        }
    }
}

void linger_end_old(struct guard *guard, int64_t now_ms)
{
    if (atomic_load(&guard->lingering) == 0)
        return;
    for (int i = 0; i < LINGERS_MAX; i++) {
        pthread_mutex_lock(&guard->lock);
        bool over = guard->lingers[i].fd >= 0 && now_ms >= guard->lingers[i].until_ms;
        pthread_mutex_unlock(&guard->lock);
        if (over)
            end(guard, &guard->lingers[i]);
    }
}
