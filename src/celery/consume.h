/* consume.h - takes what Celery's clients send, and puts it as jobs.
 *
 *     consumer_open(celery, queues, &consumer, &error)     // roentgen worker --celery --queue celery
 *     ...
 *     consumer_close(consumer)
 *
 * The task roentgen.files.scrub is the kind files.scrub, its keyword arguments are the payload. Only kinds that may
 * be asked for by hand can be: whoever can write to this Redis is taken for somebody who may ask for those, and for
 * nothing else.
 *
 *   list --take, one script--> unacked --put, one transaction--> the job --acknowledge--> asked --its end--> the answer
 *
 * A message is never only in this process: one script moves it from its list to `unacked`, from where Celery's and
 * our own sweep gives it to another after the visibility time-out. The job has the task's id for its UUID, so that a
 * message that comes twice finds the job, also when it has ended: that is what makes it once. It is acknowledged
 * after that commit. Answers are written when the job has ended, by whoever of these processes is there, never over
 * another that is final; that is looked at by what has ended since (at a start, and when Redis has been away: within
 * a day), and every three seconds by the hash roentgen.asked of those that wait for one.
 *
 *   later (eta)         the job waits in the database; the message is acknowledged
 *   expires             what has not begun by then is cancelled, and answered REVOKED
 *   revoke              heard: what waits is cancelled; what runs too, when it says terminate
 *   unknown             FAILURE, NotRegistered; wrong arguments: ValueError, TypeError with words
 *   chains, chords, callbacks    FAILURE, NotImplementedError: nobody here would call them
 *   broken              FAILURE, ValueError, where its id and reply_to can be read; else into the list
 *                       roentgen.rejected, the newest 1000 of them: `roentgen jobs rejected`
 *
 * Lists of higher priority are emptied first. Of the steps, the first is NORMAL here, since Celery gives it to whatever
 * has none; the others are LOW.
 */
#ifndef ROENTGEN_CELERY_CONSUME_H
#define ROENTGEN_CELERY_CONSUME_H

#include "celery/celery.h"

enum { CELERY_QUEUES_MAX = 16, CELERY_REJECTED_MAX = 1000 };
#define CELERY_UNIQUE "celery:" /* before the task's id, in the unique key of its job */

struct consumer;
/* `queues`: names, separated by commas. E_INVALID: one is where this program's own tasks go out. */
bool consumer_open(struct celery *celery, struct str queues, struct consumer **out, struct error *error);
void consumer_close(struct consumer *consumer); /* takes NULL. What was taken and is no job yet goes back. */

/* What was rejected, the newest first: a moment, words, and the message as it was, of a large one the beginning. */
enum { CELERY_REJECTED_SHOWN = 16 * 1024 };
struct celery_rejected {
    struct instant at;
    struct str why, message;
    int64_t size_bytes; /* of the whole message */
};
bool celery_rejected(struct call *c, struct celery *celery, struct celery_rejected *out, int most, int *count);
bool celery_forget_rejected(struct call *c, struct celery *celery, int64_t *count);

/* How many are in the list, and how often there was which reason since Redis was empty. None where this process has no
 * Redis of Celery's. */
enum { CELERY_REASONS_MAX = 64 };
struct celery_rejections {
    int64_t waiting;
    struct {
        struct str why;
        int64_t count;
    } reasons[CELERY_REASONS_MAX];
    int reason_count;
};
bool celery_rejections(struct call *c, struct celery *celery, struct celery_rejections *out);

#endif
