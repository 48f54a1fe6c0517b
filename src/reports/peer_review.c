/* peer_review.c - who is asked, who sees it, and what they say. */
#include "reports/peer_review.h"

#include "base/crypto.h"
#include "base/names.h"
#include "reports/report_parts.h"
#include "site/app.h"

const char *const peer_states[] = { "ASKED", "SCORED", "DECLINED", NULL };
NAMES_REACH(peer_states, PEER_DECLINED);
const char *const peer_scores[] = { "1", "2a", "2b", "3a", "3b", NULL };
NAMES_REACH(peer_scores, PEER_SCORES);

#define TOLD(member, ...) FIELD(struct peer_review, member, .flags = READ_ONLY, __VA_ARGS__)
#define MAYBE(member, ...) FIELD(struct peer_review, member, .flags = READ_ONLY | NULLABLE, __VA_ARGS__)
#define PARTY(member, ...) FIELD(struct peer_review, member, .flags = READ_ONLY | NULLABLE | VEILS, __VA_ARGS__)
#define NAME_OF(ID) "(select u.full_name from users u where u.id = " ID ")"

static const struct field peer_review_fields[] = {
    TOLD(id, .min = 1, .max = INT64_MAX, .doc = "Identifies the peer review here."),
    TOLD(report_id, .doc = "The report that is judged."),
    TOLD(version, .doc = "Which of its signed versions."),
    PARTY(author_id, .doc = "Whose version it is; null to its reviewer, where they are not to know."),
    PARTY(author_name, .sql = NAME_OF("e.author_id"), .doc = "Their full name."),
    PARTY(reviewer_id, .doc = "Who judges; null to the author, where they are not to know."),
    PARTY(reviewer_name, .sql = NAME_OF("e.reviewer_id"), .doc = "Their full name."),
    PARTY(reading_id, .doc = "The report that the reviewer was writing then; null: judged of their own accord."),
    TOLD(state, .choices = peer_states, .type = "PeerReviewState", .doc = "How far it is."),
    MAYBE(score, .choices = peer_scores, .type = "RadpeerScore",
          .doc = "RADPEER: 1 agrees; 2 a difference that is understandable; 3 one that should be seen most of the "
                 "time; b: likely to have mattered to the patient."),
    MAYBE(comment, .max = 4000, .doc = "What differs; of one that is declined, why."),
    FIELD(struct peer_review, is_blinded, .flags = READ_ONLY | VEILS,
          .doc = "Is neither of the two told the other's name here?"),
    FIELD(struct peer_review, created_at, .flags = READ_ONLY | SET_ON_INSERT, .doc = "When it was asked for."),
    MAYBE(settled_at, .doc = "When it was judged, or declined."),
};

static bool peer_veil(struct call *c, void *record)
{
    struct peer_review *r = record;
    if (!r->is_blinded)
        return true;
    bool is_author = r->author_id == call_user(c), leads = call_may(c, MAY_LEAD_REPORTS);
    if (is_author) {
        r->reviewer_id = r->reading_id = INTEGER_NULL;
        r->reviewer_name = STR_NULL;
    } else if (!leads) {
        r->author_id = INTEGER_NULL;
        r->author_name = STR_NULL;
    }
    return true;
}

const struct schema peer_review_schema =
    SCHEMA("PeerReview", struct peer_review, peer_review_fields, .table = "peer_reviews", .alias = "e",
           .veil = peer_veil, .doc = "What a reader says of an earlier report. It is no part of that report.");

/* ---- seeing ---- */

int peer_review_scopes(struct call *c, struct condition scopes[PEER_SCOPES])
{
    struct value me = V(call_user(c));
    if (call_may(c, MAY_LEAD_REPORTS))
        return 0;
    scopes[0] = (struct condition){ "e.reviewer_id = ?", me };
    scopes[1] = (struct condition){ "e.author_id = ? and e.state = 'SCORED'", me };
    return PEER_SCOPES;
}

#define SEEN "(e.reviewer_id = ? or (e.author_id = ? and e.state = 'SCORED') or ?)"

bool peer_review_load(struct call *c, int64_t id, struct peer_review *out)
{
    struct value me = V(call_user(c));
    enum found found = db_find(c, &peer_review_schema, out, "where e.id = ? and " SEEN, V(id), me, me,
                               V(call_may(c, MAY_LEAD_REPORTS)));
    return found == FOUND || (found == NONE && fail(c, E_NOT_FOUND, "peer review %" PRId64 " does not exist", id));
}

/* ---- asking ---- */

static bool by_chance(int64_t of_100)
{
    uint32_t drawn;
    crypto_random(&drawn, sizeof(drawn));
    return drawn % 100 < of_100;
}

static bool begin(struct call *c, struct peer_review *r)
{
    r->reviewer_id = call_user(c);
    r->is_blinded = c->app->config.peer_review_blinded;
    return db_insert(c, &peer_review_schema, r, &r->id);
}

/* The caller's of this version; else what they were asked of an earlier one and have not answered. */
static enum found find_own(struct call *c, int64_t report_id, int64_t version, struct peer_review *out)
{
    return db_find(c, &peer_review_schema, out,
                   "where e.report_id = ? and e.reviewer_id = ? and (e.version = ? or e.state = 'ASKED') order by "
                   "e.version desc limit 1",
                   V(report_id), V(call_user(c)), V(version));
}

