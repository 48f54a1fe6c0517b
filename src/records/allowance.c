/* allowance.c - the counters of migration 0003, compared with the settings. */
#include "records/allowance.h"

#include "site/app.h"

/* The account's row of the totals, which its first file would make, is there and locked: where there was none,
 * nothing would hold the uploads of one moment apart. */
static bool lock_totals(struct call *c, int64_t user_id, int64_t *bytes)
{
    const char *find = "select bytes from image_file_totals where uploaded_by = ?";
    enum found found = db_find_locked(c, bytes, find, V(user_id));
    if (found != NONE || db_is_local(c->db))
        return found != FAILED;
    return db_execute(c, "insert ignore into image_file_totals(uploaded_by, files, bytes) values (?, 0, 0)",
                      V(user_id)) &&
           db_find_locked(c, bytes, find, V(user_id)) != FAILED;
}

bool allowance_begin(struct call *c, int64_t user_id)
{
    int64_t most = c->app->config.max_uploads_under_way, under_way = 0, bytes = 0;
    if (!lock_totals(c, user_id, &bytes))
        return false;
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
    if (!lock_totals(c, user_id, &held))
        return false;
    if (!more || (more <= most && held <= most - more))
        return true;
    return fail(c, E_STORAGE_FULL,
                "the files of this account have %" PRId64 " bytes, %" PRId64 " are allowed: this one has %" PRId64,
                held, most, more);
}
