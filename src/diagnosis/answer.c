/* answer.c - outputs looked at by their roles: is each what its card says, and which number is whose. */
#include "diagnosis/answer_parts.h"

#include <math.h>

/* What is 0 to 1 may miss it by what 16 bits round, and is then cut to it. */
static const double slack = 1e-3;

const struct tensor *answer_tensor(const struct answer *answer, const struct card_output *output)
{
    for (int i = 0; i < answer->count; i++)
        if (str_equal(answer->outputs[i].info.name, output->name))
            return &answer->outputs[i];
    return NULL;
}

bool answer_shape(const struct answer *answer, const struct card_output *output, struct card_shape *out)
{
    struct error ignored = { 0 };
    const struct tensor *tensor = answer_tensor(answer, output);
    return tensor && card_shape_of(answer->card, output, &tensor->info.shape, out, &ignored);
}

/* ---- checked ---- */

static bool refuse(const struct card_output *output, struct error *error, const char *what)
{
    return error_set(error, E_INVALID, "the model's output %.*s %s", STR_FMT(output->name), what);
}

static bool is_share(double value)
{
    return value >= -slack && value <= 1 + slack;
}

static bool all_shares(const struct tensor *tensor)
{
    int64_t count = tensor_count(&tensor->info.shape);
    for (int64_t i = 0; i < count; i++)
        if (!is_share(tensor_at(tensor, i)))
            return false;
    return true;
}

static bool all_whole(const struct tensor *tensor)
{
    int64_t count = tensor_count(&tensor->info.shape);
    for (int64_t i = 0; i < count; i++) {
        double value = tensor_at(tensor, i);
        if (!(value >= -1 && value <= CARD_LABELS_MAX && value == floor(value)))
            return false;
    }
    return true;
}

double answer_value(const struct card_output *output, const struct card_shape *shape, const struct tensor *tensor,
                    int64_t row, int64_t place)
{
    return tensor_at(tensor, output->by_column ? place * shape->boxes + row : row * shape->width + place);
}

/* Of boxes and poses: the numbers from `from` to `to` of each are shares. */
static bool shares_in_rows(const struct card_output *output, const struct card_shape *shape,
                           const struct tensor *tensor, int64_t from, int64_t to)
{
    for (int64_t row = 0; row < shape->boxes; row++)
        for (int64_t place = from; place < to; place++)
            if (!is_share(answer_value(output, shape, tensor, row, place)))
                return false;
    return true;
}

static bool has_range(const struct answer *answer, const struct card_output *output, const struct card_shape *shape,
                      const struct tensor *tensor)
{
    bool raw = card_activation_of(answer->card, output) != ACTIVATION_NONE;
    switch ((enum card_role)output->role) {
    case ROLE_PROBABILITY:
    case ROLE_EVIDENCE:
        return all_shares(tensor);
    case ROLE_SCORES:
    case ROLE_MASK:
        return raw || all_shares(tensor);
    case ROLE_BOXES:
        return raw || !output->scored || shares_in_rows(output, shape, tensor, BOX_NUMBERS, shape->width);
    case ROLE_KEYPOINTS:
        return shares_in_rows(output, shape, tensor, POSE_SCORE, POSE_SCORE + 1);
    case ROLE_CLASSES:
        return all_whole(tensor);
    case ROLE_LOGITS:
    case ROLE_GATE:
        return true;
    }
    return false;
}

/* Which number is whose is the card's word for as many as there always are. A model that gives now one and now three
 * has to give what the labels name. */
static bool are_its_numbers(const struct answer *answer, const struct card_output *output,
                            const struct card_shape *shape, struct error *error)
{
    struct card_shape declared;
    struct error ignored = { 0 };
    int64_t named = card_numbers(answer->card);
    if (!answer->face || (output->role != ROLE_PROBABILITY && output->role != ROLE_LOGITS) || shape->numbers == named)
        return true;
    for (int i = 0; i < answer->face->output_count; i++) {
        const struct tensor_info *info = &answer->face->outputs[i];
        if (str_equal(info->name, output->name) &&
            card_shape_of(answer->card, output, &info->shape, &declared, &ignored) && declared.numbers == -1)
            return error_set(error, E_INVALID,
                             "the model's output %.*s has %" PRId64 " numbers; the labels name %" PRId64
                             ", and the model does not fix how many it gives",
                             STR_FMT(output->name), shape->numbers, named);
    }
    return true;
}

