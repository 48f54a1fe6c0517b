/* report_files.c - the account that documents of reports belong to. */
#include "records/report_files.h"

#include "base/clock.h"
#include "db/db.h"
#include "records/image_file.h"
#include "records/visibility.h"

/* No words of a version: when the document is deleted none of these takes its place (filing_instance.c). */
#define NOT_THE_DOCUMENT "it came before this server filed the document of the report that its UID names, and is not it"

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

/* The one with the very bytes. */
static bool find_existing(struct call *c, const struct image_file *file, int64_t study, int64_t by,
                          struct report_file *out)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select f.id, f.patient_id, f.study_id, case when " VISIBLE_FILE
            " then 1 else 0 end from series x join image_files f on f.series_id = x.id where x.study_id = ? and "
            "f.is_report = 1 and f.is_instance = 1 and f.sop_instance_uid = ? and f.sha256 = ? and " IN_SIGHT("f"),
            VISIBLE_FILE_TO_USER(c, by), V(study), V(file->sop_instance_uid), V(file->sha256));
    if (cursor_next(&rows)) {
        out->existing = cursor_integer(&rows, 0);
        out->patient_id = cursor_integer(&rows, 1);
        out->study_id = cursor_integer(&rows, 2);
        out->is_seen = cursor_integer(&rows, 3) != 0;
    }
    return cursor_close(&rows);
}

/* Nearly always the first finds nothing: no film has the UID of a report's document. */
bool report_files_made(struct call *c, const struct image_file *file, int64_t by, struct report_file *out)
{
    int64_t study;
    *out = (struct report_file){ 0 };
    enum found found = db_find_integer(
        c, &study,
        "select r.study_id from report_instances o join reports r on r.id = o.report_id where o.sop_instance_uid = ? "
        "limit 1",
        V(file->sop_instance_uid));
    out->is_made = found == FOUND;
    return found == FOUND ? find_existing(c, file, study, by, out) : found == NONE;
}

bool report_files_take(struct call *c, const struct image_file *file, int64_t existing)
{
    return db_execute(c,
                      "update image_files set is_instance = 0, is_apart = 0, is_report = 1, uploaded_by = ?, "
                      "status_reason = coalesce(status_reason, ?) where series_id = ? and sop_instance_uid = ? and "
                      "id <> ?",
                      V(file->uploaded_by), V(S(NOT_THE_DOCUMENT)), V(file->series_id), V(file->sop_instance_uid),
                      V(existing)) &&
           (!existing || db_execute(c,
                                    "update image_files set is_instance = 1, is_apart = 0, is_report = 1, "
                                    "uploaded_by = ?, status_reason = null where id = ?",
                                    V(file->uploaded_by), V(existing))) &&
           db_execute(c, "update series set created_by = ? where id = ? and created_by <> ?", V(file->uploaded_by),
                      V(file->series_id), V(file->uploaded_by));
}
