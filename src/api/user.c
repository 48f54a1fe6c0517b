/* user.c - the administration of accounts, roles and permissions. */
#include "web/exchange.h"

#include "people/account.h"
#include "web/listing.h"
#include "people/user_fields.h"
#include "site/account_key.h"
#include "site/row_counts.h"

/* The same as administrators see it. */
static const struct field user_page_fields[] = {
    USER_FIELDS,
    FIELD(struct user, locked_until, .flags = READ_ONLY | NOT_STORED | NULLABLE,
          .doc = "Sign-ins are locked until then, from the networks in `locks`; null: they are not."),
    FIELD(struct user, locks, .of = &sign_in_lock_schema, .flags = READ_ONLY | NOT_STORED,
          .doc = "The networks that too many wrong passwords have locked."),
};
static const struct schema user_page_schema = SCHEMA("UserPage", struct user, user_page_fields, .table = "users",
                                                     .alias = "u", .doc = "An account, as administrators see it.");

struct user_key {
    int64_t id;
};
static const struct field user_key_fields[] = {
    KEY(struct user_key, id, "The account that this is about."),
};
static const struct schema user_key = SCHEMA("UserKey", struct user_key, user_key_fields);

static bool load_page(struct call *c, int64_t id)
{
    return user_load(c, id, c->out) && account_load_locks(c, c->out);
}

static bool user_post(struct call *c)
{
    int64_t id;
    if (!user_create(c, c->in, USER_ACTIVE, &id))
        return false;
    answer_location(c, "/api/v1/users/%" PRId64, id);
    return load_page(c, id);
}

static bool user_get(struct call *c)
{
    const struct user_key *key = c->in;
    return load_page(c, key->id);
}

static bool user_patch(struct call *c)
{
    struct user before;
    return account_change(c, c->in, c->given, &before, c->out) && account_load_locks(c, c->out);
}

static bool user_delete(struct call *c)
{
    const struct user_key *key = c->in;
    return account_delete(c, key->id);
}

static bool user_unlock(struct call *c)
{
    const struct user_key *key = c->in;
    return account_unlock(c, key->id);
}

struct user_password {
    int64_t id;
    struct str new_password;
};
static const struct field user_password_fields[] = {
    KEY(struct user_password, id, "The account that this is about."),
    FIELD(struct user_password, new_password, .flags = REQUIRED | SECRET | KEEP_SPACES, .min = 8, .max = 72,
          .doc = "The password to set; the user will be asked to change it."),
};
static const struct schema user_password = SCHEMA("UserPassword", struct user_password, user_password_fields);

static bool user_password_post(struct call *c)
{
    const struct user_password *in = c->in;
    return account_set_password(c, in->id, in->new_password);
}

struct user_roles {
    int64_t id;
    struct texts roles;
};
static const struct field user_roles_fields[] = {
    KEY(struct user_roles, id, "The account that this is about."),
    FIELD(struct user_roles, roles, .flags = REQUIRED, .min = 1, .max = 20,
          .doc = "All the roles the account is to have."),
};
static const struct schema user_roles = SCHEMA("UserRoles", struct user_roles, user_roles_fields);

static bool user_roles_put(struct call *c)
{
    const struct user_roles *in = c->in;
    struct user before;
    return account_set_roles(c, in->id, in->roles, &before, c->out) && account_load_locks(c, c->out);
}

struct user_list {
    struct list_query list;
    unsigned status;
    struct str username;
};
#define USER_SORTS(X) X("created_at", "u.created_at")
LIST_ORDER(user_order, USER_SORTS);
static const struct field user_list_fields[] = {
    LIST_FIELDS(struct user_list, user_order, "-created_at"),
    FIELD(struct user_list, status, .choices = user_statuses, .type = "UserStatus", .filter = "u.status = ?",
          .doc = "Lists only accounts in this state."),
    FIELD(struct user_list, username, .max = 50, .filter = "u.username_key = ?",
          .doc = "Lists only the account of this name."),
};
static const struct schema user_list = SCHEMA("UserList", struct user_list, user_list_fields);

#define ROLES_OF_USER \
    "(select '[\"' || replace(group_concat(r.name), ',', '\",\"') || '\"]' from user_roles x join roles r on r.id = " \
    "x.role_id where x.user_id = u.id)"

/* A row of the list: the account without its roles and permissions, which are the single account's. */
static const struct field user_row_fields[] = {
    FIELD(struct user, id, .flags = READ_ONLY, .doc = "Identifies the account."),
    FIELD(struct user, username, .doc = "The name to sign in with."),
    PROFILE_FIELDS(struct user),
    FIELD(struct user, stated_department, .flags = NULLABLE, .doc = STATED_DEPARTMENT_DOC),
    FIELD(struct user, roles, .sql = ROLES_OF_USER, .doc = "The names of the account's roles."),
    FIELD(struct user, status, .choices = user_statuses, .type = "UserStatus",
          .doc = "Only ACTIVE accounts can sign in."),
    FIELD(struct user, must_change_password, .doc = "Was the password set by somebody else?"),
    FIELD(struct user, locked_until, .flags = NULLABLE,
          .sql = "(select max(l.locked_until) from sign_in_locks l where l.user_id = u.id)",
          .doc = "Sign-ins are locked until then, from some networks at least; null: they are not."),
    FIELD(struct user, last_login_at, .flags = NULLABLE, .doc = "The time when it was last signed in to."),
    FIELD(struct user, created_at, .doc = "The time when it was made."),
    FIELD(struct user, updated_at, .doc = "The time when it last changed."),
};
static const struct schema user_row = SCHEMA("UserRow", struct user, user_row_fields, .table = "users", .alias = "u");
static void forget_past_lock(struct call *c, void *record)
{
    struct user *user = record;
    (void)c;
    if (user->locked_until.us <= clock_now().us)
        user->locked_until = INSTANT_NULL;
}

