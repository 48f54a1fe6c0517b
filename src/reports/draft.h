/* draft.h - a draft filled with what is known already, each part with its source; nothing is invented.
 *
 *     struct report_content content = ...;              // what has been written so far
 *     draft_fill(c, &report, change.sections, &content) // in the transaction that puts the version
 *
 *   annotations of the study's images    fields of the kind `measurement`; else a sentence in findings
 *   what models found, and a reader      fields of the kind `finding`; else a sentence in findings. All of it says that
 *   has CONFIRMED or MODIFIED            it is a model's, and which one
 *   the last signed report of the same   fields of the kind `prior`; else, of a number, a line in comparison with the
 *   patient, body part and modality      earlier value and the change; and which examination that was
 *
 * Filled is what has no value yet, and sentences are lines of their own behind the section's words. What somebody has
 * written stays: a field with another value than the one that was put there, a sentence that was changed or taken out.
 * `sources` tells: each value and sentence that was put there has an entry. So to fill twice adds nothing; and where a
 * measurement or the earlier report has changed since, what is still as it was put there is brought up to date;
 * what was struck out, rejected or withdrawn since is taken out.
 *
 *   fields.cobb 41.3   <-   source {field cobb, MEASUREMENT, images/812/annotations/4, detail "annotation 0c9f..."}
 *
 * What a model has drawn counts where the last judgement of what that model said of the frame has CONFIRMED it. Lengths
 * in pixels are left out; those at the detector are told in a sentence that says so, and go into no field.
 * A measurement goes into a field only where that is sure, and the caller sees all of the study: its label is the
 * field's name or label and no other field's, and no other measurement's is; or it is the study's only one of its kind,
 * has no label, is of no side, and no other field asks for the same. Whose label says another field by now leaves the
 * one that it was put into. Everything else is told in a sentence, and offered for the field (draft_candidates): size
 * decides nothing, a number in the wrong field is worse than none. Once it is sure, what stood in a sentence goes into
 * the field.
 * Numbers are rounded to 0.1 (ratios 0.001), and changes are those of the rounded numbers. What does not fit a field's
 * limits is told in a sentence.
 *
 * Shown is only what the caller sees of images, diagnoses and reports. At most DRAFT_IMAGES_MAX images,
 * DRAFT_ANNOTATIONS_MAX annotations and DRAFT_DIAGNOSES_MAX diagnoses are looked at.
 */
#ifndef ROENTGEN_REPORTS_DRAFT_H
#define ROENTGEN_REPORTS_DRAFT_H

#include "reports/report.h"

enum { DRAFT_IMAGES_MAX = 200, DRAFT_ANNOTATIONS_MAX = 2000, DRAFT_DIAGNOSES_MAX = 200, DRAFT_CANDIDATES_MAX = 500 };

/* Inside a transaction. *content as it is with what was filled in. `said`: sections that the same request has told;
 * they stay as they are, also where they are the template's own words. */
bool draft_fill(struct call *c, const struct report *report, struct json said, struct report_content *content);

/* A measurement that could go into a field that has no value. */
struct draft_candidate {
    struct str field;
    double value;        /* as it would be there */
    struct str text;     /* the sentence that tells it; null: its main value is not known */
    struct list sources; /* of struct content_source, as the report would have them */
};
struct draft_candidates {
    int64_t report_id;
    struct list candidates; /* at most DRAFT_CANDIDATES_MAX, by field */
};
extern const struct schema draft_candidates_schema;
/* Of a report that the caller has loaded; none of what is no draft, and of an addendum. */
bool draft_candidates(struct call *c, const struct report *report, struct draft_candidates *out);

/* Before it is handed on: where a sentence that was put there compares a number, has its field that number still? The
 * field's name, else null. */
struct str draft_outdated(struct call *c, const struct report_content *content, const struct content_form *form,
                          const struct content_source *source);

#endif
