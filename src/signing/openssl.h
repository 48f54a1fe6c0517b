/* openssl.h - what every file of this layer needs of OpenSSL: its errors in words, DER in the arena, times.
 * For this layer only; its other headers name no type of OpenSSL. */
#ifndef ROENTGEN_SIGNING_OPENSSL_H
#define ROENTGEN_SIGNING_OPENSSL_H

#include "signing/certificate.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* fail(), followed by the reason that OpenSSL gave last; its queue is empty then. */
bool openssl_fail(struct call *c, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What OpenSSL says of its last error ("no reason given"), and an empty queue. */
const char *openssl_reason(void);

/* Bytes that an i2d_ function allocated: into the arena. They are freed; len < 0 aborts (memory). */
struct str openssl_take(struct call *c, unsigned char *at, int len);
struct str openssl_bytes(const ASN1_STRING *s); /* a view */

X509 *openssl_certificate(struct call *c, struct str der); /* NULL: failed. Bounded; its key is one that is taken */
struct str openssl_certificate_der(struct call *c, const X509 *certificate);
/* All of the chain but the first. NULL: failed */
STACK_OF(X509) * openssl_stack(struct call *c, const struct str *der, int count);
void openssl_stack_free(STACK_OF(X509) * stack); /* takes NULL */
EVP_PKEY *openssl_private_key(struct call *c, struct str pkcs8);
struct str openssl_private_der(struct call *c, const EVP_PKEY *key);
/* "EC P-256" and so on; null: a kind of key that is not taken. */
struct str openssl_key_kind(struct call *c, const EVP_PKEY *key);

struct instant openssl_instant(const ASN1_TIME *time); /* null: there is none, or none that can be read */
bool openssl_set_time(ASN1_TIME *out, struct instant t);
struct str openssl_name(struct call *c, const X509_NAME *name);
struct str openssl_common_name(struct call *c, const X509_NAME *name);
void openssl_describe(struct call *c, X509 *certificate, struct certificate *out);

#endif