static const struct listing user_listing = {
    .row = &user_row, .where = "u.is_deleted = 0", .id = "u.id", .order = &user_order, .derive = forget_past_lock
};

static bool user_list_get(struct call *c)
{
    struct user_list *in = arena_new(&c->arena, struct user_list);
    struct list_total total = { .is_known = list_is_plain(c) };
    *in = *(const struct user_list *)c->in;
    in->username = account_key(in->username, &c->arena);
    c->in = in;
    if (total.is_known && !row_count(c, ROWS_USERS, &total.rows))
        return false;
    return list_answer(c, &user_listing, (struct list_among){ .total = total });
}

/* ---- roles and permissions ---- */

struct role {
    int64_t id;
    struct str name, description;
    struct texts permissions;
};
static const struct field role_fields[] = {
    FIELD(struct role, id, .doc = "Identifies the role."),
    FIELD(struct role, name, .doc = "What the role is called."),
    FIELD(struct role, description, .doc = "What it is for."),
    FIELD(struct role, permissions,
          .sql = "(select '[\"' || replace(group_concat(p.name), ',', '\",\"') || '\"]' from role_permissions x "
                 "join permissions p on p.id = x.permission_id where x.role_id = r.id)",
          .doc = "The names of what it allows."),
};
static const struct schema role_schema = SCHEMA("Role", struct role, role_fields, .table = "roles", .alias = "r");

struct permission_record {
    int64_t id;
    struct str name, description;
};
static const struct field permission_fields[] = {
    FIELD(struct permission_record, id, .doc = "Identifies the permission."),
    FIELD(struct permission_record, name, .doc = "What the permission is called, as `study.read`."),
    FIELD(struct permission_record, description, .doc = "What it allows."),
};
static const struct schema permission_schema =
    SCHEMA("Permission", struct permission_record, permission_fields, .table = "permissions", .alias = "p");

struct name_list {
    struct list_query list;
};
#define ROLE_SORTS(X) X("name", "r.name")
#define PERMISSION_SORTS(X) X("name", "p.name")
LIST_ORDER(role_order, ROLE_SORTS);
LIST_ORDER(permission_order, PERMISSION_SORTS);
static const struct field name_list_fields[] = { LIST_FIELDS(struct name_list, role_order, "name") };
static const struct schema name_list = SCHEMA("NameList", struct name_list, name_list_fields);
static const struct listing role_listing = { .row = &role_schema, .id = "r.id", .order = &role_order };
static const struct listing permission_listing = { .row = &permission_schema,
                                                   .id = "p.id",
                                                   .order = &permission_order };

static bool role_list_get(struct call *c)
{
    return list_answer(c, &role_listing, (struct list_among){ 0 });
}

static bool permission_list_get(struct call *c)
{
    return list_answer(c, &permission_listing, (struct list_among){ 0 });
}

#define USERS .permission = MAY_MANAGE_USERS, .tag = "users", .entity = "user"
static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/users", user_list_get, &user_list, &user_row, .flags = LIST, USERS, .audit = "user.list",
      .summary = "Lists accounts" },
    { HTTP_POST, "/api/v1/users", user_post, &new_user_schema, &user_page_schema, .body = BODY_JSON, .runs = WORKS,
      .lane = LANE_SIGN_IN, .status = 201, .flags = CHANGES_AUTHORITY, USERS, .audit = "user.create",
      .summary = "Makes an account" },
    { HTTP_GET, "/api/v1/users/{id}", user_get, &user_key, &user_page_schema, USERS, .audit = "user.read",
      .summary = "Shows one account" },
    { HTTP_PATCH, "/api/v1/users/{id}", user_patch, &user_schema, &user_page_schema, .body = BODY_JSON, .runs = WRITES,
      .flags = CHANGES_AUTHORITY, USERS, .audit = "user.update", .summary = "Changes an account",
      .doc = "Setting a status other than ACTIVE ends the account's sessions at once. Approving one that is PENDING "
             "gives it the department that was stated at registration, unless the request names another or null." },
    { HTTP_DELETE, "/api/v1/users/{id}", user_delete, &user_key, NULL, .runs = WRITES, .flags = CHANGES_AUTHORITY,
      USERS, .audit = "user.delete", .summary = "Deletes an account",
      .doc = "The last active administrator cannot be deleted." },
    { HTTP_POST, "/api/v1/users/{id}/unlock", user_unlock, &user_key, NULL, .runs = WRITES, USERS,
      .audit = "user.unlock", .summary = "Lifts the lock that failed sign-ins left" },
    { HTTP_POST, "/api/v1/users/{id}/password", user_password_post, &user_password, NULL, .body = BODY_JSON,
      .runs = WORKS, .lane = LANE_SIGN_IN, .flags = CHANGES_AUTHORITY, USERS, .audit = "user.password",
      .summary = "Sets an account's password and ends its sessions" },
    { HTTP_PUT, "/api/v1/users/{id}/roles", user_roles_put, &user_roles, &user_page_schema, .body = BODY_JSON,
      .runs = WRITES, .flags = CHANGES_AUTHORITY, USERS, .audit = "user.roles",
      .summary = "Gives an account exactly these roles" },
    { HTTP_GET, "/api/v1/roles", role_list_get, &name_list, &role_schema, .flags = LIST, USERS,
      .summary = "Lists the roles" },
    { HTTP_GET, "/api/v1/permissions", permission_list_get, &name_list, &permission_schema, .flags = LIST, USERS,
      .summary = "Lists what roles may allow" },
};
ENDPOINT_TABLE(user_endpoints, rows);
