/* user.c - the account's record and the rules about it. */
#include "people/user.h"

#include "people/account.h"
#include "site/app.h"
#include "people/password.h"
#include "people/user_fields.h"
#include "base/names.h"
#include "base/spoof.h"

const char *const user_statuses[] = { "ACTIVE", "PENDING", "DISABLED", NULL };
NAMES_REACH(user_statuses, USER_DISABLED);

static const struct field user_fields[] = { USER_FIELDS };
const struct schema user_schema =
    SCHEMA("User", struct user, user_fields, .table = "users", .alias = "u", .doc = "An account.");

/* What people may change about themselves. */
static const struct field profile_fields[] = {
    PROFILE_FIELDS(struct user),
    FIELD(struct user, updated_at, .flags = READ_ONLY | SET_ON_UPDATE, .doc = "The time when it last changed."),
    FIELD(struct user, current_password, .flags = SECRET | KEEP_SPACES | NOT_STORED, .max = 200,
          .doc = "It is needed to change the e-mail address, since mail to that can set a new password."),
};
const struct schema profile_schema = SCHEMA("Profile", struct user, profile_fields, .table = "users", .alias = "u");

#define NEW_USER_FIELDS \
    FIELD(struct new_user, username, .flags = REQUIRED, .min = 2, .max = 50, .rule = &account_name_rule, \
          .doc = "The name to sign in with. It is unique, and does not look like another's.", .example = "zhangwei"), \
        PROFILE_FIELDS(struct new_user), \
        FIELD(struct new_user, password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 8, .max = 72, \
              .doc = "The password to begin with. It is at least as long as the setting says (10), at most 72 bytes, " \
                     "not a common one, and not the account's own name."), \
        FIELD(struct new_user, roles, .max = 20, .doc = "The names of its roles; doctor when absent.")

static const struct field new_user_fields[] = {
    NEW_USER_FIELDS,
    FIELD(struct new_user, must_change_password, .fallback = "false",
          .doc = "Does the password open nothing but its change? For people, whose password nobody else should know."),
};
const struct schema new_user_schema =
    SCHEMA("NewUser", struct new_user, new_user_fields, .doc = "What a new account is made of.");

static const struct field registration_fields[] = { NEW_USER_FIELDS };
const struct schema registration_schema =
    SCHEMA("Registration", struct new_user, registration_fields, .doc = "What an account is asked for with.");

static bool load_names(struct call *c, const char *sql, int64_t id, struct texts *out)
{
    struct cursor rows;
    enum { MOST = 64 };
    out->items = arena_array(&c->arena, struct str, MOST);
    out->count = 0;
    for (db_rows(c, &rows, sql, V(id)); out->count < MOST && cursor_next(&rows);)
        out->items[out->count++] = arena_copy(&c->arena, cursor_text(&rows, 0));
    return cursor_close(&rows);
}

#define NAMES_OF_ROLES \
    "select r.name from user_roles u join roles r on r.id = u.role_id where u.user_id = ? order by r.name"

bool user_load(struct call *c, int64_t id, struct user *out)
{
    if (!db_get(c, &user_schema, out, "where u.id = ? and u.deleted_at is null", V(id)))
        return fail(c, E_NOT_FOUND, "account %" PRId64 " does not exist", id);
    return load_names(c, NAMES_OF_ROLES, id, &out->roles) &&
           load_names(c,
                      "select distinct p.name from user_roles u join role_permissions r on r.role_id = u.role_id "
                      "join permissions p on p.id = r.permission_id where u.user_id = ? order by p.name",
                      id, &out->permissions);
}

static bool is_among(struct str name, struct texts names)
{
    for (ptrdiff_t i = 0; i < names.count; i++)
        if (str_equal(names.items[i], name))
            return true;
    return false;
}

/* Those that stay are left alone: they count from when they were given (user_roles.created_at). */
static bool take_other_roles(struct call *c, int64_t user_id, struct texts roles)
{
    struct texts had;
    if (!load_names(c, NAMES_OF_ROLES, user_id, &had))
        return false;
    for (ptrdiff_t i = 0; i < had.count; i++)
        if (!is_among(had.items[i], roles) &&
            !db_execute(c,
                        "delete from user_roles where user_id = ? and role_id = (select id from roles where name = ?)",
                        V(user_id), V(had.items[i])))
            return false;
    return true;
}

