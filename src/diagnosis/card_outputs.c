/* card_outputs.c - what a card says of outputs: whether it holds together, and what a shape means for a role. */
#include "diagnosis/card_parts.h"

#include <math.h>

#define ROLE(role) (1u << (role))
#define SCORES (ROLE(ROLE_PROBABILITY) | ROLE(ROLE_LOGITS))
#define DETECTIONS (ROLE(ROLE_BOXES) | ROLE(ROLE_SCORES) | ROLE(ROLE_CLASSES))
#define MAPS (ROLE(ROLE_MASK) | ROLE(ROLE_EVIDENCE))

/* What each task says its findings by: one of them, once. */
static const unsigned sayings[] = {
    [TASK_CLASSIFICATION] = SCORES,          [TASK_MULTI_LABEL] = SCORES,           [TASK_DETECTION] = ROLE(ROLE_BOXES),
    [TASK_KEYPOINTS] = ROLE(ROLE_KEYPOINTS), [TASK_SEGMENTATION] = ROLE(ROLE_MASK),
};
/* What may stand beside it. */
static const unsigned companions[] = {
    [TASK_CLASSIFICATION] = MAPS | ROLE(ROLE_GATE),         [TASK_MULTI_LABEL] = MAPS | ROLE(ROLE_GATE),
    [TASK_DETECTION] = DETECTIONS | MAPS | ROLE(ROLE_GATE), [TASK_KEYPOINTS] = MAPS | ROLE(ROLE_GATE),
    [TASK_SEGMENTATION] = MAPS | ROLE(ROLE_GATE),
};

/* ---- members that only some roles have ---- */

enum { MEMBERS = 12 };

static bool has_member(const struct card_output *output, int member)
{
    const bool has[MEMBERS] = {
        output->activation != 0,
        output->label.at != NULL,
        output->of.at != NULL,
        !isnan(output->threshold),
        output->box != 0,
        output->unit != 0,
        output->scored,
        output->by_column,
        !isnan(output->iou),
        !isnan(output->least),
        output->points.at != NULL,
        output->landmarks.items != NULL,
    };
    return has[member];
}

static const struct {
    const char *name;
    unsigned roles;
} members[MEMBERS] = {
    { "activation", SCORES | ROLE(ROLE_MASK) | ROLE(ROLE_BOXES) | ROLE(ROLE_SCORES) },
    { "label", MAPS },
    { "of", ROLE(ROLE_MASK) },
    { "threshold", ROLE(ROLE_MASK) },
    { "box", ROLE(ROLE_BOXES) },
    { "unit", ROLE(ROLE_BOXES) },
    { "scored", ROLE(ROLE_BOXES) },
    { "by_column", ROLE(ROLE_BOXES) | ROLE(ROLE_KEYPOINTS) },
    { "iou", ROLE(ROLE_BOXES) },
    { "least", ROLE(ROLE_KEYPOINTS) },
    { "points", ROLE(ROLE_KEYPOINTS) },
    { "landmarks", ROLE(ROLE_KEYPOINTS) },
};

static void check_members(struct call *c, const struct card_output *output, ptrdiff_t index)
{
    for (int i = 0; i < MEMBERS; i++)
        if (has_member(output, i) && !(members[i].roles & ROLE(output->role)))
            card_refuse(c, "outputs", index, members[i].name, "not_used", "is not read of an output that is %s",
                        card_roles[output->role - 1]);
    if (output->projection && !output->landmarks.items)
        card_refuse(c, "outputs", index, "projection", "not_used", "is read only beside `landmarks`");
    if (output->role == ROLE_PROBABILITY && output->activation > ACTIVATION_NONE)
        card_refuse(c, "outputs", index, "activation", "not_a_choice",
                    "a probability needs none; where one is needed the role is logits");
    if ((output->role == ROLE_BOXES || output->role == ROLE_SCORES) && output->activation == ACTIVATION_SOFTMAX)
        card_refuse(c, "outputs", index, "activation", "not_a_choice", "scores of boxes take a sigmoid or none");
    if (output->role == ROLE_BOXES && output->activation && !output->scored)
        card_refuse(c, "outputs", index, "activation", "not_used", "is read only of boxes that are `scored`");
}

/* ---- one output ---- */

static void check_points(struct call *c, struct card_output *output, ptrdiff_t index)
{
    struct error error = { 0 };
    bool named = output->points.at != NULL, listed = output->landmarks.items != NULL;
    if (named == listed)
        card_refuse(c, "outputs", index, "points", "missing", "key points have either `points` or `landmarks`");
    else if (named && !keypoint_layout_named(output->points, &output->layout))
        card_refuse(c, "outputs", index, "points", "not_a_choice", "must be a layout that is known here");
    else if (listed && !output->projection)
        card_refuse(c, "outputs", index, "projection", "missing", "landmarks are those of lateral or frontal films");
    else if (listed && !keypoint_layout_of(output->projection == PROJECTION_LATERAL ? VIEW_LATERAL : VIEW_FRONTAL,
                                           output->landmarks.items, output->landmarks.count, &output->layout, &error))
        card_refuse(c, "outputs", index, "landmarks", "not_landmarks", "%s", error.message);
}

