/* trust.c - chains of certificates to those who are trusted (RFC 5280 6), and what has been withdrawn of them. */
#include "signing/trust.h"

#include "signing/openssl.h"
#include "signing/revocation_object.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { LEVEL = 2 /* 112 bits: no SHA-1, no RSA below 2048 */ };

/* Purposes under which a certificate that names any may sign documents. */
static const char *const purposes[] = {
    "1.3.6.1.5.5.7.3.36",      /* documents (RFC 9336) */
    "1.3.6.1.5.5.7.3.4",       /* e-mail */
    "2.5.29.37.0",             /* any */
    "1.3.6.1.4.1.311.10.3.12", /* documents, as Microsoft names it */
    "1.2.840.113583.1.1.5",    /* documents, as Adobe names it */
};

X509_STORE *trust_store(struct call *c, const struct str *anchors, int count, struct instant at)
{
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *rules = store ? X509_STORE_get0_param(store) : NULL;
    if (!rules)
        abort();
    struct error before = c->error;
    for (int i = 0; i < count && i < ANCHORS_MAX; i++) {
        X509 *anchor = openssl_certificate(c, anchors[i]);
        if (anchor)
            X509_STORE_add_cert(store, anchor);
        X509_free(anchor);
    }
    c->error = before;
    X509_VERIFY_PARAM_set_time(rules, (time_t)(at.us / 1000000));
    X509_VERIFY_PARAM_set_depth(rules, CHAIN_MAX);
    X509_VERIFY_PARAM_set_auth_level(rules, LEVEL);
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN); /* an anchor need not be a root */
    ERR_clear_error();
    return store;
}

const char *trust_flaw(struct call *c, STACK_OF(X509) * certificates)
{
    int count = sk_X509_num(certificates);
    if (count > CERTIFICATES_MAX)
        return "too many certificates";
    for (int i = 0; i < count; i++) {
        EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(certificates, i));
        if (!key || str_is_null(openssl_key_kind(c, key)))
            return "a certificate in it has a kind of key that is not taken";
    }
    return NULL;
}

bool trust_is_for_documents(X509 *certificate)
{
    EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    bool is_fine = !uses;
    for (int i = 0; uses && i < sk_ASN1_OBJECT_num(uses); i++) {
        char text[80] = "";
        OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(uses, i), 1);
        for (size_t j = 0; j < sizeof(purposes) / sizeof(*purposes); j++)
            is_fine = is_fine || strcmp(text, purposes[j]) == 0;
    }
    sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
    uint32_t usage = X509_get_key_usage(certificate); /* all bits where nothing is said */
    ERR_clear_error();
    return is_fine && (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION));
}

/* ---- revocation ---- */

/* Since when the list keeps certificates that have ended (expiredCertsOnCRL, ITU-T X.509); null: it may leave them out,
 * whether they were revoked or not (RFC 5280 3.3). */
static struct instant keeps_since(const X509_CRL *list)
{
    struct instant since = INSTANT_NULL;
    ASN1_OBJECT *name = OBJ_txt2obj(TRUST_EXPIRED_ON_LIST, 1);
    if (!name)
        abort(); /* memory */
    int index = X509_CRL_get_ext_by_OBJ(list, name, -1);
    ASN1_OBJECT_free(name);
    if (index >= 0) {
        const ASN1_STRING *value = X509_EXTENSION_get_data(X509_CRL_get_ext(list, index));
        const unsigned char *at = ASN1_STRING_get0_data(value);
        ASN1_GENERALIZEDTIME *time = d2i_ASN1_GENERALIZEDTIME(NULL, &at, ASN1_STRING_length(value));
        since = time ? openssl_instant(time) : INSTANT_NULL;
        ASN1_GENERALIZEDTIME_free(time);
    }
    return since;
}

/* Nothing follows from a certificate's absence once it has ended. */
static bool may_list(const X509_CRL *list, const X509 *certificate)
{
    struct instant made = openssl_instant(X509_CRL_get0_lastUpdate(list)), since = keeps_since(list);
    struct instant end = openssl_instant(X509_get0_notAfter(certificate));
    return !instant_is_null(end) && (made.us <= end.us || (!instant_is_null(since) && since.us <= end.us));
}

/* Of a time that anybody may have claimed, only a list of today. */
bool trust_list_is_current(const X509_CRL *list, const struct trust *trust, const struct trust_question *question,
                           const X509 *certificate)
{
    struct instant made = openssl_instant(X509_CRL_get0_lastUpdate(list));
    struct instant next = openssl_instant(X509_CRL_get0_nextUpdate(list));
    struct instant at = question->is_at_sure ? question->at : trust->now;
    return X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) < 0 &&
           X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1) < 0 && !instant_is_null(made) &&
           (made.us >= at.us || (!instant_is_null(next) && at.us <= next.us)) && may_list(list, certificate);
}

bool trust_list_is_of(X509_CRL *list, X509 *issuer)
{
    return (X509_get_key_usage(issuer) & KU_CRL_SIGN) &&
           X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) == 0 &&
           X509_CRL_verify(list, X509_get0_pubkey(issuer)) == 1;
}

