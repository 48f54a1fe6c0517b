/* password.h - what a password must be.
 *
 *     if (!password_check(c, in->new_password, user.username, user.email, user.full_name, "new_password"))
 *         return false;                                        // 422: body.new_password, with what is wrong
 *     password_hash(in->new_password, cost, &c->arena, &hash, &c->error)       // base/crypto.h, on a worker
 *
 * Length counts, and not being one that is tried first (guess.h); no classes of characters are asked for (NIST SP
 * 800-63B 5.1.1.2). At least PASSWORD_MIN_LENGTH characters, at most the 72 bytes that bcrypt looks at. Nothing is kept
 * of the password, and no problem repeats it.
 */
#ifndef ROENTGEN_PASSWORD_H
#define ROENTGEN_PASSWORD_H

#include "base/call.h"

/* Adds a problem at body.`member` when the password is too short, too long, tried early, or made of the user's own
 * names. True when it will do. */
bool password_check(struct call *c, struct str password, struct str username, struct str email, struct str full_name,
                    const char *member);

#endif
