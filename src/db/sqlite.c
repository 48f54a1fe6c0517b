/* sqlite.c - SQLite connections and statements. WAL: any number of readers beside one writer.
 *
 * Each connection belongs to one thread at a time, so SQLite's own mutexes are off (SQLITE_OPEN_NOMUTEX).
 */
#include "db/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* The writer's own commits leave its cache valid; those of others empty a reader's. So the writer's is worth more. */
enum { WRITER_CACHES = 4 };

/* ---- connections ---- */

static bool sqlite_run(struct sqlite_connection *connection, const char *sql, struct error *error)
{
    int code = sqlite3_exec(connection->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || sqlite_fail(connection->handle, sqlite3_extended_errcode(connection->handle), error);
}

/* The file is made by us so that it, and the WAL that inherits its mode, are not for everyone to read. */
static bool make_file(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        char folder[4096];
        ptrdiff_t len = slash - path;
        if (len >= (ptrdiff_t)sizeof(folder))
            return error_set(error, E_INVALID, "the path of the database is too long");
        memcpy(folder, path, (size_t)len);
        folder[len] = '\0';
        if (!file_make_directories(folder, error))
            return false;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return file_fail(error, "cannot open the database", path, errno);
    close(fd);
    return true;
}

static void file_note(struct sqlite_file *file, char *path)
{
    struct stat found;
    file->path = path;
    file->known = stat(path, &found) == 0;
    if (file->known) {
        file->device = found.st_dev;
        file->inode = found.st_ino;
    }
}

/* SQLite keeps it beside the file itself, where that is reached by a symbolic link. */
static char *wal_path(const char *path)
{
    char *real = realpath(path, NULL), *wal = NULL;
    if (asprintf(&wal, "%s-wal", real ? real : path) < 0)
        abort();
    free(real);
    return wal;
}

static bool file_is_there(const struct sqlite_file *file)
{
    struct stat found;
    return !file->known ||
           (stat(file->path, &found) == 0 && found.st_dev == file->device && found.st_ino == file->inode);
}

bool sqlite_is_in_place(const struct sqlite *sqlite, struct error *error)
{
    return (file_is_there(&sqlite->file) && file_is_there(&sqlite->wal)) ||
           error_set(error, E_UNAVAILABLE,
                     "the file of the database was moved, replaced or removed: put it back, or restart the server");
}

/* Where the file system cannot share memory, SQLite quietly stays with a journal that lets readers wait for the
 * writer. */
static bool is_wal(struct sqlite_connection *connection, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool wal = sqlite3_prepare_v2(connection->handle, "pragma journal_mode", -1, &statement, NULL) == SQLITE_OK &&
               sqlite3_step(statement) == SQLITE_ROW &&
               str_equal(str_from((const char *)sqlite3_column_text(statement, 0)), S("wal"));
    sqlite3_finalize(statement);
    return wal || error_set(error, E_INTERNAL, "the file system of the database does not support WAL");
}

static bool configure(struct sqlite_connection *connection, bool writes, struct error *error)
{
    struct db *db = connection->base.db;
    char pragmas[512];
    sqlite3_extended_result_codes(connection->handle, 1);
    sqlite3_busy_timeout(connection->handle, db->busy_timeout_ms);
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* The writer checkpoints by itself (sqlite_writer.c), so wal_autocheckpoint is off everywhere. */
    snprintf(pragmas, sizeof(pragmas),
             "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
             "pragma temp_store = memory; pragma cache_size = -%" PRId64 ";"
             "pragma journal_size_limit = 67108864; pragma wal_autocheckpoint = 0; pragma query_only = %d;",
             writes ? WRITER_CACHES * db->cache_kib : db->cache_kib, !writes);
    return sqlite_run(connection, pragmas, error) && is_wal(connection, error);
}

bool sqlite_connect(struct db *db, bool writes, struct sqlite_connection **out, struct error *error)
{
    struct sqlite_connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        abort();
    connection_init(&connection->base, db);
    sqlite_vfs_register();
    int code = sqlite3_open_v2(db->url.path, &connection->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, SQLITE_VFS_NAME);
    if (code != SQLITE_OK)
        sqlite_fail(connection->handle, code, error);
    if (code != SQLITE_OK || !configure(connection, writes, error)) {
        sqlite3_close_v2(connection->handle);
        free(connection);
        return false;
    }
    *out = connection;
    return true;
}

void sqlite_disconnect(struct sqlite_connection *connection)
{
    if (!connection)
        return;
    statements_release(&connection->base);
    sqlite3_close_v2(connection->handle);
    free(connection);
}

/* ---- borrowing ---- */

static void push_free(struct sqlite *sqlite, struct db_connection *connection)
{
    pthread_mutex_lock(&sqlite->lock);
    connection->next_free = sqlite->free;
    sqlite->free = connection;
    pthread_mutex_unlock(&sqlite->lock);
}

/* A thread ends: its connection is for others. */
static void leave_slot(void *slot)
{
    struct db_connection *connection = slot;
    push_free(connection->db->state, connection);
}

static bool connect_reader(struct sqlite *sqlite, struct db_connection **out, struct error *error)
{
    struct sqlite_connection *connection;
    if (!sqlite_is_in_place(sqlite, error) || !sqlite_connect(sqlite->db, false, &connection, error))
        return false;
    pthread_mutex_lock(&sqlite->lock);
    connection->base.next = sqlite->all;
    sqlite->all = &connection->base;
    pthread_mutex_unlock(&sqlite->lock);
    *out = &connection->base;
    return true;
}

static bool sqlite_borrow(struct db *db, struct db_connection **out, struct error *error)
{
    struct sqlite *sqlite = db->state;
    struct db_connection *connection = pthread_getspecific(sqlite->slot);
    if (connection) {
        pthread_setspecific(sqlite->slot, NULL);
    } else {
        pthread_mutex_lock(&sqlite->lock);
        connection = sqlite->free;
        if (connection)
            sqlite->free = connection->next_free;
        pthread_mutex_unlock(&sqlite->lock);
        if (!connection && !connect_reader(sqlite, &connection, error))
            return false;
    }
    atomic_store_explicit(&connection->borrowed, true, memory_order_relaxed);
    *out = connection;
    return true;
}

/* To the thread that gives it back, which need not be the one that borrowed it. */
static void sqlite_give_back(struct db_connection *connection)
{
    struct sqlite *sqlite = connection->db->state;
    atomic_store_explicit(&connection->borrowed, false, memory_order_relaxed);
    if (pthread_getspecific(sqlite->slot) || pthread_setspecific(sqlite->slot, connection))
        push_free(sqlite, connection);
}

static void sqlite_count(struct db *db, int64_t *open, int64_t *busy, int64_t *waiting)
{
    struct sqlite *sqlite = db->state;
    sqlite_writer_count(sqlite->writer, open, busy, waiting);
    pthread_mutex_lock(&sqlite->lock);
    for (struct db_connection *at = sqlite->all; at; at = at->next) {
        ++*open;
        *busy += atomic_load_explicit(&at->borrowed, memory_order_relaxed);
    }
    pthread_mutex_unlock(&sqlite->lock);
}

/* ---- statements ---- */

static sqlite3_stmt *handle_of(struct statement *statement)
{
    return ((struct sqlite_statement *)statement)->handle;
}

static sqlite3 *connection_of(struct statement *statement)
{
    return ((struct sqlite_connection *)statement->connection)->handle;
}

static struct statement *sqlite_prepare(struct db_connection *base, struct str sql, struct error *error)
{
    struct sqlite_connection *connection = (struct sqlite_connection *)base;
    sqlite3_stmt *handle = NULL;
    const char *rest = NULL;
    int code = sqlite3_prepare_v3(connection->handle, sql.at, (int)sql.len, SQLITE_PREPARE_PERSISTENT, &handle, &rest);
    if (code != SQLITE_OK) {
        sqlite_fail(connection->handle, code, error);
        return NULL;
    }
    if (!handle || str_trim((struct str){ rest, sql.at + sql.len - rest }).len) {
        sqlite3_finalize(handle);
        error_set(error, E_INTERNAL, "not one SQL statement");
        return NULL;
    }
    struct sqlite_statement *statement = calloc(1, sizeof(*statement));
    if (!statement)
        abort();
    statement->handle = handle;
    statement->base.parameters = sqlite3_bind_parameter_count(handle);
    statement->base.columns = sqlite3_column_count(handle);
    return &statement->base;
}

static void sqlite_finalize(struct statement *statement)
{
    sqlite3_finalize(handle_of(statement));
    free(statement);
}

static int bind(sqlite3_stmt *handle, int index, const struct value *value)
{
    switch (value->type) {
    case VALUE_NOTHING:
        break;
    case VALUE_BOOLEAN:
        return sqlite3_bind_int(handle, index, value->boolean);
    case VALUE_INTEGER:
        return sqlite3_bind_int64(handle, index, value->integer);
    case VALUE_REAL:
        return sqlite3_bind_double(handle, index, value->real);
    case VALUE_TEXT:
        if (value->text.at)
            return sqlite3_bind_text64(handle, index, value->text.at, (sqlite3_uint64)value->text.len, SQLITE_STATIC,
                                       SQLITE_UTF8);
        break;
    }
    return sqlite3_bind_null(handle, index);
}

static bool sqlite_start(struct statement *statement, const struct value *values, struct error *error)
{
    /* SQLite undoes the whole transaction by itself when the disk is full; what came now would then be committed
     * alone. */
    if (statement->connection->writing && sqlite3_get_autocommit(connection_of(statement)))
        return error_set(error, E_INTERNAL, "the transaction was undone by an earlier failure");
    for (int i = 0; i < statement->parameters; i++) {
        int code = bind(handle_of(statement), i + 1, &values[i]);
        if (code != SQLITE_OK)
            return sqlite_fail(connection_of(statement), code, error);
    }
    return true;
}

static int sqlite_step(struct statement *statement, struct error *error)
{
    int code = sqlite3_step(handle_of(statement));
    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    sqlite_fail(connection_of(statement), code, error);
    if (error->code == E_STORAGE_FULL)
        db_found_full(statement->connection->db);
    return -1;
}

static bool sqlite_holds_snapshot(struct statement *statement)
{
    return sqlite3_stmt_busy(handle_of(statement));
}

/* One sqlite3_column_value instead of a sqlite3_column_ call for type, bytes and length each, which check the handle
 * every time. The value is "unprotected": only this connection's thread may look at it, and only until the next
 * step. */
static struct value sqlite_column(struct statement *statement, int column)
{
    sqlite3_value *value = sqlite3_column_value(handle_of(statement), column);
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        return (struct value){ .type = VALUE_INTEGER, .integer = sqlite3_value_int64(value) };
    case SQLITE_FLOAT:
        return (struct value){ .type = VALUE_REAL, .real = sqlite3_value_double(value) };
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_value_text(value);
        return (struct value){ .type = VALUE_TEXT, .text = { text, sqlite3_value_bytes(value) } };
    }
    case SQLITE_BLOB: {
        const char *bytes = sqlite3_value_blob(value);
        return (struct value){ .type = VALUE_TEXT, .text = { bytes ? bytes : "", sqlite3_value_bytes(value) } };
    }
    default:
        return (struct value){ .type = VALUE_NOTHING };
    }
}

