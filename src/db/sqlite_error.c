/* sqlite_error.c - SQLite's result codes as ours. Its messages name tables and columns, never values. */
#include "db/sqlite.h"

#include <errno.h>

/* "UNIQUE constraint failed: patients.patient_id, patients.x" -> "patient_id": the member as people know it. What a
 * hash column guards is the column it was made from. */
static bool fail_unique(const char *message, struct error *error)
{
    struct str text = str_from(message);
    ptrdiff_t at = str_find(text, S(": "));
    if (at < 0)
        return error_set(error, E_CONFLICT, "a unique value is taken already");
    struct str name, others;
    str_cut(str_slice(text, at + 2, text.len), ',', &name, &others);
    if (str_starts(name, S("index '"))) { /* an index over expressions has only its own name */
        name = str_slice(name, 7, name.len - 1);
        if (str_starts(name, S("uq_")))
            name = str_slice(name, 3, name.len);
    }
    if (str_ends(name, S("_hash")))
        name = str_slice(name, 0, name.len - 5);
    struct str table, column;
    if (str_cut(name, '.', &table, &column))
        name = column;
    return error_set(error, E_CONFLICT, "%.*s is taken already", STR_FMT(name));
}

static bool fail_constraint(sqlite3 *handle, int code, struct error *error)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return fail_unique(sqlite3_errmsg(handle), error);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return error_set(error, E_CONFLICT, "refers to something that does not exist, or is still referred to");
    default:
        return error_set(error, E_INTERNAL, "database: %s", sqlite3_errmsg(handle));
    }
}

static bool fail_unavailable(struct error *error, int retry_after_s, const char *why)
{
    if (!error->code)
        error->retry_after_s = retry_after_s;
    return error_set(error, E_UNAVAILABLE, "%s", why);
}

static bool is_disk_full(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

bool sqlite_fail(sqlite3 *handle, int code, struct error *error)
{
    if (!handle)
        return error_set(error, E_INTERNAL, "database: %s", sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return fail_constraint(handle, code, error);
    case SQLITE_FULL:
        return error_set(error, E_STORAGE_FULL, "the disk of the database is full");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return fail_unavailable(error, 1, "the database is busy: another process writes to it");
    case SQLITE_CANTOPEN:
        return error_set(error, E_UNAVAILABLE, "the database file cannot be opened");
    case SQLITE_IOERR:
        if (is_disk_full(sqlite3_system_errno(handle)))
            return error_set(error, E_STORAGE_FULL, "the disk of the database is full");
        return error_set(error, E_INTERNAL, "database: %s (%d, errno %d)", sqlite3_errstr(code), code,
                         sqlite3_system_errno(handle));
    default:
        break;
    }
    const char *message = sqlite3_errmsg(handle);
    if (strncmp(message, "fts5:", 5) == 0) /* quotes the search text */
        message = "the full-text index refused a query";
    return error_set(error, E_INTERNAL, "database: %s (%d)", message, code);
}
