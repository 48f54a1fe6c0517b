/* gate.c - the card's lists beside what the file says of itself; its rules beside what was measured. */
#include "diagnosis/gate.h"

#include "diagnosis/card_parts.h"

#include <math.h>

/* ---- the header ---- */

static struct str listed(struct call *c, const struct texts *terms)
{
    struct text text;
    text_init(&text, 4096);
    for (ptrdiff_t i = 0; i < terms->count; i++)
        text_format(&text, "%s%.*s", i ? ", " : "", STR_FMT(terms->items[i]));
    struct str all = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return all;
}

static bool contradicts(const struct texts *terms, struct str stated)
{
    stated = str_trim(stated);
    if (!terms->count || str_is_empty(stated))
        return false;
    for (ptrdiff_t i = 0; i < terms->count; i++)
        if (str_equal_fold(terms->items[i], stated))
            return false;
    return true;
}

/* "30 to 60 years" */
static struct str ages(struct call *c, const struct card_ages *limits)
{
    if (limits->min == INTEGER_NULL)
        return arena_format(&c->arena, "up to %" PRId64 " years", limits->max);
    if (limits->max == INTEGER_NULL)
        return arena_format(&c->arena, "%" PRId64 " years and more", limits->min);
    return arena_format(&c->arena, "%" PRId64 " to %" PRId64 " years", limits->min, limits->max);
}

bool gate_header(struct call *c, const struct card *card, const struct gate_subject *subject,
                 struct gate_reason *reason)
{
    enum { STATED_MAX = 64 };
    const struct {
        const char *code, *what;
        const struct texts *terms;
        struct str stated;
    } rows[] = {
        { "modality", "modality", &card->modality, subject->modality },
        { "body_part", "body part", &card->body_part, subject->body_part },
        { "view", "view", &card->view, subject->view },
    };
    *reason = (struct gate_reason){ .value = NAN };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!contradicts(rows[i].terms, rows[i].stated))
            continue;
        reason->code = str_from(rows[i].code);
        reason->text =
            arena_format(&c->arena, "The model asks for the %s %.*s; this image has %.*s.", rows[i].what,
                         STR_FMT(listed(c, rows[i].terms)), STR_FMT(str_at_most(str_trim(rows[i].stated), STATED_MAX)));
        return false;
    }
    const struct card_ages *limits = &card->age_years;
    int64_t age = subject->age_years;
    if (age == INTEGER_NULL ||
        ((limits->min == INTEGER_NULL || age >= limits->min) && (limits->max == INTEGER_NULL || age <= limits->max)))
        return true;
    reason->code = S("age");
    reason->text = arena_format(&c->arena, "The model asks for patients of %.*s; this one was %" PRId64 ".",
                                STR_FMT(ages(c, limits)), age);
    return false;
}

/* ---- measures ---- */

static double pixel_mean(const struct grid *lungs, const struct prepared *ready)
{
    (void)lungs;
    return ready->mean;
}

static double pixel_deviation(const struct grid *lungs, const struct prepared *ready)
{
    (void)lungs;
    return ready->deviation;
}

#define LUNG_FROM 0.5f /* a cell at or above it is lung, whatever the card draws its outline at */

static double lung_area(const struct grid *lungs, const struct prepared *ready)
{
    (void)ready;
    int64_t cells = lungs->width * lungs->height, count = 0;
    for (int64_t i = 0; i < cells; i++)
        count += lungs->at[i] >= LUNG_FROM;
    return (double)count / (double)cells;
}

static double lung_smaller_half(const struct grid *lungs, const struct prepared *ready)
{
    (void)ready;
    int64_t cells = lungs->width * lungs->height, counts[2] = { 0, 0 };
    for (int64_t i = 0; i < cells; i++)
        counts[i % lungs->width >= lungs->width / 2] += lungs->at[i] >= LUNG_FROM;
    return (double)(counts[0] < counts[1] ? counts[0] : counts[1]) / (double)cells;
}

static double lung_certainty(const struct grid *lungs, const struct prepared *ready)
{
    (void)ready;
    int64_t cells = lungs->width * lungs->height, count = 0;
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) {
        bool is_lung = lungs->at[i] >= LUNG_FROM;
        count += is_lung;
        sum += is_lung ? (double)lungs->at[i] : 0;
    }
    return count ? sum / (double)count : 0;
}

static const struct {
    struct str name;
    bool of_lungs;
    double (*measure)(const struct grid *lungs, const struct prepared *ready);
} measures[] = {
    { { "pixel_mean", 10 }, false, pixel_mean },
    { { "pixel_deviation", 15 }, false, pixel_deviation },
    { { "lung_area", 9 }, true, lung_area },
    { { "lung_smaller_half", 17 }, true, lung_smaller_half },
    { { "lung_certainty", 14 }, true, lung_certainty },
};
enum { MEASURES = sizeof(measures) / sizeof(measures[0]) };

static int measure_named(struct str name)
{
    int i = 0;
    while (i < MEASURES && !str_equal(measures[i].name, name))
        i++;
    return i;
}

/* output:NAME. Null: it is none such. */
static struct str output_of(struct str measure)
{
    struct str before, after;
    return str_cut(measure, ':', &before, &after) && str_equal(before, S("output")) ? after : STR_NULL;
}

static const struct card_output *lung_mask(const struct card *card)
{
    const struct card_output *outputs = card->outputs.items;
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        if (outputs[i].role == ROLE_MASK && str_equal(outputs[i].of, S("lung")))
            return &outputs[i];
    return NULL;
}

bool gate_knows(const struct card *card, struct str measure)
{
    struct str name = output_of(measure);
    if (name.at) {
        const struct card_output *output = card_output_named(card, name);
        return output && output->role == ROLE_GATE;
    }
    int i = measure_named(measure);
    return i < MEASURES && (!measures[i].of_lungs || lung_mask(card));
}

double gate_measure(struct call *c, const struct answer *answer, const struct prepared *ready, struct str measure)
{
    struct str name = output_of(measure);
    struct grid lungs = { 0, 0, NULL };
    int i = measure_named(measure);
    if (name.at)
        return answer_number(answer, name);
    if (i == MEASURES || (measures[i].of_lungs && !answer_grid(c, answer, ROLE_MASK, S("lung"), &lungs)))
        return NAN;
    return measures[i].measure(&lungs, ready);
}

bool gate_pixels(struct call *c, const struct answer *answer, const struct prepared *ready, struct gate_reason *reason)
{
    const struct card_rule *rules = answer->card->gate.rules.items;
    *reason = (struct gate_reason){ .value = NAN };
    for (ptrdiff_t i = 0; i < answer->card->gate.rules.count; i++) {
        double value = gate_measure(c, answer, ready, rules[i].measure);
        bool kept = !isnan(value) && !(value < rules[i].min) && !(value > rules[i].max);
        if (kept)
            continue;
        *reason = (struct gate_reason){ rules[i].reason, rules[i].text, rules[i].measure, value };
        return false;
    }
    return true;
}
