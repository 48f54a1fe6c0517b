/* work_overdue.c - what should have been signed by now is told, each once. Before that what waits follows REPORT_DUE,
 * where that is another than it was. */
#include "records/record_lock.h"
#include "reports/work.h"

enum { TOLD_AT_ONCE = 100, FOLLOW_AT_ONCE = 2000 /* studies; more in a minute */ };

struct overdue {
    int64_t told;
};
static const struct field overdue_fields[] = {
    FIELD(struct overdue, told, .doc = "How many had become overdue."),
};
static const struct schema overdue_schema = SCHEMA("ReportsOverdue", struct overdue, overdue_fields);

struct late {
    int64_t id, study_id, report_id;
    struct str state;
};
struct telling {
    struct late at[TOLD_AT_ONCE];
    int count, told;
};

static bool find_late(struct call *c, struct telling *t)
{
    struct cursor rows;
    t->count = t->told = 0;
    for (db_rows(c, &rows,
                 "select id, study_id, report_id, state from worklist where is_live = 1 and is_told = 0 and due_at < ? "
                 "order by due_at limit ?",
                 V(clock_now()), V((int64_t)TOLD_AT_ONCE));
         t->count < TOLD_AT_ONCE && cursor_next(&rows);)
        t->at[t->count++] = (struct late){ cursor_integer(&rows, 0), cursor_integer(&rows, 1), cursor_integer(&rows, 2),
                                           arena_copy(&c->arena, cursor_text(&rows, 3)) };
    return cursor_close(&rows);
}

/* Another server may be at it, too: whoever changes the row tells. */
static bool tell(struct call *c, void *context)
{
    struct telling *t = context;
    if (!find_late(c, t))
        return false;
    for (int i = 0; i < t->count; i++) {
        const struct late *late = &t->at[i];
        int64_t changed = 0;
        if (!db_execute_counted(c, &changed,
                                "update worklist set is_told = 1 where id = ? and is_told = 0 and due_at "
                                "< ?",
                                V(late->id), V(clock_now())))
            return false;
        if (!changed)
            continue;
        t->told++;
        if (!event_put(c, &(struct event){ .type = EVENT_REPORT_OVERDUE,
                                           .study_id = late->study_id,
                                           .report_id = late->report_id,
                                           .state = late->state }))
            return false;
    }
    return true;
}

static bool follow(struct call *c, void *context)
{
    int64_t study_id = *(const int64_t *)context;
    return lock_study(c, study_id, 0) && worklist_due_follows(c, study_id);
}

static bool follow_setting(struct call *c, struct job_run *run)
{
    for (int64_t i = 0, study_id; i < FOLLOW_AT_ONCE; i++) {
        enum found found = worklist_find_other_due(c, &study_id);
        if (found != FOUND)
            return found == NONE;
        if ((i % TOLD_AT_ONCE == 0 && !job_tell(run, i, 0, "studies", STR_NULL)) || !db_transact(c, follow, &study_id))
            return false;
    }
    return true;
}

static bool run(struct call *c, struct job_run *run)
{
    struct overdue *out = job_result(run);
    struct telling *t = arena_new(&c->arena, struct telling);
    out->told = 0;
    if (!follow_setting(c, run))
        return false;
    do {
        if (!job_tell(run, out->told, 0, "reports", STR_NULL) || !db_transact(c, tell, t))
            return false;
        out->told += t->told;
    } while (t->count == TOLD_AT_ONCE);
    return true;
}

const struct job_kind overdue_kind = {
    "reports.overdue", NULL,
    &overdue_schema,   run,
    .attempts = 3,     .time_limit_s = 600,
    .concurrency = 1,  .is_fleeting = true,
    .by_hand = true,   .doc = "Tells of studies that should have been read by now."
};
