/* user.h - accounts: their record, and the rules about them that sign-in shares with administration. */
#ifndef ROENTGEN_USER_H
#define ROENTGEN_USER_H

#include "base/call.h"
#include "schema/field.h"

enum user_status { USER_STATUS_NONE, USER_ACTIVE, USER_PENDING, USER_DISABLED };
extern const char *const user_statuses[];

struct user {
    int64_t id;
    struct str username, email, full_name, phone, department, title;
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
    struct texts roles;
};
extern const struct schema new_user_schema;

/* E_NOT_FOUND when there is no such account (or it is deleted). Roles and permissions are filled in. */
bool user_load(struct call *c, int64_t id, struct user *out);

/* Checks the password (password.h), hashes it, inserts the account with its roles. On a worker; *id gets the new id. */
bool user_create(struct call *c, const struct new_user *in, enum user_status status, int64_t *id);

/* Inside a transaction: gives exactly these roles; problems name unknown ones. */
bool user_set_roles(struct call *c, int64_t user_id, struct texts roles, const char *place);
/* Is somebody but `user_id` an active administrator? */
enum found user_other_admin(struct call *c, int64_t user_id);
/* Inside a transaction, before the account stops being one: E_CONFLICT when it is the last. */
bool user_keep_an_admin(struct call *c, int64_t user_id);
/* Inside a transaction: ends the sessions of a user, except `keep` (0: none). */
bool sessions_revoke(struct call *c, int64_t user_id, int64_t keep, const char *reason);

#endif
