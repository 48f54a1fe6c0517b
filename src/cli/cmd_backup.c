/* cmd_backup.c - a backup made, or looked at. It may run while the server does.
 *
 *     roentgen backup /mnt/backup --keep 14
 *     roentgen backup verify /mnt/backup          the newest in it; or one, by its own folder
 */
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/plain.h"

#include "upkeep/backup.h"

struct backup_command {
    struct str what, place;
    int64_t keep;
};
static const struct field backup_fields[] = {
    FIELD(struct backup_command, what, .max = 4000, .flags = REQUIRED,
          .doc = "A folder, which is made if it is not there: all backups are below it. Or the word verify."),
    FIELD(struct backup_command, place, .max = 4000, .doc = "verify: a folder of backups, or one backup in it."),
    FIELD(struct backup_command, keep, .min = 0, .max = 9000, .fallback = "0",
          .doc = "How many backups stay: the oldest beyond that go when this one is whole. 0: all stay."),
};
const struct schema backup_options = SCHEMA("Backup", struct backup_command, backup_fields);

static bool tell(void *context, int64_t done, int64_t total, const char *what, struct error *error)
{
    (void)error;
    bar_tell(context, done, total, what);
    return true;
}

static int make(struct call *c, const struct backup_command *in)
{
    struct bar bar = { 0 };
    struct backup_watch watch = { tell, &bar };
    struct backup_order order = { arena_cstring(&c->arena, in->what), in->keep };
    struct backup_made made;
    bool ok = backup_make(c, &order, &watch, &made);
    bar_end(&bar);
    if (!ok)
        return command_failed(c);
    printf("%.*s: %" PRId64 " files, %" PRId64 " bytes; of these new: %" PRId64 " files, %" PRId64 " bytes\n",
           STR_FMT(made.name), made.files, made.bytes, made.taken_files, made.taken_bytes);
    if (made.removed)
        printf("%" PRId64 " older backups removed\n", made.removed);
    if (made.damaged || made.missing)
        fprintf(stderr,
                "roentgen: %" PRId64 " files are damaged and %" PRId64 " missing in the store: the log names "
                "them, and so does fsck\n",
                made.damaged, made.missing);
    return 0;
}

static void find(void *context, const char *line)
{
    bar_end(context);
    put_plain(stdout, str_from(line));
    putchar('\n');
}

static int verify(struct call *c, const char *place)
{
    struct bar bar = { 0 };
    struct backup_look look = { find, &bar, { tell, &bar }, false };
    struct str folder;
    int64_t findings = 0;
    bool ok = backup_newest(place, &c->app->config, &c->arena, &folder, &c->error) &&
              backup_verify(folder.at, &c->app->config, &look, &findings, &c->error);
    bar_end(&bar);
    if (!ok)
        return command_failed(c);
    printf("%.*s: %s\n", STR_FMT(folder), findings ? "damaged" : "whole");
    return findings ? 1 : 0;
}

int cmd_backup(struct call *c)
{
    const struct backup_command *in = c->in;
    if (!str_equal(in->what, S("verify")) && in->place.len)
        return fail(c, E_INVALID, "backup FOLDER, or backup verify FOLDER"), command_failed(c), 2;
    if (!str_equal(in->what, S("verify")))
        return make(c, in);
    if (!in->place.len)
        return fail(c, E_INVALID, "backup verify: which folder?"), command_failed(c), 2;
    return verify(c, arena_cstring(&c->arena, in->place));
}
