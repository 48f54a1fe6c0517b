/* signer.c - the installation's own authority, and certificates that it issues (RFC 5280). */
#include "signing/signer.h"

#include "base/crypto.h"
#include "signing/openssl.h"
#include "signing/private_key.h"
#include "signing/token_key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { YEAR_S = 31557600, SERIAL_BYTES = 16 };

/* What a certificate is to say. */
struct plan {
    struct str organisation, common_name;
    X509 *issuer; /* NULL: it is its own */
    EVP_PKEY *issuer_key, *key;
    struct instant from, until;
};

struct extension {
    int nid;
    const char *value;
};

static const struct extension of_authority[] = {
    { NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
    { NID_key_usage, "critical,keyCertSign,cRLSign" },
    { NID_subject_key_identifier, "hash" },
    { 0 },
};

/* RFC 9336 has the key purpose for documents; programs of before know that for e-mail. */
static const struct extension of_signer[] = {
    { NID_basic_constraints, "critical,CA:FALSE" },
    { NID_key_usage, "critical,digitalSignature,nonRepudiation" },
    { NID_ext_key_usage, "1.3.6.1.5.5.7.3.36,emailProtection" },
    { NID_subject_key_identifier, "hash" },
    { NID_authority_key_identifier, "keyid:always" },
    { 0 },
};

/* ---- names ---- */

static bool check_name(struct call *c, const char *whose, struct str name, struct str *out)
{
    struct str rest = name = str_trim(name);
    if (!str_is_utf8(name) || str_is_empty(name))
        return fail(c, E_INVALID, "%s is empty or not valid UTF-8", whose);
    for (int i = 0; i < SIGNER_NAME_MAX && rest.len > 0; i++) {
        uint32_t point = str_next_code_point(&rest);
        if (point < 0x20 || (point >= 0x7F && point < 0xA0))
            return fail(c, E_INVALID, "%s holds a control character", whose);
    }
    *out = str_slice(name, 0, name.len - rest.len);
    return true;
}

static bool add_name(X509_NAME *name, int nid, struct str text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text.at, (int)text.len, -1, 0);
}

static struct str organisation_of(struct call *c, X509 *certificate)
{
    unsigned char *at = NULL;
    const X509_NAME *name = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
    int len = index < 0 ? -1 : ASN1_STRING_to_UTF8(&at, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
    return len < 0 ? STR_NULL : openssl_take(c, at, len);
}

/* ---- certificates ---- */

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES]; /* of chance: nobody has to count, and none comes twice */
    crypto_random(bytes, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x7F) | 0x40); /* positive, and always as long */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return done;
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct extension *extensions)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    for (const struct extension *e = extensions; e->nid; e++) {
        X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, e->nid, e->value);
        bool done = made && X509_add_ext(certificate, made, -1);
        X509_EXTENSION_free(made);
        if (!done)
            return false;
    }
    return true;
}

static bool fill_certificate(X509 *certificate, const struct plan *plan)
{
    X509 *issuer = plan->issuer ? plan->issuer : certificate;
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
           (str_is_null(plan->organisation) || add_name(name, NID_organizationName, plan->organisation)) &&
           add_name(name, NID_commonName, plan->common_name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) &&
           openssl_set_time(X509_getm_notBefore(certificate), plan->from) &&
           openssl_set_time(X509_getm_notAfter(certificate), plan->until) && X509_set_pubkey(certificate, plan->key) &&
           add_extensions(certificate, issuer, plan->issuer ? of_signer : of_authority) &&
           X509_sign(certificate, plan->issuer_key, EVP_sha256()) > 0;
}

static bool make_certificate(struct call *c, const struct plan *plan, struct str *out)
{
    X509 *certificate = X509_new();
    bool done = certificate && fill_certificate(certificate, plan);
    if (done)
        *out = openssl_certificate_der(c, certificate);
    else
        openssl_fail(c, E_INTERNAL, "the certificate could not be made");
    X509_free(certificate);
    return done;
}

/* ---- the authority, and those whom it vouches for ---- */

static EVP_PKEY *new_key(struct call *c)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        openssl_fail(c, E_INTERNAL, "no key could be made");
    return key;
}

bool authority_make(struct call *c, struct str hospital, struct instant now, struct signer *out)
{
    struct plan plan = { .common_name = S("Signing authority"), .from = now };
    struct signer made = { .chain.count = 1 };
    if (!check_name(c, "the hospital's name", hospital, &plan.organisation) || !(plan.key = new_key(c)))
        return false;
    plan.issuer_key = plan.key;
    plan.until = (struct instant){ now.us + (int64_t)AUTHORITY_YEARS * YEAR_S * 1000000 };
    bool done = make_certificate(c, &plan, &made.chain.der[0]);
    if (done)
        made.key = openssl_private_der(c, plan.key);
    EVP_PKEY_free(plan.key);
    if (done)
        *out = made;
    return done;
}

