/* clean.h - jobs that ended long ago go. */
#ifndef ROENTGEN_JOBS_CLEAN_H
#define ROENTGEN_JOBS_CLEAN_H

#include "jobs/jobs.h"

extern const struct job_kind jobs_clean; /* takes nothing: JOBS_KEEP says how long they are kept */

#endif
