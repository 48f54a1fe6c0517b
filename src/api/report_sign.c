/* report_sign.c - reports signed, checked and given out; the keys they are signed with. */
#include "people/session.h"
#include "reports/report_sign.h"
#include "reports/signing_key.h"
#include "web/exchange.h"
#include "web/listing.h"

/* ---- signing ---- */

enum { LATE_RESULTS_MAX = 1000 }; /* named at once */

struct sign_wish {
    struct report_signing signing;
    struct str password;
};
static const struct field sign_fields[] = {
    FIELD_AS(struct sign_wish, "id", signing.id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "The report."),
    FIELD_AS(struct sign_wish, "version", signing.base, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
             .doc = "The version that was looked at; 412 when it is no longer the current one."),
    FIELD_AS(struct sign_wish, "meaning", signing.meaning, .choices = signature_meanings, .type = "SignatureMeaning",
             .flags = NULLABLE, .doc = "As what one signs: of one's own report AUTHOR, of another's APPROVER."),
    FIELD_AS(struct sign_wish, "late_results", signing.late_results, .flags = NULLABLE, .max = LATE_RESULTS_MAX,
             .doc = "Late results that came while this version was written (`while_writing`), and that it answers. "
                    "Those that were open when it was begun are answered anyway."),
    FIELD(struct sign_wish, password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 1000,
          .doc = "One's password, once more: what is signed cannot be unsigned."),
};
static const struct schema sign_schema = SCHEMA("ReportSigning", struct sign_wish, sign_fields);

static bool sign_confirm(struct call *c)
{
    return password_confirmed(c, call_user(c), ((const struct sign_wish *)c->in)->password, "password");
}

static bool sign_post(struct call *c)
{
    return report_sign(c, &((const struct sign_wish *)c->in)->signing, c->out);
}

/* ---- checking ---- */

