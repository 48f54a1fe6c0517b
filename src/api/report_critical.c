/* report_critical.c - findings that somebody has to be told of in time: marked, told of, listed. */
#include "reports/critical.h"
#include "reports/report.h"
#include "web/exchange.h"
#include "web/listing.h"

struct critical_key {
    int64_t id;
};
static const struct field critical_key_fields[] = { KEY(struct critical_key, id, "The critical result.") };
static const struct schema critical_key = SCHEMA("CriticalResultKey", struct critical_key, critical_key_fields);

static bool critical_get(struct call *c)
{
    return critical_load(c, ((const struct critical_key *)c->in)->id, c->out);
}

/* ---- marked ---- */

#define FOUND_FIELDS \
    FIELD(struct critical_result, finding, .flags = NULLABLE, .max = 500, .example = "tension pneumothorax", \
          .doc = "What was found."), \
        FIELD(struct critical_result, found_at, .flags = NULLABLE, .doc = "When; null: when it was marked."), \
        FIELD(struct critical_result, radiologist, .flags = NULLABLE, .max = 100, \
              .doc = "Who found it; null: who marked it.")

static const struct field mark_fields[] = {
    FIELD_AS(struct critical_result, "id", report_id, .flags = READ_ONLY, .min = 1, .max = INT64_MAX,
             .doc = "The report."),
    FIELD(struct critical_result, category, .flags = REQUIRED, .choices = critical_categories,
          .type = "CriticalCategory",
          .doc = "How soon somebody has to be told: MINUTES (CRITICAL_WITHIN_MINUTES), HOURS or DAYS."),
    FOUND_FIELDS,
};
static const struct schema mark_schema = SCHEMA("CriticalResultMark", struct critical_result, mark_fields,
                                                .doc = "A finding that somebody has to be told of in time.");

static bool critical_post(struct call *c)
{
    int64_t id;
    if (!critical_mark(c, c->in, &id))
        return false;
    answer_location(c, "/api/v1/critical-results/%" PRId64, id);
    return critical_load(c, id, c->out);
}

/* ---- closed ---- */

static const struct field communicate_fields[] = {
    KEY(struct critical_result, id, "The critical result."),
    FOUND_FIELDS,
    FIELD(struct critical_result, receiver, .flags = NULLABLE, .max = 100, .example = "Dr Chen, emergency department",
          .doc = "Who was told."),
    FIELD(struct critical_result, received_at, .flags = NULLABLE, .doc = "When they were told."),
    FIELD(struct critical_result, method, .flags = NULLABLE, .choices = critical_methods, .type = "CriticalMethod",
          .doc = "How they were told."),
    FIELD(struct critical_result, read_back, .fallback = "false", .doc = "Did they repeat it?"),
    FIELD(struct critical_result, comment, .flags = NULLABLE, .max = 500, .doc = "More of that."),
};
static const struct schema communicate_schema =
    SCHEMA("CriticalResultTold", struct critical_result, communicate_fields, .doc = "Who was told of it, when, how.");

static bool communicate_post(struct call *c)
{
    return critical_communicate(c, c->in, c->out);
}

static const struct field cancel_fields[] = {
    KEY(struct critical_result, id, "The critical result."),
    FIELD(struct critical_result, reason, .flags = REQUIRED, .min = 1, .max = 500, .doc = "Why it is none."),
};
static const struct schema cancel_schema = SCHEMA("CriticalResultCancel", struct critical_result, cancel_fields);

static bool cancel_post(struct call *c)
{
    const struct critical_result *in = c->in;
    return critical_cancel(c, in->id, in->reason, c->out);
}

/* ---- lists ---- */

struct critical_list {
    struct list_query list;
    int64_t id; /* of the report */
    unsigned status, category;
    bool overdue;
};
#define CRITICAL_SORTS(X) X("due_at", "k.due_at")
LIST_ORDER(critical_order, CRITICAL_SORTS);
#define CRITICAL_FILTERS(...) \
    LIST_FIELDS(struct critical_list, critical_order, "due_at"), \
        FIELD(struct critical_list, status, .choices = critical_statuses, .type = "CriticalStatus", \
              .doc = "Only those that stand so.", __VA_ARGS__), \
        FIELD(struct critical_list, category, .choices = critical_categories, .type = "CriticalCategory", \
              .filter = "k.category = ?", .doc = "Only those of this category."), \
        FIELD(struct critical_list, overdue, .fallback = "false", \
              .doc = "Only those whose time has run out and of which nobody was told.")
static const struct field all_fields[] = { CRITICAL_FILTERS(.fallback = "OPEN") };
static const struct schema all_schema = SCHEMA("CriticalResultList", struct critical_list, all_fields);
static const struct field of_report_fields[] = { CRITICAL_FILTERS(.flags = 0),
                                                 KEY(struct critical_list, id, "The report.") };
static const struct schema of_report_schema =
    SCHEMA("ReportCriticalResultList", struct critical_list, of_report_fields);
static const struct listing critical_listing = { .row = &critical_result_schema,
                                                 .id = "k.id",
                                                 .order = &critical_order };

