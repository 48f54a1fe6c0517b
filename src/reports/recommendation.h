/* recommendation.h - the follow-up register: what a report recommends, by when, why, and what became of it.
 *
 *     recommendation_write(c, &(struct recommendation){ .report_id = 12, .modality = S("CT"),
 *                                                       .body_part = S("CHEST"), .due_on = day, ... }, &id)
 *     recommendation_act(c, &(struct recommendation_deed){ id, RECOMMENDATION_DISMISS, .note = why }, &row)
 *
 *   written --> PENDING --the report is signed--> OPEN --complete, or a matching study--> COMPLETED
 *                  |  `------- dismiss ---------.  |  ^                                      |
 *                  |                             v v  `--------------- reopen --------------+
 *                  |                          DISMISSED ------------- reopen ---------------'
 *                  `--> WITHDRAWN <-- OPEN        the report, or the version under way, is given up or withdrawn
 *
 * It is written beside a report and is no part of what is signed: no version changes. On a report that is not signed
 * (or of which a version more is under way) it waits, PENDING, and nobody but who writes reports sees it; the next
 * signature opens it. On a signed one it is OPEN at once. What goes with a report that was given up or withdrawn is
 * WITHDRAWN for good; what was COMPLETED or DISMISSED before stays so, and is not reopened.
 *
 * A study of the same patient closes it (RECOMMENDATION_MATCH), whoever brought it and however it came, also one that
 * came before the recommendation was written: what is asked for has been done then. It has images, and
 *
 *     what    was made by that modality (films are one, XR is any X-ray: records/modality.h), of that body part: as
 *             its record or one of its series says; or it was ordered by that procedure code, in that coding scheme
 *     when    is later than the reported study (of the same day by its hour), and not before `not_before`. Of a
 *             reported study without a date what counts is later than the day of writing. It is never too late: what
 *             comes after `due_on` closes it, too.
 *
 * What does not say its day or its body part closes nothing by itself: a reminder too many costs less than a
 * recommendation that is lost. Where a person reopens one, the study that had closed it does not count for it again.
 * A study that is deleted, loses its images, or turns out to be another patient's opens again what it had closed; what
 * the server had closed also one that turns out to be something else, or doubtful.
 *
 * The job `reports.follow_up` comes each minute: it looks again at what is closed by studies that have changed so
 * (`look_again`, put by triggers), closes what is done, and reminds, once each time it was opened, of what was not done
 * by `due_on`: by mail to who recommended it, who writes the report and FOLLOW_UP_MAIL, and by the event
 * "report.follow_up". Days are those of TIME_ZONE.
 *
 * Who sees the report sees it (once it was OPEN); which study closed it is told to who sees that study. What became of
 * it is kept in its events, which are never rewritten.
 */
#ifndef ROENTGEN_REPORTS_RECOMMENDATION_H
#define ROENTGEN_REPORTS_RECOMMENDATION_H

#include "db/condition.h"
#include "jobs/jobs.h"
#include "reports/report.h"

enum recommendation_status {
    RECOMMENDATION_PENDING = 1,
    RECOMMENDATION_OPEN,
    RECOMMENDATION_COMPLETED,
    RECOMMENDATION_DISMISSED,
    RECOMMENDATION_WITHDRAWN
};
extern const char *const recommendation_statuses[];
enum recommendation_action {
    RECOMMENDATION_COMPLETE = 1,
    RECOMMENDATION_DISMISS,
    RECOMMENDATION_REOPEN,
    RECOMMENDATION_ACTIONS = RECOMMENDATION_REOPEN
};
extern const char *const recommendation_actions[]; /* as the paths of the API name them */
enum recommendation_event_kind {
    RECOMMENDATION_IS_WRITTEN = 1,
    RECOMMENDATION_IS_OPENED,
    RECOMMENDATION_IS_OVERDUE,
    RECOMMENDATION_IS_COMPLETED,
    RECOMMENDATION_IS_DISMISSED,
    RECOMMENDATION_IS_REOPENED,
    RECOMMENDATION_IS_WITHDRAWN
};
extern const char *const recommendation_event_kinds[];

enum {
    RECOMMENDATIONS_MAX = 50,      /* of one report */
    RECOMMENDATION_YEARS_MAX = 20, /* from now until it is due: more is a slip */
};

/* What may be done with it, in which state, by whom: by who has the permission, or has recommended it. */
struct recommendation_move {
    enum recommendation_action action;
    unsigned from; /* STATUS_BIT of each */
    enum recommendation_status to;
    enum permission permission;
    bool by_recommender; /* also without the permission */
    const char *doc;
};
extern const struct recommendation_move recommendation_moves[RECOMMENDATION_ACTIONS];

struct recommendation {
    int64_t id, report_id, study_id, patient_id, version; /* `version`: of the report, when it was written */
    struct str patient_name, patient_number;
    unsigned status;
    struct str modality, body_part;
    struct str procedure_code, procedure_scheme, procedure_text;
    struct str reason, reason_code, reason_scheme;
    struct date written_on; /* not sent */
    struct date not_before, due_on, remind_after;
    bool overdue;
    bool look_again; /* not sent */
    int64_t recommended_by;
    struct str recommended_by_name;
    struct instant created_at, opened_at, reminded_at;
    int64_t completed_study_id, closed_by;
    struct str closed_by_name;
    struct instant closed_at;
    struct str note;
    struct texts actions;
};
extern const struct schema recommendation_schema;

struct recommendation_event {
    int64_t id, recommendation_id, user_id;
    unsigned kind;
    struct str user_name, text;
    struct instant at;
};
extern const struct schema recommendation_event_schema;

/* Inside transactions. E_INVALID names what cannot be. E_CONFLICT: the report was given up or withdrawn, or has
 * RECOMMENDATIONS_MAX. */
bool recommendation_write(struct call *c, const struct recommendation *wish, int64_t *id);

struct recommendation_deed {
    int64_t id;
    unsigned action;
    int64_t study_id;   /* of RECOMMENDATION_COMPLETE: which did it; not above 0: none of ours, and the note says */
    struct date due_on; /* of RECOMMENDATION_REOPEN: by when now; null: as it was */
    struct str note;
};
/* E_CONFLICT names the state and what may be done in it. E_FORBIDDEN. E_INVALID: a reason is missing, or this study
 * does not do. */
bool recommendation_act(struct call *c, const struct recommendation_deed *deed, struct recommendation *out);

/* Inside the transaction that did this to the report, whose row and study it holds: its recommendations follow. */
bool recommendation_follow(struct call *c, const struct report *report, enum report_action action);

/* Inside a transaction: patient, study, report and the row stay as they are until the commit (record_lock.h). */
bool recommendation_hold_with_study(struct call *c, int64_t id);
/* E_NOT_FOUND, also where the caller does not see the report, or it was never open and they do not write reports. */
bool recommendation_load(struct call *c, int64_t id, struct recommendation *out);
/* For lists of `recommendations k`: which of them the caller sees. By scopes, so that who sees little reads little;
 * `is_short`: the list's own FROM finds few, and each is asked for by itself. Stays where it was filled. */
struct recommendation_sight {
    struct condition scopes[REPORT_SCOPES], conditions[2];
    int scope_count, condition_count;
    struct value values[REPORT_SIGHT_VALUES];
};
void recommendation_in_sight(struct call *c, bool is_short, struct recommendation_sight *out);

/* A day as columns of `recommendations` have it; null: none. */
struct value recommendation_day(struct call *c, struct date date);

extern const struct job_kind follow_up_kind; /* takes nothing */

#endif
