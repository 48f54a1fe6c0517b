/* keeping.c - see keeping.h. */
#include "records/keeping.h"

#include "base/file.h"
#include "base/names.h"
#include "site/stored.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024, SUFFIX_CHARS = 4 /* ".dcm" */ };

static char *piece_new(void)
{
    char *piece = malloc(PIECE_BYTES);
    if (!piece)
        abort();
    return piece;
}

/* ---- what is wrong ---- */

struct marking {
    const struct image_file *file;
    enum file_damage damage;
    int fd;         /* DAMAGE_CONTENT: what was read */
    bool is_so_now; /* once the rows were locked */
};

static bool set_damage(struct call *c, const struct image_file *file, enum file_damage damage)
{
    struct str said = damage ? str_from(file_damages[damage - 1]) : STR_NULL;
    return db_execute(c, "update image_files set damage = ? where sha256 = ? and storage_path = ?", V(said),
                      V(file->sha256), V(file->storage_path));
}

/* Where the rows are locked nobody moves the bytes from store to store, and whoever mends them either has, or says so
 * after this: what is seen here is so until it is said. */
static bool look_again(struct call *c, struct marking *m)
{
    struct image_file now = *m->file;
    int64_t archived = 0, size = -1;
    struct error ignored = { 0 };
    int fd = -1;
    enum found found = db_find_integer(
        c, &archived, "select is_archived from image_files where sha256 = ? and storage_path = ? limit 1",
        V(now.sha256), V(now.storage_path));
    now.is_archived = archived != 0;
    struct blob_store *store = image_file_store(c, &now);
    m->is_so_now = false;
    if (found != FOUND || !store) /* purged, or an archive that is not configured now */
        return found != FAILED;
    bool there = blob_open_read(store, now.storage_path, &fd, &size, &ignored);
    if (there)
        close(fd);
    if (m->damage == DAMAGE_CONTENT)
        m->is_so_now = there && blob_is_named(store, now.storage_path, m->fd);
    else
        m->is_so_now =
            m->damage == DAMAGE_MISSING ? !there && ignored.code == E_NOT_FOUND : there && size != now.file_size;
    return true;
}

static bool store_damage(struct call *c, void *context)
{
    struct marking *m = context;
    return db_lock(c, "select id from image_files where sha256 = ? and storage_path = ?", V(m->file->sha256),
                   V(m->file->storage_path)) &&
           look_again(c, m) && (!m->is_so_now || set_damage(c, m->file, m->damage));
}

static bool store_whole(struct call *c, void *context)
{
    return set_damage(c, context, DAMAGE_NONE);
}

static void log_mark(struct call *c, const struct image_file *file, enum file_damage damage, bool stored)
{
    log_write(c->app->log, damage ? LOG_ERROR : LOG_WARNING, call_request_id(c), damage ? "file.damaged" : "file.whole",
              "image file %" PRId64 ", %.*s: %s%s", file->id, STR_FMT(file->storage_path),
              damage ? file_damages[damage - 1] : "its bytes are there again",
              stored ? "" : "; its row could not be marked");
}

static void mark_whole(struct call *c, const struct image_file *file)
{
    struct error said = c->error;
    error_clear(&c->error);
    log_mark(c, file, DAMAGE_NONE, db_transact(c, store_whole, (void *)(uintptr_t)file));
    c->error = said;
}

void keeping_mark_whole(struct call *c, const struct image_file *file)
{
    if (file->damage)
        mark_whole(c, file);
}

bool keeping_mark_damage(struct call *c, const struct image_file *file, enum file_damage damage, int fd)
{
    struct marking m = { file, damage, fd, true };
    struct error said = c->error;
    if (file->damage == (unsigned)damage)
        return true;
    error_clear(&c->error);
    bool stored = db_transact_aside(c, store_damage, &m);
    if (m.is_so_now)
        log_mark(c, file, damage, stored);
    c->error = said;
    return m.is_so_now;
}

static bool say_damage(struct call *c, const struct image_file *file, enum file_damage damage)
{
    static const char *const is[] = {
        [DAMAGE_MISSING] = "are missing",
        [DAMAGE_SIZE] = "are not as many as were stored",
        [DAMAGE_CONTENT] = "are not those that were stored",
    };
    NAMES_REACH(is, DAMAGE_CONTENT);
    return fail(c, E_UNREADABLE,
                "the stored bytes of image file %" PRId64 " %s: send the file again, or restore it from a backup",
                file->id, is[damage]);
}

