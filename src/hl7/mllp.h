/* mllp.h - messages over a stream of bytes (HL7's Minimal Lower Layer Protocol, release 1).
 *
 *     0x0B  message  0x1C 0x0D      and the answer comes back the same way, before the next message
 *
 *     struct mllp in;
 *     mllp_init(&in, HL7_MESSAGE_MAX);
 *     struct str bytes = ...what has come..., message;
 *     while ((step = mllp_take(&in, &bytes, &message)) == MLLP_MESSAGE)
 *         ...                                     // message is good until the next call
 *     mllp_release(&in);
 *
 * Between messages nothing but spaces and ends of lines is taken. A second 0x0B begins the message anew: what came
 * before it was cut short by its sender, and is answered by nobody. 0x1C that no 0x0D follows belongs to the message,
 * whose reader refuses it.
 */
#ifndef ROENTGEN_HL7_MLLP_H
#define ROENTGEN_HL7_MLLP_H

#include "base/text.h"

enum mllp_step {
    MLLP_MORE, /* all bytes are taken, and more are wanted */
    MLLP_MESSAGE,
    MLLP_TOO_LONG, /* nothing can be made of this stream any more */
    MLLP_NO_FRAME, /* likewise: it does not speak MLLP */
};

struct mllp {
    struct text message;
    bool begun, ending, taken; /* ending: 0x1C was the last byte; taken: the message has been given out */
};

void mllp_init(struct mllp *in, ptrdiff_t bytes_max);
void mllp_release(struct mllp *in);
/* Takes bytes off the front of *bytes. */
enum mllp_step mllp_take(struct mllp *in, struct str *bytes, struct str *message);
/* Has a message begun that has not ended? */
bool mllp_is_within(const struct mllp *in);
void mllp_put(struct text *out, struct str message);

#endif
