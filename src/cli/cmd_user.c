/* cmd_user.c - accounts, for an administrator who cannot sign in: because he is the one who is locked out, or the
 * server is down. Servers may run meanwhile; where they share a Redis they hear of it at once, else within two seconds.
 */
#include "cli/user_key.h"
#include "cli/plain.h"

#include "people/account.h"
#include "server/app.h"
#include "site/account_key.h"
#include "site/principal.h"
#include "base/crypto.h"
#include "base/names.h"

static const char *const actions[] = { "list", "unlock",  "disable",    "enable", "reset-password",
                                       "keys", "new-key", "revoke-key", NULL };
NAMES_REACH(actions, ACTION_REVOKE_KEY);

static const struct field user_command_fields[] = {
    FIELD(struct user_command, action, .choices = actions, .flags = REQUIRED, .doc = "What to do."),
    FIELD(struct user_command, username, .max = 254, .doc = "Whose account, by user name or e-mail address."),
    FIELD(struct user_command, password_stdin,
          .doc = "reset-password: read the new password from standard input; else one is made up and printed."),
    FIELD(struct user_command, name, .max = 100, .doc = "new-key: what the key is for."),
    FIELD(struct user_command, scopes, .max = PERMISSIONS, .doc = "new-key: the permissions that it is to have."),
    FIELD(struct user_command, networks, .max = 20, .doc = "new-key: the addresses it may come from; else any."),
    FIELD(struct user_command, days, .min = 1, .max = API_KEY_DAYS_MAX, .fallback = "365",
          .doc = "new-key: for how long it is good."),
    FIELD(struct user_command, key, .min = 1, .max = INT64_MAX, .doc = "revoke-key: its id."),
};
const struct schema user_options = SCHEMA("UserCommand", struct user_command, user_command_fields);

/* ---- list ---- */

static int list_users(struct call *c)
{
    struct cursor rows;
    printf("%-8s %-24s %-9s %-28s %s\n", "id", "user name", "status", "last sign-in", "locked until");
    for (db_rows(c, &rows,
                 "select u.id, u.username, u.status, u.last_login_at, (select max(l.locked_until) from sign_in_locks l "
                 "where l.user_id = u.id and l.locked_until > ?) from users u where u.deleted_at is null order by u.id",
                 V(clock_now()));
         cursor_next(&rows);) {
        struct instant times[2];
        struct str shown[2];
        for (int i = 0; i < 2; i++) {
            times[i].us = cursor_integer(&rows, 3 + i);
            shown[i] = times[i].us ? instant_format(times[i], &c->arena) : S("-");
        }
        printf("%-8" PRId64 " %-24.*s %-9.*s %-28.*s %.*s\n", cursor_integer(&rows, 0), STR_FMT(cursor_text(&rows, 1)),
               STR_FMT(cursor_text(&rows, 2)), STR_FMT(shown[0]), STR_FMT(shown[1]));
    }
    cursor_close(&rows);
    return c->error.code ? command_failed(c) : 0;
}

/* ---- changes ---- */

struct change {
    unsigned action;
    int64_t id;
    struct str hash;
    struct user before, after; /* of a change of the status */
};

static bool make_change(struct call *c, void *context)
{
    struct change *change = context;
    static const char *const names[] = { [ACTION_UNLOCK] = "user.unlock",
                                         [ACTION_DISABLE] = "user.update",
                                         [ACTION_ENABLE] = "user.update",
                                         [ACTION_RESET_PASSWORD] = "user.password" };
    NAMES_REACH(names, ACTION_RESET_PASSWORD);
    bool ok;
    audit_action(c, names[change->action], "user");
    audit_about(c, change->id, 0);
    switch (change->action) {
    case ACTION_UNLOCK:
        ok = account_unlock(c, change->id);
        break;
    case ACTION_DISABLE:
    case ACTION_ENABLE:
        ok = account_set_status(c, change->id, change->action == ACTION_ENABLE ? USER_ACTIVE : USER_DISABLED,
                                &change->before, &change->after);
        break;
    default:
        ok = account_store_password(c, change->id, change->hash);
        break;
    }
    return ok && audit_change(c);
}

static bool find_user(struct call *c, struct str name, int64_t *id)
{
    struct str key = account_key(name, &c->arena);
    return db_integer(c, id, "select id from users where (username_key = ? or email_key = ?) and deleted_at is null",
                      V(key), V(key)) ||
           fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(name));
}

/* Whoever registered has written it. */
static void say_department(struct str department)
{
    fputs("department, as stated at registration: ", stdout);
    put_plain(stdout, department);
    putchar('\n');
}

int cmd_user(struct call *c)
{
    const struct user_command *in = c->in;
    struct change change = { .action = in->action };
    struct str password = STR_NULL;
    if (in->action == ACTION_LIST)
        return list_users(c);
    if (!in->username.len) {
        fprintf(stderr, "roentgen: user %s: whose account?\n", actions[in->action - 1]);
        return 2;
    }
    command_acts(c, arena_cstring(&c->arena, arena_format(&c->arena, "user %s", actions[in->action - 1])), STR_NULL);
    if (!find_user(c, in->username, &change.id))
        return command_failed(c);
    if (in->action >= ACTION_KEYS)
        return user_keys(c, change.id);
    if (in->action == ACTION_RESET_PASSWORD) {
        password = in->password_stdin ? command_read_line(c) : crypto_token(&c->arena, 12);
        if (!account_hash_password(c, change.id, password, &change.hash))
            return command_failed(c);
    }
    db_release(c);
    if (!app_open_redis(c->app, NULL, &c->error) || !db_transact(c, make_change, &change))
        return command_failed(c);
    authority_changed(c->app->authority);
    printf("%s: done for %.*s\n", actions[in->action - 1], STR_FMT(in->username));
    if (!str_equal(change.before.department, change.after.department))
        say_department(change.after.department);
    if (in->action == ACTION_RESET_PASSWORD && !in->password_stdin)
        printf("new password, to be changed at the next sign-in: %.*s\n", STR_FMT(password));
    return 0;
}
