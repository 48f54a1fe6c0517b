/* report_act.c - what becomes of a report, by the table of transitions. */
#include "reports/report_parts.h"

#include "records/record_lock.h"
#include "reports/late_result.h"
#include "reports/recommendation.h"
#include "reports/report_dicom.h"
#include "reports/report_find.h"
#include "reports/report_hl7.h"
#include "site/app.h"

static bool second_reader(const struct call *c)
{
    return c->app->config.report_second_reader;
}

/* Has the caller written or submitted it, so that somebody else has to look? */
static bool is_own(const struct call *c, const struct report *report)
{
    return report->author_id == call_user(c) || report->submitted_by == call_user(c);
}

static bool has_right(const struct call *c, const struct report *report, const struct transition *t)
{
    return call_may(c, t->permission) || (t->rules & BY_AUTHOR && report_is_author(c, report));
}

static bool is_by_another(const struct call *c, const struct report *report, const struct transition *t)
{
    return !(t->rules & BY_ANOTHER) || !second_reader(c) || !is_own(c, report);
}

/* Of what somebody has taken for review, they alone approve. */
static bool is_taken(const struct call *c, const struct report *report, const struct transition *t)
{
    return t->action == REPORT_APPROVE && report->status == REPORT_IN_REVIEW && report->reviewer_id != call_user(c);
}

struct texts report_actions_of(struct call *c, const struct report *report)
{
    struct str *names = arena_alloc(&c->arena, REPORT_ACTIONS * (ptrdiff_t)sizeof(*names));
    struct texts out = { names, 0 };
    for (unsigned action = 1; action <= REPORT_ACTIONS; action++) {
        const struct transition *t =
            report_transition((enum report_action)action, (enum report_status)report->status, second_reader(c));
        if (t && has_right(c, report, t) && is_by_another(c, report, t) && !is_taken(c, report, t))
            names[out.count++] = choice_text(report_actions, action);
    }
    return out;
}

static bool refuse(struct call *c, const struct report *report, unsigned action)
{
    struct text may;
    text_init(&may, 400);
    for (unsigned other = 1; other <= REPORT_ACTIONS; other++)
        if (report_transition((enum report_action)other, (enum report_status)report->status, second_reader(c))) {
            text_put(&may, may.len ? S(", ") : STR_NULL);
            text_put(&may, choice_text(report_actions, other));
        }
    fail(c, E_CONFLICT, "a report that is %s does not take %s; it takes %.*s", report_statuses[report->status - 1],
         report_actions[action - 1], STR_FMT(may.len ? text_str(&may) : S("nothing more")));
    text_release(&may);
    return false;
}

static bool check(struct call *c, const struct report_deed *deed, const struct report *report,
                  const struct transition *t)
{
    if (!has_right(c, report, t))
        return fail(c, E_FORBIDDEN, "this needs the permission %s", permission_rows[t->permission].name);
    if (!is_by_another(c, report, t))
        return fail(c, E_FORBIDDEN, "somebody else than its author has to do this");
    if (is_taken(c, report, t))
        return fail(c, E_CONFLICT, "%.*s has taken it for review", STR_FMT(report->reviewer_name));
    if (t->rules & NEEDS_REASON && !deed->reason.len)
        return error_add_problem(&c->error, &c->arena, "body", S("reason"), "missing", "say why");
    /* What nobody else has looked at is signed by who wrote it, or says that they have read it. */
    bool has_read =
        (deed->base == INTEGER_NULL && !(t->rules & WITHOUT_REVIEW)) || report_is_current(c, report, deed->base);
    return has_read &&
           (!(t->rules & NEEDS_SECTIONS) || (content_is_complete(c, &report->content) && report_rests(c, report)));
}

/* Which columns tell of it, beside status and reason. */
static bool note(struct call *c, const struct report *report, const struct transition *t)
{
    static const char *const sql[REPORT_ACTIONS + 1] = {
        [REPORT_SUBMIT] = "update reports set submitted_by = ?, submitted_at = ?, reviewer_id = null where id = ?",
        [REPORT_REVIEW] = "update reports set reviewer_id = ?, updated_at = ? where id = ?",
        [REPORT_APPROVE] = "update reports set reviewer_id = ?, approved_at = ? where id = ?",
    };
    return !sql[t->action] || db_execute(c, sql[t->action], V(call_user(c)), V(clock_now()), V(report->id));
}

static bool set_status(struct call *c, const struct report *report, enum report_status to, struct str reason)
{
    return db_execute(
        c,
        "update reports set status = ?, status_reason = ?, version = ?, updated_at = ?, editor_id = null, "
        "editing_until = null where id = ?",
        V(choice_text(report_statuses, to)), V(reason), V(report->version), V(clock_now()), V(report->id));
}

/* A version more that follows the signed one; whoever begins it is its author, but of words that are only added to. */
static bool begin_version(struct call *c, const struct report_deed *deed, struct report *report)
{
    struct report_content content;
    bool adds = deed->action == REPORT_ADDEND;
    if (adds && !deed->content.addendum.len)
        return error_add_problem(&c->error, &c->arena, "body", S("addendum"), "missing", "say what is added");
    if (!content_merge(c, &report->content, &deed->content, &content))
        return false;
    report->kind = adds ? REPORT_ADDENDUM : REPORT_AMENDMENT;
    report->replaces = report->signed_version;
    report->author_id = call_user(c);
    return report_put_version(c, report, &content, deed->reason) &&
           db_execute(c,
                      "update reports set author_id = ?, submitted_by = null, reviewer_id = null, submitted_at = null, "
                      "approved_at = null where id = ?",
                      V(call_user(c)), V(report->id));
}

