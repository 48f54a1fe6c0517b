/* tasks.c - see tasks.h. */
#include "upkeep/tasks.h"

#include "intake/upload_chunks.h"
#include "jobs/clean.h"
#include "upkeep/recover.h"
#include "base/log.h"

#define SECOND_US INT64_C(1000000)

/* ---- purge ---- */

static const struct field purge_order_fields[] = {
    FIELD(struct purge_order, older_than_s, .flags = REQUIRED, .min = 0, .max = 3153600000,
          .doc = "Seconds since it was deleted, at least."),
};
static const struct schema purge_order = SCHEMA("PurgeOrder", struct purge_order, purge_order_fields);

struct purged {
    int64_t files, bytes;
};
static const struct field purged_fields[] = {
    FIELD(struct purged, files, .doc = "How many files were removed for good."),
    FIELD(struct purged, bytes, .doc = "How many bytes that freed."),
};
static const struct schema purged = SCHEMA("Purged", struct purged, purged_fields);

struct purging {
    struct job_run *run;
    int64_t total;
};

static bool purge_goes_on(void *context, int64_t files, int64_t bytes)
{
    const struct purging *p = context;
    (void)bytes;
    return job_tell(p->run, files, p->total, "files", STR_NULL);
}

static bool purge(struct call *c, struct job_run *run)
{
    const struct purge_order *order = job_payload(run);
    struct instant before = { clock_now().us - order->older_than_s * SECOND_US };
    struct purged *out = job_result(run);
    struct purgeable sum;
    if (!purge_look(c, before, &sum))
        return false;
    db_release(c);
    struct purging purging = { run, sum.files };
    return purge_files(c, before, &(struct purge_watch){ purge_goes_on, &purging }, &out->files, &out->bytes);
}

const struct job_kind task_purge = { "trash.purge",    &purge_order,
                                     &purged,          purge,
                                     .attempts = 3,    .time_limit_s = 86400,
                                     .concurrency = 1, .by_hand = true,
                                     .is_long = true,  .doc = "Removes for good what was deleted long ago." };

/* ---- scrub ---- */

static const struct field scrub_order_fields[] = {
    FIELD(struct scrub_order, files, .flags = REQUIRED, .min = 1, .max = 1000000000, .doc = "How many files."),
};
static const struct schema scrub_order = SCHEMA("ScrubOrder", struct scrub_order, scrub_order_fields);

struct scrubbed {
    int64_t files, findings;
    bool ended;
};
static const struct field scrubbed_fields[] = {
    FIELD(struct scrubbed, files, .doc = "How many files were read and compared with their SHA-256."),
    FIELD(struct scrubbed, findings, .doc = "How many of them are missing or damaged; the log names them."),
    FIELD(struct scrubbed, ended, .doc = "Whether the last of all files was among them."),
};
static const struct schema scrubbed = SCHEMA("Scrubbed", struct scrubbed, scrubbed_fields);

static void say_nothing(const char *line)
{
    (void)line; /* what is damaged is marked, and in the log */
}

static bool scrub(struct call *c, struct job_run *run)
{
    enum { AT_ONCE = 100 };
    const struct scrub_order *order = job_payload(run);
    struct scrubbed *out = job_result(run);
    out->files = out->findings = 0;
    while (out->files < order->files && !out->ended) {
        struct fsck_progress progress;
        int64_t left = order->files - out->files;
        if (!job_tell(run, out->files, order->files, "files", STR_NULL) ||
            !fsck_slice(c, left < AT_ONCE ? left : AT_ONCE, say_nothing, &progress))
            return false;
        out->files += progress.files;
        out->findings += progress.findings;
        out->ended = progress.ended;
    }
    return true;
}

const struct job_kind task_scrub = { "files.scrub",
                                     &scrub_order,
                                     &scrubbed,
                                     scrub,
                                     .attempts = 3,
                                     .time_limit_s = 86400,
                                     .concurrency = 1,
                                     .by_hand = true,
                                     .is_long = true,
                                     .memory_limit_bytes = INT64_C(512) << 20,
                                     .doc = "Reads stored files and compares them with their SHA-256." };

/* ---- sweep ---- */

struct swept {
    int64_t uploads;
};
static const struct field swept_fields[] = {
    FIELD(struct swept, uploads, .doc = "How many uploads that nobody completed were removed."),
};
static const struct schema swept = SCHEMA("Swept", struct swept, swept_fields);

static bool sweep(struct call *c, struct job_run *run)
{
    struct swept *out = job_result(run);
    struct instant before = { clock_now().us - c->app->config.upload_expiry_s * SECOND_US };
    out->uploads = 0;
    return chunked_expire(c, before, &out->uploads);
}

const struct job_kind task_sweep = { "uploads.sweep",
                                     NULL,
                                     &swept,
                                     sweep,
                                     .attempts = 3,
                                     .time_limit_s = 3600,
                                     .concurrency = 1,
                                     .by_hand = true,
                                     .doc = "Removes chunked uploads that nobody completed." };

/* ---- the audit log ---- */

struct audit_cleaned {
    int64_t rows;
};
static const struct field audit_cleaned_fields[] = {
    FIELD(struct audit_cleaned, rows, .doc = "How many rows were removed."),
};
static const struct schema audit_cleaned = SCHEMA("AuditCleaned", struct audit_cleaned, audit_cleaned_fields);

/* The log says itself from when on it is whole; and never begins again with the first number. */
static bool note_clean(struct call *c, void *context)
{
    const struct instant *before = context;
    audit_action(c, "audit.clean", "audit_log");
    audit_detail(c, arena_format(&c->arena, "{\"before\":\"%.*s\"}", STR_FMT(instant_format(*before, &c->arena))));
    return audit_change(c);
}

static bool clean_audit(struct call *c, struct job_run *run)
{
    static const struct aged rows = AGED("audit_logs", "created_at");
    struct audit_cleaned *out = job_result(run);
    int64_t keep_s = c->app->config.audit_keep_s, one;
    struct instant before = clean_before(keep_s);
    enum found old =
        !keep_s ? NONE : db_find_integer(c, &one, "select 1 from audit_logs where created_at < ? limit 1", V(before));
    out->rows = 0;
    db_release(c);
    return old == NONE || (old == FOUND && db_transact(c, note_clean, &before) &&
                           clean_aged(c, run, &rows, before, "rows", &out->rows));
}

const struct job_kind task_audit = { "audit.clean",
                                     NULL,
                                     &audit_cleaned,
                                     clean_audit,
                                     .attempts = 3,
                                     .time_limit_s = 86400,
                                     .concurrency = 1,
                                     .is_long = true,
                                     .doc = "Forgets rows of the audit log that are old." };