static int64_t sqlite_changes(struct statement *statement)
{
    return sqlite3_changes64(connection_of(statement));
}

static int64_t sqlite_insert_id(struct statement *statement)
{
    return sqlite3_last_insert_rowid(connection_of(statement));
}

static void sqlite_reset(struct statement *statement)
{
    sqlite3_reset(handle_of(statement));
}

static bool run_statement(struct sqlite_connection *connection, struct str sql, struct error *error)
{
    sqlite3_stmt *handle = NULL;
    int code = sqlite3_prepare_v2(connection->handle, sql.at, (int)sql.len, &handle, NULL);
    if (code != SQLITE_OK)
        return sqlite_fail(connection->handle, code, error);
    do {
        code = sqlite3_step(handle);
    } while (code == SQLITE_ROW);
    bool ok = code == SQLITE_DONE || sqlite_fail(connection->handle, code, error);
    sqlite3_finalize(handle);
    return ok;
}

/* Of a migration, which alone may write the text of the schema: what it says is the program's own. */
static bool sqlite_run_text(struct db_connection *base, struct str sql, struct error *error)
{
    struct sqlite_connection *connection = (struct sqlite_connection *)base;
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    bool ok = run_statement(connection, sql, error);
    sqlite3_db_config(connection->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return ok;
}

/* ---- opening and closing ---- */

/* SQLite counts every byte it allocates under one mutex, for statistics nobody reads. That switch is the library's, as
 * how pages are cached is, so both are set once per process, before the library starts. */
static void configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite_pages_register();
    sqlite3_initialize();
}

