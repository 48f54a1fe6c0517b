/* sqlite_steps.c - the statements that move a transaction on, prepared once. */
#include "db/sqlite.h"

static const char *const sqls[SQLITE_STEPS] = {
    [STEP_BEGIN] = "begin immediate", [STEP_SAVEPOINT] = "savepoint piece",
    [STEP_RELEASE] = "release piece", [STEP_ROLLBACK_TO] = "rollback to piece",
    [STEP_COMMIT] = "commit",         [STEP_ROLLBACK] = "rollback",
};

bool sqlite_steps_prepare(struct sqlite_steps *steps, sqlite3 *handle, struct error *error)
{
    steps->handle = handle;
    for (int i = 0; i < SQLITE_STEPS; i++) {
        int code = sqlite3_prepare_v3(handle, sqls[i], -1, SQLITE_PREPARE_PERSISTENT, &steps->statements[i], NULL);
        if (code != SQLITE_OK)
            return sqlite_fail(handle, code, error);
    }
    return true;
}

bool sqlite_steps_run(struct sqlite_steps *steps, enum sqlite_step which, bool *unsynced, struct error *error)
{
    int code = sqlite3_step(steps->statements[which]);
    bool ok = code == SQLITE_DONE;
    if (!ok)
        sqlite_fail(steps->handle, code, error);
    if (code == SQLITE_IOERR_FSYNC)
        *unsynced = true;
    /* All frames of a commit may be in the WAL when an error comes, and stand there until others overwrite them. A full
     * disk, and a database that others hold, are met before its last frame. */
    if (which == STEP_COMMIT && (code & 0xff) == SQLITE_IOERR && error->code != E_STORAGE_FULL)
        error->in_doubt = true;
    sqlite3_reset(steps->statements[which]);
    return ok;
}

void sqlite_steps_release(struct sqlite_steps *steps)
{
    for (int i = 0; i < SQLITE_STEPS; i++)
        sqlite3_finalize(steps->statements[i]);
}
