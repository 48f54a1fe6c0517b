/* cmd_fsck.c - rows and files compared. It may run while the server does. */
#include "cli/command.h"

#include "app/recover.h"

struct fsck_command {
    bool remove_orphans, deep, rows;
};
static const struct field fsck_fields[] = {
    FIELD(struct fsck_command, remove_orphans,
          .doc = "Remove files that no row names. Only while nothing is being uploaded."),
    FIELD(struct fsck_command, deep, .doc = "Read every file and compare its SHA-256."),
    FIELD(
        struct fsck_command, rows,
        .doc =
            "Ask also whether rows agree with each other: a file's patient is its study's, nothing is alive in something deleted, "
            "each number is there once, counts are right."),
};
const struct schema fsck_command_options = SCHEMA("Fsck", struct fsck_command, fsck_fields);

static void tell(const char *line)
{
    printf("%s\n", line);
}

int cmd_fsck(struct call *c)
{
    const struct fsck_command *in = c->in;
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
