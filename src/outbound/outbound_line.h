/* outbound_line.h - a connection that carries bytes, to a host that a setting of the operator names; with TLS, if so
 * wished.
 *
 *     struct outbound_line_options options = { S("ris.example.org"), 2575, .timeout_ms = 15000 };
 *     if (!outbound_line_open(&options, &line, &error)) ...
 *     outbound_line_send(line, bytes, &error) && outbound_line_receive(line, buffer, size, &got, &error)
 *     outbound_line_close(line);
 *
 * For protocols that are not HTTP. Nobody but the operator chooses where it leads: for addresses that others may set
 * there is outbound.h. By libcurl (CURLOPT_CONNECT_ONLY), so that names, time-outs and certificates are as there.
 * timeout_ms is for all of it, from open to close. Errors are E_UNAVAILABLE.
 */
#ifndef ROENTGEN_OUTBOUND_LINE_H
#define ROENTGEN_OUTBOUND_LINE_H

#include "base/error.h"

struct outbound_line_options {
    struct str host;
    int64_t port;
    bool is_tls;                             /* the certificate is checked, for this host */
    const char *ca_file;                     /* of the authorities to trust; NULL: those that the system does */
    const char *certificate_file, *key_file; /* PEM: what is shown to hosts that ask for it; NULL: nothing */
    int64_t timeout_ms;
    bool (*is_stopping)(const void *context); /* asked about once a second; NULL: nothing stops it */
    const void *context;
};

struct outbound_line;
bool outbound_line_open(const struct outbound_line_options *options, struct outbound_line **out, struct error *error);
bool outbound_line_send(struct outbound_line *line, struct str bytes, struct error *error); /* all of them */
bool outbound_line_receive(struct outbound_line *line, char *buffer, ptrdiff_t size, ptrdiff_t *got,
                           struct error *error);      /* at least one; *got 0: it was closed */
void outbound_line_close(struct outbound_line *line); /* takes NULL */

#endif
