/* answer_findings.c - numbers, points and masks as findings; boxes have a file of their own. */
#include "diagnosis/answer_parts.h"
#include "diagnosis/mask.h"

#include <math.h>

struct finding answer_finding(const struct card_label *label, double probability)
{
    return (struct finding){
        .code = label->code,
        .label = label->label,
        .label_zh = label->label_zh,
        .probability = probability,
        .threshold = label->threshold,
        .positive = probability >= label->threshold,
        .box = { NAN, NAN, NAN, NAN },
        .area = NAN,
        .area_mm2 = NAN,
        .area_pixels = INTEGER_NULL,
        .mean_probability = NAN,
    };
}

static void of_numbers(struct call *c, const struct answer *answer, struct list *findings)
{
    const struct card *card = answer->card;
    const struct card_output *output = card_output_of(card, ROLE_PROBABILITY);
    const struct card_label *labels = card->labels.items;
    output = output ? output : card_output_of(card, ROLE_LOGITS);
    struct finding *items = arena_array(&c->arena, struct finding, card->labels.count);
    for (ptrdiff_t i = 0; i < card->labels.count; i++)
        items[i] = answer_finding(&labels[i], answer_probability(answer, output, labels[i].index));
    *findings = (struct list){ items, card->labels.count };
}

/* ---- key points ---- */

static struct pose_tensor pose_of(struct call *c, const struct answer *answer, const struct card_output *output)
{
    struct card_shape shape = { 0 };
    const struct tensor *tensor = answer_tensor(answer, output);
    answer_shape(answer, output, &shape);
    int64_t count = shape.boxes * shape.width;
    float *values = arena_array(&c->arena, float, count + 1);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)tensor_at(tensor, i);
    return (struct pose_tensor){ values, shape.boxes, shape.width, output->by_column };
}

static void of_points(struct call *c, const struct answer *answer, struct list *findings)
{
    const struct card_output *output = card_output_of(answer->card, ROLE_KEYPOINTS);
    const struct card_label *label = answer->card->labels.items;
    const struct placement *p = answer->placement;
    const struct keypoint_scaling scaling = { p->scale_x, p->scale_y, p->left, p->top };
    struct pose_tensor pose = pose_of(c, answer, output);
    struct keypoint points[KEYPOINTS_MAX];
    struct error nothing = { 0 };
    double score;
    *findings = (struct list){ arena_new(&c->arena, struct finding), 0 };
    if (!keypoints_of_pose(&pose, &output->layout, &scaling, label->threshold, points, &score, &nothing))
        return;
    struct finding *finding = findings->items;
    *finding = answer_finding(label, fmin(fmax(score, 0), 1));
    struct finding_point *named = arena_array(&c->arena, struct finding_point, output->layout.count);
    for (int i = 0; i < output->layout.count; i++) {
        char name[LANDMARK_NAME_MAX];
        keypoint_landmark_name(output->layout.landmarks[i], output->layout.view, name);
        named[i] = (struct finding_point){ arena_copy(&c->arena, str_from(name)), points[i].x, points[i].y,
                                           fmin(fmax(points[i].confidence, 0), 1) };
    }
    finding->points = (struct list){ named, output->layout.count };
    findings->count = 1;
}

/* ---- masks ---- */

/* Which mask shows this label, and on which of its channels. */
static bool mask_of(struct call *c, const struct answer *answer, const struct card_label *label,
                    const struct card_output **output, struct grid *grid)
{
    const struct card_output *outputs = answer->card->outputs.items;
    for (ptrdiff_t i = 0; i < answer->card->outputs.count; i++) {
        *output = &outputs[i];
        if (card_mask_is_of_labels(*output))
            return answer_channel(c, answer, *output, label->index, grid);
        if (outputs[i].role == ROLE_MASK && str_equal(outputs[i].label, label->label))
            return answer_channel(c, answer, *output, 0, grid);
    }
    return false;
}

static struct finding of_mask(const struct card_label *label, const struct mask *mask)
{
    struct finding finding = answer_finding(label, fmin(mask->most, 1));
    finding.box = mask->box;
    finding.area_pixels = mask->pixels;
    finding.area = (double)mask->pixels / ((double)mask->width * (double)mask->height);
    finding.mean_probability = fmin(mask->mean, 1);
    if (!mask->pixels)
        finding.mean_probability = NAN;
    return finding;
}

static bool are_few_enough(struct call *c, const struct answer *answer)
{
    const struct placement *p = answer->placement;
    return p->frame_width <= MASKS_PIXELS_MAX / p->frame_height / answer->card->labels.count ||
           fail(c, E_INVALID, "masks of %td labels are too many for a frame of %" PRId64 " x %" PRId64 " pixels",
                answer->card->labels.count, p->frame_width, p->frame_height);
}

static bool of_masks(struct call *c, const struct answer *answer, struct list *findings, struct list *masks)
{
    const struct card_label *labels = answer->card->labels.items;
    struct finding *found = arena_array(&c->arena, struct finding, answer->card->labels.count);
    struct mask *made = arena_array(&c->arena, struct mask, answer->card->labels.count);
    ptrdiff_t count = 0, bytes = 0;
    if (!are_few_enough(c, answer))
        return false;
    for (ptrdiff_t i = 0; i < answer->card->labels.count; i++) {
        const struct card_output *output;
        struct grid grid;
        if (!mask_of(c, answer, &labels[i], &output, &grid))
            continue;
        double threshold = isnan(output->threshold) ? labels[i].threshold : output->threshold;
        if (!mask_of_grid(c, &grid, answer->placement, threshold, &made[count]))
            return false;
        bytes += made[count].packed.len;
        if (bytes > MASKS_BYTES_MAX)
            return fail(c, E_INVALID, "the model gave masks that are too ragged to be kept");
        made[count].label = labels[i].label;
        made[count].place = count;
        found[count] = of_mask(&labels[i], &made[count]);
        count++;
    }
    *findings = (struct list){ found, count };
    *masks = (struct list){ made, count };
    return true;
}

bool answer_findings(struct call *c, const struct answer *answer, struct list *findings, struct list *masks)
{
    static void (*const of[])(struct call * c, const struct answer *answer, struct list *findings) = {
        [TASK_CLASSIFICATION] = of_numbers,
        [TASK_MULTI_LABEL] = of_numbers,
        [TASK_DETECTION] = answer_boxes,
        [TASK_KEYPOINTS] = of_points,
    };
    *masks = (struct list){ 0 };
    if (answer->card->task == TASK_SEGMENTATION)
        return of_masks(c, answer, findings, masks);
    of[answer->card->task](c, answer, findings);
    return c->error.code == E_NONE;
}
