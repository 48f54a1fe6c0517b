/* listener.h - an HTTP server for tests that answers what it was told to, in order, and keeps what it was asked. */
#ifndef TEST_LISTENER_H
#define TEST_LISTENER_H

#include "base/str.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
    int fd, port, count, asked; /* `asked`: under the lock, as what follows */
    const char *const *answers; /* whole, with their heads; NULL: the connection is closed without one */
    char last[65536];
    int last_len;
    pthread_mutex_t lock;
    pthread_t thread;
};

static inline int listener_body_bytes(const char *head)
{
    const char *at = strcasestr(head, "content-length:");
    return at ? (int)strtol(at + 15, NULL, 10) : 0;
}

static inline void listener_serve(struct listener *l, int fd, struct str answer)
{
    int len = 0;
    for (;;) {
        ssize_t got = read(fd, l->last + len, sizeof(l->last) - 1 - (size_t)len);
        if (got <= 0)
            break;
        len += (int)got;
        l->last[len] = '\0';
        const char *end = strstr(l->last, "\r\n\r\n");
        if (end && len >= (int)(end + 4 - l->last) + listener_body_bytes(l->last))
            break;
    }
    pthread_mutex_lock(&l->lock);
    l->asked++;
    l->last_len = len;
    pthread_mutex_unlock(&l->lock);
    for (ptrdiff_t at = 0; at < answer.len;) {
        ssize_t put = send(fd, answer.at + at, (size_t)(answer.len - at), MSG_NOSIGNAL);
        if (put <= 0)
            break;
        at += put;
    }
    close(fd);
}

static inline void *listener_run(void *context)
{
    struct listener *l = context;
    for (int i = 0; i < l->count; i++) {
        int fd = accept(l->fd, NULL, NULL);
        if (fd < 0)
            break;
        listener_serve(l, fd, str_from(l->answers[i]));
    }
    return NULL;
}

static inline void listener_start(struct listener *l, const char *const *answers, int count)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(at);
    *l = (struct listener){ .answers = answers, .count = count, .fd = socket(AF_INET, SOCK_STREAM, 0) };
    pthread_mutex_init(&l->lock, NULL);
    if (bind(l->fd, (struct sockaddr *)&at, size) || listen(l->fd, 16) ||
        getsockname(l->fd, (struct sockaddr *)&at, &size))
        abort();
    l->port = ntohs(at.sin_port);
    pthread_create(&l->thread, NULL, listener_run, l);
}

static inline int listener_asked(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    int asked = l->asked;
    pthread_mutex_unlock(&l->lock);
    return asked;
}

static inline void listener_stop(struct listener *l)
{
    shutdown(l->fd, SHUT_RDWR);
    pthread_join(l->thread, NULL);
    close(l->fd);
    pthread_mutex_destroy(&l->lock);
}

#endif
