/* worker.h - who does the jobs: threads that run them, and one that takes them and keeps their leases.
 *
 *     worker_open(app, &(struct worker_options){ kinds, kind_count, threads }, &app->worker, &error)
 *     ...
 *     worker_stop(app->worker, 20000);       // takes nothing more; what runs has so many ms to end by itself
 *     worker_close(app->worker);             // when it has ended
 *     ... db_close(app->db) ...
 *     worker_free(app->worker);
 *
 *   keeper     every second, and when woken:  what is due has its turn
 *                                             leases are renewed, progress is written, limits are looked at
 *                                             what was cancelled is told: at once if it was here, else within a second
 *                                             one commit says how jobs ended, and takes as many as there are threads
 *                                             idle; of brief kinds some ahead (in_hand.h)
 *   thread     runs one, says how it ended, wakes the keeper
 *
 * `serve` has one within; `roentgen worker` is nothing else. Any number of them, on any host, work on one database.
 * What a worker cannot end by itself when it is told to close (job_tell returns false then) goes back to the queue, and
 * does not count as an attempt.
 */
#ifndef ROENTGEN_JOBS_WORKER_H
#define ROENTGEN_JOBS_WORKER_H

#include "jobs/jobs.h"
#include "site/config.h"

#include <signal.h>

struct worker;

struct worker_options {
    const struct job_kind **kinds; /* outlive it */
    int kind_count;
    int threads;
    struct schedules *schedules; /* looked at every second; NULL: none */
    /* NULL, or called by the keeper every second and when woken, outside of transactions: puts jobs for what nobody
     * asks for, because the database itself shows that it is to be done. Short. False: c->error. */
    bool (*look)(struct call *c, void *look_at);
    void *look_at;
    const char *program; /* that does one job in a process of its own (apart.h); NULL: all run here */
};

bool worker_open(struct app *app, const struct worker_options *options, struct worker **out, struct error *error);
/* The process of its own: does this job, which the worker of that name holds, on the calling thread, and writes how it
 * ended. Any signal of `stops`, which are blocked, puts it back into the queue. False: it is not held by that worker
 * (any more). */
bool worker_do_one(struct app *app, const struct job_kind *kind, int64_t id, struct str name, const sigset_t *stops,
                   struct error *error);
/* There is something to do. Takes a struct worker; callable as db_after_commit wants it. */
void worker_wake(void *worker);
/* A job was cancelled that runs somewhere, perhaps here. As worker_wake otherwise. */
void worker_hear(void *worker);

/* How those of one kind ended here, since the start; a kind that it does not do: all zero. */
struct worker_counts {
    int64_t succeeded, failed, cancelled; /* attempts; what went back because the worker closes is in none */
    int64_t total_us;                     /* that they took together */
};
void worker_count(struct worker *worker, const struct job_kind *kind, struct worker_counts *out);

/* When it returns, all that runs has been told to end. Takes NULL, as the next one. Between the two, what jobs wait for
 * can be ended too. */
void worker_stop(struct worker *worker, int64_t grace_ms);
void worker_close(struct worker *worker);
/* Once nothing can commit any more: whoever puts a job until then wakes it. */
void worker_free(struct worker *worker);

#endif
