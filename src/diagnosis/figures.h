/* figures.h - how a model does here, month by month: what it was asked, how often it raised an alarm, and how often
 * readers found it right.
 *
 *     figure_note(c, &(struct figure){ ... })                    // in the transaction that writes the result
 *     figure_judge(c, diagnosis_id, &verdict)                    // in that of a review; figure_drop: it is withdrawn
 *     figures_read(c, &wish, &rows)                              // struct month_figures, by model and month
 *     figures_draw(&text, &rows, language, arena)                // the same as SVG (base/plot.h)
 *
 * A result counts once, in the month in which it came (the hospital's days, base/zone.h), by the last review of it. It
 * counts as a whole: an alarm is a result with at least one positive finding, its score the highest probability in it.
 * What it leaves here tells of no person and stays when the film is purged; what is withdrawn leaves nothing.
 *
 *   judged       results that a reader has looked at; of them
 *   agreed       those where reader and model say the same of each label that the model has: CONFIRMED, or MODIFIED
 *                into findings that do. What a reader saw beside the model's labels counts neither way
 *   ppv          judged alarms where the reader saw something that the model called there, by judged alarms, with
 *                Wilson's 95 % interval (Wilson 1927)
 *   kappa        Cohen's (Cohen 1960), of alarm or none of the model, seen or not of its readers; REJECTED ones say
 *                nothing of what is to be seen, and are left out
 *   drift        population stability index against the model's first month: sum of (p - q) ln(p / q) over ten classes
 *                of the score, or sixteen of the prepared picture's grey. Below 0.1 nothing, above 0.25 much has
 *                changed (the rule of thumb of credit scoring). Null where either month has less than DRIFT_LEAST.
 *   wait, run    from the question to the result; of the model alone. Quantiles to 1 %.
 */
#ifndef ROENTGEN_DIAGNOSIS_FIGURES_H
#define ROENTGEN_DIAGNOSIS_FIGURES_H

#include "base/plot.h"
#include "diagnosis/diagnosis.h"
#include "diagnosis/prepare.h"

enum { DRIFT_LEAST = 30 };

/* Of one result. */
struct figure {
    int64_t diagnosis_id, model_id, study_id;
    struct instant finished_at;
    bool is_shadow;
    bool is_refused; /* the gate shut: neither alarm nor score */
    bool is_alarm;
    double score;
    int64_t wait_us, run_us;
    const double *histogram; /* PREPARED_BINS shares; NULL: nothing was prepared */
};
bool figure_note(struct call *c, const struct figure *figure);
/* What a reader made of it. `agreed`: of each of the model's labels both say that it is there, or both that it is not;
 * `seen`: the reader saw one of those that the model called there or, where it called none so, one of its labels. */
struct verdict {
    enum review_decision decision;
    bool agreed, seen; /* of MODIFIED */
};
bool figure_judge(struct call *c, int64_t diagnosis_id, const struct verdict *verdict);
bool figure_drop(struct call *c, int64_t diagnosis_id);

struct figures_wish {
    int64_t model_id;     /* null: all */
    struct date from, to; /* the months of these days, both inclusive; null: the last twelve; until this one */
};

struct proportion {
    double value, low, high; /* NaN: of nothing */
};
struct month_figures {
    int64_t model_id;
    struct str model_name, model_version;
    struct str month; /* "2026-11" */
    int64_t results, studies, refused, alarms;
    double alarms_per_100;
    int64_t judged, confirmed, modified, rejected;
    struct proportion ppv, agreement;
    double kappa;
    double wait_p50_ms, wait_p95_ms, run_p50_ms, run_p95_ms;
    double score_mean, score_drift, input_drift;
};
extern const struct schema month_figures_schema;

/* struct month_figures, in the order of model and month. What SHADOW models said counts for who manages the system.
 * Reads each result of those months once. */
bool figures_read(struct call *c, const struct figures_wish *wish, struct list *out);

void figures_draw(struct text *svg, const struct list *figures, enum plot_language language, struct arena *arena);

/* Cohen's kappa of a table of two readers: both, only the first, only the second, neither. NaN: of nothing, or where
 * both always say the same one thing. */
double cohens_kappa(int64_t both, int64_t first, int64_t second, int64_t neither);
struct proportion wilson(int64_t part, int64_t whole);

#endif
