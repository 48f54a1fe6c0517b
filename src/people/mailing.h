/* mailing.h - mail to people: written down together with what it tells of, and sent by a job.
 *
 *     return store_lock(c, note) &&                                    // inside a transaction
 *            mailing_put(c, &(struct mail){ email, S("Subject"), body });
 *
 * So there is either both or neither; a mail server that is away gets it later, and one that refuses it for good makes
 * the job FAILED, with words. Where no mail server is set nothing is put.
 *
 * Whoever may see jobs sees the subject, which is a literal. Address and text are sealed: a text may hold a token that
 * sets a password.
 */
#ifndef ROENTGEN_MAILING_H
#define ROENTGEN_MAILING_H

#include "jobs/jobs.h"
#include "site/mail.h"

extern const struct job_kind mail_send_kind;

/* Inside a transaction. The subject tells nothing of anybody. */
bool mailing_put(struct call *c, const struct mail *mail);

/* What strangers have typed, in the payload of a job: sealed, for this use alone. False: it does not open (E_INVALID).
 */
struct str mailing_seal(struct call *c, struct str plain);
bool mailing_open(struct call *c, struct str sealed, struct str *plain);

#endif
