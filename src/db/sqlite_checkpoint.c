/* sqlite_checkpoint.c - see sqlite_checkpoint.h. */
#include "db/sqlite_checkpoint.h"

enum {
    COPY_PAGES = 4000,    /* of WAL, after which it is copied into the database */
    RESTART_PAGES = 8000, /* after which readers are waited for, so that the WAL starts anew */
    RESTART_WAIT_MS = 250
};

static int grew(void *context, sqlite3 *handle, const char *name, int pages)
{
    (void)handle, (void)name;
    struct checkpoints *c = context;
    if (pages < c->pages) /* it began anew */
        c->next = COPY_PAGES;
    c->pages = pages;
    return SQLITE_OK;
}

void checkpoint_watch(struct checkpoints *checkpoints, sqlite3 *handle)
{
    *checkpoints = (struct checkpoints){ 0, COPY_PAGES };
    sqlite3_wal_hook(handle, grew, checkpoints);
}

bool checkpoint_is_due(const struct checkpoints *checkpoints)
{
    return checkpoints->pages >= checkpoints->next;
}

bool checkpoint_run(struct checkpoints *checkpoints, sqlite3 *handle, int busy_timeout_ms)
{
    bool large = checkpoints->pages >= RESTART_PAGES;
    sqlite3_busy_timeout(handle, large ? RESTART_WAIT_MS : 0);
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, large ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE,
                                         NULL, NULL);
    sqlite3_busy_timeout(handle, busy_timeout_ms);
    /* What an old reader still needs stays. It is tried again after as much has come, not at every commit. */
    checkpoints->next = checkpoints->pages + COPY_PAGES;
    return code != SQLITE_IOERR_FSYNC;
}
