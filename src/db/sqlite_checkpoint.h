/* sqlite_checkpoint.h - when the WAL is copied into the database, and by whom: by the writer, beside its answers, since
 * nobody has to wait for it.
 *
 *     checkpoint_watch(&checkpoints, handle);             // once: commits tell how far the WAL has grown
 *     if (checkpoint_is_due(&checkpoints))
 *         ok = checkpoint_run(&checkpoints, handle, busy_timeout_ms);
 *
 * Readers that are always there may keep the WAL from starting anew; so past a size the copy waits for them a moment
 * (new ones are not held up). Belongs to the writer's thread alone.
 */
#ifndef ROENTGEN_SQLITE_CHECKPOINT_H
#define ROENTGEN_SQLITE_CHECKPOINT_H

#include <sqlite3.h>
#include <stdbool.h>

struct checkpoints {
    int pages, next; /* of the WAL; and at how many it is copied */
};

void checkpoint_watch(struct checkpoints *checkpoints, sqlite3 *handle); /* it stays where it is */
bool checkpoint_is_due(const struct checkpoints *checkpoints);
/* False: a sync failed, and nobody knows what of the database is on the disk. */
bool checkpoint_run(struct checkpoints *checkpoints, sqlite3 *handle, int busy_timeout_ms);

#endif
