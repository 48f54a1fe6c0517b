/* report_stamp.h - time stamps of an authority (TSA_URL, RFC 3161) for what was signed.
 *
 * A signature is made with this server's clock and at once; the job "report.pdf" (report_pdf.h) asks the authority
 * then, again and again while it is away, and puts its time stamps into the envelope and into the kept pages, which
 * become PAdES B-T: other bytes, and the same signature. What was given out before stays valid as it is.
 * From then on time_source is TIME_STAMP, and a key that is revoked later leaves the signature valid everywhere.
 *
 * A stamp that would take something away is none: of a clock far from ours, or of a time after the key was revoked.
 *
 * E_UNAVAILABLE: the authority is away, refuses, is none of TSA_CERTIFICATES, or its clock is wrong. E_CONFLICT: the
 * key is revoked. All outside of transactions.
 */
#ifndef ROENTGEN_REPORTS_REPORT_STAMP_H
#define ROENTGEN_REPORTS_REPORT_STAMP_H

#include "reports/report.h"
#include "signing/timestamp.h"

/* Is there an authority to be asked? */
bool report_stamps(const struct call *c);
/* The token for `data`; `trust`: a struct trust. As envelope_stamp wants it. */
bool report_stamp_of(struct call *c, void *trust, struct str data, struct str *token);
/* The same for what has this SHA-256. `until`: when the first of its certificates ends. */
bool report_stamp_of_digest(struct call *c, const struct trust *trust, const unsigned char sha256[SHA256_BYTES],
                            struct timestamp *stamp);
/* When a stamp wants another over it: a quarter of a year before it ends, or at half of its life where that is later;
 * somewhat earlier by `id`, so that what one certificate has stamped is not due in one night. */
struct instant report_stamp_renewal(struct instant at, struct instant until, int64_t id);
/* Of a version that is signed. Nothing is done where it has one. */
bool report_stamp_envelope(struct call *c, int64_t report_id, int64_t version);

#endif
