/* backup_task.c - a backup as a job (tasks.h). Where it goes is a setting: nobody who may ask for one can name a
 * folder. */
#include "upkeep/backup.h"
#include "upkeep/tasks.h"

#include "jobs/cron.h"

static const struct field backup_made_fields[] = {
    FIELD(struct backup_made, name, .doc = "Its folder in BACKUP_TARGET."),
    FIELD(struct backup_made, files, .doc = "How many files are in it, the database not counted."),
    FIELD(struct backup_made, bytes, .doc = "How many bytes these have."),
    FIELD(struct backup_made, taken_files, .doc = "How many of them the backup before does not have."),
    FIELD(struct backup_made, taken_bytes, .doc = "How many bytes those have."),
    FIELD(struct backup_made, damaged,
          .doc = "How many have other bytes than were stored, no earlier backup having those; the log names them."),
    FIELD(struct backup_made, missing, .doc = "How many files were in no store; the log names them."),
    FIELD(struct backup_made, removed, .doc = "How many older backups went."),
};
static const struct schema backup_made = SCHEMA("BackupMade", struct backup_made, backup_made_fields);

static bool tell(void *context, int64_t done, int64_t total, const char *what, struct error *error)
{
    struct job_run *run = context;
    if (job_tell(run, done, total > done ? total : done, "files", str_from(what)))
        return true;
    return error_set(error, E_UNAVAILABLE, "it was told to stop");
}

static bool has_place(struct call *c)
{
    return c->app->config.backup_target.len ||
           fail(c, E_CONFLICT, "no place for backups is set up here (BACKUP_TARGET)");
}

static bool make(struct call *c, struct job_run *run)
{
    const struct config *config = &c->app->config;
    struct backup_watch watch = { tell, run };
    if (!has_place(c))
        return false;
    struct backup_order order = { arena_cstring(&c->arena, config->backup_target), config->backup_keep };
    return backup_make(c, &order, &watch, job_result(run));
}

const struct job_kind task_backup = { "backup.make",
                                      NULL,
                                      &backup_made,
                                      make,
                                      .attempts = 3,
                                      .time_limit_s = 7 * 86400,
                                      .concurrency = 1,
                                      .is_long = true,
                                      .memory_limit_bytes = INT64_C(2) << 30,
                                      .doc = "Makes a backup of the database and all files below BACKUP_TARGET." };

/* The same key as a schedule's: whoever asks while that one is under way gets to see it. */
bool backup_ask(struct call *c, struct job *out)
{
    struct job_order order = { .kind = &task_backup, .priority = JOB_HIGH, .unique_key = S("backup.make") };
    int64_t id;
    return has_place(c) && jobs_put(c, &order, &id) && db_get(c, &job_schema, out, "where j.id = ?", V(id));
}

static bool is_late(const struct config *config, struct instant since)
{
    struct cron cron;
    struct error ignored = { 0 };
    if (instant_is_null(since) || !cron_read(config->backup_schedule, &cron, &ignored))
        return false;
    struct instant first = cron_next(&cron, since), second = cron_next(&cron, first);
    return !instant_is_null(second) && second.us <= clock_now().us;
}

bool backup_last(struct call *c, struct backup_last *out)
{
    struct cursor rows;
    struct instant since = INSTANT_NULL;
    *out = (struct backup_last){ .ended_at = INSTANT_NULL };
    for (db_rows(c, &rows,
                 "select state = 'FAILED', finished_at from jobs where kind = 'backup.make' and state in ('SUCCEEDED', "
                 "'FAILED') order by created_at desc, id desc limit 1");
         cursor_next(&rows);) {
        out->failed = cursor_integer(&rows, 0) != 0;
        out->ended_at.us = cursor_integer(&rows, 1);
    }
    if (!cursor_close(&rows))
        return false;
    enum found found = db_find_integer(c, &since.us,
                                       "select finished_at from jobs where kind = 'backup.make' and state = "
                                       "'SUCCEEDED' order by created_at desc, id desc limit 1");
    if (found == NONE)
        found = db_find_integer(
            c, &since.us, "select created_at from jobs where kind = 'backup.make' order by created_at, id limit 1");
    out->late = found == FOUND && is_late(&c->app->config, since);
    return found != FAILED;
}