/* ---- opening ---- */

/* False: *damage, or (none) c->error says why. */
static bool open_as_said(struct call *c, const struct image_file *file, int *fd, int64_t *size_bytes,
                         enum file_damage *damage)
{
    struct blob_store *store = image_file_store(c, file);
    struct error error = { 0 };
    *damage = DAMAGE_NONE;
    if (!store)
        return fail(c, E_UNAVAILABLE, "the archive is not configured now");
    if (file->damage == DAMAGE_CONTENT) {
        *damage = DAMAGE_CONTENT;
        return false;
    }
    if (!blob_open_read(store, file->storage_path, fd, size_bytes, &error)) {
        if (error.code != E_NOT_FOUND)
            return fail(c, error.code, "%s", error.message);
        if (!blob_is_there(store)) /* an unmounted disk says nothing of its files */
            return fail(c, E_UNAVAILABLE, "the file store is not there now");
        *damage = DAMAGE_MISSING;
        return false;
    }
    if (*size_bytes == file->file_size)
        return true;
    close(*fd);
    *damage = DAMAGE_SIZE;
    return false;
}

/* It may be moved from store to store while this looks: then it looks where the row says that it is now. */
bool keeping_open(struct call *c, const struct image_file *file, int *fd, int64_t *size_bytes)
{
    enum { TRIES = 10 };
    struct image_file now = *file;
    enum file_damage damage;
    for (int i = 0; i < TRIES; i++) {
        if (open_as_said(c, &now, fd, size_bytes, &damage)) {
            keeping_mark_whole(c, &now);
            return true;
        }
        if (!damage)
            return false;
        if (i > 0 && keeping_mark_damage(c, &now, damage, -1))
            return say_damage(c, &now, damage);
        db_release(c); /* an older view of the row goes with the connection */
        if (!db_get(c, &image_file_schema, &now, "where f.id = ?", V(file->id)))
            return fail(c, E_NOT_FOUND, "image file %" PRId64 " does not exist", file->id);
    }
    c->error.retry_after_s = 1;
    return fail(c, E_UNAVAILABLE, "image file %" PRId64 " is just being moved: ask again", file->id);
}

/* ---- reading whole ---- */

static bool hash(struct call *c, int fd, char sha256[SHA256_TEXT + 1])
{
    char md5[MD5_TEXT + 1], *piece = piece_new();
    struct digests *digests = digests_new_sha256();
    ptrdiff_t got;
    int64_t at = 0;
    for (; (got = file_read_at(fd, at, piece, PIECE_BYTES)) > 0; at += got)
        digests_update(digests, piece, got);
    int number = errno;
    digests_finish(digests, md5, sha256);
    digests_free(digests);
    free(piece);
    return got == 0 || file_fail(&c->error, "read", "a stored file", number);
}

bool keeping_check(struct call *c, const struct image_file *file, int fd, enum file_damage *damage)
{
    char sha256[SHA256_TEXT + 1];
    if (!hash(c, fd, sha256))
        return false;
    *damage = str_equal(str_from(sha256), file->sha256) ? DAMAGE_NONE : DAMAGE_CONTENT;
    return true;
}

/* What has that name, if it has as many bytes as `file`; -1: it has not, or (not *found) nothing has that name. */
static int open_as_many(struct blob_store *store, struct str key, const struct image_file *file, bool *found)
{
    struct error ignored = { 0 };
    int64_t size;
    int fd;
    *found = blob_open_read(store, key, &fd, &size, &ignored);
    if (!*found)
        return -1;
    if (size == file->file_size)
        return fd;
    close(fd);
    return -1;
}

bool keeping_is_as_stored(struct call *c, const struct image_file *file, int fd)
{
    struct error said = c->error;
    enum file_damage damage;
    if (str_is_empty(file->sha256))
        return true;
    error_clear(&c->error);
    if (!keeping_check(c, file, fd, &damage))
        return false;
    if (damage) {
        if (keeping_mark_damage(c, file, damage, fd))
            return say_damage(c, file, damage);
        c->error.retry_after_s = 1;
        return fail(c, E_UNAVAILABLE, "image file %" PRId64 " has just been mended: ask again", file->id);
    }
    c->error = said;
    return true;
}

