/* run.h - a worker's inside: one thread with the job that it runs. For worker.c and run.c. */
#ifndef ROENTGEN_JOBS_RUN_H
#define ROENTGEN_JOBS_RUN_H

#include "jobs/in_hand.h"
#include "jobs/queue.h"
#include "jobs/worker.h"
#include "site/actor.h"
#include "site/app.h"
#include "base/log.h"
#include "base/thread.h"

#include <stdatomic.h>

enum { KINDS_MAX = 64, LOOK_EVERY_US = 1000000, RENEW_EVERY_US = JOB_LEASE_S * 1000000 / 3 };
enum { TEXT_MAX = 200 };

enum why { GO_ON, CANCELLED, TOO_LONG, LOST, CLOSING };

/* One thread, and what it runs. */
struct job_run {
    struct worker *worker;
    struct thread thread;
    struct call call;
    int64_t id, attempt;         /* of the job */
    struct str payload_text;     /* in the call's arena */
    const struct job_kind *kind; /* NULL: it is idle */
    int64_t began_us, until_us;  /* of its time limit */
    int64_t renewed_us;          /* when its lease was last renewed, or its progress written */
    int64_t done, total;
    const char *unit;
    char text[TEXT_MAX + 1];
    bool told;       /* since it was last written */
    _Atomic int why; /* enum why */
    void *payload, *result;
    bool completed; /* its end was written with its work */
    bool apart;     /* a process of its own has it: who waits for that renews nothing */
};

struct worker {
    struct app *app;
    struct worker_options options;
    char name[WORKER_NAME_BYTES];
    struct background keeper; /* its lock guards all below, and the runs' members that both sides use */
    pthread_cond_t given;     /* something for a thread to begin, or the end */
    pthread_cond_t ended;     /* a run, or what the keeper exchanges with the database */
    pthread_cond_t written;   /* ends */
    bool woken, closing, over;
    bool heard;         /* of a job that was cancelled: it may be one of these */
    int64_t listens_us; /* when it next asks whether one was, without having heard of it */
    bool exchanging;    /* the keeper is in hand_exchange */
    struct in_hand hand;
    const sigset_t *stops; /* of the process of one job; NULL: it is not that */
    struct {
        struct worker_counts all;
        int64_t lately_us; /* what an attempt took, the last ones counting most; 0: none was made */
    } counts[KINDS_MAX];   /* by kind */
    int thread_count;
    struct job_run runs[WORKER_THREADS_MAX];
};

struct renewing {
    struct worker *worker;
    struct job_lease lease;
    char text[TEXT_MAX + 1];
};

/* What the row is to say of it now. Under the lock. */
void run_take_lease(struct job_run *run, struct renewing *out);
/* `state` is one in which an attempt has ended. */
void worker_count_end(struct worker *worker, const struct job_kind *kind, enum job_state state, int64_t us);
/* Makes it the run's. Under the lock. */
void run_begin(struct job_run *run, const struct job_kind *kind, int64_t id, int64_t attempt, struct str payload);
/* Runs it, and says how it ended. On its thread, without the lock. */
void run_one(struct job_run *run);

#endif
