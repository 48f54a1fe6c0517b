/* late_result.c - see late_result.h: the record, who sees it, and what people do with it. */
#include "reports/late_result_parts.h"

#include "base/names.h"
#include "records/visibility.h"
#include "reports/report_parts.h"

const char *const late_result_statuses[] = { "OPEN", "ADDRESSED", "DISMISSED", "WITHDRAWN", NULL };
NAMES_REACH(late_result_statuses, LATE_RESULT_WITHDRAWN);
const char *const late_result_causes[] = { "ARRIVED", "CONFIRMED", "DENIED", NULL };
NAMES_REACH(late_result_causes, LATE_RESULT_DENIED);
const char *const late_result_actions[] = { "dismiss", NULL };
NAMES_REACH(late_result_actions, LATE_RESULT_DISMISS);

/* ---- rows ---- */

#define TOLD(member, ...) FIELD(struct late_result, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct late_result, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
#define NAME_OF(ID) "(select u.full_name from users u where u.id = " ID ")"
#define OF_PATIENT(COLUMN) "(select p." COLUMN " from patients p where p.id = s.patient_id)"

static const struct field late_result_fields[] = {
    FIELD(struct late_result, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies it."),
    TOLD(report_id, .doc = "The signed report that is asked to be added to."),
    MAYBE(study_id, .sql = "r.study_id", .doc = "The study of that."),
    MAYBE(patient_id, .sql = "s.patient_id", .doc = "That study's patient; null to who may not read patients."),
    MAYBE(patient_name, .sql = OF_PATIENT("name"), .doc = "The patient's name; likewise."),
    MAYBE(patient_number, .sql = OF_PATIENT("patient_id"), .doc = "The patient's number; likewise."),
    TOLD(signed_version, .doc = "The report's last signed version when it came."),
    FIELD(struct late_result, diagnosis_id, .flags = READ_ONLY | NULLABLE | VEILS,
          .doc = "The result; it, and which model's, null to who may not ask models or does not see its image, and "
                 "where it is gone for good."),
    MAYBE(model_name, .sql = "d.model_name", .doc = "The model that made it."),
    MAYBE(model_version, .sql = "d.model_version", .doc = "That model's version."),
    TOLD(cause, .choices = late_result_causes, .type = "LateResultCause",
         .doc = "It arrived after the signature; a reader confirmed or corrected it then; or DENIED: the report rests "
                "on it, and it was rejected, corrected or withdrawn."),
    FIELD(struct late_result, status, .flags = READ_ONLY | VEILS, .choices = late_result_statuses,
          .type = "LateResultStatus", .doc = "How it stands."),
    TOLD(while_writing, .doc = "It, or another word of a reader on it, came while a further version was written, whose "
                               "signature answers it only where it is named, or where the text has it."),
    TOLD(asked_at, .doc = "Since when it asks."),
    MAYBE(addressed_version, .doc = "The signed version that answers it."),
    MAYBE(closed_by, .doc = "The account that signed that, dismissed, rejected or withdrew it."),
    MAYBE(closed_by_name, .sql = NAME_OF("k.closed_by"), .doc = "That account's full name."),
    MAYBE(closed_at, .doc = "When."),
    MAYBE(reason, .doc = "Why it was dismissed."),
    FIELD(struct late_result, author_id, .flags = READ_ONLY | NULLABLE | WRITE_ONLY | VEILS, .sql = "r.author_id",
          .doc = "The report's author."),
    FIELD(struct late_result, actions, .flags = READ_ONLY | NOT_STORED, .example = "[\"dismiss\"]",
          .doc = "What the caller may do with it now, beside adding to the report."),
};

static bool may_dismiss(const struct call *c, int64_t author_id)
{
    return call_may(c, MAY_UPDATE_REPORTS) || (author_id == call_user(c) && call_may(c, MAY_CREATE_REPORTS));
}

static bool late_result_veil(struct call *c, void *record)
{
    struct late_result *k = record;
    bool told = false;
    struct str *names = arena_alloc(&c->arena, (ptrdiff_t)sizeof(*names));
    k->actions = (struct texts){ names, 0 };
    if (k->status == LATE_RESULT_OPEN && may_dismiss(c, k->author_id))
        names[k->actions.count++] = choice_text(late_result_actions, LATE_RESULT_DISMISS);
    if (!visibility_of_patients(c)) {
        k->patient_id = INTEGER_NULL;
        k->patient_name = k->patient_number = STR_NULL;
    }
    if (k->diagnosis_id > 0 && !report_result_is_told(c, k->diagnosis_id, &told))
        return false;
    if (!told) {
        k->diagnosis_id = INTEGER_NULL;
        k->model_name = k->model_version = STR_NULL;
    }
    return true;
}

const struct schema late_result_schema =
    SCHEMA("LateResult", struct late_result, late_result_fields, .table = "late_results", .alias = "k",
           .join = "left join reports r on r.id = k.report_id left join studies s on s.id = r.study_id left join "
                   "diagnoses d on d.id = k.diagnosis_id",
           .veil = late_result_veil, .doc = "What a model's result asks of a report that was signed before.");

/* ---- seeing ---- */

bool late_result_load(struct call *c, int64_t id, struct late_result *out)
{
    enum found found = db_find(c, &late_result_schema, out, "where k.id = ?", V(id));
    return report_shows_part(c, found, "late result", id, out->report_id);
}

bool late_result_tell(struct call *c, int64_t report_id, int64_t study_id, enum late_result_status status)
{
    return event_put(c, &(struct event){ .type = EVENT_REPORT_LATE,
                                         .report_id = report_id,
                                         .study_id = study_id,
                                         .state = choice_text(late_result_statuses, status) });
}

/* ---- dismissed ---- */

static bool is_allowed(struct call *c, const struct report *report)
{
    return may_dismiss(c, report->author_id) ||
           fail(c, E_FORBIDDEN, "this needs the permission %s, or to be the report's author",
                permission_rows[MAY_UPDATE_REPORTS].name);
}

static bool is_plain(struct call *c, struct str reason)
{
    return !str_turns_direction(reason) ||
           error_add_problem(&c->error, &c->arena, "body", S("reason"), "direction_control",
                             "has a character that turns the direction of what is shown");
}

#define DISMISS "update late_results set status = 'DISMISSED', closed_by = ?, closed_at = ?, reason = ? "
#define DISMISSED_WITH(reason) V(call_user(c)), V(clock_now()), V(reason)

bool late_result_hold_with_study(struct call *c, int64_t id)
{
    return report_hold_of(c, "select report_id from late_results where id = ?", id) &&
           db_lock(c, "select id from late_results where id = ?", V(id));
}

bool late_result_dismiss(struct call *c, int64_t id, struct str reason, struct late_result *out)
{
    struct report report;
    if (!is_plain(c, reason) || !late_result_hold_with_study(c, id) || !late_result_load(c, id, out) ||
        !report_load(c, out->report_id, &report) || !is_allowed(c, &report))
        return false;
    if (out->status != LATE_RESULT_OPEN)
        return fail(c, E_CONFLICT, "a late result that is %s is not dismissed", late_result_statuses[out->status - 1]);
    return db_execute(c, DISMISS "where id = ?", DISMISSED_WITH(reason), V(id)) &&
           late_result_tell(c, report.id, report.study_id, LATE_RESULT_DISMISSED) &&
           report_keep_on_list(c, report.id) && late_result_load(c, id, out);
}

bool late_results_are_open(struct call *c, const struct report *report, const struct integers *named)
{
    int64_t count = 0;
    for (ptrdiff_t i = 0; i < named->count; i++) {
        if (!db_integer(
                c, &count,
                "select count(*) from late_results k where k.id = ? and k.report_id = ? and " LATE_RESULT_STANDS("?"),
                V(named->items[i]), V(report->id), V(report->study_id)))
            return false;
        if (!count)
            (void)error_add_problem(&c->error, &c->arena, "body", arena_format(&c->arena, "late_results.%td", i),
                                    "not_found", "the report has no such late result that is open");
    }
    return c->error.code == E_NONE;
}

static bool dismiss_named(struct call *c, const struct integers *named, struct str reason, int64_t *dismissed)
{
    *dismissed = 0;
    for (ptrdiff_t i = 0; i < named->count; i++) {
        int64_t changed = 0; /* none where one is named twice */
        if (!db_execute_counted(c, &changed, DISMISS "where id = ? and status = 'OPEN'", DISMISSED_WITH(reason),
                                V(named->items[i])))
            return false;
        *dismissed += changed;
    }
    return true;
}

bool late_results_dismiss(struct call *c, int64_t report_id, const struct integers *named, struct str reason,
                          int64_t *dismissed)
{
    struct report report;
    return is_plain(c, reason) && report_hold_study(c, report_id) && report_hold(c, report_id, &report) &&
           is_allowed(c, &report) && late_results_are_open(c, &report, named) &&
           dismiss_named(c, named, reason, dismissed) &&
           (!*dismissed || (late_result_tell(c, report.id, report.study_id, LATE_RESULT_DISMISSED) &&
                            report_keep_on_list(c, report.id)));
}
