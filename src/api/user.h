/* user.h - what the answers to administrators' and people's own changes of an account have in common.
 *
 *     if (!account_change(c, c->in, c->given, &before, c->out)) return false;
 *     user_tell_after(c, &before, c->out);      // once it is committed; a request that fails in the end tells nobody
 */
#ifndef ROENTGEN_USER_API_H
#define ROENTGEN_USER_API_H

#include "web/exchange.h"
#include "people/user.h"

/* Mail to both addresses, once the change is made, when the e-mail address is another. */
void user_tell_after(struct call *c, const struct user *before, const struct user *after);

#endif
