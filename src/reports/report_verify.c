/* report_verify.c - does a signature hold, and does the record still say what was signed? */
#include "records/patient_number.h"
#include "reports/report_parts.h"
#include "reports/report_sign.h"
#include "reports/report_subject.h"
#include "reports/signing_key.h"
#include "schema/json_read.h"
#include "signing/canonical.h"

static const struct field signature_fields[] = {
    FIELD(struct report_signature, signer, .doc = "Who signed, by the certificate.", .example = "李四"),
    FIELD(struct report_signature, meaning, .flags = NULLABLE, .doc = "As what: AUTHOR, REVIEWER, APPROVER."),
    FIELD(struct report_signature, signed_at, .doc = "When, by this server's clock."),
    FIELD(struct report_signature, stamped_at, .flags = NULLABLE,
          .doc = "By when it was there, as a time stamp authority says; null: none has been asked, or has answered."),
    FIELD(struct report_signature, algorithm, .doc = "How.", .example = "ECDSA P-256, SHA-256 (CAdES)"),
    FIELD(struct report_signature, time_source, .doc = "Whose clock that was: SERVER, TIME_STAMP, CLAIMED."),
    FIELD(struct report_signature, certificate_subject, .doc = "The certificate's owner, as RFC 4514 writes names."),
    FIELD(struct report_signature, certificate_serial, .doc = "The certificate's number, in hexadecimal."),
    FIELD(struct report_signature, certificate_until, .doc = "How long the certificate is good."),
    FIELD(struct report_signature, verdict, .doc = "valid, changed, revoked or unknown signer."),
    FIELD(struct report_signature, words, .flags = NULLABLE, .doc = "Why."),
};
static const struct schema signature_schema =
    SCHEMA("ReportSignature", struct report_signature, signature_fields, .doc = "A signature of a report.");

static const struct field verification_fields[] = {
    FIELD(struct report_verification, report_id, .doc = "The report."),
    FIELD(struct report_verification, version, .doc = "The version that was looked at."),
    FIELD(struct report_verification, valid,
          .doc = "The signature holds, the record says what was signed, and no image is another."),
    FIELD(struct report_verification, verdict, .doc = "Of the signature: valid, changed, revoked or unknown signer."),
    FIELD(struct report_verification, words, .flags = NULLABLE,
          .doc = "Why it is not valid, or what else to know of it."),
    FIELD(struct report_verification, signatures, .of = &signature_schema, .doc = "Who signed, and when."),
    FIELD(struct report_verification, status, .choices = report_statuses, .type = "ReportStatus",
          .doc = "How the report stands: one that was ENTERED_IN_ERROR may be signed validly, and counts for nothing."),
    FIELD(struct report_verification, replaced_by, .flags = NULLABLE,
          .doc = "The version that was signed after this one, and counts in its place."),
    FIELD(struct report_verification, record_matches, .doc = "Does the record say what was signed?"),
    FIELD(struct report_verification, patient_matches,
          .doc = "Is the study still that of the patient it was signed for? Not after it was moved, or its patient "
                 "merged into another."),
    FIELD(struct report_verification, images_signed, .doc = "How many image files were signed along."),
    FIELD(struct report_verification, images_changed, .doc = "Of how many of them another digest is kept now."),
    FIELD(struct report_verification, images_missing,
          .doc = "How many of them are in the study no more: deleted, for instance, or moved."),
};
const struct schema report_verification_schema =
    SCHEMA("ReportVerification", struct report_verification, verification_fields,
           .doc = "Whether a report is what was signed.");

static struct str source_of(const struct cms_signer *signer)
{
    return signer->time_source == TIME_STAMP   ? S("TIME_STAMP")
           : signer->time_source == TIME_KNOWN ? S("SERVER")
                                               : S("CLAIMED");
}

static void tell_signatures(struct call *c, const struct envelope_result *result, struct instant at,
                            struct report_verification *out)
{
    struct report_signature *all =
        arena_alloc(&c->arena, (result->count + 1) * (ptrdiff_t)sizeof(struct report_signature));
    for (int i = 0; i < result->count; i++) {
        const struct envelope_signature *from = &result->signatures[i];
        const struct certificate *certificate = &from->signer.certificate;
        all[i] = (struct report_signature){
            .signer = certificate->common_name,
            .meaning = from->signer.meaning,
            .signed_at = at,
            .stamped_at = from->signer.time_source == TIME_STAMP ? from->signer.time : INSTANT_NULL,
            .algorithm = arena_format(&c->arena, "%.*s, %s", STR_FMT(certificate->key_kind),
                                      from->algorithm == ENVELOPE_SM2 ? "SM3 (SM2)" : "SHA-256 (CAdES)"),
            .time_source = source_of(&from->signer),
            .certificate_subject = certificate->subject,
            .certificate_serial = certificate->serial,
            .certificate_until = certificate->until,
            .verdict = str_from(verdict_name(from->signer.verdict)),
            .words = from->signer.words,
        };
    }
    out->signatures = (struct list){ all, result->count };
}

static struct str text_of(const json_t *object, const char *name)
{
    return json_text(json_object_get(object, name));
}

static bool compare_record(struct call *c, const struct report *report, const json_t *content,
                           struct report_verification *out)
{
    struct report_version version;
    enum found found = db_find(c, &report_version_schema, &version, "where v.report_id = ? and v.version = ?",
                               V(report->id), V(out->version));
    if (found == FOUND)
        found = report_subject_compare(c, report, &version, content);
    out->record_matches = found == FOUND;
    return found != FAILED;
}

/* Somebody else has the number that was signed, whom no merge has made this patient. A number that nobody has any more
 * was put right. */
