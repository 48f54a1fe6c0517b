/* token_key.h - a key on a token as OpenSSL has it. For this layer only. */
#ifndef ROENTGEN_TOKEN_KEY_H
#define ROENTGEN_TOKEN_KEY_H

#include "signing/token.h"

#include <openssl/evp.h>

/* Between these the token is asked by one thread only: also where its key signs. They take NULL. */
void token_lock(struct token *token);
void token_unlock(struct token *token);
/* The caller's (EVP_PKEY_free), to be used and freed under the lock. NULL: failed. */
EVP_PKEY *token_private_key(struct call *c, struct token *token, struct str uri);

#endif
