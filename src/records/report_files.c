/* report_files.c - the account that documents of reports belong to. */
#include "records/report_files.h"

#include "base/clock.h"
#include "db/db.h"

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
