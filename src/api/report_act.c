/* report_act.c - what becomes of reports: one endpoint for each action of the table (reports/report_states.h). */
#include "reports/report.h"
#include "web/exchange.h"

#define DEED(...) \
    KEY(struct report_deed, id, "The report."), \
        FIELD_AS(struct report_deed, "version", base, .flags = NULLABLE, .min = 1, .max = INT64_MAX, \
                 .doc = "The version that was looked at; 412 when it is no longer the current one."), \
        FIELD(struct report_deed, reason, __VA_ARGS__, .max = 500, .doc = "Why.")

static const struct field deed_fields[] = { DEED(.flags = NULLABLE) };
static const struct schema deed_schema = SCHEMA("ReportDeed", struct report_deed, deed_fields);
static const struct field reasoned_fields[] = { DEED(.flags = REQUIRED, .min = 1) };
static const struct schema reasoned_schema = SCHEMA("ReportReasonedDeed", struct report_deed, reasoned_fields);

static const struct field amend_fields[] = {
    DEED(.flags = REQUIRED, .min = 1),
    FIELD_AS(struct report_deed, "sections", content.sections, .flags = NULLABLE, .max = CONTENT_BYTES_MAX,
             .doc = "What is another in the new version; more by PATCH."),
};
static const struct schema amend_schema = SCHEMA("ReportAmendment", struct report_deed, amend_fields);

static const struct field addend_fields[] = {
    DEED(.flags = NULLABLE),
    FIELD_AS(struct report_deed, "addendum", content.addendum, .flags = REQUIRED, .min = 1, .max = CONTENT_ADDENDUM_MAX,
             .doc = "What is added below."),
};
static const struct schema addend_schema = SCHEMA("ReportAddendumDeed", struct report_deed, addend_fields);

static bool act(struct call *c, enum report_action action)
{
    struct report_deed deed = *(const struct report_deed *)c->in;
    deed.action = action;
    return report_act(c, &deed, c->out);
}

#define HANDLER(name, ACTION) \
    static bool name(struct call *c) \
    { \
        return act(c, ACTION); \
    }
HANDLER(submit_post, REPORT_SUBMIT)
HANDLER(review_post, REPORT_REVIEW)
HANDLER(approve_post, REPORT_APPROVE)
HANDLER(reject_post, REPORT_REJECT)
HANDLER(amend_post, REPORT_AMEND)
HANDLER(addendum_post, REPORT_ADDEND)
HANDLER(cancel_post, REPORT_CANCEL)
HANDLER(in_error_post, REPORT_MARK_IN_ERROR)

#define ACT(PATH, FUNCTION, IN, AUDIT, FLAGS, ...) \
    { \
        HTTP_POST, "/api/v1/reports/{id}/" PATH, FUNCTION, IN, &report_schema, \
            .permission = MAY_READ_REPORTS, .runs = WRITES, .body = BODY_JSON, .flags = FLAGS, .audit = AUDIT, \
            .entity = "report", .tag = "reports", __VA_ARGS__ \
    }
static const struct endpoint rows[] = {
    ACT("submit", submit_post, &deed_schema, "report.submit", ACTION, .summary = "Submits a draft",
        .doc = "422 names required sections that say nothing. From then on it may be read, and waits for a second "
               "reader."),
    ACT("review", review_post, &deed_schema, "report.review", ACTION, .summary = "Takes a submitted report for review",
        .doc = "So that no other reader does."),
    ACT("approve", approve_post, &deed_schema, "report.approve", ACTION, .summary = "Approves a submitted report",
        .doc = "Somebody else than its author (REPORT_SECOND_READER)."),
    ACT("reject", reject_post, &reasoned_schema, "report.reject", 0, .summary = "Gives a report back to its author",
        .doc = "With the reason. The author takes it back the same way."),
    ACT("amend", amend_post, &amend_schema, "report.amend", 0,
        .summary = "Begins a version that replaces the signed one",
        .doc = "Readers go on seeing what is signed until the new version is signed too. Both stay."),
    ACT("addendum", addendum_post, &addend_schema, "report.addendum", 0,
        .summary = "Begins a version that adds words below the signed one"),
    ACT("cancel", cancel_post, &deed_schema, "report.cancel", ACTION, .summary = "Gives up what was never signed",
        .doc = "Of a signed report: the amendment or addendum under way. Its versions stay."),
    ACT("mark-entered-in-error", in_error_post, &reasoned_schema, "report.mark_entered_in_error", 0,
        .summary = "Withdraws a signed report that should never have been"),
};
ENDPOINT_TABLE(report_act_endpoints, rows);
