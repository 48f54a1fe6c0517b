/* card.c - a card read: its rows first (card_fields.c), then what no row can say. */
#include "diagnosis/card_parts.h"

#include "diagnosis/gate.h"
#include "schema/json.h"
#include "schema/json_read.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- words ---- */

static const char *check_name(struct str text, struct arena *arena, struct str *message)
{
    (void)arena;
    *message = S("must be letters, digits, dots, dashes and underscores, and begin with a letter or a digit");
    for (ptrdiff_t i = 0; i < text.len; i++) {
        char at = text.at[i];
        bool plain = (at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z') || (at >= '0' && at <= '9');
        if (!plain && (i == 0 || (at != '.' && at != '-' && at != '_')))
            return "not_a_name";
    }
    return NULL;
}
const struct text_rule card_name_rule = { NULL, check_name };

static const char *check_digest(struct str text, struct arena *arena, struct str *message)
{
    (void)arena;
    *message = S("must be 64 hexadecimal digits in lower case");
    bool ok = text.len == 64;
    for (ptrdiff_t i = 0; ok && i < text.len; i++)
        ok = (text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f');
    return ok ? NULL : "not_a_digest";
}
const struct text_rule card_digest_rule = { NULL, check_digest };

bool card_refuse(struct call *c, const char *list, int64_t index, const char *member, const char *type,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str message = arena_vformat(&c->arena, format, args), place = str_from(list);
    va_end(args);
    if (index >= 0)
        place = arena_format(&c->arena, "%s.%" PRId64, list, index);
    if (member)
        place = arena_format(&c->arena, "%.*s.%s", STR_FMT(place), member);
    return error_add_problem(&c->error, &c->arena, "body", place, type, "%.*s", STR_FMT(message));
}

/* ---- parts ---- */

const struct card_output *card_output_of(const struct card *card, enum card_role role)
{
    const struct card_output *outputs = card->outputs.items;
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        if (outputs[i].role == role)
            return &outputs[i];
    return NULL;
}

const struct card_output *card_output_named(const struct card *card, struct str name)
{
    const struct card_output *outputs = card->outputs.items;
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        if (str_equal(outputs[i].name, name))
            return &outputs[i];
    return NULL;
}

const struct card_label *card_label_at(const struct card *card, int64_t index)
{
    const struct card_label *labels = card->labels.items;
    for (ptrdiff_t i = 0; i < card->labels.count; i++)
        if (labels[i].index == index)
            return &labels[i];
    return NULL;
}

static bool same_code(const struct card_code *a, const struct card_code *b)
{
    return str_equal(a->scheme, b->scheme) && str_equal(a->value, b->value);
}

bool card_label_means(const struct card_label *label, const struct card_code *code)
{
    const struct card_code *also = label->also.items;
    bool means = same_code(&label->code, code);
    for (ptrdiff_t i = 0; i < label->also.count; i++)
        means |= same_code(&also[i], code);
    return means;
}

const struct card_label *card_label_named(const struct card *card, struct str label)
{
    const struct card_label *labels = card->labels.items;
    for (ptrdiff_t i = 0; i < card->labels.count; i++)
        if (str_equal(labels[i].label, label))
            return &labels[i];
    return NULL;
}

int64_t card_numbers(const struct card *card)
{
    int64_t most = 0;
    const struct card_label *labels = card->labels.items;
    for (ptrdiff_t i = 0; i < card->labels.count; i++)
        most = labels[i].index >= most ? labels[i].index + 1 : most;
    return most;
}

/* ---- the input ---- */

/* A list of `least` to `most` finite numbers. -1: it is none. */
static int numbers_of(struct call *c, struct json json, int least, int most, double *out)
{
    struct json_flaw flaw;
    json_t *list = json_read(json.text, &c->arena, &flaw);
    int count = json_is_array(list) && json_array_size(list) <= (size_t)most ? (int)json_array_size(list) : -1;
    for (int i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        double value = json_is_number(item) ? json_number_value(item) : NAN;
        if (!(fabs(value) <= 1e9))
            count = -1;
        else
            out[i] = value;
    }
    json_decref(list);
    return count < least ? -1 : count;
}

static void check_range(struct call *c, struct card_input *input)
{
    double ends[2] = { 0, 1 };
    if (!input->range.text.at)
        return;
    if (numbers_of(c, input->range, 2, 2, ends) < 0 || !(ends[0] < ends[1]))
        card_refuse(c, "input", -1, "range", "not_a_range", "must be two numbers, the first less than the second");
    else if (input->type == CARD_UINT8 && (ends[0] < 0 || ends[1] > 255))
        card_refuse(c, "input", -1, "range", "not_a_range", "must lie within 0 to 255, since the input is uint8");
    input->low = ends[0];
    input->high = ends[1];
}

/* One number for all channels or one for each. */
static void check_channels(struct call *c, const struct card_input *input, struct json json, const char *member,
                           bool divides, double out[CARD_CHANNELS_MAX])
{
    double given[CARD_CHANNELS_MAX];
    int count = json.text.at ? numbers_of(c, json, 1, CARD_CHANNELS_MAX, given) : 0;
    if (!json.text.at)
        return;
    bool fits = count == 1 || count == input->channels;
    for (int i = 0; i < CARD_CHANNELS_MAX && fits; i++)
        out[i] = count == 1 ? given[0] : i < count ? given[i] : divides;
    for (int i = 0; i < count && divides; i++)
        fits = fits && given[i] > 0;
    if (!fits)
        card_refuse(c, "input.normalisation", -1, member, "not_numbers",
                    "must be a list of one number, or of one for each of %d channels%s", input->channels,
                    divides ? "; each more than 0" : "");
}

static void check_window(struct call *c, const struct card_input *input)
{
    bool given = input->window == WINDOW_GIVEN;
    if (given == isnan(input->window_center))
        card_refuse(c, "input", -1, "window_center", given ? "missing" : "not_used",
                    given ? "a window that is given has a center" : "is read only where the window is given");
    if (given == isnan(input->window_width))
        card_refuse(c, "input", -1, "window_width", given ? "missing" : "not_used",
                    given ? "a window that is given has a width" : "is read only where the window is given");
    else if (given && !(input->window_width > 0))
        card_refuse(c, "input", -1, "window_width", "too_small", "must be more than 0");
}

static void check_input(struct call *c, struct card_input *input)
{
    input->channels = input->colour == COLOUR_RGB ? 3 : 1;
    for (int i = 0; i < CARD_CHANNELS_MAX; i++) {
        input->mean[i] = 0;
        input->deviation[i] = 1;
    }
    for (ptrdiff_t i = 0; i < input->size.count; i++)
        if (input->size.items[i] < 1 || input->size.items[i] > CARD_SIDE_MAX)
            card_refuse(c, "input.size", i, NULL, "out_of_range", "must be 1 to %d", CARD_SIDE_MAX);
    if (input->size.count == 2) {
        input->height = input->size.items[0];
        input->width = input->size.items[1];
    }
    check_range(c, input);
    check_channels(c, input, input->normalisation.mean, "mean", false, input->mean);
    check_channels(c, input, input->normalisation.std, "std", true, input->deviation);
    if (input->window)
        check_window(c, input);
    if (!isnan(input->padding) && input->fit && input->fit != FIT_LETTERBOX)
        card_refuse(c, "input", -1, "padding", "not_used", "is read only where the picture gets borders (letterbox)");
    if (isnan(input->padding))
        input->padding = 0;
}

/* ---- labels, ages ---- */

static void check_labels(struct call *c, struct list *list)
{
    struct card_label *labels = list->items;
    for (ptrdiff_t i = 0; i < list->count; i++) {
        if (labels[i].index == INTEGER_NULL)
            labels[i].index = i;
        for (ptrdiff_t j = 0; j < i; j++) {
            if (str_equal(labels[i].label, labels[j].label))
                card_refuse(c, "labels", i, "label", "not_unique", "is that of another label");
            if (labels[i].index == labels[j].index)
                card_refuse(c, "labels", i, "index", "not_unique", "is that of another label");
        }
    }
}

static void check_ages(struct call *c, const struct card_ages *ages)
{
    if (ages->min != INTEGER_NULL && ages->max != INTEGER_NULL && ages->min > ages->max)
        card_refuse(c, "age_years", -1, "max", "too_small", "must not be less than `min`");
}

/* ---- the gate ---- */

static bool is_reason(struct str reason)
{
    for (ptrdiff_t i = 0; i < reason.len; i++)
        if (!((reason.at[i] >= 'a' && reason.at[i] <= 'z') || (i && reason.at[i] >= '0' && reason.at[i] <= '9') ||
              (i && reason.at[i] == '_')))
            return false;
    return true;
}

static void check_gate(struct call *c, const struct card *card)
{
    const struct card_rule *rules = card->gate.rules.items;
    for (ptrdiff_t i = 0; i < card->gate.rules.count; i++) {
        if (card->outputs.items && !gate_knows(card, rules[i].measure))
            card_refuse(c, "gate.rules", i, "measure", "not_a_choice",
                        "must be pixel_mean, pixel_deviation, lung_area, lung_smaller_half or lung_certainty (which "
                        "need an output that is a mask of lung), or output: with the name of a gate output");
        if (isnan(rules[i].min) && isnan(rules[i].max))
            card_refuse(c, "gate.rules", i, "min", "missing", "a rule has a least or a most that is let in");
        else if (rules[i].min > rules[i].max)
            card_refuse(c, "gate.rules", i, "max", "too_small", "must not be less than `min`");
        if (!is_reason(rules[i].reason))
            card_refuse(c, "gate.rules", i, "reason", "not_a_name", "must be small letters, digits and underscores");
    }
}

/* ---- the whole ---- */

bool card_read(struct call *c, struct str json, struct card *out)
{
    uint64_t given;
    if (json.len > CARD_BYTES_MAX)
        return fail(c, E_TOO_LARGE, "a card has at most %d bytes", CARD_BYTES_MAX);
    schema_clear(&card_schema, out);
    json_decode(c, json, &card_schema, out, false, &given);
    if (c->error.code != E_NONE && c->error.code != E_INVALID)
        return false;
    check_input(c, &out->input);
    check_labels(c, &out->labels);
    card_check_outputs(c, out);
    check_ages(c, &out->age_years);
    check_gate(c, out);
    return c->error.code == E_NONE;
}

/* ---- one that is new ---- */

static void check_words(struct call *c, struct str words, struct str place)
{
    if (str_turns_direction(words))
        (void)error_add_problem(&c->error, &c->arena, "body", place, "direction_control",
                                "has a character that turns the direction of what is shown");
}

static struct str place_below(struct call *c, struct str place, struct str member)
{
    return place.len ? arena_format(&c->arena, "%.*s.%.*s", STR_FMT(place), STR_FMT(str_at_most(member, 100))) : member;
}

/* Nested as deeply as json_read lets be. */
static void check_tree(struct call *c, json_t *value, struct str place)
{
    const char *name;
    json_t *one;
    size_t i;
    check_words(c, json_text(value), place);
    json_array_foreach(value, i, one) check_tree(c, one, place_below(c, place, arena_format(&c->arena, "%zu", i)));
    json_object_foreach(value, name, one)
    {
        check_words(c, str_from(name), place);
        check_tree(c, one, place_below(c, place, arena_copy(&c->arena, str_from(name))));
    }
}

bool card_read_new(struct call *c, struct str json, struct card *out)
{
    struct json_flaw flaw;
    json_t *tree = json.len <= CARD_BYTES_MAX ? json_read(json, &c->arena, &flaw) : NULL;
    if (tree)
        check_tree(c, tree, STR_NULL);
    json_decref(tree);
    return card_read(c, json, out);
}
