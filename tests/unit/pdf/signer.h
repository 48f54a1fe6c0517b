/* signer.h - a person with a key and a certificate, made on the spot. */
#ifndef TEST_PDF_SIGNER_H
#define TEST_PDF_SIGNER_H

#include "pdf/signature.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct signer {
    EVP_PKEY *key;
    X509 *certificate;
    int calls;
};

void signer_init(struct signer *signer);
void signer_release(struct signer *signer);
/* A CMS with CAdES' attributes, for pdf_sign; the context is the signer. */
bool signer_sign(struct call *c, void *context, const unsigned char digest[SHA256_BYTES], const struct str parts[2],
                 struct str *der);
/* Does the CMS prove the parts? */
bool signer_proves(struct signer *signer, struct str der, const struct str parts[2]);

#endif
