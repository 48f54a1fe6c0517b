/* purge.c - deleted files removed for good: row first, then the bytes when no other row shares them. */
#include "upkeep/recover.h"

#include "site/actor.h"
#include "records/assignment.h"
#include "records/keeping.h"
#include "imaging/thumbnails.h"
#include "records/trash_work.h"
#include "records/visibility.h"
#include "blob/result.h"

bool purge_look(struct call *c, struct instant before, struct purgeable *out)
{
    struct cursor rows;
    struct purgeable sum = { 0 };
    db_rows(c, &rows,
            "select count(*), coalesce(sum(file_size), 0), min(deleted_at), max(deleted_at) from image_files where "
            "deleted_at < ?",
            V(before));
    if (cursor_next(&rows))
        sum = (struct purgeable){ cursor_integer(&rows, 0),
                                  cursor_integer(&rows, 1),
                                  { cursor_integer(&rows, 2) },
                                  { cursor_integer(&rows, 3) } };
    if (!cursor_close(&rows))
        return false;
    *out = sum;
    return true;
}

/* ---- marks: claims (blob.h) that say which bytes go with which row ----
 *
 *     purged/UUID of the row/storage_path        made before its row goes, settled when all that it had has gone
 *
 * Who is killed between leaves one. The next start, or purge, then knows that somebody wanted those bytes gone. */

#define MARK "purged/"

static struct str mark_of(struct call *c, const struct image_file *file)
{
    return arena_format(&c->arena, MARK "%.*s/%.*s", STR_FMT(file->file_uuid), STR_FMT(file->storage_path));
}

bool purge_is_mark(struct str key)
{
    return str_starts(key, S(MARK)) && key.len > (ptrdiff_t)sizeof(MARK) + UUID_TEXT;
}

bool purge_mend(struct call *c, struct blob_store *store, struct str mark)
{
    ptrdiff_t begins = sizeof(MARK) - 1, ends = begins + UUID_TEXT;
    struct str uuid = str_slice(mark, begins, ends), path = str_slice(mark, ends + 1, mark.len);
    struct error ignored = { 0 };
    int64_t one;
    bool named;
    if (!keeping_look(c, path, &named))
        return false;
    enum found row = db_find_integer(c, &one, "select 1 from image_files where file_uuid = ?", V(uuid));
    if (row != NONE)
        return row == FOUND; /* it was killed before that: the row goes with the next purge */
    if (!named && !blob_remove(store, path, &c->error))
        return false;
    blob_remove(c->app->files, thumbnail_key(c, uuid), &ignored);
    return true;
}

struct purging {
    int64_t id;
    struct image_file file;
    bool gone, shared;
};

/* What asked because of a result of the file's asks no more: the result goes with it. */
static bool withdraw_late(struct call *c, int64_t image_file_id)
{
    for (int64_t id = 0;;) {
        enum found found = db_find_integer(c, &id,
                                           "select k.id from diagnoses d join late_results k on k.diagnosis_id = d.id "
                                           "where d.image_file_id = ? and k.status = 'OPEN' order by k.id limit 1",
                                           V(image_file_id));
        if (found != FOUND)
            return found == NONE;
        if (!db_execute(c, "update late_results set status = 'WITHDRAWN', closed_at = ? where id = ?", V(clock_now()),
                        V(id)))
            return false;
    }
}

static bool purge_row(struct call *c, void *context)
{
    struct purging *p = context;
    int64_t others = 0, id = p->id;
    p->gone = false;
    if (!db_lock(c, "select id from image_files where id = ?", V(id)))
        return false;
    enum found found =
        db_find(c, &image_file_schema, &p->file, "where f.id = ? and f.deleted_at is not null and " STAYS("f"), V(id));
    if (found != FOUND)
        return found == NONE; /* it was restored, or another purge was faster */
    if (p->file.storage_path.at && !image_file_store(c, &p->file))
        return fail(c, E_UNAVAILABLE, "the archive that has the bytes of image file %" PRId64 " is not configured now",
                    id);
    if (p->file.storage_path.at && !blob_claim(image_file_store(c, &p->file), mark_of(c, &p->file), &c->error))
        return false;
    return db_execute(c, "update image_files set duplicate_of = null where duplicate_of = ?", V(p->file.id)) &&
           db_execute(c, "delete from upload_chunks where image_file_id = ?", V(p->file.id)) &&
           search_remove(c, "image_file_search", p->file.id) && withdraw_late(c, p->file.id) &&
           db_execute(c, "delete from image_files where id = ? and deleted_at is not null", V(p->file.id)) &&
           db_integer(c, &others, "select count(*) from image_files where sha256 = ? and storage_path = ?",
                      V(p->file.sha256), V(p->file.storage_path)) &&
           (p->shared = others > 0, p->gone = true) &&
           audit_also(c, "image_file.purge", "image_file", p->file.id, p->file.patient_id);
}

/* A move to the archive or back that was refused or cut off may have left a copy on the other side. */
static bool remove_bytes(struct call *c, const struct image_file *file)
{
    struct blob_store *other = file->is_archived ? c->app->files : c->app->archive;
    return blob_remove(image_file_store(c, file), file->storage_path, &c->error) &&
           (!other || blob_remove(other, file->storage_path, &c->error));
}

