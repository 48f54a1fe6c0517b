/* answer_findings.c - numbers, points and masks as findings; boxes have a file of their own. */
#include "diagnosis/answer_parts.h"

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

/* How much of `from` to `to`, of the input, lies in `size` pixels of the frame, in those. */
static double covered(double from, double to, double scale, double before, int64_t size)
{
    double low = fmax((from - before) / scale, 0), high = fmin((to - before) / scale, (double)size);
    return fmax(high - low, 0);
}

/* The area at or above the threshold, as a share of the frame, and the highest value on it. */
static double area_of(const struct grid *grid, const struct placement *p, double threshold, double *most)
{
    double area = 0, wide = (double)p->input_width / (double)grid->width;
    double high = (double)p->input_height / (double)grid->height;
    *most = 0;
    for (int64_t y = 0; y < grid->height; y++) {
        double down = covered((double)y * high, (double)(y + 1) * high, p->scale_y, p->top, p->frame_height);
        for (int64_t x = 0; x < grid->width && down > 0; x++) {
            double across = covered((double)x * wide, (double)(x + 1) * wide, p->scale_x, p->left, p->frame_width);
            double value = (double)grid->at[y * grid->width + x];
            *most = across > 0 ? fmax(*most, value) : *most;
            area += value >= threshold ? down * across : 0;
        }
    }
    return fmin(area / ((double)p->frame_width * (double)p->frame_height), 1);
}

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

static void of_masks(struct call *c, const struct answer *answer, struct list *findings)
{
    const struct card_label *labels = answer->card->labels.items;
    struct finding *items = arena_array(&c->arena, struct finding, answer->card->labels.count);
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < answer->card->labels.count; i++) {
        const struct card_output *output;
        struct grid grid;
        double most;
        if (!mask_of(c, answer, &labels[i], &output, &grid))
            continue;
        double area = area_of(&grid, answer->placement, isnan(output->threshold) ? 0.5 : output->threshold, &most);
        items[count] = answer_finding(&labels[i], most);
        items[count++].area = area;
    }
    *findings = (struct list){ items, count };
}

bool answer_findings(struct call *c, const struct answer *answer, struct list *findings)
{
    static void (*const of[])(struct call * c, const struct answer *answer, struct list *findings) = {
        [TASK_CLASSIFICATION] = of_numbers, [TASK_MULTI_LABEL] = of_numbers, [TASK_DETECTION] = answer_boxes,
        [TASK_KEYPOINTS] = of_points,       [TASK_SEGMENTATION] = of_masks,
    };
    of[answer->card->task](c, answer, findings);
    return c->error.code == E_NONE;
}
