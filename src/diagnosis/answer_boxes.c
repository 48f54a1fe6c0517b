/* answer_boxes.c - boxes as findings: those that are sure enough, the surest first, none twice where the card says so.
 */
#include "diagnosis/answer_parts.h"

#include <math.h>
#include <stdlib.h>

/* Compared with each other, so there must be an end to them; those that are less sure are left out. */
enum { CANDIDATES_MAX = 5000 };

struct candidate {
    double score;
    int64_t row;
    const struct card_label *label;
};

struct boxes {
    const struct answer *answer;
    const struct card_output *output, *scores, *classes;
    const struct tensor *tensor, *score_tensor, *class_tensor;
    struct card_shape shape, score_shape;
};

static bool open_boxes(const struct answer *answer, struct boxes *b)
{
    *b = (struct boxes){ .answer = answer,
                         .output = card_output_of(answer->card, ROLE_BOXES),
                         .scores = card_output_of(answer->card, ROLE_SCORES),
                         .classes = card_output_of(answer->card, ROLE_CLASSES) };
    b->tensor = answer_tensor(answer, b->output);
    b->score_tensor = b->scores ? answer_tensor(answer, b->scores) : NULL;
    b->class_tensor = b->classes ? answer_tensor(answer, b->classes) : NULL;
    return answer_shape(answer, b->output, &b->shape) &&
           (!b->scores || answer_shape(answer, b->scores, &b->score_shape));
}

/* The score of label `index` for box `row`. */
static double score_at(const struct boxes *b, int64_t row, int64_t index)
{
    if (b->output->scored)
        return answer_share(answer_value(b->output, &b->shape, b->tensor, row, BOX_NUMBERS + index),
                            b->output->activation);
    bool each = b->score_tensor->info.shape.rank == 3;
    return answer_share(tensor_at(b->score_tensor, each ? row * b->score_shape.width + index : row),
                        b->scores->activation);
}

/* The label that it is most surely. Its score is one for all where classes name the label. */
static struct candidate best_of(const struct boxes *b, int64_t row)
{
    const struct card *card = b->answer->card;
    const struct card_label *labels = card->labels.items;
    struct candidate best = { -1, row, NULL };
    if (b->class_tensor) {
        best.label = card_label_at(card, (int64_t)tensor_at(b->class_tensor, row));
        best.score = score_at(b, row, best.label ? best.label->index : 0);
        return best;
    }
    for (ptrdiff_t i = 0; i < card->labels.count; i++) {
        double score = score_at(b, row, labels[i].index);
        if (score > best.score)
            best = (struct candidate){ score, row, &labels[i] };
    }
    return best;
}

static int surest_first(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* As pixels of the frame, cut to it. False: nothing of it is on the frame. */
static bool box_of(const struct boxes *b, int64_t row, struct finding_box *out)
{
    const struct placement *p = b->answer->placement;
    double at[BOX_NUMBERS];
    bool shares = b->output->unit == UNIT_SHARES;
    for (int i = 0; i < BOX_NUMBERS; i++)
        at[i] = answer_value(b->output, &b->shape, b->tensor, row, i) *
                (shares ? (double)(i % 2 ? p->input_height : p->input_width) : 1);
    if (b->output->box == BOX_CXCYWH) {
        at[0] -= at[2] / 2;
        at[1] -= at[3] / 2;
    }
    if (b->output->box != BOX_XYXY) {
        at[2] += at[0];
        at[3] += at[1];
    }
    double left, top, right, bottom;
    placement_to_frame(p, at[0], at[1], &left, &top);
    placement_to_frame(p, at[2], at[3], &right, &bottom);
    left = fmax(left, 0);
    top = fmax(top, 0);
    right = fmin(right, (double)p->frame_width);
    bottom = fmin(bottom, (double)p->frame_height);
    *out = (struct finding_box){ left, top, right - left, bottom - top };
    return right > left && bottom > top;
}

static double overlap(const struct finding_box *a, const struct finding_box *b)
{
    double wide = fmin(a->x + a->width, b->x + b->width) - fmax(a->x, b->x);
    double high = fmin(a->y + a->height, b->y + b->height) - fmax(a->y, b->y);
    double both = fmax(wide, 0) * fmax(high, 0);
    return both / (a->width * a->height + b->width * b->height - both);
}

static bool is_covered(const struct finding *items, ptrdiff_t count, const struct finding *one, double most)
{
    for (ptrdiff_t i = 0; i < count; i++)
        if (str_equal(items[i].label, one->label) && overlap(&items[i].box, &one->box) > most)
            return true;
    return false;
}

/* Those that reach their label's threshold. */
static int64_t sure_ones(const struct boxes *b, struct candidate *out)
{
    int64_t count = 0;
    for (int64_t row = 0; row < b->shape.boxes; row++) {
        struct candidate one = best_of(b, row);
        if (one.label && one.score >= one.label->threshold)
            out[count++] = one;
    }
    qsort(out, (size_t)count, sizeof(*out), surest_first);
    return count < CANDIDATES_MAX ? count : CANDIDATES_MAX;
}

void answer_boxes(struct call *c, const struct answer *answer, struct list *findings)
{
    struct boxes b;
    *findings = (struct list){ arena_array(&c->arena, struct finding, FINDINGS_MAX), 0 };
    if (!open_boxes(answer, &b))
        return;
    struct candidate *sure = arena_array(&c->arena, struct candidate, b.shape.boxes + 1);
    struct finding *items = findings->items;
    int64_t candidates = sure_ones(&b, sure);
    for (int64_t i = 0; i < candidates && findings->count < FINDINGS_MAX; i++) {
        struct finding one = answer_finding(sure[i].label, sure[i].score);
        bool there = box_of(&b, sure[i].row, &one.box);
        if (there && (isnan(b.output->iou) || !is_covered(items, findings->count, &one, b.output->iou)))
            items[findings->count++] = one;
    }
}
