/* zone.h - the hospital's days: what a date, or a time without a zone, means where the server stands.
 *
 *     zone_set(S("Asia/Shanghai"), &error);                    // once, before other threads run; "": the machine's own
 *     zone_parse(S("2026-01-05"), &instant);                   // 2026-01-04T16:00:00Z
 *     struct instant first = zone_midnight(zone_today());      // when this day began
 *
 * Everything else in the program is UTC. Zones come from the system's zoneinfo, which knows their summer times.
 */
#ifndef ROENTGEN_ZONE_H
#define ROENTGEN_ZONE_H

#include "base/clock.h"
#include "base/error.h"

/* E_INVALID when the system knows no such zone. */
bool zone_set(struct str name, struct error *error);

struct date zone_today(void);
/* Which day it is there at that moment. */
struct date zone_date(struct instant t);
/* What clocks there show at that moment, as if it were UTC. */
struct instant zone_shown(struct instant t);
/* The moment at which clocks there show what `shown` shows in UTC. Of two, where clocks are put back, the first; one
 * that summer time leaps over is as much later. */
struct instant zone_moment(struct instant shown);
/* The first moment of the day, which is not always 0:00: some summer times begin at midnight. */
struct instant zone_midnight(struct date day);
/* Months are counted: year * 12 + month, from 0. */
int zone_month(struct date day);
struct instant zone_month_begins(int month);
/* As instant_parse, but a date alone and a time without Z or offset are those of the zone. */
bool zone_parse(struct str s, struct instant *out);

#endif