static bool purge_one(struct call *c, struct purging *p, int64_t *bytes)
{
    struct error ignored = { 0 };
    struct image_file *file = &p->file;
    if (!db_transact(c, purge_row, p))
        return false; /* in doubt or not, the bytes stay */
    if (!p->gone)
        return true;
    if (file->storage_path.at && !p->shared) {
        if (!remove_bytes(c, file))
            return false;
        *bytes += file->file_size;
    }
    blob_remove(c->app->files, thumbnail_key(c, file->file_uuid), &ignored);
    if (c->app->results && !p->shared && file->sha256.len == SHA256_TEXT)
        result_forget(c->app->results, file->sha256);
    if (file->storage_path.at)
        blob_settle(image_file_store(c, file), mark_of(c, file));
    return true;
}

/* A deleted study goes when its last file has gone; a report on it, and what else refers to it, keeps it. */
static bool purge_study(struct call *c, void *context)
{
    const int64_t *id = context;
    int64_t patient_id = 0;
    enum found found =
        db_find_locked(c, &patient_id,
                       "select patient_id from studies where id = ? and deleted_at is not null and not exists "
                       "(select 1 from trash_work w where w.study_id = studies.id) and not exists (select 1 from "
                       "reports r where r.study_id = studies.id)",
                       V(*id));
    if (found != FOUND)
        return found == NONE; /* it was restored */
    return assignment_forget(c, *id) && search_remove(c, "study_search", *id) &&
           db_execute(c, "delete from series where study_id = ?", V(*id)) &&
           db_execute(c, "delete from studies where id = ? and deleted_at is not null", V(*id)) &&
           audit_also(c, "study.purge", "study", *id, patient_id);
}

struct deleted_study {
    int64_t id;
    struct instant at;
};

/* The one after it, as they were deleted. */
static enum found next_deleted(struct call *c, struct instant before, struct deleted_study *study)
{
    struct cursor rows;
    enum found found = NONE;
    for (db_rows(c, &rows,
                 "select s.id, s.deleted_at from studies s where s.deleted_at >= ? and s.deleted_at < ? and "
                 "(s.deleted_at > ? or s.id > ?) and not exists (select 1 from trash_work w where w.study_id = s.id) "
                 "and not exists (select 1 from image_files f where f.study_id = s.id) and not exists (select 1 from "
                 "reports r where r.study_id = s.id) order by s.deleted_at, s.id limit 1",
                 V(study->at), V(before), V(study->at), V(study->id));
         cursor_next(&rows);) {
        *study = (struct deleted_study){ cursor_integer(&rows, 0), { cursor_integer(&rows, 1) } };
        found = FOUND;
    }
    return cursor_close(&rows) ? found : FAILED;
}

static bool purge_studies(struct call *c, struct instant before)
{
    struct deleted_study study = { 0 };
    enum found found;
    while ((found = next_deleted(c, before, &study)) == FOUND) {
        if (db_transact(c, purge_study, &study.id))
            continue;
        if (c->error.code != E_CONFLICT)
            return false;
        error_clear(&c->error);
    }
    return found == NONE;
}

bool purge_files(struct call *c, struct instant before, const struct purge_watch *watch, int64_t *files, int64_t *bytes)
{
    struct purging p = { 0 };
    enum found found;
    *files = *bytes = 0;
    for (bool more = true; more;)
        if (!trash_work_some(c, &more))
            return false;
    while ((found = db_find_integer(
                c, &p.id,
                "select f.id from image_files f where f.deleted_at is not null and f.deleted_at < ? and " STAYS(
                    "f") " order by f.deleted_at limit 1",
                V(before))) == FOUND) {
        if (!purge_one(c, &p, bytes))
            return false;
        *files += p.gone;
        if (watch && !watch->go_on(watch->context, *files, *bytes))
            return false;
    }
    return found == NONE && purge_studies(c, before);
}

/* ---- what was set aside ---- */

struct asides {
    struct call *c;
    struct instant before;
    bool remove;
    void (*tell)(const char *line);
    struct aside_found found;
};

static bool purge_one_aside(void *context, struct str key, int64_t size_bytes, struct instant changed)
{
    struct asides *a = context;
    struct call *c = a->c;
    bool needed;
    if (changed.us >= a->before.us)
        return true;
    if (!keeping_needs_aside(c, key, &needed) || (!needed && a->remove && !blob_remove(c->app->files, key, &c->error)))
        return false;
    const char *what = needed ? "kept, since a row needs it" : a->remove ? "removed" : "would be removed";
    a->tell(arena_cstring(&c->arena, arena_format(&c->arena, "%s: %.*s", what, STR_FMT(key))));
    a->found.kept += needed;
    a->found.files += !needed;
    a->found.bytes += needed ? 0 : size_bytes;
    db_release(c);
    call_reset(c);
    return true;
}

bool purge_aside(struct call *c, struct instant before, bool remove, void (*tell)(const char *line),
                 struct aside_found *out)
{
    struct call own; /* what it makes is let go of with each file */
    struct asides a = { &own, before, remove, tell, { 0 } };
    call_init(&own, c->app, c->db);
    own.actor = c->actor;
    bool ok = blob_walk(c->app->files, S("aside/"), purge_one_aside, &a, &own.error) && own.error.code == E_NONE;
    *out = a.found;
    if (!ok)
        c->error = own.error;
    db_release(&own);
    call_release(&own);
    return ok;
}
