/* recommendation_act.c - see recommendation.h: written, closed and opened again by people, and by what becomes of the
 * report. */
#include "reports/recommendation_parts.h"

#include "base/zone.h"
#include "records/modality.h"
#include "records/record_lock.h"
#include "records/study.h"
#include "reports/report_parts.h"

static bool problem(struct call *c, const char *member, const char *type, const char *words)
{
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, "%s", words);
}

/* ---- written ---- */

/* (0018,0015) is a code string: PS3.5 6.2. */
static bool take_body_part(struct call *c, struct str *code)
{
    char *upper = arena_alloc(&c->arena, code->len + 1);
    for (ptrdiff_t i = 0; i < code->len; i++) {
        char at = code->at[i];
        upper[i] = at >= 'a' && at <= 'z' ? (char)(at - 'a' + 'A') : at;
        if (!((upper[i] >= 'A' && upper[i] <= 'Z') || (at >= '0' && at <= '9') || at == ' ' || at == '_'))
            return problem(
                c, "body_part", "not_a_body_part",
                "must be a body part of DICOM (PS3.16 annex L), such as CHEST: letters, digits, underscores");
    }
    code->at = code->len ? upper : code->at;
    return true;
}

/* The schemes that are registered for what is used here (PS3.16 8), a house's own (99..., HL7's L). */
static bool is_scheme(struct str scheme)
{
    static const char *const names[] = { "SCT", "SRT", "LN", "DCM", "RADLEX", "RPID", "I10", "I10P", "I11", "C4", "L" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_equal(scheme, str_from(names[i])))
            return true;
    return str_starts(scheme, S("99"));
}

static void check_code(struct call *c, struct str code, struct str scheme, const char *code_name,
                       const char *scheme_name)
{
    if (code.len && !scheme.len)
        (void)problem(c, scheme_name, "missing", "say of which coding scheme the code is");
    if (scheme.len && !code.len)
        (void)problem(c, code_name, "missing", "say the code");
    if (scheme.len && !is_scheme(scheme))
        (void)problem(c, scheme_name, "not_a_scheme",
                      "must be SCT, SRT, LN, DCM, RADLEX, RPID, I10, I10P, I11, C4, L, or begin with 99");
    for (ptrdiff_t i = 0; i < code.len; i++)
        if (code.at[i] <= ' ' || code.at[i] > '~') {
            (void)problem(c, code_name, "not_a_code", "must be printable ASCII without spaces");
            return;
        }
}

static void check_what(struct call *c, struct recommendation *row)
{
    (void)modality_take(c, "body", &row->modality);
    (void)take_body_part(c, &row->body_part);
    if (row->modality.len && modality_is_auxiliary(row->modality))
        (void)problem(c, "modality", "makes_no_pictures", "must be one that makes pictures");
    if (row->modality.len && !row->body_part.len)
        (void)problem(c, "body_part", "missing", "say of which part of the body");
    if (row->body_part.len && !row->modality.len)
        (void)problem(c, "modality", "missing", "say by which modality");
    if (!row->modality.len && !row->body_part.len && !row->procedure_code.len && !row->procedure_text.len)
        (void)problem(c, "modality", "missing", "say what: modality and body_part, or a procedure");
    check_code(c, row->procedure_code, row->procedure_scheme, "procedure_code", "procedure_scheme");
    check_code(c, row->reason_code, row->reason_scheme, "reason_code", "reason_scheme");
}

static void check_due(struct call *c, struct date due_on)
{
    struct date today = zone_today();
    if (due_on.days < today.days)
        (void)problem(c, "due_on", "in_the_past", "is over already");
    if (due_on.days > today.days + RECOMMENDATION_YEARS_MAX * 366)
        (void)error_add_problem(&c->error, &c->arena, "body", S("due_on"), "too_late", "is further away than %d years",
                                RECOMMENDATION_YEARS_MAX);
}

