/* profile.h - one's own account: asked for, and its record changed by whom it is about.
 *
 *     enum user_status status;
 *     if (!profile_register(c, in, &status, &id)) ...          // anybody; USER_PENDING: it waits for approval
 *
 *     if (!profile_confirm(c, in, given)) ...                  // before the transaction: hashes
 *     if (!profile_change(c, in, given, &before, out)) ...     // inside it
 *
 * Whoever is signed in may change the members of profile_schema, and nobody else's: call_user() is the account, `given`
 * the mask of the members that are to change. Roles, status and department are the administrators' (account.h).
 */
#ifndef ROENTGEN_PROFILE_H
#define ROENTGEN_PROFILE_H

#include "people/user.h"

/* An account as the setting REGISTRATION has it: *status says whether it can be signed in to at once. Roles that are
 * asked for are not given, a department is kept as stated. E_FORBIDDEN where registration is closed; else as
 * user_create. On a worker. */
bool profile_register(struct call *c, const struct new_user *in, enum user_status *status, int64_t *id);

/* Mail to the address can set a new password, so that a token that was left lying about must not be enough to change
 * it: another address needs the current password. A problem at body.current_password, or E_TOO_MANY. On a worker. */
bool profile_confirm(struct call *c, const struct user *in, uint64_t given);
/* Inside a transaction: what was given of `in` becomes the record. The audit row says what changed. E_FORBIDDEN for
 * another department than the account has, unless the caller manages accounts. */
bool profile_change(struct call *c, const struct user *in, uint64_t given, struct user *before, struct user *after);

#endif
