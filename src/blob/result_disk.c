/* result_disk.c - results on disk: one file each, and a thread that removes the oldest when there are too many.
 *
 *   ab/abcdef...(64)-0123...(32)   [magic 8][length 8][hash 8][bytes]
 *
 * The time of a file's last change says when it was last used; reading one sets it anew, at most once an hour. */
#include "blob/result_parts.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 128, TOUCH_S = 3600 };
#define RESULT_MAX_BYTES ((int64_t)1 << 30)

struct head {
    char magic[8];
    uint64_t length, hash;
};
static const char magic[8] = { 'R', 'N', 'T', 'G', 'R', 'E', 'S', '1' };

struct result_disk {
    int root_fd;
    int64_t max_bytes;
    _Atomic int64_t bytes;
    _Atomic uint64_t serial;   /* of temporary names */
    struct background sweeper; /* woken by a put past the limit */
};

struct name {
    char text[NAME_MAX_BYTES];
};

static struct name name_of(const struct result_key *key)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "%.2s/%s-%s", key->content, key->content, key->recipe);
    return name;
}

/* ---- getting and putting ---- */

static bool read_checked(int fd, int64_t size_bytes, struct arena *arena, struct str *bytes)
{
    struct head head;
    if (size_bytes < (int64_t)sizeof(head) || size_bytes > RESULT_MAX_BYTES ||
        file_read_at(fd, 0, &head, (ptrdiff_t)sizeof(head)) != (ptrdiff_t)sizeof(head) ||
        memcmp(head.magic, magic, sizeof(magic)) != 0 || head.length != (uint64_t)size_bytes - sizeof(head))
        return false;
    char *at = arena_alloc(arena, (ptrdiff_t)head.length + 1);
    struct str found = { at, (ptrdiff_t)head.length };
    if (file_read_at(fd, (int64_t)sizeof(head), at, found.len) != found.len || str_hash(found) != head.hash)
        return false;
    *bytes = found;
    return true;
}

