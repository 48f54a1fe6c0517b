/* mllp_server.h - listens for messages and answers them, on one thread.
 *
 *     struct mllp_options options = { .host = "10.0.0.5", .port = 2575, .allowed = S("10.0.0.0/24"), .log = log,
 *                                     .answer = answer, .context = receiver };
 *     if (!mllp_listen(&options, &server, &error)) ...
 *     mllp_close(server);                                       // when it returns nobody is answered any more
 *
 * `answer` gets one message after the other, as they are whole, and blocks the others meanwhile: what a hospital sends
 * is a few messages a second. It always has an answer.
 *
 * Hosts that `allowed` does not list are closed at once. So are connections beyond connections_max, unless one that
 * is there rests: the one that has rested longest gives way. A message that has begun has message_ms to end, its answer
 * as long to be taken; whoever says nothing for idle_ms is closed. What is not MLLP, and a message that is too long,
 * ends its connection; the latter is answered first (`too_long`).
 *
 * With TLS (`tls`) nothing else is spoken. Whoever does not end the handshake in message_ms is closed; where there is
 * no room for a connection, and more than a quarter of those that are there are shaking hands, the one of these that
 * began first gives way, and else who rests. With client_authorities whoever has no certificate that leads to one of
 * these is closed.
 *
 *     struct mllp_tls_files files = { "/etc/hl7/server.pem", "/etc/hl7/server.key", "/etc/hl7/hospital-ca.pem" };
 *     if (!mllp_tls_new(&files, &tls, &error)) ...              // E_INVALID: a file is not what it should be
 */
#ifndef ROENTGEN_HL7_MLLP_SERVER_H
#define ROENTGEN_HL7_MLLP_SERVER_H

#include "base/address.h"
#include "base/log.h"
#include "hl7/mllp.h"

struct mllp_tls_files {             /* PEM */
    const char *certificate, *key;  /* certificate: and those that lead from it to an authority */
    const char *client_authorities; /* NULL: clients are not asked for certificates */
};
struct mllp_tls;
bool mllp_tls_new(const struct mllp_tls_files *files, struct mllp_tls **out, struct error *error);
void mllp_tls_free(struct mllp_tls *tls); /* takes NULL */

struct mllp_options {
    const char *host;   /* an address */
    int port;           /* 0: any that is free */
    struct str allowed; /* base/address.h: address_in; outlives the server */
    int connections_max;
    ptrdiff_t message_bytes_max;
    int64_t message_ms, idle_ms;
    struct log *log;
    struct mllp_tls *tls; /* NULL: without; outlives the server */
    void (*answer)(void *context, struct address peer, struct str message, struct text *out);
    void (*too_long)(void *context, struct text *out);
    void *context;
};

struct mllp_server;
bool mllp_listen(const struct mllp_options *options, struct mllp_server **out, struct error *error);
int mllp_port(const struct mllp_server *server);
void mllp_close(struct mllp_server *server); /* takes NULL */

#endif
