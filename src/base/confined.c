/* confined.c - see confined.h. Between clone and execve only what a signal handler might call. */
#include "base/confined.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MAX = 1024,
    SAID_AT_ONCE = 4096,
    SPACES = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC
};

/* ---- what it may not ask of the kernel ---- */

static const int denied[] = {
    SCMP_SYS(socket),
    SCMP_SYS(setsid),
    SCMP_SYS(setpgid),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
};

static bool add_rules(scmp_filter_ctx filter)
{
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof(denied) / sizeof(denied[0]); i++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0) == 0;
    /* Its flags are in memory, where a filter does not look: the C library falls back on clone. */
    ok = ok && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
    return ok && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)) == 0;
}

/* As the kernel takes it, so that nothing has to be made after clone. NULL: no memory. */
static struct sock_filter *make_filter(unsigned short *count)
{
    struct sock_filter *out = NULL;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (filter && fd >= 0 && add_rules(filter) && seccomp_export_bpf(filter, fd) == 0) {
        off_t bytes = lseek(fd, 0, SEEK_END);
        out = malloc((size_t)bytes);
        if (!out || pread(fd, out, (size_t)bytes, 0) != bytes) {
            free(out);
            out = NULL;
        }
        *count = (unsigned short)((size_t)bytes / sizeof(*out));
    }
    if (fd >= 0)
        close(fd);
    seccomp_release(filter);
    return out;
}

/* ---- becoming it ---- */

struct start {
    const struct confined_options *options;
    struct sock_fprog filter;
    int input, output;
    pid_t parent; /* 0: in a namespace of processes, where nobody sees it */
    uid_t user;
    gid_t group;
};

/* In a namespace of users it is who it was. */
static void write_word(const char *path, const char *word)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, word, strlen(word)) < 0)
            (void)0; /* nothing depends on it but what it is called */
        close(fd);
    }
}

static void keep_name(const char *path, unsigned id)
{
    char word[32], digits[12];
    int n = 0, at = 0;
    do
        digits[n++] = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    for (int twice = 0; twice < 2; twice++) {
        for (int i = n; i > 0; i--)
            word[at++] = digits[i - 1];
        word[at++] = ' ';
    }
    word[at++] = '1';
    word[at] = '\0';
    write_word(path, word);
}

static bool limit(int resource, int64_t most)
{
    struct rlimit limits = { (rlim_t)most, (rlim_t)most };
    return setrlimit((__rlimit_resource_t)resource, &limits) == 0;
}

static bool set_limits(const struct confined_options *options)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, DESCRIPTORS_MAX) && limit(RLIMIT_MEMLOCK, 0) &&
           limit(RLIMIT_FSIZE, options->file_bytes) && limit(RLIMIT_CPU, options->processor_s) &&
           limit(RLIMIT_NPROC, CONFINED_TASKS_MAX) && limit(RLIMIT_AS, options->memory_bytes);
}

/* ---- what it may write ---- */

enum {
    TRUNCATE = 1 << 14, /* LANDLOCK_ACCESS_FS_TRUNCATE, which older headers have not */
    WRITE_FILE = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE,
    CHANGE = WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
             LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
             LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER
};

static void allow(int rules, const char *path, unsigned rights)
{
    struct landlock_path_beneath_attr below = { rights, open(path, O_PATH | O_CLOEXEC) };
    if (below.parent_fd < 0)
        return; /* not there: nothing to write */
    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    close(below.parent_fd);
}

/* False: the kernel can, and did not. Older ones know less: moving between folders (2), truncating (3). */
static bool bound_writing(const char *const *writable)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    unsigned known = version >= 3   ? CHANGE
                     : version == 2 ? CHANGE & ~TRUNCATE
                                    : CHANGE & ~TRUNCATE & ~LANDLOCK_ACCESS_FS_REFER;
    if (version < 1)
        return true;
    struct landlock_ruleset_attr handled = { .handled_access_fs = known };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled.handled_access_fs), 0);
    if (rules < 0)
        return false;
    for (; *writable; writable++)
        allow(rules, *writable, known);
    allow(rules, "/dev", known & WRITE_FILE);
    allow(rules, "/dev/shm", known);
    bool ok = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return ok;
}

static bool take_descriptors(const struct start *start)
{
    return dup2(start->input, STDIN_FILENO) >= 0 && dup2(start->output, STDOUT_FILENO) >= 0 &&
           dup2(start->output, STDERR_FILENO) >= 0 && syscall(SYS_close_range, 3U, ~0U, 0) == 0;
}

static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void give_up(void)
{
    static const char words[] = "the program could not be started: ";
    const char *why = strerrordesc_np(errno);
    if (write(STDERR_FILENO, words, sizeof(words) - 1) > 0 && why && write(STDERR_FILENO, why, strlen(why)) > 0)
        _exit(127);
    _exit(127);
}

