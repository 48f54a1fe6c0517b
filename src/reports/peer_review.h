/* peer_review.h - readers judge earlier reports while they read what came after: peer learning, by RADPEER (ACR).
 *
 *     report begun on a study --> the patient's last signed report of that region, by somebody else
 *                                 --> by chance (PEER_REVIEW_SHARE of 100) its reader is ASKED
 *     POST /reports/{id}/peer-reviews {"score": "2a", "comment": "..."}     SCORED, asked or of one's own accord
 *     POST /reports/peer-reviews/{id}/decline {"comment": "..."}            DECLINED
 *
 *   1        agrees
 *   2a, 2b   a difference that is understandable: it was not to be expected that it is seen
 *   3a, 3b   a difference that should be seen most of the time
 *            b: likely to have mattered to the patient
 *
 * Each reader judges a version once. What is said is no part of the report and in nothing that is given out of it; it
 * is seen by who says it, once it is said by the report's author, and by who leads (report.lead). With
 * PEER_REVIEW_BLINDED neither of the two is told the other's name here; the report itself goes on naming its author.
 *
 * Loaded records are in the call's arena.
 */
#ifndef ROENTGEN_REPORTS_PEER_REVIEW_H
#define ROENTGEN_REPORTS_PEER_REVIEW_H

#include "db/condition.h"
#include "reports/report.h"

enum peer_state { PEER_ASKED = 1, PEER_SCORED, PEER_DECLINED };
extern const char *const peer_states[];
enum peer_score { PEER_1 = 1, PEER_2A, PEER_2B, PEER_3A, PEER_3B, PEER_SCORES = PEER_3B };
extern const char *const peer_scores[];

struct peer_review {
    int64_t id;
    int64_t report_id, version; /* what is judged: a signed version */
    int64_t author_id;
    struct str author_name;
    int64_t reviewer_id;
    struct str reviewer_name;
    int64_t reading_id; /* the report that the reviewer was writing; null: of their own accord */
    unsigned state, score;
    struct str comment;
    bool is_blinded;
    struct instant created_at, settled_at;
};
extern const struct schema peer_review_schema;

/* For lists of `peer_reviews e`: scopes of what the caller sees (0: all). */
enum { PEER_SCOPES = 2 };
int peer_review_scopes(struct call *c, struct condition scopes[PEER_SCOPES]);
/* E_NOT_FOUND: there is none, or it is not the caller's to see. */
bool peer_review_load(struct call *c, int64_t id, struct peer_review *out);

/* Inside the transaction that begins `reading`: the caller may be asked to judge the report before it. */
bool peer_review_ask(struct call *c, const struct report *reading);

struct peer_verdict {
    int64_t id; /* of the report; of the peer review, where one declines */
    unsigned score;
    struct str comment;
};
/* Inside a transaction. Of the last signed version of a report that the caller sees. E_CONFLICT: it is not signed, or
 * the caller has written, approved, signed or judged it. E_INVALID: a difference without a comment. */
bool peer_review_give(struct call *c, const struct peer_verdict *verdict, struct peer_review *out);
/* Inside a transaction. E_CONFLICT: it is settled. */
bool peer_review_decline(struct call *c, const struct peer_verdict *verdict, struct peer_review *out);

/* A month's verdicts, by when they were given, for one author. */
struct peer_month {
    struct str month; /* "2026-11", in the house's time zone */
    int64_t author_id;
    struct str author_name;
    int64_t scored, score_1, score_2a, score_2b, score_3a, score_3b;
    double discrepancy; /* the share of 3a and 3b, 0 to 1 */
};
extern const struct schema peer_month_schema;
struct peer_figures_wish {
    struct date from, to; /* months of these days; null: the last twelve */
    int64_t author_id;    /* null: everybody that the caller may see, who leads; else one's own */
};
/* By month, then author. Who does not lead gets their own. */
bool peer_figures_read(struct call *c, const struct peer_figures_wish *wish, struct list *out);

#endif
