/* plain.c - see plain.h. */
#include "cli/plain.h"

enum { REPLACEMENT = 0xFFFD };

/* Unicode's categories Cc and Zl, Zp, and what UAX #9 calls explicit formatting. */
static bool does_something(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x200E || point == 0x200F || point == 0x2028 ||
           point == 0x2029 || point_turns_direction(point);
}

void put_plain(FILE *to, struct str text)
{
    while (text.len) {
        struct str rest = text;
        uint32_t point = str_next_code_point(&rest);
        ptrdiff_t len = text.len - rest.len;
        if (point < 0x80 ? does_something(point) : point == REPLACEMENT && len == 1)
            fprintf(to, "\\x%02x", (unsigned)(unsigned char)text.at[0]);
        else if (does_something(point))
            fprintf(to, "\\u{%x}", (unsigned)point);
        else
            fwrite(text.at, 1, (size_t)len, to);
        text = rest;
    }
}

/* None of them is beyond U+FFFF. */
void put_plain_json(FILE *to, struct str json)
{
    while (json.len) {
        struct str rest = json;
        uint32_t point = str_next_code_point(&rest);
        if (does_something(point) && point >= 0x20)
            fprintf(to, "\\u%04x", (unsigned)point);
        else
            fwrite(json.at, 1, (size_t)(json.len - rest.len), to);
        json = rest;
    }
}