static void check_map(struct call *c, const struct card *card, const struct card_output *output, ptrdiff_t index)
{
    if (output->label.at && card->labels.items && !card_label_named(card, output->label))
        card_refuse(c, "outputs", index, "label", "not_a_choice", "must be one of the card's labels");
    if (output->label.at && output->of.at)
        card_refuse(c, "outputs", index, "of", "not_used", "a mask is of a label or of something else, not both");
    if (output->activation == ACTIVATION_SOFTMAX && !card_mask_is_of_labels(output))
        card_refuse(c, "outputs", index, "activation", "not_a_choice", "a softmax takes a channel for each label");
}

bool card_mask_is_of_labels(const struct card_output *output)
{
    return output->role == ROLE_MASK && !output->label.at && !output->of.at;
}

enum card_activation card_activation_of(const struct card *card, const struct card_output *output)
{
    if (output->activation)
        return output->activation;
    if (output->role == ROLE_LOGITS)
        return card->task == TASK_CLASSIFICATION ? ACTIVATION_SOFTMAX : ACTIVATION_SIGMOID;
    return ACTIVATION_NONE;
}

static void check_output(struct call *c, struct card *card, ptrdiff_t index)
{
    struct card_output *outputs = card->outputs.items, *output = &outputs[index];
    for (ptrdiff_t i = 0; i < index; i++)
        if (str_equal(outputs[i].name, output->name))
            card_refuse(c, "outputs", index, "name", "not_unique", "is that of another output");
    check_members(c, output, index);
    if (card->task && !((sayings[card->task] | companions[card->task]) & ROLE(output->role)))
        card_refuse(c, "outputs", index, "role", "not_for_task", "is none of a model whose task is %s",
                    card_tasks[card->task - 1]);
    if (output->role == ROLE_KEYPOINTS)
        check_points(c, output, index);
    if (output->role == ROLE_MASK || output->role == ROLE_EVIDENCE)
        check_map(c, card, output, index);
    if (output->role == ROLE_BOXES && !output->box)
        card_refuse(c, "outputs", index, "box", "missing", "boxes are told as xyxy, xywh or cxcywh");
}

/* ---- all of them ---- */

static int count_of(const struct card *card, unsigned roles)
{
    const struct card_output *outputs = card->outputs.items;
    int count = 0;
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        count += (roles & ROLE(outputs[i].role)) != 0;
    return count;
}

static void check_detection(struct call *c, const struct card *card)
{
    const struct card_output *boxes = card_output_of(card, ROLE_BOXES);
    int scores = count_of(card, ROLE(ROLE_SCORES)), classes = count_of(card, ROLE(ROLE_CLASSES));
    if (!boxes || scores > 1 || classes > 1 || boxes->scored == (scores == 1))
        card_refuse(c, "outputs", -1, NULL, "not_whole",
                    "a detection has boxes once, and their scores once: among the boxes (`scored`) or as an output");
    else if (boxes->scored && classes)
        card_refuse(c, "outputs", -1, NULL, "not_whole", "boxes with a score for each label have no classes");
}

void card_check_outputs(struct call *c, struct card *card)
{
    if (!card->outputs.items)
        return;
    for (ptrdiff_t i = 0; i < card->outputs.count; i++)
        check_output(c, card, i);
    if (!card->task)
        return;
    int count = count_of(card, sayings[card->task]);
    if (card->task == TASK_DETECTION) {
        check_detection(c, card);
    } else if (card->task == TASK_SEGMENTATION) {
        const struct card_output *outputs = card->outputs.items;
        bool says = false;
        for (ptrdiff_t i = 0; i < card->outputs.count; i++)
            says = says || (outputs[i].role == ROLE_MASK && !outputs[i].of.at);
        if (!says)
            card_refuse(c, "outputs", -1, NULL, "not_whole", "a segmentation has a mask of its labels");
    } else if (count != 1) {
        card_refuse(c, "outputs", -1, NULL, "not_whole", "a model whose task is %s has one output that is %s",
                    card_tasks[card->task - 1], card->task == TASK_KEYPOINTS ? "keypoints" : "a probability or logits");
    }
}

/* ---- shapes ---- */

enum { BOX_NUMBERS = 4, POSE_BEFORE_POINTS = 5, POSE_PER_POINT = 3, DETECTIONS_MAX = 1000000, MAP_SIDE_MAX = 4096 };

static bool fits(int64_t length, int64_t wanted)
{
    return length == -1 || wanted == -1 || length == wanted;
}

static bool at_most(int64_t length, int64_t most, const char *what, struct error *error)
{
    return length <= most ||
           error_set(error, E_INVALID, "it has %" PRId64 " %s; at most %" PRId64 " are looked at", length, what, most);
}

