/* cmd_database.c - migrate and init-db. */
#include "cli/command.h"

#include "people/account.h"
#include "reports/template.h"
#include "site/installation.h"
#include "site/migrations.h"
#include "records/renewal.h"
#include "base/text.h"
#include "base/names.h"

static const char *const actions[] = { "up", "down", "current", "history", NULL };
enum { ACTION_NONE, ACTION_UP, ACTION_DOWN, ACTION_CURRENT, ACTION_HISTORY };
NAMES_REACH(actions, ACTION_HISTORY);

struct migrate {
    unsigned action;
    int64_t to;
    bool yes;
};
static const struct field migrate_fields[] = {
    FIELD(struct migrate, action, .choices = actions, .flags = REQUIRED, .doc = "What to do."),
    FIELD(struct migrate, to, .min = 0, .max = 100000,
          .doc = "up, down: the migration to end at. Without it up goes to the newest, down one step."),
    FIELD(struct migrate, yes, .doc = "down: do not ask before dropping what is stored."),
};
const struct schema migrate_options = SCHEMA("Migrate", struct migrate, migrate_fields);

static void tell(const char *line, void *unused)
{
    (void)unused;
    printf("%s\n", line);
}

static int target_of(const struct migrate *in, int current)
{
    if (in->to != INTEGER_NULL)
        return (int)in->to;
    return in->action == ACTION_UP ? roentgen_migrations.count : current > 0 ? current - 1 : 0;
}

static void tell_loss(struct str what, int64_t rows, void *context)
{
    bool *any = context;
    *any = true;
    printf("  %-40.*s %" PRId64 " rows\n", STR_FMT(what), rows);
}

/* Going down drops tables and columns with what is in them. */
static bool may_go_down(struct call *c, int target)
{
    bool any = false;
    printf("Going down to %d drops:\n", target);
    if (!migrate_losses(c, &roentgen_migrations, target, tell_loss, &any))
        return false;
    if (!any)
        printf("  nothing that is stored\n");
    db_release(c);
    return !any ||
           command_confirm(
               "There is no way back but a backup, and a server of this database has to be "
               "stopped first. Drop all this?",
               "it would drop what is stored; make a backup (roentgen backup FOLDER), then --yes does it unasked");
}

int cmd_migrate(struct call *c)
{
    const struct migrate *in = c->in;
    int current;
    if (in->action == ACTION_HISTORY) {
        struct text history;
        text_init(&history, 1 << 20);
        bool ok = migrate_history(c, &roentgen_migrations, &history);
        printf("%.*s", STR_FMT(text_str(&history)));
        text_release(&history);
        return ok ? 0 : command_failed(c);
    }
    if (!migrate_current(c, &current))
        return command_failed(c);
    if (in->action == ACTION_CURRENT) {
        printf("%d\n", current);
        return 0;
    }
    int target = target_of(in, current);
    bool right_way = in->action == ACTION_UP ? target >= current : target <= current;
    if (target > roentgen_migrations.count || !right_way) {
        fprintf(stderr, "roentgen: the database is at %d; this program knows 0 to %d\n", current,
                roentgen_migrations.count);
        return 2;
    }
    if (target < current && !in->yes && !may_go_down(c, target))
        return command_failed(c);
    return migrate_to(c, &roentgen_migrations, target, tell, NULL) ? 0 : command_failed(c);
}

int cmd_init_db(struct call *c)
{
    int current;
    if (!migrate_current(c, &current))
        return command_failed(c);
    if (current > roentgen_migrations.count)
        return migrate_check(c, &roentgen_migrations) ? 0 : command_failed(c);
    if (!migrate_to(c, &roentgen_migrations, roentgen_migrations.count, tell, NULL) ||
        !db_transact(c, permissions_seed, NULL) || !db_transact(c, templates_seed, NULL) ||
        !account_fill_skeletons(c) || !renewal_begin(c) || !installation_take_all(c, INSTALLATION_USES))
        return command_failed(c);
    printf("the database is ready\n");
    return 0;
}
