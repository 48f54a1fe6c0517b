/* backup_verify.c - is it all there, and is it what it was? */
#include "upkeep/backup_parts.h"

#include "base/file.h"
#include "db/snapshot.h"
#include "site/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct verifying {
    const struct backup_look *look;
    const char *folder;
    int fd;
    const struct manifest *manifest;
    struct arena arena;
    struct backup_about about;
    int64_t findings;
    int64_t lost; /* files that rows of the database name, and the list does not */
};

static void find(struct verifying *v, const char *what, struct str path)
{
    struct arena line;
    arena_init(&line);
    if (v->look->find)
        v->look->find(v->look->context, arena_format(&line, "%s: %.*s", what, STR_FMT(path)).at);
    arena_release(&line);
    v->findings++;
}

/* ---- each file of the list ---- */

static bool verify_file(struct verifying *v, ptrdiff_t i, struct error *error)
{
    struct manifest_line line = manifest_line(v->manifest, i);
    struct backup_pace pace = { &v->look->watch, i, v->manifest->count, "verified" };
    struct backup_bytes bytes;
    struct error reading = { 0 };
    char path[MANIFEST_PATH_MAX + 1];
    manifest_path(&line, path);
    int fd = backup_open(v->fd, path);
    if (fd < 0) {
        find(v, errno == ENOENT ? "missing" : "cannot be opened", line.path);
        return true;
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    bool read = backup_read(fd, -1, &pace, &bytes, &reading);
    close(fd);
    if (!read && reading.code != E_UNREADABLE)
        return *error = reading, false;
    if (!read)
        find(v, "cannot be read", line.path);
    else if (!str_equal(str_from(bytes.sha256), line.sha256))
        find(v, "other bytes than SHA256SUMS says", line.path);
    return true;
}

static bool verify_files(struct verifying *v, struct error *error)
{
    for (ptrdiff_t i = 0; i < v->manifest->count; i++)
        if (!verify_file(v, i, error) || !backup_say(&v->look->watch, i + 1, v->manifest->count, "verified", error))
            return false;
    return true;
}

static bool verify_listed(void *context, struct str path, int64_t size)
{
    (void)size;
    struct verifying *v = context;
    struct manifest_line line;
    if (!str_equal(path, S(BACKUP_SUMS)) && !str_equal(path, S(BACKUP_SEAL)) &&
        !manifest_find(v->manifest, path, &line))
        find(v, "not in SHA256SUMS", path);
    return true;
}

/* ---- the list ---- */

static void verify_seal(struct verifying *v, const struct config *config)
{
    if (v->look->other_key)
        return;
    if (!str_equal(v->about.key, backup_key_mark(config, &v->arena)))
        find(v, "made under another SECRET_KEY than this one, so that its seal cannot be looked at",
             str_from(v->folder));
    else if (!backup_seal_holds(v->folder, config, v->manifest, &v->arena))
        find(v, "changed since the backup was made", S(BACKUP_SUMS));
}

/* ---- the database ---- */

static void find_complaint(void *context, const char *complaint)
{
    find(context, "the database", str_from(complaint));
}

static bool verify_named(void *context, char **values)
{
    struct verifying *v = context;
    struct str key = str_from(values[0]);
    struct manifest_line line;
    bool archived = values[1] && strcmp(values[1], "0") != 0;
    struct arena arena;
    arena_init(&arena);
    const char *path = backup_path_of(&arena, archived, key);
    v->lost += !manifest_find(v->manifest, str_from(path), &line);
    arena_release(&arena);
    return true;
}

static bool verify_database(struct verifying *v, struct error *error)
{
    if (!str_equal(v->about.database, S("sqlite")))
        return true; /* its bytes were compared; rows are, when it is restored */
    const char *path = arena_format(&v->arena, "%s/database.sqlite", v->folder).at;
    int64_t before = v->findings;
    if (access(path, R_OK) != 0)
        return true; /* which was found already */
    if (!snapshot_check(path, find_complaint, v, error))
        return false;
    if (v->findings > before)
        return true;
    for (int i = 0; i < STORED_KINDS; i++)
        if (v->about.schema >= stored_kinds[i].since && !stored_kinds[i].forget &&
            !snapshot_read(path, stored_kinds[i].all, verify_named, v, error))
            return false;
    if (v->lost > v->about.missing)
        find(v, "rows of the database name files that SHA256SUMS does not",
             arena_format(&v->arena, "%" PRId64, v->lost - v->about.missing));
    return true;
}

/* ---- all of it ---- */

static bool verify(struct verifying *v, const struct config *config, struct error *error)
{
    v->fd = open(v->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->fd < 0)
        return file_fail(error, "open", v->folder, errno);
    if (!backup_about_read(v->folder, &v->arena, &v->about, error))
        return false;
    verify_seal(v, config);
    return verify_files(v, error) && backup_walk(v->fd, ".", verify_listed, v, error) && verify_database(v, error);
}

bool backup_verify_listed(const char *folder, const struct manifest *manifest, const struct config *config,
                          const struct backup_look *look, int64_t *findings, struct error *error)
{
    struct verifying v = { .look = look, .folder = folder, .fd = -1, .manifest = manifest };
    arena_init(&v.arena);
    bool ok = verify(&v, config, error);
    *findings = v.findings;
    if (v.fd >= 0)
        close(v.fd);
    arena_release(&v.arena);
    return ok;
}

bool backup_verify(const char *folder, const struct config *config, const struct backup_look *look, int64_t *findings,
                   struct error *error)
{
    struct arena arena;
    struct manifest *manifest = NULL;
    arena_init(&arena);
    bool ok = manifest_load(arena_format(&arena, "%s/" BACKUP_SUMS, folder).at, false, &manifest, error) &&
              backup_verify_listed(folder, manifest, config, look, findings, error);
    manifest_free(manifest);
    arena_release(&arena);
    return ok;
}
