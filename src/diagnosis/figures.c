/* figures.c - what results count for, and the sums of it by month. */
#include "diagnosis/figures.h"

#include "base/text.h"
#include "base/zone.h"
#include "site/app.h"

#include <math.h>

/* ---- one result ---- */

enum { SHARE_UNIT = 10000, HISTOGRAM_TEXT_MAX = 400 };

/* Shares as whole ten-thousandths: "120,0,35,..." */
static struct str histogram_text(struct call *c, const double *histogram)
{
    struct text text;
    if (!histogram)
        return STR_NULL;
    text_init(&text, HISTOGRAM_TEXT_MAX);
    for (int i = 0; i < PREPARED_BINS; i++) {
        if (i)
            text_put_char(&text, ',');
        text_put_integer(&text, llround(fmin(fmax(histogram[i], 0), 1) * SHARE_UNIT));
    }
    struct str out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return out;
}

bool figure_note(struct call *c, const struct figure *f)
{
    struct value alarm = f->is_refused ? (struct value){ .type = VALUE_NOTHING } : V((int64_t)f->is_alarm);
    return db_execute(c,
                      "insert into diagnosis_figures(model_id, finished_at, diagnosis_id, study_id, is_shadow, "
                      "is_alarm, score, wait_us, run_us, histogram) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      V(f->model_id), V(f->finished_at), V(f->diagnosis_id), V(f->study_id), V((int64_t)f->is_shadow),
                      alarm, V(f->is_refused ? (double)NAN : f->score), V(f->wait_us), V(f->run_us),
                      V(histogram_text(c, f->histogram)));
}

bool figure_judge(struct call *c, int64_t diagnosis_id, const struct verdict *v)
{
    struct value decision = V(choice_text(review_decisions, v->decision));
    if (v->decision == REVIEW_CONFIRMED)
        return db_execute(c,
                          "update diagnosis_figures set verdict = ?, is_agreed = 1, is_seen = is_alarm where "
                          "diagnosis_id = ?",
                          decision, V(diagnosis_id));
    bool modified = v->decision == REVIEW_MODIFIED;
    return db_execute(c, "update diagnosis_figures set verdict = ?, is_agreed = ?, is_seen = ? where diagnosis_id = ?",
                      decision, V((int64_t)(modified && v->agreed)), modified ? V((int64_t)v->seen) : value_nothing(),
                      V(diagnosis_id));
}

bool figure_drop(struct call *c, int64_t diagnosis_id)
{
    return db_execute(c, "delete from diagnosis_figures where diagnosis_id = ?", V(diagnosis_id));
}

/* ---- the sums ---- */

double cohens_kappa(int64_t both, int64_t first, int64_t second, int64_t neither)
{
    double n = (double)(both + first + second + neither);
    if (n == 0)
        return NAN;
    double agreed = (double)(both + neither) / n;
    double a = (double)(both + first) / n, b = (double)(both + second) / n;
    double by_chance = a * b + (1 - a) * (1 - b);
    return by_chance < 1 ? (agreed - by_chance) / (1 - by_chance) : NAN;
}

struct proportion wilson(int64_t part, int64_t whole)
{
    const double z = 1.959963984540054;
    if (whole <= 0)
        return (struct proportion){ NAN, NAN, NAN };
    double n = (double)whole, p = (double)part / n;
    double middle = p + z * z / (2 * n), half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    double scale = 1 + z * z / n;
    return (struct proportion){ p, fmax((middle - half) / scale, 0), fmin((middle + half) / scale, 1) };
}

/* Times in classes that grow by 2 %: of a millisecond and more their middles are right to 1 %. */
enum { TIME_CLASSES = 1300 };
struct times {
    int32_t of[TIME_CLASSES];
    int64_t count;
};

static void times_add(struct times *t, int64_t us)
{
    int class = us > 0 ? (int)(log((double)us) / log(1.02)) : 0;
    t->of[class < TIME_CLASSES ? class : TIME_CLASSES - 1]++;
    t->count++;
}

static double times_quantile_ms(const struct times *t, double share)
{
    int64_t rank = (int64_t)ceil(share * (double)t->count), seen = 0;
    for (int i = 0; i < TIME_CLASSES; i++)
        if ((seen += t->of[i]) >= rank && rank > 0)
            return round(pow(1.02, i + 0.5)) / 1000;
    return NAN;
}

