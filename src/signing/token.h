/* token.h - keys that cannot leave where they are: a card, a stick or a hardware module, by PKCS#11.
 *
 *     struct token_options options = { S("/usr/lib/softhsm/libsofthsm2.so"), S("reports"), pin };
 *     if (!token_open(&options, &token, &error)) ...                        // once, at the start
 *     if (!token_signer(c, token, S("pkcs11:object=li"), &chain, &signer)) ...
 *     cms_sign(c, &signer, ...);                                            // as with any other signer
 *
 * The module is the maker's library, and runs in this process: the operator names it, nobody else. OpenSSL reaches it
 * through its engine `pkcs11` (Debian: libengine-pkcs11-openssl); there is no provider for that in Debian 12.
 * One token of the module, by its label, and its PIN: who names keys cannot have the PIN tried elsewhere. A wrong one
 * locks most tokens after a few tries, so it is tried once: until the token is opened again all signers of it are
 * E_UNAVAILABLE then. Each process that opens it has a try. Nobody is ever asked for a PIN: keys that want it again for
 * each signature do not sign. One module in a process, opened once: one that was signed in to stays so until the
 * process ends, and one that is pulled out and put back is found again by the next process. Thread-safe: one signature
 * at a time.
 */
#ifndef ROENTGEN_TOKEN_H
#define ROENTGEN_TOKEN_H

#include "signing/signer.h"

struct token_options {
    struct str module; /* absolute path of the library */
    struct str label;  /* of the token */
    struct str pin;    /* never empty: nobody is asked for one */
};

/* E_INVALID: no such module, or no engine for it; no label. */
bool token_open(const struct token_options *options, struct token **out, struct error *error);
void token_close(struct token *token); /* takes NULL. Nobody may be in a call with a signer of it */

/* The signer whose private key the URI names (RFC 7512; by object, id and type only), with the certificates of that
 * key. E_UNAVAILABLE: the token does not answer, or has no such key; E_INVALID: the URI, or a certificate of another
 * key. */
bool token_signer(struct call *c, struct token *token, struct str uri, const struct chain *chain, struct signer *out);

#endif