static void check_when(struct call *c, const struct recommendation *row, const struct report *report)
{
    check_due(c, row->due_on);
    if (date_is_null(row->not_before))
        return;
    if (row->not_before.days > row->due_on.days)
        (void)problem(c, "not_before", "too_late", "must not be after due_on");
    if (!date_is_null(report->study_date) && row->not_before.days < report->study_date.days)
        (void)problem(c, "not_before", "too_early", "must not be before the study that is reported");
}

static bool may_write(struct call *c, const struct report *report)
{
    int64_t count = 0;
    if (!call_may(c, MAY_UPDATE_REPORTS) && !call_may(c, MAY_CREATE_REPORTS))
        return fail(c, E_FORBIDDEN, "this needs a permission to write reports");
    if (STATUS_BIT(report->status) & REPORT_GIVEN_UP_BITS)
        return fail(c, E_CONFLICT, "a report that is %s recommends nothing", report_statuses[report->status - 1]);
    return db_integer(c, &count, "select count(*) from recommendations where report_id = ?", V(report->id)) &&
           (count < RECOMMENDATIONS_MAX ||
            fail(c, E_CONFLICT, "a report has at most %d recommendations", RECOMMENDATIONS_MAX));
}

static bool is_signed(const struct report *report)
{
    return STATUS_BIT(report->status) & REPORT_SIGNED_BITS;
}

bool recommendation_write(struct call *c, const struct recommendation *wish, int64_t *id)
{
    struct report report;
    struct recommendation row = *wish;
    if (!report_hold_study(c, wish->report_id) || !report_hold(c, wish->report_id, &report) || !may_write(c, &report))
        return false;
    check_what(c, &row);
    check_when(c, &row, &report);
    row.version = report.version;
    row.status = is_signed(&report) ? RECOMMENDATION_OPEN : RECOMMENDATION_PENDING;
    row.written_on = zone_today();
    row.remind_after = row.status == RECOMMENDATION_OPEN ? row.due_on : DATE_NULL;
    row.look_again = false;
    row.recommended_by = call_user(c);
    row.created_at = clock_now();
    row.opened_at = row.status == RECOMMENDATION_OPEN ? row.created_at : INSTANT_NULL;
    row.reminded_at = row.closed_at = INSTANT_NULL;
    row.completed_study_id = row.closed_by = INTEGER_NULL;
    row.note = STR_NULL;
    if (c->error.code != E_NONE || !db_insert(c, &recommendation_schema, &row, &row.id))
        return false;
    *id = row.id;
    const struct recommendation_news news = { .id = row.id,
                                              .report_id = report.id,
                                              .study_id = report.study_id,
                                              .kind = RECOMMENDATION_IS_WRITTEN,
                                              .is_pending = row.status == RECOMMENDATION_PENDING,
                                              .text = row.reason };
    return recommendation_put_event(c, &news);
}

/* ---- closed and opened again ---- */

static const struct recommendation_move *move_of(unsigned action)
{
    return &recommendation_moves[action - 1];
}

static bool refuse(struct call *c, const struct recommendation *k)
{
    struct text may;
    text_init(&may, 100);
    for (int i = 0; i < RECOMMENDATION_ACTIONS; i++)
        if (recommendation_moves[i].from & STATUS_BIT(k->status)) {
            text_put(&may, may.len ? S(", ") : STR_NULL);
            text_put(&may, choice_text(recommendation_actions, recommendation_moves[i].action));
        }
    fail(c, E_CONFLICT, "a recommendation that is %s takes %.*s", recommendation_statuses[k->status - 1],
         STR_FMT(may.len ? text_str(&may) : S("nothing more")));
    text_release(&may);
    return false;
}

bool recommendation_hold_with_study(struct call *c, int64_t id)
{
    return report_hold_of(c, "select report_id from recommendations where id = ?", id) &&
           db_lock(c, RECOMMENDATION_LOCK_SQL, V(id));
}

static bool hold(struct call *c, int64_t id, struct report *report, struct recommendation *out)
{
    return recommendation_hold_with_study(c, id) && recommendation_load(c, id, out) &&
           report_load(c, out->report_id, report);
}

/* Not once its report was given up; nor, if it was never opened, the version that it was written with: the first step
 * says so that signed or cancelled that version or what it became. */
