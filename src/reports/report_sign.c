/* report_sign.c - what is signed is put together, signed, and kept with the report that it makes final. */
#include "reports/report_sign.h"

#include "reports/report_parts.h"
#include "reports/report_pdf.h"
#include "reports/report_public.h"
#include "reports/report_subject.h"
#include "reports/signing_key.h"
#include "schema/json_read.h"
#include "signing/canonical.h"
#include "signing/sm2.h"
#include "site/app.h"
#include "base/names.h"

const char *const signature_meanings[] = { "AUTHOR", "REVIEWER", "APPROVER", NULL };
NAMES_REACH(signature_meanings, MEANS_APPROVER);

struct signature_row {
    int64_t id, report_id, version, user_id, key_id;
    unsigned meaning;
    struct str signer_name;
    struct instant signed_at;
    struct str envelope;
    struct str token; /* null: signed before there were any */
};
static const struct field signature_fields[] = {
    FIELD(struct signature_row, id, .doc = "Identifies the signature."),
    FIELD(struct signature_row, report_id, .doc = "The report."),
    FIELD(struct signature_row, version, .doc = "The version that is signed."),
    FIELD(struct signature_row, user_id, .doc = "Who signed."),
    FIELD(struct signature_row, key_id, .doc = "With which key."),
    FIELD(struct signature_row, meaning, .choices = signature_meanings, .doc = "As what."),
    FIELD(struct signature_row, signer_name, .doc = "What they were called."),
    FIELD(struct signature_row, signed_at, .doc = "When, by the server's clock."),
    FIELD(struct signature_row, envelope, .max = CANONICAL_BYTES_MAX, .doc = "What was signed, and the signature."),
    FIELD(struct signature_row, token, .flags = NULLABLE, .doc = "What the code on its pages leads to."),
};
static const struct schema signature_schema =
    SCHEMA("ReportSignatureRow", struct signature_row, signature_fields, .table = "report_signatures", .alias = "g",
           .doc = "A signature of a version of a report.");

/* ---- signing ---- */

struct signing_work {
    const struct report *report;
    struct report_version version;
    struct str name, username;
    unsigned meaning;
    struct instant at;
    struct signing_key key, second; /* second.id 0: there is no second signature (REPORT_SM2) */
};

static bool load_signer(struct call *c, struct signing_work *w)
{
    struct cursor rows;
    db_rows(c, &rows, "select full_name, username from users where id = ?", V(call_user(c)));
    if (cursor_next(&rows)) {
        w->name = arena_copy(&c->arena, cursor_text(&rows, 0));
        w->username = arena_copy(&c->arena, cursor_text(&rows, 1));
    }
    return cursor_close(&rows) && (w->name.len || fail(c, E_FORBIDDEN, "only an account signs"));
}

static bool hold_keys(struct call *c, struct signing_work *w)
{
    struct certificate certificate;
    return signing_key_hold(c, call_user(c), w->name, &w->key) &&
           (!c->app->config.report_sm2 ||
            (certificate_read(c, w->key.signer.chain.der[0], &certificate) &&
             signing_key_hold_second(c, call_user(c), certificate.common_name, &w->second)));
}

static json_t *signature_part(const struct signing_work *w)
{
    char when[INSTANT_TEXT_MAX];
    struct str meaning = choice_text(signature_meanings, w->meaning);
    json_t *out = json_object();
    json_object_set_new(out, "signer", json_of_text(w->name));
    json_object_set_new(out, "username", json_of_text(w->username));
    json_object_set_new(out, "meaning", json_of_text(meaning));
    json_object_set_new(out, "signed_at", json_of_text((struct str){ when, instant_write(w->at, when) }));
    return out;
}

/* As they were called then. */
static json_t *people_part(const struct report *report, const struct report_version *version)
{
    json_t *out = json_object();
    json_object_set_new(out, "author", json_of_text(version->author_name));
    if (report->reviewer_name.len)
        json_object_set_new(out, "reviewer", json_of_text(report->reviewer_name));
    return out;
}

static bool put_together(struct call *c, const struct signing_work *w, struct str *canonical)
{
    json_t *whole = json_object();
    json_object_set_new(whole, "format", json_string("roentgen-report-1"));
    bool ok = report_subject_put(whole, "report", report_subject_content(c, w->report, &w->version)) &&
              report_subject_put(whole, "patient", report_subject_patient(c, w->report->study_id)) &&
              report_subject_put(whole, "study", report_subject_study(c, w->report->study_id)) &&
              report_subject_put(whole, "images", report_subject_images(c, w->report->study_id)) &&
              report_subject_put(whole, "annotations", report_subject_annotations(c, &w->version)) &&
              report_subject_put(whole, "people", people_part(w->report, &w->version)) &&
              report_subject_put(whole, "signature", signature_part(w)) && canonical_json(c, whole, canonical);
    json_decref(whole);
    return ok;
}

/* The same bytes again, by SM2; of the name and the meaning that the first signature has. */
static bool sign_again(struct call *c, const struct signing_work *w, struct str canonical,
                       const struct envelope_entry *first, struct envelope_entry *out)
{
    *out = (struct envelope_entry){ .algorithm = ENVELOPE_SM2,
                                    .meaning = first->meaning,
                                    .signer = first->signer,
                                    .chain = w->second.signer.chain,
                                    .time = first->time,
                                    .time_source = TIME_CLAIMED };
    return sm2_sign(c, w->second.signer.key, canonical, &out->signature);
}

