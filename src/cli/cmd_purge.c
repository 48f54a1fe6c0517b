/* cmd_purge.c - deleted files go for good. It may run while the server does.
 *
 * Nothing that is removed here comes back, so a slip of the finger must not cost a month of deletions: an age needs
 * its unit, `--dry-run` says what would go, and what was deleted on more than one day goes only when somebody says
 * yes.
 */
#include "cli/command.h"
#include "cli/plain.h"

#include "server/app.h"
#include "upkeep/recover.h"
#include "base/settings.h"

#define DAY_US (86400 * INT64_C(1000000))

struct purge {
    struct str older_than;
    bool dry_run, yes, set_aside;
};
static const struct field purge_fields[] = {
    FIELD(struct purge, older_than, .fallback = "30d", .max = 20, .doc = "Only files deleted so long ago: 12h, 30d."),
    FIELD(struct purge, dry_run, .doc = "Say what would be removed, and remove nothing."),
    FIELD(struct purge, set_aside,
          .doc = "Instead of deleted files, those that a start set aside so long ago and that no row needs."),
    FIELD(struct purge, yes, .doc = "Do not ask before removing what was deleted on more than one day."),
};
const struct schema purge_options = SCHEMA("Purge", struct purge, purge_fields);

static void put_instant(struct instant at)
{
    char text[INSTANT_TEXT_MAX];
    printf("%.*s", (int)instant_write(at, text), text);
}

/* "12 files deleted from ... to ..., 34567 bytes" */
static void describe(const struct purgeable *sum)
{
    printf("%" PRId64 " files", sum->files);
    if (sum->files) {
        printf(" deleted from ");
        put_instant(sum->first_deleted);
        printf(" to ");
        put_instant(sum->last_deleted);
        printf(", %" PRId64 " bytes", sum->bytes);
    }
}

static void say(const char *line)
{
    put_plain(stdout, str_from(line));
    putchar('\n');
}

static bool confirmed(const struct purgeable *sum)
{
    describe(sum);
    return command_confirm(": remove them for good?",
                           "these were deleted on more than one day; --yes removes them unasked, --dry-run only says "
                           "what they are");
}

static int purge_set_aside(struct call *c, struct instant before, bool dry_run)
{
    struct aside_found found;
    if (!purge_aside(c, before, !dry_run, say, &found))
        return command_failed(c);
    printf("%" PRId64 " files that were set aside %s, %" PRId64 " bytes; %" PRId64 " kept\n", found.files,
           dry_run ? "would be removed" : "removed", found.bytes, found.kept);
    return 0;
}

int cmd_purge(struct call *c)
{
    const struct purge *in = c->in;
    int64_t age_s, files, bytes;
    struct purgeable sum;
    if (!duration_read(in->older_than, &age_s)) {
        fprintf(stderr, "roentgen: --older-than takes a number with its unit, such as 12h or 30d\n");
        return 2;
    }
    struct instant before = { clock_now().us - age_s * 1000000 };
    if (in->set_aside)
        return purge_set_aside(c, before, in->dry_run);
    if (!purge_look(c, before, &sum))
        return command_failed(c);
    db_release(c);
    if (in->dry_run) {
        describe(&sum);
        printf(" would be removed\n");
        return 0;
    }
    if (!in->yes && sum.last_deleted.us - sum.first_deleted.us > DAY_US && !confirmed(&sum))
        return 1;
    /* What the journal of a killed server says would be made true again after the purge, so it is done with first. */
    if (!recover_files(c) || !app_open_results(c->app, &c->error) || !purge_files(c, before, NULL, &files, &bytes))
        return command_failed(c);
    printf("%" PRId64 " files removed, %" PRId64 " bytes freed\n", files, bytes);
    return 0;
}
