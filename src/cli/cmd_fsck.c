/* cmd_files.c - purge and fsck: files by the hundred, outside the server. They may run while it serves. */
#include "cli/command.h"

#include "app/recover.h"

/* ---- purge ---- */

struct purge {
    struct str older_than;
};
static const struct field purge_fields[] = {
    FIELD(struct purge, older_than, .fallback = "30d", .max = 20, .doc = "Only files deleted so long ago: 12h, 30d."),
};
const struct schema purge_options = SCHEMA("Purge", struct purge, purge_fields);

/* Seconds of "30d", "12h", "15m", "90s", "90". */
static bool duration(struct str s, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    int64_t unit = 1;
    for (size_t i = 0; s.len && i < sizeof(units) / sizeof(units[0]); i++)
        if (s.at[s.len - 1] == units[i].unit) {
            unit = units[i].seconds;
            s.len--;
            break;
        }
    if (!str_to_integer(s, seconds) || *seconds < 0 || *seconds > 100 * 365 * (int64_t)86400 / unit)
        return false;
    *seconds *= unit;
    return true;
}

int cmd_purge(struct call *c)
{
    const struct purge *in = c->in;
    int64_t age_s, files, bytes;
    if (!duration(in->older_than, &age_s)) {
        fprintf(stderr, "roentgen: --older-than takes a duration such as 12h or 30d\n");
        return 2;
    }
    struct instant before = { clock_now().us - age_s * 1000000 };
    if (!app_open_results(c->app, &c->error) || !purge_files(c, before, &files, &bytes))
        return command_failed(c);
    printf("%" PRId64 " files removed, %" PRId64 " bytes freed\n", files, bytes);
    return 0;
}

/* ---- fsck ---- */

struct fsck_command {
    bool remove_orphans, deep;
};
static const struct field fsck_fields[] = {
    FIELD(struct fsck_command, remove_orphans,
          .doc = "Remove files that no row names. Only while nothing is being uploaded."),
    FIELD(struct fsck_command, deep, .doc = "Read every file and compare its SHA-256."),
};
const struct schema fsck_command_options = SCHEMA("Fsck", struct fsck_command, fsck_fields);

static void tell(const char *line)
{
    printf("%s\n", line);
}

int cmd_fsck(struct call *c)
{
    const struct fsck_command *in = c->in;
    struct fsck_options options = { in->remove_orphans, in->deep };
    int64_t findings;
    if (!fsck(c, &options, tell, &findings))
        return command_failed(c);
    if (findings)
        printf("%" PRId64 " findings\n", findings);
    else
        printf("clean\n");
    return findings ? 1 : 0;
}