static bool may_open(struct call *c, const struct report *report, const struct recommendation *k)
{
    int64_t is_cancelled = 0;
    if (STATUS_BIT(report->status) & REPORT_GIVEN_UP_BITS)
        return fail(c, E_CONFLICT, "its report is %s", report_statuses[report->status - 1]);
    if (!instant_is_null(k->opened_at))
        return true;
    return db_find_integer(c, &is_cancelled,
                           "select case action when 'cancel' then 1 else 0 end from report_steps where report_id = ? "
                           "and version >= ? and action in ('sign', 'cancel') order by id limit 1",
                           V(k->report_id), V(k->version)) != FAILED &&
           (!is_cancelled || fail(c, E_CONFLICT, "the version that it was written with was given up"));
}

static bool check(struct call *c, const struct recommendation_deed *deed, const struct report *report,
                  const struct recommendation *k)
{
    const struct recommendation_move *move = move_of(deed->action);
    if (!recommendation_may(c, k, move))
        return fail(c, E_FORBIDDEN, "this needs the permission %s, or to have recommended it",
                    permission_rows[move->permission].name);
    if (!(move->from & STATUS_BIT(k->status)))
        return refuse(c, k);
    if (deed->action == RECOMMENDATION_REOPEN && !may_open(c, report, k))
        return false;
    if (deed->action == RECOMMENDATION_COMPLETE && deed->study_id <= 0 && !deed->note.len)
        return problem(c, "study_id", "missing", "say which study did it, or in note how it was done");
    return deed->action == RECOMMENDATION_COMPLETE || deed->note.len || problem(c, "note", "missing", "say why");
}

/* One that the caller sees, of the same patient, with images. */
static bool study_does(struct call *c, int64_t id, const struct report *report)
{
    int64_t one = 0;
    if (id <= 0)
        return true;
    if (id == report->study_id)
        return problem(c, "study_id", "the_same", "is the study that the recommendation comes from");
    enum found found = db_find_integer(
        c, &one,
        "select 1 from studies o join studies s on s.patient_id = o.patient_id where o.id = ? and s.id = ? and "
        "s.is_deleted = 0 and " RECOMMENDATION_HAS_IMAGES " and " VISIBLE_STUDY,
        V(report->study_id), V(id), VISIBLE_STUDY_TO(c));
    return found == FOUND ||
           (found == NONE && problem(c, "study_id", "not_found", "this patient has no such study with images"));
}

static bool close_row(struct call *c, const struct recommendation_deed *deed)
{
    return db_execute(c,
                      "update recommendations set status = ?, remind_after = null, completed_study_id = ?, look_again "
                      "= 0, closed_by = ?, closed_at = ?, note = ? where id = ?",
                      V(choice_text(recommendation_statuses, move_of(deed->action)->to)),
                      V(deed->study_id > 0 ? deed->study_id : INTEGER_NULL), V(call_user(c)), V(clock_now()),
                      V(deed->note), V(deed->id));
}

static bool open_row(struct call *c, const struct recommendation_deed *deed, const struct recommendation *k,
                     bool is_pending)
{
    struct date due_on = date_is_null(deed->due_on) ? k->due_on : deed->due_on;
    return db_execute(
        c,
        "update recommendations set status = ?, due_on = ?, remind_after = ?, opened_at = case when ? then opened_at "
        "else coalesce(opened_at, ?) end, reminded_at = null, completed_study_id = null, look_again = 0, closed_by = "
        "null, closed_at = null, note = null where id = ?",
        V(choice_text(recommendation_statuses, is_pending ? RECOMMENDATION_PENDING : RECOMMENDATION_OPEN)),
        recommendation_day(c, due_on), recommendation_day(c, is_pending ? DATE_NULL : due_on), V((int64_t)is_pending),
        V(clock_now()), V(k->id));
}

/* What the veil hides is asked of the row. */
static bool closed_by_study(struct call *c, int64_t id, int64_t *study)
{
    return db_integer(c, study, "select completed_study_id from recommendations where id = ?", V(id));
}

