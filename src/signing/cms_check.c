/* cms_check.c - is a signature over these bytes, by whom, when, and does it still count? */
#include "signing/cms_object.h"
#include "signing/openssl.h"
#include "signing/timestamp.h"
#include "signing/trust.h"

#include <openssl/err.h>
#include <openssl/ess.h>

struct check {
    struct call *c;
    const struct str *pieces;
    int piece_count;
    const struct trust *trust;
    STACK_OF(X509) * certificates;
    const ASN1_OBJECT *content_type;
};

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = { [VERDICT_CHANGED] = "changed",
                                         [VERDICT_UNKNOWN_SIGNER] = "unknown signer",
                                         [VERDICT_REVOKED] = "revoked",
                                         [VERDICT_VALID] = "valid" };
    return names[verdict];
}

/* ---- the bytes and the signature ---- */

static const EVP_MD *digest_of(CMS_SignerInfo *info)
{
    X509_ALGOR *algorithm;
    const ASN1_OBJECT *name;
    CMS_SignerInfo_get0_algs(info, NULL, NULL, &algorithm, NULL);
    X509_ALGOR_get0(&name, NULL, NULL, algorithm);
    int nid = OBJ_obj2nid(name);
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512 ? EVP_get_digestbynid(nid) : NULL;
}

static void digest(const struct check *k, const EVP_MD *method, unsigned char out[EVP_MAX_MD_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || !EVP_DigestInit_ex(context, method, NULL))
        abort();
    for (int i = 0; i < k->piece_count; i++)
        EVP_DigestUpdate(context, k->pieces[i].at, (size_t)k->pieces[i].len);
    if (!EVP_DigestFinal_ex(context, out, NULL))
        abort();
    EVP_MD_CTX_free(context);
}

static bool has_digest(const struct check *k, CMS_SignerInfo *info, const EVP_MD *method)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    const ASN1_STRING *said =
        CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
    digest(k, method, bytes);
    return said && ASN1_STRING_length(said) == EVP_MD_get_size(method) &&
           memcmp(ASN1_STRING_get0_data(said), bytes, (size_t)ASN1_STRING_length(said)) == 0;
}

/* Does the signature name this certificate (ESS signing-certificate-v2, RFC 5035)? Else another one of the same key
 * could be put in its place. */
static bool names_certificate(CMS_SignerInfo *info, X509 *certificate)
{
    const ASN1_STRING *der =
        CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_id_smime_aa_signingCertificateV2), -3, V_ASN1_SEQUENCE);
    const unsigned char *at = der ? ASN1_STRING_get0_data(der) : NULL;
    ESS_SIGNING_CERT_V2 *named = der ? d2i_ESS_SIGNING_CERT_V2(NULL, &at, ASN1_STRING_length(der)) : NULL;
    STACK_OF(X509) *alone = sk_X509_new_null();
    if (!alone || !sk_X509_push(alone, certificate))
        abort();
    bool done = named && OSSL_ESS_check_signing_certs(NULL, named, alone, 1) == 1;
    sk_X509_free(alone);
    ESS_SIGNING_CERT_V2_free(named);
    ERR_clear_error();
    return done;
}

