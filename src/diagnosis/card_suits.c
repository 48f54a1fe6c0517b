/* card_suits.c - is the card that of this model? */
#include "diagnosis/card_parts.h"

static const enum tensor_type input_types[] = {
    [CARD_FLOAT32] = TENSOR_FP32,
    [CARD_FLOAT16] = TENSOR_FP16,
    [CARD_UINT8] = TENSOR_UINT8,
};

static bool fits(int64_t length, int64_t wanted)
{
    return length == -1 || length == wanted;
}

static void check_shape(struct call *c, const struct card_input *input, const struct tensor_info *info)
{
    bool last = input->layout == LAYOUT_NHWC;
    const int64_t *at = info->shape.at;
    if (info->shape.rank != 4) {
        card_refuse(c, "input", -1, "layout", "not_of_model", "the model's input has %d axes; a picture has 4",
                    info->shape.rank);
        return;
    }
    if (!fits(at[0], 1))
        card_refuse(c, "input", -1, "name", "not_of_model",
                    "the model takes %" PRId64 " pictures at once; it is given "
                    "one",
                    at[0]);
    if (!fits(at[last ? 3 : 1], input->channels))
        card_refuse(c, "input", -1, "colour", "not_of_model", "the model takes %" PRId64 " channels; this is %d",
                    at[last ? 3 : 1], input->channels);
    if (!fits(at[last ? 1 : 2], input->height) || !fits(at[last ? 2 : 3], input->width))
        card_refuse(c, "input", -1, "size", "not_of_model",
                    "the model takes %" PRId64 " x %" PRId64 " (height x width; -1 is any); this is %" PRId64
                    " x %" PRId64,
                    at[last ? 1 : 2], at[last ? 2 : 3], input->height, input->width);
}

static void check_input(struct call *c, const struct card_input *input, const struct model_face *face)
{
    const struct tensor_info *found = NULL;
    for (int i = 0; i < face->input_count; i++)
        if (str_equal(face->inputs[i].name, input->name))
            found = &face->inputs[i];
    if (!found || face->input_count != 1) {
        card_refuse(c, "input", -1, "name", "not_of_model",
                    found ? "the model takes %d inputs; a card fills one" : "the model has no input of this name (%d)",
                    face->input_count);
        return;
    }
    if (found->type != input_types[input->type])
        card_refuse(c, "input", -1, "type", "not_of_model", "the model takes %s", tensor_types[found->type - 1]);
    check_shape(c, input, found);
}

static void check_output(struct call *c, const struct card *card, ptrdiff_t index, const struct model_face *face)
{
    const struct card_output *output = (const struct card_output *)card->outputs.items + index;
    const struct tensor_info *found = NULL;
    struct card_shape shape;
    struct error error = { 0 };
    for (int i = 0; i < face->output_count; i++)
        if (str_equal(face->outputs[i].name, output->name))
            found = &face->outputs[i];
    if (!found)
        card_refuse(c, "outputs", index, "name", "not_of_model", "the model has no output of this name");
    else if (!card_shape_of(card, output, &found->shape, &shape, &error))
        card_refuse(c, "outputs", index, "role", "not_of_model", "%s", error.message);
}

bool card_suits(struct call *c, const struct card *card, const struct model_face *face)
{
    check_input(c, &card->input, face);
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        check_output(c, card, i, face);
    return c->error.code == E_NONE;
}
