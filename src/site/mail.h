/* mail.h - sends mail through the SMTP server that the settings name (libcurl).
 *
 *     mail_send_later(c->app->mailer, call_request_id(c), user.email, S("Subject"), body);     // copied
 *
 * A thread of its own does it, so that no answer's duration tells whether there was somebody to write to. Mail
 * waiting at the end of the process gets MAIL_GRACE_S; mail is a courtesy here, never the only copy of anything. What
 * cannot be sent is told to the log, without the text, and tried no more; nobody who queued it hears of it. Without
 * SMTP_URL and MAIL_FROM there is no mailer (NULL), and mail_is_configured says so.
 */
#ifndef ROENTGEN_MAIL_H
#define ROENTGEN_MAIL_H

#include "base/call.h"

struct mailer;
enum { MAIL_GRACE_S = 10, MAIL_QUEUE_MAX = 1000 };

bool mail_is_configured(const struct app *app);
bool mailer_open(struct app *app, struct mailer **out, struct error *error);
void mailer_close(struct mailer *mailer); /* takes NULL */
/* Queues it; what goes wrong is told to the log alone. False: the queue is full. */
bool mail_send_later(struct mailer *mailer, const char *request_id, struct str to, struct str subject, struct str body);

struct mail_text {
    struct str to, subject, body;
};
/* Queues the writing of it too: `compose` is called on the mailer's thread with `to` filled in. False there: nothing
 * is sent, and nothing said unless call.error is set. */
bool mail_compose_later(struct mailer *mailer, const char *request_id, struct str to,
                        bool (*compose)(struct call *c, struct mail_text *out));

#endif
