/* apart.c - see apart.h. */
#include "jobs/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 100, CLOSING_MS = 2000 };

extern char **environ;

/* Its standard output is nobody's; what it says to people goes where the worker's goes. */
static int spawn(const struct job_run *run, pid_t *pid)
{
    char id[24];
    snprintf(id, sizeof(id), "%" PRId64, run->id);
    char *words[] = { "roentgen", "job", "--id", id, "--worker", run->worker->name, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    failed = failed ? failed : posix_spawnattr_setsigmask(&attributes, &none);
    failed = failed ? failed : posix_spawnattr_setsigdefault(&attributes, &all);
    failed = failed ? failed
                    : posix_spawnattr_setflags(&attributes,
                                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    failed = failed ? failed : posix_spawn(pid, run->worker->options.program, &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* The process hears of it by itself: this is for one that does not listen. Asked once a second. */
static bool is_cancelled_now(struct job_run *run, int64_t *looked_us)
{
    struct call *c = &run->call;
    int64_t now_us = clock_monotonic_us();
    int go_on = GO_ON;
    if (now_us < *looked_us + LOOK_EVERY_US || atomic_load(&run->why) != GO_ON)
        return false;
    *looked_us = now_us;
    enum found found = queue_is_cancelled(c, run->id);
    error_clear(&c->error); /* a database that cannot be asked now is asked again */
    db_release(c);
    return found == FOUND && atomic_compare_exchange_strong(&run->why, &go_on, CANCELLED);
}

/* Until it has ended by itself or was made to. */
static int wait_for_end(struct job_run *run, pid_t pid)
{
    int status = 0, handle = (int)syscall(SYS_pidfd_open, pid, 0);
    int64_t kill_us = run->until_us + APART_GRACE_S * INT64_C(1000000), looked_us = clock_monotonic_us();
    bool told = false;
    for (;;) {
        struct pollfd ended = { handle, POLLIN, 0 };
        if (poll(&ended, handle >= 0, LOOK_MS) < 0 && errno != EINTR)
            break;
        if (waitpid(pid, &status, WNOHANG) == pid)
            break;
        if (!told && atomic_load(&run->why) == CLOSING) {
            told = true;
            kill(pid, SIGTERM);
            kill_us = clock_monotonic_us() + CLOSING_MS * INT64_C(1000);
        }
        if (is_cancelled_now(run, &looked_us))
            kill_us = clock_monotonic_us() + APART_CANCEL_S * INT64_C(1000000);
        if (clock_monotonic_us() >= kill_us)
            kill(pid, SIGKILL);
    }
    if (handle >= 0)
        close(handle);
    return status;
}

static bool say_how_it_ended(struct job_run *run, int status)
{
    struct call *c = &run->call;
    int64_t mib = run->kind->memory_limit_bytes >> 20;
    if (atomic_load(&run->why) == CANCELLED)
        return fail(c, E_CONFLICT, "it was cancelled");
    if (clock_monotonic_us() >= run->until_us)
        return fail(c, E_UNAVAILABLE, "it took longer than this kind of work may, and its process was ended");
    if (WIFSIGNALED(status))
        return fail(c, E_UNAVAILABLE, "its process ended by signal %d (%s); it may have %" PRId64 " MiB of memory",
                    WTERMSIG(status), strsignal(WTERMSIG(status)), mib);
    return fail(c, E_UNAVAILABLE, "its process ended with status %d and left it undone; the log says why",
                WEXITSTATUS(status));
}

/* FOUND: this worker does not have it any more; *state is how it stands. */
static enum found look_at_row(struct job_run *run, enum job_state *state)
{
    struct call *c = &run->call;
    struct job job;
    enum found found = db_find(c, &job_schema, &job, "where j.id = ?", V(run->id));
    if (found == FOUND) {
        *state = (enum job_state)job.state;
        found = job.state == JOB_RUNNING && str_equal(job.worker, str_from(run->worker->name)) ? NONE : FOUND;
    }
    db_release(c);
    return found;
}

bool run_apart(struct job_run *run, enum job_state *state)
{
    struct call *c = &run->call;
    pid_t pid;
    int failed = spawn(run, &pid);
    if (failed)
        return fail(c, E_UNAVAILABLE, "no process could be started for it: %s", strerror(failed));
    int status = wait_for_end(run, pid);
    enum found ended = look_at_row(run, state);
    if (ended == NONE)
        say_how_it_ended(run, status);
    return ended == FOUND;
}
