/* account.c - rules about accounts that are neither signing in nor a table of endpoints. */
#include "people/account.h"

#include "site/account_key.h"
#include "site/app.h"
#include "people/lockout.h"
#include "people/mailing.h"
#include "people/password.h"
#include "base/spoof.h"

#include <ctype.h>

/* ---- e-mail addresses ---- */

static bool is_atom(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+/=?^_`{|}~-", c));
}

/* Atoms between single dots (RFC 5321 4.1.2 Dot-string). */
static bool is_local_part(struct str s)
{
    bool after_atom = false;
    for (ptrdiff_t i = 0; i < s.len; i++) {
        if (s.at[i] == '.' ? !after_atom : !is_atom(s.at[i]))
            return false;
        after_atom = s.at[i] != '.';
    }
    return after_atom && s.len <= 64;
}

static bool is_host_label(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.at[i]) && s.at[i] != '-')
            return false;
    return s.len > 0 && s.len <= 63 && s.at[0] != '-' && s.at[s.len - 1] != '-';
}

static bool has_letter(struct str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if (isalpha((unsigned char)s.at[i]))
            return true;
    return false;
}

/* Two labels or more: a single one is a host of the local network or a top-level domain, to neither of which mail is
 * sent (RFC 7085), but for this machine's own name (RFC 6761 6.3). The last is no number, as in 192.0.2.1, which is
 * no domain (RFC 3696 2). */
static bool is_domain(struct str s)
{
    struct str label, rest;
    int labels = 1;
    if (str_equal_fold(s, S("localhost")))
        return true;
    for (; str_cut(s, '.', &label, &rest); labels++) {
        if (!is_host_label(label))
            return false;
        s = rest;
    }
    return labels > 1 && is_host_label(s) && has_letter(s);
}

static const char *check_email(struct str text, struct arena *arena, struct str *message)
{
    struct str local, domain;
    (void)arena;
    if (str_cut(text, '@', &local, &domain) && is_local_part(local) && is_domain(domain))
        return NULL;
    *message = S("must be an e-mail address such as zhang.wei@example.org");
    return "not_an_email";
}

const struct text_rule email_rule = { "email", check_email };

/* ---- names ---- */

static const char *check_name(struct str text, struct arena *arena, struct str *message)
{
    const char *unfit = memchr(text.at, '@', (size_t)text.len) ? "holds an @, as addresses do" : spoof_unfit(text);
    if (!unfit)
        return NULL;
    *message = arena_format(arena, "is no name to sign in with: it %s", unfit);
    return "unfit_name";
}

const struct text_rule account_name_rule = { NULL, check_name };

static bool check(struct call *c, const struct text_rule *rule, struct str text, const char *member)
{
    struct str message;
    const char *type = rule->check(text, &c->arena, &message);
    return !type || error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%.*s", STR_FMT(message));
}

bool account_check(struct call *c, struct str username, struct str email)
{
    bool good = check(c, &account_name_rule, username, "username");
    return check(c, &email_rule, email, "email") && good;
}

bool account_name_is_free(struct call *c, struct str username, struct str skeleton)
{
    int64_t is_same = 0;
    enum found found = db_find_integer(
        c, &is_same, "select username_key = ? from users where name_skeleton = ? and deleted_at is null limit 1",
        V(account_key(username, &c->arena)), V(skeleton));
    if (found != FOUND)
        return found == NONE;
    return fail(c, E_CONFLICT,
                is_same ? "username is taken already" : "an account has a name that looks like this one");
}

struct named {
    int64_t id;
    struct str name;
};

static bool fill_one(struct call *c, void *context)
{
    const struct named *user = context;
    struct str skeleton = spoof_skeleton(user->name, &c->arena);
    int64_t like = 0;
    if (!db_integer(c, &like, "select count(*) from users where name_skeleton = ? and deleted_at is null", V(skeleton)))
        return false;
    return like || db_execute(c, "update users set name_skeleton = ? where id = ?", V(skeleton), V(user->id));
}

/* Two accounts that look alike already both stay; the one that came first keeps the look. */
bool account_fill_skeletons(struct call *c)
{
    enum { AT_ONCE = 500 };
    struct named *users = arena_array(&c->arena, struct named, AT_ONCE);
    int64_t after = 0;
    for (int count = AT_ONCE; count == AT_ONCE;) {
        struct cursor rows;
        count = 0;
        for (db_rows(c, &rows,
                     "select id, username from users where name_skeleton is null and deleted_at is null and id > ? "
                     "order by id limit 500",
                     V(after));
             cursor_next(&rows);) {
            users[count].id = after = cursor_integer(&rows, 0);
            users[count++].name = arena_copy(&c->arena, cursor_text(&rows, 1));
        }
        if (!cursor_close(&rows))
            return false;
        db_release(c);
        for (int i = 0; i < count; i++)
            if (!db_transact(c, fill_one, &users[i]))
                return false;
    }
    return true;
}

static bool tell_email(struct call *c, struct str to, struct str after)
{
    struct mail mail = { to, S("Roentgen: e-mail address changed / 邮箱已更改") };
    mail.body = arena_format(
        &c->arena,
        "The e-mail address of your Roentgen account is now %.*s. If this was not you, tell an "
        "administrator at once.\r\n\r\n您的 Roentgen 账户的邮箱已改为 %.*s。如果不是您本人操作，请立即联系管理员。",
        STR_FMT(after), STR_FMT(after));
    return mailing_put(c, &mail);
}

bool account_tell_new_email(struct call *c, struct str before, struct str after)
{
    return str_equal(before, after) || (tell_email(c, before, after) && tell_email(c, after, after));
}

/* ---- locks ---- */

static const struct field lock_fields[] = {
    FIELD(struct sign_in_lock, network, .flags = NULLABLE,
          .doc =
              "The network it is locked for: an IPv4 address or the first 64 bits of an IPv6 one; null: wherever the "
              "account was not signed in to before."),
    FIELD(struct sign_in_lock, locked_at, .doc = "The time when it was locked."),
    FIELD(struct sign_in_lock, locked_until, .doc = "The time when it opens by itself."),
};
const struct schema sign_in_lock_schema =
    SCHEMA("SignInLock", struct sign_in_lock, lock_fields, .table = "sign_in_locks", .alias = "l",
           .doc = "Too many wrong passwords were given.");

bool account_load_locks(struct call *c, struct user *user)
{
    enum { MOST = 50 };
    struct sign_in_lock *locks = arena_array(&c->arena, struct sign_in_lock, MOST);
    struct cursor rows;
    user->locks = (struct list){ locks, 0 };
    user->locked_until = INSTANT_NULL;
    for (db_rows(c, &rows,
                 "select l.network, l.locked_at, l.locked_until from sign_in_locks l where l.user_id = ? and "
                 "l.locked_until > ? order by l.locked_until desc limit 50",
                 V(user->id), V(clock_now()));
         cursor_next(&rows) && user->locks.count < MOST;)
        if (!cursor_record(&rows, 0, &sign_in_lock_schema, UINT64_MAX, &locks[user->locks.count++], true))
            break;
    if (user->locks.count)
        user->locked_until = locks[0].locked_until;
    return cursor_close(&rows);
}

bool account_unlock(struct call *c, int64_t id)
{
    struct user user;
    return user_load(c, id, &user) && lockout_lift(c, id);
}

/* ---- record, roles, status ---- */

void account_note_change(struct call *c, const struct user *before, const struct user *after)
{
    uint64_t follows = GIVEN(schema_find(&user_schema, S("updated_at"))) | /* from the others */
                       GIVEN(schema_find(&user_schema, S("permissions")));
    audit_changed(c, &user_schema, before, after, ~follows);
}

static bool may_stop(struct call *c, int64_t id, const char *why)
{
    return user_keep_an_admin(c, id) && sessions_revoke(c, id, 0, why);
}

/* What is said of the department settles what the person stated; approval without a word of it confirms that. */
static void settle_department(const struct user *before, struct user *change, uint64_t *given)
{
    uint64_t department = GIVEN(schema_find(&user_schema, S("department")));
    bool approved = before->status == USER_PENDING && schema_was_given(&user_schema, *given, "status") &&
                    change->status == USER_ACTIVE;
    if (!before->stated_department.len || (!approved && !(*given & department)))
        return;
    if (!(*given & department))
        change->department = before->stated_department;
    change->stated_department = STR_NULL;
    *given |= department | GIVEN(schema_find(&user_schema, S("stated_department")));
}

bool account_change(struct call *c, const struct user *in, uint64_t given, struct user *before, struct user *after)
{
    struct user change = *in;
    if (!user_load(c, in->id, before))
        return false;
    if (schema_was_given(&user_schema, given, "status") && in->status != USER_ACTIVE &&
        !may_stop(c, in->id, "disabled"))
        return false;
    settle_department(before, &change, &given);
    if (db_find_update(c, &user_schema, &change, given, "where id = ?", V(in->id)) == FAILED ||
        !user_load(c, in->id, after) || !user_settle_department(c, before, after))
        return false;
    account_note_change(c, before, after);
    return account_tell_new_email(c, before->email, after->email);
}

bool account_set_roles(struct call *c, int64_t id, struct texts roles, struct user *before, struct user *after)
{
    bool stays_admin = false;
    for (ptrdiff_t i = 0; i < roles.count; i++)
        stays_admin |= str_equal(roles.items[i], S("admin"));
    if (!user_load(c, id, before) || (!stays_admin && !user_keep_an_admin(c, id)) ||
        !user_set_roles(c, id, roles, "body") || !user_load(c, id, after))
        return false;
    account_note_change(c, before, after);
    return true;
}

bool account_delete(struct call *c, int64_t id)
{
    struct user before;
    return user_load(c, id, &before) && may_stop(c, id, "deleted") &&
           db_execute(c, "update users set deleted_at = ?, deleted_by = ?, updated_at = ? where id = ?", V(clock_now()),
                      V(call_user(c)), V(clock_now()), V(id));
}

bool account_set_status(struct call *c, int64_t id, enum user_status status, struct user *before, struct user *after)
{
    struct user change;
    schema_clear(&user_schema, &change);
    change.id = id;
    change.status = status;
    return account_change(c, &change, GIVEN(schema_find(&user_schema, S("status"))), before, after);
}

/* ---- password ---- */

bool account_hash_password(struct call *c, int64_t id, struct str password, struct str *hash)
{
    struct user user;
    return user_load(c, id, &user) &&
           password_check(c, password, user.username, user.email, user.full_name, "new_password") &&
           password_hash(password, (int)c->app->config.bcrypt_cost, &c->arena, hash, &c->error);
}

bool account_store_password(struct call *c, int64_t id, struct str hash)
{
    return db_execute(
               c,
               "update users set password_hash = ?, must_change_password = 1, password_changed_at = ?, updated_at = ? "
               "where id = ?",
               V(hash), V(clock_now()), V(clock_now()), V(id)) &&
           lockout_lift(c, id) && sessions_revoke(c, id, 0, "password set");
}

struct setting_password {
    int64_t id;
    struct str hash;
};

static bool set_password(struct call *c, void *context)
{
    const struct setting_password *p = context;
    return account_store_password(c, p->id, p->hash) && audit_change(c);
}

bool account_set_password(struct call *c, int64_t id, struct str password)
{
    struct setting_password set = { .id = id };
    return account_hash_password(c, id, password, &set.hash) && db_transact(c, set_password, &set);
}
