/* critical_escalate.c - what happens when nobody was told in time: each step once (critical.h). */
#include "reports/critical_parts.h"

#include "reports/report_remind.h"
#include "site/app.h"

struct escalated {
    int64_t steps;
};
static const struct field escalated_fields[] = {
    FIELD(struct escalated, steps, .doc = "How many steps were taken."),
};
static const struct schema escalated_schema = SCHEMA("CriticalEscalated", struct escalated, escalated_fields);

struct step {
    bool is_last, is_taken;
};

/* Nothing of the patient: mail is read by more than it is sent to. */
static struct str body_of(struct call *c, const struct critical_result *k)
{
    return arena_format(&c->arena,
                        "Nobody is known to have been told of critical result %" PRId64 " (report %" PRId64
                        ") by %.*s.\r\nServer: %.*s\r\n\r\n"
                        "危急值 %" PRId64 "（报告 %" PRId64 "）已超过通知时限，尚无通知记录。\r\n",
                        k->id, k->report_id, STR_FMT(instant_format(k->due_at, &c->arena)),
                        STR_FMT(c->app->config.public_url), k->id, k->report_id);
}

static bool mail(struct call *c, const struct critical_result *k, int64_t step, int *mailed)
{
    return report_remind(
        c,
        &(struct report_reminder){ .user_id = k->marked_by,
                                   .report_id = k->report_id,
                                   .desk = step == CRITICAL_STEPS ? c->app->config.critical_result_mail : STR_NULL,
                                   .desk_setting = "CRITICAL_RESULT_MAIL",
                                   .subject = S("Roentgen: critical result overdue / 危急值逾期"),
                                   .body = body_of(c, k) },
        mailed);
}

/* What the event says of it. */
static bool put_event(struct call *c, const struct critical_result *k, int64_t step, int mailed, struct instant now)
{
    return critical_put_event(c, k, CRITICAL_IS_ESCALATED, step, arena_format(&c->arena, "mailed to %d", mailed), now);
}

/* The longest overdue, unless somebody was faster with it. */
static bool take_step(struct call *c, void *context)
{
    struct step *step = context;
    struct critical_result k;
    struct instant now;
    int64_t id = 0, at_us = 0;
    *step = (struct step){ false };
    if (!db_clock(c, &now))
        return false;
    enum found found = db_find_integer(
        c, &id, "select id from critical_results where next_step_at <= ? order by next_step_at, id limit 1", V(now));
    step->is_last = found == NONE;
    if (found != FOUND)
        return found == NONE;
    if (!db_lock_integer(c, &at_us, CRITICAL_LOCK_SQL, V(id)))
        return false;
    if (!at_us || at_us > now.us)
        return true;
    if (!db_get(c, &critical_result_schema, &k, "where k.id = ?", V(id)))
        return false;
    step->is_taken = true;
    int mailed = 0;
    int64_t next =
        k.steps + 1 < CRITICAL_STEPS ? k.due_at.us + (k.steps + 1) * critical_limit_us(c, k.category) : INTEGER_NULL;
    return db_execute(c, "update critical_results set steps = steps + 1, next_step_at = ? where id = ?", V(next),
                      V(id)) &&
           mail(c, &k, k.steps + 1, &mailed) && put_event(c, &k, k.steps + 1, mailed, now);
}

static bool escalate(struct call *c, struct job_run *run)
{
    struct escalated *out = job_result(run);
    struct step step = { false };
    for (out->steps = 0; !step.is_last;) {
        if (!job_tell(run, out->steps, 0, "steps", STR_NULL) || !db_transact(c, take_step, &step))
            return false;
        out->steps += step.is_taken;
    }
    return true;
}

const struct job_kind critical_escalate_kind = {
    "critical.escalate", NULL,
    &escalated_schema,   escalate,
    .attempts = 3,       .time_limit_s = 600,
    .concurrency = 1,    .by_hand = true,
    .is_fleeting = true, .doc = "Tells of critical results whose time has run out."
};