#define AS_IT_WAS_SIGNED \
    "submitted_by = " REPORT_STEP( \
        "reports", "user_id", "submit") ", " \
                                        "submitted_at = " REPORT_STEP( \
                                            "reports", "at", "submit") ", " \
                                                                       "reviewer_id = " REPORT_STEP( \
                                                                           "reports", "user_id", \
                                                                           "approve") ", " \
                                                                                      "approved_at = " REPORT_STEP( \
                                                                                          "reports", "at", "approve")

/* What was under way above a signed version is given up: the report is again what was signed. Its versions stay. */
static bool fall_back(struct call *c, struct report *report)
{
    report->version = report->signed_version;
    return db_execute(c,
                      "update report_versions set status = 'CANCELLED' where report_id = ? and version > ? and status "
                      "= 'DRAFT'",
                      V(report->id), V(report->version)) &&
           db_execute(c,
                      "update reports set author_id = (select v.author_id from report_versions v where v.report_id = "
                      "reports.id and v.version = ?), " AS_IT_WAS_SIGNED " where id = ?",
                      V(report->version), V(report->id));
}

/* From here on it never changes. */
static bool sign(struct call *c, const struct report_deed *deed, const struct report *report, enum report_status *to)
{
    *to = report->kind == REPORT_AMENDMENT  ? REPORT_AMENDED
          : report->kind == REPORT_ADDENDUM ? REPORT_APPENDED
                                            : REPORT_FINAL;
    struct str status = choice_text(report_statuses, *to);
    struct instant now;
    return report_put_signature(c, report, deed->meaning, &now) &&
           db_execute(c,
                      "update reports set arrived_at = (select s.arrived_at from studies s where s.id = "
                      "reports.study_id), due_at = (select w.due_at from worklist w where w.study_id = "
                      "reports.study_id and w.report_id = reports.id) where id = ? and signed_version is null",
                      V(report->id)) &&
           db_execute(c, "update report_versions set status = ? where report_id = ? and version = ?", V(status),
                      V(report->id), V(report->version)) &&
           db_execute(c,
                      "update reports set signed_version = version, signed_status = ?, signer_id = ?, signed_at = ?, "
                      "author_id = (select v.author_id from report_versions v where v.report_id = reports.id and "
                      "v.version = reports.version) where id = ?",
                      V(status), V(call_user(c)), V(now), V(report->id));
}

bool report_hold_study(struct call *c, int64_t id)
{
    int64_t study = 0;
    enum found found = db_find_integer(c, &study, "select study_id from reports where id = ?", V(id));
    return found == NONE || (found == FOUND && lock_study(c, study, 0));
}

bool report_hold_with_study(struct call *c, int64_t id)
{
    return report_hold_study(c, id) && db_lock(c, "select id from reports where id = ?", V(id));
}

bool report_hold_of(struct call *c, const char *report_of_row, int64_t id)
{
    int64_t report_id = 0;
    enum found found = db_find_integer(c, &report_id, report_of_row, V(id));
    return found == NONE || (found == FOUND && report_hold_with_study(c, report_id));
}

bool report_act(struct call *c, const struct report_deed *deed, struct report *out)
{
    if (!report_hold_study(c, deed->id) || !report_hold(c, deed->id, out))
        return false;
    const struct transition *t =
        report_transition((enum report_action)deed->action, (enum report_status)out->status, second_reader(c));
    if (!t)
        return refuse(c, out, deed->action);
    enum report_status to = t->to;
    struct report before = *out;
    if (!check(c, deed, out, t) || !note(c, out, t))
        return false;
    if (t->rules & NEW_VERSION && !begin_version(c, deed, out))
        return false;
    if (t->rules & SIGNS && !sign(c, deed, out, &to))
        return false;
    if (deed->action == REPORT_CANCEL && out->signed_version > 0) {
        if (!fall_back(c, out))
            return false;
        to = (enum report_status)out->signed_status;
    }
    bool falls_back = deed->action == REPORT_CANCEL && out->signed_version > 0; /* that it was, its steps say */
    bool is_sent = t->rules & SIGNS || deed->action == REPORT_MARK_IN_ERROR;
    return set_status(c, out, to, falls_back ? STR_NULL : deed->reason) &&
           report_put_step(c, &before, deed->action, to, deed->reason) && late_results_follow(c, out, deed) &&
           report_keep_on_list(c, out->id) && report_index(c, out->id) && recommendation_follow(c, out, t->action) &&
           report_tell(c, out, to) &&
           (!(STATUS_BIT(to) & (REPORT_SIGNED_BITS | STATUS_BIT(REPORT_ENTERED_IN_ERROR))) ||
            report_dicom_ask(c, deed->id)) &&
           (!is_sent || report_send_put(c, out, to)) && report_load(c, deed->id, out);
}
