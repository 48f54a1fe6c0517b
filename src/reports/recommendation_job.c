/* recommendation_job.c - what comes to pass by itself (recommendation.h): closed by a study, opened again when that is
 * gone, reminded of once. */
#include "reports/recommendation_parts.h"

#include "base/zone.h"
#include "records/record_lock.h"
#include "reports/report_parts.h"
#include "reports/report_remind.h"
#include "site/app.h"

struct followed {
    int64_t completed, reopened, reminded;
};
static const struct field followed_fields[] = {
    FIELD(struct followed, completed, .doc = "How many a study has closed."),
    FIELD(struct followed, reopened, .doc = "How many were opened again, as that study is gone or no longer does."),
    FIELD(struct followed, reminded, .doc = "Of how many that are overdue somebody was reminded."),
};
static const struct schema followed_schema = SCHEMA("RecommendationsFollowed", struct followed, followed_fields);

/* One at a time: `id` is the one that was found last, outside of the transaction that takes it, which may run again. */
struct step {
    int64_t id, study_id;
    int64_t slice_end; /* of those that are compared with studies: the last one of those that are looked through now */
    struct str day;    /* of those that are late: since when `id` is */
    bool is_found, is_last, is_taken;
};

#define OF_REPORT "join reports r on r.id = k.report_id join studies o on o.id = r.study_id"

/* ---- what matches ---- */

/* Films are one kind; who recommends an X-ray takes any. */
#define IS_MODALITY(M) \
    "(upper(" M ") = k.modality or (" IS_X_RAY_FILM("upper(" M ")") " and " IS_X_RAY_FILM( \
        "k.modality") ") or (k.modality = '" X_RAY "' and " IS_X_RAY("upper(" M ")") "))"
#define STUDY_SAYS_SO IS_MODALITY("s.modality") " and upper(s.body_part) = k.body_part"
#define SERIES_SAYS_SO \
    "exists (select 1 from series x where x.study_id = s.id and x.deleted_at is null and x.number_of_instances > 0 " \
    "and upper(coalesce(x.body_part, s.body_part)) = k.body_part and " IS_MODALITY("x.modality") ")"
#define ORDER_SAYS_SO \
    "exists (select 1 from study_orders d where d.study_id = s.id and d.procedure_code = k.procedure_code and " \
    "d.procedure_scheme = k.procedure_scheme)"
#define SAYS_SO "((" STUDY_SAYS_SO ") or " SERIES_SAYS_SO " or " ORDER_SAYS_SO ")"
#define IS_LATER \
    "(s.study_date > coalesce(o.study_date, k.written_on) or (s.study_date = o.study_date and s.study_time > " \
    "o.study_time)) and (k.not_before is null or s.study_date >= k.not_before)"
/* What makes a study `s` fit a recommendation `k` of a report on the study `o`, for whoever brought it: which it was
 * only those are told who see it. */
#define MATCHES \
    "o.is_deleted = 0 and s.is_deleted = 0 and s.conflict is null and s.id <> o.id and " IS_LATER " and " SAYS_SO \
    " and " RECOMMENDATION_HAS_IMAGES " and not exists (select 1 from recommendation_events e where " \
    "e.recommendation_id = k.id and e.kind = 'REOPENED' and e.study_id = s.id)"
#define CLOSES "k.status = 'OPEN' and " MATCHES
#define PAIRS "reports r join studies o on o.id = r.study_id join studies s on s.patient_id = o.patient_id"
/* That one is closed by it stands: what people said while it has images, what the server found while it is so. */
#define STANDS \
    "s.is_deleted = 0 and s.patient_id = o.patient_id and ((k.closed_by is not null and " RECOMMENDATION_HAS_IMAGES \
    ") or (" MATCHES "))"

/* ---- looked at again ---- */

struct standing {
    int64_t report_id, study_id;
    bool is_looked_at, stands, rests; /* rests: the reported study is deleted, or the report is no more */
};

static bool read_standing(struct call *c, int64_t id, struct standing *out)
{
    struct cursor rows;
    *out = (struct standing){ 0 };
    db_rows(c, &rows,
            "select k.report_id, r.study_id, case when k.look_again = 1 and k.status = 'COMPLETED' then 1 else 0 end, "
            "case when exists (select 1 from studies s where s.id = k.completed_study_id and " STANDS
            ") then 1 else 0 end, case when o.is_deleted = 1 or r.status in ('CANCELLED', "
            "'ENTERED_IN_ERROR') then 1 else 0 end from recommendations k " OF_REPORT " where k.id = ?",
            V(id));
    if (cursor_next(&rows))
        *out = (struct standing){ cursor_integer(&rows, 0), cursor_integer(&rows, 1), cursor_integer(&rows, 2),
                                  cursor_integer(&rows, 3), cursor_integer(&rows, 4) };
    return cursor_close(&rows);
}

