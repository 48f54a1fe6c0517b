/* cmd_import.c - a folder of files, or a single one, into the store, as if they were uploaded. It may run while the
 * server does.
 *
 * The folder is walked twice: to know how much there is, then to take it. One thread walks, a few take the files:
 * while one waits for the disk another reads, and their rows share commits. SIGINT and SIGTERM let those under way
 * finish, and what was done is said. The exit status is 0 unless something that may have been a picture is not in the
 * store. */
#include "cli/command.h"

#include "records/assignment.h"
#include "records/keeping.h"
#include "intake/upload.h"
#include "records/visibility.h"
#include "site/account_key.h"
#include "base/file.h"
#include "base/thread.h"
#include "cli/import_skip.h"
#include "cli/import_tally.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 4, QUEUE_MAX = 64, GRANTEES_MAX = 32, READ_BYTES = 1 << 20 };

struct import {
    struct str folder, username, owner, assign, modality, description, patient_number;
    int64_t patient_id;
    bool verbose;
};
static const struct field import_fields[] = {
    FIELD(struct import, folder, .flags = REQUIRED, .min = 1, .max = 4000,
          .doc = "Where the files are: everything below it is looked at. Or a single file."),
    FIELD(struct import, username, .flags = REQUIRED, .min = 1, .max = 50,
          .doc = "Account that imports: the files are its own, unless owner says whose."),
    FIELD(struct import, owner, .min = 1, .max = 50, .doc = "Account that the files will belong to: it sees them."),
    FIELD(struct import, assign, .max = 1000,
          .doc = "Who else may see the studies: accounts, roles, departments (user:li, role:doctor, "
                 "department:NAME), with commas between. Pictures outside studies stay their owner's."),
    FIELD(struct import, patient_id, .min = 1, .max = INT64_MAX,
          .doc = "Patient of all of them. DICOM files that name another patient are refused."),
    PATIENT_NUMBER_FIELD(struct import),
    FIELD(struct import, modality, .max = 16, .doc = "Modality of those that do not say theirs."),
    FIELD(struct import, description, .max = 2000, .doc = "Description of all of them."),
    FIELD(struct import, verbose, .doc = "Name each file, not only those that need a word."),
};
const struct schema import_options = SCHEMA("Import", struct import, import_fields);

struct importing {
    struct app *app;
    struct db *db;
    struct str origin;   /* of the actor */
    int64_t user_id, by; /* whose the files are; who imports */
    struct grantee to[GRANTEES_MAX];
    int to_count;
    struct upload_details details;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    struct queued {
        char *path;
        int64_t bytes;
    } queue[QUEUE_MAX];
    int first, count;
    bool ended, hopeless; /* no more paths; no use in going on */
    struct tally *tally;
};

static volatile sig_atomic_t interrupted; /* the number of the signal */

static void note_signal(int number)
{
    interrupted = number;
}

/* ---- one file ---- */

static bool spool_file(struct call *c, const char *path, struct spooled **out)
{
    char *buffer = arena_alloc(&c->arena, READ_BYTES);
    const char *slash = strrchr(path, '/');
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        fail(c, E_BAD_REQUEST, "it cannot be opened");
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
                V(str_from(file->sha256)), V(import->user_id));
    db_release(c);
    *known = found == FOUND;
    return found == NONE || (found == FOUND && keeping_confirm(c, row, blob_writer_fd(file->writer)));
}

/* ---- who else sees it ---- */

