/* critical.c - see critical.h: findings marked, told of, cancelled. */
#include "reports/critical_parts.h"

#include "site/app.h"
#include "base/names.h"

const char *const critical_categories[] = { "MINUTES", "HOURS", "DAYS", NULL };
NAMES_REACH(critical_categories, CRITICAL_DAYS);
const char *const critical_statuses[] = { "OPEN", "COMMUNICATED", "CANCELLED", NULL };
NAMES_REACH(critical_statuses, CRITICAL_CANCELLED);
const char *const critical_methods[] = { "IN_PERSON", "PHONE", "VIDEO_CALL", "SECURE_MESSAGE", "PAGER", NULL };
NAMES_REACH(critical_methods, TOLD_BY_PAGER);
const char *const critical_event_kinds[] = { "MARKED", "ESCALATED", "COMMUNICATED", "CANCELLED", NULL };
NAMES_REACH(critical_event_kinds, CRITICAL_IS_CANCELLED);

/* ---- rows ---- */

#define TOLD(member, ...) FIELD(struct critical_result, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct critical_result, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
#define NAME_OF(ID) "(select u.full_name from users u where u.id = " ID ")"

static const struct field critical_fields[] = {
    FIELD(struct critical_result, id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX, .doc = "Identifies the result."),
    TOLD(report_id, .doc = "The report it was found for."),
    TOLD(study_id, .sql = "r.study_id", .doc = "The study of that."),
    TOLD(version, .doc = "The report's version when it was marked."),
    TOLD(status, .choices = critical_statuses, .type = "CriticalStatus", .doc = "Has somebody been told?"),
    TOLD(category, .choices = critical_categories, .type = "CriticalCategory",
         .doc = "How soon somebody has to be told: within minutes, hours or days (settings)."),
    MAYBE(finding, .doc = "What was found."),
    TOLD(found_at, .doc = "When: from then on the clock runs."),
    TOLD(radiologist, .doc = "Who found it."),
    TOLD(due_at, .doc = "When somebody has to have been told."),
    FIELD(struct critical_result, next_step_at, .flags = READ_ONLY | NULLABLE | WRITE_ONLY,
          .doc = "When the next step is taken."),
    TOLD(steps, .doc = "How many steps were taken because nobody had been told."),
    MAYBE(receiver, .doc = "Who was told."),
    MAYBE(received_at, .doc = "When."),
    MAYBE(method, .choices = critical_methods, .type = "CriticalMethod", .doc = "How."),
    TOLD(read_back, .doc = "Did the receiver repeat it?"),
    MAYBE(comment, .doc = "More of that."),
    TOLD(marked_by, .doc = "The account that marked it."),
    TOLD(marked_by_name, .sql = NAME_OF("k.marked_by"), .doc = "That account's full name."),
    FIELD(struct critical_result, marked_at, .flags = READ_ONLY, .doc = "When it was marked."),
    MAYBE(closed_by, .doc = "The account that told of it, or cancelled it."),
    MAYBE(closed_by_name, .sql = NAME_OF("k.closed_by"), .doc = "That account's full name."),
    MAYBE(closed_at, .doc = "When that was put down."),
    MAYBE(reason, .doc = "Why it was cancelled."),
};
const struct schema critical_result_schema = SCHEMA(
    "CriticalResult", struct critical_result, critical_fields, .table = "critical_results", .alias = "k",
    .join = "left join reports r on r.id = k.report_id", .doc = "A finding that somebody has to be told of in time.");

static const struct field event_fields[] = {
    FIELD(struct critical_event, id, .flags = READ_ONLY, .doc = "Identifies the event."),
    FIELD(struct critical_event, critical_result_id, .flags = READ_ONLY, .doc = "The result."),
    FIELD(struct critical_event, kind, .flags = READ_ONLY, .choices = critical_event_kinds, .type = "CriticalEventKind",
          .doc = "What happened."),
    FIELD(struct critical_event, step, .flags = READ_ONLY, .doc = "Which step it was; 0: none."),
    FIELD(struct critical_event, user_id, .flags = READ_ONLY | NULLABLE,
          .doc = "The account that did it; null: the server."),
    FIELD(struct critical_event, user_name, .flags = READ_ONLY | NULLABLE, .sql = NAME_OF("e.user_id"),
          .doc = "That account's full name."),
    FIELD(struct critical_event, text, .flags = READ_ONLY | NULLABLE, .doc = "What was said then."),
    FIELD(struct critical_event, at, .flags = READ_ONLY, .doc = "When."),
};
const struct schema critical_event_schema =
    SCHEMA("CriticalEvent", struct critical_event, event_fields, .table = "critical_result_events", .alias = "e",
           .doc = "What became of a critical result. Never rewritten.");

/* ---- seeing ---- */

