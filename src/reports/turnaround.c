/* turnaround.c - see turnaround.h. */
#include "reports/turnaround.h"

#include "base/zone.h"
#include "reports/report_parts.h"

#include <math.h>
#include <stdlib.h>

/* ---- rows ---- */

static const struct field stage_fields[] = {
    FIELD(struct stage_times, reports, .doc = "Reports that have gone through it."),
    FIELD(struct stage_times, median_s, .flags = NULLABLE, .doc = "Half took no longer, in seconds (nearest rank)."),
    FIELD(struct stage_times, p90_s, .flags = NULLABLE, .doc = "90 of 100 took no longer."),
};
static const struct schema stage_schema =
    SCHEMA("StageTimes", struct stage_times, stage_fields, .doc = "How long one stage took.");

#define STAGE(member, ...) FIELD_OBJECT(struct turnaround, member, .of = &stage_schema, __VA_ARGS__)
static const struct field turnaround_fields[] = {
    FIELD(struct turnaround, month, .flags = NULLABLE, .example = "2026-11", .doc = "Of the first signature."),
    FIELD(struct turnaround, modality, .flags = NULLABLE, .doc = "What made the study's pictures."),
    FIELD(struct turnaround, author_id, .flags = NULLABLE, .doc = "Who wrote what was signed."),
    FIELD(struct turnaround, author_name, .flags = NULLABLE, .doc = "That account's full name."),
    FIELD(struct turnaround, reports, .doc = "Reports that were signed for the first time."),
    FIELD(struct turnaround, overdue, .doc = "Of those: signed later than they were due."),
    FIELD(struct turnaround, overdue_share, .flags = NULLABLE, .doc = "Their share of those that were due, 0 to 1."),
    STAGE(draft, .doc = "From the study's first image until the report was begun."),
    STAGE(submit, .doc = "From there until it was submitted first."),
    STAGE(review, .doc = "From there until it was approved, with all ways back."),
    STAGE(sign, .doc = "From there to the signature."),
    STAGE(total, .doc = "From the first image to the signature."),
};
const struct schema turnaround_schema =
    SCHEMA("ReportTurnaround", struct turnaround, turnaround_fields, .doc = "How long reports took.");

#define ROWS(member, ...) FIELD(struct turnaround_figures, member, .of = &turnaround_schema, __VA_ARGS__)
static const struct field figures_fields[] = {
    FIELD_OBJECT(struct turnaround_figures, all, .of = &turnaround_schema, .doc = "All of them."),
    ROWS(months, .doc = "By month."),
    ROWS(modalities, .doc = "By modality."),
    ROWS(authors, .doc = "By author: all to those who review reports, to others themselves."),
};
const struct schema turnaround_figures_schema =
    SCHEMA("ReportTurnaroundFigures", struct turnaround_figures, figures_fields,
           .doc = "How long reports took, of those that one may see.");

/* ---- what is read ---- */

enum { NO_TIME = -1 };

struct sample {
    int month;
    int64_t author_id;
    struct str modality;
    bool was_due, is_overdue;
    int64_t us[STAGES]; /* NO_TIME: it has not gone through it */
};

struct samples {
    struct sample *at;
    ptrdiff_t count, room;
};

static struct sample *add(struct call *c, struct samples *s)
{
    if (s->count == s->room) {
        ptrdiff_t room = s->room ? 2 * s->room : 1024;
        struct sample *grown = arena_array(&c->arena, struct sample, room);
        for (ptrdiff_t i = 0; i < s->count; i++)
            grown[i] = s->at[i];
        s->at = grown;
        s->room = room;
    }
    return &s->at[s->count++];
}

static int64_t moment(struct cursor *rows, int column)
{
    struct value value = cursor_value(rows, column);
    return value.type == VALUE_NOTHING ? NO_TIME : cursor_integer(rows, column);
}

static int64_t between(int64_t from, int64_t to)
{
    return from == NO_TIME || to == NO_TIME || to < from ? NO_TIME : to - from;
}

