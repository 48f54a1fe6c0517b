/* report_export.c - the rows of exports: asked for, shown, given out, removed. */
#include "reports/report_export_parts.h"

#include "records/keeping.h"
#include "reports/report_parts.h"
#include "reports/report_pdf.h"
#include "site/app.h"
#include "base/names.h"

#include <unistd.h>

const char *const export_forms[] = { "pdf", "json", "fhir", "text", "docx", NULL };
NAMES_REACH(export_forms, EXPORT_FORMS);

/* ---- rows ---- */

#define ROW(member, ...) FIELD(struct report_export, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct report_export, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
#define INNER(member, ...) FIELD(struct report_export, member, .flags = READ_ONLY | NULLABLE | WRITE_ONLY, __VA_ARGS__)
static const struct field export_fields[] = {
    ROW(id, .doc = "Identifies the export."),
    INNER(asked_by, .doc = "The account that asked for it."),
    ROW(status, .choices = job_states, .type = "JobState",
        .sql = "case when e.status = 'QUEUED' and j.state = 'RUNNING' then j.state else e.status end",
        .doc = "How far it is. SUCCEEDED: it can be downloaded."),
    MAYBE(status_reason, .doc = "Why it failed or was cancelled."),
    ROW(forms, .choices = export_forms, .type = "ExportForm", .example = "[\"pdf\"]",
        .doc = "In which forms reports are in it."),
    ROW(page, .choices = report_page_sizes, .type = "PageSize", .doc = "How large the pages of PDFs are."),
    INNER(report_ids, .doc = "The reports."),
    INNER(version_ids, .doc = "The versions of them that are in the ZIP."),
    ROW(report_count, .doc = "How many reports were chosen."),
    MAYBE(job_id, .doc = "The job that makes it."),
    MAYBE(done, .sql = "j.progress_done", .doc = "How many of these were looked at."),
    MAYBE(files, .doc = "How many files are in it, beside index.json and index.csv."),
    MAYBE(refused, .doc = "How many could not be given; the index says why."),
    INNER(storage_path, .doc = "Its key in the store."),
    MAYBE(size_bytes, .doc = "The size of the ZIP."),
    MAYBE(sha256, .doc = "Its SHA-256."),
    ROW(created_at, .doc = "When it was asked for."),
    MAYBE(finished_at, .doc = "When it ended."),
    MAYBE(expires_at, .doc = "When it is removed."),
};
const struct schema report_export_schema =
    SCHEMA("ReportExport", struct report_export, export_fields, .table = "report_exports", .alias = "e",
           .join = "left join jobs j on j.id = e.job_id", .doc = "Reports as one ZIP, kept for a time.");

/* As it is asked for. */
#define NEW(member, ...) FIELD(struct report_export, member, __VA_ARGS__, .doc = "As ReportExport says.")
static const struct field new_fields[] = {
    NEW(id, .flags = READ_ONLY),
    NEW(asked_by, .flags = 0),
    NEW(forms, .choices = export_forms, .type = "ExportForm"),
    NEW(page, .choices = report_page_sizes, .type = "PageSize"),
    NEW(report_ids, .flags = 0),
    NEW(report_count, .flags = 0),
    NEW(created_at, .flags = SET_ON_INSERT),
};
static const struct schema new_schema =
    SCHEMA("NewReportExport", struct report_export, new_fields, .table = "report_exports");

enum found export_find(struct call *c, int64_t id, struct report_export *out)
{
    return db_find(c, &report_export_schema, out, "where e.id = ?", V(id));
}

struct instant export_expiry(const struct call *c)
{
    return (struct instant){ clock_now().us + c->app->config.report_export_keep_s * INT64_C(1000000) };
}

struct condition report_export_in_sight(const struct call *c)
{
    return (struct condition){ "e.asked_by = ?", V(call_user(c)) };
}

bool report_export_load(struct call *c, int64_t id, struct report_export *out)
{
    enum found found =
        db_find(c, &report_export_schema, out, "where e.id = ? and e.asked_by = ?", V(id), V(call_user(c)));
    if (found == FOUND)
        audit_about(c, id, 0);
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "export %" PRId64 " does not exist", id));
}

