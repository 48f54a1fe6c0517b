/* redirect.h - a port of plain HTTP that knows one answer: the same by HTTPS.
 *
 *     redirect_start(app, tls_port, &plain, &error)     // http_stop(plain, 0) ends it
 *
 * 308 (RFC 9110 15.4.9) keeps the method. Where to: proxy_https_location (web/exchange.h); 400 where this server does
 * not know its own name. Nothing else of a request is looked at, and none is handled: what came in the clear is not to
 * be used.
 */
#ifndef ROENTGEN_REDIRECT_H
#define ROENTGEN_REDIRECT_H

#include "http/http.h"
#include "site/app.h"

/* Listens on TLS_REDIRECT_PORT. `tls_port`: where HTTPS is spoken. */
bool redirect_start(struct app *app, int tls_port, struct http_server **out, struct error *error);

#endif
