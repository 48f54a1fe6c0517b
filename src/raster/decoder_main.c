/* decoder_main.c - the decoder process: reads requests from its socket until that closes. */
#include "raster/decoder_sandbox.h"
#include "raster/decoder_work.h"
#include "raster/vips.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 32, BAD_CALL = 2 };

/* A frame's memory is kept for the next; what is larger goes back to the system. */
enum { KEPT_BLOCK_BYTES = 4 << 20, KEPT_FREE_BYTES = 8 << 20 };

static bool is_socket(int fd)
{
    int type = 0, domain = 0;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

/* One packet of exactly this size, with one descriptor. False: the server is gone, or this is no server. */
static bool receive(void *packet, size_t bytes, int *fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = { packet, bytes };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
    };
    ssize_t got;
    do
        got = recvmsg(DECODER_SOCKET, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (got != (ssize_t)bytes || !header || header->cmsg_type != SCM_RIGHTS)
        return false;
    memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    return true;
}

static bool answer(const struct decoder_reply *reply)
{
    struct iovec part = { (void *)(uintptr_t)reply, sizeof(*reply) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    return sendmsg(DECODER_SOCKET, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*reply);
}

/* All that needs files has to happen before the sandbox closes. */
static bool set_up(const struct decoder_setup *setup, int memory, struct decoder_desk *desk, struct error *error)
{
    const struct vips *vips;
    struct decoder_limits limits = { setup->memory_bytes, DESCRIPTORS_MAX, DECODER_SOCKET,
                                     setup->flavour == DECODER_RASTER };
    mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
    return decoder_desk_open(desk, memory, setup->max_result_bytes, error) &&
           (setup->flavour != DECODER_RASTER || vips_open(&vips, error)) && decoder_sandbox_enter(&limits, error);
}

static void serve(struct decoder_desk *desk)
{
    struct decoder_request request;
    struct decoder_reply reply;
    int fd;
    while (receive(&request, sizeof(request), &fd) && request.magic == DECODER_MAGIC) {
        decoder_work(desk, &request, fd, &reply);
        close(fd);
        if (!answer(&reply))
            return;
    }
}

int decoder_main(void)
{
    static struct decoder_desk desk; /* half a megabyte that is not touched before it is used */
    struct decoder_setup setup;
    struct error error = { 0 };
    struct decoder_reply ready = { .magic = DECODER_MAGIC };
    int memory;
    if (!is_socket(DECODER_SOCKET)) {
        fprintf(stderr, "roentgen: the decoder is started by the server; it cannot be run by hand\n");
        return BAD_CALL;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* had the server died before, the socket would be closed */
    if (!receive(&setup, sizeof(setup), &memory) || setup.magic != DECODER_MAGIC)
        return BAD_CALL;
    if (!set_up(&setup, memory, &desk, &error)) {
        ready.code = error.code;
        snprintf(ready.message, sizeof(ready.message), "%s", error.message);
    }
    if (answer(&ready) && ready.code == E_NONE)
        serve(&desk);
    _exit(ready.code == E_NONE ? 0 : 1); /* what runs at a normal end may do what the sandbox forbids */
}
