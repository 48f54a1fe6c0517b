/* cmd_fsck.c - rows and files compared. It may run while the server does. */
#include "cli/command.h"
#include "cli/plain.h"

#include "upkeep/recover.h"

struct fsck_command {
    bool remove_orphans, deep, rows;
    int64_t files;
};
static const struct field fsck_fields[] = {
    FIELD(struct fsck_command, remove_orphans, .doc = "Remove files that no row names."),
    FIELD(struct fsck_command, deep, .doc = "Read every file and compare its SHA-256."),
    FIELD(struct fsck_command, rows,
          .doc = "Ask also whether rows agree with each other: a file's patient is its study's, nothing is alive in "
                 "something deleted, each number is there once, counts are right."),
    FIELD(struct fsck_command, files, .min = 1, .max = INT64_MAX,
          .doc = "Read so many files deeply, going on where the last such run ended: for a schedule."),
};
const struct schema fsck_command_options = SCHEMA("Fsck", struct fsck_command, fsck_fields);

static void tell(const char *line)
{
    put_plain(stdout, str_from(line));
    putchar('\n');
}

static int read_slice(struct call *c, int64_t files)
{
    struct fsck_progress done;
    if (!fsck_slice(c, files, tell, &done))
        return command_failed(c);
    printf("%" PRId64 " files read, %" PRId64 " findings%s\n", done.files, done.findings,
           done.ended ? "; that was the last of them" : "");
    return done.findings ? 1 : 0;
}

int cmd_fsck(struct call *c)
{
    const struct fsck_command *in = c->in;
    if (in->files != INTEGER_NULL)
        return read_slice(c, in->files);
    struct fsck_options options = { in->remove_orphans, in->deep, in->rows };
    int64_t findings;
    if (!fsck(c, &options, tell, &findings))
        return command_failed(c);
    if (findings)
        printf("%" PRId64 " findings\n", findings);
    else
        printf("clean\n");
    return findings ? 1 : 0;
}
