/* image_file_move.c - copies, commits, removes (image_file_move.h). */
#include "records/image_file_move.h"

#include "records/file_event.h"
#include "records/keeping.h"
#include "site/turns.h"

#include <unistd.h>

struct moving {
    const struct image_file *file;
    bool to_archive;
    int64_t moved;
};

/* All rows that share the bytes move together, whatever their status: a file that is FAILED stays so. */
static bool store_move(struct call *c, void *context)
{
    struct moving *m = context;
    const struct image_file *file = m->file;
    const char *sql =
        m->to_archive
            ? "update image_files set is_archived = 1, updated_at = ?, status = case when status in ('UPLOADED', "
              "'PROCESSED') then 'ARCHIVED' else status end where sha256 = ? and storage_path = ? and is_archived = 0"
            : "update image_files set is_archived = 0, updated_at = ?, status = case when status = 'ARCHIVED' "
              "then 'UPLOADED' else status end where sha256 = ? and storage_path = ? and is_archived = 1";
    audit_about(c, file->id, file->patient_id);
    return audit_watch(c, "image_file", &image_file_schema, file->id) &&
           db_execute_counted(c, &m->moved, sql, V(clock_now()), V(file->sha256), V(file->storage_path)) &&
           (m->moved || fail(c, E_NOT_FOUND, "image file %" PRId64 " does not exist", file->id)) &&
           db_execute(c, FILE_EVENTS "where f.sha256 = ? and f.storage_path = ?", FILE_EVENTS_OF(EVENT_FILE_CHANGED),
                      V(file->sha256), V(file->storage_path)) &&
           audit_change(c);
}

/* The copy is there and durable before the rows say so, and the other is removed after they do: in a turn, so that
 * nobody brings it back between. Rows that come to share the bytes meanwhile see that they have moved
 * (keeping_hold). */
static bool move_bytes(struct call *c, const struct image_file *file, bool to_archive)
{
    struct moving moving = { file, to_archive, 0 };
    struct blob_store *target = to_archive ? c->app->archive : c->app->files;
    struct blob_store *source = to_archive ? c->app->files : c->app->archive;
    struct error ignored = { 0 };
    int64_t size;
    int fd;
    if (!image_file_open(c, file, &fd, &size))
        return false;
    db_release(c);
    bool ok = keeping_copy(c, file, fd, target);
    close(fd);
    if (!ok || !db_transact(c, store_move, &moving))
        return false;                                  /* in doubt or not, both copies stay: a row names one of them */
    blob_remove(source, file->storage_path, &ignored); /* left behind it is found by fsck */
    return true;
}

static bool may_move(struct call *c, int64_t id, bool to_archive, struct image_file *file)
{
    if (!image_file_load_to_change(c, id, false, file))
        return false;
    if (!c->app->archive)
        return fail(c, E_CONFLICT, "no archive is set up here (ARCHIVE_URL)");
    bool movable =
        to_archive ? file->status == FILE_UPLOADED || file->status == FILE_PROCESSED : file->status == FILE_ARCHIVED;
    return movable ||
           fail(c, E_CONFLICT, "a file with status %s cannot be moved there", file_statuses[file->status - 1]);
}

static bool move(struct call *c, int64_t id, bool to_archive, struct image_file *out)
{
    struct image_file file;
    struct turn turn;
    if (!may_move(c, id, to_archive, &file))
        return false;
    db_release(c);
    if (!turn_take(c->app->turns, file.storage_path, &turn)) {
        c->error.retry_after_s = 1;
        return fail(c, E_UNAVAILABLE, "the file is being moved just now");
    }
    bool ok = may_move(c, id, to_archive, &file) && move_bytes(c, &file, to_archive);
    turn_give(&turn);
    return ok && image_file_load(c, id, out);
}

bool image_file_archive(struct call *c, int64_t id, struct image_file *out)
{
    return move(c, id, true, out);
}

bool image_file_unarchive(struct call *c, int64_t id, struct image_file *out)
{
    return move(c, id, false, out);
}
