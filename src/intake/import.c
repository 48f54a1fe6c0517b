/* import.c - see import.h. */
#include "intake/import.h"

#include "intake/import_skip.h"
#include "intake/import_walk.h"
#include "records/keeping.h"
#include "records/visibility.h"
#include "site/app.h"
#include "base/file.h"
#include "base/thread.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 4, QUEUE_MAX = 64, READ_BYTES = 1 << 20 };

struct importing {
    struct app *app;
    struct db *db;
    struct str origin; /* of the actor */
    const struct import_order *order;
    const struct import_watch *watch;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    struct queued {
        char *path;
        int64_t bytes;
    } queue[QUEUE_MAX];
    int first, count;
    int taking;          /* threads */
    bool ended, stopped; /* no more paths come; none is taken any more */
    bool hopeless;       /* stopped, for the store or the database takes nothing */
};

/* ---- one file ---- */

static bool is_stopped(struct importing *import)
{
    pthread_mutex_lock(&import->mutex);
    bool stopped = import->stopped;
    pthread_mutex_unlock(&import->mutex);
    return stopped;
}

/* Nothing of one that is too large is copied first. */
static bool is_too_large(struct call *c, int fd)
{
    struct stat status;
    int64_t most = c->app->config.max_upload_bytes;
    return fstat(fd, &status) == 0 && status.st_size > most &&
           !fail(c, E_TOO_LARGE, "a file may have at most %" PRId64 " bytes", most);
}

/* False without an error: all of it is to stop. */
static bool spool_file(struct importing *import, struct call *c, const char *path, struct spooled **out)
{
    char *buffer = arena_alloc(&c->arena, READ_BYTES);
    const char *slash = strrchr(path, '/');
    int fd = import_open_file(path);
    if (fd < 0) {
        fail(c, E_BAD_REQUEST, "it cannot be opened");
        return false;
    }
    if (is_too_large(c, fd)) {
        close(fd);
        return false;
    }
    struct spooled *file =
        spool_begin(c, c->app->files, str_from(slash ? slash + 1 : path), c->app->config.max_upload_bytes, &c->error);
    bool ok = file != NULL;
    ptrdiff_t got = 1;
    for (int64_t at = 0; ok && got > 0; at += got) {
        got = file_read_at(fd, at, buffer, READ_BYTES);
        ok = got >= 0 ? got == 0 || spool_write(file, (struct str){ buffer, got }, &c->error)
                      : fail(c, E_BAD_REQUEST, "it cannot be read");
        ok = ok && !is_stopped(import);
    }
    close(fd);
    if (ok)
        spool_finish(file);
    else if (file)
        spool_drop(file);
    *out = file;
    return ok;
}

/* By its row, and by its bytes: those that are missing or damaged are mended with these. */
static bool is_known(struct call *c, const struct importing *import, const struct spooled *file, struct image_file *row,
                     bool *known)
{
    enum found found =
        db_find(c, &image_file_schema, row,
                "where f.sha256 = ? and f.uploaded_by = ? and " IN_SIGHT("f") " and f.storage_path is not null limit 1",
                V(str_from(file->sha256)), V(import->order->owner));
    db_release(c);
    *known = found == FOUND;
    return found == NONE || (found == FOUND && keeping_confirm(c, row, blob_writer_fd(file->writer)));
}

/* ---- who else sees it ---- */

bool import_grantees(struct call *c, struct str list, struct import_order *order)
{
    for (struct str one; str_next(&list, ',', &one);) {
        if (order->to_count == IMPORT_GRANTEES_MAX)
            return fail(c, E_INVALID, "assign takes at most %d names", IMPORT_GRANTEES_MAX);
        if (!grantee_find(c, str_trim(one), &order->to[order->to_count++]))
            return false;
    }
    return true;
}

struct opening {
    const struct importing *import;
    int64_t study_id, patient_id;
};

static bool open_study(struct call *c, void *context)
{
    const struct opening *o = context;
    audit_action(c, "study.assign", "study");
    audit_about(c, o->study_id, o->patient_id);
    for (int i = 0; i < o->import->order->to_count; i++) {
        bool opened;
        const struct study_opening all = { o->study_id, &o->import->order->to[i], o->import->order->by, 0 };
        if (!assignment_open(c, &all, &opened) ||
            (opened && (audit_detail(c, assignment_opened_detail(c, &o->import->order->to[i])), !audit_change(c))))
            return false;
    }
    return true;
}