bool result_disk_get(struct result_disk *disk, const struct result_key *key, struct arena *arena, struct str *bytes)
{
    struct name name = name_of(key);
    struct stat st;
    int fd = openat(disk->root_fd, name.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0 && read_checked(fd, st.st_size, arena, bytes);
    if (ok && clock_now().us / 1000000 - st.st_mtim.tv_sec > TOUCH_S)
        futimens(fd, NULL);
    close(fd);
    if (!ok)
        unlinkat(disk->root_fd, name.text, 0);
    return ok;
}

static bool write_temporary(struct result_disk *disk, const char *name, struct str bytes)
{
    struct head head = { .length = (uint64_t)bytes.len, .hash = str_hash(bytes) };
    struct error ignored = { 0 };
    memcpy(head.magic, magic, sizeof(magic));
    int fd = openat(disk->root_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return false;
    bool ok = file_write_all(fd, (struct str){ (const char *)&head, (ptrdiff_t)sizeof(head) }, &ignored) &&
              file_write_all(fd, bytes, &ignored);
    return close(fd) == 0 && ok;
}

/* A result that cannot be kept is made again next time: failures are no errors. */
void result_disk_put(struct result_disk *disk, const struct result_key *key, struct str bytes)
{
    struct name name = name_of(key), temporary;
    char folder[3] = { key->content[0], key->content[1], '\0' };
    if (bytes.len + (int64_t)sizeof(struct head) > disk->max_bytes / 4)
        return;
    snprintf(temporary.text, sizeof(temporary.text), "%s/tmp-%ld-%llu", folder, (long)getpid(),
             (unsigned long long)atomic_fetch_add(&disk->serial, 1));
    if (mkdirat(disk->root_fd, folder, 0750) != 0 && errno != EEXIST)
        return;
    if (!write_temporary(disk, temporary.text, bytes) ||
        renameat(disk->root_fd, temporary.text, disk->root_fd, name.text) != 0) {
        unlinkat(disk->root_fd, temporary.text, 0);
        return;
    }
    if (atomic_fetch_add(&disk->bytes, bytes.len) + bytes.len > disk->max_bytes) {
        background_lock(&disk->sweeper);
        background_wake(&disk->sweeper);
        background_unlock(&disk->sweeper);
    }
}

/* ---- all files ---- */

struct found {
    struct name name;
    int64_t size_bytes;
    struct timespec used;
};

struct findings {
    struct found *at;
    ptrdiff_t count, capacity;
    int64_t bytes;
};

static void add_finding(struct findings *all, const char *folder, const char *file, const struct stat *st)
{
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 1024;
        all->at = realloc(all->at, (size_t)all->capacity * sizeof(*all->at));
        if (!all->at)
            abort(); /* as many as the disk limit allows files */
    }
    struct found *f = &all->at[all->count++];
    snprintf(f->name.text, sizeof(f->name.text), "%.2s/%.120s", folder, file); /* ours are no longer than that */
    f->size_bytes = st->st_size;
    f->used = st->st_mtim;
    all->bytes += st->st_size;
}

static void look_into(struct result_disk *disk, const char *folder, struct str prefix, struct findings *all)
{
    struct stat st;
    int fd = openat(disk->root_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; files && (entry = readdir(files));)
        if (entry->d_name[0] != '.' && str_starts(str_from(entry->d_name), prefix) &&
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            add_finding(all, folder, entry->d_name, &st);
    if (files)
        closedir(files);
}

static void look_everywhere(struct result_disk *disk, struct findings *all)
{
    char folder[3];
    for (int i = 0; i < 256; i++) {
        snprintf(folder, sizeof(folder), "%02x", i);
        look_into(disk, folder, S(""), all);
    }
}

void result_disk_forget(struct result_disk *disk, struct str content)
{
    struct findings all = { 0 };
    char folder[3] = { content.at[0], content.at[1], '\0' };
    look_into(disk, folder, content, &all);
    for (ptrdiff_t i = 0; i < all.count; i++)
        if (unlinkat(disk->root_fd, all.at[i].name.text, 0) == 0)
            atomic_fetch_sub(&disk->bytes, all.at[i].size_bytes);
    free(all.at);
}

/* ---- the thread that keeps the limit ---- */

static int oldest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const struct found *)a)->used, *y = &((const struct found *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Counts what is there; when it is too much, removes the oldest down to four fifths. */
static void sweep(struct result_disk *disk)
{
    struct findings all = { 0 };
    look_everywhere(disk, &all);
    if (all.bytes > disk->max_bytes) {
        qsort(all.at, (size_t)all.count, sizeof(*all.at), oldest_first);
        for (ptrdiff_t i = 0; i < all.count && all.bytes > disk->max_bytes / 5 * 4; i++)
            if (unlinkat(disk->root_fd, all.at[i].name.text, 0) == 0)
                all.bytes -= all.at[i].size_bytes;
    }
    atomic_store(&disk->bytes, all.bytes);
    free(all.at);
}

static void sweep_when_full(void *context)
{
    struct result_disk *disk = context;
    sweep(disk);
    background_lock(&disk->sweeper);
    while (!disk->sweeper.stopping) {
        background_wait(&disk->sweeper, NEVER);
        if (!disk->sweeper.stopping && atomic_load(&disk->bytes) > disk->max_bytes) {
            background_unlock(&disk->sweeper);
            sweep(disk);
            background_lock(&disk->sweeper);
        }
    }
    background_unlock(&disk->sweeper);
}

bool result_disk_open(const char *directory, int64_t max_bytes, struct result_disk **out, struct error *error)
{
    if (!file_make_directories(directory, error))
        return false;
    int root_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return file_fail(error, "open", directory, errno);
    struct result_disk *disk = calloc(1, sizeof(*disk));
    if (!disk)
        abort();
    disk->root_fd = root_fd;
    disk->max_bytes = max_bytes;
    if (!background_start(&disk->sweeper, "result-sweeper", sweep_when_full, disk, error)) {
        close(root_fd);
        free(disk);
        return false;
    }
    *out = disk;
    return true;
}

void result_disk_close(struct result_disk *disk)
{
    if (!disk)
        return;
    background_stop(&disk->sweeper);
    background_release(&disk->sweeper);
    close(disk->root_fd);
    free(disk);
}

int64_t result_disk_bytes(struct result_disk *disk)
{
    return atomic_load(&disk->bytes);
}
