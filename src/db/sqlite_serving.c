/* sqlite_serving.c - one server for one file: a lock on an empty file beside it, NAME-serving.
 *
 * Two would each keep for themselves what one server knows (turns, limits, what it has cached), and take each other's
 * work in progress for what a crash left. The lock is of the file that is open (flock): the end of the process lets it
 * go, however that comes. Its name is made of the database's own, so that a symbolic link leads to the same one. The
 * file stays: who removed it could not know that nobody is about to lock it. */
#include "db/sqlite.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* It gets the owner and the mode of the database, as the WAL does: a command that root gives leaves no file that the
 * server's account cannot open. */
static int open_lock(const char *database, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd >= 0 && geteuid() == 0 && stat(database, &st) == 0 &&
        (fchown(fd, st.st_uid, st.st_gid) != 0 || fchmod(fd, st.st_mode & 0666) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool sqlite_serve(struct db *db, struct error *error)
{
    struct sqlite *sqlite = db->state;
    char *real = realpath(db->url.path, NULL), *path = NULL;
    if (!real)
        return file_fail(error, "find", db->url.path, errno);
    if (asprintf(&path, "%s-serving", real) < 0)
        abort();
    int fd = open_lock(real, path);
    bool ok = fd >= 0 || file_fail(error, "open", path, errno);
    /* Where the file system knows no locks, SQLite's own do not hold either. */
    if (ok && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        ok = error_set(error, E_CONFLICT,
                       "another server works on %s: a SQLite database has one. `roentgen worker` does jobs beside it; "
                       "several servers share a MySQL or MariaDB database",
                       real);
    if (ok)
        sqlite->serving_fd = fd;
    else if (fd >= 0)
        close(fd);
    free(real);
    free(path);
    return ok;
}

void sqlite_serve_no_more(struct sqlite *sqlite)
{
    if (sqlite->serving_fd >= 0)
        close(sqlite->serving_fd);
}
