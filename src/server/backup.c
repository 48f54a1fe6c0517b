/* backup.c - a backup asked for over REST. Where it goes is BACKUP_TARGET: no request names a folder. */
#include "web/exchange.h"

#include "upkeep/tasks.h"

/* Whoever sends something wants it heeded: a folder, say, and a request names none. */
static bool takes_nothing(struct call *c)
{
    struct str length = http_header(c->request, "Content-Length");
    return length.len < 2 && str_compare(length, S("2")) <= 0
               ? true
               : error_add_problem(&c->error, &c->arena, "body", STR_NULL, "unexpected",
                                   "nothing is taken here: backups go to BACKUP_TARGET");
}

static bool backup_post(struct call *c)
{
    return takes_nothing(c) && backup_ask(c, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/system/backup", backup_post, NULL, &job_schema, .permission = MAY_MANAGE_SYSTEM,
      .runs = WRITES, .status = 202, .audit = "system.backup", .entity = "job", .tag = "system",
      .summary = "Has a backup made",
      .doc = "Of the database and all files, below BACKUP_TARGET (409 where that is not set), while all goes on. The "
             "answer is the job that does it, new or one that is under way already: `/system/jobs/{id}` tells how far "
             "it is, and in the end what was made." },
};
ENDPOINT_TABLE(backup_endpoints, rows);
