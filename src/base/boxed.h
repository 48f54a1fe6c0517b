/* boxed.h - this program once more, in a process of its own that is closed in before it sees strangers' bytes.
 *
 *   server                                             boxed process (`roentgen COMMAND`, descriptor 3)
 *   setup   + descriptor of the shared memory     -->  loads what it needs, closes the sandbox (sandbox.h)
 *                                                 <--  ready, or why not
 *   request + descriptor                          -->
 *                                                 <--  reply
 *   ...                                                until the socket closes
 *
 *     struct boxed process;
 *     if (!boxed_start(&(struct boxed_options){ program, "decoder", "a decoder", bytes }, &process, &error) ||
 *         !boxed_send(&process, &request, sizeof(request), fd) ||
 *         boxed_receive(&process, &reply, sizeof(reply), timeout_us) != BOXED_ANSWERED)
 *         int status = boxed_end(&process);
 *
 * One packet each (SOCK_SEQPACKET), structs as they lie in memory: both ends are the same program. What is large lies
 * in memory that both share, a memfd whose size the server has set and sealed. The server never maps it: it writes and
 * reads with pwrite and pread, so that nothing a boxed process does to it can stop the server, and what was read no
 * longer changes. Pages are only there where something was written.
 *
 * Nothing that a boxed process says is believed: a reply has the right size, and no more is known of it.
 *
 * The struct owns the process, our end of its socket and the shared memory until boxed_end, which is for every way that
 * it may have gone; a descriptor that is sent stays the caller's. Not thread-safe: who uses a process has it for
 * himself. A process ends with the thread that started it (PR_SET_PDEATHSIG), so that has to be one that lives as long
 * as the process is wanted: where threads come and go a struct boxed_starter has one for that.
 */
#ifndef ROENTGEN_BOXED_H
#define ROENTGEN_BOXED_H

#include "base/error.h"

#include <sys/types.h>

enum { BOXED_SOCKET = 3 };

struct boxed {
    pid_t pid;          /* 0: none */
    int socket, memory; /* our end; the memfd */
};
#define BOXED_NONE ((struct boxed){ 0, -1, -1 })

struct boxed_options {
    const char *program; /* its path */
    const char *command; /* its first argument: "decoder" */
    const char *what;    /* for messages: "a decoder" */
    int64_t shared_bytes;
};
/* With an empty environment but for where libraries lie, /dev/null, standard error and its socket. E_UNAVAILABLE when
 * the system has no room for it. */
bool boxed_start(const struct boxed_options *options, struct boxed *out, struct error *error);
/* A thread that does nothing but start processes for others, which wait for it. */
struct boxed_starter;
bool boxed_starter_open(const char *thread_name, struct boxed_starter **out, struct error *error);
bool boxed_starter_start(struct boxed_starter *starter, const struct boxed_options *options, struct boxed *out,
                         struct error *error);
void boxed_starter_close(struct boxed_starter *starter); /* takes NULL. Its processes end with it */

/* Gives back the pages of its shared memory, which then is as it was made: zeros. */
void boxed_clear(const struct boxed *process);
bool boxed_has_ended(const struct boxed *process);
/* Ends and reaps it. Returns its wait status. */
int boxed_end(struct boxed *process);

/* Sends a packet with a descriptor (-1: none). False: nothing was delivered. */
bool boxed_send(const struct boxed *process, const void *packet, size_t bytes, int fd);

enum boxed_answer {
    BOXED_ANSWERED,
    BOXED_UNSENT,  /* it was gone before it got anything */
    BOXED_GONE,    /* its socket is closed */
    BOXED_SPENT,   /* nothing, and it has used so much processor time itself */
    BOXED_LATE,    /* nothing, and it had hardly any processor time: stopped, or too much else runs here */
    BOXED_GARBLED, /* something of another size */
};
/* Waits for a packet of this size, untouched otherwise. `timeout_us` is meant in time that the process works: one that
 * is slow because others use the processors gets up to eight times as long. */
enum boxed_answer boxed_receive(const struct boxed *process, void *packet, size_t bytes, int64_t timeout_us);

/* Signals that a program brings upon itself by what it reads. The others are sent by somebody: the operator, the kernel
 * when memory is short everywhere (SIGKILL), the sandbox for a call that it should have let pass (SIGSYS), or the disk
 * that does not give what is mapped (SIGBUS). */
bool boxed_is_own_signal(int number);

/* ---- inside the boxed process ---- */

/* Was this process started so? Then it ends with the thread that did. */
bool boxed_enter(void);
/* The next packet, of exactly this size, and the descriptor that comes with it (-1: none); that is the caller's to
 * close. False: the server is gone, or this is no server. */
bool boxed_take(void *packet, size_t bytes, int *fd);
bool boxed_reply(const void *packet, size_t bytes);

#endif