static bool find_grantees(struct call *c, struct str list, struct importing *import)
{
    for (struct str one; str_next(&list, ',', &one);) {
        if (import->to_count == GRANTEES_MAX)
            return fail(c, E_INVALID, "assign takes at most %d names", GRANTEES_MAX);
        if (!grantee_find(c, str_trim(one), &import->to[import->to_count++]))
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
    for (int i = 0; i < o->import->to_count; i++) {
        bool opened;
        const struct study_opening all = { o->study_id, &o->import->to[i], o->import->by, 0 };
        if (!assignment_open(c, &all, &opened) ||
            (opened && (audit_detail(c, assignment_opened_detail(c, &o->import->to[i])), !audit_change(c))))
            return false;
    }
    return true;
}

/* Files of a study mostly come together: *last saves asking again for each. */
static bool share(struct importing *import, struct call *c, const struct image_file *row, int64_t *last)
{
    struct opening opening = { import, row->study_id, row->patient_id };
    if (!import->to_count || row->study_id <= 0 || row->study_id == *last)
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
    struct upload_details details = import->details;
    c->actor->audit = (struct audit_draft){ .action = "image_file.upload", .entity = "image_file" };
    bool known = false, ok = spool_file(c, one->path, &file) && is_known(c, import, file, &row, &known);
    if (ok && known && share(import, c, &row, last_study)) {
        tally_add(import->tally, one->path, one->bytes, OUTCOME_KNOWN, STR_NULL);
    } else if (ok && !known && upload_store(c, file, &details, import->user_id, &row) &&
               share(import, c, &row, last_study)) {
        enum outcome outcome = outcome_of(&row);
        tally_add(import->tally, one->path, one->bytes, outcome,
                  outcome == OUTCOME_KEPT    ? row.status_reason
                  : outcome == OUTCOME_FILED ? row.conflict
                                             : STR_NULL);
    } else {
        enum outcome outcome = outcome_of_failure(c, one->path);
        tally_add(import->tally, one->path, one->bytes, outcome,
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
    while (!import->count && !import->ended && !import->hopeless)
        pthread_cond_wait(&import->change, &import->mutex);
    if (import->count && !import->hopeless) {
        *out = import->queue[import->first];
        taken = true;
        import->first = (import->first + 1) % QUEUE_MAX;
        import->count--;
        pthread_cond_broadcast(&import->change);
    }
    pthread_mutex_unlock(&import->mutex);
    return taken;
}

/* False: nobody wants any more. */
static bool give_path(struct importing *import, const char *path, int64_t bytes)
{
    char *copy = strdup(path);
    if (!copy)
        abort();
    pthread_mutex_lock(&import->mutex);
    while (import->count == QUEUE_MAX && !import->hopeless)
        pthread_cond_wait(&import->change, &import->mutex);
    bool go_on = !import->hopeless;
    if (go_on)
        import->queue[(import->first + import->count++) % QUEUE_MAX] = (struct queued){ copy, bytes };
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
            set(import, &import->hopeless);
        db_release(&one);
    }
    call_release(&one);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *walk(struct call *c, char *root)
{
    char *roots[] = { root, NULL };
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!tree)
        fail(c, E_INTERNAL, "%s cannot be walked: %s", root, strerror(errno));
    return tree;
}

/* The next regular file that may be a picture. What is passed over is told to `tally`, which may be NULL. NULL: the
 * end. */
static FTSENT *next_file(FTS *tree, struct tally *tally)
{
    for (FTSENT *entry; !interrupted && (entry = fts_read(tree));) {
        bool never = entry->fts_level > 0 && import_never_a_picture(entry->fts_name);
        if (entry->fts_info == FTS_D && never)
            fts_set(tree, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && !never)
            return entry;
        else if (!tally)
            continue;
        else if (entry->fts_info == FTS_F)
            tally_add(tally, entry->fts_path, 0, OUTCOME_SKIPPED, S("left by an operating system"));
        else if (entry->fts_info == FTS_SL || entry->fts_info == FTS_SLNONE)
            tally_add(tally, entry->fts_path, 0, OUTCOME_SKIPPED, S("a symbolic link, which is not followed"));
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            tally_add(tally, entry->fts_path, 0, OUTCOME_REFUSED, str_from(strerror(entry->fts_errno)));
        else if (entry->fts_info == FTS_DEFAULT)
            tally_add(tally, entry->fts_path, 0, OUTCOME_SKIPPED, S("a device, pipe or socket"));
    }
    return NULL;
}

static bool count_files(struct call *c, char *root, int64_t *files, int64_t *bytes)
{
    FTS *tree = walk(c, root);
    *files = *bytes = 0;
    for (FTSENT *entry; tree && (entry = next_file(tree, NULL));) {
        ++*files;
        *bytes += entry->fts_statp->st_size;
    }
    if (tree)
        fts_close(tree);
    return tree != NULL;
}

static bool take_files(struct importing *import, FTS *tree, struct error *error)
{
    struct thread threads[THREADS] = { 0 };
    bool ok = true;
    pthread_mutex_init(&import->mutex, NULL);
    pthread_cond_init(&import->change, NULL);
    for (int i = 0; i < THREADS && ok; i++)
        ok = thread_start(&threads[i], "import", take_given, import, error);
    for (FTSENT *entry; ok && (entry = next_file(tree, import->tally));)
        if (!give_path(import, entry->fts_path, entry->fts_statp->st_size))
            break;
    set(import, interrupted || !ok ? &import->hopeless : &import->ended);
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    for (int i = 0; i < import->count; i++)
        free(import->queue[(import->first + i) % QUEUE_MAX].path);
    pthread_cond_destroy(&import->change);
    pthread_mutex_destroy(&import->mutex);
    return ok;
}

static int import_all(struct call *c, struct importing *import, char *root, bool verbose)
{
    int64_t files, bytes;
    struct sigaction action = { .sa_handler = note_signal,
                                .sa_flags = (int)SA_RESETHAND }; /* the second one ends it at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    FTS *tree = NULL;
    if (!count_files(c, root, &files, &bytes) || !(tree = walk(c, root)))
        return command_failed(c);
    import->tally = tally_new(files, bytes, verbose);
    bool begun = take_files(import, tree, &c->error);
    fts_close(tree);
    if (!begun)
        return tally_free(import->tally), command_failed(c);
    tally_print(import->tally);
    bool lost = import->hopeless || tally_count(import->tally, OUTCOME_REFUSED) > 0;
    tally_free(import->tally);
    if (interrupted)
        fprintf(stderr,
                "roentgen: stopped before the end; the same command goes on, and finds what is there already\n");
    return interrupted ? 128 + interrupted : lost ? 1 : 0;
}

int cmd_import(struct call *c)
{
    const struct import *in = c->in;
    struct importing import = { .app = c->app,
                                .db = c->db,
                                .details = { in->patient_id, in->description, in->modality, STR_NULL,
                                             in->patient_number } };
    char root[PATH_MAX];
    if (account_find(c, in->username, &import.user_id) != FOUND) {
        fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(in->username));
        return command_failed(c);
    }
    import.by = import.user_id;
    command_acts(c, "import", in->username);
    import.origin = c->actor->origin;
    if (in->owner.len && account_find(c, in->owner, &import.user_id) != FOUND) {
        fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(in->owner));
        return command_failed(c);
    }
    if (!find_grantees(c, in->assign, &import) || !upload_details_settle(c, &import.details))
        return command_failed(c);
    db_release(c);
    struct stat status;
    const char *given = arena_cstring(&c->arena, in->folder);
    if (!realpath(given, root) || stat(root, &status) != 0 ||
        access(root, S_ISDIR(status.st_mode) ? R_OK | X_OK : R_OK) != 0) {
        fail(c, E_NOT_FOUND, "%s: %s", given, strerror(errno));
        return command_failed(c);
    }
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
        fail(c, E_INVALID, "%s is neither a folder nor a file", given);
        return command_failed(c);
    }
    return import_all(c, &import, root, in->verbose);
}
