/* report_late_result.c - results of models that came after a report was signed: listed, dismissed. */
#include "reports/late_result.h"
#include "web/exchange.h"
#include "web/listing.h"

struct late_result_key {
    int64_t id;
    struct str reason;
};
static const struct field key_fields[] = { KEY(struct late_result_key, id, "The late result.") };
static const struct schema key_schema = SCHEMA("LateResultKey", struct late_result_key, key_fields);

static bool one_get(struct call *c)
{
    return late_result_load(c, ((const struct late_result_key *)c->in)->id, c->out);
}

/* ---- dismissed ---- */

#define REASON(OF) \
    FIELD(OF, reason, .flags = REQUIRED, .min = 1, .max = 500, .example = "the report says so in other words", \
          .doc = "Why nothing is to be added to the report.")
static const struct field dismiss_fields[] = { KEY(struct late_result_key, id, "The late result."),
                                               REASON(struct late_result_key) };
static const struct schema dismiss_schema = SCHEMA("LateResultDismiss", struct late_result_key, dismiss_fields);

enum { LATE_RESULTS_MAX = 1000 }; /* named at once */
struct late_results_key {
    int64_t id;
    struct integers late_results;
    struct str reason;
};
static const struct field dismiss_all_fields[] = {
    KEY(struct late_results_key, id, "The report."),
    FIELD(struct late_results_key, late_results, .flags = REQUIRED, .max = LATE_RESULTS_MAX, .example = "[12]",
          .doc = "Those that one has seen. What came since stays open."),
    REASON(struct late_results_key),
};
static const struct schema dismiss_all_schema =
    SCHEMA("LateResultsDismiss", struct late_results_key, dismiss_all_fields);

struct late_results_dismissed {
    int64_t dismissed;
};
static const struct field dismissed_fields[] = {
    FIELD(struct late_results_dismissed, dismissed, .flags = READ_ONLY,
          .doc = "How many that were: those that were named."),
};
static const struct schema dismissed_schema =
    SCHEMA("LateResultsDismissed", struct late_results_dismissed, dismissed_fields);

static bool dismiss_post(struct call *c)
{
    const struct late_result_key *in = c->in;
    return late_result_dismiss(c, in->id, in->reason, c->out);
}

static bool dismiss_all_post(struct call *c)
{
    const struct late_results_key *in = c->in;
    return late_results_dismiss(c, in->id, &in->late_results, in->reason,
                                &((struct late_results_dismissed *)c->out)->dismissed);
}

/* ---- lists ---- */

struct late_result_list {
    struct list_query list;
    int64_t id; /* of the report */
    unsigned status;
};
#define LATE_RESULT_SORTS(X) X("asked_at", "k.asked_at")
LIST_ORDER(late_result_order, LATE_RESULT_SORTS);
#define FILTERS(...) \
    LIST_FIELDS(struct late_result_list, late_result_order, "asked_at"), \
        FIELD(struct late_result_list, status, .choices = late_result_statuses, .type = "LateResultStatus", \
              .doc = "Only those that stand so; OPEN: whose image is there, too.", __VA_ARGS__)
static const struct field all_fields[] = { FILTERS(.fallback = "OPEN") };
static const struct schema all_schema = SCHEMA("LateResultList", struct late_result_list, all_fields);
static const struct field of_report_fields[] = { FILTERS(.flags = 0), KEY(struct late_result_list, id, "The report.") };
static const struct schema of_report_schema = SCHEMA("ReportLateResultList", struct late_result_list, of_report_fields);
static const struct listing late_result_listing = { .row = &late_result_schema,
                                                    .id = "k.id",
                                                    .order = &late_result_order };

/* Matches are counted without the join. */
#define OF_REPORT "(select z.study_id from reports z where z.id = k.report_id)"

/* What counts when nobody gives it has to be said here: filters are those that were given. */
static bool answer(struct call *c, struct condition among)
{
    const struct late_result_list *in = c->in;
    struct condition asked[2] = { among };
    int count = 1;
    if (in->status == LATE_RESULT_OPEN)
        asked[count++] = (struct condition){ LATE_RESULT_STANDS(OF_REPORT) };
    else if (in->status)
        asked[count++] = (struct condition){ "k.status = ?", V(choice_text(late_result_statuses, in->status)) };
    return list_answer(c, &late_result_listing, (struct list_among){ .conditions = asked, .condition_count = count });
}

static bool all_get(struct call *c)
{
    struct value values[REPORT_SIGHT_VALUES];
    return answer(c, report_in_sight(c, values));
}

static bool of_report_get(struct call *c)
{
    int64_t id = ((const struct late_result_list *)c->in)->id;
    struct report report;
    return report_load(c, id, &report) && answer(c, (struct condition){ "k.report_id = ?", V(id) });
}

#define PATH "/api/v1/late-results"
#define ROW_OF(ENTITY) .permission = MAY_READ_REPORTS, .entity = ENTITY, .tag = "reports"
#define ROW ROW_OF("late_result")
#define CHANGES .runs = WRITES, .body = BODY_JSON
static const struct endpoint rows[] = {
    { HTTP_GET, PATH, all_get, &all_schema, &late_result_schema, ROW, .flags = LIST, .audit = "late_result.list",
      .summary = "Lists results of models that ask for an addendum, of the reports one may see",
      .doc = "After the report was signed a positive result arrives, or a reader confirms it, or one that the report "
             "rests on is denied: the report stays as it is. Signing an addendum or an amendment answers all that were "
             "open when it was begun." },
    { HTTP_GET, "/api/v1/reports/{id}/late-results", of_report_get, &of_report_schema, &late_result_schema,
      ROW_OF("report"), .flags = LIST, .audit = "late_result.list",
      .summary = "Lists what came after a report was signed" },
    { HTTP_POST, "/api/v1/reports/{id}/dismiss-late-results", dismiss_all_post, &dismiss_all_schema, &dismissed_schema,
      ROW_OF("report"), CHANGES, .audit = "late_result.dismiss",
      .summary = "Says that nothing is to be added because of several of them",
      .doc = "By who may change reports, or its author. 422: one that is named is not open, not of this report, or its "
             "image is deleted." },
    { HTTP_GET, PATH "/{id}", one_get, &key_schema, &late_result_schema, ROW, .audit = "late_result.read",
      .summary = "Shows a late result" },
    { HTTP_POST, PATH "/{id}/dismiss", dismiss_post, &dismiss_schema, &late_result_schema, ROW, CHANGES,
      .audit = "late_result.dismiss", .summary = "Says that nothing is to be added because of it, and why",
      .doc = "By who may change reports, or the report's author. 409: it is not open." },
};
ENDPOINT_TABLE(report_late_result_endpoints, rows);