#define SCORE_CLASSES 10
struct distribution {
    double of[SCORE_CLASSES + PREPARED_BINS]; /* room for either */
    int64_t count;                            /* of results */
};

static double drift(const struct distribution *now, const struct distribution *first, int classes)
{
    const double least = 1e-4; /* an empty class would be infinitely far */
    double sum = 0;
    if (now->count < DRIFT_LEAST || first->count < DRIFT_LEAST)
        return NAN;
    for (int i = 0; i < classes; i++) {
        double p = fmax(now->of[i] / (double)now->count, least), q = fmax(first->of[i] / (double)first->count, least);
        sum += (p - q) * log(p / q);
    }
    return sum;
}

/* A month that is being summed up. */
struct month {
    struct month_figures told;
    int64_t agreed, alarms_judged, alarms_seen, table[2][2]; /* [model][reader] */
    struct times wait, run;
    struct distribution scores, greys;
    double score_sum;
};

/* A row's columns, in the order of ROW. */
#define ROW "study_id, is_alarm, score, wait_us, run_us, histogram, verdict, is_agreed, is_seen"

static void add_histogram(struct distribution *d, struct str text)
{
    struct str share;
    int64_t n;
    if (!text.len)
        return;
    for (int i = 0; i < PREPARED_BINS && str_next(&text, ',', &share); i++)
        if (str_to_integer(share, &n))
            d->of[i] += (double)n / SHARE_UNIT;
    d->count++;
}

static void add_verdict(struct month *m, struct cursor *rows, bool has_score, bool alarm)
{
    struct str verdict = cursor_text(rows, 6);
    bool agreed = cursor_integer(rows, 7) != 0, seen = cursor_integer(rows, 8) != 0,
         rejected = str_equal(verdict, S("REJECTED"));
    if (!verdict.len)
        return;
    m->told.judged++;
    m->told.confirmed += str_equal(verdict, S("CONFIRMED"));
    m->told.modified += str_equal(verdict, S("MODIFIED"));
    m->told.rejected += rejected;
    m->agreed += agreed;
    m->alarms_judged += alarm;
    m->alarms_seen += alarm && seen;
    if (has_score && !rejected)
        m->table[alarm][seen]++;
}

static void add_row(struct month *m, struct cursor *rows)
{
    struct value score = cursor_value(rows, 2);
    bool has_score = cursor_value(rows, 1).type != VALUE_NOTHING;
    bool alarm = has_score && cursor_integer(rows, 1) != 0;
    m->told.results++;
    m->told.refused += !has_score;
    m->told.alarms += alarm;
    if (has_score && score.type == VALUE_REAL) {
        int class = (int)(score.real * SCORE_CLASSES);
        m->scores.of[class < 0 ? 0 : class < SCORE_CLASSES ? class : SCORE_CLASSES - 1]++;
        m->scores.count++;
        m->score_sum += score.real;
    }
    times_add(&m->wait, cursor_integer(rows, 3));
    if (cursor_integer(rows, 4) > 0)
        times_add(&m->run, cursor_integer(rows, 4));
    add_histogram(&m->greys, cursor_text(rows, 5));
    add_verdict(m, rows, has_score, alarm);
}

static void finish(struct month *m, const struct month *first)
{
    struct month_figures *told = &m->told;
    int64_t scored = told->results - told->refused;
    told->alarms_per_100 = scored ? 100.0 * (double)told->alarms / (double)scored : NAN;
    told->ppv = wilson(m->alarms_seen, m->alarms_judged);
    told->agreement = wilson(m->agreed, told->judged);
    told->kappa = cohens_kappa(m->table[1][1], m->table[1][0], m->table[0][1], m->table[0][0]);
    told->wait_p50_ms = times_quantile_ms(&m->wait, 0.50);
    told->wait_p95_ms = times_quantile_ms(&m->wait, 0.95);
    told->run_p50_ms = times_quantile_ms(&m->run, 0.50);
    told->run_p95_ms = times_quantile_ms(&m->run, 0.95);
    told->score_mean = m->scores.count ? m->score_sum / (double)m->scores.count : NAN;
    told->score_drift = drift(&m->scores, &first->scores, SCORE_CLASSES);
    told->input_drift = drift(&m->greys, &first->greys, PREPARED_BINS);
}

/* ---- reading ---- */

#define OF_MONTH "where model_id = ? and finished_at >= ? and finished_at < ? and is_shadow <= ?"

