/* user_fields.h - the field rows of an account that several records share, each written once.
 *
 *     static const struct field profile_fields[] = { PROFILE_FIELDS(struct user), ... };   // what people change
 *     static const struct field user_fields[] = { USER_FIELDS };                           // the whole record
 *
 * A record that uses PROFILE_FIELDS(T) has members of these names and types in T. Only rows: nothing to own.
 */
#ifndef ROENTGEN_USER_FIELDS_H
#define ROENTGEN_USER_FIELDS_H

#include "people/account.h"

#define PROFILE_FIELDS(T) \
    FIELD(T, email, .flags = REQUIRED, .min = 3, .max = 254, .rule = &email_rule, \
          .doc = "The e-mail address; no two accounts share one.", .example = "zhang.wei@example.org"), \
        FIELD(T, full_name, .flags = REQUIRED, .min = 1, .max = 100, \
              .doc = "The name that colleagues know the person by.", .example = "张伟"), \
        FIELD(T, phone, .flags = NULLABLE, .max = 32, .doc = "The number where the person can be called."), \
        FIELD(T, department, .flags = NULLABLE, .max = 100, \
              .doc = "The department that the person belongs to. It opens studies: who manages accounts says it."), \
        FIELD(T, title, .flags = NULLABLE, .max = 100, .doc = "The person's professional title.")

#define STATED_DEPARTMENT_DOC \
    "The department that the person named at registration. It opens nothing: approving the account, or setting " \
    "`department`, settles it."

#define USER_FIELDS \
    FIELD(struct user, id, .flags = READ_ONLY, .doc = "Identifies the account."), \
        FIELD(struct user, username, .flags = READ_ONLY, .max = 50, .doc = "The name to sign in with."), \
        PROFILE_FIELDS(struct user), \
        FIELD(struct user, stated_department, .flags = READ_ONLY | NULLABLE, .max = 100, \
              .doc = STATED_DEPARTMENT_DOC), \
        FIELD(struct user, roles, .flags = READ_ONLY | NOT_STORED, .doc = "The names of the account's roles."), \
        FIELD(struct user, permissions, .flags = READ_ONLY | NOT_STORED, .doc = "What those roles allow."), \
        FIELD(struct user, status, .choices = user_statuses, .type = "UserStatus", .flags = REQUIRED, \
              .doc = "Only ACTIVE accounts can sign in; PENDING ones wait for approval."), \
        FIELD(struct user, must_change_password, .flags = READ_ONLY, \
              .doc = "Was the password set by somebody else? Then it has to be changed first."), \
        FIELD(struct user, last_login_at, .flags = READ_ONLY | NULLABLE, \
              .doc = "The time when it was last signed in to."), \
        FIELD(struct user, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "The time when it was made."), \
        FIELD(struct user, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "The time when it last changed."), \
        FIELD(struct user, password_hash, .flags = READ_ONLY | SECRET, .doc = "The password's bcrypt hash."), \
        FIELD(struct user, name_skeleton, .flags = READ_ONLY | SECRET | NULLABLE, \
              .doc = "What the name looks like (base/spoof.h).")

#endif
