/* work.c - see work.h. */
#include "server/work.h"

#include "celery/relay.h"
#include "diagnosis/diagnosis.h"
#include "imaging/thumbnail_job.h"
#include "rule/rule.h"
#include "intake/import_job.h"
#include "jobs/clean.h"
#include "jobs/sight.h"
#include "order/order.h"
#include "people/clean.h"
#include "people/mailing.h"
#include "people/own_password.h"
#include "program/program.h"
#include "records/renewal.h"
#include "records/trash_work.h"
#include "records/visibility.h"
#include "reports/critical.h"
#include "reports/recommendation.h"
#include "reports/report_dicom.h"
#include "reports/report_export.h"
#include "reports/report_hl7.h"
#include "reports/report_pdf.h"
#include "reports/report_proofs.h"
#include "reports/work.h"
#include "site/listen.h"
#include "upkeep/tasks.h"
#include "web/idempotency.h"
#include "webhook/webhook.h"

const struct job_kind *const work_kinds[] = {
    &mail_send_kind,     &password_reset_kind,
    &task_backup,        &trash_mark,
    &renewal_kind,       &task_purge,
    &task_scrub,         &task_sweep,
    &task_audit,         &import_kind,
    &sessions_clean,     &idempotency_clean,
    &jobs_clean,         &events_clean,
    &webhook_send_kind,  &diagnosis_run_kind,
    &rules_kind,         &program_run_kind,
    &thumbnails_kind,    &report_pdf_kind,
    &overdue_kind,       &critical_escalate_kind,
    &follow_up_kind,     &report_dicom_kind,
    &report_send_kind,   &hl7_clean,
    &report_export_kind, &report_export_clean,
    &report_stamps_kind, &diagnosis_task_kind,
};
const int work_kind_count = (int)(sizeof(work_kinds) / sizeof(work_kinds[0]));

static void fill_purge(const struct app *app, void *payload)
{
    ((struct purge_order *)payload)->older_than_s = app->config.purge_after_s;
}

static void fill_scrub(const struct app *app, void *payload)
{
    ((struct scrub_order *)payload)->files = app->config.fsck_files;
}

static const struct schedule schedules[] = {
    { "backup.make", &task_backup, SCHEDULE_SETTING(backup_schedule),
      .doc = "Makes a backup below BACKUP_TARGET, and removes those beyond BACKUP_KEEP." },
    { "trash.purge", &task_purge, SCHEDULE_SETTING(purge_schedule), .fill = fill_purge, .holds_off = true,
      .doc = "Removes for good what was deleted longer than PURGE_AFTER ago." },
    { "files.scrub", &task_scrub, SCHEDULE_SETTING(fsck_schedule), .fill = fill_scrub,
      .doc = "Reads the next FSCK_FILES files and compares them with their SHA-256." },
    { "uploads.sweep", &task_sweep, .always = "*/5 * * * *", .at_start = true,
      .doc = "Removes chunked uploads that are older than UPLOAD_EXPIRY and incomplete." },
    { "sessions.clean", &sessions_clean, .always = "37 * * * *",
      .doc = "Forgets sessions that ended longer than SESSION_KEEP ago, and tokens and locks that have expired." },
    { "answers.clean", &idempotency_clean, .always = "47 * * * *",
      .doc = "Forgets answers that are kept for an Idempotency-Key, after 24 hours." },
    { "audit.clean", &task_audit, .always = "40 3 * * *", SCHEDULE_WISH(audit_keep_s),
      .doc = "Forgets rows of the audit log that are older than AUDIT_KEEP." },
    { "reports.overdue", &overdue_kind, .always = "* * * * *",
      .doc = "Tells of studies that should have been read by now." },
    { "critical.escalate", &critical_escalate_kind, .always = "* * * * *", .priority = JOB_STAT,
      .doc = "Tells of critical results whose time has run out." },
    { "reports.follow_up", &follow_up_kind, .always = "* * * * *",
      .doc = "Closes recommendations whose study has come, and reminds of those that are overdue." },
    { "reports.export_clean", &report_export_clean, .always = "*/10 * * * *",
      .doc = "Removes exports of reports that are older than REPORT_EXPORT_KEEP." },
    { "reports.stamps", &report_stamps_kind, .always = "20 4 * * *",
      .doc = "Proves pages of reports for long, and stamps them anew before their last time stamp ages." },
    { "jobs.clean", &jobs_clean, .always = "17 * * * *", .doc = "Forgets jobs that ended longer than JOBS_KEEP ago." },
    { "hl7.clean", &hl7_clean, .always = "27 * * * *", .doc = "Forgets HL7 messages received 30 days ago." },
    { "events.clean", &events_clean, .always = "*/5 * * * *", .doc = "Forgets events that are older than an hour." },
};

