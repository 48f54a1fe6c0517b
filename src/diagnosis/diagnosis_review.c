/* diagnosis_review.c - what readers say of a result. */
#include "diagnosis/diagnosis.h"

#include "diagnosis/critical.h"
#include "diagnosis/figures.h"
#include "schema/json.h"
#include "schema/json_read.h"
#include "site/app.h"
#include "base/names.h"

const char *const review_decisions[] = { "CONFIRMED", "MODIFIED", "REJECTED", NULL };
NAMES_REACH(review_decisions, REVIEW_REJECTED);

static const struct field reading_fields[] = {
    FIELD(struct reading, decision, .choices = review_decisions, .type = "ReviewDecision", .doc = "What was decided."),
    FIELD(struct reading, findings, .of = &finding_schema, .max = FINDINGS_MAX, .doc = "What it should have said."),
    FIELD(struct reading, comment, .flags = NULLABLE, .doc = "In the reader's words."),
    FIELD(struct reading, reviewer_id, .doc = "The account that judged."),
    FIELD(struct reading, reviewed_at, .doc = "When."),
};
static const struct schema reading_schema = SCHEMA("DiagnosisReading", struct reading, reading_fields);

enum { REVIEWS_BYTES_MAX = 1 << 20 };

/* The list with one more. */
static bool with_one_more(struct call *c, const struct diagnosis *d, const struct review *review, struct str *out)
{
    struct text text;
    struct reading row = { review->decision, review->findings, review->comment, call_user(c), clock_now() };
    text_init(&text, REVIEWS_BYTES_MAX);
    struct str before = d->reviews.text;
    text_put(&text, before.len > 2 ? str_slice(before, 0, before.len - 1) : S("["));
    if (before.len > 2)
        text_put_char(&text, ',');
    json_encode(&text, &reading_schema, &row, JSON_ALL_FIELDS, &c->arena);
    text_put_char(&text, ']');
    bool fits = !text.overflowed;
    *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return fits || fail(c, E_CONFLICT, "it has been judged as often as can be kept");
}

/* ---- what is kept as JSON ---- */

struct kept {
    struct list findings, readings;
};
static const struct field kept_findings =
    FIELD(struct kept, findings, .of = &finding_schema, .max = FINDINGS_MAX, .doc = "What the model found.");
static const struct field kept_readings =
    FIELD(struct kept, readings, .of = &reading_schema, .max = READINGS_MAX, .doc = "What readers said of it.");

static bool take(struct call *c, const struct field *field, struct list *out, struct str text)
{
    struct str words;
    *out = (struct list){ 0 };
    return !text.len || !json_take_text(field, out, text, &c->arena, &words) ||
           fail(c, E_INTERNAL, "a result's %s cannot be read: %.*s", field->name, STR_FMT(words));
}

bool diagnosis_findings(struct call *c, const struct diagnosis *d, struct list *out)
{
    return take(c, &kept_findings, out, d->findings.text);
}

bool diagnosis_readings(struct call *c, const struct diagnosis *d, struct list *out)
{
    return take(c, &kept_readings, out, d->reviews.text);
}

/* ---- judging ---- */

bool diagnosis_hold_with_study(struct call *c, int64_t id)
{
    return critical_hold(c, id) && db_lock(c, "select id from diagnoses where id = ?", V(id));
}

static bool hold_result(struct call *c, int64_t id, struct diagnosis *out)
{
    return diagnosis_hold_with_study(c, id) && diagnosis_load(c, id, out) &&
           (out->status == DIAGNOSIS_COMPLETED || out->status == DIAGNOSIS_REVIEWED ||
            fail(c, E_CONFLICT, "it has no result that could be judged"));
}

/* Of what is new: what was kept before is read as it is. */
static void check_words(struct call *c, struct str words, struct str place)
{
    if (str_turns_direction(words))
        (void)error_add_problem(&c->error, &c->arena, "body", place, "direction_control",
                                "has a character that turns the direction of what is shown");
}

