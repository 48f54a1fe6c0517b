/* clock.h - moments and days, always UTC.
 *
 * Outside: `2026-01-05T14:30:22.123456Z` (RFC 3339) and `2026-01-05`. Inside and in SQL: microseconds
 * since 1970-01-01T00:00:00Z, and for days the text `2026-01-05`, which sorts as days do.
 */
#ifndef ROENTGEN_CLOCK_H
#define ROENTGEN_CLOCK_H

#include "base/arena.h"

struct instant {
    int64_t us;
};
struct date {
    int32_t days; /* since 1970-01-01, proleptic Gregorian */
};

#define INSTANT_NULL ((struct instant){ INT64_MIN })
#define DATE_NULL ((struct date){ INT32_MIN })

struct instant clock_now(void);
int64_t clock_monotonic_us(void);

bool instant_is_null(struct instant t);
bool date_is_null(struct date d);

/* RFC 3339 with an offset or Z, a date alone (its midnight), or a date-time without a zone (taken as UTC).
 * Years 0001 to 9999. Leap second 60 is refused. */
bool instant_parse(struct str s, struct instant *out);
struct str instant_format(struct instant t, struct arena *arena);
enum { INSTANT_TEXT_MAX = 28, DATE_TEXT_MAX = 11 };
/* Bytes written, no NUL; 0 (and instant_format null) when there is no moment, or one past those years. */
ptrdiff_t instant_write(struct instant t, char out[INSTANT_TEXT_MAX]);
/* RFC 9110 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. */
struct str instant_http_format(struct instant t, struct arena *arena);
bool instant_http_parse(struct str s, struct instant *out); /* IMF-fixdate only */

bool date_parse(struct str s, struct date *out); /* YYYY-MM-DD that exists */
ptrdiff_t date_write(struct date d, char out[DATE_TEXT_MAX]);
struct date date_from_ymd(int year, int month, int day); /* DATE_NULL when there is no such day */
void date_to_ymd(struct date d, int *year, int *month, int *day);
struct date date_of(struct instant t);
struct instant date_midnight(struct date d);
/* -1: unknown, or not born yet. Who was born on 29 February turns on 1 March of other years. */
int date_age_years(struct date birth, struct date today);

#endif
