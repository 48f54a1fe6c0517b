/* backup_target.c - the folder of all backups (backup_parts.h). */
#include "upkeep/backup_parts.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 };

/* ---- names ---- */

bool backup_name_is_whole(struct str name)
{
    static const char form[] = "00000000T000000.000Z";
    if (name.len != BACKUP_NAME_CHARS)
        return false;
    for (int i = 0; i < BACKUP_NAME_CHARS; i++)
        if (form[i] == '0' ? name.at[i] < '0' || name.at[i] > '9' : name.at[i] != form[i])
            return false;
    return true;
}

static struct str name_of(struct instant at, struct arena *arena)
{
    char text[INSTANT_TEXT_MAX], name[INSTANT_TEXT_MAX];
    ptrdiff_t len = instant_write(at, text), kept = 0;
    for (ptrdiff_t i = 0; i < len - 4; i++) /* without microseconds */
        if (text[i] != '-' && text[i] != ':')
            name[kept++] = text[i];
    name[kept++] = 'Z';
    return arena_copy(arena, (struct str){ name, kept });
}

/* The next name in order, be it no moment of any day. */
static struct str name_after(struct str name, struct arena *arena)
{
    char next[BACKUP_NAME_CHARS];
    memcpy(next, name.at, BACKUP_NAME_CHARS);
    for (int i = BACKUP_NAME_CHARS; i-- > 0;) {
        if (next[i] < '0' || next[i] > '9')
            continue;
        next[i] = (char)(next[i] == '9' ? '0' : next[i] + 1);
        if (next[i] != '0')
            break;
    }
    return arena_copy(arena, (struct str){ next, BACKUP_NAME_CHARS });
}

