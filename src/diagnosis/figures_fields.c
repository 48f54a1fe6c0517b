/* figures_fields.c - the rows of a month's figures. */
#include "diagnosis/figures.h"

static const struct field proportion_fields[] = {
    FIELD(struct proportion, value, .flags = NULLABLE, .doc = "The share, 0 to 1; null: of nothing."),
    FIELD(struct proportion, low, .flags = NULLABLE, .doc = "Where its 95 % interval begins (Wilson)."),
    FIELD(struct proportion, high, .flags = NULLABLE, .doc = "Where it ends."),
};
static const struct schema proportion_schema =
    SCHEMA("Proportion", struct proportion, proportion_fields, .doc = "A share, and how sure it is.");

#define F(member, ...) FIELD(struct month_figures, member, __VA_ARGS__)
static const struct field month_fields[] = {
    F(model_id, .doc = "The model."),
    F(model_name, .doc = "What it is called."),
    F(model_version, .doc = "Its version."),
    F(month, .example = "2026-11", .doc = "The month in which the results came, by the hospital's days."),
    F(results, .doc = "Results that came and were not withdrawn."),
    F(studies, .doc = "Studies that their images are of."),
    F(refused, .doc = "Results without a score, for the image is none that the model is for."),
    F(alarms, .doc = "Results with at least one positive finding."),
    F(alarms_per_100, .flags = NULLABLE, .doc = "Those by 100 results with a score."),
    F(judged, .doc = "Results that a reader has judged."),
    F(confirmed, .doc = "Of those: CONFIRMED by the last review."),
    F(modified, .doc = "MODIFIED by it."),
    F(rejected, .doc = "REJECTED by it."),
    FIELD_OBJECT(
        struct month_figures, ppv, .of = &proportion_schema, .flags = NULLABLE,
        .doc = "Positive predictive value: alarms where the reader saw something that the model called there, of those "
               "judged."),
    FIELD_OBJECT(struct month_figures, agreement, .of = &proportion_schema, .flags = NULLABLE,
                 .doc = "Results where reader and model say the same of each of the model's labels, of those judged."),
    F(kappa, .flags = NULLABLE, .doc = "Cohen's kappa between the model and its readers, of alarm or none."),
    F(wait_p50_ms, .flags = NULLABLE, .doc = "From the question to the result: half took no longer."),
    F(wait_p95_ms, .flags = NULLABLE, .doc = "95 of 100 took no longer."),
    F(run_p50_ms, .flags = NULLABLE, .doc = "The same of the model alone."),
    F(run_p95_ms, .flags = NULLABLE, .doc = "The same of the model alone."),
    F(score_mean, .flags = NULLABLE, .doc = "Mean of the results' highest probabilities."),
    F(score_drift, .flags = NULLABLE,
      .doc = "Population stability index of those against the model's first month; above 0.25 much has changed. Null "
             "where either month has few results."),
    F(input_drift, .flags = NULLABLE, .doc = "The same of the greys of the pictures that went in."),
};
const struct schema month_figures_schema =
    SCHEMA("DiagnosisFigures", struct month_figures, month_fields, .doc = "How a model did in one month.");