/* The columns of SIGNED. */
static void read_sample(struct call *c, struct cursor *rows, struct sample *out)
{
    int64_t arrived = moment(rows, 0), due = moment(rows, 1), begun = moment(rows, 2), submitted = moment(rows, 3),
            approved = moment(rows, 4), is_signed = moment(rows, 5);
    *out = (struct sample){
        .month = zone_month(zone_date((struct instant){ is_signed })),
        .modality = arena_copy(&c->arena, cursor_text(rows, 6)),
        .author_id = cursor_integer(rows, 7),
        .was_due = due != NO_TIME,
        .is_overdue = due != NO_TIME && is_signed > due,
        .us = { [STAGE_DRAFT] = between(arrived, begun),
                [STAGE_SUBMIT] = between(begun, submitted),
                [STAGE_REVIEW] = between(submitted, approved),
                [STAGE_SIGN] = between(approved, is_signed),
                [STAGE_TOTAL] = between(arrived, is_signed) },
    };
}

#define SIGNED \
    "select r.arrived_at, r.due_at, r.created_at, (select min(h.at) from report_steps h where h.report_id = r.id and " \
    "h.action = 'submit'), (select max(h.at) from report_steps h where h.report_id = r.id and h.action = 'approve' " \
    "and h.id < g.id), g.at, upper(s.modality), v.author_id from report_steps g join reports r on r.id = g.report_id " \
    "left join studies s on s.id = r.study_id left join report_versions v on v.report_id = r.id and v.version = " \
    "g.version where g.action = 'sign' and g.at >= ? and g.at < ? and r.status <> 'ENTERED_IN_ERROR' and not exists " \
    "(select 1 from report_steps e where " \
    "e.report_id = g.report_id and e.action = 'sign' and e.id < g.id) and "

/* Whoever sees few of them has all looked at. */
static bool are_few(struct call *c, struct value begins, struct value ends)
{
    int64_t count = 0;
    return db_integer(c, &count,
                      "select count(*) from (select g.id from report_steps g where g.action = 'sign' and g.at >= ? and "
                      "g.at < ? limit ?) m",
                      begins, ends, V((int64_t)TURNAROUND_MAX + 1)) &&
           (count <= TURNAROUND_MAX ||
            fail(c, E_TOO_LARGE, "in these days more than %d reports were signed: name fewer (from, to)",
                 TURNAROUND_MAX));
}

/* The first day of the month eleven months before. */
static struct date year_before(struct date to)
{
    int month = zone_month(to) - 11, first = zone_month(date_from_ymd(1, 1, 1));
    if (month < first)
        month = first;
    return date_from_ymd(month / 12, month % 12 + 1, 1);
}

static bool read_samples(struct call *c, const struct turnaround_wish *wish, struct samples *out)
{
    struct cursor rows;
    struct date to = date_is_null(wish->to) ? zone_today() : wish->to;
    struct date from = date_is_null(wish->from) ? year_before(to) : wish->from;
    struct value me = V(call_user(c)), begins = V(zone_midnight(from)),
                 ends = V(zone_midnight((struct date){ to.days + 1 }));
    if (!are_few(c, begins, ends))
        return false;
    if (visibility_of_everything(c))
        db_rows(c, &rows, SIGNED "? = 1", begins, ends, V(INT64_C(1)));
    else
        db_rows(c, &rows, SIGNED REPORT_SEEN, begins, ends, me, me, me, me, VISIBLE_TO(c));
    while (cursor_next(&rows))
        read_sample(c, &rows, add(c, out));
    return cursor_close(&rows);
}

/* ---- one group ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: in place ceil(n * percent / 100), from 1. */
static double ranked_s(const int64_t *sorted, ptrdiff_t n, int percent)
{
    ptrdiff_t rank = (n * percent + 99) / 100;
    return n ? (double)sorted[rank - 1] / 1e6 : NAN;
}

static struct stage_times times_of(const struct sample *samples, ptrdiff_t count, int stage, int64_t *scratch)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < count; i++)
        if (samples[i].us[stage] != NO_TIME)
            scratch[n++] = samples[i].us[stage];
    if (n)
        qsort(scratch, (size_t)n, sizeof(*scratch), by_number);
    return (struct stage_times){ n, ranked_s(scratch, n, 50), ranked_s(scratch, n, 90) };
}

