/* answer_parts.h - how the files that read an answer reach its numbers. Private to diagnosis/.
 *
 * After answer_check; nothing here fails for what that has looked at.
 */
#ifndef ROENTGEN_ANSWER_PARTS_H
#define ROENTGEN_ANSWER_PARTS_H

#include "diagnosis/answer.h"
#include "diagnosis/card_parts.h"

enum { BOX_NUMBERS = 4, POSE_SCORE = 4 };

const struct tensor *answer_tensor(const struct answer *answer, const struct card_output *output);
bool answer_shape(const struct answer *answer, const struct card_output *output, struct card_shape *out);
/* Number `place` of box or pose `row`. */
double answer_value(const struct card_output *output, const struct card_shape *shape, const struct tensor *tensor,
                    int64_t row, int64_t place);
/* After its activation, cut to 0 to 1. Not of a softmax. */
double answer_share(double value, enum card_activation activation);
/* Of number `index` of a probability or logits; NaN: there is none. */
double answer_probability(const struct answer *answer, const struct card_output *output, int64_t index);
bool answer_channel(struct call *c, const struct answer *answer, const struct card_output *output, int64_t channel,
                    struct grid *out);
struct finding answer_finding(const struct card_label *label, double probability);
/* answer_boxes.c: the surest first. */
void answer_boxes(struct call *c, const struct answer *answer, struct list *findings);

#endif
