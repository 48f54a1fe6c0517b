/* late_result_parts.h - what the files of late results share. */
#ifndef ROENTGEN_REPORTS_LATE_RESULT_PARTS_H
#define ROENTGEN_REPORTS_LATE_RESULT_PARTS_H

#include "reports/late_result.h"

/* A result with all that was said of it. */
struct heard {
    int64_t diagnosis_id, study_id;
    struct list findings, readings; /* the model's own; what readers said (diagnosis.h), the last counts */
    bool is_withdrawn, is_rejected;
    bool is_confirmed; /* or corrected, by the last reader who judged it */
    bool asks;         /* who has not heard of it is to be asked: it is positive, stands, and is of no shadow */
};
bool heard_read(struct call *c, int64_t diagnosis_id, struct heard *out);
/* How many judgements there were before what has just become of it. */
ptrdiff_t heard_before(const struct heard *h);
/* Is the last word on it another than it was after so many judgements? */
bool heard_differs(const struct heard *h, ptrdiff_t judgements);

/* E_INVALID: `named`, of the body's member late_results, has one that is not open, that rests, or of another report. */
bool late_results_are_open(struct call *c, const struct report *report, const struct integers *named);

/* Inside a transaction: whoever listens hears how one, or several at once, of this report stand. */
bool late_result_tell(struct call *c, int64_t report_id, int64_t study_id, enum late_result_status status);

#endif
