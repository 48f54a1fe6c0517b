/* cmd_jobs.c - work in the background, from a terminal: what there is, how far it is, and ending it. */
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/plain.h"

#include "celery/consume.h"
#include "jobs/jobs.h"
#include "base/names.h"
#include "base/text.h"
#include "schema/json.h"

#include <time.h>
#include <unistd.h>

static const char *const actions[] = { "list", "show", "cancel", "retry", "watch", "rejected", NULL };
enum { ACTION_NONE, ACTION_LIST, ACTION_SHOW, ACTION_CANCEL, ACTION_RETRY, ACTION_WATCH, ACTION_REJECTED };
NAMES_REACH(actions, ACTION_REJECTED);

struct jobs_command {
    unsigned action, state;
    int64_t id, most;
    bool forget;
};
static const struct field jobs_fields[] = {
    FIELD(struct jobs_command, action, .choices = actions, .flags = REQUIRED, .doc = "What to do."),
    FIELD(struct jobs_command, id, .min = 1, .max = INT64_MAX, .doc = "Which job; not for list."),
    FIELD(struct jobs_command, state, .choices = job_states, .doc = "list: only those that stand so."),
    FIELD(struct jobs_command, most, .min = 1, .max = 100000, .fallback = "50",
          .doc = "list: so many, the newest first."),
    FIELD(struct jobs_command, forget, .fallback = "false", .doc = "rejected: forgets all of them instead."),
};
const struct schema jobs_options = SCHEMA("Jobs", struct jobs_command, jobs_fields);

static void put_progress(const struct job *job)
{
    if (job->progress_total > 0)
        printf("%" PRId64 " of %" PRId64 " ", job->progress_done, job->progress_total);
    else if (job->progress_done > 0)
        printf("%" PRId64 " ", job->progress_done);
    else
        return;
    put_plain(stdout, job->progress_unit);
}

static void put_line(const struct job *job)
{
    char when[INSTANT_TEXT_MAX];
    ptrdiff_t len = instant_write(job->created_at, when);
    struct str state = choice_text(job_states, job->state);
    printf("%8" PRId64 "  %-10.*s  %-16.*s  %.*s  ", job->id, STR_FMT(state), STR_FMT(job->kind), (int)len, when);
    put_progress(job);
    if (job->state == JOB_FAILED)
        put_plain(stdout, job->error);
    putchar('\n');
}

static int list(struct call *c, const struct jobs_command *in)
{
    struct cursor rows;
    struct text sql;
    struct job job;
    int left_out = 0;
    text_init(&sql, 1 << 16);
    text_put(&sql, S("select "));
    db_select_columns(&sql, &job_schema, UINT64_MAX);
    text_put(&sql, S(" from "));
    db_select_from(&sql, &job_schema);
    text_put(&sql, in->state ? S(" where j.state = ? order by j.created_at desc, j.id desc limit ?")
                             : S(" where ? is null order by j.created_at desc, j.id desc limit ?"));
    struct str text = arena_copy(&c->arena, text_str(&sql));
    text_release(&sql);
    for (db_rows(c, &rows, arena_cstring(&c->arena, text), V(choice_text(job_states, in->state)), V(in->most));
         cursor_next(&rows);) {
        if (cursor_record(&rows, 0, &job_schema, UINT64_MAX, &job, false))
            put_line(&job);
        else if (cursor_leaves_out(&rows))
            left_out++;
        else
            break;
    }
    if (left_out)
        fprintf(stderr, "roentgen: %d more hold what this version does not know\n", left_out);
    return cursor_close(&rows) ? 0 : command_failed(c);
}

static bool load(struct call *c, int64_t id, struct job *out)
{
    return db_get(c, &job_schema, out, "where j.id = ?", V(id)) ||
           fail(c, E_NOT_FOUND, "job %" PRId64 " does not exist", id);
}

static int show(struct call *c, int64_t id)
{
    struct job job;
    struct text text;
    if (!load(c, id, &job))
        return command_failed(c);
    text_init(&text, 1 << 20);
    json_encode(&text, &job_schema, &job, JSON_ALL_FIELDS, &c->arena);
    put_plain_json(stdout, text_str(&text));
    putchar('\n');
    text_release(&text);
    return 0;
}

/* Messages that somebody has sent go for good: by whom is in the audit log. */
static bool forget(struct call *c, void *context)
{
    return celery_forget_rejected(c, c->app->celery, context) && audit_change(c);
}