bool diagnosis_withdraw(struct call *c, int64_t id, struct str reason, struct diagnosis *out)
{
    check_words(c, reason, S("reason"));
    return c->error.code == E_NONE && hold_result(c, id, out) &&
           db_execute(c, "update diagnoses set status = 'WITHDRAWN', status_reason = ? where id = ?", V(reason),
                      V(id)) &&
           figure_drop(c, id) && critical_judged(c, out, NULL) && jobs_result_judged(&c->app->jobs, c, id) &&
           diagnosis_tell(c, out, DIAGNOSIS_WITHDRAWN) && diagnosis_load(c, id, out);
}

/* Label by label of the card that the model was asked with. */
static bool weigh(struct call *c, const struct diagnosis *d, const struct review *review, struct verdict *out)
{
    struct model model;
    struct card card;
    struct list findings;
    bool alarm = false, any = false, confirmed = false;
    *out = (struct verdict){ .decision = (enum review_decision)review->decision, .agreed = true };
    if (review->decision != REVIEW_MODIFIED)
        return true;
    if (!model_load(c, d->model_id, &model) || !card_read(c, model.card.text, &card) ||
        !diagnosis_findings(c, d, &findings))
        return false;
    for (ptrdiff_t i = 0; i < card.labels.count; i++) {
        const struct card_label *label = (const struct card_label *)card.labels.items + i;
        bool by_model = finding_is_there(&findings, label), by_reader = finding_is_there(&review->findings, label);
        out->agreed &= by_model == by_reader;
        alarm |= by_model;
        any |= by_reader;
        confirmed |= by_model && by_reader;
    }
    out->seen = alarm ? confirmed : any;
    return true;
}

/* One code that is there and is not. */
static bool contradicts_itself(struct call *c, const struct list *findings)
{
    for (ptrdiff_t i = 0; i < findings->count; i++) {
        const struct finding *finding = (const struct finding *)findings->items + i;
        const struct card_label label = { .code = finding->code };
        if (!finding->positive && finding_is_there(findings, &label))
            return !error_add_problem(&c->error, &c->arena, "body", S("findings"), "contradiction",
                                      "%.*s is said to be there and not to be there", STR_FMT(finding->label));
    }
    return false;
}

static bool words_are_plain(struct call *c, const struct review *review)
{
    check_words(c, review->comment, S("comment"));
    for (ptrdiff_t i = 0; i < review->findings.count; i++) {
        const struct finding *finding = (const struct finding *)review->findings.items + i;
        const struct finding_point *points = finding->points.items;
        const struct str words[] = { finding->label, finding->label_zh, finding->code.scheme, finding->code.value,
                                     finding->code.meaning };
        struct str place = arena_format(&c->arena, "findings.%td", i);
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            check_words(c, words[k], place);
        for (ptrdiff_t k = 0; k < finding->points.count; k++)
            check_words(c, points[k].name, place);
    }
    return c->error.code == E_NONE;
}

bool diagnosis_review(struct call *c, const struct review *review, struct diagnosis *out)
{
    struct str reviews;
    struct verdict verdict;
    if (review->decision != REVIEW_MODIFIED && review->findings.count)
        return error_add_problem(&c->error, &c->arena, "body", S("findings"), "unexpected",
                                 "only MODIFIED says what it should have been");
    if (review->decision == REVIEW_REJECTED && !review->comment.len)
        return error_add_problem(&c->error, &c->arena, "body", S("comment"), "missing", "say why it is rejected");
    if (!words_are_plain(c, review) || contradicts_itself(c, &review->findings))
        return false;
    return hold_result(c, review->id, out) && weigh(c, out, review, &verdict) &&
           with_one_more(c, out, review, &reviews) &&
           db_execute(c, "update diagnoses set status = 'REVIEWED', reviews = ?, verdict = ? where id = ?", V(reviews),
                      V(choice_text(review_decisions, review->decision)), V(out->id)) &&
           figure_judge(c, out->id, &verdict) && critical_judged(c, out, review) &&
           jobs_result_judged(&c->app->jobs, c, out->id) && diagnosis_tell(c, out, DIAGNOSIS_REVIEWED) &&
           diagnosis_load(c, out->id, out);
}
