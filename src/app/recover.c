/* recover.c - rows and files brought together again. The rows are right; files follow. */
#include "app/recover.h"

#include "app/assignment.h"
#include "app/image_file.h"
#include "app/invariants.h"
#include "app/thumbnails.h"
#include "base/crypto.h"
#include "blob/result.h"

#include <unistd.h>

/* ---- at a start ---- */

static bool is_named(struct call *c, struct str key, bool *named)
{
    int64_t found = 0;
    /* completed/3f/UUID.dcm: the row of that name most likely has it; rows that share the bytes are asked otherwise. */
    struct str uuid = str_slice(key, key.len > 41 ? key.len - 40 : 0, key.len - 4);
    if (!db_integer(c, &found, "select 1 from image_files where file_uuid = ? and storage_path = ?", V(uuid), V(key)) &&
        c->error.code)
        return false;
    if (!found && !db_integer(c, &found, "select 1 from image_files where storage_path = ? limit 1", V(key)) &&
        c->error.code)
        return false;
    *named = found != 0;
    return true;
}

static bool mend_claim(void *context, struct str key)
{
    struct call *c = context;
    bool named;
    struct error ignored = { 0 };
    if (!str_starts(key, S("completed/")))
        return true; /* thumbnails can be made again; chunks: below */
    return is_named(c, key, &named) && (named || blob_remove(c->app->files, key, &ignored));
}

/* chunks/UUID/N.SHA256 whose upload is no longer under way. */
static bool mend_chunk(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    struct call *c = context;
    int64_t found = 0;
    struct error ignored = { 0 };
    struct str uuid = str_slice(key, 7, 7 + UUID_TEXT);
    if (db_integer(c, &found, "select 1 from image_files where file_uuid = ? and status = 'UPLOADING'", V(uuid)))
        return true;
    return !c->error.code && blob_remove(c->app->files, key, &ignored);
}

/* A file is moved to the archive before its row says so, and may be moved again. */
static bool keep_claim(void *context, struct str key)
{
    (void)context;
    (void)key;
    return true;
}

bool recover_files(struct call *c)
{
    struct app *app = c->app;
    if (!blob_alone(app->files))
        return true; /* another process is at work: nothing here is certainly left over */
    bool ok = blob_claims(app->files, mend_claim, c, &c->error) && !c->error.code &&
              blob_walk(app->files, S("chunks/"), mend_chunk, c, &c->error) && !c->error.code;
    if (ok)
        blob_sweep(app->files, 0);
    blob_share(app->files);
    if (ok && app->archive && blob_alone(app->archive)) {
        ok = blob_claims(app->archive, keep_claim, c, &c->error);
        blob_sweep(app->archive, 0);
        blob_share(app->archive);
    }
    return ok;
}

/* ---- fsck ---- */

struct checking {
    struct call *c;
    const struct fsck_options *options;
    void (*tell)(const char *line);
    int64_t findings;
};

static void find(struct checking *k, const char *what, struct str key)
{
    k->tell(arena_cstring(&k->c->arena, arena_format(&k->c->arena, "%s: %.*s", what, STR_FMT(key))));
    k->findings++;
}

static bool has_hash(int fd, struct str sha256)
{
    enum { READ_BYTES = 1 << 18 };
    char md5[MD5_TEXT + 1], ours[SHA256_TEXT + 1], *buffer = malloc(READ_BYTES);
    struct digests *digests = digests_new();
    ssize_t got;
    if (!buffer)
        abort();
    while ((got = read(fd, buffer, READ_BYTES)) > 0)
        digests_update(digests, buffer, got);
    digests_finish(digests, md5, ours);
    digests_free(digests);
    free(buffer);
    return got == 0 && str_equal(str_from(ours), sha256);
}

static void check_row(struct checking *k, const struct image_file *file)
{
    struct error error = { 0 };
    struct blob_store *store = image_file_store(k->c, file);
    int fd;
    int64_t size;
    if (!store || !blob_open_read(store, file->storage_path, &fd, &size, &error)) {
        find(k, "a row without its file", file->storage_path);
        return;
    }
    if (size != file->file_size)
        find(k, "a file of another size than its row says", file->storage_path);
    else if (k->options->deep && !has_hash(fd, file->sha256))
        find(k, "a file with other bytes than its row says", file->storage_path);
    close(fd);
}

static bool check_rows(struct checking *k)
{
    struct call *c = k->c;
    struct image_file file;
    struct cursor rows;
    int64_t last = 0;
    bool more = true;
    while (more) {
        more = false;
        int64_t from = last;
        for (
            db_rows(
                c, &rows,
                "select id, storage_path, file_size, sha256, status from image_files where id > ? and storage_path is not null "
                "order by id limit 1000",
                V(from));
            cursor_next(&rows); more = true) {
            schema_clear(&image_file_schema, &file);
            file.id = last = cursor_integer(&rows, 0);
            file.storage_path = cursor_text(&rows, 1);
            file.file_size = cursor_integer(&rows, 2);
            file.sha256 = cursor_text(&rows, 3);
            file.status = choice_of(file_statuses, cursor_text(&rows, 4));
            check_row(k, &file);
        }
        cursor_close(&rows);
        if (c->error.code)
            return false;
    }
    return true;
}

