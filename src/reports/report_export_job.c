/* report_export_job.c - the job that makes the ZIP: report by report, each as its asker sees it then. */
#include "reports/report_export_parts.h"

#include "parcel/zip_stream.h"
#include "records/keeping.h"
#include "reports/report_out.h"
#include "reports/report_parts.h"
#include "reports/report_pdf.h"
#include "reports/report_sign.h"
#include "site/app.h"
#include "base/text.h"
#include "schema/json.h"

enum { PIECE_BYTES = 64 << 10, TRIES = 3, MODALITY_MAX = 8 };
enum { AWAY_MAX = 20 }; /* so many reports in a row lack a form for what may pass: it is away for all */
#define TRY_AGAIN_US INT64_C(1000000)

struct order {
    int64_t export_id;
};
static const struct field order_fields[] = {
    FIELD(struct order, export_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The export."),
};
static const struct schema order_schema = SCHEMA("ReportExportOrder", struct order, order_fields);

struct answer {
    int64_t files, refused;
};
static const struct field answer_fields[] = {
    FIELD(struct answer, files, .doc = "How many files are in the ZIP, beside its index."),
    FIELD(struct answer, refused, .doc = "How many could not be given; the index says why."),
};
static const struct schema answer_schema = SCHEMA("ReportExportMade", struct answer, answer_fields);

struct exporting {
    struct call *c; /* the run's: its error ends the job */
    struct job_run *run;
    struct report_export row;
    struct principal asker;
    struct zip_stream *zip;
    struct blob_writer *out;
    struct digests *digests;
    struct export_index index;
    struct call form;           /* in which each form is made: its memory goes when the form is in the ZIP */
    int away[EXPORT_FORMS + 1]; /* by form: reports in a row that lack it for what may pass */
    int64_t made;               /* bytes of the ZIP */
    char piece[PIECE_BYTES];
};

/* ---- the ZIP ---- */

/* What was added goes on to the store, and out of memory. */
static bool pump(struct call *c, struct exporting *e)
{
    ptrdiff_t n;
    while ((n = zip_stream_read(e->zip, e->made, e->piece, PIECE_BYTES)) > 0) {
        if (!blob_write(e->out, (struct str){ e->piece, n }, &c->error))
            return false;
        digests_update(e->digests, e->piece, n);
        e->made += n;
    }
    return n == 0 || fail(c, E_INTERNAL, "the ZIP cannot be made");
}

static bool put_file(struct call *c, struct exporting *e, struct str name, struct str bytes)
{
    int64_t max = c->app->config.report_export_max_bytes;
    if (e->made + e->index.json_bytes + e->index.csv_bytes + bytes.len > max)
        return fail(c, E_TOO_LARGE, "the ZIP would be larger than the %" PRId64 " MiB that it may be: choose fewer",
                    max >> 20);
    zip_stream_add_bytes(e->zip, name, bytes);
    return pump(c, e);
}

/* ---- one form of one report ---- */

static bool make_form(struct call *c, const struct exporting *e, const struct report *report, unsigned form,
                      struct str *out)
{
    int64_t id = report->id, version = report->version;
    switch (form) {
    case EXPORT_PDF:
        return report_pdf(c, id, version, (enum pdf_page)(e->row.page - 1), out);
    case EXPORT_JSON:
        return report_envelope(c, id, version, out);
    case EXPORT_FHIR:
        return report_fhir(c, id, version, out);
    case EXPORT_DOCX:
        return report_docx(c, id, version, (enum pdf_page)(e->row.page - 1), out);
    default:
        return report_text(c, id, version, out);
    }
}

/* In e->form. What may pass is waited for, though not for long: it may be this report's alone. */
static bool make_patiently(struct exporting *e, const struct report *report, unsigned form, struct str *out)
{
    struct call *c = &e->form;
    for (int tries = 1; !make_form(c, e, report, form, out) || !hold_more(&c->hold, out->len, &c->error); tries++) {
        bool may_pass = c->error.code == E_UNAVAILABLE || c->error.code == E_TOO_MANY;
        db_release(c);
        if (!may_pass || tries == TRIES || !job_rest(e->run, TRY_AGAIN_US))
            return false;
        call_reset(c);
    }
    db_release(c);
    return true;
}

/* Letters and digits of ours alone: what strangers have written is in the index. */
static struct str name_of(struct call *c, const struct report *report, unsigned form)
{
    static const char *const suffixes[] = { "pdf", "json", "fhir.json", "txt", "docx" };
    char modality[MODALITY_MAX + 1], day[DATE_TEXT_MAX] = "0000-00-00";
    int n = 0;
    for (ptrdiff_t i = 0; i < report->modality.len && n < MODALITY_MAX; i++) {
        char one = report->modality.at[i];
        if ((one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9'))
            modality[n++] = one;
    }
    modality[n] = '\0';
    if (!date_is_null(report->study_date))
        date_write(report->study_date, day);
    return arena_format(&c->arena, "reports/%.10s_%s_report-%010" PRId64 "_v%" PRId64 ".%s", day, n ? modality : "OT",
                        report->id, report->version, suffixes[form - 1]);
}

static void fill_line(struct export_line *line, const struct report *report)
{
    line->report_id = report->id;
    line->report_uuid = report->report_uuid;
    line->version = report->version;
    line->status = report->status;
    line->patient_number = report->patient_number;
    line->patient_name = report->patient_name;
    line->accession_number = report->accession_number;
    line->modality = report->modality;
    line->body_part = report->body_part;
    line->study_date = report->study_date;
    line->title = report->content.title;
    line->author_name = report->author_name;
    if (report->version == report->signed_version) {
        line->signer_name = report->signer_name;
        line->signed_at = report->signed_at;
    }
}

/* ---- one report ---- */

struct given {
    struct exporting *e;
    const struct report *report;
    struct texts forms;
    bool has_pages; /* a PDF, or FHIR, which has one in it */
    int64_t version_id;
};

static bool note(struct call *c, void *context)
{
    struct given *given = context;
    struct text detail;
    c->actor->audit = (struct audit_draft){ .action = "report.export", .entity = "report" };
    audit_about(c, given->report->id, given->report->patient_id);
    text_init(&detail, 1000);
    text_format(&detail, "{\"export_id\":%" PRId64 ",\"version\":%" PRId64 ",\"forms\":[", given->e->row.id,
                given->report->version);
    for (ptrdiff_t i = 0; i < given->forms.count; i++)
        text_format(&detail, "%s\"%.*s\"", i ? "," : "", STR_FMT(given->forms.items[i]));
    text_put(&detail, S("]}"));
    audit_detail(c, arena_copy(&c->arena, text_str(&detail)));
    text_release(&detail);
    return db_integer(c, &given->version_id, "select id from report_versions where report_id = ? and version = ?",
                      V(given->report->id), V(given->report->version)) &&
           audit_change(c);
}

/* Does what went wrong say nothing of the others? A database that is away does, and a full disk. */
static bool is_of_this_alone(struct exporting *e, struct call *c)
{
    struct error why = c->error;
    if (why.code == E_STORAGE_FULL || job_is_stopping(e->run))
        return false;
    error_clear(&c->error);
    if (!db_ping(c))
        return false;
    c->error = why;
    return true;
}

/* What went wrong in a call whose memory goes ends the report's. */
static bool pass_on(struct call *c, const struct call *from)
{
    if (from != c) {
        c->error = from->error;
        c->error.problems = NULL;
        c->error.problem_count = 0;
    }
    return false;
}

/* `from`: in which it went wrong. */
static bool refuse(struct call *c, struct exporting *e, struct call *from, struct export_line *line)
{
    if (!is_of_this_alone(e, from))
        return pass_on(c, from);
    line->reason = arena_copy(&c->arena, error_told(&from->error));
    error_clear(&from->error);
    db_release(from);
    ((struct answer *)job_result(e->run))->refused++;
    return export_index_put(c, &e->index, line);
}

static bool refuse_form(struct call *c, struct exporting *e, struct export_line *line)
{
    int *away = &e->away[line->form];
    *away += job_may_pass(e->form.error.code);
    return *away < AWAY_MAX ? refuse(c, e, &e->form, line) : pass_on(c, &e->form);
}

static bool put_form(struct call *c, struct exporting *e, struct given *given, struct str wanted)
{
    struct str bytes;
    struct export_line line;
    schema_clear(&export_line_schema, &line);
    fill_line(&line, given->report);
    line.form = choice_of(export_forms, wanted);
    if (!make_patiently(e, given->report, line.form, &bytes))
        return refuse_form(c, e, &line);
    e->away[line.form] = 0;
    given->forms.items[given->forms.count++] = wanted;
    given->has_pages |= line.form == EXPORT_PDF || line.form == EXPORT_FHIR;
    line.name = name_of(c, given->report, line.form);
    line.size_bytes = bytes.len;
    line.sha256 = crypto_sha256_hex(bytes, &c->arena);
    ((struct answer *)job_result(e->run))->files++;
    return put_file(c, e, line.name, bytes) && export_index_put(c, &e->index, &line);
}

/* Form by form. The log has it, and a download asks for it, also where no form could be given: its line tells whose it
 * is. */
static bool give_report(struct call *c, struct exporting *e, const struct report *report)
{
    const struct texts *wanted = &e->row.forms;
    struct given given = { e, report, { arena_array(&c->arena, struct str, EXPORT_FORMS), 0 }, false, 0 };
    bool shows, ok = report_shows_images(c, report, &report->content, &shows);
    db_release(c);
    for (ptrdiff_t i = 0; ok && i < wanted->count && i < EXPORT_FORMS; i++) {
        ok = put_form(c, e, &given, wanted->items[i]);
        db_release(&e->form);
        call_reset(&e->form);
    }
    if (!ok || !db_transact(c, note, &given))
        return false;
    e->row.version_ids.items[e->row.version_ids.count++] =
        given.has_pages && shows ? -given.version_id : given.version_id;
    return true;
}

/* As they may be now: of a task that runs for hours, not as they were at its beginning. */
static bool know_asker(struct call *c, struct exporting *e)
{
    enum found found = authority_of_account(c, e->row.asked_by, &e->asker);
    c->actor->principal = &e->asker;
    if (found == NONE)
        return fail(c, E_FORBIDDEN, "who asked for this may not sign in any more");
    return found == FOUND &&
           (principal_may(&e->asker, MAY_READ_REPORTS) ||
            fail(c, E_FORBIDDEN, "who asked for this may not read reports any more")) &&
           report_may_be_given_out(c);
}

static bool export_one(struct call *c, struct exporting *e, int64_t id)
{
    struct report report;
    struct export_line line;
    if (!know_asker(c, e))
        return false;
    if (report_load(c, id, &report))
        return give_report(c, e, &report);
    if (c->error.code != E_NOT_FOUND)
        return false;
    schema_clear(&export_line_schema, &line);
    line.report_id = id;
    return refuse(c, e, c, &line);
}

/* Each in memory of its own. */
static bool export_all(struct exporting *e)
{
    struct call own, *c = e->c;
    const struct integers *ids = &e->row.report_ids;
    bool ok = true;
    call_init(&own, c->app, c->db);
    call_init(&e->form, c->app, c->db);
    own.actor = e->form.actor = c->actor;
    e->form.hold.budget = c->app->budget;
    for (ptrdiff_t i = 0; ok && i < ids->count; i++) {
        ok = job_tell(e->run, i, ids->count, "reports", STR_NULL) && export_one(&own, e, ids->items[i]);
        db_release(&own);
        if (ok)
            call_reset(&own);
    }
    own.error.problems = NULL; /* in memory that goes */
    own.error.problem_count = 0;
    if (!ok && c->error.code == E_NONE)
        c->error = own.error;
    c->actor->principal = NULL;
    c->actor->audit = (struct audit_draft){ 0 }; /* its texts go */
    call_release(&e->form);
    call_release(&own);
    return ok && job_tell(e->run, ids->count, ids->count, "reports", STR_NULL);
}

/* ---- the whole ---- */

static bool begin(struct exporting *e)
{
    struct call *c = e->c;
    const struct order *order = job_payload(e->run);
    struct answer *answer = job_result(e->run);
    *answer = (struct answer){ 0 };
    enum found found = export_find(c, order->export_id, &e->row);
    db_release(c);
    if (found != FOUND)
        return found == NONE && fail(c, E_NOT_FOUND, "the export was deleted");
    e->row.version_ids = (struct integers){ arena_array(&c->arena, int64_t, e->row.report_ids.count), 0 };
    if (!blob_create(c->app->files, &e->out, &c->error) || !export_index_begin(c, &e->row, &e->index))
        return false;
    e->zip = zip_stream_new(clock_now());
    zip_stream_keep_open(e->zip);
    e->digests = digests_new_sha256();
    return true;
}

static bool put_index(struct exporting *e)
{
    struct call *c = e->c;
    if (!export_index_end(c, &e->index))
        return false;
    int json = blob_writer_fd(e->index.json), csv = blob_writer_fd(e->index.csv);
    if (json < 0 || csv < 0)
        return fail(c, E_UNAVAILABLE, "the index cannot be read back");
    zip_stream_add_open(e->zip, S("index.json"), json, e->index.json_bytes);
    zip_stream_add_open(e->zip, S("index.csv"), csv, e->index.csv_bytes);
    zip_stream_end(e->zip);
    return pump(c, e);
}

static bool write_row(struct call *c, void *context)
{
    struct exporting *e = context;
    const struct answer *answer = job_result(e->run);
    const struct field *versions = &report_export_schema.fields[schema_find(&report_export_schema, S("version_ids"))];
    int64_t changed;
    return db_lock(c, "select id from report_exports where id = ?", V(e->row.id)) &&
           db_execute_counted(
               c, &changed,
               "update report_exports set status = 'SUCCEEDED', status_reason = null, files = ?, refused = ?, "
               "version_ids = ?, storage_path = ?, size_bytes = ?, sha256 = ?, finished_at = ?, expires_at = ? "
               "where id = ? and status = 'QUEUED'",
               V(answer->files), V(answer->refused), versions->kind->get(versions, &e->row.version_ids, &c->arena),
               V(e->row.storage_path), V(e->made), V(e->row.sha256), V(clock_now()), V(export_expiry(c)),
               V(e->row.id)) &&
           (changed || fail(c, E_NOT_FOUND, "the export was deleted"));
}

static bool keep(struct exporting *e)
{
    struct call *c = e->c;
    char uuid[UUID_TEXT + 1], md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1];
    crypto_uuid(uuid);
    digests_finish(e->digests, md5, sha256);
    e->row.storage_path = arena_format(&c->arena, "exports/%.2s/%s.zip", uuid, uuid);
    e->row.sha256 = arena_format(&c->arena, "%s", sha256);
    if (!blob_claim(c->app->files, e->row.storage_path, &c->error))
        return false;
    struct blob_writer *out = e->out;
    e->out = NULL;
    bool ok = blob_commit(out, e->row.storage_path, &c->error) && job_complete(c, e->run, write_row, e);
    keeping_settle(c, e->row.storage_path, ok);
    return ok;
}

static void drop(struct exporting *e)
{
    zip_stream_free(e->zip);
    export_index_drop(&e->index);
    blob_cancel(e->out);
    digests_free(e->digests);
}

static bool run(struct call *c, struct job_run *run)
{
    struct exporting *e = arena_new(&c->arena, struct exporting);
    e->c = c;
    e->run = run;
    bool ok = begin(e) && export_all(e) && put_index(e) && keep(e);
    drop(e);
    return ok;
}

/* ---- how it ends otherwise ---- */

static bool follow(struct call *c, const struct job *job, enum job_state state, struct str error)
{
    struct order order;
    uint64_t given;
    bool again = state == JOB_QUEUED;
    schema_clear(&order_schema, &order);
    if (!json_decode(c, job->payload.text, &order_schema, &order, false, &given))
        return false;
    return db_execute(
        c,
        "update report_exports set status = ?, status_reason = ?, finished_at = ?, expires_at = ? where id "
        "= ? and job_id = ? and status <> 'SUCCEEDED'",
        V(choice_text(job_states, state)), again ? value_nothing() : V(str_at_most(error, JOB_WORDS_MAX)),
        again ? value_nothing() : V(clock_now()), again ? value_nothing() : V(export_expiry(c)), V(order.export_id),
        V(job->id));
}

const struct job_kind report_export_kind = {
    "reports.export", &order_schema,
    &answer_schema,   run,
    .attempts = 5,    .time_limit_s = 6 * 3600,
    .concurrency = 2, .is_long = true,
    .follow = follow, .doc = "Makes a ZIP of many reports for who asked for it."
};

bool export_put_job(struct call *c, int64_t id, int64_t *job_id)
{
    struct order order = { id };
    /* Whatever somebody waits for goes first. */
    return jobs_put(c, &(struct job_order){ .kind = &report_export_kind, .payload = &order, .priority = JOB_LOW },
                    job_id);
}
