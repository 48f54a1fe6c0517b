/* mail.h - hands a mail to the SMTP server that the settings name (libcurl).
 *
 *     if (!mail_is_configured(c->app)) ...                      // without SMTP_URL and MAIL_FROM
 *     if (!mail_send(c, &(struct mail){ to, subject, body, number }, is_stopping, context)) ...
 *
 * Blocks for up to 25 s: for jobs (people/mailing.h). False: E_UNAVAILABLE, and it may be tried again; E_INVALID, the
 * server refused it for good (RFC 5321 4.2.1), or the address is none. Neither tells address nor text.
 */
#ifndef ROENTGEN_MAIL_H
#define ROENTGEN_MAIL_H

#include "base/call.h"

struct mail {
    struct str to, subject, body;
    struct str number; /* the same whenever it is sent: part of its Message-ID */
};

bool mail_is_configured(const struct app *app);
/* `is_stopping` is asked about once a second. */
bool mail_send(struct call *c, const struct mail *mail, bool (*is_stopping)(const void *context), const void *context);

#endif
