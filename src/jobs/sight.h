/* sight.h - who may see a job, cancel it or have it done again: who asked for it, and whoever sees the system
 * (system.read). What one may not see is not there. */
#ifndef ROENTGEN_JOBS_SIGHT_H
#define ROENTGEN_JOBS_SIGHT_H

#include "db/condition.h"
#include "jobs/jobs.h"
#include "site/event.h"
#include "site/principal.h"

/* E_NOT_FOUND. */
bool jobs_load(struct call *c, int64_t id, struct job *out);
/* Who hears of this event about a job (site/listen.h). */
bool jobs_hears(struct call *c, const struct event *event, const struct principal *const *who, int count, bool *hears);
/* What of `jobs j` the caller sees, for lists. Returns 0: everything; 1: *out says it. */
int jobs_in_sight(const struct call *c, struct condition *out);

#endif