/* ---- asked for ---- */

static bool refuse_wish(struct call *c, const char *member, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", words);
}

static bool take_ids(struct call *c, struct integers named, struct integers *out)
{
    *out = (struct integers){ arena_array(&c->arena, int64_t, named.count), named.count };
    for (ptrdiff_t i = 0; i < named.count; i++)
        if (named.items[i] <= 0)
            return refuse_wish(c, "ids", "too_small", "must be ids of reports");
    memcpy(out->items, named.items, (size_t)named.count * sizeof(*named.items));
    report_ids_sort(out);
    return true;
}

bool report_export_choose(struct call *c, const struct report_export_wish *wish, bool chooses, struct integers *ids)
{
    if (wish->ids.count && chooses)
        return refuse_wish(c, "ids", "not_alone", "name reports, or choose them by the other members, not both");
    if (!wish->ids.count && !chooses)
        return refuse_wish(c, "ids", "missing", "name reports, or choose them by the other members");
    if (!report_may_be_given_out(c))
        return false;
    if (wish->ids.count)
        return take_ids(c, wish->ids, ids);
    return report_choose(c, &wish->choice, EXPORT_REPORTS_MAX, ids) &&
           (ids->count || fail(c, E_NOT_FOUND, "there is no such report"));
}

/* One form is in it once, however often it was named. */
static struct texts without_repeats(struct call *c, struct texts forms)
{
    struct texts out = { arena_array(&c->arena, struct str, EXPORT_FORMS), 0 };
    for (int form = EXPORT_PDF; form <= EXPORT_FORMS; form++)
        for (ptrdiff_t i = 0; i < forms.count; i++)
            if (str_equal(forms.items[i], str_from(export_forms[form - 1]))) {
                out.items[out.count++] = forms.items[i];
                break;
            }
    return out;
}

/* Two of one account, one after the other, so that they are counted. */
static bool check_count(struct call *c)
{
    int64_t count;
    return db_lock(c, "select id from users where id = ?", V(call_user(c))) &&
           db_integer(c, &count, "select count(*) from report_exports where asked_by = ?", V(call_user(c))) &&
           (count < EXPORTS_PER_ACCOUNT ||
            fail(c, E_CONFLICT, "there are %d exports of yours: delete one, or wait until one has expired",
                 EXPORTS_PER_ACCOUNT));
}

bool report_export_ask(struct call *c, const struct report_export_wish *wish, struct integers ids, int64_t *id)
{
    struct report_export row;
    schema_clear(&new_schema, &row);
    row.asked_by = call_user(c);
    row.forms = without_repeats(c, wish->forms);
    row.page = wish->page;
    row.report_ids = ids;
    row.report_count = ids.count;
    if (!check_count(c) || !db_insert(c, &new_schema, &row, id) || !export_put_job(c, *id, &row.job_id))
        return false;
    audit_about(c, *id, 0);
    return db_execute(c, "update report_exports set job_id = ? where id = ?", V(row.job_id), V(*id));
}

/* ---- given out ---- */

enum { AT_ONCE = 32 };

/* How many of these versions the caller may read, as report_version_load says, and nobody has withdrawn since then. */
static bool count_seen(struct call *c, const int64_t *ids, ptrdiff_t count, struct instant since, int64_t *seen)
{
#define VERSIONS_IN \
    "select count(*) from report_versions k where k.id in (" DB_MARKS_32 ") and not exists (select 1 from " \
    "report_steps h where h.report_id = k.report_id and h.to_status = 'ENTERED_IN_ERROR' and h.at >= ?) and "
#define IS_SHOWN_OR_SIGNED \
    " and (k.status not in ('DRAFT', 'CANCELLED') or exists (select 1 from reports r where r.id = k.report_id and " \
    "k.version = " REPORT_FACE_VERSION "))"
    struct value args[1 + AT_ONCE + 1 + 4 + REPORT_SIGHT_VALUES] = { { .type = VALUE_NOTHING } },
                                            values[REPORT_SIGHT_VALUES];
    struct condition sight = report_in_sight(c, values);
    struct cursor rows;
    int n = 0;
    for (; n < AT_ONCE; n++)
        args[1 + n] = V(n < count ? (ids[n] < 0 ? -ids[n] : ids[n]) : INT64_C(0));
    args[++n] = V(since);
    args[++n] = sight.value;
    for (int i = 0; i < 3; i++)
        args[++n] = sight.more[i];
    for (int i = 0; i < sight.rest_count; i++)
        args[++n] = sight.rest[i];
    const char *sql =
        arena_format(&c->arena, VERSIONS_IN "%s%s", sight.sql, report_caller_writes(c) ? "" : IS_SHOWN_OR_SIGNED).at;
    db_rows_(c, &rows, sql, (struct db_args){ args, n });
    if (cursor_next(&rows))
        *seen = cursor_integer(&rows, 0);
    return cursor_close(&rows);
}

