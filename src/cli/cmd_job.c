/* cmd_job.c - one job in a process of its own, started by a worker that holds it (jobs/apart.h). */
#include "cli/command.h"

#include "server/app.h"
#include "server/work.h"

#include <signal.h>
#include <sys/prctl.h>

struct job_command {
    int64_t id;
    struct str worker;
};
static const struct field job_fields[] = {
    FIELD(struct job_command, id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "Which."),
    FIELD(struct job_command, worker, .flags = REQUIRED, .max = 100, .doc = "Who holds it."),
};
const struct schema job_options = SCHEMA("JobCommand", struct job_command, job_fields);

int cmd_job(struct call *c)
{
    const struct job_command *in = c->in;
    struct value name;
    sigset_t stops;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    if (!db_value(c, &name, "select kind from jobs where id = ?", V(in->id)))
        return command_failed(c);
    const struct job_kind *kind = work_kind(name.text);
    db_release(c);
    if (!kind || !app_open_results(c->app, &c->error) ||
        !worker_do_one(c->app, kind, in->id, in->worker, &stops, &c->error))
        return command_failed(c);
    return 0;
}
