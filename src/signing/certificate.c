/* certificate.c - reading certificates, and writing them as PEM (RFC 7468). */
#include "signing/certificate.h"

#include "base/crypto.h"
#include "signing/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

bool certificate_read(struct call *c, struct str der, struct certificate *out)
{
    X509 *certificate = openssl_certificate(c, der);
    if (!certificate)
        return false;
    openssl_describe(c, certificate, out);
    X509_free(certificate);
    return true;
}

static bool read_pem(struct call *c, BIO *in, struct chain *chain)
{
    char none[] = ""; /* nobody is asked for a password */
    for (X509 *one; (one = PEM_read_bio_X509(in, NULL, NULL, none));) {
        struct str der = openssl_certificate_der(c, one);
        X509_free(one);
        if (chain->count == CHAIN_MAX)
            return fail(c, E_INVALID, "more than %d certificates", CHAIN_MAX);
        chain->der[chain->count++] = der;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return openssl_fail(c, E_INVALID, "a certificate cannot be read");
    ERR_clear_error();
    return chain->count > 0 || fail(c, E_INVALID, "no certificate in it (-----BEGIN CERTIFICATE-----)");
}

bool certificate_chain_read(struct call *c, struct str pem, struct chain *out)
{
    enum { PEM_BYTES_MAX = 2 * CHAIN_MAX * CERTIFICATE_BYTES_MAX };
    struct chain chain = { .count = 0 };
    if (pem.len > PEM_BYTES_MAX)
        return fail(c, E_TOO_LARGE, "the certificates have more than %d KiB", PEM_BYTES_MAX >> 10);
    if (pem.len > 0 && pem.at[0] == 0x30) { /* a SEQUENCE: DER */
        chain = (struct chain){ { arena_copy(&c->arena, pem) }, 1 };
    } else {
        BIO *in = BIO_new_mem_buf(pem.len ? pem.at : "", (int)pem.len);
        if (!in)
            abort();
        bool done = read_pem(c, in, &chain);
        BIO_free(in);
        if (!done)
            return false;
    }
    for (int i = 0; i < chain.count; i++) {
        struct certificate certificate;
        if (!certificate_read(c, chain.der[i], &certificate))
            return false;
    }
    *out = chain;
    return true;
}

struct str certificate_pem(struct call *c, struct str der)
{
    enum { LINE = 64 };
    struct str base64 = crypto_base64(der, &c->arena);
    ptrdiff_t lines = (base64.len + LINE - 1) / LINE, at = 0;
    char *text = arena_alloc(&c->arena, base64.len + lines + 1);
    for (ptrdiff_t from = 0; from < base64.len; from += LINE) {
        struct str line = str_slice(base64, from, from + LINE);
        memcpy(text + at, line.at, (size_t)line.len);
        at += line.len;
        text[at++] = '\n';
    }
    return arena_format(&c->arena, "-----BEGIN CERTIFICATE-----\n%.*s-----END CERTIFICATE-----\n", (int)at, text);
}
