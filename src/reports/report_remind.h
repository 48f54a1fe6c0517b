/* report_remind.h - mail about what a report has left open, to those who answer for it.
 *
 *     int mailed;
 *     return report_remind(c, &(struct report_reminder){ .user_id = marked_by, .report_id = 12, .desk = config->desk,
 *                                                        .desk_setting = "CRITICAL_RESULT_MAIL",
 *                                                        .subject = S("..."), .body = text }, &mailed);
 *
 * Inside the transaction that takes note of it. Subject and body name no patient: mail is read by more than it is sent
 * to. What reaches nobody is an error in the log, which names what to set.
 */
#ifndef ROENTGEN_REPORTS_REPORT_REMIND_H
#define ROENTGEN_REPORTS_REPORT_REMIND_H

#include "base/call.h"

struct report_reminder {
    int64_t user_id, report_id; /* who found it; the report's author gets it, too. Accounts that are closed get none */
    struct str desk;            /* an address beside theirs; empty: none */
    const char *desk_setting;   /* which would say it */
    struct str subject, body;   /* the subject is a literal */
};

/* *mailed: to how many; 0 where no mail is set up (mailing.h). */
bool report_remind(struct call *c, const struct report_reminder *reminder, int *mailed);

#endif
