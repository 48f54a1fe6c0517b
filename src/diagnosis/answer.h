/* answer.h - what a model gave, checked, as findings in the words of its card.
 *
 *     struct answer answer = { &card, outputs, count, &ready.placement };
 *     if (!answer_check(&answer, &error) || !answer_findings(c, &answer, &findings, &masks)) ...
 *     if (answer_grid(&answer, ROLE_EVIDENCE, STR_NULL, &grid)) ...                        // heat_map.h
 *
 * Every output is data of a stranger's program: answer_check looks at all that the card names for type, shape,
 * finiteness and the range of its role, and refuses the whole when one of them is not what the card says. Nothing else
 * here may be called before it.
 *
 *   probability, logits   one finding a label, in the card's order
 *   boxes                 one a box whose score reaches its label's threshold, the surest first, at most FINDINGS_MAX;
 *                         cut to the frame; of those that overlap the weaker goes only where the card says `iou`
 *   keypoints             one: the surest detection's points on the frame (measure/keypoints.h); none where no
 *                         detection reaches the label's threshold
 *   masks of labels       one a label: area, box and mean of the pixels at or above the mask's threshold, the label's
 *                         where the card says none; `probability` is the highest value. The masks come with them
 *
 * Borrows all it is told; findings lie in the call's arena.
 */
#ifndef ROENTGEN_ANSWER_H
#define ROENTGEN_ANSWER_H

#include "diagnosis/finding.h"
#include "diagnosis/prepare.h"

struct answer {
    const struct card *card;
    const struct tensor *outputs; /* of one picture; those of model_answer */
    int count;
    const struct placement *placement;
    const struct model_face *face; /* what the model said it gives; NULL: nobody has asked it */
};
/* E_INVALID, in words that name the output: it is the model's fault. */
bool answer_check(const struct answer *answer, struct error *error);
/* *findings: struct finding. *masks: struct mask (mask.h), one for each of the findings of a segmentation, else none.
 * E_INVALID: masks that are more than is kept. */
bool answer_findings(struct call *c, const struct answer *answer, struct list *findings, struct list *masks);

/* A map over the whole input, 0 to 1, rows from the top. */
struct grid {
    int64_t width, height;
    const float *at;
};
/* The first of this role (ROLE_MASK, ROLE_EVIDENCE) whose `of` or `label` is this (null: any). A copy in the arena.
 * False: there is none. */
bool answer_grid(struct call *c, const struct answer *answer, enum card_role role, struct str what, struct grid *out);
/* The one number of an output; NaN: there is none such. */
double answer_number(const struct answer *answer, struct str name);

#endif
