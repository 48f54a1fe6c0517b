/* relay_parts.h - the inside of the relay: some jobs that have their turn, and what becomes of each. For relay.c,
 * relay_look.c and relay_find.c. */
#ifndef ROENTGEN_CELERY_RELAY_PARTS_H
#define ROENTGEN_CELERY_RELAY_PARTS_H

#include "celery/relay.h"
#include "jobs/remote.h"

enum fate {
    FATE_WAIT,       /* it is there; nobody knows more */
    FATE_SEEN,       /* its message was found: it is on its way */
    FATE_SEND_AGAIN, /* its message is lost */
    FATE_END,        /* as `end` says */
};

struct relayed {
    struct remote_job remote;
    struct celery_task task;
    struct str message;
    enum fate fate;
    struct job_end end;
    bool was_sent; /* before: its marker was there */
};

/* Some that were taken together. */
struct batch {
    struct celery *celery;
    struct relayed all[REMOTE_AT_ONCE];
    int count;
};

/* Asks Redis, sends what is to be sent, and says what becomes of each. False: c->error, Redis; all of it can be done
 * again. Outside of transactions. */
bool relay_look(struct call *c, struct batch *batch);
/* Nobody has to know any more that these were sent. What is left behind goes by itself. */
void relay_forget(struct call *c, const struct batch *batch);
/* How a job ends by what Celery says of its task, whose state is final. */
struct job_end relay_end_of(const struct celery_result *result, struct arena *arena);

/* Which of these ids are in a list of the queue, or taken and not acknowledged; of queues that are too long to look
 * through, all. */
bool relay_find(struct celery *celery, const struct str *ids, bool *found, int count, struct error *error);

#endif
