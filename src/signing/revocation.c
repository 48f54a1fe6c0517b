/* revocation.c - making and reading revocation lists. */
#include "signing/revocation.h"

#include "base/crypto.h"
#include "signing/openssl.h"
#include "signing/private_key.h"
#include "signing/revocation_object.h"
#include "signing/token_key.h"
#include "signing/trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { SERIAL_BYTES_MAX = 20 /* RFC 5280 4.1.2.2 */ };

/* RFC 5280 5.3.1. There is no 7. */
static const char *const reasons[] = { "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
                                       "superseded",    "cessationOfOperation", "certificateHold", NULL,
                                       "removeFromCRL", "privilegeWithdrawn",   "aACompromise" };
enum { REASONS = sizeof(reasons) / sizeof(*reasons) };

/* ---- making ---- */

static bool set_reason(struct call *c, X509_REVOKED *row, struct str reason)
{
    int code = 0;
    while (code < REASONS && (!reasons[code] || !str_equal(reason, str_from(reasons[code]))))
        code++;
    if (code == REASONS)
        return fail(c, E_INVALID, "\"%.*s\" is no reason for a revocation (RFC 5280 5.3.1)",
                    STR_FMT(str_at_most(reason, 40)));
    ASN1_ENUMERATED *value = ASN1_ENUMERATED_new();
    bool done =
        value && ASN1_ENUMERATED_set(value, code) && X509_REVOKED_add1_ext_i2d(row, NID_crl_reason, value, 0, 0) == 1;
    ASN1_ENUMERATED_free(value);
    return done || openssl_fail(c, E_INTERNAL, "the reason could not be written");
}

static bool set_serial(struct call *c, X509_REVOKED *row, struct str hex)
{
    unsigned char bytes[SERIAL_BYTES_MAX];
    ptrdiff_t len = hex.len / 2;
    if (len < 1 || len > SERIAL_BYTES_MAX || !crypto_unhex(hex, bytes, len))
        return fail(c, E_INVALID, "not the serial number of a certificate");
    BIGNUM *number = BN_bin2bn(bytes, (int)len, NULL);
    ASN1_INTEGER *serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    bool done = serial && X509_REVOKED_set_serialNumber(row, serial);
    ASN1_INTEGER_free(serial);
    BN_free(number);
    return done || openssl_fail(c, E_INTERNAL, "the serial number could not be written");
}

static bool add_row(struct call *c, X509_CRL *list, const struct revoked *revoked)
{
    X509_REVOKED *row = X509_REVOKED_new();
    ASN1_TIME *at = ASN1_TIME_new();
    bool done = row && at && set_serial(c, row, revoked->serial) &&
                (str_is_empty(revoked->reason) || set_reason(c, row, revoked->reason)) &&
                openssl_set_time(at, revoked->at) && X509_REVOKED_set_revocationDate(row, at) &&
                X509_CRL_add0_revoked(list, row);
    ASN1_TIME_free(at);
    if (!done)
        X509_REVOKED_free(row);
    return done;
}

/* It says of what has ended, too, for as long as there is the authority. */
static bool add_expired(X509_CRL *list, const X509 *issuer)
{
    ASN1_OBJECT *name = OBJ_txt2obj(TRUST_EXPIRED_ON_LIST, 1);
    ASN1_GENERALIZEDTIME *since = ASN1_TIME_to_generalizedtime(X509_get0_notBefore(issuer), NULL);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    unsigned char *der = NULL;
    int len = since ? i2d_ASN1_GENERALIZEDTIME(since, &der) : -1;
    X509_EXTENSION *extension = NULL;
    if (name && value && len > 0 && ASN1_OCTET_STRING_set(value, der, len))
        extension = X509_EXTENSION_create_by_OBJ(NULL, name, 0, value);
    bool done = extension && X509_CRL_add_ext(list, extension, -1);
    X509_EXTENSION_free(extension);
    OPENSSL_free(der);
    ASN1_OCTET_STRING_free(value);
    ASN1_GENERALIZEDTIME_free(since);
    ASN1_OBJECT_free(name);
    return done;
}

static bool add_extensions(X509_CRL *list, X509 *issuer, int64_t number)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, NULL, NULL, list, 0);
    X509_EXTENSION *authority = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    bool done = authority && X509_CRL_add_ext(list, authority, -1) && value && ASN1_INTEGER_set_int64(value, number) &&
                X509_CRL_add1_ext_i2d(list, NID_crl_number, value, 0, 0) == 1 && add_expired(list, issuer);
    X509_EXTENSION_free(authority);
    ASN1_INTEGER_free(value);
    return done;
}

