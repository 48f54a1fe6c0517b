/* worklist.h - what waits to be read: kept beside the studies and reports, in the order in which it is due.
 *
 *   study 7 --first image--> worklist  study 7, report 0, UNREAD      clock_at 14:00  due_at 15:00  urgency 4...1500
 *   a report is begun        worklist  study 7, report 12, DRAFT      the same clock: the row goes on with it
 *   ... submitted            worklist  study 7, report 12, PRELIMINARY
 *   ... signed               (none)
 *   ... asked to be added to worklist  study 7, report 12, ADDENDUM   with a clock of its own (reports/late_result.h)
 *   ... amended              worklist  study 7, report 12, DRAFT      with that, or one of its own
 *
 * A study has one clock, also for a second report of it.
 *
 * The clock of a study starts when its first image has come, not when the last has: that is told by nobody, and a
 * study whose last image is late has waited all the same. When it has to be read by, the setting REPORT_DUE says, by
 * care setting and modality; an amendment's clock starts when it is begun. Nobody sets that by hand, so where
 * REPORT_DUE is another, whatever waits follows (worklist_due_follows): each row says by which it was worked out.
 *
 * How urgent: the most urgent of the study's own priority, that of the report, and AI's: a positive finding that its
 * model's card marks as critical (or DIAGNOSIS_CRITICAL) lifts to URGENT. It never lowers, and a reader who says that
 * it is not there takes the lift away. `urgency` is one number to order by: the priority, then when it is due.
 *
 * Rows of deleted studies, and of studies that have lost their images, are not live (triggers see to that).
 * Everything here runs in the transaction of the change that it follows. False: the database failed.
 */
#ifndef ROENTGEN_WORKLIST_H
#define ROENTGEN_WORKLIST_H

#include "jobs/jobs.h"
#include "site/config.h"

/* priority * WORKLIST_STEP + due_at, in microseconds: the years until 2286 fit between two priorities. */
#define WORKLIST_STEP INT64_C(10000000000000000)

/* A file of this study is there, or has changed: its clock starts, if it has not. Costs a look. */
bool worklist_file_came(struct call *c, int64_t study_id);
/* Its priority, care setting, modality or body part is another. */
bool worklist_study_changed(struct call *c, int64_t study_id);
/* Its reports under way that had its priority go on having it. Before worklist_study_changed. */
bool worklist_priority_changed(struct call *c, int64_t study_id, unsigned from, unsigned to);

struct worklist_report {
    int64_t report_id, study_id;
    struct str status;  /* of one that is open, or "ADDENDUM"; null: signed, cancelled or withdrawn: nobody waits */
    unsigned priority;  /* enum job_priority */
    bool was_signed;    /* it is amended or added to */
    bool leaves_unread; /* no report of its study counts any more */
    int64_t author_id, submitted_by, reviewer_id;
};
bool worklist_report_changed(struct call *c, const struct worklist_report *report);

/* What models found on its files is another, or readers say otherwise of it (diagnosis/critical.h): the first critical
 * result that stands lifts it. Who calls this holds the study (record_lock.h). */
bool worklist_lift(struct call *c, int64_t study_id);
/* The same after this file of it was deleted, restored or filed. Costs a look where there is no such result. */
bool worklist_file_changed(struct call *c, int64_t study_id, int64_t file_id);

/* When a study that came at `clock` has to be read. */
struct instant worklist_due(const struct config *config, unsigned care_setting, struct str modality,
                            struct instant clock);
/* The first study, if any, that has rows which were worked out by another REPORT_DUE than there is now. */
enum found worklist_find_other_due(struct call *c, int64_t *study_id);
/* These are worked out anew, and say so. */
bool worklist_due_follows(struct call *c, int64_t study_id);
/* Is REPORT_DUE a list of such times? False: E_INVALID says what is not. */
bool worklist_check_due(const struct config *config, struct error *error);

#endif