static bool check(const struct answer *answer, const struct card_output *output, struct error *error)
{
    struct card_shape shape;
    struct error why = { 0 };
    const struct tensor *tensor = answer_tensor(answer, output);
    if (!tensor)
        return refuse(output, error, "is not there");
    if (!tensor_check(tensor, error))
        return false;
    if (!card_shape_of(answer->card, output, &tensor->info.shape, &shape, &why))
        return error_set(error, E_INVALID, "the model's output %.*s is none such: %s", STR_FMT(output->name),
                         why.message);
    if (!are_its_numbers(answer, output, &shape, error))
        return false;
    if (!tensor_is_finite(tensor))
        return refuse(output, error, "has numbers that are not finite");
    return has_range(answer, output, &shape, tensor) ||
           refuse(output, error,
                  output->role == ROLE_CLASSES ? "has classes that are no places of labels"
                                               : "has numbers outside of 0 to 1");
}

/* Scores and classes stand beside boxes, one of each. */
static bool are_as_many(const struct answer *answer, struct error *error)
{
    static const enum card_role besides[] = { ROLE_SCORES, ROLE_CLASSES };
    const struct card_output *boxes = card_output_of(answer->card, ROLE_BOXES);
    struct card_shape all, one;
    for (size_t i = 0; boxes && i < sizeof(besides) / sizeof(besides[0]); i++) {
        const struct card_output *output = card_output_of(answer->card, besides[i]);
        if (output && answer_shape(answer, boxes, &all) && answer_shape(answer, output, &one) && all.boxes != one.boxes)
            return refuse(output, error, "is not of as many as there are boxes");
    }
    return true;
}

bool answer_check(const struct answer *answer, struct error *error)
{
    const struct card_output *outputs = answer->card->outputs.items;
    for (ptrdiff_t i = 0; i < answer->card->outputs.count; i++)
        if (!check(answer, &outputs[i], error))
            return false;
    return are_as_many(answer, error);
}

/* ---- numbers of it ---- */

double answer_share(double value, enum card_activation activation)
{
    if (activation == ACTIVATION_SIGMOID)
        value = 1 / (1 + exp(-value));
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

double answer_number(const struct answer *answer, struct str name)
{
    const struct card_output *output = card_output_named(answer->card, name);
    const struct tensor *tensor = output ? answer_tensor(answer, output) : NULL;
    return tensor && tensor_count(&tensor->info.shape) == 1 ? tensor_at(tensor, 0) : NAN;
}

/* Each place's share of what all `count` values, `stride` apart, come to. */
static double softmax(const struct tensor *tensor, int64_t first, int64_t count, int64_t stride, int64_t place)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, tensor_at(tensor, first + i * stride));
    for (int64_t i = 0; i < count; i++)
        sum += exp(tensor_at(tensor, first + i * stride) - most);
    return exp(tensor_at(tensor, first + place * stride) - most) / sum;
}

double answer_probability(const struct answer *answer, const struct card_output *output, int64_t index)
{
    struct card_shape shape;
    const struct tensor *tensor = answer_tensor(answer, output);
    enum card_activation activation = card_activation_of(answer->card, output);
    if (!answer_shape(answer, output, &shape) || index >= shape.numbers)
        return NAN;
    if (activation == ACTIVATION_SOFTMAX)
        return softmax(tensor, 0, shape.numbers, 1, index);
    return answer_share(tensor_at(tensor, index), activation);
}

bool answer_channel(struct call *c, const struct answer *answer, const struct card_output *output, int64_t channel,
                    struct grid *out)
{
    struct card_shape shape;
    const struct tensor *tensor = answer_tensor(answer, output);
    enum card_activation activation = card_activation_of(answer->card, output);
    if (!answer_shape(answer, output, &shape) || channel < 0 || channel >= shape.channels)
        return false;
    int64_t cells = shape.rows * shape.columns;
    float *at = arena_array(&c->arena, float, cells);
    for (int64_t i = 0; i < cells; i++)
        at[i] = (float)(activation == ACTIVATION_SOFTMAX
                            ? softmax(tensor, i, shape.channels, cells, channel)
                            : answer_share(tensor_at(tensor, channel * cells + i), activation));
    *out = (struct grid){ shape.columns, shape.rows, at };
    return true;
}

bool answer_grid(struct call *c, const struct answer *answer, enum card_role role, struct str what, struct grid *out)
{
    const struct card_output *outputs = answer->card->outputs.items;
    for (ptrdiff_t i = 0; i < answer->card->outputs.count; i++) {
        const struct card_output *output = &outputs[i];
        if (output->role != role)
            continue;
        const struct card_label *label = card_label_named(answer->card, what);
        if (card_mask_is_of_labels(output) && label)
            return answer_channel(c, answer, output, label->index, out);
        if (!what.at || str_equal(output->of, what) || str_equal(output->label, what))
            return answer_channel(c, answer, output, 0, out);
    }
    return false;
}
