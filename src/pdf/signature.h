/* signature.h - signatures and time stamps of PDF files (ISO 32000-2 12.8, PAdES: ETSI EN 319 142-1).
 *
 *     static bool sign_it(struct call *c, void *context, const unsigned char digest[SHA256_BYTES],
 *                         const struct str parts[2], struct str *der);        // makes the CMS, as by CMS_sign
 *
 *     const struct pdf_signing signing = { .kind = PDF_SIGNED, .name = S("李四"), .reason = S("审核"), .at = now,
 *                                          .contents_max = 16384, .sign = sign_it, .context = key };
 *     if (!pdf_sign(c, pdf, &signing, &signed_pdf)) return false;
 *
 * What is signed is all of the file but the place where the signature itself stands:
 *
 *   | the file as it was | objects of this update ... /Contents < hex > ... table, trailer, %%EOF |
 *   |<------------- parts[0] -------------------------->|       |<---------- parts[1] ---------->|
 *
 * Each is an appendix (an incremental update): the bytes before stay as they are, so that one may follow the other:
 * signatures, then what proves their certificates (pdf_add_proofs, /DSS), then a time stamp over all of it
 * (PDF_STAMPED): B-B, B-T (a time stamp in the CMS itself), B-LT, B-LTA. This file knows no certificates and no keys:
 * the CMS is the caller's, made and judged elsewhere.
 *
 * A signature's field is in the page's list and has no appearance: its rectangle is a point outside of the page. What
 * people shall see of it is a PDF_SIGNATURE block, made before.
 *
 * Only files made here (pdf/parse.h) can be signed, and read. Reading them is safe with any bytes.
 */
#ifndef ROENTGEN_PDF_SIGNATURE_H
#define ROENTGEN_PDF_SIGNATURE_H

#include "base/call.h"
#include "base/clock.h"
#include "base/crypto.h"

enum { PDF_SIGNATURES_MAX = 32, PDF_CONTENTS_MAX = 1 << 20, PDF_PROOFS_MAX = 128 };

enum pdf_signature_kind {
    PDF_SIGNED, /* ETSI.CAdES.detached: a person's */
    PDF_STAMPED /* ETSI.RFC3161: a time stamp of the whole file; name, reason and moment are not written */
};

struct pdf_signing {
    enum pdf_signature_kind kind;
    struct str name, reason; /* null: none */
    struct instant at;       /* as the signer's clock says; it proves nothing */
    ptrdiff_t contents_max;  /* room for the DER; the file takes twice as much */
    /* The DER of the CMS over the two parts, or of the time stamp's token; their SHA-256 is `digest`. False: the call
     * has failed, and so has pdf_sign. */
    bool (*sign)(struct call *c, void *context, const unsigned char digest[SHA256_BYTES], const struct str parts[2],
                 struct str *der);
    void *context;
};

/* E_INVALID: not a file made here, or the DER is larger than `contents_max`. `out` is in the call's arena. */
bool pdf_sign(struct call *c, struct str pdf, const struct pdf_signing *signing, struct str *out);

/* Another DER in the place of one that pdf_signatures found, which is_whole: a CMS to which a time stamp was added.
 * Nothing that is signed changes, nor where anything stands. E_INVALID: there is no room for it. */
struct pdf_found_signature;
bool pdf_put_signature(struct call *c, struct str pdf, const struct pdf_found_signature *found, struct str der,
                       struct str *out);

/* What proves certificates when their authority is gone, each as DER. */
struct pdf_proofs {
    const struct str *certificates, *ocsps, *crls;
    int certificate_count, ocsp_count, crl_count;
};

/* Appends them as /DSS; those that are there stay. E_INVALID: not a file made here, or more than PDF_PROOFS_MAX of a
 * kind. */
bool pdf_add_proofs(struct call *c, struct str pdf, const struct pdf_proofs *proofs, struct str *out);

/* One that a file has. Texts are as the file says, which whoever signed could choose; all but `der` is covered. */
struct pdf_found_signature {
    enum pdf_signature_kind kind;
    struct str parts[2];             /* what is signed, in the file's own bytes */
    struct str der;                  /* the CMS or the token, without what fills its place; not looked at */
    struct str name, reason, moment; /* null: none; the last as in the file, "D:20260105143022Z" */
    struct instant at;               /* what `moment` says; null: nothing that is written here */
    ptrdiff_t end; /* of the revision that is signed: how many bytes of the file are covered, with /Contents */
    bool is_whole; /* the parts are all of the revision but /Contents, which stands where it says, alone */
    bool is_last;  /* nothing is behind it */
    bool is_kept;  /* whatever is behind it changes nothing that is seen: it adds signatures, stamps and proofs */
};

struct pdf_found_signatures {
    struct pdf_found_signature *items; /* in the order of their revisions; in the call's arena */
    int count;
};

/* A signature is worth what its CMS proves of its parts, and nothing at all unless is_whole && is_kept.
 * E_INVALID: the file is not one that is read here, has more than PDF_SIGNATURES_MAX, or a field that is not as those
 * written here. None is no failure. */
bool pdf_signatures(struct call *c, struct str pdf, struct pdf_found_signatures *out);
/* The certificates and answers in /DSS. */
bool pdf_find_proofs(struct call *c, struct str pdf, struct pdf_proofs *out);

#endif
