/* clean.h - rows that are older than somebody wants to keep them go, some at a time.
 *
 *     static const struct aged sessions = AGED("sessions", "expires_at");
 *     return clean_aged(c, run, &sessions, before, "sessions", &out->sessions);
 *
 * Each slice is a transaction of its own, so that nobody waits for longer than one; the job's progress tells how many
 * have gone. False: the database failed, or the job is to stop; what has gone stays gone.
 */
#ifndef ROENTGEN_JOBS_CLEAN_H
#define ROENTGEN_JOBS_CLEAN_H

#include "jobs/jobs.h"

enum { CLEAN_SLICE = 500 }; /* rows; more where they share one moment */

/* A table whose rows have a moment from which on they are old. The column has an index, or there are never many. */
struct aged {
    const char *last; /* of a slice: the moment of its last row */
    const char *remove;
};
#define AGED(table, moment) \
    { \
        "select " moment " from " table " where " moment " < ? order by " moment " limit 1 offset ?", \
            "delete from " table " where " moment " < ?" \
    }

/* *count grows by those that went. Outside of transactions. */
bool clean_aged(struct call *c, struct job_run *run, const struct aged *aged, struct instant before, const char *unit,
                int64_t *count);
/* The moment before which something that is kept for so long is old. */
struct instant clean_before(int64_t keep_s);

/* What kinds that do this have in common. */
#define CLEANING .attempts = 3, .time_limit_s = 3600, .concurrency = 1, .by_hand = true

extern const struct job_kind events_clean;
extern const struct job_kind jobs_clean; /* takes nothing: JOBS_KEEP says how long they are kept */

#endif
