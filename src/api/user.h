/* user.h - what administrators' and people's own changes of an account have in common. */
#ifndef ROENTGEN_USER_API_H
#define ROENTGEN_USER_API_H

#include "web/exchange.h"
#include "people/user.h"

/* For the audit row of a change, and mail to both addresses, once it is made, when the e-mail address is another. */
void user_changed(struct call *c, const struct user *before, const struct user *after);

#endif
