/* relay.h - passes jobs on to Celery, and takes its answers.
 *
 *     relay_open(celery, &relay, &error)      // threads of its own; worker.h's neighbour
 *     ...
 *     relay_close(relay)
 *
 * One in each process that serves or works, any number of them on one database and one Redis. Woken by commits, by
 * answers, and every second, it takes the jobs that have their turn (jobs/remote.h), and looks at each:
 *
 *   is there an answer?              it ends, once; what Celery says later, or again, finds it ended
 *   has somebody cancelled it?       a broadcast revokes it, its message is taken out of the queue, it ends
 *   was this attempt sent?           a marker in Redis, written with the message by one script, tells; if not, it
 *                                    is sent
 *   was it, and is not to be found?  in no queue, not unacknowledged, and for longer than TASK_TIME_LIMIT with nobody
 *                                    who could still be at it (Celery's worker ends what takes longer): it is sent
 *                                    again, as the same task, CELERY_TAGS - 1 times in all
 *
 * Redis may lose all it has: then there is no marker, and the job is sent again. It may be away: jobs wait.
 * Answers are heard at once (Celery publishes them); those that nobody heard are found when the job is looked at again,
 * after half as long as it has been waited for, 30 seconds at most.
 */
#ifndef ROENTGEN_CELERY_RELAY_H
#define ROENTGEN_CELERY_RELAY_H

#include "celery/celery.h"

struct relay;
bool relay_open(struct celery *celery, struct relay **out, struct error *error);
/* There may be something to do. Takes a struct relay; callable as db_after_commit wants it. */
void relay_wake(void *relay);
void relay_close(struct relay *relay); /* takes NULL */

#endif
