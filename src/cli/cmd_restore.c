/* cmd_restore.c - a backup brought into the empty places that the settings name.
 *
 *     roentgen restore --verify /mnt/backup       the newest in it; or one, by its own folder
 */
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/plain.h"

#include "upkeep/backup.h"
#include "base/zone.h"

struct restore_command {
    struct str source;
    bool verify, other_key, copy;
};
static const struct field restore_fields[] = {
    FIELD(struct restore_command, source, .max = 4000, .flags = REQUIRED,
          .doc = "A folder of backups, or one backup in it."),
    FIELD(struct restore_command, verify,
          .doc = "Read every byte before anything is written, and what was written once more from the disk."),
    FIELD(struct restore_command, other_key,
          .doc = "SECRET_KEY is another one than that of the backup: patients' contact data stays unreadable."),
    FIELD(struct restore_command, copy,
          .doc = "The installation that made the backup goes on: what is restored is another one, with an id and "
                 "backups of its own."),
};
const struct schema restore_options = SCHEMA("Restore", struct restore_command, restore_fields);

static bool tell(void *context, int64_t done, int64_t total, const char *what, struct error *error)
{
    (void)error;
    bar_tell(context, done, total, what);
    return true;
}

static void find(void *context, const char *line)
{
    bar_end(context);
    put_plain(stdout, str_from(line));
    putchar('\n');
}

/* The application is not opened: that would make a database and a store where there are none yet. */
int cmd_restore(struct call *c)
{
    const struct restore_command *in = c->in;
    struct config config;
    struct bar bar = { 0 };
    struct str folder;
    struct backup_restored done;
    if (!config_load(&config, &c->arena) || !zone_set(config.time_zone, &c->error) ||
        !backup_newest(arena_cstring(&c->arena, in->source), &config, &c->arena, &folder, &c->error))
        return command_failed(c);
    struct backup_restoring restoring = {
        .folder = folder.at,
        .config = &config,
        .is_copy = in->copy,
        .verify = in->verify,
        .look = { find, &bar, { tell, &bar }, in->other_key },
    };
    bool ok = backup_restore(&restoring, &done, &c->error);
    bar_end(&bar);
    if (!ok)
        return command_failed(c);
    printf("%.*s: %" PRId64 " files, %" PRId64 " bytes and a database of schema %" PRId64 " restored%s\n",
           STR_FMT(folder), done.files, done.bytes, done.schema, in->verify ? " and compared" : "");
    return 0;
}
