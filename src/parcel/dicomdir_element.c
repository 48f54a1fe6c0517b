/* dicomdir_element.c - tag, VR, length, value. */
#include "parcel/dicomdir_element.h"
#include "base/value.h"

void element_number(struct text *out, int bytes, uint32_t n)
{
    for (int i = 0; i < bytes; i++)
        text_put_char(out, (char)(n >> (8 * i)));
}

void element_tag(struct text *out, uint32_t tag)
{
    element_number(out, 2, tag >> 16);
    element_number(out, 2, tag & 0xFFFF);
}

/* Values have an even length: UIDs are padded with NUL, text with a space (PS3.5 6.2). */
void element_value(struct text *out, uint32_t tag, const char *vr, struct str value)
{
    element_tag(out, tag);
    text_put(out, str_from(vr));
    element_number(out, 2, (uint32_t)(value.len + value.len % 2));
    text_put(out, value);
    if (value.len % 2)
        text_put_char(out, vr[0] == 'U' && vr[1] == 'I' ? '\0' : ' ');
}

/* At most as many characters as the VR takes (LO 64, SH 16). */
void element_text(struct text *out, uint32_t tag, const char *vr, int max, struct str value)
{
    struct str rest = value;
    for (int i = 0; i < max && rest.len; i++)
        str_next_code_point(&rest);
    element_value(out, tag, vr, str_slice(value, 0, value.len - rest.len));
}

void element_short(struct text *out, uint32_t tag, uint32_t n)
{
    element_tag(out, tag);
    text_put(out, S("US"));
    element_number(out, 2, 2);
    element_number(out, 2, n);
}

void element_long(struct text *out, uint32_t tag, uint32_t n)
{
    element_tag(out, tag);
    text_put(out, S("UL"));
    element_number(out, 2, 4);
    element_number(out, 4, n);
}

/* OB and SQ have a length of four bytes. */
void element_long_header(struct text *out, uint32_t tag, const char *vr, uint32_t length)
{
    element_tag(out, tag);
    text_put(out, str_from(vr));
    element_number(out, 2, 0);
    element_number(out, 4, length);
}

void element_integer(struct text *out, uint32_t tag, int64_t n)
{
    char digits[24];
    int len = n == INTEGER_NULL ? 0 : snprintf(digits, sizeof(digits), "%lld", (long long)n);
    element_value(out, tag, "IS", (struct str){ digits, len });
}

void element_date(struct text *out, uint32_t tag, struct date date)
{
    char digits[24];
    int year, month, day, len = 0;
    if (!date_is_null(date)) {
        date_to_ymd(date, &year, &month, &day);
        len = snprintf(digits, sizeof(digits), "%04d%02d%02d", year, month, day);
    }
    element_value(out, tag, "DA", (struct str){ digits, len });
}

/* "14:30:22.5" -> "143022.5" */
void element_time(struct text *out, uint32_t tag, struct str time)
{
    char digits[16];
    ptrdiff_t len = 0;
    for (ptrdiff_t i = 0; i < time.len && len < 13; i++)
        if (time.at[i] != ':')
            digits[len++] = time.at[i];
    element_value(out, tag, "TM", (struct str){ digits, len });
}

void element_patch(struct text *out, ptrdiff_t at, ptrdiff_t value)
{
    for (int i = 0; i < 4 && at + 4 <= out->len; i++)
        out->at[at + i] = (char)((uint64_t)value >> (8 * i));
}
