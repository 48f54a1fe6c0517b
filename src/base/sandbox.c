/* sandbox.c - limits first, then a filter of system calls that lists what is allowed. */
#include "base/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static bool limit(int resource, int64_t most)
{
    struct rlimit limits = { (rlim_t)most, (rlim_t)most };
    return setrlimit((__rlimit_resource_t)resource, &limits) == 0;
}

static bool set_limits(const struct sandbox_limits *limits)
{
    signal(SIGXFSZ, SIG_IGN); /* a message for a log file is lost; the process goes on */
    return (SANITIZED || (limit(RLIMIT_AS, limits->memory_bytes) && limit(RLIMIT_FSIZE, 0))) && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_NOFILE, limits->descriptors) && limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0);
}

/* Calls whose arguments do not matter: they reach nothing but this process's memory, its open descriptors and the
 * time. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(recvmsg),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
};

/* Asked for by libraries that get on without an answer: descriptor flags, sizes by path, the machine's memory. */
static const int denied_gently[] = {
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(ioctl),
};

/* What the run-time of a sanitizer does beside, while it runs and when it has something to report. */
static const int allowed_to_sanitizers[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(write),       SCMP_SYS(readlink),  SCMP_SYS(openat),
    SCMP_SYS(open),        SCMP_SYS(getppid),   SCMP_SYS(prctl),
    SCMP_SYS(mprotect),    SCMP_SYS(mmap),      SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),   SCMP_SYS(getuid),    SCMP_SYS(set_robust_list),
    SCMP_SYS(mincore),     SCMP_SYS(fstat),     SCMP_SYS(stat),
    SCMP_SYS(rseq),
};

static bool allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    return true;
}

static bool allow_with_arguments(scmp_filter_ctx filter, int socket)
{
    /* Memory that can be run would be a way around everything else. */
    if (!SANITIZED &&
        (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) != 0 ||
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) !=
             0 ||
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO)) != 0 ||
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO)) != 0))
        return false;
    /* abort() signals itself. */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket)) ==
               0;
}

/* clone3 has its flags in memory, where a filter does not look: without it the C library falls back on clone. */
static bool allow_threads(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(set_robust_list), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rseq), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sched_getattr), 0) == 0 &&
           (SANITIZED ||
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)) == 0);
}

static bool close_filter(const struct sandbox_limits *limits)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return false;
    bool ok = allow_all(filter, allowed, sizeof(allowed) / sizeof(allowed[0])) &&
              allow_with_arguments(filter, limits->socket) && (!limits->threads || allow_threads(filter));
    for (size_t i = 0; ok && i < sizeof(denied_gently) / sizeof(denied_gently[0]); i++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied_gently[i], 0) == 0;
    if (ok && SANITIZED)
        ok = allow_all(filter, allowed_to_sanitizers, sizeof(allowed_to_sanitizers) / sizeof(allowed_to_sanitizers[0]));
    ok = ok && seccomp_load(filter) == 0; /* sets PR_SET_NO_NEW_PRIVS first */
    seccomp_release(filter);
    return ok;
}

bool sandbox_enter(const struct sandbox_limits *limits, struct error *error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || !set_limits(limits))
        return error_set(error, E_UNAVAILABLE, "the process cannot limit itself: %s", strerror(errno));
    if (!close_filter(limits))
        return error_set(error, E_UNAVAILABLE,
                         "the process cannot close its sandbox: seccomp filters are not allowed here");
    return true;
}
