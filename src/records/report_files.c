/* report_files.c - the account that documents of reports belong to. */
#include "records/report_files.h"

#include "base/clock.h"
#include "db/db.h"
#include "records/image_file.h"
#include "records/visibility.h"

bool report_files_owner(struct call *c, int64_t *owner)
{
    *owner = 0;
    return db_find_integer(c, owner, "select user_id from report_owner where id = 1 and user_id is not null") != FAILED;
}

/* Parentheses are in no name that somebody can register, and this is no hash of any password. */
static bool make_owner(struct call *c, int64_t *owner)
{
    struct value now = V(clock_now());
    return db_execute(c,
                      "insert into users(username, email, full_name, password_hash, status, created_at, updated_at, "
                      "deleted_at) values ('(reports)', '(reports)', 'Roentgen', '!', 'DISABLED', ?, ?, ?)",
                      now, now, now) &&
           db_integer(c, owner, "select max(id) from users where username = '(reports)'") &&
           db_execute(c, "update report_owner set user_id = ? where id = 1", V(*owner));
}

static bool hold_owner(struct call *c, void *context)
{
    int64_t *owner = context;
    return db_lock(c, "select id from report_owner where id = ?", V(INT64_C(1))) && report_files_owner(c, owner) &&
           (*owner || make_owner(c, owner));
}

bool report_files_hold_owner(struct call *c, int64_t *owner)
{
    return report_files_owner(c, owner) && (*owner || db_transact(c, hold_owner, owner));
}

/* Nearly always the first finds nothing: no film has the UID of a report's document. */
bool report_files_made(struct call *c, const struct image_file *file, bool *made, int64_t *existing)
{
    int64_t study;
    enum found found = db_find_integer(
        c, &study,
        "select r.study_id from report_instances o join reports r on r.id = o.report_id where o.sop_instance_uid = ? "
        "limit 1",
        V(file->sop_instance_uid));
    *made = found == FOUND;
    *existing = 0;
    if (found != FOUND)
        return found == NONE;
    return db_find_integer(c, existing,
                           "select f.id from series x join image_files f on f.series_id = x.id where x.study_id = ? "
                           "and f.is_report = 1 and f.is_instance = 1 and f.sop_instance_uid = ? and f.sha256 = ? "
                           "and " IN_SIGHT("f"),
                           V(study), V(file->sop_instance_uid), V(file->sha256)) != FAILED;
}

bool report_files_take(struct call *c, const struct image_file *file)
{
    int64_t changed;
    if (!db_execute_counted(c, &changed,
                            "update image_files set is_report = 1, is_apart = 0, uploaded_by = ? where series_id = ? "
                            "and sop_instance_uid = ? and sha256 = ? and is_report = 0 and is_deleted = 0",
                            V(file->uploaded_by), V(file->series_id), V(file->sop_instance_uid), V(file->sha256)))
        return false;
    return !changed ||
           db_execute(c, "update series set created_by = ? where id = ?", V(file->uploaded_by), V(file->series_id));
}
