/* signer.h - keys that sign, and the certificates that say whose they are.
 *
 *     struct signer authority, doctor;
 *     if (!authority_make(c, S("General Hospital"), clock_now(), &authority)) ...      // once for an installation
 *     if (!signer_make(c, &authority, S("李 医生"), clock_now(), &doctor)) ...
 *     store(doctor.chain, crypto_seal(&key, context, doctor.key, &c->arena));   // the caller's; keys only sealed
 *     signer_forget(&doctor);                                                   // when it has signed
 *
 * Three ways to a signer: made here, with a certificate of the installation's own authority; brought as a PKCS#12 file;
 * on a token (signing/token.h). A signer is data: DER bytes in the arena, the private key as PKCS#8 in the clear.
 * Whoever holds one calls signer_forget, which wipes the key.
 *
 * The authority is a certificate of its own signature for AUTHORITY_YEARS; signers' are for SIGNER_YEARS, and never
 * longer than the authority's. Their use is digitalSignature and nonRepudiation, for documents (RFC 9336) and, as
 * programs that know no more than that (openssl cms -verify) ask for, for e-mail.
 */
#ifndef ROENTGEN_SIGNER_H
#define ROENTGEN_SIGNER_H

#include "signing/certificate.h"

enum {
    AUTHORITY_YEARS = 20,
    SIGNER_YEARS = 5,
    SIGNER_NAME_MAX = 64, /* code points: X.520 */
    PKCS12_BYTES_MAX = 256 << 10
};

struct token; /* signing/token.h */

struct signer {
    struct chain chain;  /* der[0] is of this key */
    struct str key;      /* PKCS#8 (RFC 5208), a secret; null: the key is on a token */
    struct token *token; /* NULL: the key is here */
    struct str uri;      /* of the key on the token (RFC 7512) */
};

/* ECDSA on P-256. Names are UTF-8 without control characters; of one that is longer than SIGNER_NAME_MAX, so much. */
bool authority_make(struct call *c, struct str hospital, struct instant now, struct signer *out);
bool signer_make(struct call *c, const struct signer *authority, struct str name, struct instant now,
                 struct signer *out);
/* A certificate of the authority for a public key from elsewhere (SubjectPublicKeyInfo as DER), SM2 for one (sm2.h). */
bool signer_certify(struct call *c, const struct signer *authority, struct str name, struct str public_key,
                    struct instant now, struct chain *out);

/* Reads a PKCS#12 file (.p12, .pfx). E_FORBIDDEN: wrong password. E_INVALID: cannot be read; no key, or several; no
 * certificate of this key; a key that is too weak, or not for signing (EC on P-256 or P-384, RSA from 2048 bits on);
 * not valid now; encrypted as nobody should (RC2, RC4), or so that opening takes a long time. */
bool signer_bring(struct call *c, struct str pkcs12, struct str password, struct instant now, struct signer *out);

/* Does its key belong to its certificate, and is that valid at `now`? E_INVALID with words. Before one is stored, and
 * before each signature. */
bool signer_check(struct call *c, const struct signer *signer, struct instant now);
/* Has one of trust->anchors issued this, by certificates that are all valid at trust->now, and has no list of
 * trust->lists revoked it? E_INVALID with words. *anchor: which one, DER; may be NULL. */
bool signer_trusted(struct call *c, const struct chain *chain, const struct trust *trust, struct str *anchor);
void signer_forget(struct signer *signer); /* wipes the key */

#endif