static bool refuse_download(struct call *c)
{
    return fail(c, E_FORBIDDEN,
                "a report in this export, or an image that it shows, is not open to you any more, or was withdrawn: "
                "ask for a new one");
}

/* Of a version whose pages show images. */
static bool check_images(struct call *c, int64_t version_id)
{
    struct report_version version;
    struct report report;
    bool shows;
    enum found found = db_find(c, &report_version_schema, &version, "where v.id = ?", V(version_id));
    if (found == FAILED || (found == FOUND && (!report_load(c, version.report_id, &report) ||
                                               !report_shows_images(c, &report, &version.content, &shows))))
        return false;
    return (found == FOUND && shows) || refuse_download(c);
}

/* Each in memory of its own. */
static bool check_all_images(struct call *c, const struct integers *versions)
{
    struct actor actor = *c->actor; /* the log's row goes on being about the export */
    struct call own;
    bool ok = true;
    call_init(&own, c->app, c->db);
    own.actor = &actor;
    for (ptrdiff_t i = 0; ok && i < versions->count; i++) {
        if (versions->items[i] > 0)
            continue;
        ok = check_images(&own, -versions->items[i]);
        if (!ok)
            (void)fail(c, own.error.code, "%s", own.error.message);
        db_release(&own);
        call_reset(&own);
    }
    call_release(&own);
    return ok;
}

/* Rights may have gone since it was made. */
static bool check_sight(struct call *c, const struct report_export *row)
{
    const struct integers *versions = &row->version_ids;
    for (ptrdiff_t i = 0; i < versions->count; i += AT_ONCE) {
        ptrdiff_t count = versions->count - i < AT_ONCE ? versions->count - i : AT_ONCE;
        int64_t seen = 0;
        if (!count_seen(c, versions->items + i, count, row->created_at, &seen))
            return false;
        if (seen != count)
            return refuse_download(c);
    }
    db_release(c);
    return check_all_images(c, versions);
}

static bool open_bytes(struct call *c, const struct report_export *row, int *fd)
{
    struct blob_store *files = c->app->files;
    struct error error = { 0 };
    int64_t size;
    if (!blob_open_read(files, row->storage_path, fd, &size, &error)) {
        if (error.code != E_NOT_FOUND)
            return fail(c, error.code, "%s", error.message);
        return blob_is_there(files) ? fail(c, E_UNREADABLE, "the file of the export is gone: ask for it again")
                                    : fail(c, E_UNAVAILABLE, "the file store is not there now");
    }
    if (size == row->size_bytes)
        return true;
    close(*fd);
    log_write(c->app->log, LOG_ERROR, call_request_id(c), "report_export.damaged", "%.*s: another size than was stored",
              STR_FMT(row->storage_path));
    return fail(c, E_UNREADABLE, "the file of the export is not what was stored: ask for it again");
}

bool report_export_open(struct call *c, int64_t id, struct report_export *out, int *fd)
{
    if (!report_may_be_given_out(c) || !report_export_load(c, id, out))
        return false;
    if (out->status != JOB_SUCCEEDED)
        return fail(c, E_CONFLICT, "the export is %s: there is nothing to download", job_states[out->status - 1]);
    if (out->expires_at.us <= clock_now().us)
        return fail(c, E_GONE, "the export was kept as long as REPORT_EXPORT_KEEP says: ask for it again");
    bool ok = check_sight(c, out);
    db_release(c);
    return ok && open_bytes(c, out, fd);
}

