/* image_state.c - FAILED because of what is in the file, and back. */
#include "imaging/image_state.h"

#include "site/app.h"
#include "records/file_event.h"
#include "records/record_lock.h"
#include "base/log.h"

#define REASON "its picture cannot be decoded: "

struct outcome {
    const struct image_file *file;
    struct str reason;
};

static bool write_reason(struct call *c, void *context)
{
    const struct outcome *outcome = context;
    return lock_file(c, outcome->file->id, 0) &&
           db_execute(c,
                      "update image_files set status = 'FAILED', status_reason = ?, updated_at = ? where id = ? and "
                      "status = 'UPLOADED'",
                      V(outcome->reason), V(clock_now()), V(outcome->file->id)) &&
           db_execute(c, FILE_EVENTS "where f.id = ? and f.status = 'FAILED'", FILE_EVENTS_OF(EVENT_FILE_CHANGED),
                      V(outcome->file->id));
}

bool image_undecodable(struct call *c, const struct image_file *file, struct str why)
{
    struct outcome outcome = { file, arena_format(&c->arena, REASON "%.*s", STR_FMT(why)) };
    return db_transact_aside(c, write_reason, &outcome);
}

/* Raster files never fail otherwise. The second is how decoders' trouble was told before it was
 * known from damage. */
static bool is_of_decoding(const struct image_file *file)
{
    return file->file_type != FILE_DICOM || str_starts(file->status_reason, S(REASON)) ||
           str_starts(file->status_reason, S("the decoder gave up on "));
}

static bool clear_reason(struct call *c, void *context)
{
    const struct image_file *file = context;
    return db_execute(
               c,
               "update image_files set status = 'UPLOADED', status_reason = null, updated_at = ? where id = ? and "
               "status = 'FAILED' and status_reason = ? and deleted_at is null",
               V(clock_now()), V(file->id), V(file->status_reason)) &&
           db_execute(c, FILE_EVENTS "where f.id = ? and f.status = 'UPLOADED'", FILE_EVENTS_OF(EVENT_FILE_CHANGED),
                      V(file->id));
}

void image_decoded(struct call *c, const struct image_file *file)
{
    struct image_file failed = *file;
    if (file->status != FILE_FAILED || !is_of_decoding(file))
        return;
    if (!db_transact(c, clear_reason, &failed))
        log_write(c->app->log, LOG_ERROR, call_request_id(c), "picture.not_mended",
                  "image file %" PRId64 " is decoded well, but stays FAILED: %s", file->id, c->error.message);
    error_clear(&c->error);
    db_release(c);
}
