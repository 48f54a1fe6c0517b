/* report_proofs.h - kept pages (report_pdf.h) that prove themselves when those who vouched for them are gone.
 *
 *   B-B      signed
 *   B-T      a time stamp of an authority is in the signature              report_stamp.h
 *   B-LTA    what proves all of its certificates, /DSS, and behind it a time stamp of the whole file; once more, before
 *            the certificates of the last time stamp end, for as long as the pages are kept
 *
 * Proofs and their time stamp come in one step, so that nothing ever stands behind the last of them (B-LT alone there
 * is none): other bytes of the same signature, under another name; the row names the one or the other.
 *
 * Proofs are the certificates in the signature and its stamps, those of TSA_CERTIFICATES, this house's own revocation
 * list, and of the authority's those of TSA_REVOCATIONS or of the token. Nothing is fetched from an address that a
 * certificate names. Where one is missing the pages stay as they are, and are looked at again in days: lists that are
 * made after a certificate has ended prove nothing of it.
 */
#ifndef ROENTGEN_REPORTS_REPORT_PROOFS_H
#define ROENTGEN_REPORTS_REPORT_PROOFS_H

#include "reports/report_pdf_kept.h"
#include "signing/cms.h"

/* Whom to believe and what they have revoked, for as many files as it is wanted for; `newest`: when the authority's
 * last stamp ends, so that it is not asked once per file for stamps that last no longer. E_UNAVAILABLE: TSA_REVOCATIONS
 * cannot be read. */
struct report_prover {
    struct trust trust;
    struct instant newest;
};
bool report_prover_load(struct call *c, struct report_prover *out);

struct report_proving {
    bool is_stamped;      /* where not: another stamp would last hardly longer than the one that is there */
    struct instant until; /* when the last stamp that was there ends; null: it does not count, or was not looked at */
};

/* Of pages that are B-T or B-LTA, outside of transactions.
 * E_NOT_FOUND: a revocation list is missing, which the words name. E_CONFLICT: the last stamp has ended, and nothing
 * that comes later helps; or there are as many as fit. E_TOO_LARGE. E_UNAVAILABLE: the authority (report_stamp.h). */
bool report_prove(struct call *c, struct report_prover *prover, const struct kept_pdf *kept,
                  struct report_proving *out);
/* When to look at it again, where it was not stamped: in days, B-T at first the next night, and more often where
 * `until` is near. Null: it is past that, and stays as it is. */
struct instant report_prove_again(const struct kept_pdf *kept, struct instant until);

/* Proves pages that are B-T, once there is TSA_REVOCATIONS, and stamps anew those whose last stamp wants it. */
extern const struct job_kind report_stamps_kind;

#endif
