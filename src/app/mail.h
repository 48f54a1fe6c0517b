/* mail.h - sends one mail through the SMTP server that the settings name (libcurl). Blocks: on a worker. */
#ifndef ROENTGEN_MAIL_H
#define ROENTGEN_MAIL_H

#include "base/call.h"

bool mail_is_configured(const struct app *app);
/* `to` has been checked to be one address. E_UNAVAILABLE when the server cannot be reached or refuses. */
bool mail_send(struct call *c, struct str to, struct str subject, struct str body);

#endif
