/* report_parts.h - what the files that change reports share. All inside transactions that hold the report's row. */
#ifndef ROENTGEN_REPORTS_REPORT_PARTS_H
#define ROENTGEN_REPORTS_REPORT_PARTS_H

#include "reports/report.h"

#define REPORT_SIGNED_BITS (STATUS_BIT(REPORT_FINAL) | STATUS_BIT(REPORT_AMENDED) | STATUS_BIT(REPORT_APPENDED))

/* Whoever listens hears how it stands. */
bool report_tell(struct call *c, const struct report *report, enum report_status status);
/* A row of its history; `action` 0: it was begun. */
bool report_put_step(struct call *c, const struct report *report, unsigned action, enum report_status to,
                     struct str reason);
/* The row of report->version, with its kind and what it replaces. The report's own row is the caller's to change. */
bool report_put_version(struct call *c, struct report *report, const struct report_content *content, struct str reason);
/* Is the caller its author, and still one who writes reports? */
bool report_is_author(const struct call *c, const struct report *report);
/* Was `base` the current version? INTEGER_NULL will do for who made that. E_PRECONDITION_FAILED names both. */
bool report_is_current(struct call *c, const struct report *report, int64_t base);

#endif
