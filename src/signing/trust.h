/* trust.h - is a certificate one of those that somebody trusted vouches for, at a time? For this layer only. */
#ifndef ROENTGEN_TRUST_H
#define ROENTGEN_TRUST_H

#include "signing/cms.h"

#include <openssl/x509.h>

enum trust_use { TRUST_SIGNER, TRUST_TIME };

struct trust_question {
    X509 *certificate;
    STACK_OF(X509) * others; /* what may stand between; bounded by the caller; NULL: none */
    struct instant at;
    bool is_at_sure;         /* nobody could have made up `at` */
    STACK_OF(X509) * *chain; /* NULL, or gets what leads from it to the anchor, if it is trusted: the caller's */
};

struct trust_answer {
    bool is_trusted;
    const char *why;   /* not */
    struct str anchor; /* who vouches in the end, DER */
    enum revocation revocation;
    struct instant revoked_at;
    struct str reason;
};

enum { CERTIFICATES_MAX = 32 }; /* that a signature or a token may bring */

void trust_ask(struct call *c, const struct trust *trust, enum trust_use use, const struct trust_question *question,
               struct trust_answer *out);
/* Has what the lists say taken the certificate's worth? Of a time stamp's more is wanted than of a signer's. */
bool trust_is_withdrawn(enum trust_use use, const struct trust_answer *answer);
/* Has this issuer signed the list? And could it know of a revocation of this certificate that matters to the question:
 * was it made late enough, and before the certificate had ended? */
bool trust_list_is_of(X509_CRL *list, X509 *issuer);
bool trust_list_is_current(const X509_CRL *list, const struct trust *trust, const struct trust_question *question,
                           const X509 *certificate);
#define TRUST_EXPIRED_ON_LIST "2.5.29.60"       /* expiredCertsOnCRL: a list that keeps those that have ended */
bool trust_is_for_documents(X509 *certificate); /* by its key usage and purposes, where it says any */
/* A store of the anchors, which judges as of `at`; the caller's (X509_STORE_free). Anchors that cannot be read are no
 * anchors. */
X509_STORE *trust_store(struct call *c, const struct str *anchors, int count, struct instant at);
/* May all of these be looked at: not too many, of kinds of keys that are taken? NULL, or what is wrong. */
const char *trust_flaw(struct call *c, STACK_OF(X509) * certificates);

#endif
