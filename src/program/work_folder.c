/* work_folder.c - see work_folder.h. */
#include "program/work_folder.h"

#include "base/file.h"
#include "schema/json_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 32 << 10, PREAMBLE = 128 };
#define PREFIX "roentgen-program-"
static const int64_t kept_us = INT64_C(3600000000);

/* ---- the folder ---- */

/* Empties `inner`: what is no folder goes, and folders that are not empty are moved into `top`, so that no path becomes
 * long and nothing has to be found again. */
static void empty_into(int top, DIR *inner, int *moved)
{
    for (struct dirent *entry; (entry = readdir(inner));) {
        const char *name = entry->d_name;
        char at_top[32];
        if (!strcmp(name, ".") || !strcmp(name, "..") || unlinkat(dirfd(inner), name, 0) == 0 ||
            unlinkat(dirfd(inner), name, AT_REMOVEDIR) == 0)
            continue;
        /* A folder: a link would be gone. To be moved it has to be writable. */
        if (fchmodat(dirfd(inner), name, 0700, 0) != 0)
            continue;
        do
            snprintf(at_top, sizeof(at_top), "moved-%d", ++*moved);
        while (renameat(dirfd(inner), name, top, at_top) != 0 && (errno == ENOTEMPTY || errno == EEXIST));
    }
}

/* True: one that was there is not any more. */
static bool remove_folder(int top, const char *name, int *moved)
{
    int fd =
        fchmodat(top, name, 0700, 0) != 0 ? -1 : openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *inner = fd < 0 ? NULL : fdopendir(fd);
    if (inner) {
        empty_into(top, inner, moved);
        closedir(inner);
    } else if (fd >= 0) {
        close(fd);
    }
    return unlinkat(top, name, AT_REMOVEDIR) == 0;
}

static void remove_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), moved = 0;
    DIR *top = fd < 0 ? NULL : fdopendir(fd);
    for (bool some = top != NULL; some;) {
        some = false;
        rewinddir(top);
        for (struct dirent *entry; (entry = readdir(top));)
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                (unlinkat(fd, entry->d_name, 0) == 0 || remove_folder(fd, entry->d_name, &moved)))
                some = true;
    }
    if (top)
        closedir(top);
    rmdir(path);
}

void work_folder_remove(const struct work_folder *folder)
{
    remove_path(folder->path);
}

static const char *below(struct call *c, const struct work_folder *folder, const char *name)
{
    return arena_cstring(&c->arena, arena_format(&c->arena, "%s/%s", folder->path, name));
}

static bool make(struct call *c, const char *path)
{
    return mkdir(path, 0700) == 0 || file_fail(&c->error, "making", path, errno);
}

/* In a folder that all may write somebody else may have made it. */
static bool is_ours(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid() &&
           (about.st_mode & 0777) == 0700;
}

bool work_folder_open(struct call *c, struct str job_uuid, struct work_folder *out)
{
    struct str name =
        arena_format(&c->arena, "%.*s/" PREFIX "%.*s", STR_FMT(c->app->config.programs_tmp), STR_FMT(job_uuid));
    struct work_folder folder = { .path = arena_cstring(&c->arena, name) };
    folder.in = below(c, &folder, "in");
    folder.out = below(c, &folder, "out");
    folder.home = below(c, &folder, "home");
    folder.done = is_ours(folder.path) && access(below(c, &folder, "done"), F_OK) == 0;
    *out = folder;
    if (folder.done)
        return true;
    work_folder_remove(&folder);
    return make(c, folder.path) && make(c, folder.in) && make(c, folder.out) && make(c, folder.home);
}

static bool has_ended(struct call *c, struct str job_uuid)
{
    int64_t count;
    bool ok = db_integer(c, &count,
                         "select count(*) from jobs where job_uuid = ? and state not in ('QUEUED', 'RUNNING') and "
                         "finished_at < ?",
                         V(job_uuid), V((struct instant){ clock_now().us - kept_us }));
    db_release(c);
    return ok && count > 0;
}

void work_folders_sweep(struct call *c)
{
    const char *root = arena_cstring(&c->arena, c->app->config.programs_tmp);
    DIR *folder = opendir(root);
    if (!folder)
        return; /* whoever runs a program is told */
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct str name = str_from(entry->d_name);
        if (!str_starts(name, S(PREFIX)))
            continue;
        const char *path = arena_cstring(&c->arena, arena_format(&c->arena, "%s/%s", root, entry->d_name));
        if (is_ours(path) && has_ended(c, str_from(entry->d_name + strlen(PREFIX))))
            remove_path(path);
    }
    closedir(folder);
}

static int create(struct call *c, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        file_fail(&c->error, "making", path, errno);
    return fd;
}

