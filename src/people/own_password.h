/* own_password.h - the password that an account's owner sets: knowing the one before, or with a token that came by
 * mail. What an administrator sets is account.h's.
 *
 *     own_password_change(c, in->current_password, in->new_password)   // whoever is signed in
 *
 *     own_password_ask(c, in->email)                                   // anybody: mails a token, if there is
 *                                                                      // somebody to mail it to
 *     own_password_reset(c, in->token, in->new_password)               // who has that mail
 *
 * A new password is another than the one so far. It ends the account's sessions, but for the one that changed it, and
 * makes every token that is still under way worthless. A token also lifts the account's locks: who reads its mail is
 * its owner, whoever guessed before.
 *
 * Nobody learns here whether an address has an account: asking answers alike and takes as long, since it is looked up
 * by a job (passwords.reset), which also writes the mail, in the transaction that stores the token. Of a token only
 * the hash is kept, for PASSWORD_RESET seconds and one use.
 *
 * All of them return false with call.error set: problems at `current_password`, `new_password` or `token` for what the
 * caller can mend, E_TOO_MANY after too many wrong passwords, E_UNAVAILABLE where no mail server is set. They hash and
 * keep transactions of their own, with the audit row in them: on a worker, outside any transaction.
 */
#ifndef ROENTGEN_OWN_PASSWORD_H
#define ROENTGEN_OWN_PASSWORD_H

#include "jobs/jobs.h"

extern const struct job_kind password_reset_kind;
enum { RESETS_COUNT_S = 3600 }; /* for so long a token counts against there being too many of one account */

/* `current` counts as an attempt to sign in does. */
bool own_password_change(struct call *c, struct str current, struct str password);

bool own_password_ask(struct call *c, struct str email);
bool own_password_reset(struct call *c, struct str token, struct str password);

#endif
