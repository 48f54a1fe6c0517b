/* private_key.h - a signer's private key as OpenSSL has it, out of its bytes. For this layer only. */
#ifndef ROENTGEN_PRIVATE_KEY_H
#define ROENTGEN_PRIVATE_KEY_H

#include "signing/signer.h"

#include <openssl/evp.h>

/* The caller's (EVP_PKEY_free). NULL: failed, E_INVALID. */
EVP_PKEY *signer_private_key(struct call *c, const struct signer *signer);

#endif
