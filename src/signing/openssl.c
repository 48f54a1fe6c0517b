/* openssl.c - OpenSSL's errors in words, its objects as bytes, its times as ours. */
#include "signing/openssl.h"

#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

const char *openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "no reason given";
}

bool openssl_fail(struct call *c, enum error_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str said = arena_vformat(&c->arena, format, args);
    va_end(args);
    return fail(c, code, "%.*s: %s", STR_FMT(said), openssl_reason());
}

struct str openssl_take(struct call *c, unsigned char *at, int len)
{
    if (len < 0)
        abort();
    struct str copy = arena_copy(&c->arena, (struct str){ (const char *)at, len });
    OPENSSL_free(at);
    return copy;
}

struct str openssl_bytes(const ASN1_STRING *s)
{
    return (struct str){ (const char *)ASN1_STRING_get0_data(s), ASN1_STRING_length(s) };
}

/* ---- keys ---- */

static struct str curve_kind(const EVP_PKEY *key)
{
    char name[64];
    int is_explicit = 0;
    EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);
    if (is_explicit || !EVP_PKEY_get_group_name(key, name, sizeof(name), NULL))
        return STR_NULL;
    struct str curve = str_from(name);
    return str_equal(curve, S("prime256v1"))  ? S("EC P-256")
           : str_equal(curve, S("secp384r1")) ? S("EC P-384")
           : str_equal(curve, S("secp521r1")) ? S("EC P-521")
                                              : STR_NULL;
}

struct str openssl_key_kind(struct call *c, const EVP_PKEY *key)
{
    enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192 };
    struct str kind = STR_NULL;
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "EC"))
        kind = curve_kind(key);
    else if (EVP_PKEY_is_a(key, "SM2"))
        kind = S("SM2");
    else if (EVP_PKEY_is_a(key, "RSA") && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
        kind = arena_format(&c->arena, "RSA %d", bits);
    ERR_clear_error();
    return kind;
}

EVP_PKEY *openssl_private_key(struct call *c, struct str pkcs8)
{
    enum { KEY_DER_MAX = 16 << 10 };
    const unsigned char *at = (const unsigned char *)pkcs8.at;
    PKCS8_PRIV_KEY_INFO *info = NULL;
    EVP_PKEY *key = NULL;
    if (pkcs8.len > 0 && pkcs8.len <= KEY_DER_MAX)
        info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    if (info)
        key = EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (!key)
        openssl_fail(c, E_INVALID, "the private key cannot be read");
    return key;
}

struct str openssl_private_der(struct call *c, const EVP_PKEY *key)
{
    unsigned char *at = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    if (!info)
        abort();
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &at);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (len < 0)
        abort();
    struct str der = arena_copy(&c->arena, (struct str){ (const char *)at, len });
    OPENSSL_clear_free(at, (size_t)len);
    return der;
}

/* ---- certificates ---- */

X509 *openssl_certificate(struct call *c, struct str der)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *certificate = NULL;
    if (der.len > 0 && der.len <= CERTIFICATE_BYTES_MAX)
        certificate = d2i_X509(NULL, &at, (long)der.len);
    if (!certificate) {
        openssl_fail(c, E_INVALID, "the certificate cannot be read");
        return NULL;
    }
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool is_taken = key && !str_is_null(openssl_key_kind(c, key));
    if (is_taken && at == (const unsigned char *)der.at + der.len)
        return certificate;
    X509_free(certificate);
    ERR_clear_error();
    fail(c, E_INVALID,
         is_taken ? "something follows the certificate"
                  : "the certificate's key is none that is taken: EC on P-256, P-384 or P-521, SM2, "
                    "RSA of 2048 to 8192 bits");
    return NULL;
}

struct str openssl_certificate_der(struct call *c, const X509 *certificate)
{
    unsigned char *at = NULL;
    int len = i2d_X509(certificate, &at);
    return openssl_take(c, at, len);
}

void openssl_stack_free(STACK_OF(X509) * stack)
{
    sk_X509_pop_free(stack, X509_free);
}

STACK_OF(X509) * openssl_stack(struct call *c, const struct str *der, int count)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    for (int i = 0; i < count; i++) {
        X509 *certificate = openssl_certificate(c, der[i]);
        if (!certificate) {
            openssl_stack_free(stack);
            return NULL;
        }
        if (!sk_X509_push(stack, certificate))
            abort();
    }
    return stack;
}

/* ---- times and names ---- */

struct instant openssl_instant(const ASN1_TIME *time)
{
    struct tm tm;
    if (!time || !ASN1_TIME_to_tm(time, &tm)) {
        ERR_clear_error();
        return INSTANT_NULL;
    }
    return (struct instant){ (int64_t)timegm(&tm) * 1000000 };
}

bool openssl_set_time(ASN1_TIME *out, struct instant t)
{
    int64_t seconds = t.us / 1000000 - (t.us % 1000000 < 0);
    return !instant_is_null(t) && ASN1_TIME_set(out, (time_t)seconds);
}

struct str openssl_name(struct call *c, const X509_NAME *name)
{
    char *at = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    if (!out)
        abort();
    struct str text = S("");
    if (X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
        long len = BIO_get_mem_data(out, &at);
        text = arena_copy(&c->arena, (struct str){ at ? at : "", len });
    }
    BIO_free(out);
    ERR_clear_error();
    return str_is_utf8(text) ? text : S("");
}

struct str openssl_common_name(struct call *c, const X509_NAME *name)
{
    unsigned char *at = NULL;
    int index = -1, last = -1;
    while ((index = X509_NAME_get_index_by_NID(name, NID_commonName, index)) >= 0)
        last = index;
    if (last < 0)
        return S("");
    int len = ASN1_STRING_to_UTF8(&at, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    ERR_clear_error();
    struct str text = len < 0 ? S("") : openssl_take(c, at, len);
    return str_is_utf8(text) ? text : S("");
}

static struct str serial_text(struct call *c, X509 *certificate)
{
    struct str bytes = openssl_bytes(X509_get0_serialNumber(certificate));
    return crypto_hex(bytes.at, bytes.len, &c->arena);
}

void openssl_describe(struct call *c, X509 *certificate, struct certificate *out)
{
    *out = (struct certificate){
        .subject = openssl_name(c, X509_get_subject_name(certificate)),
        .issuer = openssl_name(c, X509_get_issuer_name(certificate)),
        .common_name = openssl_common_name(c, X509_get_subject_name(certificate)),
        .serial = serial_text(c, certificate),
        .sha256 = crypto_sha256_hex(openssl_certificate_der(c, certificate), &c->arena),
        .from = openssl_instant(X509_get0_notBefore(certificate)),
        .until = openssl_instant(X509_get0_notAfter(certificate)),
    };
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    struct str kind = key ? openssl_key_kind(c, key) : STR_NULL;
    out->key_kind = str_is_null(kind) ? S("") : kind;
    ERR_clear_error();
}
