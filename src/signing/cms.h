/* cms.h - detached signatures: CAdES (ETSI EN 319 122-1) in CMS (RFC 5652), as PDF takes them too (PAdES).
 *
 *     crypto_sha256(canonical, digest);
 *     struct cms_options options = { .meaning = S("author"), .signing_time = clock_now() };
 *     if (!cms_sign(c, &doctor, digest, &options, &cms)) ...              // DER; openssl cms -verify -binary reads it
 *
 *     struct cms_result result;
 *     if (!cms_check(c, cms, &canonical, 1, &trust, &result)) ...          // E_INVALID: no such signature at all
 *     result.verdict, result.signers[0].words
 *
 * Signed along are the digest, the certificate that belongs to the key (ESS signing-certificate-v2), the meaning
 * (commitment-type-indication) and the time that the signer claims. For PAdES leave the last two out: there the PDF
 * says them. A time that can be trusted is a time stamp over the signature (timestamp.h), added later on.
 *
 * A check judges a certificate at the time of signing: that of a time stamp of a trusted authority or trust.known_time,
 * whichever is earlier, else the time claimed, else trust.now. What is revoked stays valid for what was signed before
 * by one of the first two; a claim does not help, since whoever has the key can claim any time.
 */
#ifndef ROENTGEN_CMS_H
#define ROENTGEN_CMS_H

#include "base/crypto.h"
#include "signing/signer.h"

enum { CMS_BYTES_MAX = 1 << 20, CMS_SIGNERS_MAX = 8, CMS_MEANING_MAX = 64 /* bytes */ };

struct cms_options {
    struct str meaning;          /* "author", "reviewer", "approver" or what else; null: not said (PAdES) */
    struct instant signing_time; /* null: not said (PAdES) */
};

/* The worst first: of several signers the worst counts. */
enum verdict {
    VERDICT_CHANGED,        /* the bytes are others, or the signature is not of this key */
    VERDICT_UNKNOWN_SIGNER, /* no trusted authority says whose key it is, or it was not valid at that time */
    VERDICT_REVOKED,        /* it was withdrawn before */
    VERDICT_VALID
};
const char *verdict_name(enum verdict verdict); /* "changed", "unknown signer", "revoked", "valid" */

enum time_source { TIME_STAMP, TIME_KNOWN, TIME_CLAIMED, TIME_NOW };
enum revocation { REVOCATION_UNKNOWN, REVOCATION_NONE, REVOCATION_REVOKED };

struct cms_signer {
    enum verdict verdict;
    struct str words; /* why, for people */
    struct certificate certificate;
    struct str meaning; /* null: not said */
    bool digest_matches, signature_matches, is_trusted;
    enum time_source time_source;
    struct instant time;       /* of its source; the certificate was judged then, or by a time known that is earlier */
    struct str time_authority; /* subject of who made the time stamp; null: none, or none that is trusted */
    struct str time_words;     /* of a time stamp that is there and does not count; null */
    enum revocation revocation;
    struct instant revoked_at;
    struct str revocation_reason; /* "keyCompromise" and so on; null */
};

struct cms_result {
    enum verdict verdict;
    struct cms_signer signers[CMS_SIGNERS_MAX];
    int count; /* at least one */
};

/* Signs what has this digest. E_INVALID: the signer's key or certificate; E_UNAVAILABLE: its token. */
bool cms_sign(struct call *c, const struct signer *signer, const unsigned char sha256[SHA256_BYTES],
              const struct cms_options *options, struct str *out);
/* The content comes in pieces, as the byte ranges of a PDF do. Zeros behind the signature (PDF pads) are no matter. */
bool cms_check(struct call *c, struct str cms, const struct str *pieces, int piece_count, const struct trust *trust,
               struct cms_result *out);

/* The bytes that a time stamp is for, of the first signer; and the signature with that time stamp in it. */
bool cms_signature(struct call *c, struct str cms, struct str *out);
bool cms_add_timestamp(struct call *c, struct str cms, struct str token, struct str *out);
/* Certificates in it, for a PDF's document security store. */
bool cms_certificates(struct call *c, struct str cms, struct str *der, int max, int *count);

#endif
