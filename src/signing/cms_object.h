/* cms_object.h - signatures as OpenSSL has them, and the attributes that it has no types for. For this layer only. */
#ifndef ROENTGEN_CMS_OBJECT_H
#define ROENTGEN_CMS_OBJECT_H

#include "signing/cms.h"

#include <openssl/asn1t.h>
#include <openssl/cms.h>

/* commitment-type-indication (RFC 5126 5.11.1). Its qualifier here is the meaning as text, under an identifier that
 * belongs to nobody else (2.25: a UUID, ITU-T X.667). */
#define COMMITMENT_ATTRIBUTE "1.2.840.113549.1.9.16.2.16"
#define COMMITMENT_CREATION "1.2.840.113549.1.9.16.6.6"
#define COMMITMENT_APPROVAL "1.2.840.113549.1.9.16.6.5"
#define MEANING_QUALIFIER "2.25.197186093410742312270394611357270842463"

/* Of bytes; NULL: failed with E_INVALID. One with signers, detached, bounded. The caller's (CMS_ContentInfo_free). */
CMS_ContentInfo *cms_object_read(struct call *c, struct str der);
struct str cms_object_der(struct call *c, CMS_ContentInfo *cms);

/* The attribute's value, DER, in the arena; null: failed. And back: null where it says no meaning. */
struct str cms_meaning_der(struct call *c, struct str meaning);
struct str cms_meaning_read(struct call *c, const CMS_SignerInfo *info);
/* DER of the SET OF signed attributes, which is what is signed (RFC 5652 5.4). */
struct str cms_signed_attributes(struct call *c, const CMS_SignerInfo *info);

/* The verdict on a certificate whose signature matches, as of out->time and out->time_source; `others`: what may stand
 * between it and an anchor. */
void cms_judge(struct call *c, const struct trust *trust, X509 *certificate, STACK_OF(X509) * others,
               struct cms_signer *out);

#endif