static bool copy(struct call *c, int fd, struct blob_writer *writer, struct digests *digests)
{
    char *piece = piece_new();
    ptrdiff_t got;
    bool ok = true;
    for (int64_t at = 0; ok && (got = file_read_at(fd, at, piece, PIECE_BYTES)) != 0; at += got) {
        ok = got > 0 ? blob_write(writer, (struct str){ piece, got }, &c->error)
                     : file_fail(&c->error, "read", "a file", errno);
        if (ok)
            digests_update(digests, piece, got);
    }
    free(piece);
    return ok;
}

bool keeping_copy(struct call *c, const struct image_file *file, int fd, struct blob_store *target)
{
    char md5[MD5_TEXT + 1], sha256[SHA256_TEXT + 1];
    struct blob_writer *writer;
    if (!blob_create(target, &writer, &c->error))
        return false;
    struct digests *digests = digests_new_sha256();
    bool ok = copy(c, fd, writer, digests);
    digests_finish(digests, md5, sha256);
    digests_free(digests);
    if (ok && !str_equal(str_from(sha256), file->sha256)) {
        (void)keeping_mark_damage(c, file, DAMAGE_CONTENT, fd);
        ok = say_damage(c, file, DAMAGE_CONTENT);
    }
    if (ok)
        return blob_replace(writer, file->storage_path, &c->error);
    blob_cancel(writer);
    return false;
}

/* ---- the same bytes again ---- */

static bool are_there(struct blob_store *store, const struct image_file *file, int fd)
{
    bool found, same = true;
    int theirs = open_as_many(store, file->storage_path, file, &found);
    if (theirs < 0)
        return false;
    char *ours = piece_new(), *there = piece_new();
    for (int64_t at = 0; same && at < file->file_size; at += PIECE_BYTES) {
        ptrdiff_t got = file_read_at(theirs, at, there, PIECE_BYTES);
        same = got > 0 && got == file_read_at(fd, at, ours, PIECE_BYTES) && memcmp(ours, there, (size_t)got) == 0;
    }
    free(ours);
    free(there);
    close(theirs);
    return same;
}

bool keeping_confirm(struct call *c, const struct image_file *file, int fd)
{
    struct blob_store *store = image_file_store(c, file);
    if (!store)
        return fail(c, E_UNAVAILABLE, "the archive that has these bytes is not configured now");
    if (are_there(store, file, fd)) {
        keeping_mark_whole(c, file);
        return true;
    }
    if (!keeping_copy(c, file, fd, store))
        return false;
    log_write(c->app->log, LOG_WARNING, call_request_id(c), "file.mended",
              "image file %" PRId64 ", %.*s: its bytes were sent again, and stored anew", file->id,
              STR_FMT(file->storage_path));
    mark_whole(c, file); /* also of what was said since `file` was read */
    return true;
}

/* Other names of these bytes, as far as there is room. */
static int find_others(struct call *c, const struct image_file *file, struct image_file *out, int most)
{
    struct cursor rows;
    int count = 0;
    db_rows(c, &rows,
            "select min(id), storage_path, is_archived, max(damage) from image_files where sha256 = ? and storage_path "
            "<> ? group by storage_path, is_archived",
            V(file->sha256), V(file->storage_path));
    while (count < most && cursor_next(&rows)) {
        struct image_file *other = &out[count++];
        schema_clear(&image_file_schema, other);
        other->id = cursor_integer(&rows, 0);
        other->storage_path = arena_copy(&c->arena, cursor_text(&rows, 1));
        other->is_archived = cursor_integer(&rows, 2) != 0;
        other->damage = choice_of(file_damages, cursor_text(&rows, 3));
        other->sha256 = file->sha256;
        other->file_size = file->file_size;
    }
    cursor_close(&rows);
    db_release(c);
    return count;
}

