/* sqlite_snapshot.c - a moment of a SQLite database, as a file and back. */
#include "db/sqlite.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_PAGES = 512, PIECE_BYTES = 1 << 20 };

/* ---- one moment ---- */

bool sqlite_snapshot_begin(struct call *c)
{
    const struct driver *driver = c->db->driver;
    if (!driver->borrow(c->db, &c->connection, &c->error))
        return false;
    if (driver->run(c->connection, S("begin"), &c->error) &&
        driver->run(c->connection, S("select count(*) from sqlite_master"), &c->error)) /* from here on */
        return true;
    sqlite_snapshot_end(c);
    return false;
}

void sqlite_snapshot_end(struct call *c)
{
    struct sqlite_connection *connection = (struct sqlite_connection *)c->connection;
    struct error ignored = { 0 };
    if (!connection)
        return;
    connection_close_statements(&connection->base);
    if (!sqlite3_get_autocommit(connection->handle))
        c->db->driver->run(&connection->base, S("rollback"), &ignored);
    db_release(c);
}

/* ---- a copy ---- */

/* What is not whole is thrown away by who asked for it, so it needs no journal; it is synced at its end. */
static bool open_copy(const char *path, sqlite3 **out, struct error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_fail(error, "make", path, errno);
    close(fd);
    int code = sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    return (code == SQLITE_OK &&
            sqlite3_exec(*out, "pragma synchronous = off; pragma journal_mode = off", NULL, NULL, NULL) == SQLITE_OK) ||
           sqlite_fail(*out, sqlite3_extended_errcode(*out), error);
}

static bool copy_pages(sqlite3 *from, sqlite3 *to, const struct snapshot_watch *watch, struct error *error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup)
        return sqlite_fail(to, sqlite3_extended_errcode(to), error);
    bool go_on = true;
    int code = SQLITE_OK;
    while (go_on && code == SQLITE_OK) {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        int total = sqlite3_backup_pagecount(backup);
        if (watch && watch->tell)
            go_on = watch->tell(watch->context, total - sqlite3_backup_remaining(backup), total, error);
    }
    sqlite3_backup_finish(backup);
    return go_on && (code == SQLITE_DONE || sqlite_fail(to, code, error));
}

