/* sqlite_vfs.c - the WAL written in few large pieces, and synced while the next commit is being prepared.
 *
 * SQLite writes a commit as two small writes for each page (a header of 24 bytes, the page), all behind each other:
 * some eighty system calls for one upload with its indexes. This layer over the system's VFS gathers them:
 *
 *     xWrite  header | page | header | page | ...      into memory while each follows the one before
 *     xSync                                            one write of all of it, then the sync
 *
 * That is safe because a commit is published to other connections only after its xSync (synchronous = full, which all
 * connections have), and because whatever else is done with the file writes what was gathered first. Only WAL files are
 * treated so.
 *
 * The writer asks for more (sqlite_vfs_later): the xSync of its commits only writes, and another thread syncs
 * (sqlite_vfs_sync) before anybody hears of the commit. Others may read it a moment before it is durable, as they may
 * read it a moment before its author hears of it. What SQLite syncs for its own order (checkpoints, the header of a WAL
 * that begins anew) is synced where it asks. */
#include "db/sqlite.h"

#include <pthread.h>

enum {
    GATHERED_MAX = 512 * 1024,
    PIECE_BYTES = 64 * 1024 /* SQLite's own layer takes less than 128 KiB at a time */
};

/* The file of the system's VFS lies behind it. */
struct wal_file {
    sqlite3_file base;
    sqlite3_file *real;
    char *gathered; /* NULL before the first write: readers have none */
    sqlite3_int64 from;
    int len;
    bool synced; /* once, so that its name is durable: the system's layer remembers that it was */
    bool later;  /* an xSync is left to sqlite_vfs_sync ... */
    bool left;   /* ... and one was */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs our_vfs;

static struct wal_file *wal_of(sqlite3_file *file)
{
    return (struct wal_file *)(void *)file;
}

/* When it fails SQLite undoes the transaction and begins again at the same place. */
static int write_gathered(struct wal_file *wal)
{
    int left = wal->len, code = SQLITE_OK;
    wal->len = 0;
    for (int at = 0, some; left > 0 && code == SQLITE_OK; at += some, left -= some) {
        some = left < PIECE_BYTES ? left : PIECE_BYTES;
        code = wal->real->pMethods->xWrite(wal->real, wal->gathered + at, some, wal->from + at);
    }
    return code;
}

static int wal_close(sqlite3_file *file)
{
    struct wal_file *wal = wal_of(file);
    int written = write_gathered(wal), closed = wal->real->pMethods->xClose(wal->real);
    free(wal->gathered);
    return written ? written : closed;
}

static int wal_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    struct wal_file *wal = wal_of(file);
    int code = write_gathered(wal);
    return code ? code : wal->real->pMethods->xRead(wal->real, out, len, offset);
}

static int wal_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    struct wal_file *wal = wal_of(file);
    if (wal->len && (offset != wal->from + wal->len || len > GATHERED_MAX - wal->len)) {
        int code = write_gathered(wal);
        if (code)
            return code;
    }
    if (len > PIECE_BYTES)
        return wal->real->pMethods->xWrite(wal->real, bytes, len, offset);
    if (!wal->gathered && !(wal->gathered = malloc(GATHERED_MAX)))
        return SQLITE_NOMEM;
    if (!wal->len)
        wal->from = offset;
    memcpy(wal->gathered + wal->len, bytes, (size_t)len);
    wal->len += len;
    return SQLITE_OK;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct wal_file *wal = wal_of(file);
    int code = write_gathered(wal);
    return code ? code : wal->real->pMethods->xTruncate(wal->real, size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    struct wal_file *wal = wal_of(file);
    bool begins_anew =
        wal->len > 0 && wal->from == 0; /* its header alone: before frames overwrite those of the old one */
    int code = write_gathered(wal);
    if (code)
        return code;
    if (wal->later && !begins_anew) {
        wal->left = true;
        return SQLITE_OK;
    }
    code = wal->real->pMethods->xSync(wal->real, flags);
    wal->synced = code == SQLITE_OK;
    return code;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct wal_file *wal = wal_of(file);
    int code = write_gathered(wal);
    return code ? code : wal->real->pMethods->xFileSize(wal->real, size);
}

static int wal_lock(sqlite3_file *file, int lock)
{
    return wal_of(file)->real->pMethods->xLock(wal_of(file)->real, lock);
}

static int wal_unlock(sqlite3_file *file, int lock)
{
    return wal_of(file)->real->pMethods->xUnlock(wal_of(file)->real, lock);
}

static int wal_check_lock(sqlite3_file *file, int *locked)
{
    return wal_of(file)->real->pMethods->xCheckReservedLock(wal_of(file)->real, locked);
}

static int wal_control(sqlite3_file *file, int operation, void *argument)
{
    return wal_of(file)->real->pMethods->xFileControl(wal_of(file)->real, operation, argument);
}

static int wal_sector_size(sqlite3_file *file)
{
    return wal_of(file)->real->pMethods->xSectorSize(wal_of(file)->real);
}

static int wal_device(sqlite3_file *file)
{
    return wal_of(file)->real->pMethods->xDeviceCharacteristics(wal_of(file)->real);
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1, /* shared memory and mapping are of the database file */
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_check_lock,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector_size,
    .xDeviceCharacteristics = wal_device,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    struct wal_file *wal = wal_of(file);
    *wal = (struct wal_file){ .real = (sqlite3_file *)(void *)(wal + 1) };
    int code = real_vfs->xOpen(real_vfs, name, wal->real, flags, out_flags);
    if (wal->real->pMethods)
        wal->base.pMethods = &wal_methods;
    return code;
}

static struct wal_file *wal_of_connection(sqlite3 *handle)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(handle, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file);
    return file && file->pMethods == &wal_methods ? wal_of(file) : NULL;
}

void sqlite_vfs_later(sqlite3 *handle)
{
    struct wal_file *wal = wal_of_connection(handle);
    if (wal)
        wal->later = wal->synced;
}

void *sqlite_vfs_left(sqlite3 *handle)
{
    struct wal_file *wal = wal_of_connection(handle);
    bool left = wal && wal->left;
    if (wal)
        wal->later = wal->left = false;
    return left ? wal : NULL;
}

int sqlite_vfs_sync(void *wal)
{
    struct wal_file *file = wal;
    return file->real->pMethods->xSync(file->real, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

static void register_vfs(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    if (!real_vfs)
        return;
    our_vfs = *real_vfs;
    our_vfs.pNext = NULL;
    our_vfs.zName = SQLITE_VFS_NAME;
    our_vfs.szOsFile = real_vfs->szOsFile + (int)sizeof(struct wal_file);
    our_vfs.xOpen = open_file;
    sqlite3_vfs_register(&our_vfs, 0);
}

void sqlite_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_vfs);
}
