/* jobs.h - work that waits: written together with what asked for it, and done once, by whoever is there to do it.
 *
 * A job is a row. Whoever wants something done later puts one in the transaction of its own change, so that there is
 * either both or neither:
 *
 *     static const struct job_kind purge_kind = { "trash.purge", &purge_schema, &purged_schema, purge,
 *         .attempts = 5, .time_limit_s = 6 * 3600, .doc = "..." };
 *
 *     struct purge_wish wish = { .before = ... };
 *     jobs_put(c, &(struct job_order){ .kind = &purge_kind, .payload = &wish, .unique_key = S("all") }, &id)
 *
 * A worker (worker.h), in this process or on another host, takes it, calls the kind's function, and writes how it
 * ended:
 *
 *     static bool purge(struct call *c, struct job_run *run)
 *     {
 *         const struct purge_wish *wish = job_payload(run);
 *         struct purged *out = job_result(run);
 *         while (...) {
 *             if (!job_tell(run, out->files, total, "files", STR_NULL))
 *                 return false;                                 // it was cancelled, or took too long: c->error is left
 *             ... one piece of the work, in a transaction of its own ...
 *         }
 *         return true;                                          // the row says SUCCEEDED when this has returned
 *     }
 *
 *   QUEUED ----------> RUNNING ----------> SUCCEEDED
 *     ^  |                |  |  `--------> FAILED       refused for good, or failed as often as the kind allows
 *     |  `-> CANCELLED <--'  |
 *     `---- a pause, longer each time, where trying again may help
 *
 * Once. A worker holds what it runs by a lease that it renews (JOB_LEASE_S); when it dies, the job is taken again after
 * the lease has run out. So a kind's function may run more than once, and has to take what a first run did for done.
 * What must be done exactly once goes into the transaction that ends the job (job_complete): a worker that has lost its
 * lease, because it was stopped or cut off for longer, cannot commit it any more. Leases go by the database's clock,
 * whatever the workers' own say. Of a worker that was killed on this very machine the next one knows at its start: what
 * it had is in turn at once, as one attempt that failed.
 *
 * What is wanted again and again, such as "work off all that is on its way", has a unique key. Asking while it runs is
 * the same job, so it may not end before it has looked once more; and between that look and its end nobody may ask. So
 * it looks in job_complete, and whoever asks meanwhile waits there, and gets a new one:
 *
 *     static bool is_done(struct call *c, void *context)        // for job_complete: true when there is nothing left
 *
 * Taking costs the same however many wait: what may be taken has its `turn`, which orders by priority and age, and an
 * index of these alone leads to the first of each kind that waits. What waits for a moment, be it a lease, a pause or
 * a wish, has that in
 * `due_at`, and no turn.
 *
 * Trying again helps against what passes (E_UNAVAILABLE, E_INTERNAL, E_UNREADABLE, E_STORAGE_FULL, E_TOO_MANY, and a
 * worker that died); any other failure is final at once. A job whose kind no worker here knows stays QUEUED.
 */
#ifndef ROENTGEN_JOBS_JOBS_H
#define ROENTGEN_JOBS_JOBS_H

#include "db/db.h"
#include "site/permission.h"

enum job_state { JOB_QUEUED = 1, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED };
enum job_priority { JOB_STAT = 1, JOB_URGENT, JOB_HIGH, JOB_NORMAL, JOB_LOW };
extern const char *const job_states[];     /* names of enum job_state */
extern const char *const job_priorities[]; /* names of enum job_priority */

enum {
    JOB_LEASE_S = 30, /* how long a worker that is silent keeps a job */
    JOB_PAUSE_S = 5,  /* before the second attempt; twice as long before each further one */
    JOB_PAUSE_MAX_S = 3600,
    JOB_PAYLOAD_MAX = 64 << 10, /* bytes of JSON; large things are files or rows, and named here */
    JOB_WORDS_MAX = 1000        /* bytes of what went wrong */
};

struct job;
struct job_run;

