/* report_states.h - the one table of what may become of a report, when, and by whom.
 *
 *   DRAFT --submit--> PRELIMINARY --review--> IN_REVIEW --approve--> APPROVED --sign--> FINAL | AMENDED | APPENDED
 *     ^                    |`-------------- approve ---------------->|   |                  |
 *     |<------ reject -----+------------------ reject ---------------+---'                  |
 *     |<----------------------- amend, addendum (a new version) ----------------------------+
 *     `-- cancel --> CANCELLED         (of an amendment: back to what was signed)           `--> ENTERED_IN_ERROR
 *
 * Checks, the documentation of the API, docs/reports.md and the tests are walks over its rows: {from, action, to,
 * permission, rules}. Where REPORT_SECOND_READER is off, a report needs no approval before it is signed.
 *
 * FHIR's DiagnosticReport.status, HL7's OBR-25 and DICOM's flags for each state are columns of report_status_rows.
 */
#ifndef ROENTGEN_REPORTS_REPORT_STATES_H
#define ROENTGEN_REPORTS_REPORT_STATES_H

#include "site/permission.h"

enum report_status {
    REPORT_DRAFT = 1,
    REPORT_PRELIMINARY,
    REPORT_IN_REVIEW,
    REPORT_APPROVED,
    REPORT_FINAL,
    REPORT_AMENDED,
    REPORT_APPENDED,
    REPORT_CANCELLED,
    REPORT_ENTERED_IN_ERROR,
    REPORT_STATUSES = REPORT_ENTERED_IN_ERROR
};
extern const char *const report_statuses[];

struct report_status_row {
    const char *fhir; /* DiagnosticReport.status (R4) */
    const char *hl7;  /* OBR-25, table 0123 */
    const char *doc;
};
extern const struct report_status_row report_status_rows[REPORT_STATUSES + 1]; /* by enum report_status */

enum report_action {
    REPORT_SUBMIT = 1,
    REPORT_REVIEW,
    REPORT_APPROVE,
    REPORT_REJECT,
    REPORT_SIGN,
    REPORT_AMEND,
    REPORT_ADDEND,
    REPORT_CANCEL,
    REPORT_MARK_IN_ERROR,
    REPORT_ACTIONS = REPORT_MARK_IN_ERROR
};
extern const char *const report_actions[]; /* as the paths of the API name them */

enum transition_rule {
    NEEDS_REASON = 1,
    NEEDS_SECTIONS = 2,  /* those that are required say something (content.h) */
    BY_ANOTHER = 4,      /* than the author, and than who submitted it; not where REPORT_SECOND_READER is off */
    BY_AUTHOR = 8,       /* the author also without the permission */
    WITHOUT_REVIEW = 16, /* only where REPORT_SECOND_READER is off */
    NEW_VERSION = 32,    /* the content is one more version */
    SIGNS = 64,          /* the caller has shown again who they are, and a signature is made */
};

#define STATUS_BIT(status) (1u << (status))
struct transition {
    enum report_action action;
    unsigned from; /* STATUS_BIT of each */
    enum report_status to;
    enum permission permission;
    unsigned rules;
    const char *doc;
};
extern const struct transition report_transitions[];
extern const int report_transition_count;

/* NULL: this action is none of this state's. `second_reader`: the setting. */
const struct transition *report_transition(enum report_action action, enum report_status from, bool second_reader);

#endif
