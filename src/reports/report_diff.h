/* report_diff.h - what differs between two versions of a report: section by section, value by value.
 *
 * Texts are told whole, before and after; which words of them differ is for who shows them. Everything is in the call's
 * arena.
 */
#ifndef ROENTGEN_REPORTS_REPORT_DIFF_H
#define ROENTGEN_REPORTS_REPORT_DIFF_H

#include "reports/report.h"

enum part_change { PART_ADDED = 1, PART_REMOVED, PART_CHANGED };
extern const char *const part_changes[];

struct part_diff {
    struct str name; /* of the section or field; "title", "language", "key_images", "sources", "addenda" */
    unsigned change; /* enum part_change */
    struct json from, to;
};

struct report_diff {
    int64_t report_id, from, to;
    struct list sections, fields, others; /* struct part_diff */
};
extern const struct schema report_diff_schema;

bool report_diff_make(struct call *c, const struct report_version *from, const struct report_version *to,
                      struct report_diff *out);

#endif
