/* import_walk.c - see import_walk.h. */
#include "intake/import_walk.h"

#include "intake/import_skip.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct import_walk {
    FTS *tree;
};

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

struct import_walk *import_walk_open(struct call *c, const char *root)
{
    size_t size = strlen(root) + 1;
    char *roots[] = { memcpy(arena_alloc(&c->arena, (ptrdiff_t)size), root, size), NULL };
    struct import_walk *walk = arena_new(&c->arena, struct import_walk);
    walk->tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (walk->tree)
        return walk;
    fail(c, E_INTERNAL, "%s cannot be walked: %s", root, strerror(errno));
    return NULL;
}

static bool pass_over(struct import_found *out, enum outcome outcome, struct str why)
{
    out->outcome = outcome;
    out->why = why;
    return true;
}

/* False: of this nothing is said. */
static bool look_at(struct import_walk *walk, FTSENT *entry, struct import_found *out)
{
    bool never = entry->fts_level > 0 && import_never_a_picture(entry->fts_name);
    *out = (struct import_found){ .path = entry->fts_path };
    switch (entry->fts_info) {
    case FTS_D:
        if (never)
            fts_set(walk->tree, entry, FTS_SKIP);
        return false;
    case FTS_F:
        out->is_file = !never;
        out->bytes = never ? 0 : entry->fts_statp->st_size;
        return pass_over(out, OUTCOME_SKIPPED, S("left by an operating system"));
    case FTS_SL:
    case FTS_SLNONE:
        return pass_over(out, OUTCOME_SKIPPED, S("a symbolic link, which is not followed"));
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return pass_over(out, OUTCOME_REFUSED, str_from(strerror(entry->fts_errno)));
    case FTS_DEFAULT:
        return pass_over(out, OUTCOME_SKIPPED, S("a device, pipe or socket"));
    default:
        return false;
    }
}

bool import_walk_next(struct import_walk *walk, struct import_found *out)
{
    FTSENT *entry;
    while ((entry = fts_read(walk->tree)))
        if (look_at(walk, entry, out))
            return true;
    return false;
}

void import_walk_close(struct import_walk *walk)
{
    if (walk)
        fts_close(walk->tree);
}

/* Kernels before 5.6, and sandboxes that know no openat2, look at the last part of the path alone. */
int import_open_file(const char *path)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_NO_SYMLINKS };
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd;
}