static bool shape_of_numbers(const struct tensor_shape *shape, struct card_shape *out, struct error *error)
{
    int64_t numbers = 1;
    for (int i = 1; i < shape->rank; i++) {
        if (shape->at[i] != -1 && i > 1 && shape->at[i] != 1)
            return error_set(error, E_INVALID, "its shape is not [N, numbers]");
        numbers = i == 1 ? shape->at[i] : numbers;
    }
    out->numbers = numbers;
    return true;
}

/* [N, how many, numbers of one], the batch left out or 1. */
static bool shape_of_rows(const struct card_output *output, const struct tensor_shape *shape, int rank,
                          struct card_shape *out, struct error *error)
{
    int from = shape->rank - rank;
    if (from < 0 || from > 1)
        return error_set(error, E_INVALID, "its rank is %d; that of %s is %d", shape->rank,
                         card_roles[output->role - 1], rank + 1);
    const int64_t *at = shape->at + from;
    out->boxes = at[rank == 2 && output->by_column];
    out->width = rank == 2 ? at[!output->by_column] : 1;
    return at_most(out->boxes, DETECTIONS_MAX, "detections", error);
}

static bool shape_of_map(const struct tensor_shape *shape, struct card_shape *out, struct error *error)
{
    if (shape->rank != 3 && shape->rank != 4)
        return error_set(error, E_INVALID, "its shape is not [N, channels, rows, columns]");
    out->channels = shape->rank == 4 ? shape->at[1] : 1;
    out->rows = shape->at[shape->rank - 2];
    out->columns = shape->at[shape->rank - 1];
    if (out->rows == 0 || out->columns == 0)
        return error_set(error, E_INVALID, "it has no cells");
    return at_most(out->rows, MAP_SIDE_MAX, "rows", error) && at_most(out->columns, MAP_SIDE_MAX, "columns", error);
}

/* How many numbers there have to be: all that labels name, or exactly so many. */
static bool reaches(int64_t length, int64_t least, const char *what, struct error *error)
{
    return length == -1 || length >= least ||
           error_set(error, E_INVALID, "it has %" PRId64 " %s; the labels name %" PRId64, length, what, least);
}

static bool shape_of_role(const struct card *card, const struct card_output *output, const struct tensor_shape *shape,
                          struct card_shape *out, struct error *error)
{
    int64_t labels = card_numbers(card), width;
    bool scores_each = output->role == ROLE_SCORES && shape->rank == 3;
    switch ((enum card_role)output->role) {
    case ROLE_PROBABILITY:
    case ROLE_LOGITS:
        return shape_of_numbers(shape, out, error) && reaches(out->numbers, labels, "numbers", error);
    case ROLE_GATE:
        return shape_of_numbers(shape, out, error) &&
               (fits(out->numbers, 1) || error_set(error, E_INVALID, "it is more than one number"));
    case ROLE_BOXES:
        if (!shape_of_rows(output, shape, 2, out, error))
            return false;
        return output->scored
                   ? reaches(out->width == -1 ? -1 : out->width - BOX_NUMBERS, labels, "scores a box", error)
                   : fits(out->width, BOX_NUMBERS) ||
                         error_set(error, E_INVALID, "a box has %" PRId64 " numbers, not %d", out->width, BOX_NUMBERS);
    case ROLE_SCORES:
        return shape_of_rows(output, shape, scores_each ? 2 : 1, out, error) &&
               (!scores_each || reaches(out->width, labels, "scores a box", error));
    case ROLE_CLASSES:
        return shape_of_rows(output, shape, 1, out, error);
    case ROLE_KEYPOINTS:
        width = POSE_BEFORE_POINTS + POSE_PER_POINT * (int64_t)output->layout.count;
        return shape_of_rows(output, shape, 2, out, error) &&
               (fits(out->width, width) || error_set(error, E_INVALID,
                                                     "a detection has %" PRId64 " numbers; %d key "
                                                     "points take %" PRId64,
                                                     out->width, output->layout.count, width));
    case ROLE_MASK:
    case ROLE_EVIDENCE:
        if (!shape_of_map(shape, out, error))
            return false;
        return card_mask_is_of_labels(output)
                   ? reaches(out->channels, labels, "channels", error)
                   : fits(out->channels, 1) || error_set(error, E_INVALID, "it has more than one channel");
    }
    return error_set(error, E_INVALID, "its role is not known");
}

bool card_shape_of(const struct card *card, const struct card_output *output, const struct tensor_shape *shape,
                   struct card_shape *out, struct error *error)
{
    bool batched = !(output->role == ROLE_BOXES || output->role == ROLE_KEYPOINTS)
                       ? !((output->role == ROLE_SCORES || output->role == ROLE_CLASSES) && shape->rank == 1)
                       : shape->rank == 3;
    *out = (struct card_shape){ .numbers = 1 };
    if (shape->rank < 1)
        return error_set(error, E_INVALID, "it is one number without a shape; the first length is that of the batch");
    if (batched && !fits(shape->at[0], 1))
        return error_set(error, E_INVALID, "it is of %" PRId64 " pictures; one is asked", shape->at[0]);
    return shape_of_role(card, output, shape, out, error);
}
