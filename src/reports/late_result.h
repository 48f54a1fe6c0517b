/* late_result.h - what models say of a study after its report was signed: it asks for an addendum.
 *
 *     app->jobs.judged = late_result_heard;                 // in the transaction that writes or judges a result
 *     late_results_follow(c, &report, &deed)                // in that which does something to a report
 *     late_result_dismiss(c, id, reason, &row)
 *
 *   ARRIVED    a result arrives                  --same transaction--> a row, OPEN, for each signed report on
 *   CONFIRMED  a reader confirms or corrects one  the same              the study of its image
 *   DENIED     one that the report rests on stands no more as it did: rejected, corrected, withdrawn
 *
 *   OPEN --an addendum or amendment is signed--> ADDRESSED
 *    | |`------- dismissed, with the reason ---> DISMISSED
 *    | `- its cause is taken back -------------> WITHDRAWN --and given again--> OPEN
 *    `-- its image is deleted, or filed in another study: it rests, and counts again when that is undone; where
 *        the image is purged, it is WITHDRAWN
 *
 * The report stays as it is. A result is positive when at least one of its findings is: `positive` of a finding of the
 * model (its probability reached the threshold that its label has in the card), or of the reader who corrected it. What
 * the label means is the card's: a label "normal" that reaches its threshold is positive.
 *
 *   ARRIVED    of a model that was ACTIVE; positive. Where the gate shut (gate.h) there is no finding.
 *   CONFIRMED  of such a model, whenever it came; what the reader leaves of it is positive.
 *   DENIED     the signed version rests on it: a source of it that still stands (content.h). Its readers' last word is
 *              another than at the signature: it is rejected or withdrawn, or other findings are positive now, or at
 *              other places.
 *
 * So a result without any positive finding asks for nothing, unless the report rests on what it said before. The cause
 * is taken back when a result that arrived or was confirmed is rejected, withdrawn or corrected to nothing; of a ground
 * when its readers' last word is again that of the signature; and when the report is marked as entered in error. What
 * arrived or was confirmed asks once of each report, a ground once of each signed version: what was addressed or
 * dismissed stays so.
 *
 * A signature answers what was open when its version was begun. What came while that was written (`while_writing`), or
 * is another word on what was open before, it answers only where who signs names it, or where its text has it: it rests
 * on what came, or no longer on what was denied. What is not answered stays open, and is answered by the next. A ground
 * that is left open so is that of the new version, too: no second is opened for it, and the word of the signature that
 * it was first denied to is the one that takes it back.
 *
 * Nobody answers or dismisses what they have not seen: what rests is left alone unless it is dismissed by itself, and
 * of several that are dismissed at once each is named.
 *
 * While one is open the report says so (`addendum_asked`), and its study is on the work list as ADDENDUM, the author's
 * own, with a clock that starts there (records/worklist.h); the addendum, once begun, goes on with that clock. The
 * author gets mail when the first of a report opens, not for each of a series. All that becomes of one, but by a purge,
 * is told as the event "report.late_result".
 *
 * No clock decides what came first: who writes or judges a result and who signs a report each hold the study.
 *
 * Who sees the report sees that something asks; which result of which model, who may ask models and sees the image.
 */
#ifndef ROENTGEN_REPORTS_LATE_RESULT_H
#define ROENTGEN_REPORTS_LATE_RESULT_H

#include "db/condition.h"
#include "reports/report.h"

enum late_result_status { LATE_RESULT_OPEN = 1, LATE_RESULT_ADDRESSED, LATE_RESULT_DISMISSED, LATE_RESULT_WITHDRAWN };
extern const char *const late_result_statuses[];
enum late_result_cause { LATE_RESULT_ARRIVED = 1, LATE_RESULT_CONFIRMED, LATE_RESULT_DENIED };
extern const char *const late_result_causes[];
enum late_result_action { LATE_RESULT_DISMISS = 1 };
extern const char *const late_result_actions[]; /* as the paths of the API name them */

struct late_result {
    int64_t id, report_id, study_id, patient_id;
    struct str patient_name, patient_number;
    int64_t signed_version; /* the last signed one when it came */
    int64_t diagnosis_id;   /* null: not told, or gone for good with its image */
    struct str model_name, model_version;
    unsigned cause, status;
    bool while_writing; /* a version above the signed one was under way, which does not answer it by itself */
    struct instant asked_at;
    int64_t addressed_version, closed_by;
    struct str closed_by_name;
    struct instant closed_at;
    struct str reason;
    int64_t author_id; /* of the report; not sent */
    struct texts actions;
};
extern const struct schema late_result_schema;

/* Of a row `k` of late_results, of a report on STUDY: is it open, and does it count? Counted rather than asked whether
 * they exist: MariaDB would make a join of that, and begin it with the files. */
#define LATE_RESULT_STANDS(STUDY) \
    "k.status = 'OPEN' and (select count(*) from diagnoses x join image_files f on f.id = x.image_file_id join " \
    "studies o on o.id = f.study_id where x.id = k.diagnosis_id and f.study_id = " STUDY \
    " and (o.is_deleted = 1 or " IN_SIGHT("f") ")) > 0"
#define LATE_RESULTS_OF(REPORT, STUDY) \
    "(select count(*) from late_results k where k.report_id = " REPORT " and " LATE_RESULT_STANDS(STUDY) ")"

/* Inside the transaction that has written, judged or withdrawn the result, and holds its study (critical_hold). */
bool late_result_heard(struct call *c, int64_t diagnosis_id);
/* Inside the transaction that has deleted a file, brought it back or filed it elsewhere. */
bool late_results_file_changed(struct call *c, int64_t image_file_id);
/* Inside the transaction that did this to the report, whose row and study it holds, before report_keep_on_list.
 * E_INVALID: deed->late_results names one that is not open, that rests, or is not of this report. */
bool late_results_follow(struct call *c, const struct report *report, const struct report_deed *deed);

/* Inside transactions. By who may begin an addendum, or the report's author: E_FORBIDDEN. E_CONFLICT: it is not open.
 */
bool late_result_dismiss(struct call *c, int64_t id, struct str reason, struct late_result *out);
/* Several of a report: a model that was asked of a whole series is answered at once. E_INVALID: as late_results_follow.
 */
bool late_results_dismiss(struct call *c, int64_t report_id, const struct integers *named, struct str reason,
                          int64_t *dismissed);

/* Inside a transaction: patient, study, report and the row stay as they are until the commit (record_lock.h). */
bool late_result_hold_with_study(struct call *c, int64_t id);
/* E_NOT_FOUND, also where the caller does not see the report. */
bool late_result_load(struct call *c, int64_t id, struct late_result *out);

#endif
