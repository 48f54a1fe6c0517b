/* backup_restore.c - from a backup into places that are empty. */
#include "upkeep/backup_parts.h"

#include "base/file.h"
#include "db/snapshot.h"
#include "site/installation.h"
#include "site/stored.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct restoring {
    const struct backup_restoring *order;
    struct backup_restored *done;
    struct arena arena;
    struct backup_about about;
    struct manifest *manifest;
    struct blob_store *files, *archive;
    int folder, files_fd, archive_fd;
    const char *database; /* the name of its copy */
};

/* ---- what is there ---- */

/* Of a store that was opened, which has the folder for what is being written, and nothing in it. */
static bool is_empty(int root, struct error *error)
{
    bool empty = true;
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        file_fail(error, "read directory", "of the store", errno);
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *entry; empty && (entry = readdir(directory));)
        empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || !strcmp(entry->d_name, "tmp");
    closedir(directory);
    return empty || error_set(error, E_CONFLICT, "the store is not empty: nothing is restored over another");
}

static bool open_store(struct str url, struct blob_store **store, int *fd, struct error *error)
{
    if (!blob_open(url, store, error))
        return false;
    if (!blob_alone(*store))
        return error_set(error, E_CONFLICT, "the store is in use by another process");
    *fd = open(blob_root(*store), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd >= 0 ? is_empty(*fd, error) : file_fail(error, "open", blob_root(*store), errno);
}

static struct db_options place_of(const struct config *config)
{
    struct db_options options = { .url = config->database_url, .pool_size = 4, .busy_timeout_ms = 10000 };
    crypto_derive(config->secret_key, "roentgen sealed fields", &options.key);
    return options;
}

static bool has_archive(const struct manifest *manifest)
{
    for (ptrdiff_t i = 0; i < manifest->count; i++)
        if (str_starts(manifest_line(manifest, i).path, S("archive/")))
            return true;
    return false;
}

static bool check_kind(struct restoring *r, struct error *error)
{
    const struct config *config = r->order->config;
    bool local = db_url_is_local(config->database_url);
    struct str wanted = local ? S("sqlite") : S("mysql");
    if (!str_equal(r->about.database, wanted))
        return error_set(error, E_CONFLICT,
                         "this backup is of a database of the kind %.*s, and DATABASE_URL names one "
                         "of the kind %.*s: it goes back into its own kind only",
                         STR_FMT(r->about.database), STR_FMT(wanted));
    if (!r->order->look.other_key && !str_equal(r->about.key, backup_key_mark(config, &r->arena)))
        return error_set(error, E_CONFLICT,
                         "this backup was made under another SECRET_KEY: without that one, patients' contact data "
                         "cannot be read. --other-key restores all the rest");
    if (!r->order->look.other_key && !backup_seal_holds(r->order->folder, config, r->manifest, &r->arena))
        return error_set(error, E_UNREADABLE, "SHA256SUMS was changed since the backup was made");
    if (has_archive(r->manifest) && !config->archive_url.len)
        return error_set(error, E_CONFLICT, "this backup has files of an archive, and ARCHIVE_URL names none");
    r->database = local ? "database.sqlite" : "database.sql";
    return true;
}

static bool check_places(struct restoring *r, struct error *error)
{
    const struct config *config = r->order->config;
    struct db_options place = place_of(config);
    bool nothing;
    if (!snapshot_finds_nothing(&place, &nothing, error))
        return false;
    if (!nothing)
        return error_set(error, E_CONFLICT, "the database is not empty: nothing is restored over another");
    return open_store(config->storage_url, &r->files, &r->files_fd, error) &&
           (!config->archive_url.len || open_store(config->archive_url, &r->archive, &r->archive_fd, error));
}

/* ---- files ---- */

/* Where it goes; false: it is none of a store's. */
static bool place_file(const struct restoring *r, const char *path, int *root, const char **key)
{
    bool archived = str_starts(str_from(path), S("archive/"));
    if (!archived && !str_starts(str_from(path), S("files/")))
        return false;
    *root = archived ? r->archive_fd : r->files_fd;
    *key = path + (archived ? strlen("archive/") : strlen("files/"));
    return true;
}

static bool say_other(struct str path, struct error *error)
{
    return error_set(error, E_UNREADABLE,
                     "%.*s has other bytes than SHA256SUMS says: take another backup, or restore "
                     "by hand what is whole (docs/backup.md)",
                     STR_FMT(path));
}

static bool copy_file(struct restoring *r, const struct manifest_line *line, int root, const char *key,
                      const struct backup_pace *pace, struct error *error)
{
    struct backup_bytes bytes;
    int source = backup_open(r->folder, line->path.at);
    if (source < 0)
        return file_fail(error, "open", line->path.at, errno);
    int target = backup_create(root, key, 0640, 0750);
    bool ok = target >= 0 ? backup_read(source, target, pace, &bytes, error) : file_fail(error, "make", key, errno);
    close(source);
    if (target >= 0)
        close(target);
    if (ok && !str_equal(str_from(bytes.sha256), line->sha256))
        ok = say_other(line->path, error);
    if (ok) {
        r->done->files++;
        r->done->bytes += bytes.size;
    }
    return ok;
}

/* From the disk, not from what is remembered of writing it. */
static bool compare_file(struct restoring *r, const struct manifest_line *line, int root, const char *key,
                         const struct backup_pace *pace, struct error *error)
{
    (void)r;
    struct backup_bytes bytes;
    int fd = backup_open(root, key);
    if (fd < 0)
        return file_fail(error, "open", key, errno);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    bool ok = backup_read(fd, -1, pace, &bytes, error);
    close(fd);
    return ok && (str_equal(str_from(bytes.sha256), line->sha256) ||
                  error_set(error, E_UNREADABLE, "%s was not written as it was read", key));
}

static bool each_file(struct restoring *r, const char *what,
                      bool (*work)(struct restoring *r, const struct manifest_line *line, int root, const char *key,
                                   const struct backup_pace *pace, struct error *error),
                      struct error *error)
{
    const struct backup_watch *watch = &r->order->look.watch;
    for (ptrdiff_t i = 0; i < r->manifest->count; i++) {
        struct backup_pace pace = { watch, i, r->manifest->count, what };
        char path[MANIFEST_PATH_MAX + 1];
        const char *key;
        int root;
        struct manifest_line line = manifest_line(r->manifest, i);
        manifest_path(&line, path);
        line.path = str_from(path);
        if (place_file(r, path, &root, &key) && !work(r, &line, root, key, &pace, error))
            return false;
        if (!backup_say(watch, i + 1, r->manifest->count, what, error))
            return false;
    }
    return true;
}

static bool put_files(struct restoring *r, struct error *error)
{
    if (!each_file(r, "restored", copy_file, error))
        return false;
    if (syncfs(r->files_fd) != 0 || (r->archive_fd >= 0 && syncfs(r->archive_fd) != 0))
        return file_fail(error, "sync", "the store", errno);
    return !r->order->verify || each_file(r, "compared", compare_file, error);
}

/* ---- the database ---- */

/* Its bytes are compared here too: nothing may have changed them since they were verified. */
static bool check_copy(struct restoring *r, struct error *error)
{
    struct manifest_line line;
    bool is_listed = manifest_find(r->manifest, str_from(r->database), &line);
    struct backup_pace pace = { &r->order->look.watch, 0, 0, "database" };
    struct backup_bytes bytes;
    int fd = backup_open(r->folder, r->database);
    if (fd < 0 || !is_listed) {
        if (fd >= 0)
            close(fd);
        return error_set(error, E_NOT_FOUND, "the backup has no %s", r->database);
    }
    bool ok = backup_read(fd, -1, &pace, &bytes, error);
    close(fd);
    return ok && (str_equal(str_from(bytes.sha256), line.sha256) || say_other(line.path, error));
}

/* Each row's file has come along, as long as it says: else there are as many as the backup said at its end. */
static bool check_named(struct restoring *r, struct call *c, const char *sql, int64_t *absent)
{
    struct cursor rows;
    for (db_rows(c, &rows, sql); cursor_next(&rows);) {
        struct blob_store *store = cursor_integer(&rows, 1) ? r->archive : r->files;
        *absent += !store || !blob_exists(store, cursor_text(&rows, 0));
    }
    return cursor_close(&rows);
}

static bool check_rows(struct restoring *r, struct call *c, int schema, int64_t *absent)
{
    for (int i = 0; i < STORED_KINDS; i++)
        if (schema >= stored_kinds[i].since && !stored_kinds[i].forget &&
            !check_named(r, c, stored_kinds[i].all, absent))
            return false;
    return true;
}

/* What no backup takes along. */
static bool forget_rows(struct call *c, void *context)
{
    const int *schema = context;
    for (int i = 0; i < STORED_KINDS; i++)
        if (*schema >= stored_kinds[i].since && stored_kinds[i].forget && !db_execute(c, stored_kinds[i].forget))
            return false;
    return true;
}

/* The database brings its own, unless it is to have another. */
static bool mark_stores(struct restoring *r, struct call *c)
{
    return (!r->order->is_copy || installation_leave(c)) &&
           installation_take(c, r->files, "STORAGE_URL", INSTALLATION_FILLS) &&
           (!r->archive || installation_take(c, r->archive, "ARCHIVE_URL", INSTALLATION_FILLS));
}

static bool check_database(struct restoring *r, struct error *error)
{
    struct db_options place = place_of(r->order->config);
    struct call c;
    struct db *db;
    int64_t absent = 0;
    int schema = 0;
    if (!db_open(&place, &db, error))
        return false;
    call_init(&c, NULL, db);
    bool ok =
        migrate_current(&c, &schema) && check_rows(r, &c, schema, &absent) && db_transact(&c, forget_rows, &schema);
    if (ok && schema != r->about.schema)
        ok = fail(&c, E_INTERNAL, "the restored database has schema %d, and the backup said %" PRId64, schema,
                  r->about.schema);
    if (ok && absent > r->about.missing)
        ok = fail(&c, E_INTERNAL, "%" PRId64 " rows name files that the backup has not", absent);
    ok = ok && mark_stores(r, &c);
    if (!ok)
        *error = c.error;
    r->done->schema = schema;
    db_release(&c);
    call_release(&c);
    db_close(db);
    return ok;
}

static bool tell_database(void *context, int64_t done, int64_t total, struct error *error)
{
    const struct backup_watch *watch = context;
    return backup_say(watch, done, total, "database", error);
}

static bool put_database(struct restoring *r, struct error *error)
{
    struct db_options place = place_of(r->order->config);
    struct snapshot_watch watch = { tell_database, (void *)(uintptr_t)&r->order->look.watch };
    const char *path = arena_format(&r->arena, "%s/%s", r->order->folder, r->database).at;
    return check_copy(r, error) && snapshot_load(&place, path, &watch, error) && check_database(r, error);
}

/* ---- all of it ---- */

static bool verify_first(struct restoring *r, struct error *error)
{
    int64_t findings;
    const struct backup_restoring *order = r->order;
    if (!order->verify)
        return true;
    if (!backup_verify_listed(order->folder, r->manifest, order->config, &order->look, &findings, error))
        return false;
    return findings == 0 || error_set(error, E_UNREADABLE, "the backup is not whole: nothing was restored");
}

static bool restore(struct restoring *r, struct error *error)
{
    const char *folder = r->order->folder;
    const char *sums = arena_format(&r->arena, "%s/" BACKUP_SUMS, folder).at;
    r->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->folder < 0)
        return file_fail(error, "open", folder, errno);
    return manifest_load(sums, false, &r->manifest, error) && backup_about_read(folder, &r->arena, &r->about, error) &&
           check_kind(r, error) && check_places(r, error) && verify_first(r, error) && put_files(r, error) &&
           put_database(r, error);
}

bool backup_restore(const struct backup_restoring *restoring, struct backup_restored *out, struct error *error)
{
    struct restoring r = { .order = restoring, .done = out, .folder = -1, .files_fd = -1, .archive_fd = -1 };
    *out = (struct backup_restored){ 0 };
    arena_init(&r.arena);
    bool ok = restore(&r, error);
    manifest_free(r.manifest);
    const int fds[] = { r.folder, r.files_fd, r.archive_fd };
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    blob_close(r.archive);
    blob_close(r.files);
    arena_release(&r.arena);
    return ok;
}