struct signed_key {
    int64_t id, version;
};
static const struct field signed_key_fields[] = {
    KEY(struct signed_key, id, "The report."),
    FIELD(struct signed_key, version, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Which of its versions; the last that was signed."),
};
static const struct schema signed_key = SCHEMA("SignedReportKey", struct signed_key, signed_key_fields);

static int64_t version_of(const struct signed_key *in)
{
    return in->version == INTEGER_NULL ? 0 : in->version;
}

static bool verify_get(struct call *c)
{
    const struct signed_key *in = c->in;
    return report_verify(c, in->id, version_of(in), c->out);
}

static bool envelope_get(struct call *c)
{
    const struct signed_key *in = c->in;
    struct str text;
    if (!report_envelope(c, in->id, version_of(in), &text))
        return false;
    answer_header(c, "Content-Disposition",
                  arena_format(&c->arena, "attachment; filename=\"report-%" PRId64 ".json\"", in->id));
    answer_header(c, "Cache-Control", S("private, no-cache"));
    answer_bytes(c, "application/json", text);
    return true;
}

/* ---- keys ---- */

struct key_list {
    struct list_query list;
    int64_t user_id;
};
#define KEY_SORTS(X) X("id", "k.id")
LIST_ORDER(signing_key_order, KEY_SORTS);
static const struct field key_list_fields[] = {
    LIST_FIELDS(struct key_list, signing_key_order, "-id"),
    FIELD(struct key_list, user_id, .min = 1, .max = INT64_MAX, .filter = "k.user_id = ?",
          .doc = "Only this account's."),
};
static const struct schema key_list = SCHEMA("SigningKeyList", struct key_list, key_list_fields);
static const struct listing key_listing = { .row = &signing_key_schema, .id = "k.id", .order = &signing_key_order };

static bool key_list_get(struct call *c)
{
    struct condition own = { "k.user_id = ?", V(call_user(c)) };
    return list_answer(c, &key_listing,
                       (struct list_among){ .conditions = &own, .condition_count = !call_may(c, MAY_MANAGE_USERS) });
}

/* RFC 5280 5.3.1, those that people can mean. */
static const char *const revocation_reasons[] = { "superseded", "keyCompromise", "affiliationChanged",
                                                  "cessationOfOperation", NULL };
struct revocation_wish {
    int64_t user_id;
    unsigned reason;
};
static const struct field revocation_fields[] = {
    FIELD(struct revocation_wish, user_id, .flags = NULLABLE, .min = 1, .max = INT64_MAX,
          .doc = "Whose key; null: one's own. Of others, who manages accounts."),
    FIELD(struct revocation_wish, reason, .flags = REQUIRED, .choices = revocation_reasons, .type = "RevocationReason",
          .doc = "Why."),
};
static const struct schema revocation_schema =
    SCHEMA("SigningKeyRevocation", struct revocation_wish, revocation_fields);

static bool revoke_post(struct call *c)
{
    const struct revocation_wish *in = c->in;
    int64_t user_id = in->user_id == INTEGER_NULL ? call_user(c) : in->user_id;
    if (user_id != call_user(c) && !call_may(c, MAY_MANAGE_USERS))
        return fail(c, E_FORBIDDEN, "this is somebody else's key");
    audit_about(c, user_id, 0);
    return signing_keys_revoke(c, user_id, choice_text(revocation_reasons, in->reason));
}

/* ---- brought ---- */

struct bring_wish {
    struct str pkcs12, pkcs12_password, password;
};
static const struct field bring_fields[] = {
    FIELD(struct bring_wish, pkcs12, .flags = REQUIRED, .min = 1, .max = 4 * ((PKCS12_BYTES_MAX + 2) / 3),
          .doc = "The file (.p12, .pfx) in base64, with the key, its certificate and those above that."),
    FIELD(struct bring_wish, pkcs12_password, .flags = SECRET | KEEP_SPACES, .max = 512,
          .doc = "The file's own password; it is not kept."),
    FIELD(struct bring_wish, password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 1000,
          .doc = "One's password here, once more."),
};
static const struct schema bring_schema = SCHEMA("SigningKeyFile", struct bring_wish, bring_fields);

static bool own_key_put(struct call *c)
{
    const struct bring_wish *in = c->in;
    struct signing_key_file file = { .password = in->pkcs12_password };
    if (!password_confirmed(c, call_user(c), in->password, "password"))
        return false;
    audit_about(c, call_user(c), 0);
    if (!crypto_unbase64(in->pkcs12, &c->arena, &file.pkcs12))
        return error_add_problem(&c->error, &c->arena, "body", S("pkcs12"), "not_base64", "is not base64");
    return signing_key_bring(c, &file, c->out);
}

struct token_wish {
    struct signing_key_on_token named;
    struct str password;
};
static const struct field token_fields[] = {
    FIELD_AS(struct token_wish, "user_id", named.user_id, .flags = REQUIRED, .min = 1, .max = INT64_MAX,
             .doc = "Whose key it is."),
    FIELD_AS(struct token_wish, "uri", named.uri, .flags = REQUIRED, .min = 1, .max = 512,
             .doc = "The private key on the token (RFC 7512), by object, id and type.",
             .example = "pkcs11:object=li;id=%01"),
    FIELD_AS(struct token_wish, "certificates", named.certificates, .flags = REQUIRED | KEEP_SPACES, .min = 1,
             .max = 64 << 10, .doc = "The key's certificate, and behind it those above that, PEM."),
    FIELD(struct token_wish, password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 1, .max = 1000,
          .doc = "One's own password, once more."),
};
static const struct schema token_schema = SCHEMA("SigningKeyOnToken", struct token_wish, token_fields);

static bool token_put(struct call *c)
{
    const struct token_wish *in = c->in;
    if (!password_confirmed(c, call_user(c), in->password, "password"))
        return false;
    audit_about(c, in->named.user_id, 0);
    return signing_key_assign(c, &in->named, c->out);
}

static bool authority_get(struct call *c)
{
    struct str der;
    if (!signing_authority(c, &der))
        return false;
    answer_bytes(c, "application/x-pem-file", certificate_pem(c, der));
    return true;
}

static bool revocations_get(struct call *c)
{
    struct str der;
    if (!signing_revocations(c, &der))
        return false;
    answer_bytes(c, "application/pkix-crl", der);
    return true;
}

#define REPORTS .permission = MAY_READ_REPORTS, .entity = "report", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/reports/{id}/sign", sign_post, &sign_schema, &report_schema, REPORTS, .runs = WRITES,
      .flags = PERSON, .body = BODY_JSON, .lane = LANE_SIGN_IN, .first = sign_confirm, .audit = "report.sign",
      .summary = "Signs an approved report",
      .doc = "With the password once more; wrong ones count as failed sign-ins do. What is signed is the report, whom "
             "and what it is about, and the SHA-256 of the study's images. From then on it never changes: it is "
             "amended, or words are added. An account's key is made with its first signature." },
    { HTTP_GET, "/api/v1/reports/{id}/verify", verify_get, &signed_key, &report_verification_schema, REPORTS,
      .runs = WORKS, .audit = "report.verify", .summary = "Says whether a report is what was signed" },
    { HTTP_GET, "/api/v1/reports/{id}/envelope", envelope_get, &signed_key, NULL, REPORTS, .flags = NOT_JSON,
      .answers = "application/json", .audit = "report.envelope",
      .summary = "Gives out what was signed, with its signature",
      .doc = "`roentgen report verify FILE --authority CERTIFICATE` checks it with nothing else at hand." },
    { HTTP_GET, "/api/v1/reports/authority", authority_get, NULL, NULL, REPORTS, .runs = WORKS, .flags = NOT_JSON,
      .answers = "application/x-pem-file", .summary = "Gives out the certificate that vouches for the signers' keys",
      .doc = "Keep a copy elsewhere: it is what a signature is checked by." },
    { HTTP_GET, "/api/v1/reports/authority/revocations", revocations_get, NULL, NULL, REPORTS, .runs = WORKS,
      .flags = NOT_JSON, .answers = "application/pkix-crl", .summary = "Gives out which keys are revoked (RFC 5280)" },
    { HTTP_GET, "/api/v1/reports/signing-keys", key_list_get, &key_list, &signing_key_schema,
      .permission = MAY_READ_REPORTS, .tag = "reports", .flags = LIST,
      .summary = "Lists one's keys; to who manages accounts, everybody's" },
    { HTTP_PUT, "/api/v1/reports/signing-keys/own", own_key_put, &bring_schema, &signing_key_schema,
      .permission = MAY_SIGN_REPORTS, .entity = "user", .tag = "reports", .runs = WORKS, .body = BODY_JSON,
      .body_max = 2 * PKCS12_BYTES_MAX, .lane = LANE_SIGN_IN, .audit = "signing_key.bring",
      .summary = "Brings the key and the certificate that one signs with",
      .doc = "A PKCS#12 file of an authority that SIGNING_CERTIFICATES accepts: EC on P-256 or P-384, or RSA from 2048 "
             "bits on, valid now, and for signing documents. From then on one signs with it, until one brings another "
             "or revokes it. With the password once more; wrong ones count as failed sign-ins do." },
    { HTTP_PUT, "/api/v1/reports/signing-keys/token", token_put, &token_schema, &signing_key_schema,
      .permission = MAY_MANAGE_USERS, .entity = "user", .tag = "reports", .runs = WORKS, .body = BODY_JSON,
      .lane = LANE_SIGN_IN, .audit = "signing_key.assign",
      .summary = "Says which key on the token an account signs with",
      .doc =
          "The token is that of SIGNING_TOKEN, the certificate of an authority that SIGNING_CERTIFICATES accepts, of "
          "the same kinds as one that is brought. From then on the account signs with it, until another takes its "
          "place or it is revoked. With one's own password once more; wrong ones count as failed sign-ins do." },
    { HTTP_POST, "/api/v1/reports/signing-keys/revoke", revoke_post, &revocation_schema, NULL,
      .permission = MAY_READ_REPORTS, .entity = "user", .tag = "reports", .runs = WRITES, .flags = PERSON,
      .body = BODY_JSON, .audit = "signing_key.revoke", .summary = "Revokes the key that an account signs with",
      .doc = "What it has signed stays valid; the next signature makes another." },
};
ENDPOINT_TABLE(report_sign_endpoints, rows);
