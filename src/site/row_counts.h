/* row_counts.h - how many accounts, patients, studies and series there are, without counting them.
 *
 *     int64_t patients;
 *     if (!row_count(c, ROWS_PATIENTS, &patients)) return false;
 *
 * Triggers of the database keep a row for each in the table row_counts; what is deleted is in none of them. They count
 * everybody's: who may be told is for the caller to ask (a list whose caller sees everything, system.read). False: the
 * database failed.
 */
#ifndef ROENTGEN_ROW_COUNTS_H
#define ROENTGEN_ROW_COUNTS_H

#include "base/call.h"

enum row_kind { ROWS_USERS, ROWS_PATIENTS, ROWS_STUDIES, ROWS_SERIES, ROW_KINDS };

bool row_count(struct call *c, enum row_kind kind, int64_t *count);
/* All of them, at one moment. */
bool row_counts(struct call *c, int64_t counts[ROW_KINDS]);

#endif
