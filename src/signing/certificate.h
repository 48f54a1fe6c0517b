/* certificate.h - X.509 certificates as DER bytes, what they say, and whom to trust.
 *
 *     struct certificate certificate;
 *     if (!certificate_read(c, der, &certificate)) ...        // E_INVALID: not one, or of a key that nobody should use
 *     printf("%.*s until ...", STR_FMT(certificate.common_name));
 *
 *     struct trust trust = { .anchors = &authority.chain.der[0], .anchor_count = 1, .now = clock_now() };
 *
 * In this layer certificates, keys, signatures, time stamps and revocation lists are bytes (DER) in a call's arena:
 * they are stored and sent as they are, and nobody has anything to free. Keys that are taken: EC on P-256, P-384 and
 * P-521, SM2, RSA of 2048 to 8192 bits.
 */
#ifndef ROENTGEN_CERTIFICATE_H
#define ROENTGEN_CERTIFICATE_H

#include "base/call.h"
#include "base/clock.h"

enum { CERTIFICATE_BYTES_MAX = 32 << 10, CHAIN_MAX = 8, ANCHORS_MAX = 64 };

struct certificate {
    struct str subject, issuer; /* as RFC 4514 writes names: "CN=李 医生,O=General Hospital" */
    struct str common_name;     /* empty where it has none */
    struct str serial, sha256;  /* hexadecimal, lower case; sha256: of the whole certificate */
    struct str key_kind;        /* "EC P-256", "RSA 3072", "SM2" */
    struct instant from, until;
};

/* The first is its owner's; each is issued by the next. The root need not be there. */
struct chain {
    struct str der[CHAIN_MAX];
    int count;
};

/* Who is believed, and what for. Lists are DER. Whoever checks offline brings the anchors with them. */
struct trust {
    const struct str *anchors; /* who issues certificates of signers */
    int anchor_count;
    const struct str *time_anchors; /* who issues certificates of time stamp authorities */
    int time_anchor_count;
    const struct str
        *lists; /* revocation lists (revocation.h); those that nobody trusted has signed count for nothing */
    int list_count;
    struct instant known_time; /* when the caller knows the signature to have been there, by its own records; or null */
    /* What is around the signature claims for it, as a PDF does: believed as little as a claim in it. 0: nothing. */
    struct instant claimed_time;
    struct instant now;
};

bool certificate_read(struct call *c, struct str der, struct certificate *out);
/* PEM: of one or several, in their order; DER is taken too. E_INVALID. */
bool certificate_chain_read(struct call *c, struct str pem, struct chain *out);
struct str certificate_pem(struct call *c, struct str der);

#endif
