/* report_dicom_store.c - the job that puts DICOM objects of a signed report into its study. */
#include "reports/report_dicom_parts.h"

#include "intake/upload.h"
#include "records/report_files.h"
#include "reports/report_parts.h"
#include "site/app.h"

struct order {
    int64_t report_id;
};
static const struct field order_fields[] = {
    FIELD(struct order, report_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The report."),
};
static const struct schema order_schema = SCHEMA("ReportDicomOrder", struct order, order_fields);

struct answer {
    int64_t stored;
};
static const struct field answer_fields[] = {
    FIELD(struct answer, stored, .doc = "How many objects were stored with the study."),
};
static const struct schema answer_schema = SCHEMA("ReportDicomStored", struct answer, answer_fields);

struct storing {
    struct job_run *run;
    int64_t report_id;
    struct principal asker;
    struct report_object next; /* kind 0: nothing is left to be stored */
    struct instant at;
    bool more;
    unsigned failed;    /* bits of kinds that could not be stored this time */
    struct error first; /* why the first of them was not */
};

bool report_dicom_ask(struct call *c, int64_t report_id)
{
    struct order order = { report_id };
    return !c->app->config.report_dicom ||
           jobs_put(c,
                    &(struct job_order){ .kind = &report_dicom_kind,
                                         .payload = &order,
                                         .unique_key = arena_format(&c->arena, "%" PRId64, report_id) },
                    NULL);
}

/* ---- what is to be stored ---- */

static enum found is_stored(struct call *c, const struct storing *s, int64_t version, const char *kinds)
{
    int64_t id;
    const char *sql = arena_format(&c->arena,
                                   "select o.id from report_instances o where o.report_id = ? and (o.version = ? or "
                                   "? = 0) and o.kind in (%s) and " REPORT_FILED " limit 1",
                                   kinds)
                          .at;
    return db_find_integer(c, &id, sql, V(s->report_id), V(version), V(version));
}

/* The first of these of this version that is not, and has not failed. */
static bool find_missing(struct call *c, struct storing *s, int64_t version)
{
    static const struct {
        unsigned kind;
        const char *name;
    } all[] = { { REPORT_AS_SR, "'sr'" }, { REPORT_AS_MEASUREMENTS, "'measurements'" }, { REPORT_AS_PDF, "'pdf'" } };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        enum found found = s->failed & 1U << all[i].kind ? FOUND : is_stored(c, s, version, all[i].name);
        if (found == FAILED)
            return false;
        if (found == NONE) {
            s->next.kind = all[i].kind;
            return true;
        }
    }
    return true;
}

/* A report that was entered in error before anything was stored leaves nothing. */
static bool find_rejection(struct call *c, struct storing *s)
{
    enum found stored = is_stored(c, s, 0, "'pdf', 'sr'"), rejected = is_stored(c, s, 0, "'rejection'");
    if (stored == FOUND && rejected == NONE)
        s->next.kind = REPORT_AS_REJECTION;
    return stored != FAILED && rejected != FAILED;
}

static bool find_next(struct call *c, struct storing *s)
{
    struct cursor rows;
    int64_t version = INTEGER_NULL;
    bool in_error = false;
    s->next = (struct report_object){ .id = s->report_id, .as_kept = true };
    db_rows(c, &rows, "select status, signed_version from reports where id = ?", V(s->report_id));
    if (cursor_next(&rows)) {
        in_error = str_equal(cursor_text(&rows, 0), choice_text(report_statuses, REPORT_ENTERED_IN_ERROR));
        version = cursor_integer(&rows, 1);
    }
    if (!cursor_close(&rows) || version == INTEGER_NULL)
        return !c->error.code;
    s->next.version = version;
    return in_error ? find_rejection(c, s) : find_missing(c, s, version);
}

/* ---- storing it ---- */

/* Known before it is there, so that no signature takes it for an image of the study (report_subject.c). */
static bool note(struct call *c, void *context)
{
    const struct storing *s = context;
    const struct report_object *object = &s->next;
    struct str kind = choice_text(report_object_kinds, object->kind);
    int64_t changed;
    return db_execute_counted(c, &changed,
                              "update report_instances set sop_instance_uid = ?, stored_at = ? where report_id = ? and "
                              "version = ? and kind = ?",
                              V(object->instance_uid), V(s->at), V(s->report_id), V(object->version), V(kind)) &&
           (changed || db_execute(c,
                                  "insert into report_instances(report_id, version, kind, sop_instance_uid, stored_at) "
                                  "values (?, ?, ?, ?, ?)",
                                  V(s->report_id), V(object->version), V(kind), V(object->instance_uid), V(s->at)));
}

static bool note_at(struct call *c, struct storing *s, struct instant at)
{
    s->at = at;
    return db_transact(c, note, s);
}