static void release(struct sqlite *sqlite)
{
    sqlite_serve_no_more(sqlite);
    free(sqlite->file.path);
    free(sqlite->wal.path);
    pthread_mutex_destroy(&sqlite->lock);
    free(sqlite);
}

static void sqlite_close(struct db *db)
{
    struct sqlite *sqlite = db->state;
    pthread_key_delete(sqlite->slot); /* what lies in slots is on the list below */
    while (sqlite->all) {
        struct db_connection *connection = sqlite->all;
        sqlite->all = connection->next;
        sqlite_disconnect((struct sqlite_connection *)connection);
    }
    sqlite_writer_free(sqlite->writer); /* last, so that its checkpoint meets no reader */
    release(sqlite);
}

static bool sqlite_open(struct db *db, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    if (!make_file(db->url.path, error))
        return false;
    struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
    if (!sqlite)
        abort();
    sqlite->db = db;
    sqlite->serving_fd = -1;
    db->state = sqlite;
    pthread_mutex_init(&sqlite->lock, NULL);
    bool keyed = pthread_key_create(&sqlite->slot, leave_slot) == 0;
    if (!keyed)
        error_set(error, E_INTERNAL, "out of thread keys");
    file_note(&sqlite->file, strdup(db->url.path));
    if (keyed && sqlite_writer_new(db, &sqlite->writer, error)) {
        file_note(&sqlite->wal, wal_path(db->url.path));
        return true;
    }
    if (keyed)
        pthread_key_delete(sqlite->slot);
    release(sqlite);
    return false;
}

