/* report_public.h - what anybody who holds a report's pages may know: whether the report still counts.
 *
 *     sign ---> token, 128 random bits, kept with the signature
 *     pages --> a code (QR) that leads to PUBLIC_URL/verify/TOKEN, where PUBLIC_URL is set
 *     GET ----> valid | changed | revoked | replaced | entered in error | unknown; the hospital; when it was signed
 *
 * Nothing of the patient, the study or the signer is told, nor what the report says: the token proves only that one has
 * held the pages. What is looked at is the record here (report_verify), not the paper: whoever doubts what is printed
 * compares it with the record, or has the file checked (roentgen report verify).
 *
 * Anybody may ask, so what a signature is worth is worked out once a minute at most, as long as nothing that it rests
 * on has changed (report_verdict.c); the record is compared with it each time.
 */
#ifndef ROENTGEN_REPORTS_REPORT_PUBLIC_H
#define ROENTGEN_REPORTS_REPORT_PUBLIC_H

#include "reports/report.h"

enum { REPORT_TOKEN_TEXT = 32 /* hexadecimal digits */ };

enum public_state {
    PUBLIC_VALID = 1,
    PUBLIC_CHANGED,  /* the record does not say what was signed, or of that patient; or whose signature it is */
    PUBLIC_REVOKED,  /* the key was withdrawn before */
    PUBLIC_REPLACED, /* a later version counts */
    PUBLIC_ENTERED_IN_ERROR,
    PUBLIC_UNKNOWN /* no such token */
};
extern const char *const public_states[];

struct report_public {
    unsigned state;
    struct str hospital;
    struct instant signed_at; /* null: unknown */
    struct str report;        /* where the caller may read it; null: they may not, or there is none */
    int64_t report_id;        /* not sent */
};
extern const struct schema report_public_schema;

/* Whoever asks. A token that is none is PUBLIC_UNKNOWN, as one of no report is. */
bool report_public_look(struct call *c, struct str token, struct report_public *out);

/* Where verdicts are kept (struct app, `verdicts`); cache_free. */
struct cache *report_verdicts_new(void);

struct str report_token(struct call *c); /* a new one */
/* PUBLIC_URL/verify/TOKEN of a signed version; null: no PUBLIC_URL, or no token. */
bool report_public_address(struct call *c, int64_t id, int64_t version, struct str *out);

#endif
