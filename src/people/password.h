/* password.h - what a password must be. The hash itself is base/crypto.h's. */
#ifndef ROENTGEN_PASSWORD_H
#define ROENTGEN_PASSWORD_H

#include "base/call.h"

/* Adds a problem at body.`member` when the password is too short, longer than bcrypt's 72 bytes, one that is tried
 * early (guess.h), or made of the user's own names. True when it will do. */
bool password_check(struct call *c, struct str password, struct str username, struct str email, struct str full_name,
                    const char *member);

#endif
