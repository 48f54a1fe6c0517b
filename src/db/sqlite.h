/* sqlite.h - what the files of the SQLite driver share.
 *
 *   slot of the thread -> connection        taken and put back without a lock
 *   free list                               connections of threads that ended or had one already
 *   writer                                  one connection; a thread that writes, a thread that syncs (sqlite_writer.c)
 */
#ifndef ROENTGEN_SQLITE_H
#define ROENTGEN_SQLITE_H

#include "db/driver.h"

#include <sqlite3.h>
#include <sys/types.h>

struct sqlite_statement {
    struct statement base;
    sqlite3_stmt *handle;
};

struct sqlite_connection {
    struct db_connection base;
    sqlite3 *handle;
};

struct sqlite_writer;

/* A file that the connections have open, and which one it was. */
struct sqlite_file {
    char *path;
    bool known; /* an empty database, as one that is being made, has no WAL yet */
    dev_t device;
    ino_t inode;
};

struct sqlite {
    struct db *db;
    struct sqlite_file file, wal; /* of the time it was opened */
    pthread_key_t slot;
    pthread_mutex_t lock; /* of the two lists */
    struct db_connection *free;
    struct db_connection *all;
    struct sqlite_writer *writer;
    int serving_fd; /* -1, or what sqlite_serve holds */
};

/* sqlite.c */
bool sqlite_connect(struct db *db, bool writes, struct sqlite_connection **out, struct error *error);
void sqlite_disconnect(struct sqlite_connection *connection); /* takes NULL */
/* Do the names of the database and of its WAL still lead to what is open? What is written to a file that was moved away
 * or removed is lost with it, and who connects now finds another. False: E_UNAVAILABLE. Asks the system, twice. */
bool sqlite_is_in_place(const struct sqlite *sqlite, struct error *error);

/* sqlite_serving.c: E_CONFLICT when another process has said so of the same file. Until the end of this one, or
 * sqlite_serve_no_more. */
bool sqlite_serve(struct db *db, struct error *error);
void sqlite_serve_no_more(struct sqlite *sqlite);

/* sqlite_pages.c: how pages are cached. Before SQLite is used first. */
void sqlite_pages_register(void);

/* sqlite_vfs.c: how the files are written, under this name. Harmless when called again. */
#define SQLITE_VFS_NAME "roentgen"
void sqlite_vfs_register(void);
/* The commit that comes writes its WAL without a sync. */
void sqlite_vfs_later(sqlite3 *handle);
/* Ends that, and returns the WAL if its sync was left out: for sqlite_vfs_sync, which any thread may call until the
 * connection is closed. */
void *sqlite_vfs_left(sqlite3 *handle);
int sqlite_vfs_sync(void *wal); /* SQLite's code */

/* sqlite_snapshot.c */
bool sqlite_snapshot_begin(struct call *c);
void sqlite_snapshot_end(struct call *c);
bool sqlite_snapshot_copy(struct call *c, const char *path, const struct snapshot_watch *watch);
bool sqlite_snapshot_finds_nothing(const char *database, bool *nothing, struct error *error);
bool sqlite_snapshot_load(const char *database, const char *path, const struct snapshot_watch *watch,
                          struct error *error);

/* sqlite_error.c: always false. `code` is an extended result code. */
bool sqlite_fail(sqlite3 *handle, int code, struct error *error);

/* sqlite_steps.c: the statements of a transaction. A failed COMMIT that may be found done says so in error->in_doubt;
 * one that failed for want of a sync also in *unsynced. */
enum sqlite_step {
    STEP_BEGIN,
    STEP_SAVEPOINT,
    STEP_RELEASE,
    STEP_ROLLBACK_TO,
    STEP_COMMIT,
    STEP_ROLLBACK,
    SQLITE_STEPS
};
struct sqlite_steps {
    sqlite3 *handle;
    sqlite3_stmt *statements[SQLITE_STEPS];
};
bool sqlite_steps_prepare(struct sqlite_steps *steps, sqlite3 *handle, struct error *error);
bool sqlite_steps_run(struct sqlite_steps *steps, enum sqlite_step which, bool *unsynced, struct error *error);
void sqlite_steps_release(struct sqlite_steps *steps);

/* sqlite_writer.c */
bool sqlite_writer_new(struct db *db, struct sqlite_writer **out, struct error *error);
void sqlite_writer_free(struct sqlite_writer *writer); /* finishes what waits; takes NULL */
void sqlite_writer_count(struct sqlite_writer *writer, int64_t *open, int64_t *busy, int64_t *waiting);
bool sqlite_transact(struct call *c, bool (*work)(struct call *, void *), void *context);
void sqlite_transact_later(struct call *c, bool (*work)(struct call *, void *), void *context,
                           void (*done)(struct call *, bool, void *));

#endif
