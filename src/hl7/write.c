/* write.c - messages with the separators |^~\&. */
#include "hl7/message.h"

void hl7_begin(struct text *out, const char *name)
{
    text_put(out, str_from(name));
}

void hl7_put_escaped(struct text *out, struct str value)
{
    for (ptrdiff_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        switch (c) {
        case '|':
            text_put(out, S("\\F\\"));
            break;
        case '^':
            text_put(out, S("\\S\\"));
            break;
        case '~':
            text_put(out, S("\\R\\"));
            break;
        case '&':
            text_put(out, S("\\T\\"));
            break;
        case '\\':
            text_put(out, S("\\E\\"));
            break;
        case '\n':
            text_put(out, S("\\.br\\"));
            break;
        case '\r':
            break;
        default: /* others are no text, and would be refused */
            text_put_char(out, ((unsigned char)c < ' ' && c != '\t') || c == 0x7F ? ' ' : c);
        }
    }
}

void hl7_put(struct text *out, struct str value)
{
    text_put_char(out, '|');
    hl7_put_escaped(out, value);
}

void hl7_put_integer(struct text *out, int64_t value)
{
    text_put_char(out, '|');
    text_put_integer(out, value);
}

void hl7_put_parts(struct text *out, const struct str *components, int count)
{
    while (count > 0 && !components[count - 1].len)
        count--;
    text_put_char(out, '|');
    for (int i = 0; i < count; i++) {
        if (i)
            text_put_char(out, '^');
        hl7_put_escaped(out, components[i]);
    }
}

void hl7_skip(struct text *out, int fields)
{
    while (fields-- > 0)
        text_put_char(out, '|');
}

void hl7_put_time(struct text *out, struct instant at)
{
    char iso[INSTANT_TEXT_MAX];
    text_put_char(out, '|');
    if (instant_write(at, iso) < 19)
        return;
    for (int i = 0; i < 19; i++) /* 2026-01-05T14:30:22 */
        if (iso[i] >= '0' && iso[i] <= '9')
            text_put_char(out, iso[i]);
    text_put(out, S("+0000"));
}

void hl7_end(struct text *out)
{
    while (out->len > 0 && out->at[out->len - 1] == '|')
        out->len--;
    text_put_char(out, '\r');
}
