/* report_peer.c - what readers say of earlier reports. */
#include "reports/peer_review.h"
#include "web/exchange.h"
#include "web/listing.h"

struct peer_list {
    struct list_query list;
    int64_t report_id, reviewer_id;
    unsigned state;
    bool mine;
};
#define PEER_SORTS(X) X("created_at", "e.created_at")
LIST_ORDER(peer_order, PEER_SORTS);
static const struct field peer_list_fields[] = {
    LIST_FIELDS(struct peer_list, peer_order, "-created_at"),
    FIELD(struct peer_list, report_id, .min = 1, .max = INT64_MAX, .filter = "e.report_id = ?",
          .doc = "Only those of this report."),
    FIELD(struct peer_list, state, .choices = peer_states, .type = "PeerReviewState", .filter = "e.state = ?",
          .doc = "Only those that stand so."),
    FIELD(struct peer_list, mine, .fallback = "false", .doc = "Only those that one is asked for or has given."),
};
static const struct schema peer_list = SCHEMA("PeerReviewList", struct peer_list, peer_list_fields);
static const struct listing peer_listing = { .row = &peer_review_schema, .id = "e.id", .order = &peer_order };

static bool peer_list_get(struct call *c)
{
    const struct peer_list *in = c->in;
    struct condition scopes[PEER_SCOPES], own = { "e.reviewer_id = ?", V(call_user(c)) };
    struct list_among among = { .scopes = in->mine ? &own : scopes,
                                .scope_count = in->mine ? 1 : peer_review_scopes(c, scopes) };
    return list_answer(c, &peer_listing, among);
}

static const struct field verdict_fields[] = {
    KEY(struct peer_verdict, id, "The report."),
    FIELD(struct peer_verdict, score, .flags = REQUIRED, .choices = peer_scores, .type = "RadpeerScore",
          .doc = "RADPEER: 1, 2a, 2b, 3a or 3b."),
    FIELD(struct peer_verdict, comment, .flags = NULLABLE, .max = 4000,
          .doc = "What differs; needed where anything does."),
};
static const struct schema verdict_schema = SCHEMA("PeerVerdict", struct peer_verdict, verdict_fields);
static const struct field decline_fields[] = {
    KEY(struct peer_verdict, id, "The peer review that one was asked for."),
    FIELD(struct peer_verdict, comment, .flags = REQUIRED, .min = 1, .max = 4000, .doc = "Why."),
};
static const struct schema decline_schema = SCHEMA("PeerReviewDeclined", struct peer_verdict, decline_fields);

static bool peer_post(struct call *c)
{
    return peer_review_give(c, c->in, c->out);
}

static bool peer_decline(struct call *c)
{
    return peer_review_decline(c, c->in, c->out);
}

/* ---- figures ---- */

static const struct field figures_fields[] = {
    FIELD(struct peer_figures_wish, from, .doc = "From the month of this day on; else the last twelve months."),
    FIELD(struct peer_figures_wish, to, .doc = "Until the month of this day; else until this month."),
    FIELD(struct peer_figures_wish, author_id, .min = 1, .max = INT64_MAX,
          .doc = "Only this author's reports; who does not lead sees their own."),
};
static const struct schema figures_query = SCHEMA("PeerReviewStatsQuery", struct peer_figures_wish, figures_fields);

struct peer_stats {
    struct list items;
};
static const struct field stats_fields[] = {
    FIELD(struct peer_stats, items, .of = &peer_month_schema, .doc = "One row a month and author with verdicts."),
};
static const struct schema stats_schema =
    SCHEMA("PeerReviewStats", struct peer_stats, stats_fields, .doc = "What was said of reports, month by month.");

static bool stats_get(struct call *c)
{
    return peer_figures_read(c, c->in, &((struct peer_stats *)c->out)->items);
}

#define PATH "/api/v1/reports/peer-reviews"
#define PEERS .entity = "peer_review", .tag = "reports"
static const struct endpoint rows[] = {
    { HTTP_GET, PATH, peer_list_get, &peer_list, &peer_review_schema, PEERS, .permission = MAY_READ_REPORTS,
      .flags = LIST, .summary = "Lists what one is asked to judge, has judged, and what was said of one's own reports",
      .doc = "To who leads (`report.lead`), everybody's." },
    { HTTP_GET, PATH "/stats", stats_get, &figures_query, &stats_schema, PEERS, .permission = MAY_READ_REPORTS,
      .runs = WORKS, .summary = "Counts verdicts, by month and author" },
    { HTTP_POST, PATH "/{id}/decline", peer_decline, &decline_schema, &peer_review_schema, PEERS,
      .permission = MAY_CREATE_REPORTS, .runs = WRITES, .body = BODY_JSON, .flags = ACTION | PERSON,
      .audit = "peer_review.decline", .summary = "Says that one does not judge what one was asked to" },
    { HTTP_POST, "/api/v1/reports/{id}/peer-reviews", peer_post, &verdict_schema, &peer_review_schema, PEERS,
      .permission = MAY_CREATE_REPORTS, .runs = WRITES, .body = BODY_JSON, .status = 201, .flags = PERSON,
      .audit = "peer_review.create", .summary = "Judges a signed report by RADPEER" },
};
ENDPOINT_TABLE(report_peer_endpoints, rows);
