/* consume_parts.h - the inside of the consumer. For consume.c, consume_put.c, consume_tell.c and consume_sweep.c. */
#ifndef ROENTGEN_CELERY_CONSUME_PARTS_H
#define ROENTGEN_CELERY_CONSUME_PARTS_H

#include "celery/consume.h"
#include "base/crypto.h"
#include "base/thread.h"

enum { TAKE_AT_ONCE = 32, REVOKED_KEPT = 512, REVOKING_MOST = 64 };

/* What somebody has revoked. */
struct revoked {
    char id[CELERY_ID_MAX + 1];
    bool terminate;
};

struct consumer {
    struct celery *celery;
    struct str queues[CELERY_QUEUES_MAX];
    int queue_count;
    struct redis_listener *listener;
    struct background keeper;             /* its lock guards what follows, up to hears_again */
    struct revoked revoked[REVOKED_KEPT]; /* a ring */
    int revoked_count, revoked_seen;
    bool hears_again;
    /* Of the keeper alone. */
    struct instant told_until; /* jobs that had ended by then were told; null: nobody has looked */
    int64_t told_id;
    int64_t sweep_us, look_us; /* when it does so next */
};

/* One message that was taken. */
struct taken {
    struct str text;
    struct celery_request request;
    char job_uuid[UUID_TEXT + 1];
    const char *broken;          /* it is to be rejected, in these words */
    struct celery_answer answer; /* state PENDING: none yet, the job will have one */
};

/* The UUID of a task's job: its id, or of an id that is no UUID what follows from it. */
void consume_uuid(struct str id, char out[UUID_TEXT + 1]);
bool consume_is_revoked(struct consumer *consumer, struct str id);

/* consume_put.c: reads them, and puts their jobs. False: c->error, the database; nothing was put. */
void consume_read(struct consumer *consumer, struct call *c, struct taken *taken, int count);
bool consume_put(struct call *c, struct taken *taken, int count);
bool consume_revoke(struct call *c, const struct revoked *revoked, int count);

/* consume_tell.c. False: c->error, Redis or the database; it comes again. */
bool consume_tell(struct celery *celery, struct call *c, const struct celery_answer *answer);
bool consume_tell_ended(struct consumer *consumer, struct call *c, bool *more);
bool consume_look_at_asked(struct consumer *consumer, struct call *c);

/* consume_sweep.c. */
bool consume_sweep(struct consumer *consumer, struct call *c);

/* consume_rejected.c: the list, and how many there were of each reason. */
#define CELERY_REJECTED "roentgen.rejected"
#define CELERY_REJECTED_COUNTS "roentgen.rejected-counts"
/* A line of the log: "2 rejected: it is not JSON". Nothing of a message is in it. */
void consume_say_rejected(struct call *c, struct str what);

#endif