bool user_set_roles(struct call *c, int64_t user_id, struct texts roles, const char *place)
{
    if (!take_other_roles(c, user_id, roles))
        return false;
    bool all = true;
    for (ptrdiff_t i = 0; i < roles.count; i++) {
        int64_t role = 0, twice = 0;
        enum found found = db_find_integer(c, &role, "select id from roles where name = ?", V(roles.items[i]));
        if (found == FAILED)
            return false;
        if (found == NONE) {
            all = error_add_problem(&c->error, &c->arena, place, arena_format(&c->arena, "roles.%td", i),
                                    "not_a_choice", "there is no such role");
            continue;
        }
        if (!db_integer(c, &twice, "select count(*) from user_roles where user_id = ? and role_id = ?", V(user_id),
                        V(role)) ||
            (!twice && !db_execute(c, "insert into user_roles(user_id, role_id, created_at) values (?, ?, ?)",
                                   V(user_id), V(role), V(clock_now()))))
            return false;
    }
    return all;
}

bool user_settle_department(struct call *c, const struct user *before, const struct user *after)
{
    return str_equal(before->department, after->department) ||
           db_execute(c, "update users set department_since = ? where id = ?", V(clock_now()), V(after->id));
}

enum found user_other_admin(struct call *c, int64_t user_id)
{
    int64_t others = 0;
    if (!db_integer(
            c, &others,
            "select count(*) from users u join user_roles x on x.user_id = u.id join roles r on r.id = x.role_id "
            "where r.name = 'admin' and u.status = 'ACTIVE' and u.deleted_at is null and u.id <> ?",
            V(user_id)))
        return FAILED;
    return others ? FOUND : NONE;
}

/* Only an administrator who is active now can be the last one. */
bool user_keep_an_admin(struct call *c, int64_t user_id)
{
    int64_t is_admin = 0;
    /* One at a time, or two administrators could end each other's rights. */
    if (!db_lock(c, "select id from roles where name = ?", V(S("admin"))))
        return false;
    if (!db_integer(
            c, &is_admin,
            "select count(*) from users u join user_roles x on x.user_id = u.id join roles r on r.id = x.role_id "
            "where r.name = 'admin' and u.status = 'ACTIVE' and u.id = ?",
            V(user_id)))
        return false;
    return !is_admin || user_other_admin(c, user_id) == FOUND ||
           fail(c, E_CONFLICT, "this is the last active administrator");
}

bool sessions_revoke(struct call *c, int64_t user_id, int64_t keep, const char *reason)
{
    return db_execute(
        c,
        "update sessions set revoked_at = ?, revoked_reason = ? where user_id = ? and revoked_at is null and id <> ?",
        V(clock_now()), V(str_from(reason)), V(user_id), V(keep));
}

struct creation {
    const struct new_user *in;
    struct user user;
    int64_t id;
};

static bool insert_user(struct call *c, void *context)
{
    struct creation *creation = context;
    static struct str doctor[] = { { "doctor", 6 } };
    struct texts roles = creation->in->roles;
    if (!roles.count)
        roles = (struct texts){ doctor, 1 };
    if (!account_name_is_free(c, creation->user.username, creation->user.name_skeleton) ||
        !db_insert(c, &user_schema, &creation->user, &creation->id) || !user_set_roles(c, creation->id, roles, "body"))
        return false;
    audit_about(c, creation->id, 0);
    return audit_change(c);
}

bool user_create(struct call *c, const struct new_user *in, enum user_status status, int64_t *id)
{
    struct creation creation = { .in = in };
    if (!account_check(c, in->username, in->email) ||
        !password_check(c, in->password, in->username, in->email, in->full_name, "password"))
        return false;
    schema_clear(&user_schema, &creation.user);
    struct user *u = &creation.user;
    u->username = in->username;
    u->name_skeleton = spoof_skeleton(in->username, &c->arena);
    u->email = in->email;
    u->full_name = in->full_name;
    u->phone = in->phone;
    u->department = in->department;
    u->stated_department = in->stated_department;
    u->title = in->title;
    u->status = status;
    u->must_change_password = in->must_change_password;
    if (!password_hash(in->password, (int)c->app->config.bcrypt_cost, &c->arena, &u->password_hash, &c->error) ||
        !db_transact(c, insert_user, &creation))
        return false;
    *id = creation.id;
    return true;
}
