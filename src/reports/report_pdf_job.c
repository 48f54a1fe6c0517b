/* report_pdf_job.c - the job that has pages kept, and gets what was signed the time of an authority. */
#include "pdf/signature.h"
#include "reports/report_pdf_kept.h"
#include "reports/report_proofs.h"
#include "reports/report_stamp.h"
#include "reports/signing_key.h"
#include "signing/cms.h"
#include "site/app.h"

struct pdf_order {
    int64_t report_id, version;
};
static const struct field order_fields[] = {
    FIELD(struct pdf_order, report_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The report."),
    FIELD(struct pdf_order, version, .flags = REQUIRED, .min = 1, .max = INT64_MAX, .doc = "The version."),
};
static const struct schema order_schema = SCHEMA("ReportPdfOrder", struct pdf_order, order_fields);

/* ---- time stamps ---- */

static bool stamp_kept(struct call *c, const struct kept_pdf *kept)
{
    struct kept_pdf after = *kept;
    struct pdf_found_signatures found;
    struct trust trust;
    struct str bytes, data, token, cms;
    if (!signing_trust(c, &trust) || !kept_pdf_read(c, kept, &bytes) || !pdf_signatures(c, bytes, &found))
        return false;
    if (found.count != 1 || !cms_signature(c, found.items[0].der, &data) || !report_stamp_of(c, &trust, data, &token) ||
        !cms_add_timestamp(c, found.items[0].der, token, &cms) ||
        !pdf_put_signature(c, bytes, &found.items[0], cms, &bytes))
        return c->error.code ? false : fail(c, E_INTERNAL, "kept pages have %d signatures", found.count);
    after.level = PADES_TIMED;
    after.renew_at = report_prove_again(&after, INSTANT_NULL);
    return kept_pdf_swap(c, kept, &after, bytes);
}

static bool stamp_one(struct call *c, int64_t report_id, int64_t version, enum pdf_page page)
{
    struct kept_pdf kept;
    enum found found = kept_pdf_find(c, report_id, version, page, &kept);
    return found == NONE || (found == FOUND && (kept.level != PADES_BASIC || stamp_kept(c, &kept)));
}

/* Where a list is missing, "reports.stamps" sees to it. */
static bool prove_one(struct call *c, struct report_prover *prover, int64_t report_id, int64_t version,
                      enum pdf_page page)
{
    struct kept_pdf kept;
    struct report_proving proving;
    enum found found = kept_pdf_find(c, report_id, version, page, &kept);
    if (found != FOUND || kept.level != PADES_TIMED)
        return found != FAILED;
    if (!report_prove(c, prover, &kept, &proving) && c->error.code == E_NOT_FOUND)
        error_clear(&c->error);
    return c->error.code == 0;
}

/* The first that failed; but after one that may pass the job comes again. */
static void keep_error(struct call *c, struct error *kept)
{
    if (!kept->code || (job_may_pass(c->error.code) && !job_may_pass(kept->code)))
        *kept = c->error;
    error_clear(&c->error);
}

/* Each size for itself, and the plain time stamps first: what one of them lacks takes nothing from the others. */
static bool stamp_all(struct call *c, int64_t report_id, int64_t version)
{
    struct report_prover prover;
    struct error kept = { 0 };
    for (enum pdf_page page = PDF_A4; page <= PDF_LETTER; page++)
        if (!stamp_one(c, report_id, version, page))
            keep_error(c, &kept);
    bool is_loaded = report_prover_load(c, &prover);
    if (!is_loaded)
        keep_error(c, &kept);
    for (enum pdf_page page = PDF_A4; is_loaded && page <= PDF_LETTER; page++)
        if (!prove_one(c, &prover, report_id, version, page))
            keep_error(c, &kept);
    c->error = kept;
    return kept.code == 0;
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
