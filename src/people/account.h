/* account.h - what an account may be called, and what administrators do to accounts, from the API and from the command
 * line alike.
 *
 *     struct user before, after;                                       // inside a transaction:
 *     if (!account_change(c, in, given, &before, &after)) ...          // E_NOT_FOUND, E_CONFLICT
 *
 *     account_set_password(c, id, password)                            // on a worker: hashes, then stores
 *
 * Whether the caller may is asked before (MAY_MANAGE_USERS, or being at the machine). A change leaves its detail in the
 * audit row in progress, which the caller's transaction writes (WRITES, audit_change); account_set_password writes its
 * own.
 *
 * A name is unique as it looks, not as it is spelt: users.name_skeleton has what it looks like (base/spoof.h), under a
 * unique index, which also settles two that come at once.
 *
 * Functions return false with call.error set: problems at the member that does not fit, E_NOT_FOUND when there is no
 * such account, E_CONFLICT for a name that is taken and for the last administrator.
 */
#ifndef ROENTGEN_ACCOUNT_H
#define ROENTGEN_ACCOUNT_H

#include "people/user.h"

/* An address that mail can be sent to: what <input type=email> takes (HTML Standard 4.10.5.1.5), in ASCII, at a
 * domain with a dot in it. Hospitals whose mail stays within have such domains, too (ris.local). "localhost" is one
 * as well: a machine that is tried alone has no other. */
extern const struct text_rule email_rule;

/* A name to sign in with: nothing in it that cannot be seen, no mixture of scripts that look alike (base/spoof.h), no
 * @, which would be an address. */
extern const struct text_rule account_name_rule;

/* Both rules, for accounts that are not made through the API's schemas: problems name what is wrong. */
bool account_check(struct call *c, struct str username, struct str email);
/* Inside a transaction: has no account that is there a name that looks like this one? */
bool account_name_is_free(struct call *c, struct str username, struct str skeleton);
/* Computes what is missing of users.name_skeleton, after an upgrade. */
bool account_fill_skeletons(struct call *c);

/* Inside a transaction, as the next ones. Who is no longer to sign in loses all sessions at once; the last active
 * administrator stays one (E_CONFLICT). */
bool account_unlock(struct call *c, int64_t id);
bool account_delete(struct call *c, int64_t id);
/* What is given (a mask) of `in`, whose id is the account's, becomes the record; the account gets this status, exactly
 * these roles. The audit row says what changed; *before and *after are the record. A department that the person stated
 * becomes the account's when a PENDING one is made ACTIVE and nothing else is said of it; it is gone as soon as
 * something is said. */
bool account_change(struct call *c, const struct user *in, uint64_t given, struct user *before, struct user *after);
bool account_set_status(struct call *c, int64_t id, enum user_status status, struct user *before, struct user *after);
bool account_set_roles(struct call *c, int64_t id, struct texts roles, struct user *before, struct user *after);
/* What such a change leaves in the audit row, for who makes one himself. */
void account_note_change(struct call *c, const struct user *before, const struct user *after);
/* A password that somebody else than its owner sets, who has to change it: checked and hashed on a worker; then,
 * inside a transaction, stored, which ends the account's sessions and lifts its locks. */
bool account_hash_password(struct call *c, int64_t id, struct str password, struct str *hash);
bool account_store_password(struct call *c, int64_t id, struct str hash);
/* Both, with the audit row of a request. */
bool account_set_password(struct call *c, int64_t id, struct str password);

/* The locks of sign-ins that hold now, for the account's page: fills `locks` and `locked_until`. */
bool account_load_locks(struct call *c, struct user *user);
extern const struct schema sign_in_lock_schema;

/* Inside a transaction: both addresses learn that an account's address has changed, so that whoever has lost it to
 * somebody hears of it. */
bool account_tell_new_email(struct call *c, struct str before, struct str after);

#endif
