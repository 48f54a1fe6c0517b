/* remote.h - jobs that other programs do, which know nothing of our database: they are told of by a message and answer
 * by one (celery/).
 *
 * The row is the outbox. It was written with what asked for the work; whoever passes it on takes it here, sends its
 * message after that commit, and may die at any instruction: what was taken has its turn again after a moment, and is
 * then looked at by whoever is there, be it to send it, to ask what has become of it, or to leave it at that:
 *
 *   QUEUED, in turn  --remote_take-->  RUNNING, due soon  --due-->  RUNNING, in turn  --remote_take-->  ...
 *                                         |      its worker is REMOTE_WORKER, whoever sent it
 *                                         `--remote_end, once-->  SUCCEEDED, FAILED, CANCELLED
 *
 * So whoever passes jobs on asks before he sends (was it sent? is there an answer?), in a way that makes sending the
 * same attempt twice one. `attempt` counts how often it was sent; it is sent again only when the message is lost.
 * `started_at` is when it was last known to be on its way: in a queue, or with somebody who said so.
 *
 * To cancel one gives it its turn at once: the other side is told, and it ends. Where nobody looks (no broker is set
 * any more), cancelling it a second time ends it. Done again by hand, it has another job_uuid, by which the other
 * side knows it: what comes late from the time before is nobody's.
 */
#ifndef ROENTGEN_JOBS_REMOTE_H
#define ROENTGEN_JOBS_REMOTE_H

#include "jobs/queue.h"

#define REMOTE_WORKER "celery"
enum { REMOTE_AT_ONCE = 64, REMOTE_SOON_S = 2, REMOTE_LATER_S = 30 };

/* One that was taken: `job` as it is now. */
struct remote_job {
    struct job job;
    struct instant now; /* of the database */
};
/* Inside a transaction. Those in turn of these kinds, at most REMOTE_AT_ONCE: RUNNING now, and in turn again soon,
 * later each time. */
bool remote_take(struct call *c, const struct job_kind *const *kinds, int count, struct remote_job *out, int *taken);

/* The rest is inside a transaction too, and about jobs that are under way elsewhere. Others, as those that have ended,
 * are left as they are: that is no failure. */
bool remote_seen(struct call *c, int64_t id);       /* it is on its way */
bool remote_send_again(struct call *c, int64_t id); /* its message is lost: one attempt more, in turn at once */
bool remote_tell(struct call *c, struct str job_uuid, struct str text); /* progress; it is on its way */
/* Once: what comes later finds it ended. *ended: that was now. */
bool remote_end(struct call *c, struct str job_uuid, const struct job_end *end, bool *ended);

#endif
