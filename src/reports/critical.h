/* critical.h - a finding that somebody has to be told of in time, and a record of who was told.
 *
 *     critical_mark(c, &(struct critical_result){ .report_id = 12, .category = CRITICAL_MINUTES, ... }, &id)
 *     critical_communicate(c, &told, &result)
 *
 *   marked --> OPEN ---- communicate ----> COMMUNICATED      who was told, by whom, when, how, and read it back
 *               |  `---- cancel ---------> CANCELLED         with a reason: it was marked in error
 *               `-- the clock runs out: steps, each once
 *
 * The clock begins when it was found. How long it runs goes by the category, after the ACR's work group on
 * non-routine communication: findings that may kill within minutes, that harm within hours, within days. Limits are
 * settings (CRITICAL_WITHIN_MINUTES and so on); The Joint Commission (NPSG.02.03.01) asks that a house sets its own.
 *
 *   found_at ... limit ... due_at                    step 1: mail to who marked it and who writes the report
 *                          due_at + limit            step 2: the same, and to CRITICAL_RESULT_MAIL
 *
 * Each step is a row of its own in critical_result_events, put in the transaction that puts its mails and tells who
 * listens (event "report.critical"), by the job `critical.escalate`, which comes each minute; a step that is there is
 * never taken again. Moments are compared by the database's clock.
 *
 * To close it takes the six fields of the ACR: finding, found_at, radiologist, receiver, received_at, method. The
 * first three may be said when it is marked.
 *
 * A result belongs to its report: who sees that sees it, who writes reports marks and communicates, whoever marked it
 * or reviews reports cancels. What becomes of it is kept in its events, which are never rewritten, whatever becomes of
 * the report.
 */
#ifndef ROENTGEN_REPORTS_CRITICAL_H
#define ROENTGEN_REPORTS_CRITICAL_H

#include "reports/report.h"

enum critical_category { CRITICAL_MINUTES = 1, CRITICAL_HOURS, CRITICAL_DAYS };
extern const char *const critical_categories[];
enum critical_status { CRITICAL_OPEN = 1, CRITICAL_COMMUNICATED, CRITICAL_CANCELLED };
extern const char *const critical_statuses[];
enum critical_method { TOLD_IN_PERSON = 1, TOLD_BY_PHONE, TOLD_BY_VIDEO, TOLD_BY_MESSAGE, TOLD_BY_PAGER };
extern const char *const critical_methods[];
enum critical_event_kind { CRITICAL_IS_MARKED = 1, CRITICAL_IS_ESCALATED, CRITICAL_IS_TOLD, CRITICAL_IS_CANCELLED };
extern const char *const critical_event_kinds[];

enum { CRITICAL_STEPS = 2, CRITICAL_RESULTS_MAX = 50 /* of one report */ };

struct critical_result {
    int64_t id, report_id, study_id, version; /* `version`: of the report, when it was marked */
    unsigned status, category;
    struct str finding;
    struct instant found_at;
    struct str radiologist;
    struct instant due_at, next_step_at; /* `next_step_at`: not sent */
    int64_t steps;                       /* how many were taken */
    struct str receiver;
    struct instant received_at;
    unsigned method;
    bool read_back;
    struct str comment;
    int64_t marked_by, closed_by;
    struct str marked_by_name, closed_by_name;
    struct instant marked_at, closed_at;
    struct str reason; /* why it was cancelled */
};
extern const struct schema critical_result_schema;

struct critical_event {
    int64_t id, critical_result_id, step, user_id;
    unsigned kind;
    struct str user_name, text;
    struct instant at;
};
extern const struct schema critical_event_schema;

/* Inside transactions. E_INVALID: it was found in the future. E_CONFLICT: the report was given up or withdrawn. */
bool critical_mark(struct call *c, const struct critical_result *wish, int64_t *id);
/* E_INVALID names which of the six fields are missing. E_CONFLICT: it is closed. */
bool critical_communicate(struct call *c, const struct critical_result *told, struct critical_result *out);
bool critical_cancel(struct call *c, int64_t id, struct str reason, struct critical_result *out);
/* The row stays as it is until the commit; nothing follows from one that is not there. */
bool critical_lock(struct call *c, int64_t id);

/* E_NOT_FOUND, also where the caller does not see the report. */
bool critical_load(struct call *c, int64_t id, struct critical_result *out);

/* For lists of `critical_results k`: which of them the caller sees, those of reports that they see. By scopes, so that
 * who sees little reads little. Stays where it was filled. */
struct critical_sight {
    struct condition scopes[REPORT_SCOPES], condition;
    int scope_count;
    bool has_condition;
    struct value values[REPORT_SIGHT_VALUES];
};
void critical_in_sight(struct call *c, struct critical_sight *out);

extern const struct job_kind critical_escalate_kind; /* takes nothing */

#endif
