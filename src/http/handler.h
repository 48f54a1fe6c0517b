/* handler.h - the functions given to libmicrohttpd. Private to http. */
#ifndef ROENTGEN_HTTP_HANDLER_H
#define ROENTGEN_HTTP_HANDLER_H

#include "http/server.h"

void *handler_on_target(void *self, const char *uri, struct MHD_Connection *mhd); /* the request line is there */
enum MHD_Result handler_on_request(void *self, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *len, void **context);
void handler_on_completed(void *self, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode why);
enum MHD_Result handler_may_connect(void *self, const struct sockaddr *address, socklen_t len);
void handler_on_connection(void *self, struct MHD_Connection *mhd, void **context,
                           enum MHD_ConnectionNotificationCode what);
size_t handler_keep_escapes(void *self, struct MHD_Connection *mhd, char *text);

#endif
