/* cron.h - moments that come again, in the words of crontab(5).
 *
 *     minute hour day-of-month month day-of-week          "30 2 * * 1-5": at half past two, Monday to Friday
 *
 * Each is *, a number, a range (1-5), either with a step (every second hour: 0-23/2), or a list of these with commas.
 * Months and days of the week may be names of three letters; 0 and 7 are Sunday. Where neither of the two days begins
 * with a star, either will do, as cron has it. @hourly, @daily, @weekly, @monthly and @yearly stand for what they
 * say.
 *
 * Times are those of the hospital's zone (base/zone.h). Twice a year its clocks are put on and back, by an hour mostly:
 *
 *     put forward, 2:00 to 3:00     what was to be between comes once, at 3:00
 *     put back, 3:00 to 2:00        what is to be at 2:30 comes at the first of the two
 *
 * As cron(8) has it, this is not so of what comes all the time, by the passing of it rather than by the clock: a
 * schedule of every hour has nothing to make up for, and comes in both of two hours that are called the same; so does
 * one whose minutes begin with a star: every 15 minutes are 15 minutes.
 */
#ifndef ROENTGEN_CRON_H
#define ROENTGEN_CRON_H

#include "base/clock.h"
#include "base/error.h"

struct cron {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* bit n: the n-th */
    bool any_day, any_weekday;
    bool every_hour, by_passing; /* what is leapt over is not made up for; what comes twice is taken twice */
};

/* E_INVALID, with words. */
bool cron_read(struct str text, struct cron *out, struct error *error);
/* The first such moment after `after`; null when there is none in eight years (31 February). */
struct instant cron_next(const struct cron *cron, struct instant after);

#endif
