/* user.h - what the answers to administrators' and people's own changes of an account have in common. */
#ifndef ROENTGEN_USER_API_H
#define ROENTGEN_USER_API_H

#include "web/exchange.h"
#include "people/user.h"

/* Mail to both addresses, once the change is made, when the e-mail address is another. */
void user_tell_after(struct call *c, const struct user *before, const struct user *after);

#endif
