/* report_marks.h - what is drawn over a key image of a report: the annotations of that frame, with their values.
 *
 *     struct report_marks marks;
 *     if (!report_marks_load(c, &wish, &marks)) return false;
 *     block.marks = marks.marks, block.count = marks.count, block.alt = caption and marks.words
 *
 * Of a signed version those that were signed (report_subject.h, "annotations"), whatever has been drawn since; of one
 * that is not signed the current ones. Where the record no longer has the annotations that were signed, none are drawn,
 * and `remark` says so. What was signed before annotations were signed along has none.
 *
 * At most REPORT_MARKED_MAX annotations and REPORT_PLACES_MAX points are drawn over an image; `remark` says how many
 * are left out. What a model drew is dashed and names the model; it is drawn only where a reader stands by it
 * (report_drawing_confirmed), of a signed version: stood by it at signing. Else `remark` says that it is left out.
 */
#ifndef ROENTGEN_REPORTS_REPORT_MARKS_H
#define ROENTGEN_REPORTS_REPORT_MARKS_H

#include "pdf/pdf.h"
#include "records/image_file.h"
#include "reports/report_subject.h"

enum { REPORT_MARKED_MAX = 100, REPORT_PLACES_MAX = 8192 };

struct report_marks_wish {
    const json_t *subject; /* what was signed; NULL: the version is not */
    const struct image_file *file;
    int64_t frame;
    bool is_chinese;
};
struct report_marks {
    const struct pdf_mark *marks;
    int count;
    struct str words;  /* each of them by name and value, for those who do not see it; null: nothing is drawn */
    struct str remark; /* for all readers; null: none */
};
bool report_marks_load(struct call *c, const struct report_marks_wish *wish, struct report_marks *out);

#endif
