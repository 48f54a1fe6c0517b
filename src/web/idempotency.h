/* idempotency.h - first answers to POSTs with an Idempotency-Key are kept for 24 hours (exchange.h); then they go. */
#ifndef ROENTGEN_IDEMPOTENCY_H
#define ROENTGEN_IDEMPOTENCY_H

#include "jobs/jobs.h"

extern const struct job_kind idempotency_clean; /* takes nothing */

#endif