static void sum_up(const struct sample *samples, ptrdiff_t count, int64_t *scratch, struct turnaround *out)
{
    int64_t due = 0;
    out->reports = count;
    for (ptrdiff_t i = 0; i < count; i++) {
        due += samples[i].was_due;
        out->overdue += samples[i].is_overdue;
    }
    out->overdue_share = due ? (double)out->overdue / (double)due : NAN;
    out->draft = times_of(samples, count, STAGE_DRAFT, scratch);
    out->submit = times_of(samples, count, STAGE_SUBMIT, scratch);
    out->review = times_of(samples, count, STAGE_REVIEW, scratch);
    out->sign = times_of(samples, count, STAGE_SIGN, scratch);
    out->total = times_of(samples, count, STAGE_TOTAL, scratch);
}

/* ---- groups ---- */

static int by_month(const void *a, const void *b)
{
    return ((const struct sample *)a)->month - ((const struct sample *)b)->month;
}
static int by_modality(const void *a, const void *b)
{
    return str_compare(((const struct sample *)a)->modality, ((const struct sample *)b)->modality);
}
static int by_modality_and_month(const void *a, const void *b)
{
    int modality = by_modality(a, b);
    return modality ? modality : by_month(a, b);
}
static int by_author(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->author_id, y = ((const struct sample *)b)->author_id;
    return (x > y) - (x < y);
}

struct grouping {
    int (*order)(const void *a, const void *b);
    bool month, modality, author; /* what a row of it says of itself */
};

static struct turnaround group_row(struct call *c, const struct grouping *by, const struct sample *first)
{
    struct turnaround row = { .author_id = INTEGER_NULL };
    if (by->month)
        row.month = arena_format(&c->arena, "%04d-%02d", first->month / 12, first->month % 12 + 1);
    if (by->modality)
        row.modality = first->modality.len ? first->modality : STR_NULL;
    if (by->author)
        row.author_id = first->author_id;
    return row;
}

static struct list group(struct call *c, const struct samples *s, const struct grouping *by, int64_t *scratch)
{
    ptrdiff_t groups = 0, end;
    if (s->count)
        qsort(s->at, (size_t)s->count, sizeof(*s->at), by->order);
    for (ptrdiff_t i = 0; i < s->count; i++)
        groups += i == 0 || by->order(&s->at[i - 1], &s->at[i]) != 0;
    struct turnaround *rows = arena_array(&c->arena, struct turnaround, groups);
    struct list out = { rows, 0 };
    for (ptrdiff_t i = 0; i < s->count; i = end) {
        for (end = i + 1; end < s->count && by->order(&s->at[i], &s->at[end]) == 0;)
            end++;
        rows[out.count] = group_row(c, by, &s->at[i]);
        sum_up(s->at + i, end - i, scratch, &rows[out.count++]);
    }
    return out;
}

/* Whose figures the caller is told. */
static bool name_authors(struct call *c, struct list *authors)
{
    struct turnaround *rows = authors->items;
    bool all = call_may(c, MAY_REVIEW_REPORTS);
    ptrdiff_t kept = 0;
    for (ptrdiff_t i = 0; i < authors->count; i++) {
        struct value name = value_nothing();
        if (!all && rows[i].author_id != call_user(c))
            continue;
        if (db_find_value(c, &name, "select full_name from users where id = ?", V(rows[i].author_id)) == FAILED)
            return false;
        rows[i].author_name = name.type == VALUE_TEXT ? arena_copy(&c->arena, name.text) : STR_NULL;
        rows[kept++] = rows[i];
    }
    authors->count = kept;
    return true;
}

bool turnaround_read(struct call *c, const struct turnaround_wish *wish, struct turnaround_figures *out)
{
    static const struct grouping months = { by_month, .month = true }, modalities = { by_modality, .modality = true },
                                 authors = { by_author, .author = true },
                                 both = { by_modality_and_month, .month = true, .modality = true };
    struct samples samples = { 0 };
    if (!read_samples(c, wish, &samples))
        return false;
    int64_t *scratch = arena_array(&c->arena, int64_t, samples.count);
    out->all = (struct turnaround){ .author_id = INTEGER_NULL };
    sum_up(samples.at, samples.count, scratch, &out->all);
    out->months = group(c, &samples, &months, scratch);
    out->modalities = group(c, &samples, &modalities, scratch);
    out->modality_months = group(c, &samples, &both, scratch);
    out->authors = group(c, &samples, &authors, scratch);
    return name_authors(c, &out->authors);
}
