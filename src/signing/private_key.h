/* private_key.h - a signer's private key as OpenSSL has it: out of its bytes, or on its token. For this layer only. */
#ifndef ROENTGEN_PRIVATE_KEY_H
#define ROENTGEN_PRIVATE_KEY_H

#include "signing/signer.h"

#include <openssl/evp.h>

/* The caller's (EVP_PKEY_free), between token_lock and token_unlock of signer->token. NULL: failed, E_INVALID or, of a
 * token, E_UNAVAILABLE. */
EVP_PKEY *signer_private_key(struct call *c, const struct signer *signer);

/* Does the key belong to the certificate? E_INVALID, E_UNAVAILABLE. */
bool signer_check_key(struct call *c, const struct signer *signer);

#endif