static bool has_content_type(const struct check *k, CMS_SignerInfo *info)
{
    const ASN1_OBJECT *said = CMS_signed_get0_data_by_OBJ(info, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
    return said && OBJ_cmp(said, k->content_type) == 0;
}

static X509 *find_certificate(const struct check *k, CMS_SignerInfo *info)
{
    for (int i = 0; i < sk_X509_num(k->certificates); i++) {
        if (CMS_SignerInfo_cert_cmp(info, sk_X509_value(k->certificates, i)) == 0)
            return sk_X509_value(k->certificates, i);
    }
    return NULL;
}

/* NULL, or what is wrong. */
static const char *check_signature(const struct check *k, CMS_SignerInfo *info, X509 *certificate,
                                   struct cms_signer *out)
{
    const EVP_MD *method = digest_of(info);
    if (!method)
        return "the digest is none of SHA-256, SHA-384 and SHA-512";
    if (CMS_signed_get_attr_count(info) < 0 || !has_content_type(k, info))
        return "what is signed is not said as CAdES does";
    out->digest_matches = has_digest(k, info, method);
    CMS_SignerInfo_set1_signer_cert(info, certificate);
    out->signature_matches = CMS_SignerInfo_verify(info) == 1 && names_certificate(info, certificate);
    ERR_clear_error();
    if (!out->digest_matches)
        return "what was signed has been changed";
    return out->signature_matches ? NULL : "the signature is not of this certificate's key, or has been changed";
}

/* ---- the time ---- */

static bool check_token(const struct check *k, CMS_SignerInfo *info, const ASN1_TYPE *value, struct cms_signer *out)
{
    struct call *c = k->c;
    struct timestamp stamp;
    struct error before = c->error;
    if (!value || value->type != V_ASN1_SEQUENCE)
        return false;
    error_clear(&c->error);
    struct str signature = openssl_bytes(CMS_SignerInfo_get0_signature(info));
    bool done = timestamp_check(c, openssl_bytes(value->value.sequence), &signature, 1, k->trust, &stamp);
    if (done) {
        out->time = stamp.at;
        out->time_source = TIME_STAMP;
        out->time_authority = stamp.authority;
    } else {
        out->time_words = arena_format(&c->arena, "%s", c->error.message);
    }
    c->error = before;
    return done;
}

static bool find_stamp(const struct check *k, CMS_SignerInfo *info, struct cms_signer *out)
{
    enum { STAMPS_MAX = 4 };
    int index = -1, tried = 0;
    while ((index = CMS_unsigned_get_attr_by_NID(info, NID_id_smime_aa_timeStampToken, index)) >= 0) {
        X509_ATTRIBUTE *attribute = CMS_unsigned_get_attr(info, index);
        for (int i = 0; i < X509_ATTRIBUTE_count(attribute) && tried++ < STAMPS_MAX; i++) {
            if (check_token(k, info, X509_ATTRIBUTE_get0_type(attribute, i), out)) {
                out->time_words = STR_NULL;
                return true;
            }
        }
    }
    return false;
}

static void find_time(const struct check *k, CMS_SignerInfo *info, struct cms_signer *out)
{
    if (find_stamp(k, info, out))
        return;
    int index = CMS_signed_get_attr_by_NID(info, NID_pkcs9_signingTime, -1);
    ASN1_TYPE *claim = index < 0 ? NULL : X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(info, index), 0);
    struct instant claimed = INSTANT_NULL;
    if (claim && (claim->type == V_ASN1_UTCTIME || claim->type == V_ASN1_GENERALIZEDTIME))
        claimed = openssl_instant(claim->value.asn1_string);
    if (!claim && k->trust->claimed_time.us > 0)
        claimed = k->trust->claimed_time;
    if (!instant_is_null(claimed) && claimed.us > k->trust->now.us + INT64_C(86400) * 1000000)
        claimed = INSTANT_NULL; /* nobody has signed tomorrow: judged as of now */
    bool is_known = !instant_is_null(k->trust->known_time), is_claimed = !instant_is_null(claimed);
    out->time_source = is_known ? TIME_KNOWN : is_claimed ? TIME_CLAIMED : TIME_NOW;
    out->time = is_known ? k->trust->known_time : is_claimed ? claimed : k->trust->now;
}

/* ---- the verdict ---- */

static struct str time_words(struct call *c, const struct cms_signer *s)
{
    struct str at = instant_format(s->time, &c->arena);
    switch (s->time_source) {
    case TIME_STAMP:
        return arena_format(&c->arena, "at %.*s by the time stamp of %.*s", STR_FMT(at), STR_FMT(s->time_authority));
    case TIME_KNOWN:
        return arena_format(&c->arena, "at %.*s by the records of this server", STR_FMT(at));
    case TIME_CLAIMED:
        return arena_format(&c->arena, "at %.*s by the signer's own clock", STR_FMT(at));
    default:
        return S("at a time that is not said");
    }
}

