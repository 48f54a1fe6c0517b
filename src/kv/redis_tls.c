/* redis_tls.c - see redis_tls.h. */
#include "kv/redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct tls_end {
    SSL *ssl;
    BIO *in, *out; /* memory; the SSL's own */
};

bool tls_new(const char *ca_file, SSL_CTX **out, struct error *error)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls)
        abort();
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    if (ca_file && ca_file[0] ? !SSL_CTX_load_verify_file(tls, ca_file) : !SSL_CTX_set_default_verify_paths(tls)) {
        SSL_CTX_free(tls);
        ERR_clear_error();
        return error_set(error, E_INVALID, "no certificates can be read from %s",
                         ca_file && ca_file[0] ? ca_file : "where the system keeps them");
    }
    *out = tls;
    return true;
}

void tls_free(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
}

struct tls_end *tls_end_new(SSL_CTX *tls, const char *name)
{
    unsigned char address[16];
    struct tls_end *end = calloc(1, sizeof(*end));
    if (!end || !(end->ssl = SSL_new(tls)) || !(end->in = BIO_new(BIO_s_mem())) || !(end->out = BIO_new(BIO_s_mem())))
        abort();
    SSL_set_bio(end->ssl, end->in, end->out);
    SSL_set_connect_state(end->ssl);
    X509_VERIFY_PARAM *wanted = SSL_get0_param(end->ssl);
    bool is_address = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address ? !X509_VERIFY_PARAM_set1_ip_asc(wanted, name)
                   : !X509_VERIFY_PARAM_set1_host(wanted, name, 0) || !SSL_set_tlsext_host_name(end->ssl, name))
        abort();
    return end;
}

void tls_end_free(struct tls_end *end)
{
    if (!end)
        return;
    SSL_free(end->ssl);
    free(end);
}

static enum tls_step step_of(struct tls_end *end, int result, struct error *error)
{
    int why = SSL_get_error(end->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return TLS_NEEDS_BYTES;
    long verified = SSL_get_verify_result(end->ssl);
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (why == SSL_ERROR_ZERO_RETURN)
        error_set(error, E_UNAVAILABLE, "it has closed the connection");
    else if (verified != X509_V_OK)
        error_set(error, E_UNAVAILABLE, "its certificate is not trusted: %s", X509_verify_cert_error_string(verified));
    else
        error_set(error, E_UNAVAILABLE, "TLS fails: %s", reason ? reason : "the connection is lost");
    ERR_clear_error();
    return TLS_BROKEN;
}

enum tls_step tls_end_shake(struct tls_end *end, struct error *error)
{
    ERR_clear_error();
    int result = SSL_do_handshake(end->ssl);
    return result == 1 ? TLS_DONE : step_of(end, result, error);
}

enum tls_step tls_end_read(struct tls_end *end, char *out, ptrdiff_t size, ptrdiff_t *got, struct error *error)
{
    ERR_clear_error();
    int result = SSL_read(end->ssl, out, (int)size);
    *got = result;
    return result > 0 ? TLS_DONE : step_of(end, result, error);
}

bool tls_end_write(struct tls_end *end, struct str bytes, struct error *error)
{
    ERR_clear_error();
    int result = SSL_write(end->ssl, bytes.at, (int)bytes.len);
    if (result == (int)bytes.len)
        return true;
    step_of(end, result, error); /* memory takes all; only a broken session does not */
    return error_set(error, E_UNAVAILABLE, "TLS fails: the connection is lost");
}

ptrdiff_t tls_end_take(struct tls_end *end, char *out, ptrdiff_t size)
{
    int taken = BIO_read(end->out, out, (int)size);
    return taken > 0 ? taken : 0;
}

void tls_end_give(struct tls_end *end, struct str bytes)
{
    if (BIO_write(end->in, bytes.at, (int)bytes.len) != (int)bytes.len)
        abort(); /* only memory can be missing */
}

bool tls_end_holds_bytes(const struct tls_end *end)
{
    return SSL_pending(end->ssl) > 0 || BIO_ctrl_pending(end->in) > 0;
}
