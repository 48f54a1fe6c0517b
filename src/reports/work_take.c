/* work_take.c - a study is read by one at a time: who takes it, and who may begin. */
#include "reports/report_parts.h"
#include "reports/work.h"

enum { LOOKS_MAX = 200 }; /* each but the last was in vain because somebody else has taken one */

/* Whoever was first has it; *taken false: that was somebody else. Who begins a report on it changes the same row. */
static bool take(struct call *c, int64_t study_id, bool *taken)
{
    struct value me = V(call_user(c));
    struct instant now = clock_now();
    int64_t changed = 0;
    if (!db_execute_counted(
            c, &changed,
            "update worklist set holder_id = ?, held_until = ? where study_id = ? and report_id = 0 and "
            "is_live = 1 and " WORK_IS_FREE,
            me, V(now.us + REPORT_LOCK_S * INT64_C(1000000)), V(study_id), me, V(now)))
        return false;
    *taken = changed > 0;
    return !changed || db_execute(c,
                                  "update worklist set holder_id = null, held_until = null where holder_id = ? and "
                                  "study_id <> ?",
                                  me, V(study_id));
}

/* As it is now that it is taken. */
static enum found show(struct call *c, int64_t study_id, struct work_row *out)
{
    enum found found = db_find(c, &work_row_schema, out, "where q.study_id = ? and q.report_id = 0", V(study_id));
    if (found == FOUND)
        work_derive(c, out);
    return found;
}

enum found work_take(struct call *c, const struct work_wish *wish, struct work_row *out)
{
    for (int i = 0; i < LOOKS_MAX; i++) {
        bool taken = false;
        enum found found = work_next(c, wish, out);
        if (found == FOUND && out->report_id > 0)
            return work_give_back(c) ? FOUND : FAILED;
        if (found != FOUND)
            return found;
        if (!take(c, out->study_id, &taken))
            return FAILED;
        if (taken)
            return show(c, out->study_id, out);
    }
    fail(c, E_UNAVAILABLE, "too many take studies at this moment; try again");
    return FAILED;
}

bool work_give_back(struct call *c)
{
    return db_execute(c, "update worklist set holder_id = null, held_until = null where holder_id = ?",
                      V(call_user(c)));
}

/* ---- who may begin ---- */

/* Somebody who is at it. */
struct reader {
    int64_t report_id;
    struct str name, status;
    struct instant until;
};

/* Of a report that was signed, and is amended, the study has been read. */
static enum found find_author(struct call *c, int64_t study_id, struct reader *out)
{
    struct cursor rows;
    db_rows(
        c, &rows,
        "select r.id, r.status, (select u.full_name from users u where u.id = r.author_id) from reports r where "
        "r.study_id = ? and r.status in ('DRAFT', 'PRELIMINARY', 'IN_REVIEW', 'APPROVED') and r.signed_version is null "
        "and r.author_id <> ? limit 1",
        V(study_id), V(call_user(c)));
    bool found = cursor_next(&rows);
    if (found)
        *out = (struct reader){ .report_id = cursor_integer(&rows, 0),
                                .status = arena_copy(&c->arena, cursor_text(&rows, 1)),
                                .name = arena_copy(&c->arena, cursor_text(&rows, 2)) };
    return !cursor_close(&rows) ? FAILED : found ? FOUND : NONE;
}

static enum found find_holder(struct call *c, int64_t study_id, struct reader *out)
{
    struct cursor rows;
    if (!db_lock(c, "select id from worklist where study_id = ? and report_id = 0", V(study_id)))
        return FAILED;
    db_rows(c, &rows,
            "select (select u.full_name from users u where u.id = q.holder_id), q.held_until from worklist q where "
            "q.study_id = ? and q.report_id = 0 and not " WORK_IS_FREE,
            V(study_id), V(call_user(c)), V(clock_now()));
    bool found = cursor_next(&rows);
    if (found)
        *out = (struct reader){ .name = arena_copy(&c->arena, cursor_text(&rows, 0)),
                                .until.us = cursor_integer(&rows, 1) };
    return !cursor_close(&rows) ? FAILED : found ? FOUND : NONE;
}

/* Who may begin a report on a study sees all of it, and all reports. */
static bool refuse(struct call *c, const struct reader *by)
{
    static const char also[] = "say `parallel` to read it as well";
    if (!by->report_id)
        return fail(c, E_CONFLICT, "%.*s has taken this study to read, until %.*s; %s", STR_FMT(by->name),
                    STR_FMT(report_moment(&c->arena, by->until)), also);
    return fail(c, E_CONFLICT, "report %" PRId64 " on this study is under way (%.*s), by %.*s; %s", by->report_id,
                STR_FMT(by->status), STR_FMT(by->name), also);
}

bool work_may_begin(struct call *c, int64_t study_id)
{
    struct reader by;
    enum found found = find_author(c, study_id, &by);
    if (found == NONE)
        found = find_holder(c, study_id, &by);
    return found == NONE || (found == FOUND && refuse(c, &by));
}
