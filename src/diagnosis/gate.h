/* gate.h - is this an image that the model can say anything about? If not there is no score, and the reason is said.
 *
 *     struct gate_subject subject = { modality, body_part, view, age_years };
 *     struct gate_reason reason;
 *     if (!gate_header(c, &card, &subject, &reason)) ...          // before it runs: what the file says of itself
 *     if (!gate_pixels(c, &answer, &ready, &reason)) ...          // after it ran: what the picture looks like
 *
 * The header: modality, body part, view, age. What a file does not state is not held against it; what contradicts the
 * card is, in words that name what the card asks. Letter case does not count.
 *
 * The pixels: the card's rules in their order; the first whose measure is outside of its limits gives its reason:
 *
 *   pixel_mean, pixel_deviation  of the fitted picture, 0 to 1 (population standard deviation)
 *   lung_area                    share of the cells of the mask of "lung" that are at or above 0.5
 *   lung_smaller_half            the lesser of the shares (of all cells) that lie left and right of the middle
 *   lung_certainty               mean over those cells; 0 when there are none
 *   output:NAME                  the value of an output of one number
 *
 * A measure that cannot be had (no such mask) refuses: a rule is never passed over. card_read lets only these in, and
 * only where the card has their output.
 */
#ifndef ROENTGEN_GATE_H
#define ROENTGEN_GATE_H

#include "diagnosis/answer.h"

struct gate_reason {
    struct str code; /* "modality", "body_part", "view", "age", or the rule's `reason` */
    struct str text; /* "The model is for CR, DX; this image is CT." */
    struct str measure;
    double value; /* of the rule; NaN: none */
};

/* What a file says of itself; null: it does not say. */
struct gate_subject {
    struct str modality, body_part, view;
    int64_t age_years;
};

/* False: refused, *reason says why. True: let in, *reason is all null. */
bool gate_header(struct call *c, const struct card *card, const struct gate_subject *subject,
                 struct gate_reason *reason);
bool gate_pixels(struct call *c, const struct answer *answer, const struct prepared *ready, struct gate_reason *reason);
/* One measure; NaN: it cannot be had. */
double gate_measure(struct call *c, const struct answer *answer, const struct prepared *ready, struct str measure);
/* Is it in the closed set, and does the card have its output? */
bool gate_knows(const struct card *card, struct str measure);

#endif