void cms_judge(struct call *c, const struct trust *trust, X509 *certificate, STACK_OF(X509) * others,
               struct cms_signer *out)
{
    struct trust_answer answer;
    struct instant at = out->time;
    bool is_sure = out->time_source == TIME_STAMP || out->time_source == TIME_KNOWN;
    if (is_sure && !instant_is_null(trust->known_time) && trust->known_time.us < at.us)
        at = trust->known_time; /* a stamp that came late takes nothing away */
    trust_ask(c, trust, TRUST_SIGNER, &(struct trust_question){ certificate, others, at, is_sure, NULL }, &answer);
    out->is_trusted = answer.is_trusted;
    out->revocation = answer.revocation;
    out->revoked_at = answer.revoked_at;
    out->revocation_reason = answer.reason;
    struct str who = out->certificate.common_name, when = time_words(c, out);
    if (!answer.is_trusted) {
        out->verdict = VERDICT_UNKNOWN_SIGNER;
        out->words = arena_format(&c->arena, "unknown signer %.*s: %s", STR_FMT(who), answer.why);
    } else if (answer.revocation == REVOCATION_REVOKED) {
        out->verdict = VERDICT_REVOKED;
        out->words =
            arena_format(&c->arena, "the certificate of %.*s was revoked on %.*s, and the signature was made %.*s",
                         STR_FMT(who), STR_FMT(instant_format(answer.revoked_at, &c->arena)), STR_FMT(when));
    } else {
        out->verdict = VERDICT_VALID;
        out->words =
            arena_format(&c->arena, "unchanged, signed by %.*s %.*s%s", STR_FMT(who), STR_FMT(when),
                         answer.revocation == REVOCATION_UNKNOWN ? "; whether it was revoked is not known" : "");
    }
}

static void check_signer(const struct check *k, CMS_SignerInfo *info, struct cms_signer *out)
{
    X509 *certificate = find_certificate(k, info);
    *out = (struct cms_signer){ .verdict = VERDICT_UNKNOWN_SIGNER,
                                .time_source = TIME_NOW,
                                .time = k->trust->now,
                                .revoked_at = INSTANT_NULL,
                                .words = S("unknown signer: the signature does not bring its certificate") };
    if (!certificate)
        return;
    openssl_describe(k->c, certificate, &out->certificate);
    const char *wrong = check_signature(k, info, certificate, out);
    if (wrong) {
        out->verdict = VERDICT_CHANGED;
        out->words = str_from(wrong);
        return;
    }
    out->meaning = cms_meaning_read(k->c, info);
    find_time(k, info, out);
    cms_judge(k->c, k->trust, certificate, k->certificates, out);
}

bool cms_check(struct call *c, struct str cms, const struct str *pieces, int piece_count, const struct trust *trust,
               struct cms_result *out)
{
    CMS_ContentInfo *read = cms_object_read(c, cms);
    if (!read)
        return false;
    struct check k = { c, pieces, piece_count, trust, CMS_get1_certs(read), CMS_get0_eContentType(read) };
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(read);
    const char *flaw = trust_flaw(c, k.certificates);
    if (!flaw) {
        out->verdict = VERDICT_VALID;
        out->count = sk_CMS_SignerInfo_num(signers);
        for (int i = 0; i < out->count; i++) {
            check_signer(&k, sk_CMS_SignerInfo_value(signers, i), &out->signers[i]);
            if (out->signers[i].verdict < out->verdict)
                out->verdict = out->signers[i].verdict;
        }
    } else {
        fail(c, E_INVALID, "the signature cannot be checked: %s", flaw);
    }
    openssl_stack_free(k.certificates);
    CMS_ContentInfo_free(read);
    ERR_clear_error();
    return !flaw;
}