static bool find_changed(struct call *c, struct step *step)
{
    enum found found = db_find_integer(
        c, &step->id, "select id from recommendations where look_again = 1 and id > ? order by id limit 1",
        V(step->id));
    step->is_found = found == FOUND;
    step->is_last = found == NONE;
    return found != FAILED;
}

/* Whoever changes such a study or its files changes this row, too (by triggers), which waits; the report is held as its
 * study is. */
static bool look_again(struct call *c, void *context)
{
    struct step *step = context;
    struct standing at;
    int64_t id = step->id, report_id = 0;
    step->is_taken = false;
    if (!db_integer(c, &report_id, "select report_id from recommendations where id = ?", V(id)) ||
        !report_hold_study(c, report_id) || !db_lock(c, RECOMMENDATION_LOCK_SQL, V(id)) || !read_standing(c, id, &at))
        return false;
    if (!at.is_looked_at || at.stands || at.rests)
        return db_execute(c, "update recommendations set look_again = 0 where id = ?", V(id));
    step->is_taken = true;
    return db_execute(c,
                      "update recommendations set status = 'OPEN', remind_after = due_on, reminded_at = null, "
                      "completed_study_id = null, look_again = 0, closed_by = null, closed_at = null, note = null "
                      "where id = ?",
                      V(id)) &&
           recommendation_put_event(c, &(struct recommendation_news){
                                           .id = id,
                                           .report_id = at.report_id,
                                           .study_id = at.study_id,
                                           .kind = RECOMMENDATION_IS_REOPENED,
                                           .text = S("the study that had closed it is gone, or no longer does") });
}

/* ---- closed ---- */

/* So many are compared by one statement: what comes each minute keeps nobody waiting, and is cancelled between two. */
enum { SLICE = 2000 };

static bool begin_slice(struct call *c, struct step *step)
{
    int64_t end = 0;
    if (!db_integer(
            c, &end,
            "select coalesce(max(t.id), 0) from (select k.id from recommendations k where k.status = 'OPEN' and "
            "k.id > ? order by k.id limit ?) t",
            V(step->slice_end), V((int64_t)SLICE)))
        return false;
    step->id = step->slice_end;
    step->slice_end = end;
    step->is_last = !end;
    return true;
}

/* What is said in words alone is for people. Of several studies the one that came first. */
static bool find_match(struct call *c, struct step *step)
{
    if (step->id == step->slice_end && !begin_slice(c, step))
        return false;
    if (step->is_last)
        return true;
    enum found found = db_find_integer(c, &step->id,
                                       "select k.id from recommendations k where k.status = 'OPEN' and k.id > ? and "
                                       "k.id <= ? and (k.modality is not null or k.procedure_code is not null) and "
                                       "exists (select 1 from " PAIRS " where r.id = k.report_id and " CLOSES
                                       ") order by k.id limit 1",
                                       V(step->id), V(step->slice_end));
    step->is_found = found == FOUND;
    if (found == NONE)
        step->id = step->slice_end;
    return found == FOUND ? db_integer(c, &step->study_id,
                                       "select min(s.id) from " PAIRS
                                       " join recommendations k on k.report_id = r.id where k.id = ? and " CLOSES,
                                       V(step->id))
                          : found == NONE;
}

/* With the patient and the study held that it is, it is asked once more. */
static bool complete(struct call *c, void *context)
{
    struct step *step = context;
    struct standing at;
    int64_t count = 0;
    step->is_taken = false;
    if (!lock_study(c, step->study_id, 0) || !db_lock(c, RECOMMENDATION_LOCK_SQL, V(step->id)) ||
        !db_integer(c, &count,
                    "select count(*) from " PAIRS
                    " join recommendations k on k.report_id = r.id where k.id = ? and s.id = ? and " CLOSES,
                    V(step->id), V(step->study_id)))
        return false;
    if (!count)
        return true;
    step->is_taken = true;
    return read_standing(c, step->id, &at) &&
           db_execute(c,
                      "update recommendations set status = 'COMPLETED', remind_after = null, completed_study_id = ?, "
                      "closed_at = ? where id = ?",
                      V(step->study_id), V(clock_now()), V(step->id)) &&
           recommendation_put_event(c, &(struct recommendation_news){ .id = step->id,
                                                                      .report_id = at.report_id,
                                                                      .study_id = at.study_id,
                                                                      .kind = RECOMMENDATION_IS_COMPLETED,
                                                                      .about_study = step->study_id });
}

/* ---- reminded ---- */

struct late {
    int64_t id, report_id, study_id;
    struct str due_on;
    int64_t recommended_by;
};

static struct str body_of(struct call *c, const struct late *late)
{
    return arena_format(&c->arena,
                        "What report %" PRId64 " recommends (recommendation %" PRId64
                        ") was to be done by %.*s, and is not known to have been.\r\nServer: %.*s\r\n\r\n"
                        "报告 %" PRId64 " 的随访建议 %" PRId64 " 已过期限，尚无完成记录。\r\n",
                        late->report_id, late->id, STR_FMT(late->due_on), STR_FMT(c->app->config.public_url),
                        late->report_id, late->id);
}

