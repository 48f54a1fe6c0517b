/* mllp.c - frames of messages (mllp.h). */
#include "hl7/mllp.h"

enum { BEGINS = 0x0B, ENDS = 0x1C, CR = 0x0D };

void mllp_init(struct mllp *in, ptrdiff_t bytes_max)
{
    *in = (struct mllp){ 0 };
    text_init(&in->message, bytes_max);
}

void mllp_release(struct mllp *in)
{
    text_release(&in->message);
}

bool mllp_is_within(const struct mllp *in)
{
    return in->begun;
}

static void begin(struct mllp *in)
{
    text_clear(&in->message);
    in->begun = true;
    in->ending = false;
}

/* The bytes up to the next that means something. */
static ptrdiff_t plain_bytes(struct str bytes)
{
    ptrdiff_t count = 0;
    while (count < bytes.len && bytes.at[count] != BEGINS && bytes.at[count] != ENDS)
        count++;
    return count;
}

/* One byte, or all that mean nothing; true: the message has ended. */
static bool take_within(struct mllp *in, struct str *bytes)
{
    char c = bytes->at[0];
    if (in->ending && c == CR) {
        in->begun = in->ending = false;
        in->taken = true;
    } else if (in->ending) { /* it did not end anything */
        text_put_char(&in->message, ENDS);
        in->ending = false;
        return false;
    } else if (c == BEGINS) {
        begin(in);
    } else if (c == ENDS) {
        in->ending = true;
    } else {
        ptrdiff_t count = plain_bytes(*bytes);
        text_put(&in->message, str_slice(*bytes, 0, count));
        *bytes = str_slice(*bytes, count, bytes->len);
        return false;
    }
    *bytes = str_slice(*bytes, 1, bytes->len);
    return in->taken;
}

enum mllp_step mllp_take(struct mllp *in, struct str *bytes, struct str *message)
{
    if (in->taken)
        text_clear(&in->message);
    in->taken = false;
    while (bytes->len) {
        if (in->begun) {
            bool ended = take_within(in, bytes);
            if (in->message.overflowed)
                return MLLP_TOO_LONG;
            if (!ended)
                continue;
            *message = text_str(&in->message);
            return MLLP_MESSAGE;
        }
        char c = bytes->at[0];
        if (c == BEGINS)
            begin(in);
        else if (c != '\r' && c != '\n' && c != ' ')
            return MLLP_NO_FRAME;
        *bytes = str_slice(*bytes, 1, bytes->len);
    }
    return MLLP_MORE;
}

void mllp_put(struct text *out, struct str message)
{
    text_put_char(out, BEGINS);
    text_put(out, message);
    text_put_char(out, ENDS);
    text_put_char(out, CR);
}
