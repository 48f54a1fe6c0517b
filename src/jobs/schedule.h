/* schedule.h - jobs that come again by themselves: each row of a table says when (cron.h) and what.
 *
 *     static const struct schedule rows[] = {
 *         { "trash.purge", &purge_kind, SCHEDULE_SETTING(purge_schedule), .fill = fill_purge, .doc = "..." },
 *         { "uploads.sweep", &sweep_kind, .always = "@hourly", .doc = "..." },
 *     };
 *     schedules_open(app, rows, count, &schedules, &error);     // E_INVALID: a setting that is no schedule
 *     ... schedules_look(c, schedules);                          // by each worker, every second
 *
 * The database keeps up to which moment each has been looked at, and the job is put in the transaction that moves it
 * on: of ten servers one puts it, and what came due while none was running comes once, at the next start. One that is
 * still under way when the next is due is the same (its unique key is the schedule's name).
 *
 * Each process goes by its own settings. Of a row with `holds_off` (what is done by it cannot be undone) the more
 * careful one wins: while a process runs for which it is never, the moment is kept HELD_OFF ahead of now, so that it is
 * due nowhere; it comes again that long after the last such process has looked.
 */
#ifndef ROENTGEN_SCHEDULE_H
#define ROENTGEN_SCHEDULE_H

#include "jobs/jobs.h"
#include "site/app.h"

struct schedule {
    const char *name;
    const struct job_kind *kind;
    size_t setting;     /* 0, or where in struct config its text is, plus one; empty text or "never": never */
    const char *always; /* without a setting */
    size_t wish;        /* 0, or where in struct config a number is, plus one; while that is 0: never */
    unsigned priority;  /* enum job_priority; 0: NORMAL */
    bool at_start;      /* also whenever a worker starts */
    bool holds_off;     /* where it is never for one process, no other puts it */
    void (*fill)(const struct app *app, void *payload); /* NULL: the kind takes nothing */
    const char *doc;
};
enum { SCHEDULE_HELD_OFF_S = 7 * 86400, SCHEDULE_HOLD_EVERY_S = 3600 };
#define SCHEDULE_SETTING(member) .setting = offsetof(struct config, member) + 1
#define SCHEDULE_WISH(member) .wish = offsetof(struct config, member) + 1

struct schedules;
bool schedules_open(struct app *app, const struct schedule *rows, int count, struct schedules **out,
                    struct error *error);
void schedules_close(struct schedules *schedules); /* takes NULL */
/* Puts what is due. Costs nothing where nothing is. Outside of transactions. */
bool schedules_look(struct call *c, struct schedules *schedules);

/* For people. Texts of the settings or literals. */
struct schedule_told {
    struct str name, kind, schedule, doc;
    struct instant next_at; /* null: never */
};
int schedules_count(const struct schedules *schedules);
void schedules_tell(struct schedules *schedules, int index, struct schedule_told *out);

#endif
