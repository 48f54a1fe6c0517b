/* cmd_worker.c - does jobs, and nothing else: beside a server, or on another host with the same database and store.
 *
 * SIGTERM, SIGINT: takes nothing more, lets what runs end, and exits.
 */
#include "cli/command.h"

#include "celery/consume.h"
#include "server/app.h"
#include "server/work.h"

#include <signal.h>

struct worker_command {
    struct str kinds;
    int64_t threads;
    bool celery;
    struct str queue;
};
static const struct field worker_fields[] = {
    FIELD(struct worker_command, kinds, .flags = KEEP_EMPTY, .min = 1, .max = 2000,
          .doc = "Only these, separated by commas: files.scrub,trash.purge."),
    FIELD(struct worker_command, threads, .min = 1, .max = WORKER_THREADS_MAX, .fallback = "2",
          .doc = "How many at once."),
    FIELD(struct worker_command, celery, .fallback = "false",
          .doc = "Also take what Celery's clients send to roentgen.KIND, and answer them."),
    FIELD(struct worker_command, queue, .flags = KEEP_EMPTY, .min = 1, .max = 1000, .fallback = "celery",
          .doc = "--celery: from these queues, separated by commas."),
};
const struct schema worker_options = SCHEMA("Worker", struct worker_command, worker_fields);

/* NULL when nothing is to be taken. */
static bool open_consumer(struct call *c, struct consumer **out)
{
    const struct worker_command *in = c->in;
    struct celery *celery = c->app->celery;
    return !in->celery || (celery_connect(celery, &c->error) && consumer_open(celery, in->queue, out, &c->error));
}

/* Bit n: the n-th of work_kinds. */
static bool read_kinds(struct call *c, struct str names, uint64_t *out)
{
    struct str name;
    *out = names.len ? 0 : UINT64_MAX;
    while (str_next(&names, ',', &name)) {
        const struct job_kind *kind = work_kind(str_trim(name));
        if (!kind)
            return fail(c, E_INVALID, "there is no kind of job called %.*s", STR_FMT(str_trim(name)));
        for (int i = 0; i < work_kind_count; i++)
            *out |= (uint64_t)(work_kinds[i] == kind) << i;
    }
    return true;
}

static int work(struct call *c, uint64_t kinds, const sigset_t *set)
{
    const struct worker_command *in = c->in;
    struct consumer *consumer = NULL;
    if (!app_open_redis(c->app, c->app->log, &c->error) || !app_open_announcer(c->app, &c->error) ||
        !app_open_results(c->app, &c->error) || !app_open_models(c->app, &c->error) ||
        !work_open_relay(c->app, &c->error) || !work_open_worker(c->app, (int)in->threads, kinds, &c->error))
        return command_failed(c);
    db_release(c);
    if (!open_consumer(c, &consumer)) {
        worker_stop(c->app->worker, 0);
        worker_close(c->app->worker);
        return command_failed(c);
    }
    log_write(c->app->log, LOG_INFO, NULL, "worker.ready", "%" PRId64 " jobs at once", in->threads);
    log_flush(c->app->log);
    while (sigwaitinfo(set, NULL) < 0)
        continue;
    log_write(c->app->log, LOG_INFO, NULL, "worker.stopping", "what runs may end");
    consumer_close(consumer);
    worker_stop(c->app->worker, c->app->config.stop_grace_s * 1000);
    app_stop_models(c->app);
    worker_close(c->app->worker);
    return 0;
}

int cmd_worker(struct call *c)
{
    const struct worker_command *in = c->in;
    uint64_t kinds;
    sigset_t set;
    if (!read_kinds(c, in->kinds, &kinds))
        return command_failed(c), 2;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return work(c, kinds, &set);
}
