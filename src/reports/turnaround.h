/* turnaround.h - how long reports took, stage by stage, from the study's first image to the first signature.
 *
 *     arrival --draft--> begun --submit--> submitted --review--> approved --sign--> signed
 *        `------------------------------- total --------------------------------------'
 *
 *     struct turnaround_wish wish = { .from = ..., .to = ... };
 *     turnaround_read(c, &wish, &figures)          // as rows: all, by month, by modality, by author
 *     turnaround_draw(svg, &figures, language, arena)
 *
 * A report counts in the month of its first signature (the hospital's days, base/zone.h), once: amendments and addenda
 * are not what was waited for. Times are those of report_steps: it was submitted when it first was, approved when it
 * last was before the signature, so that the way back of a rejected one counts as review. Of a stage that a report has
 * not gone through (no approval where REPORT_SECOND_READER is off, a report begun before the images came) it says
 * nothing.
 *
 * Median and p90 are exact, by nearest rank: of n sorted times the one in place ceil(n / 2), ceil(0.9 n).
 * `overdue`: signed after the study was due (records/worklist.h).
 *
 * Only reports that the caller sees count, and none that was withdrawn as an error. By author: to those who review
 * reports, all with their names; to others, themselves alone. Days in which more than TURNAROUND_MAX reports were
 * signed are refused (E_TOO_LARGE): whoever sees few of them has all looked at.
 */
#ifndef ROENTGEN_REPORTS_TURNAROUND_H
#define ROENTGEN_REPORTS_TURNAROUND_H

#include "base/plot.h"
#include "reports/report.h"

enum { TURNAROUND_MAX = 300000 };

struct turnaround_wish {
    struct date from, to; /* days of the first signature, inclusive; null: the last twelve months; until today */
};

enum turnaround_stage { STAGE_DRAFT, STAGE_SUBMIT, STAGE_REVIEW, STAGE_SIGN, STAGE_TOTAL, STAGES };

struct stage_times {
    int64_t reports; /* that have gone through it */
    double median_s, p90_s;
};
struct turnaround {
    struct str month, modality; /* null: of all */
    int64_t author_id;
    struct str author_name;
    int64_t reports, overdue;
    double overdue_share; /* of those that were due */
    struct stage_times draft, submit, review, sign, total;
};
struct turnaround_figures {
    struct turnaround all;
    struct list months, modalities, authors, modality_months; /* struct turnaround */
};
extern const struct schema turnaround_schema, turnaround_figures_schema;

bool turnaround_read(struct call *c, const struct turnaround_wish *wish, struct turnaround_figures *out);
/* All, then each modality: times to the signature, to the draft and of the review, and how many were late. */
void turnaround_draw(struct text *svg, const struct turnaround_figures *figures, enum plot_language language,
                     struct arena *arena);

#endif
