/* tls.h - the certificate of a server that speaks TLS itself, by GnuTLS, as libmicrohttpd does. Private to http.
 *
 *     http_tls_open("/etc/ssl/server.pem", "/etc/ssl/server.key", &tls, &error)   // PEM: the chain, and its key
 *     http_tls_begin(tls, session)              // each connection, before its handshake
 *     http_tls_load(tls, &changed, &error)      // the files are others now
 *
 * A connection goes on with the certificate that it began with. Certificates that were replaced are kept until
 * http_tls_free, as handshakes may be using them: some kilobytes every few weeks. A pair that cannot be read or does
 * not fit together changes nothing.
 *
 * TLS 1.2 and 1.3 with forward secrecy and AEAD ciphers only. Who comes again may go on by a ticket (RFC 5077, RFC 8446
 * 4.6.1): its key is drawn when the server starts, never written down, and turned into another one every few hours by
 * GnuTLS; tickets of another server or start cost a whole handshake.
 */
#ifndef ROENTGEN_HTTP_TLS_H
#define ROENTGEN_HTTP_TLS_H

#include "base/clock.h"
#include "base/error.h"

#include <gnutls/gnutls.h>

#define TLS_PRIORITIES \
    "NORMAL:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:" \
    "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD"

struct http_tls;

bool http_tls_open(const char *certificate, const char *key, struct http_tls **out, struct error *error);
/* *changed: the files say something else than before. One caller at a time. */
bool http_tls_load(struct http_tls *tls, bool *changed, struct error *error);
/* From here the session shows the newest certificate, and gives and takes tickets. */
void http_tls_begin(struct http_tls *tls, gnutls_session_t session);
/* What libmicrohttpd wants to have at its start: PEM, as long as `tls` lives. */
const char *http_tls_certificate_text(const struct http_tls *tls);
const char *http_tls_key_text(const struct http_tls *tls);
/* When the newest certificate ends. */
struct instant http_tls_expires(const struct http_tls *tls);
void http_tls_free(struct http_tls *tls);

#endif