static bool mail(struct call *c, const struct late *late, int *mailed)
{
    return report_remind(c,
                         &(struct report_reminder){ .user_id = late->recommended_by,
                                                    .report_id = late->report_id,
                                                    .desk = c->app->config.follow_up_mail,
                                                    .desk_setting = "FOLLOW_UP_MAIL",
                                                    .subject = S("Roentgen: follow-up overdue / 随访逾期"),
                                                    .body = body_of(c, late) },
                         mailed);
}

/* NONE: somebody else has been faster, or it rests. */
static enum found read_late(struct call *c, int64_t id, struct value today, struct late *out)
{
    struct cursor rows;
    db_rows(c, &rows,
            "select k.id, k.report_id, r.study_id, k.due_on, k.recommended_by from recommendations k " OF_REPORT
            " where k.id = ? and k.status = 'OPEN' and k.remind_after < ? and o.is_deleted = 0",
            V(id), today);
    bool is_there = cursor_next(&rows);
    if (is_there)
        *out = (struct late){ cursor_integer(&rows, 0), cursor_integer(&rows, 1), cursor_integer(&rows, 2),
                              arena_copy(&c->arena, cursor_text(&rows, 3)), cursor_integer(&rows, 4) };
    return !cursor_close(&rows) ? FAILED : is_there ? FOUND : NONE;
}

/* The longest late first, but what a study is there for: that is closed, not reminded of. The plus keeps the index of
 * what is late, which is short, in use. */
static bool find_late(struct call *c, struct step *step)
{
    struct cursor rows;
    db_rows(
        c, &rows,
        "select k.id, k.remind_after from recommendations k where +k.status = 'OPEN' and k.remind_after < ? and "
        "k.remind_after >= ? and (k.remind_after > ? or k.id > ?) and exists (select 1 from reports r join studies "
        "o on o.id = r.study_id where r.id = k.report_id and o.is_deleted = 0) = 1 and not exists (select 1 from " PAIRS
        " where r.id = k.report_id and " CLOSES ") order by k.remind_after, k.id limit 1",
        recommendation_day(c, zone_today()), V(step->day), V(step->day), V(step->id));
    step->is_found = cursor_next(&rows);
    step->is_last = !step->is_found;
    if (step->is_found) {
        step->id = cursor_integer(&rows, 0);
        step->day = arena_copy(&c->arena, cursor_text(&rows, 1));
    }
    return cursor_close(&rows);
}

static bool remind(struct call *c, void *context)
{
    struct step *step = context;
    struct late late;
    int64_t id = step->id;
    int mailed = 0;
    enum found found = NONE;
    step->is_taken = false;
    if (!db_lock(c, RECOMMENDATION_LOCK_SQL, V(id)) ||
        (found = read_late(c, id, recommendation_day(c, zone_today()), &late)) == FAILED)
        return false;
    if (found == NONE)
        return true;
    step->is_taken = true;
    return db_execute(c, "update recommendations set remind_after = null, reminded_at = ? where id = ?", V(clock_now()),
                      V(id)) &&
           mail(c, &late, &mailed) &&
           recommendation_put_event(
               c, &(struct recommendation_news){ .id = id,
                                                 .report_id = late.report_id,
                                                 .study_id = late.study_id,
                                                 .kind = RECOMMENDATION_IS_OVERDUE,
                                                 .text = arena_format(&c->arena, "mailed to %d", mailed) });
}

/* ---- the job ---- */

/* All of one kind, one transaction each. */
static bool take_all(struct call *c, struct job_run *run, bool (*find)(struct call *c, struct step *step),
                     bool (*take)(struct call *c, void *context), int64_t *count)
{
    struct step step = { .day = S("") };
    for (*count = 0;;) {
        step.is_found = step.is_taken = false;
        if (!job_tell(run, *count, 0, "recommendations", STR_NULL) || !find(c, &step))
            return false;
        if (step.is_last)
            return true;
        if (step.is_found && !db_transact(c, take, &step))
            return false;
        *count += step.is_taken;
    }
}

/* Reminding comes first: whatever becomes of the others, somebody hears of what is late. */
static bool follow_up(struct call *c, struct job_run *run)
{
    struct followed *out = job_result(run);
    return take_all(c, run, find_late, remind, &out->reminded) &&
           take_all(c, run, find_changed, look_again, &out->reopened) &&
           take_all(c, run, find_match, complete, &out->completed);
}

const struct job_kind follow_up_kind = {
    "reports.follow_up", NULL,
    &followed_schema,    follow_up,
    .attempts = 3,       .time_limit_s = 600,
    .concurrency = 1,    .is_fleeting = true,
    .by_hand = true,     .doc = "Closes recommendations whose study has come, and reminds of those that are overdue."
};
