/* work.h - the work list as somebody sees it: which studies to read and which reports to review, most urgent first.
 *
 *     struct work_asked asked;
 *     if (!work_ask(c, &wish, &asked)) ...                // conditions and scopes for a list of `worklist q`
 *     enum found found = work_next(c, &wish, &row);       // the next study to read
 *
 *   MINE        one's own drafts, also those that were rejected, what one has taken for review, and signed ones of
 *               one's own that are asked to be added to (late_result.h)
 *   UNREAD      studies that have images and no report
 *   TO_REVIEW   what others have submitted and nobody has taken, to who may review it
 *   OVERDUE     whatever should have been signed by now
 *   ALL         all that is not signed yet, or is to be added to
 *
 * A study is read by one at a time. Who asks for the next takes it (work_take): it is theirs for REPORT_LOCK_S, and
 * nobody else is shown it as the next or begins a report on it meanwhile (work_may_begin). The report then stands for
 * that, from its draft to its signature. Two who are to read the same study (double reading) say so.
 *
 *   UNREAD --take--> UNREAD, holder_id, held_until --report begun--> DRAFT, author_id
 *      ^               |
 *      `-- given back, another taken, time over
 *
 * records/worklist.h keeps the rows and says how urgent they are. It is for those who write or review reports
 * (E_FORBIDDEN); each sees the rows of studies whose record they see (records/visibility.h), and of reports that they
 * have written or review. Names of patients as permissions let them.
 */
#ifndef ROENTGEN_REPORTS_WORK_H
#define ROENTGEN_REPORTS_WORK_H

#include "records/modality.h"
#include "records/worklist.h"
#include "reports/report.h"

enum work_view { WORK_MINE = 1, WORK_UNREAD, WORK_TO_REVIEW, WORK_OVERDUE, WORK_ALL };
extern const char *const work_views[];
enum work_state {
    WORK_IS_UNREAD = 1,
    WORK_IS_DRAFT,
    WORK_IS_PRELIMINARY,
    WORK_IS_IN_REVIEW,
    WORK_IS_APPROVED,
    WORK_IS_TO_BE_ADDED_TO
};
extern const char *const work_states[];
enum work_priority_from { FROM_STUDY = 1, FROM_REPORT, FROM_AI };
extern const char *const work_priorities_from[];

struct work_row {
    int64_t study_id, patient_id;
    struct str patient_name, patient_number, accession_number, modality, body_part, description;
    struct date study_date;
    unsigned care_setting, state;
    unsigned priority, priority_from;
    int64_t lift_diagnosis_id;
    struct str lift_model_name, lift_model_version, lift_label; /* null: nothing has lifted it */
    struct instant clock_at, due_at;
    int64_t age_s; /* since its clock started */
    bool overdue;
    int64_t report_id, report_version; /* null: there is none */
    int64_t late_results;
    int64_t author_id, reviewer_id;
    struct str author_name, reviewer_name;
    int64_t editor_id;
    struct str editor_name;
    struct instant editing_until;
    int64_t holder_id; /* who has taken it to read, so long as nobody has begun */
    struct str holder_name;
    struct instant held_until;
};
extern const struct schema work_row_schema;
/* Fills what follows from the clock, and forgets a holder whose time is over. For lists: listing.derive. */
void work_derive(struct call *c, void *row);

struct work_wish {
    unsigned view, priority;      /* priority 0: any */
    struct modalities modalities; /* none: any; of work_next, as is the next */
    struct str body_part;         /* null: any */
};
enum { WORK_CONDITIONS = 3, WORK_SCOPES = REPORT_SCOPES };
struct work_asked {
    struct condition conditions[WORK_CONDITIONS], scopes[WORK_SCOPES];
    int condition_count, scope_count;
};
bool work_ask(struct call *c, const struct work_wish *wish, struct work_asked *out);

/* Of what nobody else holds: studies without a report, and one's own drafts that nobody else is editing. FAILED with an
 * error. */
enum found work_next(struct call *c, const struct work_wish *wish, struct work_row *out);

/* Of a row of `worklist` that has no report: has nobody else taken it? Parameters: the caller, now. */
#define WORK_IS_FREE "(holder_id is null or holder_id = ? or held_until <= ?)"
/* Inside a transaction: the same, and takes it; of many who ask at once each gets another study. What the caller had
 * taken before is given back. E_UNAVAILABLE: too many ask at once. */
enum found work_take(struct call *c, const struct work_wish *wish, struct work_row *out);
/* Inside a transaction: whatever the caller has taken. */
bool work_give_back(struct call *c);
/* Inside the transaction that begins a report, and holds the study: does nobody else read it, by a report that is
 * under way or by having taken it? E_CONFLICT says who. */
bool work_may_begin(struct call *c, int64_t study_id);

/* Tells what has become overdue as an event, each once. Nothing is told of what is told. */
extern const struct job_kind overdue_kind;

#endif
