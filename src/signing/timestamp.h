/* timestamp.h - time that can be trusted: time stamps of an authority (RFC 3161).
 *
 *     if (!timestamp_get(c, outbound, S("https://tsa.example.org/tsr"), signature, &trust, &stamp)) ...
 *     cms_add_timestamp(c, cms, stamp.token, &cms);           // it says: this signature was there at stamp.at
 *
 * A token is the authority's signature over a digest (here always SHA-256 when asked for) and its clock's time. It is
 * judged as of the time it states: when the authority's certificate or key has an end, or its digest grows weak, a
 * second time stamp over all has to be there before (PAdES B-LTA, a job of those who keep what was signed).
 */
#ifndef ROENTGEN_TIMESTAMP_H
#define ROENTGEN_TIMESTAMP_H

#include "base/crypto.h"
#include "outbound/outbound.h"
#include "signing/certificate.h"

enum { TIMESTAMP_BYTES_MAX = 64 << 10, TIMESTAMP_TIMEOUT_MS = 10000 };

struct timestamp {
    struct str token;         /* DER */
    struct instant at, until; /* until: when the first of its certificates ends */
    struct str authority;     /* subject of its certificate */
    struct str policy;        /* object identifier, as digits and dots */
    struct str serial;        /* hexadecimal */
};

/* Asks the authority at `url` for the time of `data` (for a CMS: cms_signature). E_UNAVAILABLE: no answer, or none that
 * holds: refused, not what was asked for, not of one of trust->time_anchors. */
bool timestamp_get(struct call *c, struct outbound *outbound, struct str url, struct str data,
                   const struct trust *trust, struct timestamp *out);

/* The same of data of which one has the SHA-256. */
bool timestamp_get_digest(struct call *c, struct outbound *outbound, struct str url,
                          const unsigned char sha256[SHA256_BYTES], const struct trust *trust, struct timestamp *out);

/* The same without the way there: what is sent (application/timestamp-query), and what comes back for it. */
bool timestamp_request(struct call *c, struct str data, struct str *out);
bool timestamp_answer(struct call *c, struct str request, struct str answer, const struct trust *trust,
                      struct timestamp *out);

/* Is this a token for what comes in these pieces (cms_check), by SHA-256, 384 or 512, of an authority that is trusted?
 * E_INVALID with words. */
bool timestamp_check(struct call *c, struct str token, const struct str *pieces, int count, const struct trust *trust,
                     struct timestamp *out);
/* Is it of them, whoever signed it? */
bool timestamp_is_of(struct str token, const struct str *pieces, int count);

#endif
