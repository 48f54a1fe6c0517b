/* clean.h - what is left of signing in, and has ended long ago, goes: sessions with their tokens, tokens for a new
 * password, locks, and networks that an account is no longer known from. Nothing else removes any of them for its age;
 * what is old and still there is good for nothing. */
#ifndef ROENTGEN_PEOPLE_CLEAN_H
#define ROENTGEN_PEOPLE_CLEAN_H

#include "jobs/jobs.h"

extern const struct job_kind sessions_clean; /* takes nothing: SESSION_KEEP says how long sessions are kept */

#endif
