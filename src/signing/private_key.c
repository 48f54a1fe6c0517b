/* private_key.c - see private_key.h. */
#include "signing/private_key.h"

#include "signing/openssl.h"
#include "signing/token_key.h"

EVP_PKEY *signer_private_key(struct call *c, const struct signer *signer)
{
    if (!str_is_null(signer->key))
        return openssl_private_key(c, signer->key);
    if (signer->token)
        return token_private_key(c, signer->token, signer->uri);
    fail(c, E_INVALID, "there is no private key of this signer");
    return NULL;
}