static bool check_file(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    (void)size_bytes;
    (void)changed;
    struct checking *k = context;
    bool named;
    struct error error = { 0 };
    if (!is_named(k->c, key, &named))
        return false;
    if (named)
        return true;
    if (!k->options->remove_orphans) {
        find(k, "a file without a row", key);
    } else if (blob_remove(k->c->app->files, key, &error)) {
        k->tell(arena_cstring(&k->c->arena,
                              arena_format(&k->c->arena, "removed a file without a row: %.*s", STR_FMT(key))));
    } else {
        find(k, "a file without a row that cannot be removed", key);
    }
    return true;
}

static void find_broken(const struct invariant *broken, struct str table, int64_t id, void *context)
{
    struct checking *k = context;
    find(k, arena_format(&k->c->arena, "%s (%s)", broken->words, broken->name).at,
         arena_format(&k->c->arena, "%.*s %" PRId64, STR_FMT(table), id));
}

bool fsck(struct call *c, const struct fsck_options *options, void (*tell)(const char *line), int64_t *findings)
{
    struct checking k = { c, options, tell, 0 };
    bool ok = (!options->rows || invariants_check(c, find_broken, &k)) && check_rows(&k) &&
              blob_walk(c->app->files, S("completed/"), check_file, &k, &c->error) && !c->error.code;
    *findings = k.findings;
    return ok;
}

/* ---- purge ---- */

bool purge_look(struct call *c, struct instant before, struct purgeable *out)
{
    struct cursor rows;
    struct purgeable sum = { 0 };
    db_rows(
        c, &rows,
        "select count(*), coalesce(sum(file_size), 0), min(deleted_at), max(deleted_at) from image_files where deleted_at < ?",
        V(before));
    if (cursor_next(&rows))
        sum = (struct purgeable){ cursor_integer(&rows, 0),
                                  cursor_integer(&rows, 1),
                                  { cursor_integer(&rows, 2) },
                                  { cursor_integer(&rows, 3) } };
    cursor_close(&rows);
    if (c->error.code)
        return false;
    *out = sum;
    return true;
}

struct purging {
    struct image_file file;
    bool gone, shared;
};

static bool purge_row(struct call *c, void *context)
{
    struct purging *p = context;
    int64_t others = 0, id = p->file.id;
    p->gone = false;
    if (!db_lock(c, "select id from image_files where id = ?", V(id)))
        return false;
    if (!db_get(c, &image_file_schema, &p->file, "where f.id = ? and f.deleted_at is not null", V(id)))
        return c->error.code == E_NONE; /* it was restored, or another purge was faster */
    return db_execute(c, "update image_files set duplicate_of = null where duplicate_of = ?", V(p->file.id)) &&
           db_execute(c, "delete from upload_chunks where image_file_id = ?", V(p->file.id)) &&
           search_remove(c, "image_file_search", p->file.id) &&
           db_execute(c, "delete from image_files where id = ? and deleted_at is not null", V(p->file.id)) &&
           db_integer(c, &others, "select count(*) from image_files where sha256 = ? and storage_path = ?",
                      V(p->file.sha256), V(p->file.storage_path)) &&
           (p->shared = others > 0, p->gone = true);
}

static bool purge_one(struct call *c, struct purging *p, int64_t *bytes)
{
    struct error ignored = { 0 };
    struct image_file *file = &p->file;
    if (!db_transact(c, purge_row, p))
        return false;
    if (!p->gone)
        return true;
    if (file->storage_path.at && !p->shared && image_file_store(c, file)) {
        if (!blob_remove(image_file_store(c, file), file->storage_path, &c->error))
            return false;
        *bytes += file->file_size;
    }
    blob_remove(c->app->files, thumbnail_key(c, file->file_uuid), &ignored);
    if (c->app->results && !p->shared && file->sha256.len == SHA256_TEXT)
        result_forget(c->app->results, file->sha256);
    return true;
}

/* A deleted study goes when its last file has gone; what else still refers to it keeps it. */
static bool purge_study(struct call *c, void *context)
{
    const int64_t *id = context;
    int64_t still = 0;
    if (!db_lock_integer(c, &still, "select 1 from studies where id = ? and deleted_at is not null", V(*id)))
        return c->error.code == E_NONE; /* it was restored */
    return assignment_forget(c, *id) && search_remove(c, "study_search", *id) &&
           db_execute(c, "delete from series where study_id = ?", V(*id)) &&
           db_execute(c, "delete from studies where id = ? and deleted_at is not null", V(*id));
}

static bool purge_studies(struct call *c, struct instant before)
{
    int64_t id = 0;
    while (db_integer(c, &id,
                      "select s.id from studies s where s.deleted_at < ? and s.id > ? and not exists "
                      "(select 1 from image_files f where f.study_id = s.id) order by s.id limit 1",
                      V(before), V(id))) {
        if (db_transact(c, purge_study, &id))
            continue;
        if (c->error.code != E_CONFLICT)
            return false;
        error_clear(&c->error);
    }
    return c->error.code == E_NONE;
}

bool purge_files(struct call *c, struct instant before, int64_t *files, int64_t *bytes)
{
    struct purging p = { 0 };
    *files = *bytes = 0;
    while (db_get(c, &image_file_schema, &p.file,
                  "where f.deleted_at is not null and f.deleted_at < ? order by f.deleted_at limit 1", V(before))) {
        if (!purge_one(c, &p, bytes))
            return false;
        *files += p.gone;
    }
    return c->error.code == E_NONE && purge_studies(c, before);
}