/* A clock that was put back must not make the newest one the first to go. */
struct str backup_name_new(const struct backup_target *target, struct arena *arena)
{
    struct str name = name_of(clock_now(), arena);
    for (int i = 0; i < target->count; i++) {
        struct str there = str_slice(target->names[i], 0, BACKUP_NAME_CHARS);
        if (backup_name_is_whole(there) && str_compare(name, there) <= 0)
            name = name_after(there, arena);
    }
    return name;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

bool backup_list(const char *path, struct arena *arena, struct str **names, int *count, struct error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return file_fail(error, "read directory", path, errno);
    *names = arena_array(arena, struct str, BACKUP_FOLDERS_MAX);
    *count = 0;
    for (struct dirent *entry; *count < BACKUP_FOLDERS_MAX && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            (*names)[(*count)++] = arena_copy(arena, str_from(entry->d_name));
    closedir(directory);
    qsort(*names, (size_t)*count, sizeof(**names), by_name);
    return true;
}

const char *backup_name_with(const struct backup_target *target, struct str name, const char *suffix,
                             struct arena *arena)
{
    return arena_format(arena, "%.*s.%.*s%s", STR_FMT(name), STR_FMT(target->mark), suffix).at;
}

/* ---- whose ---- */

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A folder, and no link to one, with what only a whole one has. */
static bool is_whole(const char *place, struct str name, struct arena *arena, struct backup_about *about)
{
    struct stat st;
    struct error ignored = { 0 };
    const char *folder = arena_format(arena, "%s/%.*s", place, STR_FMT(name)).at;
    return backup_name_is_whole(name) && is_folder(folder) &&
           stat(arena_format(arena, "%s/" BACKUP_SUMS, folder).at, &st) == 0 &&
           backup_about_read(folder, arena, about, &ignored);
}

bool backup_is_own(const struct backup_target *target, struct str name, const char *suffix, struct arena *arena)
{
    struct backup_about about;
    if (!*suffix)
        return is_whole(target->path, name, arena, &about) && str_equal(about.key, target->mark);
    struct str stem = str_slice(name, 0, BACKUP_NAME_CHARS);
    return backup_name_is_whole(stem) && str_equal(name, str_from(backup_name_with(target, stem, suffix, arena))) &&
           is_folder(arena_format(arena, "%s/%.*s", target->path, STR_FMT(name)).at);
}

/* Of several installations in one folder that of `config`'s key counts; else whoever made the newest. With one key
 * there are two only where somebody has put them together. */
bool backup_newest(const char *place, const struct config *config, struct arena *arena, struct str *folder,
                   struct error *error)
{
    struct str *names, mark = backup_key_mark(config, arena), newest = STR_NULL, own = STR_NULL, whose = STR_NULL;
    struct backup_about about;
    int count;
    struct stat st;
    if (!stat(arena_format(arena, "%s/" BACKUP_SUMS, place).at, &st)) {
        *folder = arena_copy(arena, str_from(place));
        return true;
    }
    if (!backup_list(place, arena, &names, &count, error))
        return false;
    while (count-- > 0) {
        if (!is_whole(place, names[count], arena, &about))
            continue;
        newest = newest.at ? newest : names[count];
        if (!str_equal(about.key, mark))
            continue;
        own = own.at ? own : names[count];
        if (whose.len && about.installation.len && !str_equal(about.installation, whose))
            return error_set(error, E_CONFLICT,
                             "%s has backups of two installations with this SECRET_KEY (%.*s is of %.*s; %.*s, the "
                             "newest, is not): name one by its own folder",
                             place, STR_FMT(names[count]), STR_FMT(about.installation), STR_FMT(own));
        whose = whose.len ? whose : about.installation;
    }
    if (!newest.at)
        return error_set(error, E_NOT_FOUND, "there is no whole backup in %s", place);
    *folder = arena_format(arena, "%s/%.*s", place, STR_FMT(own.at ? own : newest));
    return true;
}

/* ---- opening ---- */

static bool is_inside(const char *path, const char *folder)
{
    char real[PATH_MAX];
    if (!realpath(folder, real))
        return false;
    size_t len = strlen(real);
    return !strncmp(path, real, len) && (!path[len] || path[len] == '/' || len == 1);
}

static bool find_folder(const char *path, const struct app *app, struct arena *arena, const char **out,
                        struct error *error)
{
    char real[PATH_MAX];
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return error_set(error, E_INVALID, "the target %s cannot be made: %s", path,
                         strerror_r(errno, real, sizeof(real)));
    if (!realpath(path, real))
        return file_fail(error, "find", path, errno);
    if (is_inside(real, blob_root(app->files)) || (app->archive && is_inside(real, blob_root(app->archive)))) {
        if (made)
            rmdir(path);
        return error_set(error, E_INVALID, "the target lies inside of the store that is to be backed up");
    }
    *out = arena_copy(arena, str_from(real)).at;
    return true;
}

static bool is_writable_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && access(path, W_OK | X_OK) == 0;
}

bool backup_place_will_do(const char *target, struct error *error)
{
    char above[PATH_MAX];
    struct stat st;
    if (stat(target, &st) == 0)
        return is_writable_folder(target) ||
               error_set(error, E_INVALID, S_ISDIR(st.st_mode) ? "it may not be written to" : "it is no folder");
    int len = snprintf(above, sizeof(above), "%s", target);
    while (len > 1 && len < (int)sizeof(above) && above[len - 1] == '/')
        above[--len] = '\0';
    return is_writable_folder(dirname(above)) ||
           error_set(error, E_INVALID, "it is not there, and cannot be made where it should be");
}

static bool take_lock(struct backup_target *target, struct error *error)
{
    target->lock = openat(target->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target->lock < 0)
        return file_fail(error, "write to", target->path, errno);
    if (flock(target->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    return errno == EWOULDBLOCK ? error_set(error, E_CONFLICT, "another backup is being made there")
                                : file_fail(error, "lock", target->path, errno);
}

/* The mark of the key would not tell them apart, and BACKUP_KEEP of the one remove what the other made. */
static bool refuse_others(const struct backup_target *target, struct arena *arena, struct error *error)
{
    struct backup_about about;
    for (int i = target->count; i-- > 0 && target->installation.len;)
        if (is_whole(target->path, target->names[i], arena, &about) && str_equal(about.key, target->mark) &&
            about.installation.len && !str_equal(about.installation, target->installation))
            return error_set(error, E_CONFLICT,
                             "%s has backups of another installation with the same SECRET_KEY (%.*s is of %.*s; this "
                             "is %.*s): name another folder",
                             target->path, STR_FMT(target->names[i]), STR_FMT(about.installation),
                             STR_FMT(target->installation));
    return true;
}

bool backup_target_open(const char *path, const struct app *app, struct str installation, struct arena *arena,
                        struct backup_target *out, struct error *error)
{
    struct backup_target target = {
        .path = path, .fd = -1, .lock = -1, .mark = backup_key_mark(&app->config, arena), .installation = installation
    };
    if (!find_folder(path, app, arena, &target.path, error))
        return false;
    target.fd = open(target.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = target.fd >= 0 || file_fail(error, "open", target.path, errno);
    ok = ok && take_lock(&target, error) && backup_list(target.path, arena, &target.names, &target.count, error) &&
         refuse_others(&target, arena, error);
    for (int i = 0; ok && i < target.count; i++)
        if (backup_is_own(&target, target.names[i], BACKUP_REMOVED, arena))
            ok = backup_remove_tree(target.fd, target.names[i].at, error);
    if (ok)
        *out = target;
    else
        backup_target_close(&target);
    return ok;
}

void backup_target_close(struct backup_target *target)
{
    if (target->lock >= 0)
        close(target->lock);
    if (target->fd >= 0)
        close(target->fd);
    target->lock = target->fd = -1;
}

/* ---- going ---- */

static bool empty_folder(int fd, int depth, struct error *error)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return file_fail(error, "read directory", "of a backup", errno);
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(directory));) {
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..") || unlinkat(dirfd(directory), name, 0) == 0)
            continue;
        int below =
            depth < DEPTH_MAX ? openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        ok = below >= 0 ? empty_folder(below, depth + 1, error) : file_fail(error, "remove", name, errno);
        ok = ok && (unlinkat(dirfd(directory), name, AT_REMOVEDIR) == 0 || file_fail(error, "remove", name, errno));
    }
    closedir(directory);
    return ok;
}

bool backup_remove_tree(int folder, const char *name, struct error *error)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || file_fail(error, "open", name, errno);
    return empty_folder(fd, 0, error) &&
           (unlinkat(folder, name, AT_REMOVEDIR) == 0 || file_fail(error, "remove", name, errno));
}

static bool remove_one(struct backup_target *target, struct arena *arena, struct str name, struct error *error)
{
    const char *gone = backup_name_with(target, name, BACKUP_REMOVED, arena);
    if (renameat(target->fd, name.at, target->fd, gone) != 0)
        return file_fail(error, "rename", name.at, errno);
    if (fsync(target->fd) != 0)
        return file_fail(error, "sync", target->path, errno);
    return backup_remove_tree(target->fd, gone, error);
}

bool backup_remove_old(struct backup_target *target, struct arena *arena, int64_t keep, int64_t *removed,
                       struct error *error)
{
    int64_t whole = 0;
    *removed = 0;
    if (keep <= 0)
        return true;
    if (!backup_list(target->path, arena, &target->names, &target->count, error))
        return false;
    for (int i = target->count; i-- > 0;) {
        if (!backup_is_own(target, target->names[i], "", arena) || ++whole <= keep)
            continue;
        if (!remove_one(target, arena, target->names[i], error))
            return false;
        ++*removed;
    }
    return true;
}
