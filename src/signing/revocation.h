/* revocation.h - what an authority has withdrawn: revocation lists (CRL, RFC 5280 5).
 *
 *     struct revoked rows[] = { { certificate.serial, when, S("superseded") } };
 *     if (!revocation_make(c, &authority, rows, 1, ++number, clock_now(), &der)) ...
 *     trust.lists = &der;                                                 // what cms_check and envelope_check ask
 *
 * A signature that a trusted time stamp, or the caller's own records, show to be older than its key's revocation stays
 * valid; another is revoked. So a key can be rotated ("superseded") or disabled ("cessationOfOperation",
 * "keyCompromise") without a report of before becoming worthless.
 */
#ifndef ROENTGEN_REVOCATION_H
#define ROENTGEN_REVOCATION_H

#include "signing/signer.h"

enum { REVOCATION_BYTES_MAX = 4 << 20, REVOCATION_DAYS = 30, REVOKED_MAX = 65536 };

struct revoked {
    struct str serial; /* hexadecimal, as struct certificate has it */
    struct instant at;
    struct str reason; /* a name of RFC 5280 5.3.1; null or empty: not said */
};

struct revocation_list {
    struct str issuer;                  /* as struct certificate has names */
    struct instant made_at, next_until; /* next_until: by when there is a new one; null: not said */
    const struct revoked *rows;
    int count;
};

/* Signed by the authority; `number` grows from list to list. DER, valid for REVOCATION_DAYS. `rows`: all that it ever
 * revoked; the list says so (expiredCertsOnCRL), since others tell nothing of certificates that have ended. */
bool revocation_make(struct call *c, const struct signer *authority, const struct revoked *rows, int count,
                     int64_t number, struct instant now, struct str *out);
/* What a list says; whether its authority signed it is asked where it is used. E_INVALID, E_TOO_LARGE. */
bool revocation_read(struct call *c, struct str der, struct revocation_list *out);

#endif