/* Files of a study mostly come together: *last saves asking again for each. */
static bool share(struct importing *import, struct call *c, const struct image_file *row, int64_t *last)
{
    struct opening opening = { import, row->study_id, row->patient_id };
    if (!import->order->to_count || row->study_id <= 0 || row->study_id == *last)
        return true;
    *last = row->study_id;
    return db_transact(c, open_study, &opening);
}

/* What became of a file that was not taken: nothing is lost with what was never a picture. */
static enum outcome outcome_of_failure(const struct call *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    bool beside = c->error.code == E_UNSUPPORTED_TYPE && import_beside_pictures(slash ? slash + 1 : path);
    return beside ? OUTCOME_SKIPPED : OUTCOME_REFUSED;
}

static enum outcome outcome_of(const struct image_file *row)
{
    if (row->already_stored)
        return OUTCOME_KNOWN;
    if (row->status == FILE_FAILED)
        return OUTCOME_KEPT;
    return row->study_id > 0 ? OUTCOME_FILED : OUTCOME_STORED;
}

static void import_one(struct importing *import, struct call *c, const struct queued *one, int64_t *last_study)
{
    struct spooled *file = NULL;
    struct image_file row;
    struct upload_details details = import->order->details;
    c->actor->audit = (struct audit_draft){ .action = "image_file.upload", .entity = "image_file" };
    bool known = false, ok = spool_file(import, c, one->path, &file) && is_known(c, import, file, &row, &known);
    if (ok && known && share(import, c, &row, last_study)) {
        import->watch->file(import->watch->context, one->path, one->bytes, OUTCOME_KNOWN, STR_NULL);
    } else if (ok && !known && upload_store(c, file, &details, import->order->owner, &row) &&
               share(import, c, &row, last_study)) {
        enum outcome outcome = outcome_of(&row);
        import->watch->file(import->watch->context, one->path, one->bytes, outcome,
                            outcome == OUTCOME_KEPT    ? row.status_reason
                            : outcome == OUTCOME_FILED ? row.conflict
                                                       : STR_NULL);
    } else if (c->error.code) {
        enum outcome outcome = outcome_of_failure(c, one->path);
        import->watch->file(import->watch->context, one->path, one->bytes, outcome,
                            outcome == OUTCOME_SKIPPED ? S("not a picture")
                            : c->error.problems        ? c->error.problems->message
                                                       : str_from(c->error.message));
    }
    if (file)
        spool_drop(file);
}

/* ---- many ---- */

/* The next file; false: there will be none. */
static bool take_path(struct importing *import, struct queued *out)
{
    bool taken = false;
    pthread_mutex_lock(&import->mutex);
    while (!import->count && !import->ended && !import->stopped)
        pthread_cond_wait(&import->change, &import->mutex);
    if (import->count && !import->stopped) {
        *out = import->queue[import->first];
        taken = true;
        import->first = (import->first + 1) % QUEUE_MAX;
        import->count--;
        pthread_cond_broadcast(&import->change);
    }
    pthread_mutex_unlock(&import->mutex);
    return taken;
}

/* Under the lock, by the thread that walks: waits for a change, and looks whether all of it is to stop. False: it
 * is. */
static bool look_around(struct importing *import)
{
    enum { LOOK_US = 200000 };
    thread_wait(&import->change, &import->mutex, clock_monotonic_us() + LOOK_US);
    if (!import->watch->goes_on(import->watch->context)) {
        import->stopped = true;
        pthread_cond_broadcast(&import->change);
    }
    return !import->stopped;
}

/* False: nobody wants any more. */
static bool give_path(struct importing *import, const char *path, int64_t bytes)
{
    char *copy = strdup(path);
    if (!copy)
        abort();
    pthread_mutex_lock(&import->mutex);
    while (import->count == QUEUE_MAX && look_around(import))
        continue;
    bool go_on = !import->stopped;
    if (go_on)
        import->queue[(import->first + import->count++) % QUEUE_MAX] = (struct queued){ copy, bytes };
    else
        free(copy);
    pthread_cond_broadcast(&import->change);
    pthread_mutex_unlock(&import->mutex);
    return go_on;
}

static void end(struct importing *import, bool stopped, bool hopeless)
{
    pthread_mutex_lock(&import->mutex);
    import->ended = true;
    import->stopped |= stopped;
    import->hopeless |= hopeless;
    pthread_cond_broadcast(&import->change);
    pthread_mutex_unlock(&import->mutex);
}

