/* report_states.c - the table of transitions. */
#include "reports/report_states.h"

#include "base/names.h"

const char *const report_statuses[] = { "DRAFT",   "PRELIMINARY", "IN_REVIEW", "APPROVED",         "FINAL",
                                        "AMENDED", "APPENDED",    "CANCELLED", "ENTERED_IN_ERROR", NULL };
NAMES_REACH(report_statuses, REPORT_STATUSES);

const struct report_status_row report_status_rows[REPORT_STATUSES + 1] = {
    [REPORT_DRAFT] = { "partial", "I", "Being written; nobody but those who write reports sees it." },
    [REPORT_PRELIMINARY] = { "preliminary", "P", "Submitted: it may be read, and waits for a second reader." },
    [REPORT_IN_REVIEW] = { "preliminary", "P", "A second reader has taken it." },
    [REPORT_APPROVED] = { "preliminary", "P", "A second reader agrees; it is not signed yet." },
    [REPORT_FINAL] = { "final", "F", "Signed." },
    [REPORT_AMENDED] = { "amended", "C", "Signed again, in place of an earlier signed version." },
    [REPORT_APPENDED] = { "appended", "F", "Signed again, with words added below." },
    [REPORT_CANCELLED] = { "cancelled", "X", "Given up before it was signed." },
    [REPORT_ENTERED_IN_ERROR] = { "entered-in-error", "X", "Signed, and withdrawn: it should never have been." },
};

const char *const report_actions[] = {
    "submit", "review", "approve", "reject", "sign", "amend", "addendum", "cancel", "mark-entered-in-error", NULL
};
NAMES_REACH(report_actions, REPORT_ACTIONS);

#define B(status) STATUS_BIT(REPORT_##status)
#define SIGNED (B(FINAL) | B(AMENDED) | B(APPENDED))

const struct transition report_transitions[] = {
    { REPORT_SUBMIT, B(DRAFT), REPORT_PRELIMINARY, MAY_UPDATE_REPORTS, BY_AUTHOR | NEEDS_SECTIONS,
      "The draft is done, and may be read." },
    { REPORT_REVIEW, B(PRELIMINARY), REPORT_IN_REVIEW, MAY_REVIEW_REPORTS, BY_ANOTHER,
      "A second reader takes it, so that no other does." },
    { REPORT_APPROVE, B(PRELIMINARY) | B(IN_REVIEW), REPORT_APPROVED, MAY_REVIEW_REPORTS, BY_ANOTHER | NEEDS_SECTIONS,
      "A second reader agrees." },
    { REPORT_REJECT, B(PRELIMINARY) | B(IN_REVIEW) | B(APPROVED), REPORT_DRAFT, MAY_REVIEW_REPORTS,
      BY_AUTHOR | NEEDS_REASON, "Back to its author, with the reason; the author may take it back so." },
    { REPORT_SIGN, B(APPROVED), REPORT_FINAL, MAY_SIGN_REPORTS, SIGNS | NEEDS_SECTIONS,
      "Signed, after showing again who one is; from then on it never changes." },
    { REPORT_SIGN, B(DRAFT) | B(PRELIMINARY) | B(IN_REVIEW), REPORT_FINAL, MAY_SIGN_REPORTS,
      SIGNS | NEEDS_SECTIONS | WITHOUT_REVIEW, "The same without a second reader." },
    { REPORT_AMEND, SIGNED, REPORT_DRAFT, MAY_UPDATE_REPORTS, NEEDS_REASON | NEW_VERSION,
      "A new version is begun that is to take the place of the signed one." },
    { REPORT_ADDEND, SIGNED, REPORT_DRAFT, MAY_UPDATE_REPORTS, NEW_VERSION,
      "A new version is begun with words below the signed one." },
    { REPORT_CANCEL, B(DRAFT) | B(PRELIMINARY) | B(IN_REVIEW) | B(APPROVED), REPORT_CANCELLED, MAY_REVIEW_REPORTS,
      BY_AUTHOR, "Given up; of what is signed only the version under way." },
    { REPORT_MARK_IN_ERROR, SIGNED, REPORT_ENTERED_IN_ERROR, MAY_SIGN_REPORTS, NEEDS_REASON,
      "Withdrawn: it should never have been (another patient's, for instance)." },
};
const int report_transition_count = (int)(sizeof(report_transitions) / sizeof(report_transitions[0]));

const struct transition *report_transition(enum report_action action, enum report_status from, bool second_reader)
{
    for (int i = 0; i < report_transition_count; i++) {
        const struct transition *t = &report_transitions[i];
        if (t->action == action && t->from & STATUS_BIT(from) && !(t->rules & WITHOUT_REVIEW && second_reader))
            return t;
    }
    return NULL;
}