/* One list's word about one certificate, whose issuer is known. The worst word of all lists counts. */
static void ask_list(struct call *c, X509_CRL *list, X509 *certificate, X509 *issuer, bool covers,
                     struct trust_answer *out)
{
    X509_REVOKED *row = NULL;
    if (!trust_list_is_of(list, issuer))
        return;
    int found = X509_CRL_get0_by_cert(list, &row, certificate);
    if (out->revocation == REVOCATION_UNKNOWN && covers)
        out->revocation = REVOCATION_NONE;
    if (found != 1)
        return;
    struct instant at = openssl_instant(X509_REVOKED_get0_revocationDate(row));
    if (out->revocation != REVOCATION_REVOKED || instant_is_null(at) || at.us < out->revoked_at.us) {
        out->revocation = REVOCATION_REVOKED;
        out->revoked_at = at;
        out->reason = revocation_reason(c, row);
    }
}

/* `chain` goes from the certificate to the anchor, whom nobody revokes. */
static void ask_lists(struct call *c, const struct trust *trust, const struct trust_question *question,
                      STACK_OF(X509) * chain, struct trust_answer *out)
{
    for (int i = 0; i < trust->list_count; i++) {
        X509_CRL *list = revocation_object(trust->lists[i]);
        for (int j = 0; list && j + 1 < sk_X509_num(chain); j++)
            ask_list(c, list, sk_X509_value(chain, j), sk_X509_value(chain, j + 1),
                     trust_list_is_current(list, trust, question, sk_X509_value(chain, j)), out);
        X509_CRL_free(list);
    }
    ERR_clear_error();
}

/* ---- the question ---- */

static const char *why_not(int code)
{
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "its certificate, or one above it, had expired by then";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "its certificate, or one above it, was not valid yet";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "no trusted authority has issued its certificate";
    default:
        return X509_verify_cert_error_string(code);
    }
}

void trust_ask(struct call *c, const struct trust *trust, enum trust_use use, const struct trust_question *question,
               struct trust_answer *out)
{
    const struct str *anchors = use == TRUST_TIME ? trust->time_anchors : trust->anchors;
    int count = use == TRUST_TIME ? trust->time_anchor_count : trust->anchor_count;
    X509_STORE *store = trust_store(c, anchors, count, question->at);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    *out = (struct trust_answer){ .revoked_at = INSTANT_NULL };
    if (!context || !X509_STORE_CTX_init(context, store, question->certificate, question->others))
        abort();
    if (use == TRUST_TIME)
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_TIMESTAMP_SIGN);
    if (X509_verify_cert(context) != 1)
        out->why = why_not(X509_STORE_CTX_get_error(context));
    else if (use == TRUST_SIGNER && !trust_is_for_documents(question->certificate))
        out->why = "its certificate is not for signing documents";
    else
        out->is_trusted = true;
    if (out->is_trusted && question->chain)
        *question->chain = X509_STORE_CTX_get1_chain(context);
    if (out->is_trusted) {
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
        out->anchor = openssl_certificate_der(c, sk_X509_value(chain, sk_X509_num(chain) - 1));
        ask_lists(c, trust, question, chain, out);
    }
    /* Of something revoked only what is surely older counts. */
    if (out->revocation == REVOCATION_REVOKED && question->is_at_sure && !instant_is_null(out->revoked_at) &&
        question->at.us < out->revoked_at.us)
        out->revocation = REVOCATION_NONE;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
}

/* A key that is no longer used leaves old time stamps as they are; one that others may have makes any (RFC 3161 4). */
bool trust_is_withdrawn(enum trust_use use, const struct trust_answer *answer)
{
    return answer->revocation == REVOCATION_REVOKED ||
           (use == TRUST_TIME && !instant_is_null(answer->revoked_at) &&
            (str_is_null(answer->reason) || str_ends(answer->reason, S("Compromise"))));
}

static bool judge(struct call *c, const struct trust *trust, STACK_OF(X509) * others, struct str *anchor)
{
    struct trust_answer answer;
    const char *flaw = trust_flaw(c, others);
    if (flaw)
        return fail(c, E_INVALID, "%s", flaw);
    trust_ask(c, trust, TRUST_SIGNER, &(struct trust_question){ sk_X509_value(others, 0), others, trust->now, true },
              &answer);
    if (!answer.is_trusted)
        return fail(c, E_INVALID, "%s", answer.why);
    if (anchor)
        *anchor = answer.anchor;
    return answer.revocation != REVOCATION_REVOKED || fail(c, E_INVALID, "its certificate is revoked");
}

bool signer_trusted(struct call *c, const struct chain *chain, const struct trust *trust, struct str *anchor)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    bool ok = chain->count > 0 || fail(c, E_INVALID, "there is no certificate of the key");
    for (int i = 0; ok && i < chain->count; i++) {
        X509 *one = openssl_certificate(c, chain->der[i]);
        ok = one != NULL;
        if (ok && !sk_X509_push(all, one))
            abort();
    }
    ok = ok && judge(c, trust, all, anchor);
    openssl_stack_free(all);
    return ok;
}
