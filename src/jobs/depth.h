/* depth.h - how many jobs wait and run, of each kind, and for how long they have waited; for metrics and health.
 *
 * Costs the same however many have ended: a few steps in indexes for each kind, and one for each that waits, up to
 * DEPTH_MAX. All kinds that the table knows are told of, also those that no program here can do.
 */
#ifndef ROENTGEN_JOBS_DEPTH_H
#define ROENTGEN_JOBS_DEPTH_H

#include "jobs/jobs.h"

enum { DEPTH_MAX = 100000, DEPTH_KINDS_MAX = 200 };

struct job_depth {
    struct str kind;
    int64_t waiting; /* that may be taken now; DEPTH_MAX: so many or more */
    int64_t running; /* by whatever worker */
    int64_t
        oldest_s; /* since when the first in turn of its priority may be taken, the longest of them; 0: none waits */
};

/* `out` holds DEPTH_KINDS_MAX; kinds are in the call's arena, by name. */
bool jobs_depths(struct call *c, struct job_depth *out, int *count);

#endif
