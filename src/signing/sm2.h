/* sm2.h - signatures by China's national algorithms: SM2 (GB/T 32918.2) over SM3 (GB/T 32905).
 *
 *     if (!sm2_make(c, &key)) ...                                   // key.private_der is a secret: sealed, then wiped
 *     if (!sm2_sign(c, key.private_der, bytes, &signature)) ...
 *     if (!sm2_check(c, key.public_der, bytes, signature, &is_fine)) ...
 *
 * For a second signature over bytes that a CMS signs too. The signer's distinguishing identifier is the one that is
 * usual, SM2_IDENTIFIER (GM/T 0009), so that `openssl dgst -sm3 -sigopt distid:1234567812345678 -verify` agrees.
 * Signatures are DER, SEQUENCE { r, s }.
 */
#ifndef ROENTGEN_SM2_H
#define ROENTGEN_SM2_H

#include "base/call.h"

#define SM2_IDENTIFIER "1234567812345678"

struct sm2_key {
    struct str private_der; /* PKCS#8, in the arena: the caller wipes it with sm2_forget */
    struct str public_der;  /* SubjectPublicKeyInfo */
};

bool sm2_make(struct call *c, struct sm2_key *out);
/* From DER or PEM: a private key (PKCS#8), which has its public one, or a public key, and then private_der is null.
 * E_INVALID: none, or on another curve. */
bool sm2_read(struct call *c, struct str text, struct sm2_key *out);
/* PEM of the public key. */
struct str sm2_public_pem(struct call *c, const struct sm2_key *key);
void sm2_forget(struct sm2_key *key);

bool sm2_sign(struct call *c, struct str private_der, struct str bytes, struct str *out);
/* False: the key cannot be read (E_INVALID). A signature that cannot be read is not of this key. */
bool sm2_check(struct call *c, struct str public_der, struct str bytes, struct str signature, bool *is_fine);

#endif
