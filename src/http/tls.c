/* tls.c - see tls.h. */
#include "http/tls.h"

#include "base/arena.h"
#include "base/file.h"

#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX = 1 << 20 };

/* A certificate with its key, as it was read; never changed. */
struct identity {
    struct identity *older;
    struct arena arena;
    struct str certificate, key; /* PEM, each followed by a NUL */
    gnutls_certificate_credentials_t credentials;
    struct instant expires;
};

struct http_tls {
    char *certificate_path, *key_path;
    _Atomic(struct identity *) newest;
    gnutls_datum_t ticket_key;
};

static void identity_free(struct identity *identity)
{
    if (identity->credentials)
        gnutls_certificate_free_credentials(identity->credentials);
    if (identity->key.at)
        gnutls_memset((void *)(uintptr_t)identity->key.at, 0, (size_t)identity->key.len);
    arena_release(&identity->arena);
    free(identity);
}

static bool read_pem(struct identity *identity, const char *path, struct str *out, struct error *error)
{
    struct str bytes;
    if (!file_read_whole(path, PEM_MAX, &identity->arena, &bytes, error))
        return false;
    *out = arena_copy(&identity->arena, bytes);
    memset((void *)(uintptr_t)bytes.at, 0, (size_t)bytes.len);
    return true;
}

/* Of the first certificate of the chain, which is the server's own. */
static bool read_end(struct identity *identity, struct error *error)
{
    gnutls_datum_t der;
    gnutls_x509_crt_t certificate;
    int failed = gnutls_certificate_get_crt_raw(identity->credentials, 0, 0, &der);
    if (!failed)
        failed = gnutls_x509_crt_init(&certificate);
    if (failed)
        return error_set(error, E_INTERNAL, "%s", gnutls_strerror(failed));
    failed = gnutls_x509_crt_import(certificate, &der, GNUTLS_X509_FMT_DER);
    identity->expires.us = (int64_t)gnutls_x509_crt_get_expiration_time(certificate) * 1000000;
    gnutls_x509_crt_deinit(certificate);
    return !failed || error_set(error, E_INTERNAL, "%s", gnutls_strerror(failed));
}

static bool use(struct identity *identity, const struct http_tls *tls, struct error *error)
{
    gnutls_datum_t certificate = { (unsigned char *)(uintptr_t)identity->certificate.at,
                                   (unsigned)identity->certificate.len };
    gnutls_datum_t key = { (unsigned char *)(uintptr_t)identity->key.at, (unsigned)identity->key.len };
    if (gnutls_certificate_allocate_credentials(&identity->credentials))
        abort();
    int failed = gnutls_certificate_set_x509_key_mem(identity->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    if (failed < 0)
        return error_set(error, E_INTERNAL, "the certificate %s and the key %s: %s", tls->certificate_path,
                         tls->key_path, gnutls_strerror(failed));
    return read_end(identity, error);
}

static bool identity_read(const struct http_tls *tls, struct identity **out, struct error *error)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    if (!identity)
        abort();
    arena_init(&identity->arena);
    if (!read_pem(identity, tls->certificate_path, &identity->certificate, error) ||
        !read_pem(identity, tls->key_path, &identity->key, error) || !use(identity, tls, error)) {
        identity_free(identity);
        return false;
    }
    *out = identity;
    return true;
}

bool http_tls_load(struct http_tls *tls, bool *changed, struct error *error)
{
    struct identity *fresh, *newest = atomic_load(&tls->newest);
    if (!identity_read(tls, &fresh, error))
        return false;
    *changed = !newest || !str_equal(fresh->certificate, newest->certificate) || !str_equal(fresh->key, newest->key);
    if (!*changed) {
        identity_free(fresh);
        return true;
    }
    fresh->older = newest;
    atomic_store(&tls->newest, fresh);
    return true;
}

bool http_tls_open(const char *certificate, const char *key, struct http_tls **out, struct error *error)
{
    bool changed;
    struct http_tls *tls = calloc(1, sizeof(*tls));
    if (!tls || !(tls->certificate_path = strdup(certificate)) || !(tls->key_path = strdup(key)))
        abort();
    if (gnutls_session_ticket_key_generate(&tls->ticket_key))
        abort();
    if (!http_tls_load(tls, &changed, error)) {
        http_tls_free(tls);
        return false;
    }
    *out = tls;
    return true;
}

void http_tls_begin(struct http_tls *tls, gnutls_session_t session)
{
    const struct identity *identity = atomic_load(&tls->newest);
    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->credentials) ||
        gnutls_session_ticket_enable_server(session, &tls->ticket_key))
        abort(); /* no memory: nothing else fails there */
}

const char *http_tls_certificate_text(const struct http_tls *tls)
{
    return atomic_load(&tls->newest)->certificate.at;
}

const char *http_tls_key_text(const struct http_tls *tls)
{
    return atomic_load(&tls->newest)->key.at;
}

struct instant http_tls_expires(const struct http_tls *tls)
{
    return atomic_load(&tls->newest)->expires;
}

void http_tls_free(struct http_tls *tls)
{
    struct identity *identity = atomic_load(&tls->newest);
    while (identity) {
        struct identity *older = identity->older;
        identity_free(identity);
        identity = older;
    }
    if (tls->ticket_key.data) {
        gnutls_memset(tls->ticket_key.data, 0, tls->ticket_key.size);
        gnutls_free(tls->ticket_key.data);
    }
    free(tls->certificate_path);
    free(tls->key_path);
    free(tls);
}