static int forget_rejected(struct call *c)
{
    int64_t count = 0;
    c->app->celery->is_silent = true;
    command_acts(c, "jobs", STR_NULL);
    audit_action(c, "job.forget_rejected", "job");
    if (!celery_connect(c->app->celery, &c->error) || !db_transact(c, forget, &count))
        return command_failed(c);
    printf("%" PRId64 " forgotten\n", count);
    return 0;
}

/* Messages of Celery's clients that could not be read: when, why, and each as a JSON text, of a large one so much. */
static int list_rejected(struct call *c, int64_t most)
{
    int64_t count = most < CELERY_REJECTED_MAX ? most : CELERY_REJECTED_MAX;
    struct celery_rejected *all = arena_array(&c->arena, struct celery_rejected, CELERY_REJECTED_MAX);
    struct text line;
    int found = 0;
    c->app->celery->is_silent = true;
    if (!celery_connect(c->app->celery, &c->error) || !celery_rejected(c, c->app->celery, all, (int)count, &found))
        return command_failed(c);
    text_init(&line, 8 * CELERY_REJECTED_SHOWN);
    for (int i = 0; i < found; i++) {
        char when[INSTANT_TEXT_MAX];
        ptrdiff_t len = instant_write(all[i].at, when);
        text_clear(&line);
        text_put_json_string(&line, all[i].message);
        printf("%.*s  ", (int)len, when);
        put_plain(stdout, all[i].why);
        fputs("  ", stdout);
        put_plain_json(stdout, text_str(&line));
        if (all[i].size_bytes > all[i].message.len)
            printf("  cut: it has %" PRId64 " bytes", all[i].size_bytes);
        putchar('\n');
    }
    text_release(&line);
    return 0;
}

struct changing {
    bool (*how)(struct call *c, int64_t id);
    int64_t id;
};

static bool change(struct call *c, void *context)
{
    const struct changing *changing = context;
    audit_about(c, changing->id, 0);
    return changing->how(c, changing->id) && audit_change(c);
}

static int change_one(struct call *c, bool (*how)(struct call *c, int64_t id), const char *action, int64_t id)
{
    command_acts(c, "jobs", STR_NULL);
    audit_action(c, action, "job");
    return db_transact(c, change, &(struct changing){ how, id }) ? show(c, id) : command_failed(c);
}

/* "  42  trash.purge  [######------]  123 of 456 files": over itself on a terminal, else a line when it changes. */
static void draw(const struct job *job, bool terminal)
{
    struct str state = choice_text(job_states, job->state);
    printf("%s%" PRId64 "  %.*s  %.*s  ", terminal ? "\r\033[K" : "", job->id, STR_FMT(job->kind), STR_FMT(state));
    bar_put(job->progress_done, job->progress_total);
    put_progress(job);
    if (job->error.len && job->state == JOB_FAILED) {
        fputs("  ", stdout);
        put_plain(stdout, job->error);
    }
    if (!terminal)
        putchar('\n');
    fflush(stdout);
}

static bool is_over(const struct job *job)
{
    return job->state != JOB_QUEUED && job->state != JOB_RUNNING;
}

/* The exit status says how it ended. */
static int watch(struct call *c, int64_t id)
{
    static const struct timespec a_moment = { .tv_nsec = 250000000 };
    bool terminal = isatty(STDOUT_FILENO);
    struct job job = { 0 };
    int64_t shown_done = -1;
    unsigned shown_state = 0;
    for (;;) {
        if (!load(c, id, &job))
            return command_failed(c);
        if (terminal || job.progress_done != shown_done || job.state != shown_state)
            draw(&job, terminal);
        shown_done = job.progress_done;
        shown_state = job.state;
        if (is_over(&job))
            break;
        db_release(c);
        call_reset(c);
        nanosleep(&a_moment, NULL);
    }
    if (terminal)
        putchar('\n');
    return job.state == JOB_SUCCEEDED ? 0 : 1;
}

int cmd_jobs(struct call *c)
{
    const struct jobs_command in = *(const struct jobs_command *)c->in;
    if (in.action == ACTION_LIST)
        return list(c, &in);
    if (in.action == ACTION_REJECTED)
        return in.forget ? forget_rejected(c) : list_rejected(c, in.most);
    if (in.id == INTEGER_NULL) {
        fprintf(stderr, "roentgen: which job? `roentgen jobs list` tells\n");
        return 2;
    }
    switch (in.action) {
    case ACTION_CANCEL:
        return change_one(c, jobs_cancel, "job.cancel", in.id);
    case ACTION_RETRY:
        return change_one(c, jobs_retry, "job.retry", in.id);
    case ACTION_WATCH:
        return watch(c, in.id);
    default:
        return show(c, in.id);
    }
}