bool critical_load(struct call *c, int64_t id, struct critical_result *out)
{
    enum found found = db_find(c, &critical_result_schema, out, "where k.id = ?", V(id));
    return report_shows_part(c, found, "critical result", id, out->report_id);
}

void critical_in_sight(struct call *c, struct critical_sight *out)
{
    out->scope_count = report_scopes(c, out->scopes);
    for (int i = 0; i < out->scope_count; i++)
        out->scopes[i].from = arena_format(&c->arena, "%s cross join critical_results k on k.report_id = r.id",
                                           out->scopes[i].from ? out->scopes[i].from : "reports r")
                                  .at;
    out->has_condition = !report_caller_writes(c);
    if (out->has_condition)
        out->condition = out->scope_count ? report_for_readers : report_in_sight(c, out->values);
}

/* Inside a transaction: it stays so until the commit. */
static bool hold(struct call *c, int64_t id, struct critical_result *out)
{
    return critical_lock(c, id) && critical_load(c, id, out) &&
           (report_caller_writes(c) || fail(c, E_FORBIDDEN, "this needs a permission to write reports")) &&
           (out->status == CRITICAL_OPEN ||
            fail(c, E_CONFLICT, "it is %s already", critical_statuses[out->status - 1]));
}

bool critical_lock(struct call *c, int64_t id)
{
    int64_t step_us;
    return db_find_locked(c, &step_us, CRITICAL_LOCK_SQL, V(id)) != FAILED;
}

/* ---- what becomes of it ---- */

bool critical_put_event(struct call *c, const struct critical_result *result, enum critical_event_kind kind,
                        int64_t step, struct str text, struct instant now)
{
    int64_t user = call_user(c);
    return db_execute(
               c,
               "insert into critical_result_events(critical_result_id, kind, step, user_id, text, at) values (?, "
               "?, ?, ?, ?, ?)",
               V(result->id), V(choice_text(critical_event_kinds, kind)), V(step), V(user ? user : INTEGER_NULL),
               V(text), V(now)) &&
           event_put(c, &(struct event){ .type = EVENT_REPORT_CRITICAL,
                                         .report_id = result->report_id,
                                         .study_id = result->study_id,
                                         .state = choice_text(critical_event_kinds, kind) });
}

int64_t critical_limit_us(const struct call *c, unsigned category)
{
    const struct config *config = &c->app->config;
    const int64_t limits[] = { [CRITICAL_MINUTES] = config->critical_within_minutes_s,
                               [CRITICAL_HOURS] = config->critical_within_hours_s,
                               [CRITICAL_DAYS] = config->critical_within_days_s };
    return limits[category] * INT64_C(1000000);
}

enum { CLOCKS_DIFFER_US = 60000000 /* those of people and ours; who writes a moment down leaves its seconds out */ };

static bool is_past(struct call *c, struct instant at, struct instant now, const char *member)
{
    return instant_is_null(at) || at.us <= now.us + CLOCKS_DIFFER_US ||
           error_add_problem(&c->error, &c->arena, "body", str_from(member), "in_the_future", "has not come yet");
}

static bool may_mark(struct call *c, const struct report *report)
{
    int64_t count;
    if (!report_caller_writes(c))
        return fail(c, E_FORBIDDEN, "this needs a permission to write reports");
    if (STATUS_BIT(report->status) & REPORT_GIVEN_UP_BITS)
        return fail(c, E_CONFLICT, "a report that is %s has no critical result", report_statuses[report->status - 1]);
    return db_integer(c, &count, "select count(*) from critical_results where report_id = ?", V(report->id)) &&
           (count < CRITICAL_RESULTS_MAX ||
            fail(c, E_CONFLICT, "a report has at most %d critical results", CRITICAL_RESULTS_MAX));
}

static struct str name_of(struct call *c, int64_t user)
{
    struct value name;
    return db_find_value(c, &name, "select full_name from users where id = ?", V(user)) == FOUND
               ? arena_copy(&c->arena, name.text)
               : STR_NULL;
}

/* What was found, as its history keeps it: who tells of it may say it anew. */
static struct str words_found(struct call *c, const struct critical_result *k)
{
    return arena_format(&c->arena, "%.*s%sfound %.*s, %.*s", STR_FMT(k->finding), k->finding.len ? "; " : "",
                        STR_FMT(instant_format(k->found_at, &c->arena)), STR_FMT(k->radiologist));
}