/* Signs, and makes the file that can be checked alone. */
static bool seal(struct call *c, struct signing_work *w, struct str canonical, struct str *envelope)
{
    unsigned char digest[SHA256_BYTES];
    struct cms_options options = { .meaning = choice_text(signature_meanings, w->meaning), .signing_time = w->at };
    struct envelope_entry entries[2];
    struct trust trust;
    struct str cms;
    bool twice = w->second.id != 0;
    crypto_sha256(canonical, digest);
    return signer_check(c, &w->key.signer, w->at) && cms_sign(c, &w->key.signer, digest, &options, &cms) &&
           signing_trust(c, &trust) && envelope_entry(c, cms, canonical, &trust, &entries[0]) &&
           (!twice || sign_again(c, w, canonical, &entries[0], &entries[1])) &&
           envelope_write(c, canonical, entries, 1 + twice, trust.lists, trust.list_count, envelope);
}

static bool keep(struct call *c, const struct signing_work *w, struct str envelope)
{
    struct signature_row row;
    schema_clear(&signature_schema, &row);
    row.report_id = w->report->id;
    row.version = w->version.version;
    row.user_id = call_user(c);
    row.key_id = w->key.id;
    row.meaning = w->meaning;
    row.signer_name = w->name;
    row.signed_at = w->at;
    row.envelope = envelope;
    row.token = report_token(c);
    return db_insert(c, &signature_schema, &row, NULL);
}

static bool is_there(struct call *c, const struct report *report)
{
    int64_t one;
    enum found found =
        db_find_integer(c, &one, "select 1 from studies where id = ? and is_deleted = 0", V(report->study_id));
    return found == FOUND || (found == NONE && fail(c, E_CONFLICT, "its study is deleted: restore that first"));
}

/* One signs as what one is to it. */
static bool may_mean(struct call *c, const struct report *report, unsigned meaning)
{
    bool is_author = report->author_id == call_user(c), is_reviewer = report->reviewer_id == call_user(c);
    bool ok = meaning == MEANS_AUTHOR ? is_author : meaning == MEANS_REVIEWER ? is_reviewer && !is_author : !is_author;
    return ok || error_add_problem(&c->error, &c->arena, "body", S("meaning"), "not_so",
                                   "this is not what one is to this report");
}

bool report_put_signature(struct call *c, const struct report *report, unsigned meaning, struct instant *at)
{
    struct signing_work w = { .report = report };
    struct str canonical, envelope;
    w.meaning = meaning ? meaning : report->author_id == call_user(c) ? MEANS_AUTHOR : MEANS_APPROVER;
    bool ok = may_mean(c, report, w.meaning) && is_there(c, report) && load_signer(c, &w) &&
              report_version_load(c, report->id, report->version, &w.version) && hold_keys(c, &w);
    w.at = *at = clock_now(); /* the key is held: it is revoked later, or not at all */
    ok = ok && put_together(c, &w, &canonical) && seal(c, &w, canonical, &envelope) && keep(c, &w, envelope) &&
         report_pdf_put_job(c, report->id, report->version);
    signer_forget(&w.key.signer);
    signer_forget(&w.second.signer);
    return ok;
}

bool report_sign(struct call *c, const struct report_signing *signing, struct report *out)
{
    struct report_deed deed = { .id = signing->id,
                                .action = REPORT_SIGN,
                                .base = signing->base,
                                .meaning = signing->meaning,
                                .late_results = signing->late_results };
    return report_act(c, &deed, out);
}

/* ---- reading what was signed ---- */

static bool find_signature(struct call *c, int64_t id, int64_t version, struct str *envelope, struct instant *at)
{
    struct signature_row row;
    enum found found = version == INTEGER_NULL ? NONE
                                               : db_find(c, &signature_schema, &row,
                                                         "where g.report_id = ? and g.version = ?", V(id), V(version));
    if (found != FOUND)
        return found == NONE && fail(c, E_CONFLICT, "this version of the report is not signed");
    *envelope = row.envelope;
    *at = row.signed_at;
    return true;
}

bool report_signature_load(struct call *c, int64_t id, int64_t version, struct report *report, struct str *envelope,
                           struct instant *at, int64_t *signed_version)
{
    struct report_version shown;
    if (!report_load(c, id, report) || (version > 0 && !report_version_load(c, id, version, &shown)))
        return false;
    *signed_version = version > 0 ? version : report->signed_version;
    return find_signature(c, id, *signed_version, envelope, at);
}

bool report_signature_load_unseen(struct call *c, int64_t id, int64_t version, struct report *report,
                                  struct str *envelope, struct instant *at)
{
    return report_load_unseen(c, id, report) && find_signature(c, id, version, envelope, at);
}

enum found report_signature_find(struct call *c, struct str token, int64_t *report_id, int64_t *version,
                                 struct instant *at)
{
    struct cursor rows;
    db_rows(c, &rows, "select report_id, version, signed_at from report_signatures where token = ?", V(token));
    bool there = cursor_next(&rows);
    if (there) {
        *report_id = cursor_integer(&rows, 0);
        *version = cursor_integer(&rows, 1);
        *at = (struct instant){ cursor_integer(&rows, 2) };
    }
    return !cursor_close(&rows) ? FAILED : there ? FOUND : NONE;
}

bool report_envelope(struct call *c, int64_t id, int64_t version, struct str *out)
{
    struct report report;
    struct instant at;
    int64_t signed_version;
    return report_may_be_given_out(c) && report_signature_load(c, id, version, &report, out, &at, &signed_version);
}
