/* test_sandbox.c - what the sandbox forbids ends the process; what decoding needs does not. Each trial in a
 * process of its own. */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { MEMORY = 256 << 20 };

static int pair[2];
static pid_t parent;

/* 0: it did what it wanted, or was only refused; -N: ended by signal N; 99: the sandbox did not close. */
static int in_sandbox(bool threads, int (*act)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = { 0 };
        struct sandbox_limits limits = { MEMORY, 16, pair[0], threads };
        if (!sandbox_enter(&limits, &error))
            _exit(99);
        _exit(act());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- forbidden ---- */

static int opens_a_file(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static int opens_one_the_old_way(void)
{
    return syscall(SYS_open, "/etc/passwd", O_RDONLY) >= 0;
}

static int makes_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int runs_a_program(void)
{
    char *arguments[] = { (char[]){ "true" }, NULL };
    return execv("/bin/true", arguments);
}

static int forks(void)
{
    return (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static int forks_the_new_way(void)
{
    uint64_t arguments[8] = { [4] = SIGCHLD };
    return syscall(SYS_clone3, arguments, sizeof(arguments)) < 0 && errno == ENOSYS ? 7 : 8;
}

static int signals_its_parent(void)
{
    return kill(parent, 0);
}

static int signals_a_thread_of_its_parent(void)
{
    return (int)syscall(SYS_tgkill, parent, parent, 0);
}

static int runs_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int makes_memory_run(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static int traces(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int makes_itself_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int raises_its_limits(void)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    return setrlimit(RLIMIT_AS, &limit);
}

static int writes_elsewhere(void)
{
    return write(pair[1], "x", 1) == 1;
}

static int sends_elsewhere(void)
{
    struct iovec part = { (char[]){ "x" }, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    return sendmsg(pair[1], &message, 0) == 1;
}

static int reads_another_process(void)
{
    char byte;
    struct iovec here = { &byte, 1 }, there = { &byte, 1 };
    return (int)syscall(SYS_process_vm_readv, parent, &here, 1, &there, 1, 0);
}

static void forbidden(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int (*act)(void);
        bool needed_by_sanitizers; /* their run-time does it when it reports */
    } rows[] = {
        { "open", opens_a_file, true },
        { "old open", opens_one_the_old_way, true },
        { "socket", makes_a_socket, false },
        { "execve", runs_a_program, false },
        { "fork", forks, false },
        { "kill", signals_its_parent, false },
        { "tgkill", signals_a_thread_of_its_parent, false },
        { "mmap", runs_memory, true },
        { "mprotect", makes_memory_run, true },
        { "ptrace", traces, false },
        { "prctl", makes_itself_dumpable, true },
        { "setrlimit", raises_its_limits, true },
        { "write", writes_elsewhere, true },
        { "sendmsg", sends_elsewhere, false },
        { "process_vm_readv", reads_another_process, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int threads = 0; threads < 2; threads++) {
            print_message("%s\n", rows[i].name);
            if (!SANITIZED || !rows[i].needed_by_sanitizers)
                assert_int_equal(in_sandbox(threads, rows[i].act), -SIGSYS);
        }
    assert_int_equal(in_sandbox(false, forks_the_new_way), -SIGSYS);
    assert_int_equal(in_sandbox(true, forks_the_new_way),
                     7); /* "not implemented": the C library has another way for threads */
}

/* ---- allowed ---- */

static int answers(void)
{
    struct iovec part = { (char[]){ "x" }, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    return sendmsg(pair[0], &message, 0) == 1 && write(STDERR_FILENO, "", 0) == 0 ? 7 : 8;
}

static int uses_memory(void)
{
    char *small = malloc(1000), *large = malloc(32 << 20);
    if (!small || !large)
        return 8;
    memset(small, 1, 1000);
    memset(large, 1, 32 << 20);
    large = realloc(large, 48 << 20);
    int sum = large ? large[(32 << 20) - 1] + small[999] : 0;
    free(large);
    free(small);
    return 5 + sum;
}

static int aborts(void)
{
    abort();
}

static void *return_seven(void *context)
{
    return (void *)((uintptr_t)context + 4);
}

static int starts_a_thread(void)
{
    pthread_t thread;
    void *result = NULL;
    if (pthread_create(&thread, NULL, return_seven, (void *)3) != 0)
        return 8;
    pthread_join(thread, &result);
    return (int)(uintptr_t)result;
}

static void allowed(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(false, answers), 7);
    assert_int_equal(in_sandbox(false, uses_memory), 7);
    if (!SANITIZED) { /* whose run-time stands between */
        assert_int_equal(in_sandbox(false, aborts), -SIGABRT);
        assert_int_equal(in_sandbox(false, starts_a_thread), -SIGSYS);
        assert_int_equal(in_sandbox(true, starts_a_thread), 7);
    }
}

/* ---- limits ---- */

static int takes_too_much(void)
{
    return mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 7 : 8;
}

static int duplicates(void)
{
    for (int i = 0; i < 100; i++)
        if (dup(0) < 0)
            return errno == EMFILE ? 7 : 8;
    return 9;
}

static int shows_its_flags(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 7 : 8;
}

static void limited(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(false, duplicates), 7);
    if (SANITIZED)
        assert_int_equal(in_sandbox(false, shows_its_flags), 7);
    else
        assert_int_equal(in_sandbox(false, takes_too_much), 7);
}

int main(void)
{
    parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden),
        cmocka_unit_test(allowed),
        cmocka_unit_test(limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