static bool issue(struct call *c, const struct signer *authority, struct plan *plan, struct instant now,
                  struct chain *out)
{
    struct chain made = { .der[1] = authority->chain.der[0], .count = 2 };
    if (!signer_check(c, authority, now) || !(plan->issuer = openssl_certificate(c, authority->chain.der[0])))
        return false;
    struct instant last = openssl_instant(X509_get0_notAfter(plan->issuer));
    plan->organisation = organisation_of(c, plan->issuer);
    plan->from = now;
    plan->until = (struct instant){ now.us + (int64_t)SIGNER_YEARS * YEAR_S * 1000000 };
    if (plan->until.us > last.us)
        plan->until = last;
    token_lock(authority->token);
    plan->issuer_key = signer_private_key(c, authority);
    bool done = plan->issuer_key && make_certificate(c, plan, &made.der[0]);
    EVP_PKEY_free(plan->issuer_key);
    token_unlock(authority->token);
    X509_free(plan->issuer);
    if (done)
        *out = made;
    return done;
}

bool signer_make(struct call *c, const struct signer *authority, struct str name, struct instant now,
                 struct signer *out)
{
    struct plan plan = { .from = now };
    struct signer made = { .key = STR_NULL };
    if (!check_name(c, "the signer's name", name, &plan.common_name) || !(plan.key = new_key(c)))
        return false;
    bool done = issue(c, authority, &plan, now, &made.chain);
    if (done)
        made.key = openssl_private_der(c, plan.key);
    EVP_PKEY_free(plan.key);
    if (done)
        *out = made;
    return done;
}

bool signer_certify(struct call *c, const struct signer *authority, struct str name, struct str public_key,
                    struct instant now, struct chain *out)
{
    enum { PUBLIC_DER_MAX = 4096 };
    struct plan plan = { .from = now };
    const unsigned char *at = (const unsigned char *)public_key.at;
    if (!check_name(c, "the signer's name", name, &plan.common_name))
        return false;
    if (public_key.len > 0 && public_key.len <= PUBLIC_DER_MAX)
        plan.key = d2i_PUBKEY(NULL, &at, (long)public_key.len);
    if (!plan.key)
        return openssl_fail(c, E_INVALID, "the public key cannot be read");
    bool done = str_is_null(openssl_key_kind(c, plan.key))
                    ? fail(c, E_INVALID, "the public key is of a kind that is not taken")
                    : issue(c, authority, &plan, now, out);
    EVP_PKEY_free(plan.key);
    return done;
}

/* ---- use ---- */

static struct str day_text(struct call *c, struct instant t)
{
    return str_slice(instant_format(t, &c->arena), 0, DATE_TEXT_MAX - 1);
}

static bool check_key(struct call *c, const struct signer *signer, X509 *certificate)
{
    token_lock(signer->token);
    EVP_PKEY *key = signer_private_key(c, signer);
    bool matches = key && X509_check_private_key(certificate, key) == 1;
    EVP_PKEY_free(key);
    token_unlock(signer->token);
    ERR_clear_error();
    return matches || fail(c, E_INVALID, "the key does not belong to the certificate");
}

static X509 *own_certificate(struct call *c, const struct signer *signer)
{
    if (signer->chain.count > 0)
        return openssl_certificate(c, signer->chain.der[0]);
    fail(c, E_INVALID, "there is no certificate of the key");
    return NULL;
}

bool signer_check_key(struct call *c, const struct signer *signer)
{
    X509 *certificate = own_certificate(c, signer);
    bool done = certificate && check_key(c, signer, certificate);
    X509_free(certificate);
    return done;
}

static bool check_time(struct call *c, X509 *certificate, struct instant now)
{
    struct instant from = openssl_instant(X509_get0_notBefore(certificate));
    struct instant until = openssl_instant(X509_get0_notAfter(certificate));
    if (!instant_is_null(from) && !instant_is_null(until) && now.us >= from.us && now.us <= until.us)
        return true;
    return fail(c, E_INVALID, "the certificate is valid from %.*s to %.*s, which is not now",
                STR_FMT(day_text(c, from)), STR_FMT(day_text(c, until)));
}

bool signer_check(struct call *c, const struct signer *signer, struct instant now)
{
    X509 *certificate = own_certificate(c, signer);
    bool done = certificate && check_key(c, signer, certificate) && check_time(c, certificate, now);
    X509_free(certificate);
    return done;
}

static void wipe(struct str *secret)
{
    if (secret->len > 0)
        OPENSSL_cleanse((char *)(uintptr_t)secret->at, (size_t)secret->len); /* the arena's, made by this layer */
    *secret = STR_NULL;
}

void signer_forget(struct signer *signer)
{
    wipe(&signer->key);
}
