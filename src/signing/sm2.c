/* sm2.c - see sm2.h. */
#include "signing/sm2.h"

#include "signing/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

enum { SM2_KEY_BYTES_MAX = 8192, SM2_SIGNATURE_MAX = 256 };

static void describe(struct call *c, EVP_PKEY *key, bool has_private, struct sm2_key *out)
{
    unsigned char *at = NULL;
    int len = i2d_PUBKEY(key, &at);
    *out = (struct sm2_key){ .public_der = openssl_take(c, at, len) };
    if (has_private)
        out->private_der = openssl_private_der(c, key);
}

bool sm2_make(struct call *c, struct sm2_key *out)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    if (!key)
        return openssl_fail(c, E_INTERNAL, "no SM2 key could be made");
    describe(c, key, true, out);
    EVP_PKEY_free(key);
    return true;
}

/* ---- reading ---- */

static bool is_sm2(struct call *c, EVP_PKEY *key)
{
    return str_equal(openssl_key_kind(c, key), S("SM2"));
}

static EVP_PKEY *read_public(struct str der)
{
    const unsigned char *at = (const unsigned char *)der.at;
    return der.len > 0 && der.len <= SM2_KEY_BYTES_MAX ? d2i_PUBKEY(NULL, &at, (long)der.len) : NULL;
}

static EVP_PKEY *read_private(struct call *c, struct str der)
{
    struct error before = c->error;
    EVP_PKEY *key = openssl_private_key(c, der);
    c->error = before;
    return key;
}

/* The bytes between the lines of a PEM text; DER as it is. Nothing of it asks for a password. */
static struct str unwrapped(struct call *c, struct str text)
{
    char *name = NULL, *header = NULL;
    unsigned char *at = NULL;
    long len = 0;
    if (text.len < 1 || text.len > SM2_KEY_BYTES_MAX || text.at[0] == 0x30)
        return text;
    struct str der = S("");
    BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    while (!der.len && in && PEM_read_bio(in, &name, &header, &at, &len) == 1) {
        if (!strcmp(name, PEM_STRING_PKCS8INF) || !strcmp(name, PEM_STRING_PUBLIC))
            der = arena_copy(&c->arena, (struct str){ (const char *)at, len });
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(at, (size_t)len);
    }
    BIO_free(in);
    ERR_clear_error();
    return der;
}

static void wipe(struct str *secret)
{
    if (secret->len > 0)
        OPENSSL_cleanse((char *)(uintptr_t)secret->at, (size_t)secret->len); /* the arena's, made by this layer */
    *secret = STR_NULL;
}

bool sm2_read(struct call *c, struct str text, struct sm2_key *out)
{
    struct str der = unwrapped(c, text);
    bool is_private = true;
    EVP_PKEY *key = read_private(c, der);
    if (!key) {
        is_private = false;
        key = read_public(der);
    }
    ERR_clear_error();
    bool done = key && is_sm2(c, key);
    if (done)
        describe(c, key, is_private, out);
    EVP_PKEY_free(key);
    if (der.at != text.at)
        wipe(&der);
    return done || fail(c, E_INVALID, "not an SM2 key, as PEM or DER, PKCS#8 where it is private");
}

struct str sm2_public_pem(struct call *c, const struct sm2_key *key)
{
    char *at = NULL;
    EVP_PKEY *read = read_public(key->public_der);
    BIO *out = BIO_new(BIO_s_mem());
    if (!read || !out || !PEM_write_bio_PUBKEY(out, read))
        abort(); /* made by describe */
    long len = BIO_get_mem_data(out, &at);
    struct str pem = arena_copy(&c->arena, (struct str){ at, len });
    BIO_free(out);
    EVP_PKEY_free(read);
    return pem;
}

void sm2_forget(struct sm2_key *key)
{
    wipe(&key->private_der);
}

/* ---- signatures ---- */

/* The identifier goes in after the start, and before the first byte: OpenSSL 3.0 takes it at no other time. */
static bool set_identifier(EVP_PKEY_CTX *parameters)
{
    return EVP_PKEY_CTX_set1_id(parameters, SM2_IDENTIFIER, (int)sizeof(SM2_IDENTIFIER) - 1) == 1;
}

bool sm2_sign(struct call *c, struct str private_der, struct str bytes, struct str *out)
{
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    unsigned char signature[SM2_SIGNATURE_MAX];
    size_t len = sizeof(signature);
    ERR_clear_error();
    EVP_PKEY *key = openssl_private_key(c, private_der);
    if (!key)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && is_sm2(c, key) &&
                EVP_DigestSignInit_ex(context, &parameters, "SM3", NULL, NULL, key, NULL) == 1 &&
                set_identifier(parameters) &&
                EVP_DigestSign(context, signature, &len, (const unsigned char *)(bytes.len ? bytes.at : ""),
                               (size_t)bytes.len) == 1;
    if (done)
        *out = arena_copy(&c->arena, (struct str){ (const char *)signature, (ptrdiff_t)len });
    else
        openssl_fail(c, E_INVALID, "this SM2 key could not sign");
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return done;
}

bool sm2_check(struct call *c, struct str public_der, struct str bytes, struct str signature, bool *is_fine)
{
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    EVP_PKEY *key = read_public(public_der);
    ERR_clear_error();
    if (!key || !is_sm2(c, key)) {
        EVP_PKEY_free(key);
        return fail(c, E_INVALID, "not a public SM2 key");
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *is_fine = context && signature.len > 0 && signature.len <= SM2_SIGNATURE_MAX &&
               EVP_DigestVerifyInit_ex(context, &parameters, "SM3", NULL, NULL, key, NULL) == 1 &&
               set_identifier(parameters) &&
               EVP_DigestVerify(context, (const unsigned char *)signature.at, (size_t)signature.len,
                                (const unsigned char *)(bytes.len ? bytes.at : ""), (size_t)bytes.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return true;
}
