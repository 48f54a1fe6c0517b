/* in_hand.h - what a worker has in hand beside what runs: jobs that it took and has not begun, and ends that no row
 * tells of yet. For worker.c and run.c.
 *
 *     take ahead --> ready --> a thread runs it --> unwritten --> its row says so
 *          `------------------ one commit ----------------------------'
 *
 * Each commit waits for a disk, so one commit takes and ends as much as there is. A thread never waits for that of its
 * own job's end, unless HAND_ENDS of them wait to be written. For idle threads everything that is in turn is taken;
 * ahead of them only kinds whose attempts have lately been brief (BRIEF_US), so that nothing waits in one worker while
 * another is idle. What has been ready for a second without being begun goes back to the queue.
 */
#ifndef ROENTGEN_JOBS_IN_HAND_H
#define ROENTGEN_JOBS_IN_HAND_H

#include "jobs/queue.h"

struct worker;
struct job_run;

enum { HAND_READY = 64, HAND_ENDS = 256, BRIEF_US = 5000, READY_MAX_US = 1000000 };

struct ready_job {
    int64_t id, attempt, taken_us;
    const struct job_kind *kind;
    char *payload; /* its own; NULL: none */
};

struct unwritten_end {
    struct job_end end;
    struct job_lease last;       /* what its row is to say of its progress */
    char *text, *result, *error; /* its own, of which the two above are made */
};

struct in_hand {
    struct ready_job ready[HAND_READY]; /* the oldest first */
    int ready_count;
    struct unwritten_end ends[HAND_ENDS]; /* the oldest first */
    int end_count;
};

/* Under the worker's lock. */
int hand_ready_of(const struct worker *w, const struct job_kind *kind);
bool hand_begin(struct job_run *run); /* the oldest that is ready is the run's now; false: none is */
/* What is not to be begun here goes back: all of it, or what has been ready for too long. */
void hand_give_back(struct worker *w, bool all);

/* From the run's thread, without the lock: how it ended is written soon; not at all when the
 * process ends without its database, and then it runs again. Texts are copied. */
void hand_end(struct job_run *run, const struct job_end *end, const struct job_lease *last);
/* From the keeper, without the lock: one commit of what has ended and of what may be taken. *moved: there was any. */
bool hand_exchange(struct worker *w, struct call *c, bool *moved);
void hand_release(struct in_hand *hand);

#endif