/* ---- removed ---- */

bool report_export_hold_with_job(struct call *c, int64_t id)
{
    int64_t job_id = 0, one;
    enum found found = db_find_integer(c, &job_id, "select job_id from report_exports where id = ?", V(id));
    if (found == FOUND && job_id > 0)
        found = db_find_locked(c, &one, "select id from jobs where id = ?", V(job_id));
    return found != FAILED && db_lock(c, "select id from report_exports where id = ?", V(id));
}

struct removing {
    int64_t id;
    struct str key; /* that is claimed; null: none */
    bool has_ended; /* it has a file by now, and had none */
};

/* The job before the export, as at its end (job_complete). What is under way is told to stop, and finds no row. */
static bool end_job(struct call *c, int64_t job_id)
{
    int64_t one;
    if (job_id <= 0)
        return true;
    enum found found =
        db_find_locked(c, &one, "select id from jobs where id = ? and state in ('QUEUED', 'RUNNING')", V(job_id));
    return found == NONE || (found == FOUND && jobs_cancel(c, job_id));
}

static bool remove_row(struct call *c, void *context)
{
    struct removing *r = context;
    struct report_export now;
    int64_t job_id = 0;
    r->has_ended = false;
    if (db_find_integer(c, &job_id, "select job_id from report_exports where id = ?", V(r->id)) == FAILED ||
        !end_job(c, job_id) || !db_lock(c, "select id from report_exports where id = ?", V(r->id)))
        return false;
    enum found found = export_find(c, r->id, &now);
    if (found != FOUND)
        return found == NONE;
    r->has_ended = !str_equal(now.storage_path, r->key);
    if (r->has_ended)
        return true;
    return db_execute(c, "delete from report_exports where id = ?", V(r->id)) &&
           (!c->actor->audit.action || audit_change(c));
}

/* The row first, then the bytes, which a start looks for if that is all that happens. */
static bool remove_with(struct call *c, struct removing *r)
{
    struct blob_store *files = c->app->files;
    if (r->key.len && !blob_claim(files, r->key, &c->error))
        return false;
    bool ok = db_transact(c, remove_row, r);
    if (r->key.len)
        keeping_settle(c, r->key, !ok && !c->error.in_doubt);
    return ok;
}

static bool remove_one(struct call *c, int64_t id)
{
    struct report_export row;
    struct removing r = { .id = id, .has_ended = true };
    while (r.has_ended) {
        enum found found = export_find(c, id, &row);
        db_release(c);
        if (found != FOUND)
            return found == NONE;
        r.key = row.storage_path;
        if (!remove_with(c, &r))
            return false;
    }
    return true;
}

bool report_export_remove(struct call *c, int64_t id)
{
    struct report_export row;
    return report_export_load(c, id, &row) && remove_one(c, id);
}

/* ---- swept ---- */

struct cleaned {
    int64_t exports;
};
static const struct field cleaned_fields[] = {
    FIELD(struct cleaned, exports, .doc = "How many exports were removed."),
};
static const struct schema cleaned_schema = SCHEMA("ReportExportsCleaned", struct cleaned, cleaned_fields);

static bool clean(struct call *c, struct job_run *run)
{
    struct cleaned *out = job_result(run);
    int64_t id;
    enum found found;
    out->exports = 0;
    while ((found = db_find_integer(c, &id,
                                    "select id from report_exports where expires_at < ? order by expires_at, id limit "
                                    "1",
                                    V(clock_now()))) == FOUND) {
        db_release(c);
        if (!job_tell(run, out->exports, 0, "exports", STR_NULL) || !remove_one(c, id))
            return false;
        out->exports++;
    }
    return found == NONE;
}

const struct job_kind report_export_clean = { "reports.export_clean",
                                              NULL,
                                              &cleaned_schema,
                                              clean,
                                              .attempts = 3,
                                              .time_limit_s = 3600,
                                              .concurrency = 1,
                                              .by_hand = true,
                                              .doc = "Removes exports of reports that were kept long enough." };
