/* cmd_import.c - a folder of files into the store, as if they were uploaded. It may run while the server does.
 *
 * One thread walks the folder, a few take the files: while one waits for the disk another reads, and their rows share commits. */
#include "cli/command.h"

#include "app/upload.h"

#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, QUEUE_MAX = 64, READ_BYTES = 1 << 20 };

struct import {
    struct str folder, username, modality, description;
    int64_t patient_id;
};
static const struct field import_fields[] = {
    FIELD(struct import, folder, .flags = REQUIRED, .min = 1, .max = 4000,
          .doc = "Where the files are; everything below it is looked at."),
    FIELD(struct import, username, .flags = REQUIRED, .min = 1, .max = 50,
          .doc = "Account that the files will belong to."),
    FIELD(struct import, patient_id, .min = 1, .max = INT64_MAX,
          .doc = "Patient of all of them. DICOM files that name another patient are refused."),
    FIELD(struct import, modality, .max = 16, .doc = "Modality of those that do not say theirs."),
    FIELD(struct import, description, .max = 2000, .doc = "Description of all of them."),
};
const struct schema import_options = SCHEMA("Import", struct import, import_fields);

struct importing {
    struct app *app;
    struct db *db;
    int64_t user_id;
    struct upload_details details;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    char *queue[QUEUE_MAX]; /* paths */
    int first, count;
    bool ended, hopeless; /* no more paths; no use in going on */
    int64_t filed, stored, known, failed, refused;
};

/* ---- one file ---- */

static bool spool_file(struct call *c, const char *path, struct spooled **out)
{
    char *buffer = arena_alloc(&c->arena, READ_BYTES);
    const char *slash = strrchr(path, '/');
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(c, E_BAD_REQUEST, "it cannot be opened");
    struct spooled *file =
        spool_begin(c, c->app->files, str_from(slash ? slash + 1 : path), c->app->config.max_upload_bytes, &c->error);
    bool ok = file != NULL;
    for (ssize_t got = 1; ok && got > 0;) {
        got = read(fd, buffer, READ_BYTES);
        ok = got >= 0 ? got == 0 || spool_write(file, (struct str){ buffer, got }, &c->error)
                      : fail(c, E_BAD_REQUEST, "it cannot be read");
    }
    close(fd);
    if (ok)
        spool_finish(file);
    else if (file)
        spool_drop(file);
    *out = file;
    return ok;
}

static bool is_known(struct call *c, const struct importing *import, const struct spooled *file)
{
    int64_t found = 0;
    return db_integer(c, &found,
                      "select 1 from image_files where sha256 = ? and uploaded_by = ? and is_deleted = 0 limit 1",
                      V(str_from(file->sha256)), V(import->user_id));
}

/* Counts the outcome and says it. */
static void report(struct importing *import, const char *path, int64_t *counter, const char *outcome, struct str why)
{
    pthread_mutex_lock(&import->mutex);
    ++*counter;
    if (why.len)
        fprintf(counter == &import->refused ? stderr : stdout, "%s: %s: %.*s\n", path, outcome, STR_FMT(why));
    else
        printf("%s: %s\n", path, outcome);
    pthread_mutex_unlock(&import->mutex);
}

static void import_one(struct importing *import, struct call *c, const char *path)
{
    struct spooled *file = NULL;
    struct image_file row;
    struct upload_details details = import->details;
    bool ok = spool_file(c, path, &file);
    if (ok && is_known(c, import, file)) {
        report(import, path, &import->known, "known already", STR_NULL);
    } else if (ok && !c->error.code && upload_store(c, file, &details, import->user_id, NULL, NULL, &row)) {
        if (row.duplicate_of == row.id)
            report(import, path, &import->known, "known already", STR_NULL);
        else if (row.status == FILE_FAILED)
            report(import, path, &import->failed, "kept, but not filed", row.status_reason);
        else if (row.study_id > 0)
            report(import, path, &import->filed, "filed", row.conflict);
        else
            report(import, path, &import->stored, "stored", STR_NULL);
    } else {
        report(import, path, &import->refused, "refused",
               c->error.problems ? c->error.problems->message : str_from(c->error.message));
    }
    if (file)
        spool_drop(file);
}

/* ---- many ---- */

/* The next path; NULL: there will be none. */
static char *take_path(struct importing *import)
{
    char *path = NULL;
    pthread_mutex_lock(&import->mutex);
    while (!import->count && !import->ended && !import->hopeless)
        pthread_cond_wait(&import->change, &import->mutex);
    if (import->count) {
        path = import->queue[import->first];
        import->first = (import->first + 1) % QUEUE_MAX;
        import->count--;
        pthread_cond_broadcast(&import->change);
    }
    pthread_mutex_unlock(&import->mutex);
    return path;
}

/* False: nobody wants any more. */
static bool give_path(struct importing *import, const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        abort();
    pthread_mutex_lock(&import->mutex);
    while (import->count == QUEUE_MAX && !import->hopeless)
        pthread_cond_wait(&import->change, &import->mutex);
    bool go_on = !import->hopeless;
    if (go_on)
        import->queue[(import->first + import->count++) % QUEUE_MAX] = copy;
    else
        free(copy);
    pthread_cond_broadcast(&import->change);
    pthread_mutex_unlock(&import->mutex);
    return go_on;
}

static void set(struct importing *import, bool *flag)
{
    pthread_mutex_lock(&import->mutex);
    *flag = true;
    pthread_cond_broadcast(&import->change);
    pthread_mutex_unlock(&import->mutex);
}

static void *work(void *context)
{
    struct importing *import = context;
    struct call one;
    call_init(&one, import->app, import->db);
    for (char *path; (path = take_path(import)); free(path)) {
        call_reset(&one);
        import_one(import, &one, path);
        if (one.error.code == E_STORAGE_FULL || one.error.code == E_UNAVAILABLE)
            set(import, &import->hopeless);
        db_release(&one);
    }
    call_release(&one);
    return NULL;
}

static int import_all(struct importing *import, FTS *tree)
{
    pthread_t threads[THREADS];
    pthread_mutex_init(&import->mutex, NULL);
    pthread_cond_init(&import->change, NULL);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, import))
            abort();
    for (FTSENT *entry; (entry = fts_read(tree));)
        if (entry->fts_info == FTS_F && !give_path(import, entry->fts_accpath))
            break;
    set(import, &import->ended);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&import->change);
    pthread_mutex_destroy(&import->mutex);
    printf("%" PRId64 " filed, %" PRId64 " stored, %" PRId64 " known already, %" PRId64 " kept but not filed, %" PRId64
           " refused\n",
           import->filed, import->stored, import->known, import->failed, import->refused);
    return import->refused || import->hopeless ? 1 : 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

int cmd_import(struct call *c)
{
    const struct import *in = c->in;
    struct importing import = { .app = c->app,
                                .db = c->db,
                                .details = { in->patient_id, in->description, in->modality, STR_NULL } };
    char *roots[] = { (char *)(uintptr_t)arena_cstring(&c->arena, in->folder), NULL };
    if (!db_integer(c, &import.user_id, "select id from users where username = ? and deleted_at is null",
                    V(in->username))) {
        fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(in->username));
        return command_failed(c);
    }
    db_release(c);
    if (access(roots[0], R_OK | X_OK) != 0) {
        fail(c, E_NOT_FOUND, "%s cannot be read", roots[0]);
        return command_failed(c);
    }
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!tree) {
        fail(c, E_INTERNAL, "%s cannot be walked", roots[0]);
        return command_failed(c);
    }
    int status = import_all(&import, tree);
    fts_close(tree);
    return status;
}
