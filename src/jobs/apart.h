/* apart.h - a job in a process of its own, which its limits end whatever it does.
 *
 * A kind with `memory_limit_bytes` does not run on the worker's thread: that starts
 *
 *     PROGRAM job --id 17 --worker NAME            // worker_options.program; cli/cmd_job.c
 *
 * and waits. The process holds the job under the worker's name: it renews the lease, writes progress, hears of a
 * cancellation, and writes how the job ended (worker_do_one). What it could not write, because it was killed, the
 * waiting thread writes: that attempt has failed, with words that say how the process ended.
 *
 * Memory beyond the limit is refused to it (RLIMIT_DATA), of which it dies. Past its time limit it is told, as every
 * job is, and killed APART_GRACE_S later. One that is cancelled and does not listen, because it hangs in a call to a
 * disk that is gone, is killed APART_CANCEL_S later, and is CANCELLED. When the worker closes it gets a SIGTERM, and
 * the job goes back to the queue; when the worker dies it is killed, and the job is taken again after its lease.
 */
#ifndef ROENTGEN_JOBS_APART_H
#define ROENTGEN_JOBS_APART_H

#include "jobs/run.h"

enum { APART_GRACE_S = 2, APART_CANCEL_S = 5 };

/* On the run's thread. True: the process wrote how it ended, *state says that. False: the run's call.error says what
 * became of the process. */
bool run_apart(struct job_run *run, enum job_state *state);

#endif
