/* cms_sign.c - making a signature of a digest, and what is taken from it or put into it afterwards.
 *
 *   SignedData { sha256; no content; certificates; SignerInfo { signed attributes: content-type, message-digest,
 *     signing-certificate-v2 [, signing-time] [, commitment-type-indication]; signature; unsigned: [time stamp] } } */
#include "signing/cms_object.h"
#include "signing/openssl.h"
#include "signing/private_key.h"
#include "signing/token_key.h"

#include <openssl/err.h>

struct signing {
    struct call *c;
    const struct cms_options *options;
    CMS_ContentInfo *cms;
    CMS_SignerInfo *info;
    X509 *certificate;
    EVP_PKEY *key;
};

static bool add_attributes(const struct signing *s, const unsigned char *sha256)
{
    const struct cms_options *options = s->options;
    if (!CMS_signed_add1_attr_by_NID(s->info, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, sha256, SHA256_BYTES) ||
        !CMS_signed_add1_attr_by_NID(s->info, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data), -1))
        return false;
    if (!str_is_null(options->meaning)) {
        struct str der = cms_meaning_der(s->c, options->meaning);
        if (!CMS_signed_add1_attr_by_txt(s->info, COMMITMENT_ATTRIBUTE, V_ASN1_SEQUENCE, der.at, (int)der.len))
            return false;
    }
    if (instant_is_null(options->signing_time))
        return true;
    ASN1_TIME *time = ASN1_TIME_new();
    bool done = time && openssl_set_time(time, options->signing_time) &&
                CMS_signed_add1_attr_by_NID(s->info, NID_pkcs9_signingTime, time->type, time, -1);
    ASN1_TIME_free(time);
    return done;
}

/* OpenSSL 3.0 puts the time of the machine into what lacks one, which PDF forbids (ETSI EN 319 142-1 6.3): it is taken
 * out, and the rest is signed again. */
static bool sign_without_time(const struct signing *s)
{
    size_t len = 0;
    X509_ATTRIBUTE_free(
        CMS_signed_delete_attr(s->info, CMS_signed_get_attr_by_NID(s->info, NID_pkcs9_signingTime, -1)));
    struct str signed_bytes = cms_signed_attributes(s->c, s->info);
    const unsigned char *bytes = (const unsigned char *)signed_bytes.at;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, s->key, NULL) == 1 &&
                EVP_DigestSign(context, NULL, &len, bytes, (size_t)signed_bytes.len) == 1;
    unsigned char *signature = done ? arena_alloc(&s->c->arena, (ptrdiff_t)len) : NULL;
    done = done && EVP_DigestSign(context, signature, &len, bytes, (size_t)signed_bytes.len) == 1 &&
           ASN1_STRING_set(CMS_SignerInfo_get0_signature(s->info), signature, (int)len);
    EVP_MD_CTX_free(context);
    return done;
}

static bool sign(struct signing *s, const struct chain *chain, const unsigned char *sha256)
{
    enum { FLAGS = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_NOSMIMECAP | CMS_CADES };
    s->cms = CMS_sign(NULL, NULL, NULL, NULL, FLAGS);
    if (!s->cms || !(s->info = CMS_add1_signer(s->cms, s->certificate, s->key, EVP_sha256(), FLAGS)))
        return false;
    for (int i = 1; i < chain->count; i++) {
        X509 *above = openssl_certificate(s->c, chain->der[i]);
        bool done = above && CMS_add1_cert(s->cms, above);
        X509_free(above);
        if (!done)
            return false;
    }
    return add_attributes(s, sha256) && CMS_SignerInfo_sign(s->info) == 1 &&
           (!instant_is_null(s->options->signing_time) || sign_without_time(s));
}

bool cms_sign(struct call *c, const struct signer *signer, const unsigned char sha256[SHA256_BYTES],
              const struct cms_options *options, struct str *out)
{
    struct signing s = { .c = c, .options = options };
    struct str meaning = options->meaning;
    if (!str_is_null(meaning) && (!meaning.len || meaning.len > CMS_MEANING_MAX || !str_is_utf8(meaning)))
        return fail(c, E_INVALID, "the meaning of a signature is text of 1 to %d bytes", CMS_MEANING_MAX);
    if (signer->chain.count < 1)
        return fail(c, E_INVALID, "there is no certificate of the key");
    ERR_clear_error();
    token_lock(signer->token);
    s.certificate = openssl_certificate(c, signer->chain.der[0]);
    s.key = s.certificate ? signer_private_key(c, signer) : NULL;
    bool done = s.key && sign(&s, &signer->chain, sha256);
    if (done)
        *out = cms_object_der(c, s.cms);
    else if (s.key && signer->token)
        openssl_fail(c, E_UNAVAILABLE, "the token does not sign");
    else
        openssl_fail(c, E_INVALID, "this key and certificate could not sign");
    CMS_ContentInfo_free(s.cms);
    X509_free(s.certificate);
    EVP_PKEY_free(s.key);
    token_unlock(signer->token);
    ERR_clear_error();
    return done;
}

/* ---- afterwards ---- */

static CMS_SignerInfo *first_signer(CMS_ContentInfo *cms)
{
    return sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
}

bool cms_signature(struct call *c, struct str cms, struct str *out)
{
    CMS_ContentInfo *read = cms_object_read(c, cms);
    if (!read)
        return false;
    *out = arena_copy(&c->arena, openssl_bytes(CMS_SignerInfo_get0_signature(first_signer(read))));
    CMS_ContentInfo_free(read);
    return true;
}

bool cms_add_timestamp(struct call *c, struct str cms, struct str token, struct str *out)
{
    CMS_ContentInfo *read = cms_object_read(c, cms);
    if (!read)
        return false;
    bool done = CMS_unsigned_add1_attr_by_NID(first_signer(read), NID_id_smime_aa_timeStampToken, V_ASN1_SEQUENCE,
                                              token.at, (int)token.len) == 1;
    if (done)
        *out = cms_object_der(c, read);
    else
        openssl_fail(c, E_INVALID, "the time stamp could not be put into the signature");
    CMS_ContentInfo_free(read);
    return done;
}

bool cms_certificates(struct call *c, struct str cms, struct str *der, int max, int *count)
{
    CMS_ContentInfo *read = cms_object_read(c, cms);
    if (!read)
        return false;
    STACK_OF(X509) *all = CMS_get1_certs(read);
    *count = 0;
    for (int i = 0; i < sk_X509_num(all) && *count < max; i++)
        der[(*count)++] = openssl_certificate_der(c, sk_X509_value(all, i));
    openssl_stack_free(all);
    CMS_ContentInfo_free(read);
    return true;
}