struct job_kind {
    const char *name;             /* "trash.purge": noun and verb */
    const struct schema *payload; /* what it is told; NULL: nothing */
    const struct schema *result;  /* what it answers; NULL: nothing */
    /* On a thread of the worker, outside of transactions. False: c->error says why. */
    bool (*run)(struct call *c, struct job_run *run);
    int attempts;         /* 1: it is not tried again */
    int64_t time_limit_s; /* of one attempt; it is told to stop, and counts as failed */
    int concurrency;      /* so many at once in one process; 0: as many as there are threads */
    bool is_long;         /* it may take hours: the last idle thread is not for it, where there are several */
    bool is_waiting;      /* for programs elsewhere, most of the time: at most half of the threads at once, or one */
    bool is_fleeting;     /* one that has succeeded leaves no row: there would be too many, of which nobody asks */
    /* Above 0: each runs in a process of its own, which may have so much memory and is killed past its time limit
     * (apart.h). For what reads strangers' bytes, may hang in a system call, or may grow. */
    int64_t memory_limit_bytes;
    const char *doc;
    bool by_hand; /* may be asked for by its name (jobs_ask), by those who manage the system */
    bool is_free; /* without schemas: it is told any JSON object (a struct json), and answers any JSON */
    /* NULL, or told in the same transaction when one has FAILED for good or is CANCELLED, and when it is QUEUED once
     * more by jobs_retry. For rows that wait for what it brings. */
    bool (*follow)(struct call *c, const struct job *job, enum job_state state, struct str error);
    /* Free ones: NULL, or in words why this object cannot be passed on as it is. NULL: any can. */
    const char *(*refuses)(struct str payload, struct arena *arena);
};

/* As it is stored and shown. */
struct job {
    int64_t id;
    struct str job_uuid;
    struct str kind;
    unsigned state, priority;
    int64_t attempt, attempts_max;
    struct instant due_at; /* when somebody looks at it next; null: it has its turn, or has ended */
    bool is_cancelled;     /* somebody has asked for that */
    int64_t progress_done, progress_total;
    struct str progress_unit, progress_text;
    struct json payload, result;
    struct str error;
    struct str worker; /* which has it, or had it last */
    int64_t asked_by;  /* an account; null: the server itself, or a command */
    int64_t parent_id;
    struct instant created_at, started_at, finished_at;
};
extern const struct schema job_schema;

/* ---- asking ---- */

struct job_order {
    const struct job_kind *kind;
    const void *payload;       /* a record of kind->payload */
    unsigned priority;         /* 0: NORMAL */
    struct instant not_before; /* 0 or null: at once */
    struct str unique_key;     /* while one of this kind with this key is queued or running, asking again is the same */
    int64_t parent_id;         /* 0: none */
    struct str job_uuid;       /* null: a new one; else asking again with it is the same as long as the job is kept */
};
/* Inside a transaction. *id (may be NULL): of the new one, or of the one that is there. Workers of this process are
 * woken by the commit; others look every second. */
bool jobs_put(struct call *c, const struct job_order *order, int64_t *id);

/* A kind of this program, or of TASK_NAMES; NULL: there is none of that name. */
const struct job_kind *jobs_kind(const struct app *app, struct str name);
/* What people and other programs ask for. Inside a transaction. E_INVALID, with what is wrong with `kind` or a member
 * of
 * `payload`: no such kind, none to be asked for by hand, or its schema refuses what it is told. */
struct job_wish {
    struct str kind;
    struct json payload; /* an object; null: nothing */
    unsigned priority;
    struct instant not_before;
    struct str unique_key, job_uuid;
};
bool jobs_ask(struct call *c, const struct job_wish *wish, int64_t *id);

/* Inside a transaction. One that is QUEUED gets this priority, and its turn by it; of others nothing is changed. */
bool jobs_hasten(struct call *c, int64_t id, enum job_priority priority);
/* Inside a transaction. One that waits ends at once; one that runs is told: in this process with the commit, elsewhere
 * within a second. E_CONFLICT: it has ended. */
bool jobs_cancel(struct call *c, int64_t id);
/* Inside a transaction: one that FAILED or was CANCELLED is queued again, with as many attempts as at first. E_CONFLICT
 * otherwise, and while another has its unique key. */
bool jobs_retry(struct call *c, int64_t id);

/* ---- being run ---- */

int64_t job_id(const struct job_run *run);
const void *job_payload(const struct job_run *run);
void *job_result(const struct job_run *run); /* cleared before the first use */

/* How far it has got, for people; written once a second at most. `total` 0: nobody knows. `unit` is a literal; `text`
 * is copied. False: it is to stop, and fails with what c->error of the run's call says then. Cheap: to be called at
 * every piece. */
bool job_tell(struct job_run *run, int64_t done, int64_t total, const char *unit, struct str text);
/* Is it one of those after which trying again may help? */
bool job_may_pass(enum error_code code);
/* Is it to stop? */
bool job_is_stopping(const struct job_run *run);
/* Waits. False: it is to stop, as job_tell says it. */
bool job_rest(struct job_run *run, int64_t us);

/* Ends the job with `work`, in one transaction: both or neither. For what must be done exactly once. The job's row is
 * held from before `work` until the commit. False: c->error; the lease was lost (E_CONFLICT), or the work failed. A run
 * that has completed returns true. */
bool job_complete(struct call *c, struct job_run *run, bool (*work)(struct call *c, void *context), void *context);

#endif
