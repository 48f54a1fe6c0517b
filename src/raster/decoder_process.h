/* decoder_process.h - one decoder process as the server sees it: started, given a packet, waited for, ended. Private to
 * raster/.
 *
 *     if (!decoder_process_start(program, max_result_bytes, &process, &error)) ...
 *     if (!decoder_process_send(&process, &request, sizeof(request), fd) ||
 *         decoder_process_receive(&process, request.number, timeout_us, &reply) != DECODER_ANSWERED)
 *         int status = decoder_process_end(&process);
 *
 * The struct owns the process, our end of its socket and the shared memory (decoder_protocol.h) until
 * decoder_process_end, which is for every way that it may have gone; a descriptor that is sent stays the caller's.
 * Not thread-safe: who uses a process has it for himself (decoder_pool.h).
 */
#ifndef ROENTGEN_RASTER_DECODER_PROCESS_H
#define ROENTGEN_RASTER_DECODER_PROCESS_H

#include "raster/decoder_protocol.h"

#include <sys/types.h>

struct decoder_process {
    pid_t pid;          /* 0: none */
    int socket, memory; /* our end; the memfd */
};
#define DECODER_PROCESS_NONE ((struct decoder_process){ 0, -1, -1 })

/* `program` with the argument "decoder", an empty environment, /dev/null, standard error and its socket. It ends with
 * the thread that calls this. E_UNAVAILABLE when the system has no room for it. */
bool decoder_process_start(const char *program, int64_t max_result_bytes, struct decoder_process *out,
                           struct error *error);
bool decoder_process_has_ended(const struct decoder_process *process);
/* Ends and reaps it. Returns its wait status. */
int decoder_process_end(struct decoder_process *process);

/* Sends a packet with a descriptor (-1: none). False: nothing was delivered. */
bool decoder_process_send(const struct decoder_process *process, const void *packet, size_t bytes, int fd);

enum decoder_answer {
    DECODER_ANSWERED,
    DECODER_UNSENT,  /* it was gone before it got anything */
    DECODER_GONE,    /* its socket is closed */
    DECODER_SPENT,   /* nothing, and it has used so much processor time itself */
    DECODER_LATE,    /* nothing, and it had hardly any processor time: stopped, or too much else runs here */
    DECODER_GARBLED, /* something that is no reply to this request */
};
/* Waits for the reply numbered so. Nothing in it has been looked at but its size, its number and that its text ends.
 * `timeout_us` is meant in time that the process works: one that is slow because others use the processors gets up to
 * eight times as long. */
enum decoder_answer decoder_process_receive(const struct decoder_process *process, uint64_t number, int64_t timeout_us,
                                            struct decoder_reply *reply);

#endif
