/* proofs.h - what proves certificates when those who issued them are gone: the certificates, and a revocation list of
 * each issuer (PAdES B-LT; they go into a PDF's /DSS, pdf/signature.h).
 *
 *     struct proofs proofs = { 0 };
 *     if (!cms_prove(c, cms, &trust, &proofs)) ...                        // of the signer and of its time stamp
 *     if (!timestamp_prove(c, token, pieces, 2, &trust, &proofs)) ...     // of one more time stamp
 *
 * Lists are those of `trust`, and what a signature or a token brings; each is of the time of the signature, or later,
 * and was made before the certificate had ended: an authority may leave out what has ended (RFC 5280 3.3), unless its
 * list says that it does not. So proofs are to be had while certificates live, and not after.
 * Nobody is asked for one: an address in a certificate is the word of whoever had it made. Of an anchor nothing is
 * wanted, since nobody can revoke it.
 *
 * E_NOT_FOUND: there is no list of some issuer, which the words name. E_INVALID: not a signature that counts, or too
 * much of it; or a list says that one of its certificates was revoked.
 */
#ifndef ROENTGEN_PROOFS_H
#define ROENTGEN_PROOFS_H

#include "signing/cms.h"

enum { PROOFS_MAX = 32 };

/* Each once, in the call's arena. */
struct proofs {
    struct str certificates[PROOFS_MAX], lists[PROOFS_MAX];
    int certificate_count, list_count;
    struct instant until; /* when the time stamp ends, also where it is not proved; null: there is none that counts */
};

/* Of the first signer of a CMS that was checked before, and of its time stamp. */
bool cms_prove(struct call *c, struct str cms, const struct trust *trust, struct proofs *out);
/* `pieces`: as timestamp_check has them. */
bool timestamp_prove(struct call *c, struct str token, const struct str *pieces, int count, const struct trust *trust,
                     struct proofs *out);

/* Lists in a file: PEM of one or several, or one as DER. At most `max`; E_INVALID. */
bool proofs_read_lists(struct call *c, struct str bytes, int max, struct str *lists, int *count);

#endif