static bool reopen(struct call *c, const struct recommendation_deed *deed, const struct report *report,
                   const struct recommendation *k, struct recommendation_news *news)
{
    news->is_pending = instant_is_null(k->opened_at) && !is_signed(report);
    if (!date_is_null(deed->due_on))
        check_due(c, deed->due_on);
    if (!date_is_null(deed->due_on) && !date_is_null(k->not_before) && deed->due_on.days < k->not_before.days)
        (void)problem(c, "due_on", "too_early", "must not be before not_before");
    return c->error.code == E_NONE && closed_by_study(c, k->id, &news->about_study) &&
           open_row(c, deed, k, news->is_pending);
}

bool recommendation_act(struct call *c, const struct recommendation_deed *deed, struct recommendation *out)
{
    static const enum recommendation_event_kind kinds[] = {
        [RECOMMENDATION_COMPLETE] = RECOMMENDATION_IS_COMPLETED,
        [RECOMMENDATION_DISMISS] = RECOMMENDATION_IS_DISMISSED,
        [RECOMMENDATION_REOPEN] = RECOMMENDATION_IS_REOPENED,
    };
    struct report report;
    if (!hold(c, deed->id, &report, out) || !check(c, deed, &report, out) || !study_does(c, deed->study_id, &report))
        return false;
    struct recommendation_news news = { .id = out->id,
                                        .report_id = report.id,
                                        .study_id = report.study_id,
                                        .kind = kinds[deed->action],
                                        .is_pending = out->status == RECOMMENDATION_PENDING,
                                        .about_study = deed->study_id,
                                        .text = deed->note };
    bool is_done = deed->action == RECOMMENDATION_REOPEN ? reopen(c, deed, &report, out, &news) : close_row(c, deed);
    return is_done && recommendation_put_event(c, &news) && recommendation_load(c, deed->id, out);
}

/* ---- with its report ---- */

static bool follow_all(struct call *c, const struct report *report, bool pending_only, enum recommendation_status to)
{
    struct {
        int64_t id;
        bool is_pending;
    } rows[RECOMMENDATIONS_MAX];
    int count = 0;
    struct cursor cursor;
    for (db_rows(c, &cursor,
                 "select id, case status when 'PENDING' then 1 else 0 end from recommendations where report_id = ? and "
                 "(status = 'PENDING' or (status = 'OPEN' and ? = 0)) order by id",
                 V(report->id), V((int64_t)pending_only));
         count < RECOMMENDATIONS_MAX && cursor_next(&cursor); count++) {
        rows[count].id = cursor_integer(&cursor, 0);
        rows[count].is_pending = cursor_integer(&cursor, 1);
    }
    if (!cursor_close(&cursor))
        return false;
    bool opens = to == RECOMMENDATION_OPEN;
    struct instant now = clock_now();
    for (int i = 0; i < count; i++) {
        const struct recommendation_news news = { .id = rows[i].id,
                                                  .report_id = report->id,
                                                  .study_id = report->study_id,
                                                  .kind =
                                                      opens ? RECOMMENDATION_IS_OPENED : RECOMMENDATION_IS_WITHDRAWN,
                                                  .is_pending = !opens && rows[i].is_pending };
        bool is_set = opens ? db_execute(c,
                                         "update recommendations set status = 'OPEN', opened_at = ?, remind_after = "
                                         "due_on where id = ?",
                                         V(now), V(news.id))
                            : db_execute(c,
                                         "update recommendations set status = 'WITHDRAWN', remind_after = null, "
                                         "closed_by = ?, closed_at = ? where id = ?",
                                         V(call_user(c)), V(now), V(news.id));
        if (!is_set || !recommendation_put_event(c, &news))
            return false;
    }
    return true;
}

bool recommendation_follow(struct call *c, const struct report *report, enum report_action action)
{
    switch (action) {
    case REPORT_SIGN:
        return follow_all(c, report, true, RECOMMENDATION_OPEN);
    case REPORT_CANCEL:
        return follow_all(c, report, true, RECOMMENDATION_WITHDRAWN);
    case REPORT_MARK_IN_ERROR:
        return follow_all(c, report, false, RECOMMENDATION_WITHDRAWN);
    default:
        return true;
    }
}
