/* revocation_object.h - revocation lists as OpenSSL has them. For this layer only. */
#ifndef ROENTGEN_REVOCATION_OBJECT_H
#define ROENTGEN_REVOCATION_OBJECT_H

#include "signing/revocation.h"

#include <openssl/x509.h>

X509_CRL *revocation_object(struct str der);                           /* NULL: cannot be read, or too large */
struct str revocation_reason(struct call *c, const X509_REVOKED *row); /* null: not said */

#endif
