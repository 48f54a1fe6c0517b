/* critical_parts.h - what the files of critical results share. Inside transactions. */
#ifndef ROENTGEN_REPORTS_CRITICAL_PARTS_H
#define ROENTGEN_REPORTS_CRITICAL_PARTS_H

#include "reports/critical.h"
#include "reports/report_parts.h"

/* In one wording, so that who waits for the row is known to (db_lock). */
#define CRITICAL_LOCK_SQL "select coalesce(next_step_at, 0) from critical_results where id = ?"

/* A row of its history, and whoever listens hears of it. */
bool critical_put_event(struct call *c, const struct critical_result *result, enum critical_event_kind kind,
                        int64_t step, struct str text, struct instant now);
int64_t critical_limit_us(const struct call *c, unsigned category);

#endif