static bool sum_up(struct call *c, int64_t model_id, int month, struct month *m)
{
    struct cursor rows;
    struct instant from = zone_month_begins(month), to = zone_month_begins(month + 1);
    int64_t shadows = call_may(c, MAY_MANAGE_SYSTEM);
    *m = (struct month){ 0 };
    for (db_rows(c, &rows, "select " ROW " from diagnosis_figures " OF_MONTH, V(model_id), V(from), V(to), V(shadows));
         cursor_next(&rows);)
        add_row(m, &rows);
    return cursor_close(&rows) &&
           db_integer(c, &m->told.studies, "select count(distinct study_id) from diagnosis_figures " OF_MONTH,
                      V(model_id), V(from), V(to), V(shadows));
}

struct models_seen {
    struct month_figures *at; /* the first three members are set */
    int count;
};

static bool read_models(struct call *c, int64_t only, struct models_seen *out)
{
    enum { MODELS_MAX = 1000 };
    struct cursor rows;
    out->at = arena_array(&c->arena, struct month_figures, MODELS_MAX);
    out->count = 0;
    for (db_rows(c, &rows, "select id, name, version from models where id >= ? and id <= ? order by name, version",
                 V(only > 0 ? only : 0), V(only > 0 ? only : INT64_MAX));
         out->count < MODELS_MAX && cursor_next(&rows);)
        out->at[out->count++] = (struct month_figures){ .model_id = cursor_integer(&rows, 0),
                                                        .model_name = arena_copy(&c->arena, cursor_text(&rows, 1)),
                                                        .model_version = arena_copy(&c->arena, cursor_text(&rows, 2)) };
    return cursor_close(&rows);
}

/* What is read, and room for a month and the model's first one. */
struct reading_months {
    int from, to;
    struct month month, first;
    struct month_figures *rows;
    ptrdiff_t count, room;
};

static void add_month(struct call *c, struct reading_months *r)
{
    if (r->count == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        struct month_figures *grown = arena_array(&c->arena, struct month_figures, r->room);
        for (ptrdiff_t i = 0; i < r->count; i++)
            grown[i] = r->rows[i];
        r->rows = grown;
    }
    r->rows[r->count++] = r->month.told;
}

#define AN_END "select finished_at from diagnosis_figures where model_id = ? and is_shadow <= ? order by finished_at"

/* The months of its first and last result. */
static enum found find_extent(struct call *c, int64_t model_id, int *first, int *last)
{
    struct instant began, ended;
    int64_t shadows = call_may(c, MAY_MANAGE_SYSTEM);
    enum found found = db_find_integer(c, &began.us, AN_END " limit 1", V(model_id), V(shadows));
    if (found == FOUND)
        found = db_find_integer(c, &ended.us, AN_END " desc limit 1", V(model_id), V(shadows));
    if (found == FOUND) {
        *first = zone_month(zone_date(began));
        *last = zone_month(zone_date(ended));
    }
    return found;
}

static bool read_model(struct call *c, const struct month_figures *model, struct reading_months *r)
{
    int first, last;
    enum found found = find_extent(c, model->model_id, &first, &last);
    if (found != FOUND)
        return found == NONE;
    if (!sum_up(c, model->model_id, first, &r->first))
        return false;
    for (int month = r->from > first ? r->from : first; month <= r->to && month <= last; month++) {
        if (!sum_up(c, model->model_id, month, &r->month))
            return false;
        if (!r->month.told.results)
            continue;
        finish(&r->month, &r->first);
        r->month.told.model_id = model->model_id;
        r->month.told.model_name = model->model_name;
        r->month.told.model_version = model->model_version;
        r->month.told.month = arena_format(&c->arena, "%04d-%02d", month / 12, month % 12 + 1);
        add_month(c, r);
    }
    return true;
}

bool figures_read(struct call *c, const struct figures_wish *wish, struct list *out)
{
    struct models_seen models;
    struct reading_months *r = arena_new(&c->arena, struct reading_months);
    r->to = zone_month(date_is_null(wish->to) ? zone_today() : wish->to);
    r->from = date_is_null(wish->from) ? r->to - 11 : zone_month(wish->from);
    if (!read_models(c, wish->model_id, &models))
        return false;
    for (int i = 0; i < models.count; i++)
        if (!read_model(c, &models.at[i], r))
            return false;
    *out = (struct list){ r->rows, r->count };
    return true;
}