static bool set_times(X509_CRL *list, struct instant now)
{
    struct instant next = { now.us + (int64_t)REVOCATION_DAYS * 86400 * 1000000 };
    ASN1_TIME *time = ASN1_TIME_new();
    bool done = time && openssl_set_time(time, now) && X509_CRL_set1_lastUpdate(list, time) &&
                openssl_set_time(time, next) && X509_CRL_set1_nextUpdate(list, time);
    ASN1_TIME_free(time);
    return done;
}

static bool fill(struct call *c, X509_CRL *list, X509 *issuer, const struct revoked *rows, int count)
{
    if (!X509_CRL_set_version(list, X509_CRL_VERSION_2) ||
        !X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)))
        return false;
    for (int i = 0; i < count; i++) {
        if (!add_row(c, list, &rows[i]))
            return false;
    }
    return X509_CRL_sort(list) == 1;
}

bool revocation_make(struct call *c, const struct signer *authority, const struct revoked *rows, int count,
                     int64_t number, struct instant now, struct str *out)
{
    if (count > REVOKED_MAX)
        return fail(c, E_TOO_LARGE, "more than %d revoked certificates", REVOKED_MAX);
    if (!signer_check(c, authority, now))
        return false;
    token_lock(authority->token);
    X509 *issuer = openssl_certificate(c, authority->chain.der[0]);
    EVP_PKEY *key = issuer ? signer_private_key(c, authority) : NULL;
    X509_CRL *list = X509_CRL_new();
    bool done = key && list && fill(c, list, issuer, rows, count) && set_times(list, now) &&
                add_extensions(list, issuer, number) && X509_CRL_sign(list, key, EVP_sha256()) > 0;
    if (done) {
        unsigned char *at = NULL;
        int len = i2d_X509_CRL(list, &at);
        *out = openssl_take(c, at, len);
    } else {
        openssl_fail(c, E_INTERNAL, "the revocation list could not be made");
    }
    X509_CRL_free(list);
    X509_free(issuer);
    EVP_PKEY_free(key);
    token_unlock(authority->token);
    ERR_clear_error();
    return done;
}

/* ---- reading ---- */

X509_CRL *revocation_object(struct str der)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509_CRL *list = NULL;
    if (der.len > 0 && der.len <= REVOCATION_BYTES_MAX)
        list = d2i_X509_CRL(NULL, &at, (long)der.len);
    if (list && sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list)) > REVOKED_MAX) {
        X509_CRL_free(list);
        list = NULL;
    }
    return list;
}

struct str revocation_reason(struct call *c, const X509_REVOKED *row)
{
    ASN1_ENUMERATED *value = X509_REVOKED_get_ext_d2i(row, NID_crl_reason, NULL, NULL);
    int64_t code = -1;
    if (value && !ASN1_ENUMERATED_get_int64(&code, value))
        code = -1;
    ASN1_ENUMERATED_free(value);
    ERR_clear_error();
    return code < 0 || code >= REASONS || !reasons[code] ? STR_NULL : arena_copy(&c->arena, str_from(reasons[code]));
}

bool revocation_read(struct call *c, struct str der, struct revocation_list *out)
{
    ERR_clear_error();
    X509_CRL *list = revocation_object(der);
    if (!list)
        return openssl_fail(c, E_INVALID, "the revocation list cannot be read");
    STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(list);
    int count = all ? sk_X509_REVOKED_num(all) : 0;
    struct revoked *rows = arena_array(&c->arena, struct revoked, count + 1);
    for (int i = 0; i < count; i++) {
        const X509_REVOKED *row = sk_X509_REVOKED_value(all, i);
        struct str serial = openssl_bytes(X509_REVOKED_get0_serialNumber(row));
        rows[i] = (struct revoked){ crypto_hex(serial.at, serial.len, &c->arena),
                                    openssl_instant(X509_REVOKED_get0_revocationDate(row)), revocation_reason(c, row) };
    }
    *out = (struct revocation_list){ .issuer = openssl_name(c, X509_CRL_get_issuer(list)),
                                     .made_at = openssl_instant(X509_CRL_get0_lastUpdate(list)),
                                     .next_until = openssl_instant(X509_CRL_get0_nextUpdate(list)),
                                     .rows = rows,
                                     .count = count };
    X509_CRL_free(list);
    ERR_clear_error();
    return true;
}
