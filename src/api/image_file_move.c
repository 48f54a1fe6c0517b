/* image_file_move.c - files into the archive store and back, and the same action on many files at once. */
#include "web/exchange.h"
#include "records/image_file.h"
#include "records/keeping.h"
#include "records/record_lock.h"
#include "site/turns.h"
#include "base/names.h"

#include <unistd.h>

/* ---- archive ---- */

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
           (m->moved || fail(c, E_NOT_FOUND, "image file %" PRId64 " does not exist", file->id)) && audit_change(c);
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

static bool file_archive(struct call *c)
{
    const struct image_file_key *key = c->in;
    return move(c, key->file_id, true, c->out);
}

static bool file_unarchive(struct call *c)
{
    const struct image_file_key *key = c->in;
    return move(c, key->file_id, false, c->out);
}

/* ---- batch ---- */

enum batch_action { ACTION_NONE, ACTION_DELETE, ACTION_RESTORE, ACTION_ARCHIVE, ACTION_TAG };
static const char *const batch_actions[] = { "delete", "restore", "archive", "tag", NULL };
NAMES_REACH(batch_actions, ACTION_TAG);
struct file_batch {
    struct integers ids;
    unsigned action;
    struct texts tags;
};
static const struct field file_batch_fields[] = {
    FIELD(struct file_batch, ids, .flags = REQUIRED, .min = 1, .max = 1000, .doc = "The files to work on."),
    FIELD(struct file_batch, action, .flags = REQUIRED, .choices = batch_actions, .doc = "What to do with each."),
    FIELD(struct file_batch, tags, .max = 50, .doc = "With action tag: the tags the files are to have."),
};
static const struct schema file_batch = SCHEMA("ImageFileBatch", struct file_batch, file_batch_fields);

struct batch_outcome {
    int64_t id, status;
    struct str error;
};
static const struct field batch_outcome_fields[] = {
    FIELD(struct batch_outcome, id, .doc = "The file that this is about."),
    FIELD(struct batch_outcome, status, .doc = "HTTP status of this file."),
    FIELD(struct batch_outcome, error, .flags = NULLABLE, .doc = "Why it was not done."),
};
static const struct schema batch_outcome =
    SCHEMA("BatchOutcome", struct batch_outcome, batch_outcome_fields, .doc = "How one file went.");
struct batch_outcomes {
    struct list items;
};
static const struct field batch_outcomes_fields[] = {
    FIELD(struct batch_outcomes, items, .of = &batch_outcome, .doc = "How each went, in order."),
};
static const struct schema batch_outcomes = SCHEMA("BatchOutcomes", struct batch_outcomes, batch_outcomes_fields);

struct acting {
    const struct file_batch *in;
    int64_t id;
};

static bool set_tags(struct call *c, const struct image_file *file, struct texts tags)
{
    struct image_file change;
    schema_clear(&image_file_schema, &change);
    change.tags = tags;
    return db_update(c, &image_file_schema, &change, GIVEN(schema_find(&image_file_schema, S("tags"))), "where id = ?",
                     V(file->id));
}

static bool act(struct call *c, void *context)
{
    const struct acting *a = context;
    struct image_file file;
    if (!lock_file(c, a->id, 0) || !image_file_load_to_change(c, a->id, a->in->action == ACTION_RESTORE, &file))
        return false;
    audit_about(c, file.id, file.patient_id);
    bool ok = false;
    if (a->in->action == ACTION_DELETE)
        ok = image_file_delete(c, &file);
    else if (a->in->action == ACTION_RESTORE)
        ok = image_file_restore(c, &file);
    else
        ok = set_tags(c, &file, a->in->tags);
    return ok && audit_change(c);
}

static bool file_batch_post(struct call *c)
{
    const struct file_batch *in = c->in;
    struct batch_outcomes *out = c->out;
    struct batch_outcome *outcomes = arena_array(&c->arena, struct batch_outcome, in->ids.count);
    if (in->action == ACTION_ARCHIVE && !call_may(c, MAY_ARCHIVE_IMAGES))
        return fail(c, E_FORBIDDEN, "this needs the permission %s", permission_rows[MAY_ARCHIVE_IMAGES].name);
    for (ptrdiff_t i = 0; i < in->ids.count; i++) {
        struct acting acting = { in, in->ids.items[i] };
        struct image_file moved;
        bool ok = in->action == ACTION_ARCHIVE ? move(c, acting.id, true, &moved) : db_transact(c, act, &acting);
        outcomes[i] = (struct batch_outcome){ acting.id, ok ? 200 : error_row(c->error.code)->status, STR_NULL };
        if (!ok)
            outcomes[i].error = arena_copy(&c->arena, str_from(error_row(c->error.code)->message_is_public
                                                                   ? c->error.message
                                                                   : error_row(c->error.code)->title));
        error_clear(&c->error);
    }
    out->items = (struct list){ outcomes, in->ids.count };
    return true;
}

#define FILES .tag = "image-files", .entity = "image_file"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/image-files/{file_id}/archive", file_archive, &image_file_key, &image_file_schema,
      MAY_ARCHIVE_IMAGES, WORKS, FILES, .audit = "image_file.archive",
      .summary = "Moves a file's bytes to the archive store" },
    { HTTP_POST, "/api/v1/image-files/{file_id}/unarchive", file_unarchive, &image_file_key, &image_file_schema,
      MAY_ARCHIVE_IMAGES, WORKS, FILES, .audit = "image_file.unarchive",
      .summary = "Brings a file's bytes back from the archive store" },
    { HTTP_POST, "/api/v1/image-files/batch", file_batch_post, &file_batch, &batch_outcomes, MAY_READ_IMAGES, WORKS,
      BODY_JSON, 207, FILES, .audit = "image_file.batch", .summary = "Deletes, restores, archives or tags many files" },
};
ENDPOINT_TABLE(image_file_move_endpoints, rows);