bool work_folder_write(struct call *c, const struct work_folder *folder, const char *name, struct str text)
{
    int fd = create(c, below(c, folder, name));
    bool ok = fd >= 0 && file_write_all(fd, text, &c->error);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool work_folder_copy(struct call *c, const struct work_folder *folder, const char *name, int from, int64_t bytes)
{
    char buffer[COPY_BYTES];
    const char *path = below(c, folder, name);
    int fd = create(c, path);
    bool ok = fd >= 0;
    for (int64_t at = 0; ok && at < bytes;) {
        ptrdiff_t got = file_read_at(from, at, buffer, COPY_BYTES);
        ok = got > 0 ? file_write_all(fd, (struct str){ buffer, got }, &c->error)
                     : fail(c, E_UNREADABLE, "an image's file cannot be read");
        at += got;
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

bool work_folder_mark(struct call *c, struct work_folder *folder)
{
    folder->done = work_folder_write(c, folder, "done", S(""));
    return folder->done;
}

/* ---- what is in it ---- */

/* One walk of what a program has left; `each` false: it is at an end. */
struct walk {
    bool (*each)(struct walk *walk, int folder, const char *name, const struct stat *about);
    void *context;
    int entries, depth;
    bool too_deep; /* to be gone through */
};

static bool walk_folder(struct walk *walk, int folder, int depth)
{
    DIR *open_folder = fdopendir(folder);
    bool ok = depth <= LEFT_DEPTH_MAX;
    walk->too_deep = walk->too_deep || !ok;
    if (!open_folder)
        return close(folder), true; /* gone, or nobody may look: nothing is taken from there */
    for (struct dirent *entry; ok && (entry = readdir(open_folder));) {
        struct stat about;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(folder, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        walk->depth = depth;
        ok = walk->each(walk, folder, entry->d_name, &about);
        if (ok && S_ISDIR(about.st_mode)) {
            int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            ok = inner < 0 || walk_folder(walk, inner, depth + 1);
        }
    }
    closedir(open_folder);
    return ok;
}

static bool walk(struct walk *walk, const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return folder < 0 || walk_folder(walk, folder, 0);
}

/* A sum that is cheap to ask for: of more than so many entries it says that there is no end of them. */
enum { COUNTED_MAX = 20000 };
static bool add_up(struct walk *walk, int folder, const char *name, const struct stat *about)
{
    int64_t *sum = walk->context;
    (void)folder;
    (void)name;
    *sum += about->st_blocks * 512;
    return ++walk->entries <= COUNTED_MAX;
}

int64_t work_folder_bytes(const struct work_folder *folder)
{
    int64_t sum = 0;
    return walk(&(struct walk){ .each = add_up, .context = &sum }, folder->path) ? sum : INT64_MAX;
}

/* ---- what is taken from it ---- */

struct taking {
    struct call *c;
    struct left *left;
    int64_t most_bytes;
};

static bool read_result(struct call *c, int fd, int64_t bytes, struct str *out)
{
    struct json_flaw flaw;
    char *text = arena_array(&c->arena, char, RESULT_BYTES_MAX);
    if (bytes > RESULT_BYTES_MAX)
        return fail(c, E_INVALID, "its result.json is larger than %d bytes", RESULT_BYTES_MAX);
    ptrdiff_t got = file_read_at(fd, 0, text, RESULT_BYTES_MAX);
    json_t *tree = got > 0 ? json_read((struct str){ text, got }, &c->arena, &flaw) : NULL;
    if (!tree)
        return fail(c, E_INVALID, "its result.json is no JSON: %s", got > 0 ? flaw.what : "it is empty");
    struct str message;
    const char *wrong = json_check_tree(tree, &message);
    json_decref(tree);
    *out = (struct str){ text, got };
    return !wrong || fail(c, E_INVALID, "its result.json: %.*s", STR_FMT(message));
}

static bool is_dicom(int fd)
{
    char magic[4];
    return file_read_at(fd, PREAMBLE, magic, 4) == 4 && !memcmp(magic, "DICM", 4);
}

static bool take_file(const struct taking *t, int fd, const char *name, int64_t bytes, bool at_top, bool *kept)
{
    struct left *left = t->left;
    if (at_top && !strcmp(name, "result.json"))
        return read_result(t->c, fd, bytes, &left->result);
    if (!is_dicom(fd))
        return left->others++, true;
    left->bytes += bytes;
    if (left->count == LEFT_FILES_MAX || left->bytes > t->most_bytes)
        return fail(t->c, E_INVALID, "it left more than %d DICOM files, or more than %" PRId64 " MiB of them",
                    LEFT_FILES_MAX, t->most_bytes >> 20);
    left->files[left->count++] = (struct left_file){ (char *)arena_cstring(&t->c->arena, str_from(name)), fd, bytes };
    *kept = true;
    return true;
}

static bool take(struct walk *walk, int folder, const char *name, const struct stat *about)
{
    const struct taking *t = walk->context;
    struct stat opened;
    bool kept = false;
    if (S_ISDIR(about->st_mode))
        return true;
    int fd = S_ISREG(about->st_mode) ? openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &opened) != 0 || !S_ISREG(opened.st_mode) || opened.st_nlink != 1) {
        if (fd >= 0)
            close(fd);
        return fail(t->c, E_INVALID, "it left something that is no plain file of its own: a link, a pipe or a device");
    }
    bool ok = take_file(t, fd, name, opened.st_size, walk->depth == 0, &kept);
    if (!kept)
        close(fd);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct left_file *)a)->name, ((const struct left_file *)b)->name);
}

bool left_read(struct call *c, const struct work_folder *folder, int64_t most_bytes, struct left *out)
{
    struct taking taking = { c, out, most_bytes };
    *out = (struct left){ .result = STR_NULL };
    struct walk all = { .each = take, .context = &taking };
    bool ok = walk(&all, folder->out);
    if (all.too_deep)
        fail(c, E_INVALID, "it left folders in folders, more than %d deep", LEFT_DEPTH_MAX);
    qsort(out->files, (size_t)out->count, sizeof(out->files[0]), by_name);
    return ok;
}

void left_close(struct left *left)
{
    for (int i = 0; i < left->count; i++)
        close(left->files[i].fd);
    left->count = 0;
}
