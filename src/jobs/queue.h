/* queue.h - what a worker asks of the table of jobs; everybody else uses jobs.h. All inside a transaction. */
#ifndef ROENTGEN_JOBS_QUEUE_H
#define ROENTGEN_JOBS_QUEUE_H

#include "jobs/jobs.h"

/* In an update: it is not to be taken. */
#define HAS_NO_TURN "turn = null, turn_at = null"
/* The turns of a priority are from this on, up to that of the next. */
int64_t queue_first_turn(unsigned priority);

/* Has any of these kinds one in turn? A read alone, outside of transactions. */
enum found queue_has_turn(struct call *c, const struct job_kind *const *kinds, int count) DB_ASKED;
/* The first in turn of this kind that nobody else holds, held until the commit. */
enum found queue_find_first(struct call *c, const char *kind, int64_t *id) DB_ASKED;
/* The next in turn of these kinds, if there is one, is RUNNING now and this worker's. */
enum found queue_take(struct call *c, const struct job_kind *const *kinds, int count, struct str worker,
                      struct job *out) DB_ASKED;

/* One that this worker has: its lease is longer, its progress written. *lost: it is not this worker's any more.
 * *cancelled: somebody asked for that. */
struct job_lease {
    int64_t id;
    int64_t done, total;
    const char *unit; /* NULL: nothing was told */
    struct str text;
    bool tell; /* there is progress that others may hear of */
    bool lost, cancelled;
};
bool queue_renew(struct call *c, struct str worker, struct job_lease *lease);

/* How it ended: SUCCEEDED with a result, CANCELLED, FAILED with words; or, with `pause`, QUEUED again, unless it
 * was the last attempt. E_CONFLICT: it is not this worker's any more. */
struct job_end {
    int64_t id;
    enum job_state state;
    bool pause;
    bool now;    /* with a pause of no length */
    bool back;   /* QUEUED again at once, and as if this attempt had not been */
    bool forget; /* one that has SUCCEEDED leaves no row */
    struct str result, error;
};
bool queue_end(struct call *c, struct str worker, const struct job_end *end);
/* Holds the row of one that this worker has until the commit. E_CONFLICT. */
bool queue_hold(struct call *c, struct str worker, int64_t id);
/* The jobs of workers of this machine that have ended without a word have failed once more, and have their turn, but
 * for those that may be begun no more. */
bool queue_end_dead(struct call *c);
/* The name of this process, as a worker: its machine, its number there, and what no later process of that number has.
 * */
enum { WORKER_NAME_BYTES = 100 };
void queue_name_worker(char name[WORKER_NAME_BYTES]);

/* Has somebody asked that it end? A read alone, outside of transactions. */
enum found queue_is_cancelled(struct call *c, int64_t id) DB_ASKED;
/* Is there anything that is due? A read alone, outside of transactions. */
enum found queue_is_due(struct call *c) DB_ASKED;
/* What is due has its turn again; one whose worker is silent has failed once more. *more: there may be others. */
bool queue_turn_due(struct call *c, bool *more);

#endif