/* What counts when nobody gives it has to be said here: filters are those that were given. `by_report`: rows are found
 * by their reports, and what is asked for leads to no other index: a plus keeps those from being used. */
static bool put_asked(struct call *c, const struct critical_list *in, bool by_report, struct condition *out, int *count)
{
    struct instant now;
    if (in->status)
        out[(*count)++] = (struct condition){ by_report ? "+k.status = ?" : "k.status = ?",
                                              V(choice_text(critical_statuses, in->status)) };
    if (!in->overdue)
        return true;
    if (!db_clock(c, &now))
        return false;
    out[(*count)++] =
        (struct condition){ by_report ? "+k.status = 'OPEN' and k.due_at <= ?" : "k.status = 'OPEN' and k.due_at <= ?",
                            V(now) };
    return true;
}

static bool all_get(struct call *c)
{
    struct critical_sight sight;
    struct condition asked[3];
    int count = 0;
    critical_in_sight(c, &sight);
    if (sight.has_condition)
        asked[count++] = sight.condition;
    return put_asked(c, c->in, sight.scope_count, asked, &count) &&
           list_answer(c, &critical_listing,
                       (struct list_among){ .conditions = asked,
                                            .condition_count = count,
                                            .scopes = sight.scopes,
                                            .scope_count = sight.scope_count });
}

static bool of_report_get(struct call *c)
{
    const struct critical_list *in = c->in;
    struct report report;
    struct condition asked[3] = { { "k.report_id = ?", V(in->id) } };
    int count = 1;
    return report_load(c, in->id, &report) && put_asked(c, in, true, asked, &count) &&
           list_answer(c, &critical_listing, (struct list_among){ .conditions = asked, .condition_count = count });
}

struct event_list {
    struct list_query list;
    int64_t id;
};
#define EVENT_SORTS(X) X("id", "e.id")
LIST_ORDER(critical_event_order, EVENT_SORTS);
static const struct field event_list_fields[] = {
    LIST_FIELDS(struct event_list, critical_event_order, "id"),
    KEY(struct event_list, id, "The critical result."),
};
static const struct schema event_list = SCHEMA("CriticalEventList", struct event_list, event_list_fields);
static const struct listing event_listing = { .row = &critical_event_schema,
                                              .id = "e.id",
                                              .order = &critical_event_order };

static bool events_get(struct call *c)
{
    const struct event_list *in = c->in;
    struct critical_result result;
    struct condition of = { "e.critical_result_id = ?", V(in->id) };
    return critical_load(c, in->id, &result) &&
           list_answer(c, &event_listing, (struct list_among){ .conditions = &of, .condition_count = 1 });
}

#define PATH "/api/v1/critical-results"
#define CRITICAL .permission = MAY_READ_REPORTS, .entity = "critical_result", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/reports/{id}/critical-results", critical_post, &mark_schema, &critical_result_schema,
      CRITICAL, .runs = WRITES, .body = BODY_JSON, .status = 201, .audit = "critical_result.mark",
      .summary = "Marks a finding that somebody has to be told of in time",
      .doc = "Also on a draft. The clock runs from when it was found; when it runs out, who marked it and who writes "
             "the report get mail, and the event report.critical tells." },
    { HTTP_GET, "/api/v1/reports/{id}/critical-results", of_report_get, &of_report_schema, &critical_result_schema,
      CRITICAL, .flags = LIST, .audit = "critical_result.list", .summary = "Lists a report's critical results" },
    { HTTP_GET, PATH, all_get, &all_schema, &critical_result_schema, CRITICAL, .flags = LIST,
      .audit = "critical_result.list", .summary = "Lists critical results of the reports one may see",
      .doc = "With `overdue` those of which nobody was told in time, the longest waiting first." },
    { HTTP_GET, PATH "/{id}", critical_get, &critical_key, &critical_result_schema, CRITICAL,
      .audit = "critical_result.read", .summary = "Shows a critical result" },
    { HTTP_GET, PATH "/{id}/events", events_get, &event_list, &critical_event_schema, CRITICAL, .flags = LIST,
      .audit = "critical_result.events", .summary = "Lists what became of a critical result" },
    { HTTP_POST, PATH "/{id}/communicate", communicate_post, &communicate_schema, &critical_result_schema, CRITICAL,
      .runs = WRITES, .body = BODY_JSON, .flags = PERSON, .audit = "critical_result.communicate",
      .summary = "Says that somebody was told, who, when and how",
      .doc = "Closes it. 422 names which of the six fields are missing: finding, found_at, radiologist, receiver, "
             "received_at, method." },
    { HTTP_POST, PATH "/{id}/cancel", cancel_post, &cancel_schema, &critical_result_schema, CRITICAL, .runs = WRITES,
      .body = BODY_JSON, .flags = PERSON, .audit = "critical_result.cancel",
      .summary = "Says that it was marked in error", .doc = "By who marked it, or who reviews reports." },
};
ENDPOINT_TABLE(report_critical_endpoints, rows);
