/* confined.h - a program of somebody else, run with as little as it needs.
 *
 *     struct confined it;
 *     if (!confined_start(&options, &it, &error)) ...
 *     while (!confined_wait(&it, 100))              // reads what it prints, meanwhile
 *         if (it should stop)
 *             confined_kill(&it);
 *     ... it.status as waitpid has it, it.said: the last that it printed ...
 *
 * It has a session and a process group of its own, the folder that it is started in, nothing on its standard input,
 * one pipe for all that it prints, no other descriptor of ours, and the environment that is given, no more. It may
 * neither make sockets (but pairs of them, within itself) nor trace, mount, load, or leave its group: seccomp refuses
 * with EPERM. It has also namespaces of its own for users, processes and the network, so that it signals none of our
 * processes, and can read neither their memory nor their environment. Where the kernel does not allow that, only one
 * that is trusted is started: as the same user without them it can read both. Each of its processes may have so much
 * memory, processor time and file size (setrlimit; where the kernel has Landlock, it writes only below the folders
 * that are named, to devices and into /dev/shm), and all of them no more than CONFINED_TASKS_MAX threads, where the
 * kernel counts them (of root's it does not). How many there are, and what they use together, is told for who wants
 * to end it (confined_use).
 *
 * It ends with all that it has started: when it ends, when it is killed, and when the thread that started it dies. In a
 * process without namespaces the last is true of its first process alone.
 */
#ifndef ROENTGEN_CONFINED_H
#define ROENTGEN_CONFINED_H

#include "base/error.h"

#include <sys/types.h>

enum { CONFINED_SAID_MAX = 4096, CONFINED_TASKS_MAX = 4096 };

struct confined_options {
    char *const *words;       /* an absolute path, and what it is told; ends with NULL */
    char *const *environment; /* NAME=VALUE; ends with NULL */
    const char *folder;       /* absolute: where it is started */
    const char *writable[4];  /* absolute: the folders that it may write, and devices; NULL: no more */
    int64_t memory_bytes;     /* address space, of each process */
    int64_t file_bytes;       /* the largest that one file may become */
    int64_t processor_s;
    bool trusted; /* started without namespaces where there are none */
};

struct confined {
    pid_t pid;
    int handle; /* pidfd; -1: none */
    int output; /* what it prints comes here; -1: at its end */
    int status;
    bool ended;
    char said[CONFINED_SAID_MAX]; /* the last of it */
    int said_bytes;
};

/* Whether there are namespaces for it. Asks the kernel each time. */
bool confined_apart(void);

/* On a thread that stays until confined_wait has said true. E_UNAVAILABLE. A program that cannot be executed ends with
 * status 127, and says why. */
bool confined_start(const struct confined_options *options, struct confined *out, struct error *error);
/* True: it has ended, and everything with it. Waits for at most so long. */
bool confined_wait(struct confined *it, int ms);
/* Its processes, and what they have of memory together: what several share is counted once where the kernel tells.
 * Looks closer only beyond so many bytes. */
struct confined_use {
    int processes;
    int64_t memory_bytes;
};
struct confined_use confined_use(const struct confined *it, int64_t most_bytes);
/* All of it; confined_wait is true soon after. */
void confined_kill(const struct confined *it);

#endif