const struct job_kind *work_kind(struct str name)
{
    for (int i = 0; i < work_kind_count; i++)
        if (str_equal(name, str_from(work_kinds[i]->name)))
            return work_kinds[i];
    return NULL;
}

bool work_open_kinds(struct app *app, struct error *error)
{
    if (!celery_open(app, &app->celery, error))
        return false;
    const struct job_kind **kinds =
        arena_array(&app->arena, const struct job_kind *, work_kind_count + app->celery->kind_count);
    for (int i = 0; i < work_kind_count; i++)
        kinds[app->kind_count++] = work_kinds[i];
    for (int i = 0; i < app->celery->kind_count; i++)
        kinds[app->kind_count++] = app->celery->kinds[i];
    app->kinds = kinds;
    return true;
}

bool work_is_known(const struct app *app, struct str kind)
{
    return work_kind(kind) || (app->config.task_broker == TASK_BROKER_CELERY && jobs_kind(app, kind));
}

bool work_open_relay(struct app *app, struct error *error)
{
    struct relay *relay;
    if (app->config.task_broker != TASK_BROKER_CELERY)
        return !app->config.task_url.len || celery_connect(app->celery, error); /* to tell what was rejected */
    if (!celery_connect(app->celery, error) || !relay_open(app->celery, &relay, error))
        return false;
    app->relay = relay;
    app->relay_wake = relay_wake;
    return true;
}

void work_close_relay(struct app *app)
{
    relay_close(app->relay);
    celery_close(app->celery);
    app->relay = NULL;
    app->relay_wake = NULL;
}

bool work_open_schedules(struct app *app, struct error *error)
{
    return schedules_open(app, schedules, (int)(sizeof(schedules) / sizeof(schedules[0])), &app->schedules, error);
}

/* Only who makes thumbnails sees to it that there is the job. */
static void watch_images(struct app *app, struct worker_options *options)
{
    for (int i = 0; i < options->kind_count; i++)
        if (options->kinds[i] == &thumbnails_kind) {
            options->look = thumbnail_watch_look;
            options->look_at = app->thumbnails = thumbnail_watch_new(app);
            app->jobs.image = thumbnail_watch_hear;
            app->jobs.context = app->thumbnails;
        }
}

bool work_open_worker(struct app *app, int threads, uint64_t kinds, struct error *error)
{
    struct worker_options options = { .threads = threads, .schedules = app->schedules, .program = "/proc/self/exe" };
    options.kinds = arena_array(&app->arena, const struct job_kind *, work_kind_count);
    for (int i = 0; i < work_kind_count; i++)
        if (kinds >> i & 1)
            options.kinds[options.kind_count++] = work_kinds[i];
    watch_images(app, &options);
    programs_begin(app);
    return worker_open(app, &options, &app->worker, error);
}

static const struct audience audiences[] = {
    { "file", visibility_hears }, { "job", jobs_hears }, { "diagnosis", visibility_hears }, { "report", report_hears }
};

bool work_open_listening(struct app *app, struct error *error)
{
    const struct config *config = &app->config;
    int64_t half = config->max_connections / 2;
    struct listening_options options = {
        .audiences = audiences,
        .audience_count = (int)(sizeof(audiences) / sizeof(audiences[0])),
        .listeners_max = (int)(config->event_listeners < half ? config->event_listeners : half),
        .account_max = (int)config->event_listeners_account,
        .beat_us = config->event_heartbeat_s * 1000000,
    };
    return listening_open(app, &options, &app->listening, error);
}