bool critical_mark(struct call *c, const struct critical_result *wish, int64_t *id)
{
    struct report report;
    struct critical_result row = *wish;
    struct instant now;
    if (!report_hold(c, wish->report_id, &report) || !may_mark(c, &report) || !db_clock(c, &now) ||
        !is_past(c, wish->found_at, now, "found_at"))
        return false;
    row.version = report.version;
    row.study_id = report.study_id;
    row.status = CRITICAL_OPEN;
    row.found_at = instant_is_null(wish->found_at) ? now : wish->found_at;
    row.radiologist = wish->radiologist.len ? wish->radiologist : name_of(c, call_user(c));
    row.due_at = row.next_step_at = (struct instant){ row.found_at.us + critical_limit_us(c, row.category) };
    row.steps = 0;
    row.marked_by = call_user(c);
    row.marked_at = now;
    row.closed_by = INTEGER_NULL;
    row.closed_at = row.received_at = (struct instant){ INT64_MIN };
    row.read_back = false;
    if (c->error.code != E_NONE || !db_insert(c, &critical_result_schema, &row, &row.id))
        return false;
    *id = row.id;
    return critical_put_event(c, &row, CRITICAL_IS_MARKED, 0, words_found(c, &row), now);
}

/* What was said when it was marked, and what is said now. */
static void complete(const struct critical_result *told, struct critical_result *out)
{
    if (told->finding.len)
        out->finding = told->finding;
    if (!instant_is_null(told->found_at))
        out->found_at = told->found_at;
    if (told->radiologist.len)
        out->radiologist = told->radiologist;
    out->receiver = told->receiver;
    out->received_at = told->received_at;
    out->method = told->method;
    out->read_back = told->read_back;
    out->comment = told->comment;
}

static void require(struct call *c, bool is_there, const char *member, const char *words)
{
    if (!is_there)
        (void)error_add_problem(&c->error, &c->arena, "body", str_from(member), "missing", "%s", words);
}

static bool is_complete(struct call *c, const struct critical_result *k)
{
    require(c, str_trim(k->finding).len, "finding", "say what was found");
    require(c, !instant_is_null(k->found_at), "found_at", "say when it was found");
    require(c, str_trim(k->radiologist).len, "radiologist", "say who found it");
    require(c, str_trim(k->receiver).len, "receiver", "say who was told");
    require(c, !instant_is_null(k->received_at), "received_at", "say when they were told");
    require(c, k->method, "method", "say how they were told");
    return c->error.code == E_NONE;
}

static bool fits_in_time(struct call *c, const struct critical_result *k, struct instant now)
{
    (void)is_past(c, k->found_at, now, "found_at");
    (void)is_past(c, k->received_at, now, "received_at");
    if (k->received_at.us < k->found_at.us - CLOCKS_DIFFER_US)
        (void)error_add_problem(&c->error, &c->arena, "body", S("received_at"), "too_early",
                                "nobody is told of what is not found yet");
    return c->error.code == E_NONE;
}

static struct str words_of(struct call *c, const struct critical_result *k)
{
    return arena_format(&c->arena, "%.*s; told %.*s, %.*s, %s%s%s%.*s", STR_FMT(words_found(c, k)),
                        STR_FMT(instant_format(k->received_at, &c->arena)), STR_FMT(k->receiver),
                        critical_methods[k->method - 1], k->read_back ? ", read back" : "", k->comment.len ? "; " : "",
                        STR_FMT(k->comment));
}

bool critical_communicate(struct call *c, const struct critical_result *told, struct critical_result *out)
{
    struct instant now;
    if (!hold(c, told->id, out) || !db_clock(c, &now))
        return false;
    complete(told, out);
    return is_complete(c, out) && fits_in_time(c, out, now) &&
           db_execute(c,
                      "update critical_results set status = 'COMMUNICATED', next_step_at = null, finding = ?, found_at "
                      "= ?, radiologist = ?, receiver = ?, received_at = ?, method = ?, read_back = ?, comment = ?, "
                      "closed_by = ?, closed_at = ? where id = ?",
                      V(out->finding), V(out->found_at), V(out->radiologist), V(out->receiver), V(out->received_at),
                      V(choice_text(critical_methods, out->method)), V((int64_t)out->read_back), V(out->comment),
                      V(call_user(c)), V(now), V(out->id)) &&
           critical_put_event(c, out, CRITICAL_IS_TOLD, 0, words_of(c, out), now) && critical_load(c, told->id, out);
}

bool critical_cancel(struct call *c, int64_t id, struct str reason, struct critical_result *out)
{
    struct instant now;
    return hold(c, id, out) && db_clock(c, &now) &&
           (out->marked_by == call_user(c) || call_may(c, MAY_REVIEW_REPORTS) ||
            fail(c, E_FORBIDDEN, "who marked it cancels it, or who reviews reports")) &&
           db_execute(c,
                      "update critical_results set status = 'CANCELLED', next_step_at = null, reason = ?, closed_by = "
                      "?, closed_at = ? where id = ?",
                      V(reason), V(call_user(c)), V(now), V(id)) &&
           critical_put_event(c, out, CRITICAL_IS_CANCELLED, 0, reason, now) && critical_load(c, id, out);
}