static void take_given(void *context)
{
    struct importing *import = context;
    struct call one;
    struct actor actor = { .origin = import->origin };
    int64_t last_study = 0;
    call_init(&one, import->app, import->db);
    one.actor = &actor;
    for (struct queued next; take_path(import, &next); free(next.path)) {
        call_reset(&one);
        import_one(import, &one, &next, &last_study);
        if (one.error.code == E_STORAGE_FULL || one.error.code == E_UNAVAILABLE)
            end(import, true, true);
        db_release(&one);
    }
    call_release(&one);
    pthread_mutex_lock(&import->mutex);
    import->taking--;
    pthread_cond_broadcast(&import->change);
    pthread_mutex_unlock(&import->mutex);
}

static bool count_files(struct call *c, const struct import_order *order, const struct import_watch *watch)
{
    struct import_walk *walk = import_walk_open(c, order->root);
    struct import_found found;
    int64_t files = 0, bytes = 0;
    bool goes_on = true;
    while (walk && (goes_on = watch->goes_on(watch->context)) && import_walk_next(walk, &found)) {
        files++;
        bytes += found.bytes;
    }
    import_walk_close(walk);
    watch->counted(watch->context, files, bytes);
    return walk && goes_on;
}

/* The walk is the calling thread's. False: it was to end. */
static bool give_files(struct importing *import, struct import_walk *walk)
{
    struct import_found found;
    const struct import_watch *watch = import->watch;
    while (import_walk_next(walk, &found)) {
        if (!watch->goes_on(watch->context) || (found.is_file && !give_path(import, found.path, found.bytes)))
            return false;
        if (!found.is_file)
            watch->file(watch->context, found.path, 0, found.outcome, found.why);
    }
    return true;
}

/* Those that are under way may take long: they hear that they are to stop. */
static void wait_for_last(struct importing *import)
{
    pthread_mutex_lock(&import->mutex);
    while (import->taking)
        look_around(import);
    pthread_mutex_unlock(&import->mutex);
}

static bool take_files(struct importing *import, struct import_walk *walk, struct error *error)
{
    struct thread threads[THREADS] = { 0 };
    bool ok = true;
    pthread_mutex_init(&import->mutex, NULL);
    pthread_cond_init(&import->change, NULL);
    import->taking = THREADS;
    for (int i = 0; i < THREADS; i++) {
        ok = ok && thread_start(&threads[i], "import", take_given, import, error);
        import->taking -= !threads[i].started;
    }
    bool all = ok && give_files(import, walk);
    end(import, !all, false);
    wait_for_last(import);
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    for (int i = 0; i < import->count; i++)
        free(import->queue[(import->first + i) % QUEUE_MAX].path);
    pthread_cond_destroy(&import->change);
    pthread_mutex_destroy(&import->mutex);
    return all && !import->stopped;
}

bool import_run(struct call *c, const struct import_order *order, const struct import_watch *watch, bool *hopeless)
{
    struct importing import = {
        .app = c->app, .db = c->db, .origin = c->actor->origin, .order = order, .watch = watch
    };
    *hopeless = false;
    if (!count_files(c, order, watch))
        return false;
    struct import_walk *walk = import_walk_open(c, order->root);
    if (!walk)
        return false;
    bool ok = take_files(&import, walk, &c->error);
    import_walk_close(walk);
    *hopeless = import.hopeless;
    return ok;
}

/* ---- where ---- */

static bool lies_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || path[length] == '\0' || length == 1);
}

bool import_root(struct call *c, struct str below, struct str name, const char **out)
{
    char folder[PATH_MAX], root[PATH_MAX];
    struct stat status;
    const char *given = arena_cstring(
        &c->arena, below.len ? arena_format(&c->arena, "%.*s/%.*s", STR_FMT(below), STR_FMT(name)) : name);
    if (!realpath(given, root) || stat(root, &status) != 0 ||
        access(root, S_ISDIR(status.st_mode) ? R_OK | X_OK : R_OK) != 0)
        return fail(c, E_NOT_FOUND, "%.*s: %s", STR_FMT(name), strerror(errno));
    if (below.len && (!realpath(arena_cstring(&c->arena, below), folder) || !lies_in(root, folder)))
        return fail(c, E_NOT_FOUND, "%.*s: %s", STR_FMT(name), strerror(ENOENT));
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        return fail(c, E_INVALID, "%.*s is neither a folder nor a file", STR_FMT(name));
    *out = arena_cstring(&c->arena, str_from(root));
    return true;
}
