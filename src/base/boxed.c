/* boxed.c - starting a boxed process and talking to it, from both ends. */
#include "base/boxed.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* ---- starting ---- */

static int make_memory(int64_t bytes)
{
    int fd = memfd_create("roentgen-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, bytes) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Nothing of ours is its business: passwords may stand in the environment. Where libraries lie and what a sanitizer is
 * told holds for the same program in another process too. */
static char **environment_of(char **found, int most)
{
    static const char *const wanted[] = { "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LD_LIBRARY_PATH=" };
    int count = 0;
    for (char **e = environ; *e && count < most - 1; e++)
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            if (!strncmp(*e, wanted[i], strlen(wanted[i])) && count < most - 1)
                found[count++] = *e;
    found[count] = NULL;
    return found;
}

static int spawn(const struct boxed_options *options, int socket, pid_t *pid)
{
    enum { ENVIRONMENT_MAX = 8 };
    char *environment[ENVIRONMENT_MAX];
    char *arguments[] = { (char[]){ "roentgen" }, (char *)(uintptr_t)options->command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int failed = posix_spawn_file_actions_adddup2(&actions, socket, BOXED_SOCKET);
    failed = failed ? failed : posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_addclosefrom_np(&actions, BOXED_SOCKET + 1);
    /* The server blocks signals and ignores SIGPIPE. A session of its own: Ctrl-C at a terminal is for the server,
     * which finishes what is under way. */
    failed = failed ? failed : posix_spawnattr_setsigmask(&attributes, &none);
    failed = failed ? failed : posix_spawnattr_setsigdefault(&attributes, &all);
    failed = failed ? failed
                    : posix_spawnattr_setflags(&attributes,
                                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    failed = failed ? failed
                    : posix_spawn(pid, options->program, &actions, &attributes, arguments,
                                  environment_of(environment, ENVIRONMENT_MAX));
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

bool boxed_start(const struct boxed_options *options, struct boxed *out, struct error *error)
{
    int pair[2];
    struct boxed process = BOXED_NONE;
    error->retry_after_s = 1;
    process.memory = make_memory(options->shared_bytes);
    if (process.memory < 0)
        return error_set(error, E_UNAVAILABLE, "no shared memory for %s: %s", options->what, strerror(errno));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        close(process.memory);
        return error_set(error, E_UNAVAILABLE, "no socket for %s: %s", options->what, strerror(errno));
    }
    process.socket = pair[0];
    int failed = spawn(options, pair[1], &process.pid);
    close(pair[1]);
    if (failed) {
        close(process.socket);
        close(process.memory);
        return error_set(error, E_UNAVAILABLE, "cannot start %s: %s", options->what, strerror(failed));
    }
    error->retry_after_s = 0;
    *out = process;
    return true;
}

/* ---- a thread that starts them ---- */

/* A process that somebody waits for; lives on his stack. */
struct start {
    const struct boxed_options *options;
    struct boxed process;
    struct error error;
    bool done, ok;
    struct start *next;
};

struct boxed_starter {
    struct background background; /* its lock guards all; woken when a process is wanted */
    pthread_cond_t started;
    struct start *starts; /* wanted, not yet looked at */
};

static void start_all(void *context)
{
    struct boxed_starter *starter = context;
    background_lock(&starter->background);
    while (!starter->background.stopping) {
        struct start *start = starter->starts;
        if (!start) {
            background_wait(&starter->background, NEVER);
            continue;
        }
        starter->starts = start->next;
        background_unlock(&starter->background);
        start->ok = boxed_start(start->options, &start->process, &start->error);
        background_lock(&starter->background);
        start->done = true;
        pthread_cond_broadcast(&starter->started);
    }
    background_unlock(&starter->background);
}

bool boxed_starter_open(const char *thread_name, struct boxed_starter **out, struct error *error)
{
    struct boxed_starter *starter = calloc(1, sizeof(*starter));
    if (!starter)
        abort();
    pthread_cond_init(&starter->started, NULL);
    if (!background_start(&starter->background, thread_name, start_all, starter, error)) {
        pthread_cond_destroy(&starter->started);
        free(starter);
        return false;
    }
    *out = starter;
    return true;
}

bool boxed_starter_start(struct boxed_starter *starter, const struct boxed_options *options, struct boxed *out,
                         struct error *error)
{
    struct start start = { .options = options };
    background_lock(&starter->background);
    start.next = starter->starts;
    starter->starts = &start;
    background_wake(&starter->background);
    while (!start.done)
        pthread_cond_wait(&starter->started, &starter->background.lock);
    background_unlock(&starter->background);
    if (start.ok)
        *out = start.process;
    else
        *error = start.error;
    return start.ok;
}

void boxed_starter_close(struct boxed_starter *starter)
{
    if (!starter)
        return;
    background_stop(&starter->background);
    background_release(&starter->background);
    pthread_cond_destroy(&starter->started);
    free(starter);
}

/* ---- its end ---- */

void boxed_clear(const struct boxed *process)
{
    off_t bytes = lseek(process->memory, 0, SEEK_END);
    if (bytes > 0)
        fallocate(process->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes);
}

bool boxed_has_ended(const struct boxed *process)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == process->pid;
}

int boxed_end(struct boxed *process)
{
    int status = 0;
    close(process->socket);
    close(process->memory);
    kill(process->pid, SIGKILL); /* one that is gone already keeps the status it has */
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *process = BOXED_NONE;
    return status;
}

/* ---- talking ---- */

bool boxed_send(const struct boxed *process, const void *packet, size_t bytes, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = { 0 };
    struct iovec part = { (void *)(uintptr_t)packet, bytes };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    ssize_t sent;
    do
        sent = sendmsg(process->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* one packet at most is under way */
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}

/* Is there something to read before the deadline? */
static bool wait_readable(int socket, int64_t deadline_us)
{
    for (;;) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        struct pollfd wait = { socket, POLLIN, 0 };
        int ready = poll(&wait, 1, left_us > 0 ? (int)((left_us + 999) / 1000) : 0);
        if (ready > 0)
            return true;
        if (ready == 0 && left_us <= 0)
            return false;
    }
}

/* Processor time of all its threads so far; 0 when it is gone. */
static int64_t processor_us(const struct boxed *process)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(process->pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return used.tv_sec * INT64_C(1000000) + used.tv_nsec / 1000;
}

/* A clock on the wall says nothing of a process that was stopped, or shared its processor with fifty others. */
static enum boxed_answer wait_working(const struct boxed *process, int64_t timeout_us)
{
    enum { ROUNDS = 8 };
    int64_t begun_us = processor_us(process), seen_us = begun_us;
    for (int round = 0; round < ROUNDS; round++) {
        if (wait_readable(process->socket, clock_monotonic_us() + timeout_us))
            return BOXED_ANSWERED;
        int64_t now_us = processor_us(process);
        if (now_us - begun_us >= timeout_us / 4 * 3)
            return BOXED_SPENT;
        if (now_us - seen_us < timeout_us / 100)
            break;
        seen_us = now_us;
    }
    return BOXED_LATE;
}

enum boxed_answer boxed_receive(const struct boxed *process, void *packet, size_t bytes, int64_t timeout_us)
{
    ssize_t len;
    enum boxed_answer waited = wait_working(process, timeout_us);
    if (waited != BOXED_ANSWERED)
        return waited;
    do /* descriptors that come with it are dropped by the kernel; of a longer packet the size is told */
        len = recv(process->socket, packet, bytes, MSG_TRUNC | MSG_DONTWAIT);
    while (len < 0 && errno == EINTR);
    if (len <= 0)
        return BOXED_GONE;
    return len == (ssize_t)bytes ? BOXED_ANSWERED : BOXED_GARBLED;
}

bool boxed_is_own_signal(int number)
{
    return number == SIGSEGV || number == SIGABRT || number == SIGFPE || number == SIGILL || number == SIGTRAP;
}

/* ---- inside ---- */

static bool is_socket(int fd)
{
    int type = 0, domain = 0;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

bool boxed_enter(void)
{
    if (!is_socket(BOXED_SOCKET))
        return false;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* had the server died before, the socket would be closed */
    return true;
}

bool boxed_take(void *packet, size_t bytes, int *fd)
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
        got = recvmsg(BOXED_SOCKET, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)bytes)
        return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    return true;
}

bool boxed_reply(const void *packet, size_t bytes)
{
    struct iovec part = { (void *)(uintptr_t)packet, bytes };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    return sendmsg(BOXED_SOCKET, &message, MSG_NOSIGNAL) == (ssize_t)bytes;
}
