/* celery.h - jobs that programs elsewhere do, as tasks of Celery over Redis; and jobs that such programs ask for.
 *
 * Out. TASK_NAMES=ai.echo,report.render makes each a kind of job, task.ai.echo and task.report.render: told any JSON
 * object, answering any JSON. With TASK_BROKER=celery such a job goes out as the task roentgen.ai.echo, with the object
 * as its keyword arguments and the job's UUID as the task's id, for an unmodified Celery worker:
 *
 *     app = Celery(broker="redis://localhost", backend="redis://localhost")
 *     @app.task(name="roentgen.ai.echo")
 *     def echo(**what): return what
 *
 * The job's row is the outbox (jobs/remote.h); relay.h says how it is passed on, and how its answer comes back once.
 * Without TASK_BROKER such a job stays QUEUED.
 *
 * A job that wants such a program's answer itself asks for it and waits (ask.h).
 *
 * In. `roentgen worker --celery` takes what an unmodified Celery client sends, app.send_task("roentgen.files.scrub",
 * kwargs={"files": 10}), and puts it as a job; consume.h.
 *
 * Both speak as wire.h says. What differs between installations of Celery is a setting: the queue, prefix, separator,
 * priority steps and visibility time-out have Celery's own defaults.
 */
#ifndef ROENTGEN_CELERY_CELERY_H
#define ROENTGEN_CELERY_CELERY_H

#include "celery/wire.h"
#include "jobs/jobs.h"
#include "kv/redis.h"
#include "site/app.h"

#define CELERY_TASK_PREFIX "roentgen." /* of the names of tasks, both ways */
#define CELERY_KIND_PREFIX "task."     /* of the kinds that go out */
enum { CELERY_TASKS_MAX = 64 };

struct celery {
    struct app *app;
    struct celery_names names;
    const struct job_kind **kinds; /* of TASK_NAMES */
    int kind_count;
    struct redis *broker, *results; /* NULL: not opened; mostly one and the same */
    bool is_silent;                 /* no line of the log when they come and go */
};

/* Looks at the settings, and makes the kinds; asks nobody. E_INVALID names the setting that will not do. */
bool celery_open(struct app *app, struct celery **out, struct error *error);
/* Begins to connect to the broker and to the backend for results, if nobody has. */
bool celery_connect(struct celery *celery, struct error *error);
void celery_close(struct celery *celery); /* takes NULL */
/* The broker as this process has it: its own connection, or that of REDIS_URL where they are one. NULL: neither. */
struct redis *celery_lent(const struct celery *celery);

#endif