void keeping_mend_others(struct call *c, const struct image_file *file)
{
    enum { OTHERS_MAX = 16 };
    struct error kept = c->error;
    struct image_file *others = arena_array(&c->arena, struct image_file, OTHERS_MAX);
    int64_t size;
    int fd = -1, count = find_others(c, file, others, OTHERS_MAX);
    if (count && blob_open_read(c->app->files, file->storage_path, &fd, &size, &c->error)) {
        for (int i = 0; i < count; i++) {
            error_clear(&c->error);
            if (!keeping_confirm(c, &others[i], fd))
                log_write(c->app->log, LOG_WARNING, call_request_id(c), "file.not_mended",
                          "image file %" PRId64 ", %.*s: %s", others[i].id, STR_FMT(others[i].storage_path),
                          c->error.message);
        }
        close(fd);
    }
    c->error = kept;
}

bool keeping_hold(struct call *c, const struct image_file *file, bool *there)
{
    int64_t one;
    if (!db_lock(c, "select id from image_files where sha256 = ? and storage_path = ?", V(file->sha256),
                 V(file->storage_path)))
        return false;
    enum found found = db_find_integer(
        c, &one, "select 1 from image_files where sha256 = ? and storage_path = ? and is_archived = 0 limit 1",
        V(file->sha256), V(file->storage_path));
    *there = found == FOUND;
    return found != FAILED;
}

/* ---- names ---- */

void keeping_settle(struct call *c, struct str key, bool named)
{
    struct error ignored = { 0 };
    if (!named && c->error.in_doubt) {
        log_write(c->app->log, LOG_WARNING, call_request_id(c), "file.in_doubt",
                  "%.*s: nobody knows whether its row was committed; its bytes stay, the next start looks",
                  STR_FMT(key));
        blob_leave(c->app->files, key);
        return;
    }
    if (!named)
        blob_remove(c->app->files, key, &ignored);
    blob_settle(c->app->files, key);
}

struct looking {
    struct str key;
    bool named;
};

/* completed/3f/UUID.dcm: UUID. Most likely the row of that name has it. */
static struct str uuid_of(struct str key)
{
    ptrdiff_t end = key.len - SUFFIX_CHARS;
    return end >= UUID_TEXT ? str_slice(key, end - UUID_TEXT, end) : STR_NULL;
}

bool keeping_is_named(struct call *c, struct str key, bool *named)
{
    int64_t one;
    const struct stored_kind *kind = stored_kind_of(key);
    enum found found = NONE;
    if (!kind || kind == &stored_kinds[STORED_IMAGE_FILES])
        found = db_find_integer(c, &one, "select 1 from image_files where file_uuid = ? and storage_path = ?",
                                V(uuid_of(key)), V(key));
    if (found == NONE && kind)
        found = db_find_integer(c, &one, kind->names, V(key));
    *named = found == FOUND;
    return found != FAILED;
}

/* Whoever else may name it does so beside a row that does already (keeping_hold). */
static bool look(struct call *c, void *context)
{
    struct looking *looking = context;
    const struct stored_kind *kind = stored_kind_of(looking->key);
    bool ok = kind && kind != &stored_kinds[STORED_IMAGE_FILES]
                  ? db_lock(c, kind->lock, V(looking->key))
                  : db_lock(c, "select id from image_files where file_uuid = ?", V(uuid_of(looking->key)));
    return ok && keeping_is_named(c, looking->key, &looking->named);
}

bool keeping_look(struct call *c, struct str key, bool *named)
{
    struct looking looking = { .key = key };
    if (!db_transact(c, look, &looking))
        return false;
    *named = looking.named;
    return true;
}

/* The n-th place, from 1, for bytes that had this name: an upload that is completed again after each of several
 * crashes leaves them again and again under the one name that it has. */
enum { ASIDE_MAX = 1000 };
static struct str aside_of(struct call *c, struct str key, int n)
{
    ptrdiff_t slash = key.len;
    while (slash > 0 && key.at[slash - 1] != '/')
        slash--;
    struct str name = str_slice(key, slash, key.len);
    return n == 1 ? arena_format(&c->arena, "aside/%.*s", STR_FMT(name))
                  : arena_format(&c->arena, "aside/%d-%.*s", n, STR_FMT(name));
}

bool keeping_set_aside(struct call *c, struct str key)
{
    struct error error = { 0 };
    for (int n = 1; n <= ASIDE_MAX; n++) {
        error = (struct error){ 0 };
        if (blob_rename(c->app->files, key, aside_of(c, key, n), &error)) {
            log_write(c->app->log, LOG_WARNING, call_request_id(c), "file.set_aside",
                      "%.*s: no row names it; it is now in %s", STR_FMT(key), "aside/");
            return true;
        }
        if (error.code != E_CONFLICT)
            break;
    }
    return error.code == E_NOT_FOUND || fail(c, error.code, "%s", error.message);
}

