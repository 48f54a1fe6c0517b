/* allowance.c - the counters of migration 0003, compared with the settings. */
#include "app/allowance.h"

#include "app/app.h"

bool allowance_begin(struct call *c, int64_t user_id)
{
    int64_t most = c->app->config.max_uploads_under_way, under_way = 0;
    if (!db_lock_integer(c, &under_way,
                         "select coalesce(sum(files), 0) from image_file_counts where uploaded_by = ? and "
                         "status = 'UPLOADING'",
                         V(user_id)))
        return false;
    if (under_way < most)
        return true;
    c->error.retry_after_s = 60;
    return fail(c, E_TOO_MANY,
                "%" PRId64 " uploads of this account are not finished, %" PRId64 " are allowed: complete or cancel one",
                under_way, most);
}

bool allowance_bytes(struct call *c, int64_t user_id, int64_t more)
{
    int64_t most = c->app->config.account_quota_bytes, held = 0;
    if (!most)
        return true;
    if (db_find_locked(c, &held, "select bytes from image_file_totals where uploaded_by = ?", V(user_id)) == FAILED)
        return false;
    if (more <= most && held <= most - more)
        return true;
    return fail(c, E_STORAGE_FULL,
                "the files of this account have %" PRId64 " bytes, %" PRId64 " are allowed: this one has %" PRId64,
                held, most, more);
}