_Noreturn static void become(const struct start *start)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (start->parent ? getppid() != start->parent : getppid() != 0)
        _exit(127); /* who wanted it has died meanwhile */
    if (!start->parent) {
        write_word("/proc/self/setgroups", "deny");
        keep_name("/proc/self/uid_map", start->user);
        keep_name("/proc/self/gid_map", start->group);
    }
    umask(077);
    default_signals();
    if (setsid() < 0 || !take_descriptors(start) || chdir(start->options->folder) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !bound_writing(start->options->writable) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &start->filter, 0, 0) != 0 || !set_limits(start->options))
        give_up();
    execve(start->options->words[0], start->options->words, start->options->environment);
    give_up();
}

/* Its first process, in namespaces of its own where that is allowed. */
static pid_t begin(struct start *start)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SPACES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0 && start->options->trusted) {
        start->parent = getpid();
        pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    }
    if (pid == 0)
        become(start);
    return pid;
}

bool confined_apart(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SPACES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0;
}

bool confined_start(const struct confined_options *options, struct confined *out, struct error *error)
{
    int pipes[2];
    sigset_t all, before;
    struct start start = { .options = options, .user = geteuid(), .group = getegid() };
    struct sock_filter *filter = make_filter(&start.filter.len);
    start.filter.filter = filter;
    start.input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!filter || start.input < 0 || pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(filter);
        if (start.input >= 0)
            close(start.input);
        return error_set(error, E_UNAVAILABLE, "a program cannot be started: %s", strerror(errno));
    }
    start.output = pipes[1];
    fcntl(pipes[1], F_SETFL, 0); /* it waits for who reads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in it */
    pid_t pid = begin(&start);
    int failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(filter);
    close(start.input);
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        return error_set(error, E_UNAVAILABLE, "a program cannot be started: %s", strerror(failed));
    }
    *out = (struct confined){ .pid = pid, .handle = (int)syscall(SYS_pidfd_open, pid, 0), .output = pipes[0] };
    return true;
}

/* ---- until it ends ---- */

static void keep_said(struct confined *it, const char *bytes, int count)
{
    int over = it->said_bytes + count - CONFINED_SAID_MAX;
    if (over > 0) {
        memmove(it->said, it->said + over, (size_t)(it->said_bytes - over));
        it->said_bytes -= over;
    }
    memcpy(it->said + it->said_bytes, bytes, (size_t)count);
    it->said_bytes += count;
}

/* What is there; not for ever, of one that never stops. */
static void read_said(struct confined *it)
{
    char bytes[SAID_AT_ONCE];
    for (int i = 0; i < 64 && it->output >= 0; i++) {
        ssize_t got = read(it->output, bytes, sizeof(bytes));
        if (got > 0) {
            keep_said(it, bytes, (int)got);
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(it->output);
            it->output = -1;
        }
        return;
    }
}

/* ---- what it uses ---- */

static ptrdiff_t read_proc(const char *process, const char *what, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%.20s/%s", process, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got;
}

static int64_t resident(const char *process)
{
    char text[256], *at = text;
    if (read_proc(process, "statm", text, sizeof(text)) <= 0)
        return 0;
    strtoll(at, &at, 10);
    return strtoll(at, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* A page that n processes have counts for a n-th in each. Dear: the kernel walks all of them. */
static int64_t proportional(const char *process)
{
    char text[2048];
    const char *at = NULL;
    if (read_proc(process, "smaps_rollup", text, sizeof(text)) > 0)
        at = strstr(text, "\nPss:");
    return at ? strtoll(at + 5, NULL, 10) << 10 : resident(process);
}

static struct confined_use add_up(pid_t group, int64_t (*memory)(const char *process))
{
    struct confined_use sum = { 0 };
    DIR *all = opendir("/proc");
    for (struct dirent *entry; all && (entry = readdir(all));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || getpgid(pid) != group) /* which none can leave */
            continue;
        sum.processes++;
        sum.memory_bytes += memory(entry->d_name);
    }
    if (all)
        closedir(all);
    return sum;
}

struct confined_use confined_use(const struct confined *it, int64_t most_bytes)
{
    struct confined_use sum = add_up(it->pid, resident);
    return sum.memory_bytes > most_bytes ? add_up(it->pid, proportional) : sum;
}

void confined_kill(const struct confined *it)
{
    if (!it->ended) {
        kill(-it->pid, SIGKILL);
        kill(it->pid, SIGKILL);
    }
}

bool confined_wait(struct confined *it, int ms)
{
    siginfo_t info = { 0 };
    struct pollfd watched[] = { { it->output, POLLIN, 0 }, { it->handle, POLLIN, 0 } };
    if (it->ended)
        return true;
    poll(watched, 2, ms);
    read_said(it);
    if (waitid(P_PID, (id_t)it->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != it->pid)
        return false;
    kill(-it->pid, SIGKILL); /* what it has left behind: its number is not given anew before it is reaped */
    waitpid(it->pid, &it->status, 0);
    read_said(it);
    it->ended = true;
    if (it->output >= 0)
        close(it->output);
    if (it->handle >= 0)
        close(it->handle);
    it->output = it->handle = -1;
    return true;
}