/* One transaction per step holds the write lock, so that no other lock is needed. */
static bool sqlite_migrate_begin(struct call *c)
{
    (void)c;
    return true;
}

static void sqlite_migrate_end(struct call *c)
{
    (void)c;
}

const struct driver driver_sqlite = {
    .dialect = "sqlite",
    .local = true,
    .open = sqlite_open,
    .close = sqlite_close,
    .serve = sqlite_serve,
    .borrow = sqlite_borrow,
    .give_back = sqlite_give_back,
    .count = sqlite_count,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .start = sqlite_start,
    .step = sqlite_step,
    .column = sqlite_column,
    .holds_snapshot = sqlite_holds_snapshot,
    .changes = sqlite_changes,
    .insert_id = sqlite_insert_id,
    .reset = sqlite_reset,
    .run = sqlite_run_text,
    .transact = sqlite_transact,
    .transact_later = sqlite_transact_later,
    .migrate_begin = sqlite_migrate_begin,
    .migrate_end = sqlite_migrate_end,
    .snapshot_begin = sqlite_snapshot_begin,
    .snapshot_end = sqlite_snapshot_end,
    .snapshot_copy = sqlite_snapshot_copy,
    .snapshot_name = "database.sqlite",
    .transactional_schema = true,
    .sql_ping = "select count(*) from sqlite_master where name = 'x'",
    .sql_change_nothing = "delete from schema_migrations where number < 0",
    .sql_tables = "select count(*) from sqlite_master where type in ('table', 'view') and name = ?",
    .sql_columns = "select name from pragma_table_xinfo(?)",
    .sql_size = "select c.page_count * s.page_size from pragma_page_count c, pragma_page_size s",
};
