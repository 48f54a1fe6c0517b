/* user.h - accounts: their record, and the rules about them that signing in and administration share.
 *
 *     struct user user;
 *     if (!user_load(c, id, &user)) ...                        // E_NOT_FOUND: none, or deleted
 *     user.roles.items[0]                                      // "radiologist"
 *
 *     static bool stop(struct call *c, void *context)          // inside a transaction
 *     {
 *         const int64_t *id = context;
 *         return user_keep_an_admin(c, *id) && sessions_revoke(c, *id, 0, "disabled") && ...;
 *     }
 *
 * What holds for all accounts, whoever changes them:
 *
 *     one active administrator stays       user_keep_an_admin, which also makes administrators take turns
 *     who may no longer sign in is out     sessions_revoke, in the same transaction; tokens in use are forgotten after
 *                                          its commit (authority_changed, principal.h)
 *     a department opens studies           so it is the word of who manages accounts; what somebody who registers says
 *                                          is
 *                                          kept apart, as stated_department, until that is confirmed (account.h)
 *     a deleted account keeps its row      so that records and the audit log still say who it was; its name is free
 *
 * Texts and lists of a loaded user live in the call's arena. Functions return false with call.error set: E_NOT_FOUND,
 * E_CONFLICT, or problems that name the member. What administrators do is in account.h, what people do about
 * themselves in profile.h and own_password.h, being signed in in session.h.
 */
#ifndef ROENTGEN_USER_H
#define ROENTGEN_USER_H

#include "base/call.h"
#include "schema/field.h"

enum user_status { USER_STATUS_NONE, USER_ACTIVE, USER_PENDING, USER_DISABLED };
extern const char *const user_statuses[];

struct user {
    int64_t id;
    struct str username, email, full_name, phone, department, stated_department, title;
    unsigned status;
    bool must_change_password;
    struct instant last_login_at, created_at, updated_at;
    struct texts roles, permissions;
    struct str password_hash, name_skeleton;
    struct instant locked_until; /* on the page that administrators see */
    struct list locks;           /* of struct sign_in_lock */
    struct str current_password; /* given with a change of one's own e-mail address */
};
struct sign_in_lock {
    struct str network;
    struct instant locked_at, locked_until;
};
extern const struct schema user_schema, profile_schema;

/* What a new account is made of. */
struct new_user {
    struct str username, email, full_name, password, phone, department, title;
    struct str stated_department; /* the person's own word, of who registers */
    struct texts roles;
    bool must_change_password; /* somebody else has chosen the password */
};
extern const struct schema new_user_schema, registration_schema;

/* E_NOT_FOUND when there is no such account (or it is deleted). Roles and permissions are filled in. */
bool user_load(struct call *c, int64_t id, struct user *out);

/* Checks the password (password.h), hashes it, inserts the account with its roles. On a worker; *id gets the new id. */
bool user_create(struct call *c, const struct new_user *in, enum user_status status, int64_t *id);

/* Inside a transaction: gives exactly these roles; problems name unknown ones. */
bool user_set_roles(struct call *c, int64_t user_id, struct texts roles, const char *place);
/* Inside a transaction: the account has been changed; of another department, it belongs to that from now on. */
bool user_settle_department(struct call *c, const struct user *before, const struct user *after);
/* Is somebody but `user_id` an active administrator? */
enum found user_other_admin(struct call *c, int64_t user_id);
/* Inside a transaction, before the account stops being one: E_CONFLICT when it is the last. */
bool user_keep_an_admin(struct call *c, int64_t user_id);
/* Inside a transaction: ends the sessions of a user, except `keep` (0: none). */
bool sessions_revoke(struct call *c, int64_t user_id, int64_t keep, const char *reason);

#endif
