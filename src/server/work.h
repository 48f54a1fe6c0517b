/* work.h - every kind of job, and every schedule, by hand; and the worker that does them. */
#ifndef ROENTGEN_WORK_H
#define ROENTGEN_WORK_H

#include "jobs/schedule.h"
#include "jobs/worker.h"

extern const struct job_kind *const work_kinds[];
extern const int work_kind_count;

/* NULL: this program knows none of that name. */
const struct job_kind *work_kind(struct str name);

/* app->kinds: those, and the tasks of TASK_NAMES (app->celery). E_INVALID names the setting that will not do. */
bool work_open_kinds(struct app *app, struct error *error);
/* Is there somebody, here or elsewhere, who can do such a job? */
bool work_is_known(const struct app *app, struct str kind);
/* Passes jobs on to Celery, where TASK_BROKER says so; and no more. */
bool work_open_relay(struct app *app, struct error *error);
void work_close_relay(struct app *app);
/* app->schedules. E_INVALID names the setting that is no schedule. */
bool work_open_schedules(struct app *app, struct error *error);
/* app->worker, of so many threads, for the kinds of which `kinds` has one bit each (the n-th of work_kinds). */
bool work_open_worker(struct app *app, int threads, uint64_t kinds, struct error *error);
/* app->listening: who hears of which events is said here. */
bool work_open_listening(struct app *app, struct error *error);

#endif
