/* snapshot.h - the database as it was at one moment: read, and copied to a file, while others go on changing it.
 *
 *     struct call moment;                                     // beside the call that does other things meanwhile
 *     if (snapshot_begin(&moment)) {
 *         snapshot_copy(&moment, "/backup/database.sqlite", &watch)
 *         db_rows(&moment, &rows, "select ...")               // says what the copy says
 *         snapshot_end(&moment);
 *     }
 *
 *   SQLite          one read transaction of a connection of its own; SQLite's backup API copies its pages in steps.
 *                   Writers go on. The WAL cannot begin anew meanwhile, so that it grows by what they write.
 *   MySQL/MariaDB   a transaction with a consistent snapshot on a connection of its own; the copy is SQL, which
 *                   the client programs read (below). Writers go on; the server keeps old rows for as long.
 *
 * Why not mariadb-dump: nobody could say which rows its transaction sees, so that the files of just these rows could
 * not be asked for; and it would have to be installed, in the server's version, and told the password.
 *
 * SQL is one statement on a line, or, of a trigger, between `delimiter` lines. No text in it depends on a session's
 * way with backslashes: what is not plain is in hexadecimal digits. The versions of migrations come last, so that a
 * database that was loaded in part is one that no server starts with. Only what is ours is in it: tables with their
 * rows and triggers, no views, programs or accounts that somebody else put there.
 */
#ifndef ROENTGEN_SNAPSHOT_H
#define ROENTGEN_SNAPSHOT_H

#include "db/db.h"

/* `tell` may be NULL. False: it ends, and *error is said. Pages or rows; the total may be an estimate. */
struct snapshot_watch {
    bool (*tell)(void *context, int64_t done, int64_t total, struct error *error);
    void *context;
};

/* The call, which has no connection, reads one moment until snapshot_end. */
bool snapshot_begin(struct call *c);
void snapshot_end(struct call *c);
/* "database.sqlite" or "database.sql". */
const char *snapshot_file_name(const struct db *db);
/* `path` does not exist; the file is the owner's alone (0600), and synced. */
bool snapshot_copy(struct call *c, const char *path, const struct snapshot_watch *watch);

/* Is there nothing in the database that the URL names? A file that is not there is empty. */
bool snapshot_finds_nothing(const struct db_options *place, bool *nothing, struct error *error);
/* What snapshot_copy wrote becomes that database, which is empty: E_CONFLICT when it is not, or is of the other kind.
 * SQLite: the file is there whole, or not at all. */
bool snapshot_load(const struct db_options *place, const char *path, const struct snapshot_watch *watch,
                   struct error *error);
/* SQLite's own look at such a file, and no more: of SQL nothing is known here. `tell` gets each complaint. */
bool snapshot_check(const char *path, void (*tell)(void *context, const char *complaint), void *context,
                    struct error *error);
/* And what such a file says, without writing anything beside it: the text of each column, NULL for null. `each` returns
 * false to end. */
bool snapshot_read(const char *path, const char *sql, bool (*each)(void *context, char **values), void *context,
                   struct error *error);

/* Does this DATABASE_URL name an SQLite file? */
bool db_url_is_local(struct str url);

#endif
