/* cmd_user_key.c - keys of machines from the command line: for accounts of machines, which nobody signs in to. */
#include "cli/user_key.h"

#include "cli/plain.h"
#include "server/app.h"
#include "site/principal.h"

static void put_time(struct call *c, struct instant time)
{
    struct str text = time.us > 0 ? instant_format(time, &c->arena) : S("-");
    printf(" %-28.*s", STR_FMT(text));
}

static int list_keys(struct call *c, int64_t user_id)
{
    struct cursor rows;
    printf("%-6s %-12s %-28s %-28s %s\n", "id", "prefix", "ends", "last used", "name");
    for (db_rows(c, &rows,
                 "select k.id, k.prefix, k.expires_at, k.last_used_at, k.name from api_keys k where k.user_id = ? and "
                 "k.revoked_at is null order by k.created_at, k.id",
                 V(user_id));
         cursor_next(&rows);) {
        printf("%-6" PRId64 " %-11.*s", cursor_integer(&rows, 0), STR_FMT(cursor_text(&rows, 1)));
        put_time(c, (struct instant){ cursor_integer(&rows, 2) });
        put_time(c, (struct instant){ cursor_integer(&rows, 3) });
        putchar(' ');
        put_plain(stdout, cursor_text(&rows, 4));
        putchar('\n');
    }
    cursor_close(&rows);
    return c->error.code ? command_failed(c) : 0;
}

struct key_change {
    int64_t user_id, id;
    struct str key;
};

static bool make_key(struct call *c, void *context)
{
    const struct user_command *in = c->in;
    struct key_change *change = context;
    struct new_api_key wish = { .name = in->name,
                                .scopes = in->scopes,
                                .networks = in->networks,
                                .expires_at = { clock_now().us + in->days * INT64_C(86400) * 1000000 } };
    audit_action(c, "api_key.create", "api_key");
    if (!api_key_make(c, change->user_id, &wish, &change->id, &change->key))
        return false;
    audit_about(c, change->id, 0);
    return audit_change(c);
}

static bool revoke_key(struct call *c, void *context)
{
    const struct key_change *change = context;
    audit_action(c, "api_key.revoke", "api_key");
    audit_about(c, change->id, 0);
    return api_key_revoke(c, change->id, change->user_id) && audit_change(c);
}

static int misused(const char *what)
{
    fprintf(stderr, "roentgen: user %s\n", what);
    return 2;
}

int user_keys(struct call *c, int64_t user_id)
{
    const struct user_command *in = c->in;
    struct key_change change = { .user_id = user_id, .id = in->key };
    if (in->action == ACTION_KEYS)
        return list_keys(c, user_id);
    if (in->action == ACTION_NEW_KEY && (!in->name.len || !in->scopes.count))
        return misused("new-key: --name and --scopes are needed");
    if (in->action == ACTION_REVOKE_KEY && in->key == INTEGER_NULL)
        return misused("revoke-key: which one? --key ID");
    db_release(c);
    if (!app_open_redis(c->app, NULL, &c->error) ||
        !db_transact(c, in->action == ACTION_NEW_KEY ? make_key : revoke_key, &change))
        return command_failed(c);
    authority_changed(c->app->authority);
    if (in->action == ACTION_NEW_KEY)
        printf("key %" PRId64 ", shown only now:\n%.*s\n", change.id, STR_FMT(change.key));
    else
        printf("revoke-key: done for %" PRId64 "\n", change.id);
    return 0;
}
