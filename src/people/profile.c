/* profile.c - what people do about their own accounts, but for passwords (own_password.h). */
#include "people/profile.h"

#include "site/app.h"
#include "people/account.h"
#include "people/session.h"

bool profile_register(struct call *c, const struct new_user *in, enum user_status *status, int64_t *id)
{
    struct new_user user = *in;
    unsigned policy = c->app->live->registration;
    if (policy == REGISTRATION_CLOSED)
        return fail(c, E_FORBIDDEN, "registration is closed here: ask an administrator for an account");
    user.roles = (struct texts){ 0 }; /* nobody chooses their own, nor a department, which opens studies, too */
    user.stated_department = in->department;
    user.department = STR_NULL;
    *status = policy == REGISTRATION_OPEN ? USER_ACTIVE : USER_PENDING;
    return user_create(c, &user, *status, id);
}

bool profile_confirm(struct call *c, const struct user *in, uint64_t given)
{
    struct user before;
    if (!schema_was_given(&profile_schema, given, "email"))
        return true;
    if (!user_load(c, call_user(c), &before))
        return false;
    if (str_equal(before.email, in->email))
        return true;
    if (!in->current_password.len)
        return error_add_problem(&c->error, &c->arena, "body", S("current_password"), "missing",
                                 "to change the e-mail address, give the current password too");
    return password_confirmed(c, call_user(c), in->current_password, "current_password");
}

/* Whether a department may become the caller's: studies are opened to departments. */
static bool may_belong_to(struct call *c, struct str department, struct str before)
{
    return str_equal(department, before) || call_may(c, MAY_MANAGE_USERS) ||
           fail(c, E_FORBIDDEN,
                "department: studies are opened to departments, so that who manages accounts says whose "
                "yours is");
}

bool profile_change(struct call *c, const struct user *in, uint64_t given, struct user *before, struct user *after)
{
    struct user change = *in;
    int64_t id = call_user(c);
    if (!user_load(c, id, before) ||
        (schema_was_given(&profile_schema, given, "department") &&
         !may_belong_to(c, in->department, before->department)) ||
        db_find_update(c, &profile_schema, &change, given, "where id = ?", V(id)) == FAILED ||
        !user_load(c, id, after) || !user_settle_department(c, before, after))
        return false;
    audit_about(c, id, 0);
    account_note_change(c, before, after);
    return account_tell_new_email(c, before->email, after->email);
}