/* The signed version of a report, whose it is, and who stands by it: its author, who approved it, who signed it. */
struct judged {
    int64_t version, author, reviewer, signer;
};

static bool find_signed(struct call *c, int64_t report_id, struct judged *out)
{
    struct cursor rows;
    *out = (struct judged){ INTEGER_NULL, INTEGER_NULL, INTEGER_NULL, INTEGER_NULL };
    for (db_rows(c, &rows,
                 "select v.version, v.author_id, coalesce(r.reviewer_id, 0), coalesce(r.signer_id, 0) from reports r "
                 "join report_versions v on v.report_id = r.id and v.version = r.signed_version where r.id = ?",
                 V(report_id));
         cursor_next(&rows);)
        *out = (struct judged){ cursor_integer(&rows, 0), cursor_integer(&rows, 1), cursor_integer(&rows, 2),
                                cursor_integer(&rows, 3) };
    return cursor_close(&rows);
}

static bool stands_by_it(const struct call *c, const struct judged *judged)
{
    int64_t me = call_user(c);
    return judged->author == me || judged->reviewer == me || judged->signer == me;
}

bool peer_review_ask(struct call *c, const struct report *reading)
{
    struct peer_review r, before;
    struct judged judged;
    schema_clear(&peer_review_schema, &r);
    if (!by_chance(c->app->config.peer_review_share))
        return true;
    enum found found = report_find_prior(c, reading, &r.report_id);
    if (found != FOUND)
        return found == NONE;
    if (!find_signed(c, r.report_id, &judged))
        return false;
    if (stands_by_it(c, &judged))
        return true;
    r.version = judged.version;
    r.author_id = judged.author;
    found = find_own(c, r.report_id, r.version, &before);
    if (found != NONE)
        return found == FOUND;
    r.reading_id = reading->id;
    r.state = PEER_ASKED;
    return begin(c, &r);
}

/* ---- judging ---- */

static bool verdict_will_do(struct call *c, const struct peer_verdict *verdict)
{
    return verdict->score == PEER_1 || verdict->comment.len ||
           error_add_problem(&c->error, &c->arena, "body", S("comment"), "missing",
                             "has to say what differs: the author learns from nothing else");
}

static bool settle(struct call *c, struct peer_review *r, unsigned state, const struct peer_verdict *verdict)
{
    r->state = state;
    r->score = state == PEER_SCORED ? verdict->score : 0;
    r->comment = verdict->comment;
    r->settled_at = clock_now();
    return db_execute(c, "update peer_reviews set state = ?, score = ?, comment = ?, settled_at = ? where id = ?",
                      V(choice_text(peer_states, r->state)), V(choice_text(peer_scores, r->score)), V(r->comment),
                      V(r->settled_at), V(r->id)) &&
           peer_review_load(c, r->id, r);
}

/* What was asked of a version that was replaced meanwhile is answered of the one that counts. */
static bool move(struct call *c, struct peer_review *r, const struct judged *judged)
{
    return db_execute(c, "update peer_reviews set version = ?, author_id = ? where id = ?", V(judged->version),
                      V(judged->author), V(r->id));
}

bool peer_review_give(struct call *c, const struct peer_verdict *verdict, struct peer_review *out)
{
    struct report report;
    struct judged judged;
    if (!verdict_will_do(c, verdict) || !report_hold(c, verdict->id, &report) || !find_signed(c, verdict->id, &judged))
        return false;
    if (judged.version == INTEGER_NULL || report.status == REPORT_ENTERED_IN_ERROR)
        return fail(c, E_CONFLICT, "only a signed report is judged: this one is %s",
                    report_statuses[report.status - 1]);
    if (stands_by_it(c, &judged))
        return fail(c, E_CONFLICT,
                    "a report that is one's own, or that one has approved or signed, is judged by others");
    enum found found = find_own(c, verdict->id, judged.version, out);
    if (found == FAILED)
        return false;
    if (found == FOUND && out->version != judged.version && !move(c, out, &judged))
        return false;
    if (found == FOUND)
        return out->state == PEER_SCORED ? fail(c, E_CONFLICT, "you have judged this version already")
                                         : settle(c, out, PEER_SCORED, verdict);
    schema_clear(&peer_review_schema, out);
    out->report_id = verdict->id;
    out->version = judged.version;
    out->author_id = judged.author;
    out->state = PEER_ASKED;
    return begin(c, out) && settle(c, out, PEER_SCORED, verdict);
}

bool peer_review_decline(struct call *c, const struct peer_verdict *verdict, struct peer_review *out)
{
    if (!db_lock(c, "select id from peer_reviews where id = ?", V(verdict->id)) ||
        !peer_review_load(c, verdict->id, out))
        return false;
    if (out->reviewer_id != call_user(c))
        return fail(c, E_FORBIDDEN, "who was asked declines, and nobody else");
    return out->state == PEER_ASKED ? settle(c, out, PEER_DECLINED, verdict)
                                    : fail(c, E_CONFLICT, "it is settled: %s", peer_states[out->state - 1]);
}
