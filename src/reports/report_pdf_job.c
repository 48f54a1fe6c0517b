/* report_pdf_job.c - the job that has pages kept, and gets what was signed the time of an authority. */
#include "pdf/signature.h"
#include "records/keeping.h"
#include "reports/report_pdf_kept.h"
#include "reports/report_stamp.h"
#include "reports/signing_key.h"
#include "signing/cms.h"

struct pdf_order {
    int64_t report_id, version;
};
static const struct field order_fields[] = {
    FIELD(struct pdf_order, report_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The report."),
    FIELD(struct pdf_order, version, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The version."),
};
static const struct schema order_schema = SCHEMA("ReportPdfOrder", struct pdf_order, order_fields);

/* ---- time stamps ---- */

struct stamping {
    struct kept_pdf before, after;
    bool is_done; /* the row was still as it was */
};

static bool swap_row(struct call *c, void *context)
{
    struct stamping *s = context;
    struct kept_pdf now;
    if (!db_lock(c, "select id from report_pdfs where id = ?", V(s->before.id)))
        return false;
    enum found found = db_find(c, &kept_pdf_schema, &now, "where k.id = ?", V(s->before.id));
    s->is_done = found == FOUND && str_equal(now.storage_path, s->before.storage_path);
    if (!s->is_done)
        return found != FAILED;
    return db_execute(c, "update report_pdfs set storage_path = ?, size_bytes = ?, sha256 = ?, level = ? where id = ?",
                      V(s->after.storage_path), V(s->after.size_bytes), V(s->after.sha256),
                      V(choice_text(pades_levels, s->after.level)), V(s->before.id));
}

/* The row names another file from here on; the one before goes once it is known that nothing names it. */
static bool swap(struct call *c, struct stamping *s, struct str bytes)
{
    struct blob_store *files = c->app->files;
    struct str old = s->before.storage_path, new = s->after.storage_path;
    struct error ignored = { 0 };
    if (!blob_claim(files, new, &c->error))
        return false;
    if (!blob_claim(files, old, &c->error)) {
        blob_settle(files, new);
        return false;
    }
    bool ok = kept_pdf_write(c, new, bytes) && db_transact(c, swap_row, s), in_doubt = !ok && c->error.in_doubt;
    keeping_settle(c, new, ok && s->is_done);
    /* Where another was quicker the claim is theirs too, who is about to remove the file. */
    if (in_doubt || (ok && (!s->is_done || !blob_remove(files, old, &ignored))))
        blob_leave(files, old);
    else
        blob_settle(files, old);
    return ok;
}

static bool stamp_kept(struct call *c, const struct kept_pdf *kept)
{
    struct stamping s = { *kept, *kept, false };
    struct pdf_found_signatures found;
    struct trust trust;
    struct str bytes, data, token, cms;
    if (!signing_trust(c, &trust) || !kept_pdf_read(c, kept, &bytes) || !pdf_signatures(c, bytes, &found))
        return false;
    if (found.count != 1 || !cms_signature(c, found.items[0].der, &data) || !report_stamp_of(c, &trust, data, &token) ||
        !cms_add_timestamp(c, found.items[0].der, token, &cms) ||
        !pdf_put_signature(c, bytes, &found.items[0], cms, &bytes))
        return c->error.code ? false : fail(c, E_INTERNAL, "kept pages have %d signatures", found.count);
    s.after.level = PADES_TIMED;
    kept_pdf_name(c, &s.after, bytes);
    return swap(c, &s, bytes);
}

static bool stamp_all(struct call *c, int64_t report_id, int64_t version)
{
    for (enum pdf_page page = PDF_A4; page <= PDF_LETTER; page++) {
        struct kept_pdf kept;
        enum found found = kept_pdf_find(c, report_id, version, page, &kept);
        if (found == FAILED || (found == FOUND && kept.level == PADES_BASIC && !stamp_kept(c, &kept)))
            return false;
    }
    return true;
}

/* The envelope first, since it is attached to the pages; these do not wait for the authority. */
static bool run(struct call *c, struct job_run *run)
{
    const struct pdf_order *order = job_payload(run);
    struct kept_pdf kept;
    bool stamps = report_stamps(c), stamped = !stamps || report_stamp_envelope(c, order->report_id, order->version);
    struct error said = c->error;
    error_clear(&c->error);
    if (!kept_pdf_need(c, order->report_id, order->version, PDF_A4, &kept)) {
        if (!stamped && job_may_pass(said.code) && !job_may_pass(c->error.code))
            c->error = said; /* the authority is asked again, whatever becomes of the pages */
        return false;
    }
    if (!stamped) {
        c->error = said;
        return false;
    }
    return !stamps || stamp_all(c, order->report_id, order->version);
}

const struct job_kind report_pdf_kind = {
    "report.pdf",
    &order_schema,
    NULL,
    run,
    .attempts = 100, /* hours, then days: an authority may be away for long */
    .time_limit_s = 600,
    .is_fleeting = true,
    .doc = "Makes the pages of a report that was signed, signs them too, and keeps them."
};

bool report_pdf_put_job(struct call *c, int64_t id, int64_t version)
{
    struct pdf_order order = { id, version };
    return jobs_put(c, &(struct job_order){ .kind = &report_pdf_kind, .payload = &order }, NULL);
}
