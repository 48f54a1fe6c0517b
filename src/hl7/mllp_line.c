/* mllp_line.c - see mllp_line.h and, for the certificates, mllp_server.h. */
#include "hl7/mllp_line.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what all connections share ---- */

struct mllp_tls {
    SSL_CTX *context;
};

/* A key that is sealed by a password is refused, and nobody is asked for it. */
static int no_password(char *buffer, int size, int is_writing, void *unused)
{
    (void)buffer, (void)size, (void)is_writing, (void)unused;
    return 0;
}

static bool complain(struct error *error, const char *what, const char *file)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    error_set(error, E_INVALID, "%s %s: %s", what, file, reason ? reason : "it cannot be used");
    ERR_clear_error();
    return false;
}

static bool ask_for_certificates(SSL_CTX *context, const char *file, struct error *error)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (!names || !SSL_CTX_load_verify_file(context, file)) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return complain(error, "the authorities of", file);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

static bool set_up(SSL_CTX *context, const struct mllp_tls_files *files, struct error *error)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1)
        return complain(error, "the certificate of", files->certificate);
    if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return complain(error, "the key of", files->key);
    return !files->client_authorities || ask_for_certificates(context, files->client_authorities, error);
}

bool mllp_tls_new(const struct mllp_tls_files *files, struct mllp_tls **out, struct error *error)
{
    struct mllp_tls *tls = calloc(1, sizeof(*tls));
    *out = NULL;
    if (!tls || !(tls->context = SSL_CTX_new(TLS_server_method()))) {
        free(tls);
        return error_set(error, E_UNAVAILABLE, "there is no memory to listen with");
    }
    if (!set_up(tls->context, files, error)) {
        mllp_tls_free(tls);
        return false;
    }
    *out = tls;
    return true;
}

void mllp_tls_free(struct mllp_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

/* ---- one connection ---- */

bool mllp_line_begin(struct mllp_line *line, struct mllp_tls *tls, int fd)
{
    *line = (struct mllp_line){ .fd = fd, .is_shaking = tls != NULL, .wants = POLLIN };
    if (!tls)
        return true;
    line->tls = SSL_new(tls->context);
    if (line->tls && SSL_set_fd(line->tls, fd) == 1) {
        SSL_set_accept_state(line->tls);
        return true;
    }
    ERR_clear_error();
    line->is_shaking = false;
    mllp_line_close(line);
    return false;
}

static enum mllp_io step_of(struct mllp_line *line, int result)
{
    int why = SSL_get_error(line->tls, result);
    line->wants = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? MLLP_IO_WAIT : MLLP_IO_ENDED;
}

enum mllp_io mllp_line_shake(struct mllp_line *line, const char **why)
{
    ERR_clear_error();
    int result = SSL_do_handshake(line->tls);
    if (result == 1) {
        line->is_shaking = false;
        return MLLP_IO_DONE;
    }
    enum mllp_io step = step_of(line, result);
    unsigned long code = ERR_peek_last_error();
    long verified = SSL_get_verify_result(line->tls);
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    *why = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
           : reason              ? reason
                                 : "the connection was closed";
    ERR_clear_error();
    return step;
}

enum mllp_io mllp_line_receive(struct mllp_line *line, char *buffer, ptrdiff_t size, ptrdiff_t *got)
{
    *got = 0;
    if (!line->tls) {
        ssize_t n = recv(line->fd, buffer, (size_t)size, 0);
        *got = n > 0 ? n : 0;
        return n > 0 ? MLLP_IO_DONE : n < 0 && (errno == EAGAIN || errno == EINTR) ? MLLP_IO_WAIT : MLLP_IO_ENDED;
    }
    ERR_clear_error();
    int n = SSL_read(line->tls, buffer, (int)size);
    *got = n > 0 ? n : 0;
    enum mllp_io step = n > 0 ? MLLP_IO_DONE : step_of(line, n);
    ERR_clear_error();
    return step;
}

enum mllp_io mllp_line_send(struct mllp_line *line, struct str bytes, ptrdiff_t *sent)
{
    *sent = 0;
    if (!line->tls) {
        ssize_t n = send(line->fd, bytes.at, (size_t)bytes.len, MSG_NOSIGNAL);
        *sent = n > 0 ? n : 0;
        return n >= 0 ? MLLP_IO_DONE : errno == EAGAIN || errno == EINTR ? MLLP_IO_WAIT : MLLP_IO_ENDED;
    }
    ERR_clear_error();
    int n = SSL_write(line->tls, bytes.at, (int)bytes.len);
    *sent = n > 0 ? n : 0;
    enum mllp_io step = n > 0 ? MLLP_IO_DONE : step_of(line, n);
    ERR_clear_error();
    return step;
}

void mllp_line_finish(struct mllp_line *line)
{
    if (line->tls && !line->is_shaking)
        SSL_shutdown(line->tls);
    ERR_clear_error();
    shutdown(line->fd, SHUT_WR);
}

void mllp_line_close(struct mllp_line *line)
{
    if (line->tls && !line->is_shaking && SSL_is_init_finished(line->tls))
        SSL_shutdown(line->tls); /* says so, if there is room for it; waits for nobody */
    ERR_clear_error();
    SSL_free(line->tls);
    close(line->fd);
}
