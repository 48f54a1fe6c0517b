/* card_parts.h - what the files that read, check and use a card share. Private to diagnosis/.
 *
 *     card_refuse(c, &place, "outputs", 2, "role", "not_for_task", "...")     // a problem at outputs.2.role
 *     if (!card_shape_of(&card, output, &info.shape, &shape, &error)) ...     // what a shape means for its role
 */
#ifndef ROENTGEN_CARD_PARTS_H
#define ROENTGEN_CARD_PARTS_H

#include "base/call.h"
#include "diagnosis/card.h"

extern const struct text_rule card_name_rule, card_digest_rule;

/* A problem of "body": of LIST.INDEX.MEMBER, or, with an index below 0, of LIST.MEMBER; without a member of the first
 * alone. Returns false. */
bool card_refuse(struct call *c, const char *list, int64_t index, const char *member, const char *type,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));

/* What no row can say of outputs; problems go to the call. Fills `layout`. */
void card_check_outputs(struct call *c, struct card *card);

/* What an output's shape means: all counts are of one picture; -1: any. */
struct card_shape {
    int64_t numbers;                 /* probability, logits, gate: how many */
    int64_t boxes, width;            /* boxes, keypoints, scores, classes: how many; numbers of one */
    int64_t channels, rows, columns; /* mask, evidence */
};
/* E_INVALID: not a shape of this role, in words without the output's name. */
bool card_shape_of(const struct card *card, const struct card_output *output, const struct tensor_shape *shape,
                   struct card_shape *out, struct error *error);
/* One more than the highest place that a label names. */
int64_t card_numbers(const struct card *card);
/* Does this mask have a channel for each label? */
bool card_mask_is_of_labels(const struct card_output *output);
/* ACTIVATION_NONE and so on, as the card says or its task has it. */
enum card_activation card_activation_of(const struct card *card, const struct card_output *output);

#endif