static bool sync_file(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        file_fail(error, "sync", path, errno);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* It leaves the mode with a WAL, so that it can be read where nothing can be written beside it. */
bool sqlite_snapshot_copy(struct call *c, const char *path, const struct snapshot_watch *watch)
{
    struct sqlite_connection *connection = (struct sqlite_connection *)c->connection;
    sqlite3 *copy = NULL;
    bool ok = open_copy(path, &copy, &c->error) && copy_pages(connection->handle, copy, watch, &c->error) &&
              (sqlite3_exec(copy, "pragma journal_mode = delete", NULL, NULL, NULL) == SQLITE_OK ||
               sqlite_fail(copy, sqlite3_extended_errcode(copy), &c->error));
    sqlite3_close_v2(copy);
    return ok && sync_file(path, &c->error);
}

struct checking {
    void (*tell)(void *context, const char *complaint);
    void *context;
};

static int take_complaint(void *context, int count, char **values, char **names)
{
    (void)names;
    const struct checking *check = context;
    if (count > 0 && values[0] && strcmp(values[0], "ok") != 0)
        check->tell(check->context, values[0]);
    return 0;
}

/* "file:" and the path with what a URI would take for its own in hexadecimal digits; nothing is made beside it. */
static sqlite3 *open_to_read(const char *path)
{
    char uri[3 * PATH_MAX + 32];
    size_t len = (size_t)snprintf(uri, sizeof(uri), "file:");
    for (; *path && len < sizeof(uri) - 32; path++)
        len += (size_t)snprintf(uri + len, sizeof(uri) - len, strchr("%?#", *path) ? "%%%02X" : "%c",
                                (unsigned char)*path);
    snprintf(uri + len, sizeof(uri) - len, "?immutable=1");
    sqlite3 *handle = NULL;
    sqlite3_open_v2(uri, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    return handle;
}

bool snapshot_check(const char *path, void (*tell)(void *context, const char *complaint), void *context,
                    struct error *error)
{
    struct checking check = { tell, context };
    sqlite3 *handle = open_to_read(path);
    int code = sqlite3_exec(handle, "pragma quick_check(10)", take_complaint, &check, NULL);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        tell(context, sqlite3_errmsg(handle));
    else if (code != SQLITE_OK)
        sqlite_fail(handle, code, error);
    sqlite3_close_v2(handle);
    return error->code == E_NONE;
}

struct reading {
    bool (*each)(void *context, char **values);
    void *context;
};

static int take_row(void *context, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    const struct reading *reading = context;
    return !reading->each(reading->context, values);
}

bool snapshot_read(const char *path, const char *sql, bool (*each)(void *context, char **values), void *context,
                   struct error *error)
{
    struct reading reading = { each, context };
    sqlite3 *handle = open_to_read(path);
    int code = sqlite3_exec(handle, sql, take_row, &reading, NULL);
    bool ok = code == SQLITE_OK || code == SQLITE_ABORT || sqlite_fail(handle, code, error);
    sqlite3_close_v2(handle);
    return ok;
}

/* ---- back ---- */

static int count_of(void *context, int count, char **values, char **names)
{
    (void)names;
    *(bool *)context = count == 1 && values[0] && !strcmp(values[0], "0");
    return 0;
}

/* Opened as it is, with a WAL that may lie beside it: rows may be in there alone. */
bool sqlite_snapshot_finds_nothing(const char *database, bool *nothing, struct error *error)
{
    struct stat found;
    sqlite3 *handle = NULL;
    if (stat(database, &found) != 0) {
        *nothing = true;
        return errno == ENOENT || errno == ENOTDIR || file_fail(error, "look at", database, errno);
    }
    *nothing = false;
    int code = sqlite3_open_v2(database, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, "select count(*) from sqlite_master", count_of, nothing, NULL);
    bool ok = code == SQLITE_OK || sqlite_fail(handle, code, error);
    sqlite3_close_v2(handle);
    return ok;
}

static bool copy_bytes(int from, int to, const struct snapshot_watch *watch, struct error *error)
{
    char *piece = malloc(PIECE_BYTES);
    struct stat st;
    int64_t at = 0;
    ptrdiff_t got = 1;
    bool ok = piece && fstat(from, &st) == 0;
    while (ok && got > 0) {
        got = file_read_at(from, at, piece, PIECE_BYTES);
        ok = got >= 0 ? file_write_all(to, (struct str){ piece, got }, error)
                      : file_fail(error, "read", "the copy of the database", errno);
        at += got > 0 ? got : 0;
        if (ok && watch && watch->tell)
            ok = watch->tell(watch->context, at, st.st_size, error);
    }
    free(piece);
    return ok && (fsync(to) == 0 || file_fail(error, "sync", "the database", errno));
}

/* Written under another name, so that it is there whole or not at all. What lies beside an empty database would be
 * taken for this one's. */
static bool put_in_place(const char *database, const char *written, struct error *error)
{
    static const char *const beside[] = { "-wal", "-shm", "-journal" };
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", database, beside[i]);
        if (unlink(name) != 0 && errno != ENOENT)
            return file_fail(error, "remove", name, errno);
    }
    if (rename(written, database) != 0)
        return file_fail(error, "rename", written, errno);
    snprintf(name, sizeof(name), "%s", database);
    char *slash = strrchr(name, '/');
    if (slash)
        slash[slash == name] = '\0';
    return file_sync_directory(slash ? name : ".", error);
}

static bool make_folder(const char *database, struct error *error)
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof(folder), "%s", database) >= PATH_MAX - 32)
        return error_set(error, E_INVALID, "the path of the database is too long");
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return true;
    *slash = '\0';
    return file_make_directories(folder, error);
}

bool sqlite_snapshot_load(const char *database, const char *path, const struct snapshot_watch *watch,
                          struct error *error)
{
    char written[PATH_MAX];
    bool nothing;
    if (!make_folder(database, error) || !sqlite_snapshot_finds_nothing(database, &nothing, error))
        return false;
    if (!nothing)
        return error_set(error, E_CONFLICT, "the database is not empty: nothing is restored over another");
    snprintf(written, sizeof(written), "%s.restoring", database);
    int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int to = from < 0 ? -1 : open(written, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    bool ok = to >= 0 ? copy_bytes(from, to, watch, error) : file_fail(error, "open", from < 0 ? path : written, errno);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return ok && put_in_place(database, written, error);
}
