/* private_key.c - see private_key.h. */
#include "signing/private_key.h"

#include "signing/openssl.h"

EVP_PKEY *signer_private_key(struct call *c, const struct signer *signer)
{
    if (!str_is_null(signer->key))
        return openssl_private_key(c, signer->key);
    fail(c, E_INVALID, "there is no private key of this signer");
    return NULL;
}
