/* report_sign.h - a report is signed, and the signature is checked: tomorrow, and in ten years, here or elsewhere.
 *
 *     POST sign ---> what is signed, as JSON (RFC 8785):              report_subject
 *                      "report"   the version's content, whole
 *                      "patient", "study"   who and what it is about, as the records said then
 *                      "images"   SHA-256 of each image file of the study
 *                      "annotations"   which version of what is drawn on the key images, and its SHA-256
 *                      "signature"  who signs, what it means, when
 *                    signed with the account's key (CAdES), in the transaction that makes the report FINAL
 *
 *     GET verify     the signature holds; the record still says what was signed, of the same patient; the digests kept
 *                    with the images are those
 *     GET envelope   a file that says all of it and can be checked with nothing else at hand:
 *                    roentgen report verify FILE --authority CERTIFICATE     (signing/envelope.h)
 *
 * Whoever signs has shown again who they are (the endpoint's `first`), and so is one transaction: what was looked at
 * under the row's lock is what is signed, and a crash leaves a signed version or none. The time is this server's, and
 * said to be, until an authority has stated it (report_stamp.h).
 */
#ifndef ROENTGEN_REPORTS_REPORT_SIGN_H
#define ROENTGEN_REPORTS_REPORT_SIGN_H

#include "reports/report.h"
#include "signing/envelope.h"

enum signature_meaning { MEANS_AUTHOR = 1, MEANS_REVIEWER, MEANS_APPROVER };
extern const char *const signature_meanings[];

enum { REPORT_IMAGES_MAX = 20000 };

struct report_signing {
    int64_t id;
    int64_t base;                 /* the version that was looked at; INTEGER_NULL: not said */
    unsigned meaning;             /* 0: AUTHOR of one's own report, else APPROVER */
    struct integers late_results; /* those that it answers although they came while it was written (late_result.h) */
};
/* Inside a transaction. As report_act of REPORT_SIGN; E_TOO_LARGE: more than REPORT_IMAGES_MAX images. */
bool report_sign(struct call *c, const struct report_signing *signing, struct report *out);

struct report_signature {
    struct str signer, meaning;
    struct instant signed_at, stamped_at; /* null: no authority has stated the time */
    struct str algorithm, time_source;
    struct str certificate_subject, certificate_serial;
    struct instant certificate_until;
    struct str verdict, words;
};
struct report_verification {
    int64_t report_id, version;
    bool valid;
    struct str verdict, words;
    struct list signatures; /* struct report_signature */
    unsigned status;        /* enum report_status: how the report stands */
    int64_t replaced_by;    /* the version that was signed after this one; null: none */
    bool record_matches, patient_matches;
    bool is_moved; /* to another patient, by no merge; not sent */
    int64_t images_signed, images_changed, images_missing;
};
extern const struct schema report_verification_schema;

/* Of a version that the caller sees; 0: the last that was signed. E_CONFLICT: it is not signed. */
bool report_verify(struct call *c, int64_t id, int64_t version, struct report_verification *out);
/* The file. */
bool report_envelope(struct call *c, int64_t id, int64_t version, struct str *out);

#endif