/* The study has to be there, of the patient that was signed. */
static bool check_study(struct call *c, const struct storing *s)
{
    struct cursor rows;
    struct str number = STR_NULL;
    db_rows(c, &rows,
            "select p.patient_id from studies s join patients p on p.id = s.patient_id where s.id = ? and "
            "s.is_deleted = 0 and p.deleted_at is null",
            V(s->next.study_id));
    if (cursor_next(&rows))
        number = arena_copy(&c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows) &&
           (str_equal(number, s->next.patient_number) ||
            fail(c, E_CONFLICT, "the study is deleted, or has another patient than the one that was signed"));
}

static bool upload(struct call *c, const struct storing *s, int64_t owner)
{
    const struct report_object *object = &s->next;
    struct upload_details details;
    struct image_file row;
    struct str name = arena_format(&c->arena, "report-%" PRId64 "-%" PRId64 "-%s.dcm", object->id, object->version,
                                   report_object_kinds[object->kind - 1]);
    struct spooled *file = spool_begin(c, c->app->files, name, object->bytes.len, &c->error);
    if (!file)
        return false;
    if (!spool_write(file, object->bytes, &c->error)) {
        spool_drop(file);
        return false;
    }
    spool_finish(file);
    c->actor->audit = (struct audit_draft){ .action = "image_file.upload", .entity = "image_file" };
    schema_clear(&upload_details_schema, &details);
    details.only_study = object->study_id;
    details.is_report = true;
    if (!upload_store(c, file, &details, owner, &row))
        return false;
    return (row.status != FILE_FAILED && row.study_id == object->study_id) ||
           fail(c, E_CONFLICT, "the object was not filed with the report's study: %.*s", STR_FMT(row.status_reason));
}

static bool store(struct call *c, struct storing *s)
{
    int64_t owner;
    if (!report_dicom(c, &s->next)) {
        if (!s->next.is_empty)
            return false;
        error_clear(&c->error);
        s->next.instance_uid = STR_NULL;
        return note_at(c, s, clock_now());
    }
    if (!check_study(c, s) || !report_files_hold_owner(c, &owner) || !note_at(c, s, INSTANT_NULL) ||
        !upload(c, s, owner) || !note_at(c, s, clock_now()))
        return false;
    ((struct answer *)job_result(s->run))->stored++;
    return true;
}

/* ---- the job ---- */

static bool find_asker(struct call *c, struct storing *s)
{
    int64_t user = 0;
    if (db_find_integer(c, &user, "select asked_by from jobs where id = ?", V(job_id(s->run))) == FAILED)
        return false;
    enum found found = authority_of_account(c, user, &s->asker);
    c->actor->principal = &s->asker;
    return found == FOUND ||
           (found == NONE &&
            fail(c, E_FORBIDDEN, "who signed may not sign in any more: nobody stands for what is stored"));
}

static bool is_done(struct call *c, void *context)
{
    struct storing *s = context;
    s->more = find_next(c, s) && s->next.kind;
    return !c->error.code && (!s->more || fail(c, E_CONFLICT, "there is more to do"));
}

/* What cannot be stored is no reason to store nothing else; it is said in the end, and tried again by the next run. */
static bool try_to_store(struct call *c, struct storing *s)
{
    unsigned bit = 1U << s->next.kind;
    if (store(c, s))
        return true;
    if (s->next.kind == REPORT_AS_REJECTION || c->error.code == E_UNAVAILABLE)
        return false;
    if (!s->failed)
        s->first = c->error;
    s->failed |= bit;
    error_clear(&c->error);
    return true;
}

static bool store_all(struct call *c, struct storing *s)
{
    struct answer *answer = job_result(s->run);
    for (;;) {
        if (!find_next(c, s))
            return false;
        if (s->next.kind) {
            if (!job_tell(s->run, answer->stored, 0, "objects", STR_NULL) || !try_to_store(c, s))
                return false;
            continue;
        }
        if (s->failed) {
            c->error = s->first;
            return false;
        }
        db_release(c);
        if (job_complete(c, s->run, is_done, s))
            return true;
        if (!s->more)
            return false;
        error_clear(&c->error);
    }
}

static bool run(struct call *c, struct job_run *run)
{
    struct storing s = { .run = run, .report_id = ((const struct order *)job_payload(run))->report_id };
    ((struct answer *)job_result(run))->stored = 0;
    bool ok = find_asker(c, &s) && store_all(c, &s);
    c->actor->principal = NULL;
    return ok;
}

const struct job_kind report_dicom_kind = {
    "reports.dicom",
    &order_schema,
    &answer_schema,
    run,
    .attempts = 20,
    .time_limit_s = 600,
    .doc = "Stores a signed report with its study as DICOM, and rejects there what was entered in error.",
};
