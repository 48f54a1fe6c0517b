/* recommendation.c - see recommendation.h: the record, who sees it, and the table of what may be done with it. */
#include "reports/recommendation_parts.h"
#include "reports/report_parts.h"

#include "base/names.h"
#include "base/zone.h"
#include "records/visibility.h"
#include "site/app.h"

const char *const recommendation_statuses[] = { "PENDING", "OPEN", "COMPLETED", "DISMISSED", "WITHDRAWN", NULL };
NAMES_REACH(recommendation_statuses, RECOMMENDATION_WITHDRAWN);
const char *const recommendation_actions[] = { "complete", "dismiss", "reopen", NULL };
NAMES_REACH(recommendation_actions, RECOMMENDATION_ACTIONS);
const char *const recommendation_event_kinds[] = { "WRITTEN",   "OPENED",   "OVERDUE",   "COMPLETED",
                                                   "DISMISSED", "REOPENED", "WITHDRAWN", NULL };
NAMES_REACH(recommendation_event_kinds, RECOMMENDATION_IS_WITHDRAWN);

#define B(status) STATUS_BIT(RECOMMENDATION_##status)
const struct recommendation_move recommendation_moves[RECOMMENDATION_ACTIONS] = {
    { RECOMMENDATION_COMPLETE, B(OPEN), RECOMMENDATION_COMPLETED, MAY_UPDATE_REPORTS, true,
      "It was done: by a study that does not match by itself, or elsewhere." },
    { RECOMMENDATION_DISMISS, B(PENDING) | B(OPEN), RECOMMENDATION_DISMISSED, MAY_REVIEW_REPORTS, true,
      "It will not be done, with the reason." },
    { RECOMMENDATION_REOPEN, B(COMPLETED) | B(DISMISSED), RECOMMENDATION_OPEN, MAY_UPDATE_REPORTS, true,
      "It is still to be done, with the reason; PENDING where its report was not signed yet." },
};

/* ---- rows ---- */

#define TOLD(member, ...) FIELD(struct recommendation, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct recommendation, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
/* What the veil looks at. */
#define DECIDES(member, ...) FIELD(struct recommendation, member, .flags = READ_ONLY | VEILS, __VA_ARGS__)
#define MAY_DECIDE(member, ...) FIELD(struct recommendation, member, .flags = READ_ONLY | NULLABLE | VEILS, __VA_ARGS__)
#define KEPT(member, ...) FIELD(struct recommendation, member, .flags = READ_ONLY | NULLABLE | WRITE_ONLY, __VA_ARGS__)
#define NAME_OF(ID) "(select u.full_name from users u where u.id = " ID ")"
#define OF_PATIENT(COLUMN) "(select p." COLUMN " from patients p where p.id = s.patient_id)"