static bool bring_back_from(struct call *c, const struct image_file *file, struct str aside, bool *there)
{
    struct error ignored = { 0 };
    enum file_damage damage;
    int fd = open_as_many(c->app->files, aside, file, there);
    if (fd < 0)
        return false;
    bool same = keeping_check(c, file, fd, &damage) && !damage;
    close(fd);
    error_clear(&c->error);
    return same && blob_rename(c->app->files, aside, file->storage_path, &ignored);
}

bool keeping_bring_back(struct call *c, const struct image_file *file)
{
    bool there = true;
    for (int n = 1; !file->is_archived && n <= ASIDE_MAX && (there || n == 2); n++)
        if (bring_back_from(c, file, aside_of(c, file->storage_path, n), &there))
            return true;
    return false;
}

/* Has every row of these bytes its own? */
static bool rows_have_bytes(struct call *c, struct str sha256, bool *have)
{
    enum { NAMES_MAX = 16 };
    struct image_file files[NAMES_MAX];
    struct cursor rows;
    int count = 0;
    *have = true;
    for (db_rows(c, &rows,
                 "select storage_path, max(file_size), is_archived, max(damage) from image_files where sha256 = ? and "
                 "storage_path is not null group by storage_path, is_archived limit 16",
                 V(sha256));
         cursor_next(&rows); count++) {
        schema_clear(&image_file_schema, &files[count]);
        files[count].storage_path = arena_copy(&c->arena, cursor_text(&rows, 0));
        files[count].file_size = cursor_integer(&rows, 1);
        files[count].is_archived = cursor_integer(&rows, 2) != 0;
        *have = *have && cursor_text(&rows, 3).len == 0;
    }
    if (!cursor_close(&rows))
        return false;
    *have = *have && count < NAMES_MAX;
    for (int i = 0; *have && i < count; i++) {
        struct error ignored = { 0 };
        struct blob_store *store = image_file_store(c, &files[i]);
        int64_t size = -1;
        int fd;
        *have = store && blob_open_read(store, files[i].storage_path, &fd, &size, &ignored);
        if (*have)
            close(fd);
        *have = *have && size == files[i].file_size;
    }
    return true;
}

/* Its name before it was set aside, without aside_of's number: the first dash of a UUID comes behind eight digits. */
static struct str name_of_aside(struct str aside)
{
    struct str name = str_slice(aside, (ptrdiff_t)sizeof("aside/") - 1, aside.len);
    ptrdiff_t dash = str_find(name, S("-"));
    return dash > 0 && dash < 8 ? str_slice(name, dash + 1, name.len) : name;
}

/* Would it be a file of another kind under the name that it had? */
static enum found find_other_row(struct call *c, struct str aside)
{
    enum { SPREAD = 2 };
    struct str name = name_of_aside(aside);
    enum found found = NONE;
    int64_t one;
    for (int i = STORED_IMAGE_FILES + 1; found == NONE && name.len > SPREAD && i < STORED_KINDS; i++) {
        const struct stored_kind *kind = &stored_kinds[i];
        struct str key = kind->is_spread ? arena_format(&c->arena, "%s%.2s/%.*s", kind->prefix, name.at, STR_FMT(name))
                                         : arena_format(&c->arena, "%s%.*s", kind->prefix, STR_FMT(name));
        found = db_find_integer(c, &one, kind->names, V(key));
    }
    return found;
}

bool keeping_needs_aside(struct call *c, struct str aside, bool *needed)
{
    char sha256[SHA256_TEXT + 1];
    int64_t row, size;
    int fd;
    bool have = false;
    enum found found = db_find_integer(c, &row, "select 1 from image_files where file_uuid = ?", V(uuid_of(aside)));
    *needed = true;
    if (found == NONE)
        found = find_other_row(c, aside);
    if (found != NONE)
        return found == FOUND;
    if (!blob_open_read(c->app->files, aside, &fd, &size, &c->error))
        return false;
    bool ok = hash(c, fd, sha256);
    close(fd);
    ok = ok && rows_have_bytes(c, str_from(sha256), &have);
    *needed = !ok || !have;
    return ok;
}
