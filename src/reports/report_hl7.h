/* report_hl7.h - a report as HL7 v2.5.1, and how it is sent to those who want it so.
 *
 *     report signed ---> job `report.send`, one for each receiver of HL7_SEND_TO, in the transaction that signs
 *                            |
 *     ORU^R01 by MLLP        v     AA: done          AE, AR, no answer: again, later each time; at last FAILED
 *
 *     MSH|^~\&|ROENTGEN|...|||20260105143022+0000||ORU^R01^ORU_R01|3F0C...|P|2.5.1||||||UNICODE UTF-8
 *     PID|1||P20260001^^^HIS^MR||王小明||19800517|M
 *     PV1|1|U
 *     ORC|RE||A77
 *     OBR|1||A77|CT^胸部 CT^L|||20260105||||||||||||A77||||20260105143022+0000||RAD|F|||||||li&李四
 *     OBX|1|ST|110180^Study Instance UID^DCM||1.2.840...||||||F
 *     OBX|2|FT|59776-5^Findings^LN||...||||||F            a section each, by LOINC where there is a code
 *     OBX|3|NM|size^Largest nodule^L||6.2|mm^mm^UCUM|||||F    a value of its template each
 *     OBX|9|ED|18748-4^...^LN||^application^pdf^Base64^...     HL7_PDF; where it is larger than HL7_PDF_MAX an NTE
 *     OBX|9|RP|18748-4^...^LN||https://.../pdf^...             says so, and this where it is (PUBLIC_URL)
 *
 * OBR-25 is as report_status_rows says; OBX-11 the same, but W ("as wrong") of what was entered in error. MSH-10 is
 * made of report, version and status: the same however often it is sent, so that who gets it twice can tell. It is sent
 * to one receiver in the order of its versions: a later one waits while an earlier one has not ended, and an earlier
 * one is refused for good once a later one was taken. Each receiver is sent one message at a time.
 *
 * An AA that has been written down is never followed by the same message again. When the server dies between the two,
 * it is.
 */
#ifndef ROENTGEN_REPORTS_REPORT_HL7_H
#define ROENTGEN_REPORTS_REPORT_HL7_H

#include "reports/report.h"
#include "site/config.h"

/* Of a version that the caller sees, with the status that it has (report_out.h); in the character set of
 * HL7_CHARSET. With HL7_PDF it blocks. */
bool report_hl7(struct call *c, int64_t id, int64_t version, struct str *out);
/* The same of a status that it had, which another may have followed. */
bool report_hl7_as(struct call *c, int64_t id, int64_t version, enum report_status status, struct str *out);

extern const struct job_kind report_send_kind;
/* Inside the transaction that gives the version this status. Nothing to do where HL7_SEND_TO is empty. */
bool report_send_put(struct call *c, const struct report *report, enum report_status status);
/* Can the settings be followed? E_INVALID: not. */
bool report_send_check(const struct config *config, struct arena *arena, struct error *error);

#endif