static const struct field recommendation_fields[] = {
    FIELD(struct recommendation, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies it."),
    TOLD(report_id, .doc = "The report that recommends it."),
    MAYBE(study_id, .sql = "r.study_id", .doc = "The study of that."),
    MAYBE(patient_id, .sql = "s.patient_id", .doc = "That study's patient; null to who may not read patients."),
    MAYBE(patient_name, .sql = OF_PATIENT("name"), .doc = "The patient's name; likewise."),
    MAYBE(patient_number, .sql = OF_PATIENT("patient_id"), .doc = "The patient's number; likewise."),
    TOLD(version, .doc = "The report's version when it was written."),
    DECIDES(status, .choices = recommendation_statuses, .type = "RecommendationStatus", .doc = "How it stands."),
    MAYBE(modality, .doc = "What is to make the pictures."),
    MAYBE(body_part, .doc = "Of which part of the body."),
    MAYBE(procedure_code, .doc = "Code of the procedure."),
    MAYBE(procedure_scheme, .doc = "That code's coding scheme."),
    MAYBE(procedure_text, .doc = "The procedure in words."),
    TOLD(reason, .doc = "Why."),
    MAYBE(reason_code, .doc = "Code of the reason."),
    MAYBE(reason_scheme, .doc = "That code's coding scheme."),
    KEPT(written_on, .doc = "The day it was written."),
    MAYBE(not_before, .doc = "What is made earlier does not count."),
    DECIDES(due_on, .doc = "The last day on which it is in time."),
    KEPT(remind_after, .doc = "The day after which somebody is reminded."),
    FIELD(struct recommendation, overdue, .flags = READ_ONLY | NOT_STORED, .doc = "Is it OPEN, and that day over?"),
    FIELD(struct recommendation, look_again, .flags = READ_ONLY | WRITE_ONLY,
          .doc = "The study that closed it has changed."),
    DECIDES(recommended_by, .doc = "The account that recommends it."),
    TOLD(recommended_by_name, .sql = NAME_OF("k.recommended_by"), .doc = "That account's full name."),
    FIELD(struct recommendation, created_at, .flags = READ_ONLY, .doc = "When it was written."),
    MAY_DECIDE(opened_at, .doc = "When it was opened first: with the signature."),
    MAYBE(reminded_at, .doc = "When somebody was reminded of it last."),
    MAY_DECIDE(completed_study_id,
               .sql = "(select t.id from studies t where t.id = k.completed_study_id and t.is_deleted = 0)",
               .doc = "The study that closed it; null to who does not see that."),
    MAYBE(closed_by, .doc = "The account that closed it; null: the server did, or nobody has."),
    MAYBE(closed_by_name, .sql = NAME_OF("k.closed_by"), .doc = "That account's full name."),
    MAYBE(closed_at, .doc = "When it was closed."),
    MAYBE(note, .doc = "What was said of that: how it was done, or why it will not be."),
    FIELD(struct recommendation, actions, .flags = READ_ONLY | NOT_STORED, .example = "[\"complete\", \"dismiss\"]",
          .doc = "What the caller may do with it now."),
};

bool recommendation_may(const struct call *c, const struct recommendation *k, const struct recommendation_move *move)
{
    return call_may(c, move->permission) ||
           (move->by_recommender && k->recommended_by == call_user(c) && report_caller_writes(c));
}

static struct texts actions_of(struct call *c, const struct recommendation *k)
{
    struct str *names = arena_alloc(&c->arena, RECOMMENDATION_ACTIONS * (ptrdiff_t)sizeof(*names));
    struct texts out = { names, 0 };
    for (int i = 0; i < RECOMMENDATION_ACTIONS; i++)
        if (recommendation_moves[i].from & STATUS_BIT(k->status) && recommendation_may(c, k, &recommendation_moves[i]))
            names[out.count++] = choice_text(recommendation_actions, recommendation_moves[i].action);
    return out;
}

/* Nobody is named to who may not read patients, and no study to who does not see it. Lists and single rows get here. */
static bool recommendation_veil(struct call *c, void *record)
{
    struct recommendation *k = record;
    if (!visibility_of_patients(c)) {
        k->patient_id = INTEGER_NULL;
        k->patient_name = k->patient_number = STR_NULL;
    }
    k->overdue = k->status == RECOMMENDATION_OPEN && k->due_on.days < zone_today().days;
    k->actions = actions_of(c, k);
    if (k->completed_study_id <= 0 || visibility_of_everything(c))
        return true;
    int64_t one = 0;
    enum found found = db_find_integer(c, &one, "select 1 from studies s where s.id = ? and " VISIBLE_STUDY,
                                       V(k->completed_study_id), VISIBLE_STUDY_TO(c));
    if (found == NONE)
        k->completed_study_id = INTEGER_NULL;
    return found != FAILED;
}

const struct schema recommendation_schema =
    SCHEMA("Recommendation", struct recommendation, recommendation_fields, .table = "recommendations", .alias = "k",
           .join = "left join reports r on r.id = k.report_id left join studies s on s.id = r.study_id",
           .veil = recommendation_veil, .doc = "What a report recommends, by when, why, and what became of it.");

static const struct field event_fields[] = {
    FIELD(struct recommendation_event, id, .flags = READ_ONLY, .doc = "Identifies the event."),
    FIELD(struct recommendation_event, recommendation_id, .flags = READ_ONLY, .doc = "The recommendation."),
    FIELD(struct recommendation_event, kind, .flags = READ_ONLY, .choices = recommendation_event_kinds,
          .type = "RecommendationEventKind", .doc = "What happened."),
    FIELD(struct recommendation_event, user_id, .flags = READ_ONLY | NULLABLE,
          .doc = "The account that did it; null: the server."),
    FIELD(struct recommendation_event, user_name, .flags = READ_ONLY | NULLABLE, .sql = NAME_OF("e.user_id"),
          .doc = "That account's full name."),
    FIELD(struct recommendation_event, text, .flags = READ_ONLY | NULLABLE, .doc = "What was said then."),
    FIELD(struct recommendation_event, at, .flags = READ_ONLY, .doc = "When."),
};
const struct schema recommendation_event_schema =
    SCHEMA("RecommendationEvent", struct recommendation_event, event_fields, .table = "recommendation_events",
           .alias = "e", .doc = "What became of a recommendation. Never rewritten.");

struct value recommendation_day(struct call *c, struct date date)
{
    char *text = arena_alloc(&c->arena, DATE_TEXT_MAX);
    return value_text(date_is_null(date) ? STR_NULL : (struct str){ text, date_write(date, text) });
}

/* ---- seeing ---- */

/* Those of reports whose scopes these are. */
static int scopes_of(struct call *c, struct condition scopes[REPORT_SCOPES])
{
    int count = report_scopes(c, scopes);
    for (int i = 0; i < count; i++)
        scopes[i].from = arena_format(&c->arena, "%s cross join recommendations k on k.report_id = r.id",
                                      scopes[i].from ? scopes[i].from : "reports r")
                             .at;
    return count;
}

void recommendation_in_sight(struct call *c, bool is_short, struct recommendation_sight *out)
{
    bool writes = report_caller_writes(c);
    out->scope_count = is_short ? 0 : scopes_of(c, out->scopes);
    out->condition_count = 0;
    if (!out->scope_count && (is_short || !writes))
        out->conditions[out->condition_count++] = report_in_sight(c, out->values);
    if (out->scope_count && !writes)
        out->conditions[out->condition_count++] = report_for_readers;
    if (!writes)
        out->conditions[out->condition_count++] = (struct condition){ "k.opened_at is not null" };
}

bool recommendation_load(struct call *c, int64_t id, struct recommendation *out)
{
    enum found found = db_find(c, &recommendation_schema, out, "where k.id = ?", V(id));
    if (found == FOUND && !report_caller_writes(c) && instant_is_null(out->opened_at))
        found = NONE;
    return report_shows_part(c, found, "recommendation", id, out->report_id);
}

bool recommendation_put_event(struct call *c, const struct recommendation_news *news)
{
    int64_t user = call_user(c);
    struct str kind = choice_text(recommendation_event_kinds, news->kind);
    return db_execute(c,
                      "insert into recommendation_events(recommendation_id, kind, user_id, study_id, text, at) values "
                      "(?, ?, ?, ?, ?, ?)",
                      V(news->id), V(kind), V(user > 0 ? user : INTEGER_NULL),
                      V(news->about_study > 0 ? news->about_study : INTEGER_NULL), V(news->text), V(clock_now())) &&
           (news->is_pending || event_put(c, &(struct event){ .type = EVENT_REPORT_FOLLOW_UP,
                                                              .report_id = news->report_id,
                                                              .study_id = news->study_id,
                                                              .state = kind }));
}
