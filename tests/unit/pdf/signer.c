#include "signer.h"

#include <openssl/cms.h>
#include <openssl/x509v3.h>

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

void signer_init(struct signer *signer)
{
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"Dr. Test", -1, -1, 0);
    *signer = (struct signer){ EVP_EC_gen("P-256"), X509_new(), 0 };
    X509_set_version(signer->certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(signer->certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(signer->certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(signer->certificate), 3600);
    X509_set_pubkey(signer->certificate, signer->key);
    X509_set_subject_name(signer->certificate, name);
    X509_set_issuer_name(signer->certificate, name);
    add_extension(signer->certificate, NID_key_usage, "critical,digitalSignature,nonRepudiation");
    X509_sign(signer->certificate, signer->key, EVP_sha256());
    X509_NAME_free(name);
}

void signer_release(struct signer *signer)
{
    EVP_PKEY_free(signer->key);
    X509_free(signer->certificate);
}

static BIO *bio_of(const struct str parts[2])
{
    BIO *bio = BIO_new(BIO_s_mem());
    for (int i = 0; i < 2; i++)
        BIO_write(bio, parts[i].at, (int)parts[i].len);
    return bio;
}

bool signer_sign(struct call *c, void *context, const unsigned char digest[SHA256_BYTES], const struct str parts[2],
                 struct str *der)
{
    struct signer *signer = context;
    (void)digest;
    signer->calls++;
    BIO *bio = bio_of(parts);
    CMS_ContentInfo *cms =
        CMS_sign(signer->certificate, signer->key, NULL, bio, CMS_BINARY | CMS_DETACHED | CMS_CADES | CMS_NOSMIMECAP);
    unsigned char *bytes = NULL;
    int len = cms ? i2d_CMS_ContentInfo(cms, &bytes) : 0;
    if (len > 0)
        *der = arena_copy(&c->arena, (struct str){ (char *)bytes, len });
    OPENSSL_free(bytes);
    CMS_ContentInfo_free(cms);
    BIO_free(bio);
    return len > 0 || fail(c, E_INTERNAL, "OpenSSL does not sign");
}

bool signer_proves(struct signer *signer, struct str der, const struct str parts[2])
{
    const unsigned char *at = (const unsigned char *)der.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    STACK_OF(X509) *certificates = sk_X509_new_null();
    sk_X509_push(certificates, signer->certificate);
    BIO *bio = bio_of(parts);
    bool proves = cms && CMS_verify(cms, certificates, NULL, bio, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    BIO_free(bio);
    sk_X509_free(certificates);
    CMS_ContentInfo_free(cms);
    return proves;
}
