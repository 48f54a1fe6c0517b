/* peer_figures.c - verdicts counted, by month and author. */
#include "reports/peer_review.h"

#include "base/zone.h"
#include "site/actor.h"

#define COUNT(member, ...) FIELD(struct peer_month, member, .flags = READ_ONLY, __VA_ARGS__)
static const struct field peer_month_fields[] = {
    COUNT(month, .max = 7, .example = "2026-11", .doc = "The month, in the house's time zone."),
    COUNT(author_id, .doc = "Whose reports were judged."),
    COUNT(author_name, .max = 400, .doc = "Their full name."),
    COUNT(scored, .doc = "How many verdicts were given."),
    COUNT(score_1, .doc = "Of these: agrees."),
    COUNT(score_2a, .doc = "Understandable, without weight."),
    COUNT(score_2b, .doc = "Understandable, and likely to have mattered."),
    COUNT(score_3a, .doc = "Should be seen most of the time, without weight."),
    COUNT(score_3b, .doc = "Should be seen most of the time, and likely to have mattered."),
    COUNT(discrepancy, .min = 0, .max = 1, .doc = "The share of 3a and 3b."),
};
const struct schema peer_month_schema = SCHEMA("PeerReviewMonth", struct peer_month, peer_month_fields,
                                               .doc = "What others said of an author's reports in a month.");

enum { ROWS_MAX = 20000 };

struct counting {
    struct peer_month *rows;
    ptrdiff_t count;
    int64_t author; /* 0: all */
};

static struct peer_month *row_of(struct call *c, struct counting *all, int month, struct cursor *rows)
{
    struct peer_month *last = all->count ? &all->rows[all->count - 1] : NULL;
    struct str name = arena_format(&c->arena, "%04d-%02d", month / 12, month % 12 + 1);
    if (last && last->author_id == cursor_integer(rows, 0) && str_equal(last->month, name))
        return last;
    if (all->count == ROWS_MAX)
        return NULL;
    last = &all->rows[all->count++];
    *last = (struct peer_month){ .month = name,
                                 .author_id = cursor_integer(rows, 0),
                                 .author_name = arena_copy(&c->arena, cursor_text(rows, 1)) };
    return last;
}

static void add(struct peer_month *m, struct str score, int64_t count)
{
    int64_t *const of[PEER_SCORES] = { &m->score_1, &m->score_2a, &m->score_2b, &m->score_3a, &m->score_3b };
    for (int i = 0; i < PEER_SCORES; i++)
        if (str_equal(score, str_from(peer_scores[i])))
            *of[i] += count;
    m->scored += count;
    m->discrepancy = (double)(m->score_3a + m->score_3b) / (double)m->scored;
}

static bool count_month(struct call *c, struct counting *all, int month)
{
    struct cursor rows;
    bool fits = true;
    for (db_rows(c, &rows,
                 "select e.author_id, u.full_name, e.score, count(*) from peer_reviews e join users u on u.id = "
                 "e.author_id where e.settled_at >= ? and e.settled_at < ? and e.state = 'SCORED' and "
                 "(e.author_id = ? or ?) group by e.author_id, u.full_name, e.score order by e.author_id, e.score",
                 V(zone_month_begins(month)), V(zone_month_begins(month + 1)), V(all->author), V(all->author == 0));
         fits && cursor_next(&rows);) {
        struct peer_month *m = row_of(c, all, month, &rows);
        fits = m != NULL;
        if (m)
            add(m, cursor_text(&rows, 2), cursor_integer(&rows, 3));
    }
    return cursor_close(&rows) && (fits || fail(c, E_TOO_LARGE, "that is too much: name an author, or fewer months"));
}

#define AN_END "select settled_at from peer_reviews where settled_at is not null order by settled_at"

/* The months of the first and the last of all verdicts. */
static enum found find_extent(struct call *c, int *first, int *last)
{
    struct instant began, ended;
    enum found found = db_find_integer(c, &began.us, AN_END " limit 1");
    if (found == FOUND)
        found = db_find_integer(c, &ended.us, AN_END " desc limit 1");
    if (found == FOUND) {
        *first = zone_month(zone_date(began));
        *last = zone_month(zone_date(ended));
    }
    return found;
}

bool peer_figures_read(struct call *c, const struct peer_figures_wish *wish, struct list *out)
{
    int64_t author = wish->author_id > 0 ? wish->author_id : 0;
    int to = zone_month(date_is_null(wish->to) ? zone_today() : wish->to);
    int from = date_is_null(wish->from) ? to - 11 : zone_month(wish->from), first = 0, last = -1;
    struct counting all = { .author = call_may(c, MAY_LEAD_REPORTS) ? author : call_user(c) };
    if (author && all.author && author != all.author)
        return fail(c, E_FORBIDDEN, "only who leads (report.lead) sees others' figures");
    if (find_extent(c, &first, &last) == FAILED)
        return false;
    all.rows = arena_array(&c->arena, struct peer_month, ROWS_MAX);
    for (int month = from > first ? from : first; month <= (to < last ? to : last); month++)
        if (!count_month(c, &all, month))
            return false;
    *out = (struct list){ all.rows, all.count };
    return true;
}