static bool find_move(struct call *c, const struct report *report, const json_t *then, struct report_verification *out)
{
    int64_t patient, owner;
    bool by_merge;
    if (!db_integer(c, &patient, "select patient_id from studies where id = ?", V(report->study_id)) ||
        !patient_number_find(c, text_of(then, "patient_id"), text_of(then, "issuer_of_patient_id"), &owner, &by_merge))
        return false;
    out->is_moved = owner && owner != patient;
    return true;
}

static bool compare_patient(struct call *c, const struct report *report, const json_t *content,
                            struct report_verification *out)
{
    json_t *now = report_subject_patient(c, report->study_id);
    const json_t *then = json_object_get(content, "patient");
    bool there = now != NULL;
    out->patient_matches = there && str_equal(text_of(then, "patient_id"), text_of(now, "patient_id"));
    json_decref(now);
    return there && find_move(c, report, then, out);
}

/* Both are in order of file_uuid (report_subject_images): one walk for any number. */
static bool compare_images(struct call *c, const struct report *report, const json_t *content,
                           struct report_verification *out)
{
    const json_t *images = json_object_get(content, "images");
    size_t at = 0, count = json_array_size(images);
    struct cursor rows;
    for (db_rows(c, &rows,
                 "select file_uuid, sha256 from image_files where study_id = ? and is_deleted = 0 order by file_uuid",
                 V(report->study_id));
         cursor_next(&rows);) {
        struct str uuid = cursor_text(&rows, 0);
        int order = 1;
        for (; at < count; at++, out->images_missing++)
            if ((order = str_compare(text_of(json_array_get(images, at), "file_uuid"), uuid)) >= 0)
                break;
        if (at < count && order == 0)
            out->images_changed += !str_equal(text_of(json_array_get(images, at++), "sha256"), cursor_text(&rows, 1));
    }
    out->images_signed = (int64_t)count;
    out->images_missing += (int64_t)(count - at);
    return cursor_close(&rows);
}

enum found report_holds(struct call *c, const struct report *report, const struct report_version *version,
                        const json_t *content)
{
    struct report_verification v = { .version = version->version };
    enum found same = report_subject_compare(c, report, version, content);
    if (same != FOUND)
        return same;
    if (!compare_patient(c, report, content, &v) || !compare_images(c, report, content, &v))
        return FAILED;
    return v.is_moved || v.images_changed ? NONE : FOUND;
}

static bool compare(struct call *c, const struct report *report, struct str signed_content,
                    struct report_verification *out)
{
    json_t *content = canonical_read(c, signed_content);
    bool ok = content && compare_record(c, report, content, out) && compare_patient(c, report, content, out) &&
              compare_images(c, report, content, out);
    json_decref(content);
    return ok;
}

/* What a reader has to know beside the verdict; the worst of it. */
static struct str remark(struct call *c, const struct report *report, const struct report_verification *v)
{
    if (!v->record_matches)
        return S("the record no longer says what was signed");
    if (v->images_changed)
        return S("of image files that were signed along another digest is kept now");
    if (v->status == REPORT_ENTERED_IN_ERROR)
        return arena_format(&c->arena, "the report was entered in error: %.*s", STR_FMT(report->status_reason));
    if (v->replaced_by != INTEGER_NULL)
        return arena_format(&c->arena, "version %" PRId64 " has taken its place", v->replaced_by);
    return v->patient_matches ? STR_NULL
                              : S("the study has another patient by now: it was moved, or the two were merged");
}

static void begin(const struct report *report, struct report_verification *out)
{
    out->status = report->status;
    if (report->signed_version > out->version)
        out->replaced_by = report->signed_version;
}

static bool check(struct call *c, const struct report *report, struct str envelope, struct instant at,
                  struct report_verification *out)
{
    struct envelope_result result;
    struct trust trust;
    if (!signing_trust(c, &trust))
        return false;
    begin(report, out);
    trust.known_time = at;
    if (!envelope_check(c, envelope, &trust, &result)) {
        if (c->error.code != E_INVALID)
            return false;
        error_clear(&c->error);
        out->verdict = str_from(verdict_name(VERDICT_CHANGED));
        out->words = S("what was signed cannot be read any more");
        return true;
    }
    tell_signatures(c, &result, at, out);
    out->verdict = str_from(verdict_name(result.verdict));
    out->words = result.words;
    if (!compare(c, report, result.content, out))
        return false;
    out->valid = result.verdict == VERDICT_VALID && out->record_matches && !out->images_changed;
    if (result.verdict == VERDICT_VALID)
        out->words = remark(c, report, out);
    return true;
}

bool report_verify(struct call *c, int64_t id, int64_t version, struct report_verification *out)
{
    struct report report;
    struct str envelope;
    struct instant at;
    *out = (struct report_verification){ .report_id = id, .replaced_by = INTEGER_NULL };
    return report_signature_load(c, id, version, &report, &envelope, &at, &out->version) &&
           check(c, &report, envelope, at, out);
}

bool report_verify_unseen(struct call *c, int64_t id, int64_t version, struct report_verification *out)
{
    struct report report;
    struct str envelope, content;
    struct instant at;
    *out = (struct report_verification){ .report_id = id, .version = version, .replaced_by = INTEGER_NULL };
    enum verdict verdict;
    if (!report_signature_load_unseen(c, id, version, &report, &envelope, &at))
        return false;
    begin(&report, out);
    if (!report_verdict(c, envelope, at, &verdict, &content))
        return false;
    out->verdict = str_from(verdict_name(verdict));
    if (!content.at)
        return true;
    if (!compare(c, &report, content, out))
        return false;
    out->valid = verdict == VERDICT_VALID && out->record_matches && !out->images_changed;
    return true;
}
